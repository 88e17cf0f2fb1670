"""A record: every request of a kernel with what answered it, a line of JSON each.

It is added to while a kernel works, and read to answer the same requests again without a server.
What is read may come from a stranger; it becomes text and numbers, never anything else.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eighty80_jupyter import errors
from eighty80_jupyter.api.reply import Choice, Usage
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.storage.files import APPENDING, PRIVATE, append, read_file, reason, target
from eighty80_jupyter.storage.serialization import from_json, plain, read, to_json
from eighty80_jupyter.text import clean_json

VERSION = 1
_LARGEST = 4_000_000_000  # bytes
_START = 200  # bytes by which a record is known
_MARK = re.compile(rb'\{"record":\d+,')
# Blocks of data have ids that are keyed by a secret of the user: for another user they are others.
_BLOCK_ID = re.compile(rb'<data name=\\"[^"\n]*\\" type=\\"[^"\n]*\\" id=\\"([0-9a-f]+)\\">')


_KINDS: Mapping[str, type[errors.APIError]] = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.APIError)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An error that ended a request: the class of `errors` and what it says."""

    kind: str
    text: str
    status_code: int | None = None
    message: str = ""
    code: str | None = None
    param: str | None = None
    limit: int | None = None

    @classmethod
    def of(cls, error: errors.APIError) -> Failure:
        """Return what can be written down of an error."""
        told = {
            name: getattr(error, name, None)
            for name in ("status_code", "message", "code", "param", "limit")
        }
        known = {name: value for name, value in told.items() if value is not None}
        return cls(kind=type(error).__name__, text=str(error), **known)

    def error(self) -> errors.APIError:
        """Return the error again."""
        kind = _KINDS.get(self.kind, errors.APIError)
        if not issubclass(kind, errors.APIStatusError):
            return kind(self.text)
        status_error: type[errors.APIStatusError] = kind
        error = status_error(
            self.text,
            status_code=self.status_code or 0,
            message=self.message,
            code=self.code,
            param=self.param,
        )
        if isinstance(error, errors.ContextLengthError):
            error.limit = self.limit
        return error


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A request and what answered it.

    `at` is when it was sent (UTC, ISO 8601), `address` the base address of the server, `request`
    the body without what only says how it is streamed, `seconds` how long it took until the end.
    `choices`, `model`, `id` and `usage` are the answer; `notes` say how the request was changed for
    the server. `failure` is the error that ended it. One that was `interrupted` answers nothing
    later: nobody saw how it ends.
    """

    at: str = ""
    address: str = ""
    request: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    choices: tuple[Choice, ...] = ()
    model: str = ""
    id: str = ""
    usage: Usage | None = None
    notes: tuple[str, ...] = ()
    failure: Failure | None = None
    interrupted: bool = False


class Recorder:
    """Writes entries to the end of a file, which is private to the user.

    `clean` takes secrets out of plain values. Used on one thread. What cannot be written is not
    there; `problem` says so once.
    """

    def __init__(self, path: str | os.PathLike[str], clean: Callable[[Any], Any]) -> None:
        self.path = check_record(path)
        self._clean = clean
        self._descriptor: int | None = None
        self._problem = ""
        self._is_told = False

    def write(self, entry: Entry) -> None:
        """Add an entry: one line, in one call, so that several kernels can share a file."""
        try:
            line = to_json({"record": VERSION, **self._clean(plain(entry))}) + b"\n"
            if self._descriptor is None:
                self._descriptor = os.open(self.path, APPENDING, PRIVATE)
                if _is_open(self.path):
                    line = b"\n" + line
            append(self._descriptor, line)
        except (OSError, UsageError) as error:
            if not self._is_told:
                self._is_told = True
                self._problem = f"the record {self.path.name} is not whole: {reason(error)}"

    def problem(self) -> str:
        """Return once why the record is not whole; empty: nothing new."""
        problem, self._problem = self._problem, ""
        return problem

    def close(self) -> None:
        """Close the file; the next entry opens it again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def check_record(path: str | os.PathLike[str]) -> Path:
    """Return the file that a record can be added to. Raises UsageError for another file."""
    found = target(path)
    try:
        with found.open("rb") as file:
            start = file.read(_START)
    except FileNotFoundError:
        return found
    except OSError as error:
        raise UsageError(f"cannot write {path}: {reason(error)}") from None
    if start and not _MARK.match(start):
        raise UsageError(f"{path} is there and is no record; name another file")
    return found


class RecordedAnswers:
    """The entries of a record, given out for the same requests in their recorded order.

    `total` counts the entries that can answer, `found` the requests that one was found for,
    `missed` the others. Used on one thread.
    """

    def __init__(self, path: str | os.PathLike[str], clean: Callable[[Any], Any]) -> None:
        """Read a record. `clean` is what its writer took secrets out with. Raises UsageError."""
        self.path = Path(path).expanduser()
        self.found = self.missed = self.total = 0
        self._clean = clean
        self._entries: dict[bytes, deque[Entry]] = {}
        lines = read_file(path, _LARGEST).split(b"\n")
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                entry = _entry(line)
            except UsageError as error:
                if number == len(lines) or _is_cut(line):
                    continue
                raise UsageError(f"{path} is no record: line {number}: {error}") from None
            if not entry.interrupted:
                self.total += 1
                self._entries.setdefault(_key(entry.request), deque()).append(entry)

    def answer(self, address: str, request: Mapping[str, Any]) -> Entry | None:
        """Return the next entry for this request, from the same server if there is one."""
        waiting = self._entries.get(_key(self._clean(plain(request))), deque())
        here = (entry for entry in waiting if entry.address == address)
        entry = next(here, waiting[0] if waiting else None)
        if entry is None:
            self.missed += 1
            return None
        waiting.remove(entry)
        self.found += 1
        return entry

    @property
    def told(self) -> str:
        """Return how many of the requests so far the record answered."""
        return f"{self.found:,} of {self.found + self.missed:,} from the record"


def now() -> str:
    """Return the time as entries have it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _entry(line: bytes) -> Entry:
    values = clean_json(from_json(line))
    if not isinstance(values, dict) or not isinstance(version := values.pop("record", None), int):
        raise UsageError("it has no entry of a record")
    if version > VERSION:
        raise UsageError("it was written by a later version; upgrade eighty80_jupyter")
    return read(Entry, values)


def _is_open(path: Path) -> bool:
    """Tell whether a file ends within a line, as a killed kernel leaves it."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(end - 1, 0))
        return file.read(1) not in (b"", b"\n")


def _is_cut(line: bytes) -> bool:
    """Tell whether a killed kernel left an entry half written, to which others were added."""
    try:
        from_json(line)
    except UsageError:
        start = b'{"record":'
        return line[: len(start)] == start[: len(line)]
    return False


def _key(request: Mapping[str, Any]) -> bytes:
    """Return what is the same for the same request, whoever sends it."""
    text = json.dumps(clean_json(request), sort_keys=True).encode()
    for number, block in enumerate(dict.fromkeys(_BLOCK_ID.findall(text))):
        text = text.replace(block, b"#%d" % number)
    return hashlib.blake2b(text, digest_size=16).digest()
