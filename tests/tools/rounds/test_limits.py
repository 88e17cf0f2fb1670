"""How turns with tools end, and where their calls run."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

import pytest

from eighty80_jupyter.conversation import events
from eighty80_jupyter.errors import ChatInterrupted, ServerError
from eighty80_jupyter.session.session import Session
from eighty80_jupyter.tools.executor import Decision
from eighty80_jupyter.tools.rounds import INTERRUPTED, MOST_CALLS
from eighty80_jupyter.turns import feed
from eighty80_jupyter.turns.request import Place
from tests.support.replies import (
    chunk,
    error_reply,
    sse_reply,
    stream_reply,
    tool_call,
    tool_chunks,
    usage_of,
)
from tests.support.waiting import wait_until
from tests.tools.rounds.tool_turns import ONE, TWO, YES, Says, calls, delete, sent

if TYPE_CHECKING:
    from tests.support.scripted import ScriptedServer


@pytest.mark.usefixtures("add")
def test_the_limit_of_rounds(server: ScriptedServer, session: Session) -> None:
    """After so many rounds the model is asked once more, without tools."""
    session.config.tool_rounds = 3
    server.queue(*(calls(tool_call("add", {"a": n})) for n in range(3)), stream_reply("Enough."))
    reply = session.ask("Count", tools="add")
    assert (reply.text, reply.rounds, reply.stopped) == ("Enough.", 4, "rounds")
    assert ["tools" in r.json for r in server.requests] == [True, True, True, False]
    assert len(sent(server)) == 7


@pytest.mark.usefixtures("add")
def test_a_call_after_the_limit_is_dropped(server: ScriptedServer, session: Session) -> None:
    """Who calls though no tools are offered gets no answer, and the history has no such call."""
    session.config.tool_rounds = 1
    server.queue(calls(tool_call("add", {"a": 1})), calls(tool_call("add", {"a": 2})))
    reply = session.ask("Count", tools="add")
    assert (reply.text, len(reply.calls)) == ("", 1)
    assert session.conversation[0].messages[-1].tool_calls == ()


@pytest.mark.usefixtures("add")
def test_the_same_call_three_times_stops(server: ScriptedServer, session: Session) -> None:
    """The third same call is not run, however its arguments are written; then an answer is due."""
    texts = ('{"a": 1, "b": 2}', '{"b":2,"a":1}', '{ "a": 1, "b": 2 }')
    server.queue(*(calls(tool_call("add", text)) for text in texts), stream_reply("Three."))
    reply = session.ask("1 + 2?", tools="add")
    assert (reply.text, reply.stopped) == ("Three.", "repeated")
    assert [c.status for c in reply.calls] == ["done", "done", "stopped"]
    assert "the same call" in sent(server)[-1]["content"]
    assert "tools" not in server.requests[-1].json


@pytest.mark.usefixtures("add")
def test_the_same_call_three_times_in_a_round(server: ScriptedServer, session: Session) -> None:
    """The third is told last, as it stands."""
    ended: list[str] = []

    def note(event: object) -> None:
        if isinstance(event, feed.TurnEvents):
            ended.extend(e.call.id for e in event.events if isinstance(e, events.CallEnded))

    unwatch = session.watch(note)
    wanted = [tool_call("add", {"a": 1}, id=id_) for id_ in ("x", "y", "z")]
    server.queue(calls(*wanted), stream_reply("One."))
    reply = session.ask("1?", tools="add")
    unwatch()
    assert [c.status for c in reply.calls] == ["done", "done", "stopped"]
    assert sorted(ended[:2]) == ["x", "y"]  # they ran side by side
    assert ended[2:] == ["z"]


def test_fifty_calls_in_a_turn(server: ScriptedServer, session: Session) -> None:
    """Ten rounds of five calls: all are run, answered and kept."""

    @session.tool(safe=True)
    def square(n: int) -> int:
        return n * n

    rounds = [
        calls(*(tool_call("square", {"n": 5 * r + c}, id=f"{r}-{c}") for c in range(5)))
        for r in range(10)
    ]
    server.queue(*rounds, stream_reply("All squares."))
    reply = session.ask("Squares to 49", tools="square")
    assert (reply.text, reply.rounds, len(reply.calls)) == ("All squares.", 11, 50)
    results = [m["content"] for m in sent(server) if m["role"] == "tool"]
    assert results == [str(n * n) for n in range(50)]


def test_side_by_side_and_in_order(server: ScriptedServer, session: Session) -> None:
    """Safe and async calls of a round run together, others in order; results keep the order."""
    together = threading.Barrier(3, timeout=60)
    log: list[str] = []

    @session.tool(safe=True)
    def safe(n: int) -> int:
        together.wait()
        return n

    @session.tool(confirm=False)
    async def later(n: int) -> int:
        await asyncio.sleep(0)
        await asyncio.to_thread(together.wait)
        return n

    @session.tool(confirm=False)
    def ordered(n: int) -> int:
        log.append(threading.current_thread().name)
        return n

    wanted = [("safe", 1), ("later", 2), ("safe", 3), ("ordered", 4), ("ordered", 5)]
    server.queue(
        calls(*(tool_call(name, {"n": n}, id=f"c{n}") for name, n in wanted)),
        stream_reply("Done."),
    )
    session.ask("Go", tools="all")
    results = [(m["tool_call_id"], m["content"]) for m in sent(server) if m["role"] == "tool"]
    assert results == [(f"c{n}", str(n)) for n in range(1, 6)]
    assert log == ["MainThread", "MainThread"]


def test_usage_and_seconds_are_sums(server: ScriptedServer, session: Session) -> None:
    """Tokens are those of all rounds; the time that a tool took is not the model's."""

    @session.tool(safe=True)
    def wait() -> None:
        time.sleep(0.3)

    chunks = [*tool_chunks(tool_call("wait", {})), chunk(usage=usage_of("x" * 40))]
    server.queue(sse_reply(chunks), stream_reply("y" * 20))
    reply = session.ask("Wait", tools="wait")
    assert reply.usage is not None
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (24, 15)
    assert reply.usage.decode_rate == pytest.approx(17_000)
    assert 0.3 <= reply.tool_seconds <= reply.seconds
    assert reply.tokens_per_second == pytest.approx(15 / (reply.seconds - reply.tool_seconds))
    assert 0.3 <= reply.calls[0].seconds <= reply.tool_seconds


