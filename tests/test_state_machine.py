"""Whatever is done to conversations, in whatever order: what they hold stays valid.

Hypothesis plays a user against a real session and a scripted server. A model of plain lists says
what should be there after each step.
"""

from __future__ import annotations

import json
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from eighty80_jupyter.api.reply import Reply as Answer
from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.errors import APIError, ContextLengthError
from eighty80_jupyter.prompt.template.prepare import PreparedPrompt
from eighty80_jupyter.session.options import TurnOptions
from eighty80_jupyter.session.session import Session
from eighty80_jupyter.storage.store import load, save
from eighty80_jupyter.turns.request import Place
from tests.support.replies import (
    Close,
    Gate,
    Reply,
    chunk,
    error_reply,
    sse_reply,
    stream_reply,
    text_chunks,
    tool_call,
    tool_chunks,
)
from tests.support.scripted import Request, ScriptedServer
from tests.support.strict import faults
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from eighty80_jupyter.api.messages import Message
    from eighty80_jupyter.conversation.conversation import Conversation
    from eighty80_jupyter.conversation.turn import Turn

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
LIMIT = 400  # tokens, in words here
words = st.integers(1, 60)


@dataclass
class Expected:
    """What one conversation should hold: for each turn the answers to it, and the chosen one."""

    turns: list[list[str]] = field(default_factory=list)
    chosen: list[int] = field(default_factory=list)

    def copy(self, at: int | None = None) -> Expected:
        """Return what a fork holds."""
        return Expected([list(t) for t in self.turns[:at]], self.chosen[:at])


# Answers without a text that can be sent, each seen of a real server.
EMPTY = {
    "nothing": [],
    "reasoned": [chunk({"reasoning_content": "Hm."}), chunk(finish_reason="stop")],
    "filtered": [chunk({"content": ""}), chunk(finish_reason="content_filter")],
    "nocalls": [chunk({"tool_calls": []}), chunk(finish_reason="tool_calls")],
    "unoffered": tool_chunks(tool_call("nobody", {}, id="c0")),
    "blank": text_chunks(" \n "),
    "toolblank": text_chunks("\n"),
}


class Server:
    """Answers as the prompt says: `kind number words`; refuses what a strict server would."""

    def __init__(self) -> None:
        self.server = ScriptedServer().__enter__()
        self.server.route("POST", "/v1/chat/completions", self._answer)
        self.gate = threading.Event()
        self.count = 0
        self.faults: list[str] = []

    def _answer(self, request: Request) -> Reply:
        messages = request.json["messages"]
        kind, number, length = next(
            m["content"] for m in reversed(messages) if m["role"] == "user"
        ).split()[:3]
        self.count += 1
        if wrong := faults(request.json):
            self.faults += wrong
            return error_reply(400, "; ".join(wrong))
        text = f"{number}.{self.count} " + "word " * int(length)
        if kind == "refuse":
            return error_reply(500, "out of order")
        if kind.startswith("tool") and messages[-1]["role"] != "tool":
            # The same ids in every turn, or none.
            own = "" if int(number) % 2 else "c"
            calls = [tool_call("look", {"n": n}, id=own and f"{own}{n}") for n in range(2)]
            return sse_reply(tool_chunks(*calls))
        if kind in EMPTY:
            return sse_reply(EMPTY[kind])
        chunks = text_chunks(text, n=4)
        if kind in ("hang", "toolhang"):
            return sse_reply([*chunks[:3], Gate(self.gate), *chunks[3:]])
        if kind in ("break", "toolbreak"):
            return sse_reply([*chunks[:3], Close()], done=False)
        return stream_reply(text)

    def close(self) -> None:
        """End it."""
        self.gate.set()
        self.server.__exit__(None, None, None)


