"""Read an answer's bytes as the client does, without a network."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from eighty80_jupyter.api.deltas import Delta, Snapshot
from eighty80_jupyter.api.reply import Reply
from eighty80_jupyter.wire.endpoint import Endpoint
from eighty80_jupyter.wire.reading.stream import ReplyReader
from eighty80_jupyter.wire.secret import Secret
from tests.support.replies import encode_event

KEY = "sk-test-0123456789"
ENDPOINT = Endpoint(url="http://127.0.0.1:1", key=Secret(KEY))


def stream_of(events: Iterable[dict[str, Any] | str | bytes], *, done: bool = True) -> bytes:
    """Write a stream: objects and texts are events, bytes are taken as they are."""
    written = [event if isinstance(event, bytes) else encode_event(event) for event in events]
    return b"".join(written) + (b"data: [DONE]\n\n" if done else b"")


def read(
    pieces: Sequence[bytes], *, broken: bool = False, key: str = KEY, **options: Any
) -> tuple[list[Delta], ReplyReader]:
    """Read an answer that comes in `pieces`; `broken`: the connection breaks behind them."""
    reader = ReplyReader(ENDPOINT, Secret(key), **options)
    deltas = [delta for piece in pieces for delta in reader.feed(piece)]
    deltas += reader.rescue() if broken else reader.finish()
    return deltas, reader


def snapshot(deltas: Iterable[Delta]) -> Reply:
    """Return the reply that the deltas add up to."""
    state = Snapshot()
    for delta in deltas:
        state.apply(delta)
    return state.to_reply(seconds=1.0, parameters={})


def reply_to(*events: dict[str, Any] | str | bytes, done: bool = True, choices: int = 1) -> Reply:
    """Read a stream that must be in order, and return its reply."""
    deltas, reader = read([stream_of(events, done=done)], choices=choices)
    assert reader.failure is None
    assert reader.finished
    return snapshot(deltas)


def reply_to_json(answer: dict[str, Any]) -> Reply:
    """Read a whole completion that must be in order, and return its reply."""
    choices = len(answer.get("choices") or "1")
    deltas, reader = read([json.dumps(answer).encode()], choices=choices)
    assert reader.failure is None
    assert reader.finished
    return snapshot(deltas)