def test_interrupt_in_a_tool_leaves_a_valid_history(
    server: ScriptedServer, session: Session
) -> None:
    """The turn ends: the call that ran and those after it say so, the others keep their results."""

    @session.tool(confirm=False)
    def step(n: int) -> int:
        if n == 2:
            raise KeyboardInterrupt
        return n

    server.queue(calls(*(tool_call("step", {"n": n}, id=f"c{n}") for n in (1, 2, 3))))
    with pytest.raises(ChatInterrupted) as caught:
        session.ask("Go", tools="step")
    assert caught.value.reply is session.conversation[0].reply
    messages = session.conversation[0].messages
    assert [m.role for m in messages] == ["user", "assistant", "tool", "tool", "tool", "assistant"]
    assert [m.content for m in messages[2:]] == ["1", INTERRUPTED, INTERRUPTED, ""]
    assert session.conversation[0].reply.status == "interrupted"
    server.queue(stream_reply("Again."))
    assert session.ask("Go on").text == "Again."


def test_interrupt_at_the_question(server: ScriptedServer, session: Session) -> None:
    class Leaves:
        def confirm(self, *_: object) -> Decision:
            raise KeyboardInterrupt

    server.queue(calls(tool_call("delete", {"path": "a"})))
    with pytest.raises(ChatInterrupted):
        session.ask("Delete a", tools=[delete], confirmer=Leaves())
    assert [c.status for c in session.conversation[0].reply.calls] == ["stopped"]


@pytest.mark.usefixtures("add")
def test_an_error_in_a_later_round_keeps_the_rounds(
    server: ScriptedServer, session: Session
) -> None:
    server.queue(calls(ONE), calls(TWO), error_reply(500, "out of order"))
    with pytest.raises(ServerError) as caught:
        session.ask("Add", tools="add")
    assert caught.value.reply is not None
    assert [c.status for c in caught.value.reply.calls] == ["done", "done"]
    roles = [m.role for m in session.conversation[0].messages]
    assert roles == ["user", "assistant", "tool", "assistant", "tool", "assistant"]
    server.queue(stream_reply("Better."))
    assert session.ask("And now?").text == "Better."


def test_a_tool_may_ask_elsewhere_but_not_here(server: ScriptedServer, session: Session) -> None:
    """A tool that asks the model in the conversation that waits for it would wait for ever."""

    @session.tool(safe=True)
    def ask_aside(question: str) -> str:
        return session.ask(question, place=Place(history=False, keep=False)).text

    @session.tool(safe=True)
    def ask_here(question: str) -> str:
        return session.ask(question).text

    server.queue(
        calls(
            tool_call("ask_aside", {"question": "Who?"}, id="1"),
            tool_call("ask_here", {"question": "Who?"}, id="2"),
        ),
        stream_reply("Me."),
        stream_reply("Done."),
    )
    session.ask("Go", tools="all")
    aside, here = (m["content"] for m in sent(server) if m["role"] == "tool")
    assert aside == "Me."
    assert "cannot add a turn" in here


