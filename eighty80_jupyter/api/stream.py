"""From the bytes of an answer to deltas: an event stream, or one JSON object. No I/O."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import orjson

from eighty80_jupyter.api import failures, sse
from eighty80_jupyter.api.deltas import ChoiceDone, ChunkDecoder, Delta, MalformedChunkError
from eighty80_jupyter.api.endpoint import Endpoint, Secret, without_secret
from eighty80_jupyter.errors import APIError, APIStreamError

MAX_JSON_BYTES = 64 * 2**20
_MAX_BLANK_BYTES = 2**16


class ReplyReader:
    """Turn the bytes of one answer into deltas, however they are cut.

    The first character tells an event stream from a JSON object and from a web page, whatever the
    content type says. `feed` returns the deltas that a piece completes, `finish` those that were
    left when the answer ended in good order. When something is wrong, what came before it is still
    returned and `failure` holds the error to raise. `done` is set by the end marker; `finished`
    tells that every choice has ended, so that nothing is missing if the connection breaks now.
    """

    def __init__(self, endpoint: Endpoint, secret: Secret | None = None) -> None:
        self._endpoint = endpoint
        self._secret = secret
        self._lines = sse.Decoder()
        self._chunks = ChunkDecoder()
        self._head = b""
        self._whole: list[bytes] | None = None  # the pieces of a JSON object
        self._size = 0
        self._is_stream = False
        self._open: set[int] = set()
        self._ended = False
        self.done = False
        self.failure: APIError | None = None

    @property
    def started(self) -> bool:
        """Whether any byte has come."""
        return self._size > 0

    @property
    def finished(self) -> bool:
        """Whether every choice that began has ended."""
        return self.done or (self._ended and not self._open)

    def feed(self, piece: bytes) -> list[Delta]:
        """Return the deltas that `piece` completes."""
        self._size += len(piece)
        if self._is_stream:
            return self._events(piece)
        if self._whole is not None:
            self._whole.append(piece)
            if self._size > MAX_JSON_BYTES:
                self._fail(f"sent a reply of more than {MAX_JSON_BYTES:,} bytes")
            return []
        self._head += piece
        match self._head.lstrip()[:1]:
            case b"":
                if self._size > _MAX_BLANK_BYTES:
                    self._fail("sent nothing but white space")
                return []
            case b"{" | b"[":
                self._whole = [self._head]
                return []
            case b"<":
                self._fail(
                    "answered with a web page, not with a reply; "
                    "check the address (_8080_API_URL) and the proxy"
                )
                return []
        self._is_stream = True
        return self._events(self._head)

    def finish(self) -> list[Delta]:
        """Return what was left at the end, and note what is missing."""
        deltas: list[Delta] = []
        if self._whole is not None:
            self._chunk(b"".join(self._whole).decode("utf-8", "replace"), deltas)
            self.done = self.failure is None
        elif self._is_stream:
            self._take(self._lines.flush(), deltas)
        if self.failure is None and not self.finished:
            self._fail(
                "ended the reply before it was complete"
                if self._is_stream
                else "answered with nothing; try again"
            )
        return deltas

    def _events(self, piece: bytes) -> list[Delta]:
        deltas: list[Delta] = []
        try:
            self._take(self._lines.decode(piece), deltas)
        except sse.EventTooLargeError as error:
            self._fail(f"sent {error}")
        return deltas

    def _take(self, events: list[sse.Event], deltas: list[Delta]) -> None:
        for data, kind in events:
            if data == "[DONE]":
                self.done = True
                return
            if kind == "error":
                self._error(data)
            else:
                self._chunk(data, deltas)
            if self.failure is not None:
                return

    def _chunk(self, data: str, deltas: list[Delta]) -> None:
        try:
            chunk = orjson.loads(data)
        except ValueError:
            start = without_secret(" ".join(data[:80].split()), self._secret)
            self._fail(f"sent what is no JSON: {start!r}")
            return
        if isinstance(chunk, dict) and chunk.get("error"):
            self._error(chunk)
            return
        try:
            found = self._chunks.decode(chunk)
        except MalformedChunkError as error:
            self._fail(f"sent what is no chat completion: {error}")
            return
        for delta in found:
            if isinstance(delta, ChoiceDone):
                self._open.discard(delta.choice)
                self._ended = True
            elif (choice := getattr(delta, "choice", None)) is not None:
                self._open.add(choice)
        deltas += found

    def _error(self, body: Any) -> None:
        self.failure = failures.stream_error(
            without_secret(body, self._secret), url=self._endpoint.url
        )

    def _fail(self, what: str) -> None:
        self.failure = APIStreamError(f"{urlsplit(self._endpoint.url).netloc} {what}")
