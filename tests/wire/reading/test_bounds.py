"""A reply has a largest size, and a connection that brings nothing of one has an end."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eighty80_jupyter.errors import APIStreamError, APITimeoutError, ChatInterrupted
from eighty80_jupyter.session.session import Session
from tests.support.reading import read, snapshot, stream_of
from tests.support.replies import chunk, text_chunks, tool_call
from tests.support.scripted import Gate, Hang, Reply, ScriptedServer, Wait, sse_reply
from tests.wire.asking import KEY, assert_works
from tests.wire.cuts import ANY_CUT, cuts

STOP = chunk(finish_reason="stop")
LONG = "x" * 100
GROWING: dict[str, dict[str, Any]] = {
    "text": {"content": LONG},
    "text in a list": {"content": [{"type": "text", "text": LONG}]},
    "reasoning": {"reasoning": LONG},
    "tagged reasoning": {"content": "<think>" + LONG},
    "refusal": {"refusal": LONG},
    "arguments": {"tool_calls": [{"index": 0, "id": "x", "function": {"arguments": LONG}}]},
    "details": {"reasoning_details": [{"index": 0, "text": LONG}]},
}


@pytest.mark.parametrize("kind", GROWING)
def test_a_reply_of_any_kind_that_grows_too_large_is_ended(kind: str) -> None:
    """What came up to the bound is kept, and the line says what allows more."""
    events = [json.dumps(chunk(GROWING[kind]))] * 1000
    deltas, reader = read([stream_of(events)], max_size=2000)
    assert isinstance(reader.failure, APIStreamError)
    assert "more than 2,000 characters" in str(reader.failure)
    assert "max_reply_size" in str(reader.failure)
    choice = snapshot(deltas).choices[0]
    kept = len(choice.text + choice.reasoning + choice.refusal + str(choice.extra or ""))
    kept += sum(len(call.name + call.arguments) for call in choice.tool_calls)
    assert 1000 < kept < 3000


def test_many_calls_are_a_large_reply_too() -> None:
    """Calls without arguments have a size, and so have all the answers together."""
    calls = [chunk({"tool_calls": [tool_call("f", "", id=f"{n}")]}) for n in range(1000)]
    deltas, reader = read([stream_of(calls)], max_size=10_000)
    assert reader.failure is not None
    assert 20 < len(snapshot(deltas).choices[0].tool_calls) < 60
    texts = [chunk({"content": LONG}, index=n % 5) for n in range(100)]
    assert read([stream_of(texts)], max_size=2000, choices=5)[1].failure is not None
    assert read([stream_of([*texts[:10], STOP])], max_size=2000, choices=5)[1].failure is None


@ANY_CUT
@given(data=st.data(), size=st.integers(1, 60))
def test_the_bound_does_not_depend_on_the_cut(data: st.DataObject, size: int) -> None:
    """Where a reply is ended is a matter of what came, not of how it was sent."""
    texts = data.draw(st.lists(st.text("ab<s", max_size=9), max_size=9))
    stream = stream_of([chunk({"content": text}) for text in texts])
    expected, reader = read([stream], max_size=size)
    deltas, other = read(data.draw(cuts(stream)), max_size=size)
    assert (deltas, str(other.failure)) == (expected, str(reader.failure))


def test_the_bound_is_a_setting(session: Session, server: ScriptedServer) -> None:
    """An endless reply ends with the setting's name, what came is kept, and the next one works."""
    session.config.max_reply_size = 500
    server.queue(sse_reply([*[chunk({"content": LONG})] * 50, Hang()]))
    with pytest.raises(APIStreamError, match="max_reply_size") as caught:
        session.ask("Hi")
    assert len(caught.value.reply.text) == 600
    server.wait_disconnect()
    session.config.max_reply_size = 20_000_000
    assert_works(session, server)


ALIVE: dict[str, Any] = {
    "comments": b": ping\n\n",
    "empty chunks": chunk(choices=[]),
    "chunks without text": chunk({"content": ""}),
    "roles": chunk({"role": "assistant"}),
    "frames that are passed over": {"type": "ping"},
    "blank lines": b"\n",
    "no JSON": "ping",
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ALIVE)
@pytest.mark.parametrize("text", ["", "Four."])
def test_a_connection_is_not_kept_alive_for_ever(
    session: Session, server: ScriptedServer, kind: str, text: str
) -> None:
    """What is no part of a reply keeps it up only so long; what had come is kept."""
    session.config.keepalive_timeout = 0.3
    begun = [chunk({"content": text})] if text else []
    server.queue(sse_reply([*begun, *[ALIVE[kind]] * 2000], delay=0.01))
    with pytest.raises(APITimeoutError, match="keepalive_timeout") as caught:
        session.ask("Hi")
    assert (caught.value.reply.text if text else "") == text
    server.wait_disconnect()


def test_interim_answers_are_not_borne_for_ever(session: Session, server: ScriptedServer) -> None:
    """A server that says "not yet" (1xx) without end is given up."""
    session.config.keepalive_timeout = 0.3
    steps: list[Any] = [b"HTTP/1.1 102 Processing\r\n\r\n", Wait(0.01)]
    server.queue(Reply(tuple(steps * 2000)))
    with pytest.raises(APITimeoutError, match="keepalive_timeout"):
        session.ask("Hi")
    server.wait_disconnect()


@pytest.mark.slow
def test_a_slow_reply_is_no_idle_one(session: Session, server: ScriptedServer) -> None:
    """A reply that grows now and then takes as long as it takes."""
    session.config.keepalive_timeout = 2.0
    server.queue(sse_reply([*text_chunks("Four and four.", n=14)], delay=0.2))
    assert session.ask("Hi").text == "Four and four."


def test_what_was_held_back_is_kept_by_an_interrupt(
    session: Session, server: ScriptedServer
) -> None:
    """The beginning of what might have been the key is text when nothing more comes."""
    gate = threading.Event()
    text = f"Ask {KEY[:4]}"
    server.queue(sse_reply([chunk({"content": text}), Gate(gate)]))
    seen: list[Any] = []

    def listen(events: list[Any]) -> None:
        seen.extend(events)
        if any(getattr(event, "text", "") == "Ask " for event in events):
            raise KeyboardInterrupt

    with pytest.raises((ChatInterrupted, KeyboardInterrupt)):
        session.ask("Hi", listen=listen)
    gate.set()
    assert session.conversation[-1].reply.text == text
