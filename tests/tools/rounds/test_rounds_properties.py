"""Whatever calls come, in whatever pieces, and wherever a turn ends: the history is valid."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from eighty80_jupyter.api.messages import Message, ToolCall
from eighty80_jupyter.conversation.conversation import Conversation
from eighty80_jupyter.conversation.events import CallBegan, CallEnded
from eighty80_jupyter.errors import APIError, APIStreamError
from eighty80_jupyter.tools.executor import ToolExecutor
from eighty80_jupyter.tools.offer import ToolOffer
from eighty80_jupyter.tools.tool import make_tool
from eighty80_jupyter.turns.request import Request, RunningTurn
from eighty80_jupyter.turns.turn import take_turn
from eighty80_jupyter.wire.client import Client, Settings
from eighty80_jupyter.wire.endpoint import resolve
from eighty80_jupyter.wire.reading.chunks import ChunkDecoder
from eighty80_jupyter.wire.secret import Secret
from tests.support.replies import chunk, split_text
from tests.support.valid import check_turn

if TYPE_CHECKING:
    from eighty80_jupyter.api.deltas import Delta
    from eighty80_jupyter.api.reply import Reply
    from eighty80_jupyter.conversation.events import TurnEvent
    from eighty80_jupyter.tools.call import ToolResult


Form = Literal["index", "no index", "whole", "backwards"]


def add(a: int, b: int = 0) -> int:
    """Add."""
    return a + b


def fail(a: int = 0) -> int:
    """Fail."""
    raise ValueError(a)


TOOLS = (make_tool(add, safe=True), make_tool(fail, confirm=False))


@dataclass(frozen=True)
class Wanted:
    """One call as a server writes it: in `pieces`, with an index or without."""

    name: str
    arguments: str
    id: str
    pieces: int = 1


@dataclass(frozen=True)
class Said:
    """One round: text, calls, and how they are cut."""

    text: str = ""
    calls: tuple[Wanted, ...] = ()
    form: Form = "index"
    reason: str | None = "tool_calls"

    def chunks(self) -> list[dict[str, Any]]:
        """Return the chunks of a stream."""
        chunks = [chunk({"content": piece}) for piece in split_text(self.text, 2) if piece]
        numbered = list(enumerate(self.calls))
        for number, call in reversed(numbered) if self.form == "backwards" else numbered:
            place = {} if self.form in ("no index", "whole") else {"index": number}
            head = {**place, "id": call.id, "function": {"name": call.name, "arguments": ""}}
            if self.form == "whole":
                head["function"] = {"name": call.name, "arguments": call.arguments}
                chunks.append(chunk({"tool_calls": [head]}))
                continue
            chunks.append(chunk({"tool_calls": [head]}))
            chunks += [
                chunk({"tool_calls": [{**place, "function": {"arguments": piece}}]})
                for piece in split_text(call.arguments, call.pieces)
            ]
        return [*chunks, chunk({}, finish_reason=self.reason)]


@dataclass
class Script:
    """A client and a runner of calls that do as they are told, and break where they are told."""

    rounds: Sequence[Said]
    ends: Literal["", "error", "cancel"] = ""
    at: int = 0
    bodies: list[Mapping[str, Any]] = field(default_factory=list)
    steps: int = 0
    task: asyncio.Task[Any] | None = None

    async def complete(
        self, _endpoint: object, body: Mapping[str, Any], **_: object
    ) -> AsyncIterator[list[Delta]]:
        """Stream the next round; the answer when there is none left."""
        number = len(self.bodies)
        self.bodies.append(body)
        if "tools" in body and number < len(self.rounds):
            said = self.rounds[number]
        else:
            said = Said(text="The answer.", reason="stop")
        decoder = ChunkDecoder()
        for one in said.chunks():
            await self.step()
            deltas: list[Delta] = []
            decoder.decode(one, deltas)
            yield deltas

    async def step(self) -> None:
        """End the turn here, if it is the place."""
        self.steps += 1
        await asyncio.sleep(0)
        if self.ends and self.steps == self.at:
            if self.ends == "error":
                raise APIStreamError("broken off")
            assert self.task is not None
            self.task.cancel()
            await asyncio.sleep(0)

    def runner(
        self, conversation: Conversation, emit: Callable[[Sequence[TurnEvent]], None]
    ) -> Callable[[Sequence[ToolCall], Callable[[ToolResult], None]], Any]:
        """Return what runs calls, one at a time, with a step before each."""
        executor = ToolExecutor(
            tools={tool.name: tool for tool in TOOLS}, conversation=conversation
        )

        async def run(calls: Sequence[ToolCall], answer: Callable[[ToolResult], None]) -> None:
            for call in calls:
                if self.ends == "cancel":
                    await self.step()
                executor.run([call], answer, lambda event: emit([event] if event else []))

        return run


def turn(script: Script, rounds: int = 4) -> tuple[Conversation, Reply | None, list[TurnEvent]]:
    """Take one turn with the script."""
    conversation, heard = Conversation(), list[Any]()
    request = Request(
        prompt=Message("user", "Go"),
        parameters={"model": "m"},
        endpoint=resolve(url="http://127.0.0.1:1", key=Secret("k"), environ={}),
        settings=Settings(),
        offer=ToolOffer(tools=TOOLS, rounds=rounds),
    )
    running = RunningTurn(conversation, request)

    async def run() -> Reply | None:
        script.task = asyncio.current_task()
        client = cast("Client", script)
        try:
            runner = script.runner(conversation, heard.extend)
            return await take_turn(running, client, heard.extend, runner)
        except APIError as error:
            return cast("Reply | None", error.reply)

    return conversation, asyncio.run(run()), heard


IDS = st.sampled_from(["", "x", "y", "call_0", "call_1", "call_2"])
NAMES = st.sampled_from(["add", "fail", "other", "", "a b/c"])
ARGUMENTS = st.one_of(
    st.builds(lambda a: json.dumps({"a": a}), st.integers(0, 3)),
    st.sampled_from(["", "{", "null", "[]", '{"a": "x"}', '{"b": 1}', " "]),
)
FORMS: st.SearchStrategy[Form] = st.sampled_from(["index", "no index", "whole", "backwards"])
WANTED = st.builds(Wanted, NAMES, ARGUMENTS, IDS, st.integers(1, 4))
ROUNDS = st.builds(
    Said,
    text=st.sampled_from(["", "Let me see.", "Hm. " * 5]),
    calls=st.lists(WANTED, min_size=1, max_size=4).map(tuple),
    form=FORMS,
    reason=st.sampled_from(["tool_calls", "stop", None, "length"]),
)
SCRIPTS = st.builds(
    Script,
    rounds=st.lists(ROUNDS, max_size=5),
    ends=st.sampled_from(["", "error", "cancel"]),
    at=st.integers(1, 40),
)


@pytest.mark.slow
@given(SCRIPTS)
@settings(max_examples=300, deadline=None)
@example(Script([Said(calls=(Wanted("add", '{"a": 1}', ""),))], "cancel", 4))
def test_the_history_is_valid_whatever_happens(script: Script) -> None:
    """Cut, broken or interrupted at any step; and what was sent on the way was valid, too."""
    conversation, reply, heard = turn(script)
    assert len(conversation) == (reply is not None and not reply.empty)
    for one in conversation:
        check_turn(one.messages)
        assert one.reply is reply
        results = [m for m in one.messages if m.role == "tool"]
        assert [c.id for c in one.reply.calls] == [m.tool_call_id for m in results]
    for body in script.bodies:
        sent = body["messages"]
        asked = [c["id"] for m in sent for c in m.get("tool_calls", ())]
        assert asked == [m["tool_call_id"] for m in sent if m["role"] == "tool"]
        assert len(asked) == len(set(asked))
        assert sent[-1]["role"] in ("user", "tool")
    began = [event.call.id for event in heard if isinstance(event, CallBegan)]
    ended = [event.call.id for event in heard if isinstance(event, CallEnded)]
    assert began == ended


def says(call: Wanted) -> bool:
    """Tell whether a call says what it wants."""
    return bool(call.name.strip() or call.arguments.strip())


@given(SCRIPTS)
@settings(max_examples=100, deadline=None)
@example(Script([Said(calls=(Wanted("", "", ""),)), Said("Let me see.", (Wanted("", " ", ""),))]))
def test_undisturbed_turns_end_with_an_answer(script: Script) -> None:
    """Without a fault there is an answer, after no more rounds than the limit allows.

    It is the text of a round whose calls say nothing, if there is one.
    """
    script.ends = ""
    _, reply, _ = turn(script, rounds=3)
    assert reply is not None
    final = [
        said.text for said in script.rounds[:3] if said.text and not any(map(says, said.calls))
    ]
    assert (reply.status, reply.text) == ("complete", [*final, "The answer."][0])
    assert reply.rounds == len(script.bodies) <= 4
    assert ("tools" in script.bodies[-1]) is (not reply.stopped)


@given(st.lists(WANTED, min_size=1, max_size=4), st.data())
@settings(max_examples=100, deadline=None)
def test_forms_and_cuts_make_no_difference(calls: list[Wanted], data: st.DataObject) -> None:
    """The same calls give the same results, however they are cut into deltas."""
    # Without an index only ids tell calls apart; with ids of their own all forms say the same.
    own = [Wanted(c.name or "add", c.arguments, f"id{n}", 1) for n, c in enumerate(calls)]
    expected, *_ = turn(Script([Said(calls=tuple(own), form="whole")]))
    pieces = data.draw(st.integers(1, 6))
    form = data.draw(FORMS)
    cut = tuple(Wanted(c.name, c.arguments, c.id, pieces) for c in own)
    found, *_ = turn(Script([Said(calls=cut, form=form)]))
    assert found[0].messages == expected[0].messages
