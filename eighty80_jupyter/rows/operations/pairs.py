"""Which rows may belong together: those with equal keys, those whose texts are near."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.evaluation.labels import hashable
from eighty80_jupyter.prompt.template.syntax import Field, parse, quiet_parse
from eighty80_jupyter.rows.data.chunks import Rows
from eighty80_jupyter.rows.data.missing import is_missing
from eighty80_jupyter.rows.operations.decided import named_columns
from eighty80_jupyter.rows.options import whole_number
from eighty80_jupyter.text import shown

LEFT, RIGHT = "left", "right"
_CHUNK = 1024

Pair = tuple[int, int]


def candidates(
    prompt: str,
    left: Rows,
    right: Rows | None,
    *,
    block: Any,
    nearest: int | None,
    on: Any,
    most: int | None,
) -> list[Pair]:
    """Return the pairs of positions that are asked about; without `right` each of one table once.

    `block` names columns that must be equal, `nearest` is how many of the nearest texts a row is
    compared with, `on` names the columns of these texts: those that the prompt uses. Without either
    all pairs are, up to `most` of them. Raises UsageError.
    """
    sides = _used(prompt)
    other = left if right is None else right
    nearest = None if nearest is None else whole_number("nearest", nearest)
    same = _blocks(left, other, block)
    if nearest is None:
        if block is None:
            _check_number(left, right, most)
        pairs: Iterator[Pair] = ((a, b) for a, bs in enumerate(same) for b in bs)
    else:
        own, theirs = _texts(left, on or sides[LEFT]), _texts(other, on or sides[RIGHT])
        pairs = _near(own, theirs, same, nearest, skip_own=right is None)
    # Of a row without anything there is nothing to compare.
    one, two = _there(left, sides[LEFT]), _there(other, sides[RIGHT])
    pairs = (pair for pair in pairs if one[pair[0]] and two[pair[1]])
    if right is not None:
        return sorted(set(pairs))
    return sorted({(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]})


def _used(prompt: Any) -> dict[str, list[str]]:
    """Return which columns the prompt uses of each side; an empty list where it uses the rows."""
    if not isinstance(prompt, str):
        raise UsageError(f"the prompt is a text, got {shown(prompt)}")
    found: dict[str, list[str]] = {}
    for piece in parse(prompt):
        tree = quiet_parse(piece.expression) if isinstance(piece, Field) else None
        for node in ast.walk(tree) if tree is not None else ():
            match node:
                case ast.Name(id="left" | "right" as side):
                    found.setdefault(side, [])
                case ast.Attribute(value=ast.Name(id="left" | "right" as side), attr=name):
                    found.setdefault(side, []).append(name)
                case ast.Subscript(
                    value=ast.Name(id="left" | "right" as side), slice=ast.Constant(value=str(name))
                ):
                    found.setdefault(side, []).append(name)
    if len(found) < 2:  # noqa: PLR2004  # both
        raise UsageError(
            'the prompt names a column of both sides, such as "Same firm? {{left.name}} / '
            '{{right.name}}"'
        )
    return {side: list(dict.fromkeys(names)) for side, names in found.items()}


def _check_number(left: Rows, right: Rows | None, most: int | None) -> None:
    own = left.length or 0
    count = own * (own - 1) // 2 if right is None else own * (right.length or 0)
    if most is not None and count > most:
        raise UsageError(
            f"these are {count:,} pairs, more than ChatConfig.rows_limit = {most:,}; compare those "
            'alone that are equal in block="zip", or nearest=5 of each row, or all=True'
        )


def _blocks(left: Rows, right: Rows, block: Any) -> list[Sequence[int]]:
    """Return for each row of the left the rows of the right whose columns `block` are equal.

    Rows with a missing one are equal to none.
    """
    if block is None:
        return [range(right.length or 0)] * (left.length or 0)
    names = named_columns(block, "block")
    by_key: dict[Any, list[int]] = {}
    for position, key in enumerate(_keys(right, names)):
        if key is not None:
            by_key.setdefault(key, []).append(position)
    return [by_key.get(key, ()) if key is not None else () for key in _keys(left, names)]


def _keys(rows: Rows, names: list[Any]) -> Iterator[Any]:
    for chunk in rows.chunks(_CHUNK):
        cells = [chunk.column(name) for name in names]
        missing = [chunk.missing(name) for name in names]
        for number in range(chunk.count):
            if any(column[number] for column in missing):
                yield None
            else:
                yield tuple(_key(column[number]) for column in cells)


def _there(rows: Rows, names: list[str]) -> list[bool]:
    """Return for each row whether anything is there that the prompt uses of it."""
    used = [name for name in names if name in rows.names and name not in rows.duplicated]
    found = []
    for chunk in rows.chunks(_CHUNK):
        masks = [chunk.missing(name) for name in used] or [chunk.missing_rows()]
        found += [not all(cells) for cells in zip(*masks, strict=True)]
    return found


def _key(cell: Any) -> Any:
    return " ".join(cell.casefold().split()) if isinstance(cell, str) else hashable(cell)


def _texts(rows: Rows, names: Any) -> list[str]:
    """Return the words of each row in the order of the alphabet: what makes texts near."""
    found = []
    if names:
        every: Iterable[Sequence[Any]] = zip(
            *map(rows.column, named_columns(names, "on")), strict=True
        )
    else:
        every = (list(row.values()) if isinstance(row, dict) else [row] for row in rows.each())
    for cells in every:
        text = " ".join(str(cell) for cell in cells if not is_missing(cell)).casefold()
        words = "".join(char if char.isalnum() else " " for char in text).split()
        found.append(" ".join(sorted(words)))
    return found


def _near(
    left: list[str],
    right: list[str],
    same: list[Sequence[int]],
    nearest: int,
    *,
    skip_own: bool,
) -> Iterator[Pair]:
    try:
        from rapidfuzz import fuzz, process  # noqa: PLC0415  # optional
    except ImportError:
        raise UsageError(
            "nearest compares texts with rapidfuzz, which is not installed: pip install "
            "'eighty80-jupyter[rows]'; block= goes without it"
        ) from None
    everything = dict(enumerate(right))
    for position, text in enumerate(left):
        if not text:
            continue
        those = same[position]
        choices = (
            everything if len(those) == len(right) else {place: right[place] for place in those}
        )
        # Its own text is the nearest of all, and equal ones may come before it.
        found = process.extract(text, choices, scorer=fuzz.ratio, limit=nearest + skip_own)
        others = [
            place for _, score, place in found if score and not (skip_own and place == position)
        ]
        for place in others[:nearest]:
            yield position, place
