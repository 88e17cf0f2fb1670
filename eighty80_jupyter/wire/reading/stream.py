"""From the bytes of an answer to deltas: an event stream, or one JSON object. No I/O."""

from __future__ import annotations

import json
import logging
import re
from typing import Any
from urllib.parse import urlsplit

import orjson

from eighty80_jupyter.api.deltas import Delta, TextDelta
from eighty80_jupyter.errors import APIError, APIStreamError
from eighty80_jupyter.wire import status_errors
from eighty80_jupyter.wire.endpoint import Endpoint
from eighty80_jupyter.wire.error_bodies import is_error, tell
from eighty80_jupyter.wire.reading import sse
from eighty80_jupyter.wire.reading.chunks import ChunkDecoder
from eighty80_jupyter.wire.reading.fast_path import ChunkFastPath
from eighty80_jupyter.wire.reading.loose_json import (
    SHOWN_BYTES,
    beginning,
    decoded,
    is_json,
    parts_of,
    values_in,
)
from eighty80_jupyter.wire.secret import Secrets, secret_words, without_secret

MAX_JSON_BYTES = 64 * 2**20
MAX_REPLY_SIZE = 20_000_000
_MAX_BLANK_BYTES = 2**16
_TIDY_BYTES = 2**16
_BOM = b"\xef\xbb\xbf"
_BLANK = b" \t\r\n\v\f\x1e"  # the last one separates JSON texts (RFC 7464)
_BEGINS_LIKE_JSON = re.compile(r"[\[\s]*\{")

_log = logging.getLogger(__name__)


