"""Two tables of one kind side by side, row by row."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Sequence
from typing import Any

from eighty80_jupyter.rows.columns import attach_columns, restored
from eighty80_jupyter.rows.data.chunks import ITEM, Rows
from eighty80_jupyter.rows.data.types import Column
from eighty80_jupyter.rows.frames import open_rows

_TABLES = ("pandas", "modin", "polars", "pyarrow", "duckdb", "columns")


def joined(left: Rows, right: Rows, extra: list[Column]) -> Any:
    """Return the columns of both tables, of as many rows, and further ones.

    Names that stand in several of them get `_left` and `_right`; the index is that of the left.
    Rows that have no columns, or are dictionaries, become dictionaries with `left` and `right`.
    """
    if left.kind not in _TABLES:
        lefts = left.read(ITEM, 0, left.length or 0)
        items = zip(lefts, right.read(ITEM, 0, right.length or 0), strict=True)
        beside = list(zip(*(column.values for column in extra), strict=True))
        names = [column.name for column in extra]
        return [
            {"left": a, "right": b, **dict(zip(names, more, strict=True))}
            for (a, b), more in zip(items, beside, strict=True)
        ]
    own = _apart(left.names, [*right.names, *(column.name for column in extra)], "_left")
    theirs = _apart(right.names, [*left.names, *(column.name for column in extra)], "_right")
    a, b = left.data, right.data
    match left.kind:
        case "pandas" | "modin":
            b = b.set_axis(a.index).set_axis(theirs, axis=1)
            table = sys.modules["pandas"].concat([a.set_axis(own, axis=1), b], axis=1)
        case "polars":
            table = a.rename(dict(zip(a.columns, own, strict=True))).hstack(
                b.rename(dict(zip(b.columns, theirs, strict=True)))
            )
        case "columns":
            table = dict(zip([*own, *theirs], [*a.values(), *b.values()], strict=True))
        case _:
            pa = sys.modules["pyarrow"]
            kind = type(a) if type(a) is type(b) else pa.Table
            table = kind.from_arrays([*a.columns, *b.columns], names=[*own, *theirs])
    made = attach_columns(open_rows(table), extra, "")
    if left.kind not in ("modin", "duckdb"):
        return made
    rows: Any = open_rows(made)
    rows.kind, rows.origin = left.kind, left.origin  # type: ignore[attr-defined]  # both have one
    return restored(rows)


def _apart(names: Sequence[Hashable], others: Sequence[Hashable], ending: str) -> list[Hashable]:
    """Return the names, with an ending where others have the same."""
    return [f"{name}{ending}" if name in others else name for name in names]