class Conversing(RuleBasedStateMachine):
    """A user at work."""

    def __init__(self) -> None:
        super().__init__()
        self.server = Server()
        environ = {"_8080_API_URL": self.server.server.url, "_8080_API_KEY": "sk-state"}
        self.session = Session(ChatConfig(max_retries=0), environ=environ)
        self.expected: dict[str, Expected] = {"main": Expected()}
        self.number = 0
        self.session.tool(look, safe=True)

    def teardown(self) -> None:
        """Close what was opened."""
        self.session.close()
        self.server.close()

    @property
    def conversation(self) -> Conversation:
        """The current one."""
        return self.session.conversation

    @property
    def here(self) -> Expected:
        """What it should hold."""
        return self.expected[self.conversation.name]

    def prompt(self, kind: str, length: int) -> str:
        """Return a prompt that nobody has sent before."""
        self.number += 1
        return f"{kind} {self.number} {length}"

    def add(self, reply: Answer | None) -> None:
        """Expect a turn with this answer at the end."""
        assert reply is not None
        self.here.turns.append([reply.text])
        self.here.chosen.append(0)

    @initialize(trim=st.booleans())
    def settings(self, *, trim: bool) -> None:
        """Choose what happens at the limit."""
        if trim:
            self.session.config.context_policy = "trim"
            self.session.config.context_limit = LIMIT

    @rule(length=words)
    def ask(self, length: int) -> None:
        """Take a plain turn."""
        reply = self.session.ask(self.prompt("ask", length))
        self.add(reply)

    @rule()
    def ask_with_tools(self) -> None:
        """Take a turn with two calls."""
        reply = self.session.ask(self.prompt("tool", 5), tools=["look"])
        assert [m.role for m in self.conversation[-1].messages] == [
            "user",
            "assistant",
            "tool",
            "tool",
            "assistant",
        ]
        self.add(reply)

    @rule(kind=st.sampled_from(sorted(EMPTY)))
    def ask_without_an_answer(self, kind: str) -> None:
        """Take a turn that brings nothing which could be sent again."""
        tools = ["look"] if kind.startswith("tool") else []
        try:
            reply = self.session.ask(self.prompt(kind, 1), tools=tools)
        except APIError as error:  # where nothing at all has come
            assert error.reply is None  # noqa: PT017  # either may be
        else:
            assert not self.conversation[-1].is_sent
            self.add(reply)

    @rule()
    def ask_in_vain(self) -> None:
        """Take a turn that fails before anything comes."""
        with pytest.raises(APIError) as caught:
            self.session.ask(self.prompt("refuse", 1))
        assert caught.value.reply is None

    @rule(tools=st.booleans())
    def ask_and_break_off(self, *, tools: bool) -> None:
        """Lose the connection in the middle, after calls of tools or without."""
        prompt = self.prompt("toolbreak" if tools else "break", 10)
        with pytest.raises(APIError) as caught:
            self.session.ask(prompt, tools=["look"] if tools else [])
        self.add(caught.value.reply)

    @rule(pieces=st.integers(0, 2))
    def ask_and_stop(self, pieces: int) -> None:
        """Stop a turn: at once, when something has come, or after calls of tools."""
        tools = pieces > 1
        prompt = self.prompt("toolhang" if tools else "hang", 10)
        running = self.session.start(prompt, tools=["look"] if tools else [])
        if pieces:
            wait_until(lambda: len(running.rounds) == tools and not running.snapshot.empty)
        running.cancel()
        wait_until(lambda: running.done)
        assert running.reply is None or running.reply.status == "interrupted"
        something = running.reply is not None and not running.reply.empty
        if pieces:
            assert something
            self.add(running.reply)
        elif something:
            # Whether anything had come is a matter of luck, and Hypothesis needs the same again.
            check_turn(self.conversation[-1])
            self.conversation.undo()

    @rule(length=words)
    def ask_once(self, length: int) -> None:
        """Take a turn that leaves no trace."""
        self.session.ask(self.prompt("ask", length), place=Place(history=False, keep=False))
        assert len(self.server.server.requests[-1].json["messages"]) == 1

    @precondition(lambda self: len(self.conversation) > 0)
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        """Ask the same prompt again."""
        index = data.draw(st.integers(0, len(self.conversation) - 1))
        turn = self.conversation[index]
        kind = turn.prompt.split()[0]
        prompt = PreparedPrompt(content=turn.prompt, source=turn.source)
        place = Place(again=turn.id)
        if kind.endswith("hang"):
            self.server.gate.set()
        tools = ["look"] if kind.startswith("tool") else []
        try:
            reply = self.session.ask(prompt, place=place, tools=tools)
        except APIError as error:
            reply = error.reply or Answer()
        finally:
            self.server.gate.clear()
        self.here.turns[index].append(reply.text)
        self.here.chosen[index] = len(self.here.turns[index]) - 1

    @precondition(lambda self: len(self.conversation) > 0)
    @rule(data=st.data())
    def choose(self, data: st.DataObject) -> None:
        """Choose another alternative."""
        index = data.draw(st.integers(0, len(self.conversation) - 1))
        turn = self.conversation[index]
        number = data.draw(st.integers(0, len(turn.alternatives) - 1))
        self.conversation.choose(turn.id, number)
        self.here.chosen[index] = number

    @precondition(lambda self: len(self.conversation) > 0)
    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        """Take turns back."""
        count = data.draw(st.integers(1, len(self.conversation)))
        self.conversation.undo(count)
        del self.here.turns[-count:], self.here.chosen[-count:]

    @rule()
    def reset(self) -> None:
        """Start anew under the same name."""
        self.conversation.reset()
        self.expected[self.conversation.name] = Expected()

    @rule()
    def new(self) -> None:
        """Begin another conversation."""
        self.expected[self.session.conversations.new().name] = Expected()

    @rule(data=st.data())
    def fork(self, data: st.DataObject) -> None:
        """Branch off somewhere."""
        at = data.draw(st.none() | st.integers(0, len(self.conversation)))
        copy = self.here.copy(at)
        self.expected[self.session.conversations.fork(at=at).name] = copy

    @rule(data=st.data())
    def use(self, data: st.DataObject) -> None:
        """Go to another conversation."""
        self.session.conversations.use(data.draw(st.sampled_from(sorted(self.expected))))

    @rule()
    def save_and_load(self) -> None:
        """Write the current conversation, and go on with what is read back."""
        with tempfile.TemporaryDirectory() as folder:
            path = save(self.conversation, Path(folder) / "talk.json")
            (again,) = load(path)
        assert list(again) == list(self.conversation)
        self.session.conversations.add(again)

    @invariant()
    def as_expected(self) -> None:
        """Every conversation holds what the model of it says."""
        assert list(self.session.conversations) == list(self.expected)
        for name, expected in self.expected.items():
            held = self.session[name]
            assert [[a.reply.text for a in t.alternatives] for t in held] == expected.turns
            assert [turn.chosen for turn in held] == expected.chosen
            assert [held.find(turn.id) for turn in held] == list(range(len(held)))
            for turn in held:
                check_turn(turn)

    @invariant()
    def sent_as_shown(self) -> None:
        """Send the end of what the history shows, and the prompt."""
        prepared = self.session.requests.prepare("And now?")
        try:
            sent = self.session.requests.outgoing(
                prepared, self.session.conversation, TurnOptions()
            ).messages
        except ContextLengthError:
            return
        history = [m for turn in self.conversation if turn.is_sent for m in turn.messages]
        assert sent[-1].content == "And now?"
        kept = sent[:-1]
        assert kept == history[len(history) - len(kept) :]
        check_roles(sent)
        ours = self.conversation.to_messages()
        assert not faults(
            {"messages": json.loads(json.dumps([*ours, {"role": "user", "content": "x"}]))}
        )

    @invariant()
    def never_refused(self) -> None:
        """No request was one that a strict server refuses."""
        assert not self.server.faults


def look(n: int) -> str:
    """Look at something."""
    return f"seen {n}"


def check_turn(turn: Turn) -> None:
    """Expect a valid exchange in every alternative."""
    for exchange in turn.alternatives:
        check_roles(exchange.messages)
        assert exchange.messages[-1].role == "assistant"


def check_roles(messages: Any) -> None:
    """Expect a prompt, its calls each with one result in order, an answer; and so on."""
    waiting: list[str] = []
    before: Message | None = None
    for message in messages:
        if message.role == "tool":
            assert waiting
            assert message.tool_call_id == waiting.pop(0)
        else:
            assert not waiting
            last = "assistant" if before is None or before.role == "tool" else before.role
            if message.role == "user":
                assert last == "assistant"
                assert before is None or before.role == "assistant"
            else:
                assert before is not None
                assert before.role in ("user", "tool")
        waiting = waiting or [call.id for call in message.tool_calls]
        before = message
    assert not waiting


TestConversing = Conversing.TestCase
TestConversing.settings = settings(
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
