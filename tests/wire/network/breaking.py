"""Replies to break, and what must be left of them."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest

from eighty80_jupyter.errors import (
    APIError,
)
from eighty80_jupyter.session.session import Session
from tests.support.replies import split_text
from tests.support.scripted import (
    Event,
    Reply,
    ScriptedServer,
    head,
    text_chunks,
)

TEXT = "Grüße, 世界 😀!"
CHUNKS = text_chunks(TEXT, n=4)
SHORT: list[Event] = [{"choices": [{"delta": {"content": piece}}]} for piece in split_text(TEXT, 3)]
SHORT.append({"choices": [{"delta": {}, "finish_reason": "stop"}]})
STREAM_HEAD = head(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked"})


def raw(reply: Reply) -> bytes:
    """Return the bytes of a reply that holds nothing but bytes."""
    return b"".join(step for step in reply.steps if isinstance(step, bytes))


def http_chunk(data: bytes) -> bytes:
    """Write one HTTP chunk."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def body_in(received: bytes) -> bytes:
    """Return what `received` holds of a chunked body, read in the plainest way."""
    _, _, rest = received.partition(b"\r\n\r\n")
    body = b""
    while b"\r\n" in rest:
        size, _, rest = rest.partition(b"\r\n")
        if not int(size, 16):
            break
        body += rest[: int(size, 16)]
        rest = rest[int(size, 16) + 2 :]
    return body


def choices_in(received: bytes) -> list[dict[str, Any]]:
    """Return the choices of the events that are whole in `received`."""
    choices = []
    for line in body_in(received).split(b"\n"):
        with contextlib.suppress(ValueError):
            choices += json.loads(line.removeprefix(b"data: "))["choices"]
    return choices


def text_in(received: bytes) -> str:
    """Return the text of the events that are whole in `received`."""
    return "".join(choice["delta"].get("content", "") for choice in choices_in(received))


def is_whole(received: bytes) -> bool:
    """Tell whether the end of the choice has arrived."""
    return any(choice.get("finish_reason") for choice in choices_in(received))


def fails(session: Session, server: ScriptedServer, reply: Reply, *, text: str = "") -> APIError:
    """Ask, and check that the error keeps `text` and marks it, and that it is in its place."""
    turns = len(session.conversation)
    server.queue(reply)
    with pytest.raises(APIError) as caught:
        session.ask("Hi")
    error = caught.value
    check_kept(session, error, text)
    assert len(session.conversation) == turns + bool(text)
    return error


def check_kept(session: Session, error: APIError, text: str) -> None:
    """Check that the error is one line, and keeps `text`, marks it, and has it in its place."""
    assert "\n" not in str(error)
    assert len(str(error)) < 400
    if text:
        assert error.reply is not None
        assert (error.reply.text, error.reply.status) == (text, "error")
        assert error.reply.error == str(error)
        assert session.conversation[-1].reply is error.reply
        assert session.last is error.reply
    else:
        assert error.reply is None