class ReplyReader:
    """Turn the bytes of one answer into deltas, however they are cut.

    The first character tells an event stream from a JSON object and from a web page, whatever the
    content type says. `feed` returns the deltas that a piece completes, `finish` those that were
    left when the answer ended in good order, `rescue` those that were left when it broke off. When
    something is wrong, what came before it is still returned and `failure` holds the error to
    raise; whatever comes after it, or after the end marker, is passed over. So is what is no piece
    of a reply and does not say that it is an error; `skipped` counts that.

    `choices` is the number of answers that were asked for, `secret` what must not show anywhere.
    A reply of more than `max_size` characters (text, reasoning, calls, all choices together) is
    ended with an error. `split_reasoning` tells whether reasoning in the text is told from it.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        secret: Secrets = None,
        *,
        choices: int = 1,
        max_size: int = MAX_REPLY_SIZE,
        split_reasoning: bool = True,
    ) -> None:
        self._host = urlsplit(endpoint.url).netloc
        self._url = endpoint.url
        self._secret = secret
        self._max_size = max_size
        self._lines = sse.Decoder()
        self._chunks = ChunkDecoder(
            choices=choices, words=secret_words(secret), split_reasoning=split_reasoning
        )
        self._answer = self._chunks.answer(0)  # the one that the last text belonged to
        self._head = b""  # the first bytes, until they tell what this is; kept for a message
        self._whole: list[bytes] | None = None  # the pieces of a JSON object
        self._size = 0
        self._tidy_at = _TIDY_BYTES
        self._is_stream = False
        self._is_pretty = False  # whether the first line of a JSON object is no whole one
        self._events_seen = 0
        self._understood = 0
        self._like = ChunkFastPath()
        self._odd: str | None = None  # what was passed over first, in words
        self._told: Any = None  # and what it said, if it was an object
        self._last_words: str | None = None  # what is no JSON, and nothing of the reply behind it
        self.skipped = 0
        self.done = False
        self.failure: APIError | None = None

    @property
    def started(self) -> bool:
        """Whether any byte has come."""
        return self._size > 0

    @property
    def progress(self) -> int:
        """The characters of the reply so far; what is passed over adds nothing."""
        return self._chunks.size + (0 if self._whole is None else self._size)

    @property
    def finished(self) -> bool:
        """Whether nothing is missing: the end marker has come, or the end of every choice."""
        return self.done or (
            self._no_choice_is_open and len(self._chunks.ended) >= self._chunks.choices
        )

    def _is_over(self) -> bool:
        return self.done or self.failure is not None

    @property
    def _no_choice_is_open(self) -> bool:
        return bool(self._chunks.ended) and self._chunks.begun <= self._chunks.ended

    def feed(self, piece: bytes) -> list[Delta]:
        """Return the deltas that `piece` completes."""
        self._size += len(piece)
        deltas: list[Delta] = []
        if self._is_over():
            return deltas
        if self._is_stream:
            if not self._events_seen and len(self._head) < SHOWN_BYTES:
                self._head += piece[:SHOWN_BYTES]
            self._take(self._lines.decode(piece), deltas)
            if self._lines.overflow and not self._is_over():
                self._fail(f"sent an event of more than {sse.MAX_EVENT_BYTES:,} bytes")
        elif self._whole is None:
            self._head += piece
            self._begin(deltas)
        else:
            self._add(piece, deltas)
        if self.done or self.failure is not None:
            self._end(deltas)
        return deltas

    def finish(self) -> list[Delta]:
        """Return what was left at the end, and note what is missing."""
        if self._is_over():
            return []
        deltas: list[Delta] = []
        if self._whole is not None:
            self._take([(b"".join(self._whole), "message")], deltas)
            self.done = self.failure is None
        elif self._is_stream:
            self._take(self._lines.flush(), deltas, last=True)
            # One line that holds a whole completion needs no reason for its end.
            self.done = self.done or (self._chunks.whole and self._events_seen == 1)
            is_open = self._chunks.begun and not self._no_choice_is_open
            if is_open and not self._is_over():
                words = f", and {self._last_words}" if self._last_words else ""
                self._fail(f"ended the reply before it was complete{words}")
        else:
            self._fail("answered with nothing; try again")
        self._end(deltas)
        return deltas

    def rescue(self) -> list[Delta]:
        """Return what is left of a broken stream: what was held back, and a last whole event."""
        deltas: list[Delta] = []
        if self.failure is None and not self.done:
            if self._is_stream:
                self._take(self._lines.flush(), deltas, last=True)
            self._chunks.flush(deltas)
        return deltas

    def _begin(self, deltas: list[Delta]) -> None:
        """Tell from the first character what the answer is."""
        if _BOM.startswith(self._head):
            return
        match self._head.removeprefix(_BOM).lstrip(_BLANK)[:1]:
            case b"":
                if self._size > _MAX_BLANK_BYTES:
                    self._fail("sent nothing but white space")
            case b"{" | b"[":
                self._whole = []
                self._add(self._head.removeprefix(_BOM).lstrip(_BLANK), deltas)
            case b"<":
                self._fail(
                    "answered with a web page, not with a reply; "
                    "check the address (_8080_API_URL) and the proxy"
                )
            case _:
                self._is_stream = True
                self._take(self._lines.decode(self._head), deltas)

    def _add(self, piece: bytes, deltas: list[Delta]) -> None:
        """Add a piece of a JSON object, which may be the first line of many."""
        assert self._whole is not None  # noqa: S101  # the callers see to it
        self._whole.append(piece)
        if self._size > MAX_JSON_BYTES:
            self._whole = []
            self._fail(f"sent a reply of more than {MAX_JSON_BYTES:,} bytes")
        elif not self._is_pretty and b"\n" in piece:
            text = b"".join(self._whole)
            line = text.partition(b"\n")[0]
            self._is_pretty = not is_json(line) or len(line) > sse.MAX_EVENT_BYTES
            if not self._is_pretty:
                self._is_stream, self._whole = True, None
                self._take(self._lines.decode(text), deltas)

    def _take(self, events: list[sse.Event], deltas: list[Delta], *, last: bool = False) -> None:
        """Decode events; `last` tells that they lack their blank line, and may be cut short."""
        self._events_seen += len(events)
        chunks, like, answer = self._chunks, self._like, self._answer
        size, room = 0, self._max_size - chunks.size
        prefix, suffix, begin, end = like.around
        for data, kind in events:
            text: Any = None
            if data.startswith(prefix) and data.endswith(suffix) and kind == "message":
                try:  # noqa: SIM105  # nearly every event comes here, and suppress takes its time
                    text = orjson.loads(data[begin:end])
                except ValueError:
                    pass
            if type(text) is str:
                # Nearly every event: what else would be done with its text is skipped.
                size += len(text)
                like.misses = 0
                if answer.plain and not (
                    (answer.mark in text or answer.other_mark in text) and answer.marks(text)
                ):
                    answer.pieces.append(text)
                    deltas.append(TextDelta(like.choice, text))
                else:
                    answer.feed(text, deltas)
            else:
                self._event(data, kind, deltas, last=last)
                if self._is_over():
                    break
                self._answer = answer = chunks.answer(like.choice)
                room = self._max_size - chunks.size
                prefix, suffix, begin, end = like.around
            if size > room:
                self._fail(
                    f"sent a reply of more than {self._max_size:,} characters, which was ended "
                    "there; %config ChatConfig.max_reply_size allows more"
                )
                break
        chunks.size += size
        if self._size >= self._tidy_at:
            self._tidy_at = self._size + _TIDY_BYTES
            for answer in chunks.answers.values():
                answer.tidy()

    def _event(self, data: bytes, kind: str, deltas: list[Delta], *, last: bool) -> None:
        """Decode one event that is not like the one before it."""
        try:
            try:
                value = orjson.loads(data)
            except ValueError:
                self._odd_event(decoded(data), kind, deltas, last=last)
            else:
                self._value(value, data, kind, deltas)
        except RecursionError:
            self._fail("sent what is no JSON that can be read: it is nested too deeply")

    def _odd_event(self, text: str, kind: str, deltas: list[Delta], *, last: bool) -> None:
        """Decode an event that orjson refuses; the standard library takes NaN, half characters."""
        for part in [text] if kind == "error" else parts_of(text):
            if part == "[DONE]":
                self.done = True
            elif kind == "error":
                self._error(part)
            elif part:
                try:
                    for value in values_in(part):
                        self._value(value, b"", kind, deltas)
                except ValueError:
                    if _BEGINS_LIKE_JSON.match(part) and not last:
                        self._fail(f"sent what is no JSON: {beginning(part)}")
                    else:
                        self._last_words = f"sent what is no JSON: {beginning(part)}"
                        self._skip(self._last_words)
            if self._is_over():
                return

    def _value(self, value: Any, data: bytes, kind: str, deltas: list[Delta]) -> None:
        if self.failure is not None:
            return
        if type(value) is str and value.lstrip().startswith("{") and is_json(value):
            value = json.loads(value)  # written as JSON twice
        if type(value) is list and any(type(item) is dict for item in value):
            for item in value:
                self._value(item, b"", kind, deltas)
            return
        chunks = self._chunks
        understood = chunks.decode(value, deltas)
        self._understood += understood
        if understood:
            self._last_words = None
        if chunks.only_text is not None and data:
            choice, text = chunks.only_text
            self._like.learn(data, choice=choice, text=text)
        if is_error(value) or (kind == "error" and not understood):
            self._error(value)
        elif chunks.error is not None:
            self._error(chunks.error)
        elif not understood:
            self._skip(_expected(value), value)

    def _skip(self, what: str, value: Any = None) -> None:
        """Pass over what is no piece of a reply."""
        self.skipped += 1
        _log.debug("%s %s; it is passed over", self._host, without_secret(what, self._secret))
        self._odd = self._odd or what
        if self._told is None and isinstance(value, dict):
            self._told = value

    def _end(self, deltas: list[Delta]) -> None:
        """Append what was held back, and note where nothing has come that can be used."""
        self._chunks.flush(deltas)
        if self.failure is not None or self._chunks.begun:
            return
        if self._told is not None and tell(self._told).message:
            self._error(self._told)
        elif self._odd is not None:
            self._fail(self._odd)
        elif self._understood:
            self._fail("sent a completion without choices")
        elif self._is_stream and not self._events_seen:
            self._fail(f"sent what is no reply: {beginning(self._head)}")

    def _error(self, body: Any) -> None:
        self.failure = status_errors.stream_error(body, url=self._url, secret=self._secret)

    def _fail(self, what: str) -> None:
        self.failure = APIStreamError(f"{self._host} {without_secret(what, self._secret)}")


def _expected(value: Any) -> str:
    if isinstance(value, dict):
        if value.get("choices") == []:
            return "sent a completion without choices"
        got = ", ".join(list(value)[:5]) or "an empty object"
        return f"sent what is no chat completion: expected choices, got {got}"
    kind = "null" if value is None else type(value).__name__
    return f"sent what is no chat completion: expected a JSON object, got {kind}"
