"""Server-sent events: bytes in, events out, no I/O.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from __future__ import annotations

from typing import TypeAlias

MAX_EVENT_BYTES = 16 * 2**20
_BOM = b"\xef\xbb\xbf"
_SEPARATOR = b"\x1e"  # before each text of a JSON sequence (RFC 7464)

# One dispatched event: its data (UTF-8, lines joined by a line feed) and its type. A plain tuple,
# because there is one for every token and making a class's instance takes ten times as long.
Event: TypeAlias = tuple[bytes, str]


class Decoder:
    """Turn the bytes of an event stream into events, however they are cut.

    `decode(chunk)` returns the events that the chunk completes. An event is dispatched by the blank
    line after it; `flush()` returns the last one where a server left that line out, which the
    specification discards and real servers do. Field names other than `data` and `event` have no
    meaning here: nothing ever reconnects.

    Two liberties beyond the specification, for servers that leave out what it asks for. Data that
    ends with `}` is an event of its own where the next data begins with `{` or is `[DONE]`: no JSON
    goes on like that, so that events may be separated by one line end. And lines that begin with
    `{`, which the specification passes over, are data: newline-delimited JSON, or an error that was
    written behind the events.

    `overflow` is set when the lines of one event, finished or not, hold more than `limit` bytes;
    from then on nothing is kept and nothing is returned.
    """

    __slots__ = (
        "_after_cr",
        "_bare",
        "_data",
        "_limit",
        "_pending",
        "_size",
        "_started",
        "_type",
        "overflow",
    )

    def __init__(self, *, limit: int = MAX_EVENT_BYTES) -> None:
        self._limit = limit
        self._pending: list[bytes] = []  # pieces of a line whose end has not come yet
        self._size = 0  # bytes of the unfinished event, those of its unfinished line included
        self._data: list[bytes] = []
        self._bare: list[bytes] = []  # lines of a JSON object that stand by themselves
        self._type = ""
        self._after_cr = False  # the last byte was a CR: a LF right after it belongs to it
        self._started = False
        self.overflow = False

    def decode(self, chunk: bytes) -> list[Event]:
        """Return the events that `chunk` completes."""
        # Nearly every chunk: whole events of one line each, and nothing is left of one before.
        if (
            not self._size
            and self._started
            and not self._after_cr
            and chunk.startswith(b"data: ")
            and chunk.endswith(b"\n\n")
            and b"\r" not in chunk
            and len(chunk) <= self._limit
        ):
            ends = chunk.count(b"\n")
            if ends == 2:  # noqa: PLR2004  # those of one event
                return [(chunk[6:-2], "message")]
            found = chunk[6:-2].split(b"\n\ndata: ")
            if ends == 2 * len(found):
                return [(data, "message") for data in found]
        if not self._started:
            chunk = self._strip_bom(chunk)
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        # Bytes are split at CR, LF and CRLF only, as the specification has it.
        lines = chunk.splitlines()
        rest = b""
        if chunk.endswith(b"\r"):
            self._after_cr = True
        elif lines and not chunk.endswith(b"\n"):
            rest = lines.pop()
        if lines and self._pending:
            self._size -= sum(map(len, self._pending))
            lines[0] = b"".join((*self._pending, lines[0]))
            self._pending.clear()
        events = self._interpret(lines)
        if rest and not self.overflow:
            self._pending.append(rest)
            self._size += len(rest)
            self._check()
        return events

    def flush(self) -> list[Event]:
        """Return the event that the end of the stream left without its blank line, if any."""
        last = b"".join(self._pending)
        self._pending.clear()
        self._size -= len(last)
        return self._interpret([last, b""] if last else [b""])

    def _interpret(self, lines: list[bytes]) -> list[Event]:
        events: list[Event] = []
        if self.overflow:
            return events
        data, size, limit = self._data, self._size, self._limit
        for line in lines:
            if line[:6] == b"data: " and not data:  # nearly every line that is not blank
                data.append(line[6:])
                size += len(line)
            elif size > limit:
                break
            elif line:
                size = self._line(line, size, events)
            else:
                if data:
                    events.append(
                        (data[0] if len(data) == 1 else b"\n".join(data), self._type or "message")
                    )
                    data.clear()
                if self._bare:
                    events.append((b"\n".join(self._bare), "message"))
                    self._bare.clear()
                self._type = ""
                size = 0
        self._size = size
        self._check()
        return events

    def _check(self) -> None:
        if self._size > self._limit:
            self.overflow = True
            self._data.clear()
            self._bare.clear()
            self._pending.clear()

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

    def _line(self, line: bytes, size: int, events: list[Event]) -> int:
        """Take a line that is not blank; return the bytes of the event that is unfinished then."""
        size += len(line)
        if size > self._limit:  # with what is before it, as if that were not another event
            return size
        line = line.removeprefix(_SEPARATOR)
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        is_bare = bool(self._bare) or line[:1] == b"{"
        if self._data and (is_bare or (name == b"data" and _is_next(self._data, value))):
            events.append((b"\n".join(self._data), self._type or "message"))
            self._data.clear()
            size = len(line)
        if is_bare:
            if not self._bare and line.rstrip().endswith(b"}"):
                events.append((line, "message"))
                return 0
            self._bare.append(line)
        elif name == b"data":
            self._data.append(value)
        elif name == b"event":
            self._type = value.decode("utf-8", "replace")
        return size


def _is_next(data: list[bytes], line: bytes) -> bool:
    """Tell whether a line of data begins another event than the lines before it."""
    return data[-1].rstrip().endswith(b"}") and line.lstrip().startswith((b"{", b"[DONE]"))
