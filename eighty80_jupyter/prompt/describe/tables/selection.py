"""Which part of a table to show: what was asked for, then less and less, until it fits."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from eighty80_jupyter.prompt.describe.tables.rows import FORMATS

TAKES = ("schema", "head=N", "tail=N", "sample=N", "csv", "md", "json", "full")

_ROWS = 5
_SMALL_ROWS = 50
_SMALL_SHARE = 0.7  # of the budget, for a frame that is shown whole
_CELL = 80  # characters
_NARROW = 40
_DETAILED = 300  # columns that get a line of their own, whatever the budget
_LINE_TOKENS = 6  # at least, of a column's line
_STEP = 0.88  # from one number of rows to the next smaller one
_CELLS = 20  # columns whose cells are shown of a wide frame

# Runs of rows, each with its name ("all", "first", "last", "sampled").
Parts = tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which part of a table a text shows.

    `detail`: 3 all that is known of the columns, 2 without quartiles, 1 names and types, 0 grouped
    by type, -1 nothing. `parts`: the rows. `width`: characters of a cell, None for all. `columns`:
    how many of them have their cells shown. `group`: how many names of a type are listed. `share`:
    how much of the budget it may take.
    """

    detail: int
    parts: Parts
    columns: int
    width: int | None = _CELL
    group: int = 40
    share: float = 1


def choices(rows: int, columns: int, chosen: dict[str, int], budget: int) -> Iterator[Selection]:
    """Yield what could be shown of a table, the best first, for the options in `chosen`."""
    wanted = _wanted(rows, columns, chosen, budget)
    only_rows = bool(set(FORMATS) & set(chosen)) and "schema" not in chosen
    if "full" in chosen:
        detail = -1 if only_rows else 3
        yield Selection(detail=detail, parts=wanted, width=None, columns=columns)
        return
    top = 3 if columns <= min(_DETAILED, budget // _LINE_TOKENS) else 0
    if not chosen:
        if rows <= _SMALL_ROWS and top:
            yield from _whole(rows, columns)
        yield from _balanced(wanted, columns, top)
        return
    if only_rows:
        top = -1
    # Rows were asked for: what is said of the columns goes first.
    for detail in range(top, min(top, 1) - 1, -1):
        yield Selection(detail=detail, parts=wanted, columns=columns)
    yield from _shrinking(wanted, columns, min(top, 1))


def _wanted(rows: int, columns: int, chosen: dict[str, int], budget: int) -> Parts:
    """Return the rows that were asked for, no more than could possibly fit."""
    if not rows or not columns or set(chosen) == {"schema"}:
        return ()
    most = rows
    if "full" not in chosen:
        most = min(rows, 3 * budget // min(columns, _CELLS) + 3)
    if "sample" in chosen:
        # The same rows each time: an equal frame gives an equal prompt.
        picked = random.Random(0).sample(range(rows), min(chosen["sample"], most))  # noqa: S311  # no secret
        return (("sampled", tuple(sorted(picked))),)
    if "head" not in chosen and "tail" not in chosen:
        every = "full" in chosen or bool(set(FORMATS) & set(chosen))
        size = min(rows if every else _ROWS, most)
        return (("all" if size == rows else "first", tuple(range(size))),)
    first = min(chosen.get("head", 0), most)
    last = min(chosen.get("tail", 0), most, rows - first)
    parts = (("first", tuple(range(first))), ("last", tuple(range(rows - last, rows))))
    return tuple(part for part in parts if part[1])


def _whole(rows: int, columns: int) -> Iterator[Selection]:
    """Yield a small table whole: its rows say more than what is known of its columns."""
    parts: Parts = (("all", tuple(range(rows))),) if rows and columns else ()
    for width in (1_000, 300, _CELL):
        yield Selection(detail=1, parts=parts, width=width, columns=columns, share=_SMALL_SHARE)


def _balanced(wanted: Parts, columns: int, top: int) -> Iterator[Selection]:
    """Yield fewer rows first, then less of the columns, then fewer columns."""
    for detail in range(top, 0, -1):
        for rows, width in ((_ROWS, _CELL), (3, _CELL), (3, _NARROW), (2, _NARROW), (1, _NARROW)):
            parts = _cut(wanted, rows)
            yield Selection(detail=detail, parts=parts, width=width, columns=columns)
    yield from _shrinking(_cut(wanted, 3), columns, min(top, 1))


def _shrinking(wanted: Parts, columns: int, detail: int) -> Iterator[Selection]:
    rows = sum(len(part) for _, part in wanted)
    size = rows
    while size >= min(rows, 3):
        for width in (_CELL, _NARROW):
            parts = _cut(wanted, size)
            yield Selection(detail=detail, parts=parts, width=width, columns=columns)
        if columns > _CELLS:
            yield Selection(detail=detail, parts=parts, width=_NARROW, columns=_CELLS)
        if not size:
            break
        size = min(int(size * _STEP), size - 1)
    for cells in (12, 8, 5):
        if cells < columns:
            parts = _cut(wanted, 3)
            yield Selection(detail=detail, parts=parts, width=_NARROW, columns=cells)
    detail = min(detail, 0)
    for group, cells in ((40, 12), (20, 8), (10, 5), (4, 3)):
        few, parts = min(cells, columns), _cut(wanted, 1)
        yield Selection(detail=detail, parts=parts, width=30, columns=few, group=group)
    for group in (40, 20, 10, 4, 2):
        yield Selection(detail=detail, parts=(), columns=columns, group=group)


def _cut(parts: Parts, size: int) -> Parts:
    """Return `parts` with about `size` rows in all, and at least one of each."""
    total = sum(len(rows) for _, rows in parts)
    if total <= size:
        return parts
    shorter = []
    for name, rows in parts:
        keep = max(1, len(rows) * size // total)
        kept = rows[-keep:] if name == "last" else rows[:keep]
        shorter.append(("first" if name == "all" else name, kept))
    return tuple(shorter)
