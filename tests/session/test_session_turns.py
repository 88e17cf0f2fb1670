"""Turns that run while nobody waits, and the feed that tells of them."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.conversation.events import TurnEvent, TurnGoesOn, TurnWaits
from eighty80_jupyter.errors import ServerError
from eighty80_jupyter.session.session import Session
from eighty80_jupyter.turns import feed
from eighty80_jupyter.turns.request import Place
from tests.support.replies import Gate, error_reply, sse_reply, stream_reply, text_chunks
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.scripted import ScriptedServer


@pytest.fixture(name="session")
def _session(server: ScriptedServer) -> Iterator[Session]:
    environ = {"_8080_API_URL": server.url, "_8080_API_KEY": "sk-turns"}
    session = Session(ChatConfig(max_retries=0), environ=environ)
    yield session
    session.close()


def kinds(events: list[feed.SessionEvent]) -> list[str]:
    """Return what happened, in order, and what comes in pieces once."""
    names = [type(event).__name__ for event in events]
    return [n for i, n in enumerate(names) if i == 0 or names[i - 1] != n]


def test_a_started_turn_is_told_and_committed(server: ScriptedServer, session: Session) -> None:
    events: list[feed.SessionEvent] = []
    end = session.watch(events.append)
    server.queue(stream_reply("Good day to you."))
    running = session.start("Hello", temperature=0.3)
    wait_until(lambda: running.done)
    assert running.reply is session.last
    assert session.conversation[0].reply.text == "Good day to you."
    assert session.conversation[0].id == running.id
    assert session.conversation[0].source == "Hello"
    wait_until(lambda: kinds(events)[-1] == "TurnEnded")
    assert kinds(events) == ["TurnBegan", "TurnEvents", "ConversationChanged", "TurnEnded"]
    end()
    server.queue(stream_reply("Again."))
    session.ask("Hello")
    assert kinds(events)[-1] == "TurnEnded"


def test_cancel_keeps_what_had_come(server: ScriptedServer, session: Session) -> None:
    gate = threading.Event()
    server.queue(sse_reply([*text_chunks("One two.", n=2)[:2], Gate(gate)]))
    running = session.start("Count")
    wait_until(lambda: running.snapshot.to_reply(seconds=0, parameters={}).text == "One ")
    running.cancel()
    server.wait_disconnect()
    gate.set()
    wait_until(lambda: running.done)
    assert running.reply is not None
    assert running.reply.status == "interrupted"
    assert session.conversation[0].reply.text.startswith("One")


def test_a_turn_that_is_cancelled_at_once_ends_too(
    server: ScriptedServer, session: Session
) -> None:
    server.queue(stream_reply("Never mind."))
    running = session.start("Hello")
    running.cancel()
    wait_until(lambda: running.done)
    assert len(session.conversation) <= 1


def test_a_failure_is_kept_for_whoever_looks(server: ScriptedServer, session: Session) -> None:
    server.queue(error_reply(500, "out of order"))
    running = session.start("Hello")
    wait_until(lambda: running.done)
    assert isinstance(running.error, ServerError)
    assert len(session.conversation) == 0


def test_turns_of_one_conversation_wait_for_each_other(
    server: ScriptedServer, session: Session
) -> None:
    gate = threading.Event()
    heard: list[TurnEvent] = []
    session.watch(lambda event: heard.extend(getattr(event, "events", ())))
    start = time.monotonic()
    server.queue(stream_reply("First.").after(Gate(gate)), stream_reply("Second."))
    first, second = session.start("One"), session.start("Two")
    server.wait_request()
    assert not second.done
    wait_until(lambda: TurnWaits() in heard)
    time.sleep(0.5)
    gate.set()
    wait_until(lambda: first.done and second.done)
    assert TurnGoesOn() in heard
    assert first.reply is not None
    assert second.reply is not None
    # The time that the second has waited for the first is not its own.
    assert first.reply.seconds + second.reply.seconds <= time.monotonic() - start
    assert [turn.reply.text for turn in session.conversation] == ["First.", "Second."]
    roles = [message["role"] for message in server.requests[1].json["messages"]]
    assert roles == ["user", "assistant", "user"]


def test_a_turn_is_answered_again_from_what_stands_before_it(
    server: ScriptedServer, session: Session
) -> None:
    server.queue(*map(stream_reply, ("one", "two", "other")))
    session.ask("a")
    session.ask("b")
    first = session.conversation[0]
    session.ask("A", place=Place(again=first.id))
    assert [m["content"] for m in server.requests[2].json["messages"]] == ["A"]
    assert [t.reply.text for t in session.conversation] == ["other", "two"]
    assert [a.reply.text for a in session.conversation[0].alternatives] == ["one", "other"]


def test_what_is_asked_once_neither_uses_nor_enters_the_history(
    server: ScriptedServer, session: Session
) -> None:
    server.queue(*map(stream_reply, ("one", "aside")))
    session.conversation.system = "Be brief."
    session.ask("a")
    reply = session.ask("b", place=Place(history=False, keep=False))
    assert reply.text == "aside"
    assert [m["content"] for m in server.requests[1].json["messages"]] == ["b"]
    assert len(session.conversation) == 1


def test_another_conversation_by_name(server: ScriptedServer, session: Session) -> None:
    server.queue(*map(stream_reply, ("one", "two")))
    session.ask("a")
    session.conversations.new("ideas")
    session.conversations.use("main")
    session.ask("b", conversation="ideas")
    assert [len(session["main"]), len(session["ideas"])] == [1, 1]
    assert len(server.requests[1].json["messages"]) == 1


def test_a_watcher_that_fails_disturbs_nobody(
    server: ScriptedServer, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[feed.SessionEvent] = []

    def fail(_event: feed.SessionEvent) -> None:
        raise RuntimeError("broken watcher")

    session.watch(fail)
    session.watch(seen.append)
    server.queue(stream_reply("Fine."))
    assert session.ask("Hello").text == "Fine."
    assert kinds(seen)[-1] == "TurnEnded"
    assert "broken watcher" in caplog.text