@pytest.mark.usefixtures("add")
def test_started_turns_run_tools_in_a_worker(server: ScriptedServer, session: Session) -> None:
    """Without a thread that waits, tools run in one of their own; the feed tells of them."""
    threads: list[str] = []

    @session.tool(confirm=True)
    def where() -> str:
        threads.append(threading.current_thread().name)
        return "here"

    @session.tool(main_thread=True, safe=True)
    def needs_main() -> str:
        return "main"

    heard: list[object] = []
    session.watch(lambda event: heard.extend(getattr(event, "events", ())))
    server.queue(
        calls(tool_call("where", {}, id="1"), tool_call("needs_main", {}, id="2")),
        stream_reply("Done."),
    )
    running = session.start("Go", tools="all", confirmer=Says(YES))
    wait_until(lambda: running.done)
    assert running.reply is not None
    assert [c.status for c in running.reply.calls] == ["done", "refused"]
    assert threads != ["MainThread"]
    assert "main thread" in sent(server)[-1]["content"]
    began = [e.shown for e in heard if isinstance(e, events.CallBegan)]
    ended = [e.status for e in heard if isinstance(e, events.CallEnded)]
    assert (began, ended) == (["where()", "needs_main()"], ["done", "refused"])


def test_a_started_turn_is_cancelled_in_a_tool(server: ScriptedServer, session: Session) -> None:
    began, free = threading.Event(), threading.Event()

    @session.tool(safe=True)
    def hang() -> None:
        began.set()
        free.wait(60)

    server.queue(calls(tool_call("hang", {})))
    running = session.start("Go", tools="all")
    assert began.wait(60)
    assert [m.role for m in running.messages] == ["user", "assistant"]
    running.cancel()
    wait_until(lambda: running.done)
    free.set()
    assert running.reply is not None
    assert running.reply.status == "interrupted"
    assert session.conversation[0].messages[2].content == INTERRUPTED


def test_a_started_turn_has_rounds(server: ScriptedServer, session: Session) -> None:
    """The worker of one round leaves the next one alone."""

    @session.tool(safe=True)
    def add(a: int) -> int:
        return a + 1

    server.queue(*(calls(tool_call("add", {"a": n})) for n in range(3)), stream_reply("Done."))
    running = session.start("Go", tools="all")
    wait_until(lambda: running.done)
    assert running.reply is not None
    assert [c.status for c in running.reply.calls] == ["done"] * 3
    assert running.reply.text == "Done."


def test_a_tools_own_interrupt_ends_a_started_turn(
    server: ScriptedServer, session: Session
) -> None:
    """As in a cell: nothing more is asked, and the history is valid."""

    @session.tool(confirm=False)
    def leave() -> None:
        raise KeyboardInterrupt

    server.queue(calls(tool_call("leave", {}, id="1"), tool_call("leave", {}, id="2")))
    running = session.start("Go", tools="all")
    wait_until(lambda: running.done)
    assert running.reply is not None
    assert running.reply.status == "interrupted"
    assert [c.status for c in running.reply.calls] == ["stopped"] * 2
    assert [m.role for m in session.conversation[0].messages] == [
        *("user", "assistant", "tool", "tool", "assistant")
    ]
    assert len(server.requests) == 1


def test_a_round_has_a_bound_of_calls(server: ScriptedServer, session: Session) -> None:
    """What is beyond it is neither run nor kept, and both the user and the model are told."""
    ran: list[int] = []

    def note(n: int) -> str:
        """Note a number."""
        ran.append(n)
        return "noted"

    session.tool(note, safe=True)
    wanted = [tool_call("note", {"n": n}, id=f"c{n}") for n in range(MOST_CALLS + 872)]
    server.queue(calls(*wanted), stream_reply("Done."))
    reply = session.ask("Note", tools="note")
    assert sorted(ran) == list(range(MOST_CALLS))
    said = "not run: at most 128 are in one round"
    assert reply.notes == (f"1,000 calls at once, 872 of them {said}",)
    messages = sent(server)
    assert len(messages[1]["tool_calls"]) == MOST_CALLS
    assert [m["role"] for m in messages[2:]] == ["tool"] * MOST_CALLS
    called = [call["id"] for call in messages[1]["tool_calls"]]
    assert [m["tool_call_id"] for m in messages[2:]] == called
    assert messages[-1]["content"] == f"noted\n[872 further calls were {said}]"
    assert len(reply.calls) == MOST_CALLS
