"""Which tool call a piece of a stream belongs to. No I/O.

Servers number calls, or name them by ids, or do neither, or do it wrongly. Seen of real ones: no
index; the index 0 for every call, with ids and without; the same id or name again in every piece;
another id in every piece; a name in pieces; a name that comes after the arguments; all of a call
once more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

_MARKS = re.compile(r'\\.?|["{}\[\]]', re.DOTALL)


@dataclass(slots=True)
class _Call:
    """What has come of one call. `whole`: its arguments began with a bracket, which is closed."""

    id: str
    name: str = ""
    pieces: list[str] = field(default_factory=list)
    length: int = 0
    whole: bool = False
    _depth: int = 0
    _in_text: bool = False
    _escaped: bool = False
    _broken: bool = False  # the arguments are no JSON: their brackets tell nothing

    def is_all(self, arguments: str) -> bool:
        """Tell whether these are all of the arguments; looks at the text only where it may be."""
        return len(arguments) == self.length and arguments == "".join(self.pieces)

    def append(self, piece: str) -> None:
        """Add a piece of the arguments, and look at its brackets: nothing is read twice."""
        if not piece:
            return
        if not self._depth and not self.whole and (begin := piece.lstrip()):
            self._broken = self._broken or begin[0] not in "{["
        self.pieces.append(piece)
        self.length += len(piece)
        if self._broken:
            return
        mark = ""
        for mark in _MARKS.findall(piece[self._escaped :]):
            if mark == '"':
                self._in_text = not self._in_text
            elif mark[0] != "\\" and not self._in_text:
                self._depth += 1 if mark in "{[" else -1
                self.whole = self._depth <= 0
        self._escaped = mark == "\\"  # a lone one is the last character


@dataclass(slots=True)
class Calls:
    """The tool calls of one choice by their numbers, which keep the order of the server's own."""

    calls: dict[int, _Call] = field(default_factory=dict)
    by_index: dict[int, int] = field(default_factory=dict)
    by_id: dict[str, int] = field(default_factory=dict)
    last: int = -1
    _free: int = 0  # greater than every number

    def open(self, call_id: str, wanted: int = 0) -> int:
        """Open another call and return its number, `wanted` where that is free."""
        number = self._free if wanted in self.calls else wanted
        self._free = max(self._free, number + 1)
        self.calls[number] = _Call(call_id)
        return number

    def take(self, index: Any, call_id: str, name: str, arguments: str) -> tuple[int, str, str]:
        """Return the number of the call that a piece belongs to, and what is new in the piece.

        The latter is the name, or a part of it, and the arguments.
        """
        if type(index) is not int or index < 0:
            index = None
        number = self._known(index, call_id)
        call = self.calls.get(number)
        # Nothing but an index or an id says that a piece belongs to the call before it.
        sure = call is not None and (index is not None or call_id == call.id != "")
        if call is not None and sure and call.whole and _goes_on(call, call_id, name):
            arguments = "" if call.is_all(arguments) else arguments  # all of it once more
        if call is None or _is_another(call, index, call_id, name, arguments, sure=sure):
            if call is not None and call_id in ("", call.id):
                name = name or call.name
            number = self.open(call_id, index or 0)
            call = self.calls[number]
        if index is not None:
            self.by_index[index] = number
        self.last = number
        name = "" if name == call.name else name.removeprefix(call.name)
        call.id = call.id or call_id
        self.by_id[call.id] = number
        call.name += name
        call.append(arguments)
        return number, name, arguments

    def _known(self, index: int | None, call_id: str) -> int:
        """Return the number of the call that the index or the id means, or else of the last."""
        number = self.last if index is None else self.by_index.get(index, -1)
        if call_id and number >= 0 and self.calls[number].id != call_id:
            return self.by_id.get(call_id, number)
        return number


def _goes_on(call: _Call, call_id: str, name: str) -> bool:
    """Tell whether a piece may be of the call: it has no name, or the same and no other id."""
    return not name or (name == call.name and not _has_other_id(call, call_id))


def _has_other_id(call: _Call, call_id: str) -> bool:
    return bool(call_id and call.id and call_id != call.id)


def _is_another(
    call: _Call, index: int | None, call_id: str, name: str, arguments: str, *, sure: bool
) -> bool:
    """Tell whether a piece begins another call than the one that its index or id would mean."""
    if call.whole and arguments.lstrip().startswith("{"):
        return True
    other_id = _has_other_id(call, call_id)
    if not name:
        # An index says more than an id, and what has no name continues arguments that are begun.
        return other_id and index is None and (call.whole or not arguments)
    if other_id:
        return True
    if name == call.name:
        return call.whole and not sure
    # Another name: of another call, or the rest of this one's, or its own that comes late.
    return call.name != "" and (bool(call.pieces) or not sure)
