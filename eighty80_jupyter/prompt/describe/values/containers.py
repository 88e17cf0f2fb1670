"""Lists, dictionaries, sets and objects with fields, at any depth, as bounded text."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any

from eighty80_jupyter.prompt.describe.base import Draft, Request, attempt, kind_of, text_of
from eighty80_jupyter.prompt.describe.values import short_repr
from eighty80_jupyter.prompt.describe.values.structure import ENVIRON, Structure, structure_of
from eighty80_jupyter.prompt.tokens import estimate
from eighty80_jupyter.text import counted

TAKES = ("head=N", "json", "full")

_LINE = 100  # characters of a container that stays on one line
_ENDLESS = 10**9
_MOST = 100  # items shown of a container that does not fit, unless more are asked for
_RANGED = 100_000
_MANY_TIMES = 10
_FULL_NODES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much is written: items of each container below the top, levels, a text's characters."""

    items: int
    depth: int
    width: int


_PROFILES = (
    Limits(items=200, depth=12, width=1_000),
    Limits(items=40, depth=6, width=200),
    Limits(items=15, depth=5, width=100),
    Limits(items=8, depth=4, width=60),
    Limits(items=4, depth=3, width=40),
    Limits(items=2, depth=2, width=30),
    Limits(items=0, depth=1, width=20),
)
_WHOLE = Limits(items=_ENDLESS, depth=30, width=_ENDLESS)


class TooMuchError(Exception):
    """A text would have more nodes than its writer may write."""


class Writer:
    """Write values on one line each, within `limits` and at most `nodes` values in all.

    `digits` is how many of a float are written; 0 is all.
    `shortened` says afterwards whether anything was left out below the top.
    """

    def __init__(
        self,
        request: Request,
        limits: Limits,
        *,
        nodes: int = _ENDLESS,
        as_json: bool = False,
        digits: int = 0,
    ) -> None:
        self.request = request
        self.limits = limits
        self.nodes = nodes
        self.as_json = as_json
        self.digits = digits
        self.shortened = False
        self._inside: list[int] = []

    def text(self, value: Any) -> str:
        """Return `value` on one line. Raises TooMuchError when `nodes` are used up."""
        self.nodes -= 1
        if self.nodes < 0:
            raise TooMuchError
        width = min(self.limits.width, 1_000)
        if (own := short_repr.own(value, self.request, width)) is not None:
            return self._foreign(own)
        if issubclass(type(value), str):
            return self._quoted(text_of(value))
        if issubclass(type(value), (bytes, bytearray)):
            return self._other(short_repr.head_of_bytes(value))
        if (text := attempt(short_repr.scalar, value, default=None)) is not None:
            return self._scalar(value, text)
        if id(value) in self._inside:
            return self._other("<itself>")
        structure = attempt(structure_of, value, default=None)
        if structure is None:
            text = None
            if type(value) not in self.request.unknown:
                text = attempt(short_repr.known, value, default=None)
            if text is None:
                self.request.unknown.add(type(value))
                return self._foreign(short_repr.foreign(value, self.request, width))
            return self._other(text)
        if len(self._inside) >= self.limits.depth:
            self.shortened = True
            return self._other(f"<{structure.title or kind_of(value)} of {structure.size:,}>")
        self._inside.append(id(value))
        try:
            return self._container(structure)
        finally:
            self._inside.pop()

    def items(self, value: Any, structure: Structure) -> Iterator[str]:
        """Yield the text of each item of a container, as its own line would have it."""
        self._inside.append(id(value))
        for item in structure.items():
            yield self._item(structure, item)
        self._inside.pop()

    def _container(self, structure: Structure) -> str:
        limit = self.limits.items
        pieces = [self._item(structure, item) for item in islice(structure.items(), limit)]
        if structure.size > len(pieces):
            self.shortened = True
            more = f"… {structure.size - len(pieces):,} more"
            pieces.append(self._more(structure, more))
        return structure.wrapped(", ".join(pieces), as_json=self.as_json, alone=len(pieces) == 1)

    def _more(self, structure: Structure, more: str) -> str:
        if not self.as_json:
            return more
        return (
            f'"…": {json.dumps(more)}' if structure.pairs else json.dumps(more, ensure_ascii=False)
        )

    def _item(self, structure: Structure, item: Any) -> str:
        if not structure.pairs:
            return self.text(item)
        key, value = item
        if structure.pairs == "=" and not self.as_json:
            return f"{key}={self.text(value)}"
        name = self.text(key)
        if self.as_json and name[:1] != '"':
            name = json.dumps(name, ensure_ascii=False)
        return f"{name}: {self.text(value)}"

    def _quoted(self, text: str) -> str:
        width = self.limits.width
        self.nodes -= min(len(text), width) // 8
        if self.nodes < 0:
            raise TooMuchError
        scrub = self.request.scrub
        if scrub is not None and len(text) <= width and ("\n" in text or "\\" in text):
            text = scrub(text)  # quoting would hide a secret that spans lines
        short = self.request.shorten(text, width)
        self.shortened |= len(text) > width
        size = f" ({len(text):,} characters)" if len(text) > 4 * width else ""
        if self.as_json:
            return json.dumps(short + size, ensure_ascii=False)
        return repr(short) + size

    def _scalar(self, value: Any, text: str) -> str:
        if self.digits and issubclass(type(value), float):
            text = f"{float(value):.{self.digits}g}"
        if not self.as_json:
            return text
        if value is None or value is True or value is False:
            return json.dumps(value)
        number = issubclass(type(value), (int, float)) and text.lstrip("-")[:1].isdigit()
        return text if number else json.dumps(text, ensure_ascii=False)

    def _foreign(self, text: str) -> str:
        self.shortened |= text.endswith("…")
        return self._other(text)

    def _other(self, text: str) -> str:
        return json.dumps(text, ensure_ascii=False) if self.as_json else text


