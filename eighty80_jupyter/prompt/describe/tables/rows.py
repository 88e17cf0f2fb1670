"""Cells and rows of a table as text: CSV, Markdown or JSON."""

from __future__ import annotations

import json
import math
from typing import Any

from eighty80_jupyter.prompt.describe.base import Request, text_of
from eighty80_jupyter.prompt.describe.values import short_repr
from eighty80_jupyter.prompt.describe.values.containers import Limits, Writer

FORMATS = ("csv", "md", "json")
MISSING = "NA"  # in a table of one column; in others the cell is empty
_LIKE_MISSING = {"", "na", "n/a", "nan", "nat", "none", "null", "<na>", "#n/a", "missing"}
_LABEL = 60  # characters of a column's name
_HUGE = 1e15
_TINY = 1e-4
_MIDNIGHT = " 00:00:00"


class Cells:
    """Write the cells of one table; remember what was cut.

    `width` bounds a cell in characters; None writes it whole, and numbers with all their digits.
    """

    def __init__(self, request: Request, width: int | None) -> None:
        self.request = request
        self.width = width
        self.rounded = False
        self.clipped = False
        inner = 10**6 if width is None else max(width, 8)
        limits = Limits(items=10**6 if width is None else 20, depth=8, width=inner)
        self._writer = Writer(request, limits)

    def column(self, values: list[Any]) -> list[Any]:
        """Return the texts of a column's cells: None for what is missing, numbers as Bare."""
        cells = [self.cell(value) for value in values]
        texts = [cell for cell in cells if type(cell) is str]
        if not all(cell.endswith(_MIDNIGHT) for cell in texts):
            return cells
        return [cell.removesuffix(_MIDNIGHT) if type(cell) is str else cell for cell in cells]

    def cell(self, value: Any) -> str | None:
        """Return the text of a cell; None for a missing value."""
        if short_repr.is_missing(value):
            return None
        if (own := short_repr.own(value, self.request, 0)) is not None:
            return self._clip(own)
        if issubclass(type(value), str):
            return self._clip(text_of(value))
        kind = type(value)
        if kind is bool or kind.__name__ in {"bool_", "bool"}:
            return Bare(bool(value))
        if issubclass(type(value), float):
            return self._number(float.__float__(value))
        if kind is int:
            return Bare(short_repr.scalar(value) or "")
        text = short_repr.scalar(value)
        return self._clip(self._writer.text(value) if text is None else text)

    def _number(self, value: float) -> str:
        if self.width is None:
            return Bare(float.__repr__(value))
        text = number(value)
        self.rounded |= float(text) != value
        return Bare(text) if math.isfinite(value) else text

    def _clip(self, text: str) -> str:
        if self.width is None:
            return text
        short = self.request.shorten(text, self.width)
        self.clipped |= short != text
        return short


class Bare(str):
    """The text of a number or a truth value: JSON writes it without quotes."""

    __slots__ = ()


def number(value: float, digits: int = 6) -> str:
    """Return a number in about six digits, without losing its units; infinities as inf."""
    if not math.isfinite(value):
        return str(value)
    size = abs(value)
    if value == int(value) and size < _HUGE:
        return str(int(value))
    if size >= _HUGE or size < _TINY:
        return f"{value:.{digits}g}"
    if size >= 10 ** (digits - 1):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return f"{value:.{digits}g}"


def label(name: Any, request: Request) -> str:
    """Return a column's name: a plain text as it is, all else so that code could use it."""
    if (own := short_repr.own(name, request, _LABEL)) is not None:
        return own
    if isinstance(name, str):
        text = text_of(name)
        text = request.shorten(text, _LABEL) if len(text) > _LABEL else text
        odd = not text or text != text.strip() or not text.isprintable() or _like_constant(text)
        return repr(text) if odd else text
    if isinstance(name, tuple):
        limits = Limits(items=10, depth=2, width=_LABEL)
        return request.shorten(Writer(request, limits).text(name), 2 * _LABEL)
    text = short_repr.scalar(name) or short_repr.foreign(name, request, _LABEL)
    return request.shorten(text.removesuffix(_MIDNIGHT), _LABEL)


def _like_constant(text: str) -> bool:
    """Say whether a text reads as a number, a truth value or a missing one."""
    if text in {"None", "nan", "NaT", "<NA>", "True", "False"}:
        return True
    return text[:1].isdigit() and text.replace(".", "", 1).isdigit()


def rendered(names: list[str], rows: list[list[Any]], form: str) -> str:
    """Return the rows, whose cells are texts or None, in a format of FORMATS."""
    if form == "json":
        return _as_json(names, rows)
    if form == "md":
        lines = [names, ["---"] * len(names), *rows]
        return "\n".join("| " + " | ".join(map(_escaped, line)) + " |" for line in lines)
    alone = MISSING if len(names) == 1 else ""  # an empty line would be lost
    return "\n".join(",".join(_quoted(cell, alone) for cell in line) for line in [names, *rows])


def _quoted(cell: str | None, missing: str) -> str:
    """Return a cell of CSV: a text that is empty or reads as missing is quoted, unlike these."""
    if cell is None:
        return missing
    plain = cell and not any(mark in cell for mark in ',"\n\r')
    if plain and (isinstance(cell, Bare) or cell.strip().casefold() not in _LIKE_MISSING):
        return cell
    return '"' + cell.replace('"', '""') + '"'


def _escaped(cell: str | None) -> str:
    if cell is None:
        return ""
    if not cell.strip(' "'):
        return json.dumps(cell)  # an empty text, unlike what is missing
    return " ".join(cell.replace("\\", "\\\\").replace("|", "\\|").splitlines())


def _as_json(names: list[str], rows: list[list[Any]]) -> str:
    lines = [[_json(cell) for cell in row] for row in rows]
    if len(set(names)) < len(names):  # an object would lose all but the last of each name
        inner = ",\n".join(f"[{', '.join(line)}]" for line in lines)
        return f'{{"columns": {json.dumps(names, ensure_ascii=False)}, "rows": [\n{inner}\n]}}'
    keys = [json.dumps(name, ensure_ascii=False) for name in names]
    records = (
        "{" + ", ".join(f"{key}: {cell}" for key, cell in zip(keys, line, strict=True)) + "}"
        for line in lines
    )
    return "[\n" + ",\n".join(records) + "\n]" if lines else "[]"


def _json(cell: str | None) -> str:
    if cell is None:
        return "null"
    if isinstance(cell, Bare):
        return cell.lower() if cell in {"True", "False"} else str(cell)
    return json.dumps(cell, ensure_ascii=False)
