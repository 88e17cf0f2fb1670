"""From the bytes of an answer to deltas: an event stream, or one JSON object. No I/O."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import orjson

from eighty80_jupyter.api.deltas import Delta, TextDelta
from eighty80_jupyter.errors import APIError, APIStreamError
from eighty80_jupyter.wire import sse, status_errors
from eighty80_jupyter.wire.chunks import ChunkDecoder, MalformedChunkError
from eighty80_jupyter.wire.endpoint import Endpoint, Secrets, without_secret
from eighty80_jupyter.wire.fast_path import ChunkFastPath

MAX_JSON_BYTES = 64 * 2**20
_MAX_BLANK_BYTES = 2**16
_SHOWN_BYTES = 200
_BOM = b"\xef\xbb\xbf"


class ReplyReader:
    """Turn the bytes of one answer into deltas, however they are cut.

    The first character tells an event stream from a JSON object and from a web page, whatever the
    content type says. `feed` returns the deltas that a piece completes, `finish` those that were
    left when the answer ended in good order, `rescue` those that were left when it broke off. When
    something is wrong, what came before it is still returned and `failure` holds the error to
    raise; whatever comes after it, or after the end marker, is passed over.

    `choices` is the number of answers that were asked for, `secret` what must not show in an error.
    """

    def __init__(self, endpoint: Endpoint, secret: Secrets = None, *, choices: int = 1) -> None:
        self._host = urlsplit(endpoint.url).netloc
        self._url = endpoint.url
        self._secret = secret
        self._choices = choices
        self._lines = sse.Decoder()
        self._chunks = ChunkDecoder()
        self._head = b""  # the first bytes, until they tell what this is; kept for a message
        self._whole: list[bytes] | None = None  # the pieces of a JSON object
        self._size = 0
        self._is_stream = False
        self._any_event = False
        self._like = ChunkFastPath()
        self.done = False
        self.failure: APIError | None = None

    @property
    def started(self) -> bool:
        """Whether any byte has come."""
        return self._size > 0

    @property
    def finished(self) -> bool:
        """Whether nothing is missing: the end marker has come, or the end of every choice."""
        return self.done or (self._no_choice_is_open and len(self._chunks.ended) >= self._choices)

    @property
    def _no_choice_is_open(self) -> bool:
        return bool(self._chunks.ended) and self._chunks.begun <= self._chunks.ended

    def feed(self, piece: bytes) -> list[Delta]:
        """Return the deltas that `piece` completes."""
        self._size += len(piece)
        if self.done or self.failure is not None:
            return []
        if self._is_stream:
            if not self._any_event and len(self._head) < _SHOWN_BYTES:
                self._head += piece[:_SHOWN_BYTES]
            return self._events(piece)
        if self._whole is None:
            self._head += piece
            return self._begin()
        self._whole.append(piece)
        self._check_size()
        return []

    def finish(self) -> list[Delta]:
        """Return what was left at the end, and note what is missing."""
        deltas = self.rescue()
        if self.failure is not None or self.done:
            return deltas
        if self._whole is not None:
            self._take([(b"".join(self._whole), "message")], deltas)
            if self.failure is None and not self._chunks.begun:
                self._fail("sent a completion without choices")
            self.done = self.failure is None
        elif not self._is_stream:
            self._fail("answered with nothing; try again")
        elif not self._any_event:
            self._fail(f"sent what is no reply: {_start(self._head)}")
        elif not self._no_choice_is_open:
            self._fail("ended the reply before it was complete")
        return deltas

    def rescue(self) -> list[Delta]:
        """Return what the last event of a broken stream holds, if it only lacks its blank line."""
        deltas: list[Delta] = []
        if self._is_stream and self.failure is None and not self.done:
            whole = [event for event in self._lines.flush() if not _is_cut_short(event)]
            self._take(whole, deltas)
        return deltas

    def _begin(self) -> list[Delta]:
        """Tell from the first character what the answer is."""
        if _BOM.startswith(self._head):
            return []
        match self._head.removeprefix(_BOM).lstrip()[:1]:
            case b"":
                if self._size > _MAX_BLANK_BYTES:
                    self._fail("sent nothing but white space")
            case b"{" | b"[":
                self._whole = [self._head.removeprefix(_BOM)]
                self._check_size()
            case b"<":
                self._fail(
                    "answered with a web page, not with a reply; "
                    "check the address (_8080_API_URL) and the proxy"
                )
            case _:
                self._is_stream = True
                return self._events(self._head)
        return []

    def _check_size(self) -> None:
        if self._size > MAX_JSON_BYTES:
            self._whole = []
            self._fail(f"sent a reply of more than {MAX_JSON_BYTES:,} bytes")

    def _events(self, piece: bytes) -> list[Delta]:
        deltas: list[Delta] = []
        self._take(self._lines.decode(piece), deltas)
        if self._lines.overflow and self.failure is None:
            self._fail(f"sent an event of more than {sse.MAX_EVENT_BYTES:,} bytes")
        return deltas

    def _take(self, events: list[sse.Event], deltas: list[Delta]) -> None:
        if events:
            self._any_event = True
        for data, kind in events:
            if kind == "message" and (text := self._like.text_of(data)) is not None:
                if text:
                    deltas.append(TextDelta(self._like.choice, text))
                continue
            try:
                chunk = orjson.loads(data)
            except ValueError:
                chunk = self._odd(data, kind)
                if self.done or self.failure is not None:
                    return
                if chunk is None:
                    continue
            if (type(chunk) is dict and chunk.get("error")) or kind == "error":
                self._error(chunk)
                return
            known = len(deltas)
            try:
                self._chunks.decode(chunk, deltas)
            except MalformedChunkError as error:
                # Events of other types are no part of the API: a ping, a comment of some proxy.
                if kind == "message":
                    self._fail(f"sent what is no chat completion: {error}")
                    return
            if len(deltas) == known + 1 and type(delta := deltas[-1]) is TextDelta:
                self._like.learn(data, choice=delta.choice, text=delta.text)

    def _odd(self, data: bytes, kind: str) -> Any:
        """Return the JSON of an event that orjson refuses; None if there is nothing to decode."""
        text = data.decode("utf-8", "replace").strip()
        if text == "[DONE]":
            self.done = True
        elif kind == "error":
            return text
        elif text:
            try:
                return _lenient(text)
            except (ValueError, RecursionError):
                self._fail(f"sent what is no JSON: {_start(data)}")
        return None

    def _error(self, body: Any) -> None:
        self.failure = status_errors.stream_error(body, url=self._url, secret=self._secret)

    def _fail(self, what: str) -> None:
        self.failure = APIStreamError(f"{self._host} {without_secret(what, self._secret)}")


def _is_cut_short(event: sse.Event) -> bool:
    data, kind = event
    if kind == "error" or data.strip() == b"[DONE]":
        return False
    try:
        orjson.loads(data)
    except ValueError:
        return True
    return False


def _lenient(text: str) -> Any:
    """Decode JSON with what Python's own decoder takes: NaN, lone surrogates.

    Surrogates that are not one half of a pair become U+FFFD, because no front end takes them.
    """
    plain = json.dumps(json.loads(text), ensure_ascii=False)
    return json.loads(plain.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"))


def _start(data: bytes) -> str:
    """Return the beginning of what came, for a message."""
    return repr(" ".join(data[:_SHOWN_BYTES].decode("utf-8", "replace").split())[:80])