def draft(value: Any, request: Request) -> Draft | None:
    """Describe a container or an object with fields; None for any other value."""
    structure = structure_of(value)
    if structure is None:
        return None
    chosen = request.chosen(kind_of(value), *TAKES)
    as_json = "json" in chosen
    top = min(chosen.get("head", structure.size), structure.size)
    full = "full" in chosen
    nodes = _FULL_NODES if full else request.budget + 50
    writer = Writer(request, _WHOLE, nodes=nodes, as_json=as_json)
    try:
        lines = list(islice(writer.items(value, structure), top))
    except TooMuchError:
        if full:
            size = f"{counted(structure.size, structure.noun)} with too many values"
            raise request.too_large(kind_of(value), size) from None
        lines = []
    text = _laid_out(structure, lines, as_json=as_json)
    if full or (len(lines) == top and _fits(text, request.budget - 25)):
        below = writer.shortened
        return _finished(value, structure, text, shown=len(lines), fixed=full, below=below)
    top = min(top, chosen.get("head", _MOST))
    return _bounded(value, structure, request, top=top, as_json=as_json)


def _bounded(
    value: Any, structure: Structure, request: Request, *, top: int, as_json: bool
) -> Draft:
    """Choose the most generous limits with which at least three items fit."""
    room = request.budget - 25
    best: list[str] = []
    below = False
    for limits in _PROFILES:
        writer = Writer(request, limits, nodes=request.budget + 50, as_json=as_json)
        lines = _within(islice(writer.items(value, structure), top), room)
        if len(lines) > len(best):
            best, below = lines, writer.shortened
        if len(best) >= min(top, 3):
            break
    text = _laid_out(structure, best, as_json=as_json)
    return _finished(value, structure, text, shown=len(best), below=below)


def _within(lines: Iterable[str], room: int) -> list[str]:
    chosen: list[str] = []
    try:
        for line in lines:
            room -= estimate(line) + 1
            if room < 0:
                break
            chosen.append(line)
    except TooMuchError:
        pass
    return chosen


def _fits(text: str, budget: int) -> bool:
    return len(text) <= budget * 12 + 100 and estimate(text) <= budget


def _laid_out(structure: Structure, lines: list[str], *, as_json: bool) -> str:
    """Return the items on one line if they are short or plain, else on a line each."""
    more = structure.size - len(lines)
    if not structure.pairs and not as_json:
        lines = [text for line, run in groupby(lines) for text in _repeated(line, len(list(run)))]
    if more:
        note = f"… {more:,} more"
        lines = [*lines, json.dumps(note, ensure_ascii=False) if as_json else note]
    width = sum(len(line) + 2 for line in lines)
    plain = not structure.pairs and all(len(line) < 25 for line in lines)  # noqa: PLR2004  # numbers and words
    if structure.title == ENVIRON:
        return f"{ENVIRON}: {', '.join(line.strip(chr(39)) for line in lines)}"
    if width <= _LINE or plain:
        return structure.wrapped(", ".join(lines), as_json=as_json, alone=len(lines) == 1)
    inner = "".join(f"\n {line}," for line in lines[:-1]) + f"\n {lines[-1]}\n"
    return structure.wrapped(inner, as_json=as_json)


def _repeated(line: str, times: int) -> list[str]:
    return [f"{line} ({times:,} times)"] if times >= _MANY_TIMES else [line] * times


def _finished(
    value: Any,
    structure: Structure,
    text: str,
    *,
    shown: int,
    fixed: bool = False,
    below: bool = False,
) -> Draft:
    kind = kind_of(value)
    summary = counted(structure.size, structure.noun)
    cut = []
    if shown < structure.size:
        summary += f", {shown:,} shown"
        cut.append(f"{counted(structure.size - shown, structure.noun)} of {structure.size:,}")
    if below:
        cut.append("parts of the items")
    if cut:
        which = f"the first {shown:,}" if shown < structure.size else "all"
        about = attempt(_numbers, value, default="")
        text = f"{kind} of {counted(structure.size, structure.noun)}{about}, {which} shown:\n{text}"
    return Draft(text=text, kind=kind, summary=summary, cut=" and ".join(cut), fixed=fixed)


def _numbers(value: Any) -> str:
    """Return the range of a list of numbers; nothing for other things."""
    if not issubclass(type(value), (list, tuple)) or len(value) > _RANGED:
        return ""
    kinds = set(map(type, value))
    if not kinds <= {int, float} or not kinds:
        return ""
    finite = [number for number in value if math.isfinite(number)]
    return f" ({min(finite)} to {max(finite)})" if finite else ""
