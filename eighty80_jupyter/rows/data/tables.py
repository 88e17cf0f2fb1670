"""Rows of data frames: pandas, modin, polars, Arrow, DuckDB. None of them is imported here."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.rows.data.chunks import ITEM, Rows
from eighty80_jupyter.rows.data.missing import is_missing


class PandasRows(Rows):
    """A DataFrame or a Series of pandas, told apart by `single`; nothing is ever aligned by index.

    `origin` is what the user gave, where this is a copy of it in pandas.
    """

    def __init__(self, frame: Any, *, kind: str = "pandas", origin: Any = None) -> None:
        self.kind = kind
        self.single = frame.ndim == 1
        self.origin = frame if origin is None else origin
        names = () if self.single else frame.columns.tolist()
        super().__init__(frame, length=len(frame), names=names)

    def read(self, place: int, start: int, count: int) -> list[Any]:
        """Return some cells; numbers as Python's own."""
        return list(self._part(place, start, count).tolist())

    def read_missing(self, place: int, start: int, count: int) -> list[bool]:
        """Return which cells pandas, or the type of the column, calls missing, or are blank."""
        part = self._part(place, start, count)
        pairs = zip(part.isna().tolist(), part.tolist(), strict=True)
        return [missing or is_missing(cell) for missing, cell in pairs]

    def read_labels(self, start: int, count: int) -> Sequence[Any]:
        """Return the labels of the index: tuples where it has several levels."""
        return list(self.data.index[start : start + count].tolist())

    def take(self, positions: Sequence[int]) -> Rows:
        """Return some rows with their labels."""
        return PandasRows(self.data.iloc[list(positions)], kind=self.kind, origin=self.origin)

    def _part(self, place: int, start: int, count: int) -> Any:
        stretch = slice(start, start + count)
        return self.data.iloc[stretch] if place == ITEM else self.data.iloc[stretch, place]


class PolarsRows(Rows):
    """A DataFrame or a Series of polars."""

    def __init__(self, frame: Any, *, single: bool) -> None:
        self.kind = "polars-series" if single else "polars"
        self.single = single
        super().__init__(frame, length=len(frame), names=() if single else frame.columns)

    def read(self, place: int, start: int, count: int) -> list[Any]:
        """Return some cells."""
        series = self.data if place == ITEM else self.data.to_series(place)
        return list(series.slice(start, count).to_list())

    def take(self, positions: Sequence[int]) -> Rows:
        """Return some rows."""
        return PolarsRows(self.data[list(positions)], single=self.single)


class ArrowRows(Rows):
    """A table, a record batch or an array of Arrow; `origin` is the relation of DuckDB it is of."""

    def __init__(self, table: Any, *, single: bool, origin: Any = None) -> None:
        self.kind = "pyarrow" if origin is None else "duckdb"
        self.single = single
        self.origin = table if origin is None else origin
        super().__init__(table, length=len(table), names=() if single else table.schema.names)

    def read(self, place: int, start: int, count: int) -> list[Any]:
        """Return some cells."""
        array = self.data if place == ITEM else self.data.column(place)
        return list(array.slice(start, count).to_pylist())

    def take(self, positions: Sequence[int]) -> Rows:
        """Return some rows."""
        origin = self.origin if self.kind == "duckdb" else None
        pa = sys.modules["pyarrow"]
        places = pa.array(list(positions), type=pa.int64())  # it knows no type of none at all
        return ArrowRows(self.data.take(places), single=self.single, origin=origin)


def of_relation(relation: Any) -> Rows:
    """Return the rows of a relation of DuckDB, whose query runs now, once.

    Raises UsageError where pyarrow, over which DuckDB hands them out, is not installed.
    """
    try:
        table = (
            relation.to_arrow_table()
            if hasattr(relation, "to_arrow_table")
            else (relation.fetch_arrow_table())
        )
    except ImportError:
        raise UsageError(
            "the rows of a DuckDB relation need pyarrow, which is not installed; "
            "give relation.fetchall(), or install pyarrow"
        ) from None
    return ArrowRows(table, single=False, origin=relation)
