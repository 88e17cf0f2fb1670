"""Server-sent events: bytes in, events out, no I/O.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from __future__ import annotations

from typing import NamedTuple

MAX_EVENT_BYTES = 16 * 2**20
_BOM = b"\xef\xbb\xbf"


class Event(NamedTuple):
    """One dispatched event: its data (lines joined by a line feed) and its type."""

    data: str
    event: str = "message"


class EventTooLargeError(ValueError):
    """More than `MAX_EVENT_BYTES` arrived without the blank line that ends an event."""


class Decoder:
    """Turn the bytes of an event stream into events, however they are cut.

    `decode(chunk)` returns the events that the chunk completes. An event is dispatched by the blank
    line after it; `flush()` returns the last one where a server left that line out, which the
    specification discards and real servers do. Field names other than `data` and `event` have no
    meaning here: nothing ever reconnects.
    """

    __slots__ = ("_after_cr", "_data", "_event", "_limit", "_pending", "_size", "_started")

    def __init__(self, *, limit: int = MAX_EVENT_BYTES) -> None:
        self._limit = limit
        self._pending: list[bytes] = []  # pieces of a line whose end has not come yet
        self._size = 0  # bytes of the unfinished event, its unfinished line included
        self._data: list[str] = []
        self._event = ""
        self._after_cr = False  # the last byte was a CR: a LF right after it belongs to it
        self._started = False

    def decode(self, chunk: bytes) -> list[Event]:
        """Return the events that `chunk` completes.

        Raises EventTooLargeError when an event grows past the limit.
        """
        if not self._started:
            chunk = self._strip_bom(chunk)
        if self._after_cr and chunk:
            self._after_cr = False
            if chunk[0] == 10:  # noqa: PLR2004  # LF
                chunk = chunk[1:]
        lines = (
            chunk.splitlines()
        )  # bytes split at CR, LF and CRLF only, as the specification has it
        if chunk.endswith((b"\n", b"\r")):
            self._after_cr = chunk.endswith(b"\r")
            rest = b""
        else:
            rest = lines.pop() if lines else b""
        if lines and self._pending:
            self._size -= sum(map(len, self._pending))
            lines[0] = b"".join((*self._pending, lines[0]))
            self._pending.clear()
        events: list[Event] = []
        for line in lines:
            if line[:6] == b"data: ":  # nearly every line: the general case is below
                self._data.append(line[6:].decode("utf-8", "replace"))
                self._size += len(line)
            elif line:
                self._field(line)
            else:
                self._dispatch(events)
        if rest:
            self._pending.append(rest)
            self._size += len(rest)
        if self._size > self._limit:
            raise EventTooLargeError(f"an event of more than {self._limit:,} bytes")
        return events

    def flush(self) -> list[Event]:
        """Return the event that the end of the stream left without its blank line, if any."""
        events: list[Event] = []
        if self._pending:
            line = b"".join(self._pending)
            self._pending.clear()
            self._field(line)
        self._dispatch(events)
        return events

    def _strip_bom(self, chunk: bytes) -> bytes:
        """Leave out a byte order mark at the very start, also one that is cut in two."""
        chunk = b"".join((*self._pending, chunk))
        self._pending.clear()
        self._size = 0
        if len(chunk) < len(_BOM) and _BOM.startswith(chunk):
            self._pending = [chunk] if chunk else []
            self._size = len(chunk)
            return b""
        self._started = True
        return chunk.removeprefix(_BOM)

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value.decode("utf-8", "replace"))
            self._size += len(line)
        elif name == b"event":
            self._event = value.decode("utf-8", "replace")

    def _dispatch(self, events: list[Event]) -> None:
        if self._data:
            data = self._data[0] if len(self._data) == 1 else "\n".join(self._data)
            events.append(Event(data, self._event or "message"))
            self._data.clear()
        self._event = ""
        self._size = 0
