"""What a prompt can go over, and what it cannot: `open_rows` reads a value as rows."""

from __future__ import annotations

import io
from collections.abc import (
    AsyncIterable,
    Iterable,
    Iterator,
    Mapping,
    MutableSequence,
    Sequence,
)
from collections.abc import (
    Set as AbstractSet,
)
from pathlib import PurePath
from typing import Any

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.prompt.describe.base import is_a, kind_of
from eighty80_jupyter.prompt.describe.values.short_repr import is_lazy
from eighty80_jupyter.rows.data.chunks import Rows
from eighty80_jupyter.rows.data.plain import (
    ArrayRows,
    ColumnRows,
    IteratorRows,
    KeyedRows,
    ListRows,
)
from eighty80_jupyter.rows.data.tables import ArrowRows, PandasRows, PolarsRows, of_relation
from eighty80_jupyter.text import shown

_TAKES = "a data frame, a Series, a list, a dictionary, an array or an iterator"


def open_rows(data: Any) -> Rows:
    """Return the rows of a frame, a series, a list, a dictionary, an array or an iterator.

    What is added to the value or taken from it later does not count. Nothing of an iterator is read
    but its first item. Raises UsageError for what is no rows; it says what to do.
    """
    if isinstance(data, Rows):
        return data
    rows = _of_library(data)
    if rows is not None:
        return rows
    if isinstance(data, (str, bytes, bytearray, PurePath)):
        raise UsageError(
            f"rows are {_TAKES}, got the text {shown(str(data))}; "
            "read the file first, or put the texts into a list"
        )
    if isinstance(data, Mapping):
        return _of_mapping(data)
    if isinstance(data, AbstractSet) and not isinstance(data, Sequence):
        return _of_set(data)
    if isinstance(data, Sequence):
        kind = "tuple" if isinstance(data, tuple) else "list"
        return ListRows(tuple(data), data=data, kind=kind)
    if isinstance(data, AsyncIterable):
        raise UsageError("rows cannot come from an asynchronous iterator; collect them in a list")
    if isinstance(data, io.TextIOBase):
        return IteratorRows(line.rstrip("\r\n") for line in data)
    if isinstance(data, Iterator):
        return IteratorRows(data)
    if isinstance(data, Iterable) and not isinstance(data, type):
        sized = hasattr(data, "__len__")
        return ListRows(tuple(data), data=data) if sized else IteratorRows(iter(data))
    raise UsageError(f"rows are {_TAKES}, got a {kind_of(data)}")


def pandas_for(what: str, instead: str = "") -> Any:
    """Return pandas, for what makes a DataFrame. Raises UsageError where it is not installed."""
    try:
        import pandas as pd  # noqa: PLC0415  # optional, and slow to import
    except ImportError:
        raise UsageError(
            f"{what} makes a DataFrame and needs pandas, which is not installed{instead}"
        ) from None
    return pd


def _of_library(data: Any) -> Rows | None:
    """Return the rows of a frame or an array of a library that is there; None for other values."""
    if is_a(data, "pandas", "DataFrame", "Series"):
        return PandasRows(data.copy(deep=False), kind="series" if data.ndim == 1 else "pandas")
    if is_a(data, "pandas", "Index") or is_a(data, "pandas.api.extensions", "ExtensionArray"):
        return ListRows(tuple(data.tolist()), data=data)
    if is_a(data, "modin.pandas", "DataFrame", "Series"):
        return PandasRows(data.modin.to_pandas(), kind="modin", origin=data)
    if is_a(data, "polars", "DataFrame", "Series"):
        return PolarsRows(data, single=is_a(data, "polars", "Series"))
    if is_a(data, "pyarrow", "Table", "RecordBatch", "Array", "ChunkedArray"):
        return ArrowRows(data, single=is_a(data, "pyarrow", "Array", "ChunkedArray"))
    if is_a(data, "duckdb", "DuckDBPyRelation"):
        return of_relation(data)
    if is_a(data, "numpy", "ndarray"):
        if data.ndim == 0:
            raise UsageError("the array holds one value and no rows; put values into a list")
        return ArrayRows(data)
    if type(data).__name__.endswith("GroupBy"):
        raise UsageError(
            "rows cannot be grouped; give the frame itself, or chat.reduce(frame, ..., by=...)"
        )
    if is_lazy(data):
        raise UsageError(
            f"a {kind_of(data)} is only a plan, whose rows are not there; collect it first "
            "(.collect(), .compute(), .read_all()), or ask inside the engine with "
            "chat.row_function(...)"
        )
    return None


def _of_mapping(data: Mapping[Any, Any]) -> Rows:
    """Return columns where all values are lists of one length, else the values as items."""
    columns = [_is_column(value) for value in data.values()]
    if data and all(columns):
        lengths = {len(value) for value in data.values()}
        if len(lengths) == 1:
            return ColumnRows(dict(data))
    return KeyedRows(dict(data))


def _is_column(value: Any) -> bool:
    if isinstance(value, (MutableSequence, tuple, range)) and not isinstance(value, bytearray):
        return True
    return is_a(value, "pandas", "Series") or (is_a(value, "numpy", "ndarray") and value.ndim > 0)


def _of_set(data: AbstractSet[Any]) -> Rows:
    if isinstance(data, (set, frozenset)):
        raise UsageError("a set has no order; give a list, such as sorted(...) of it")
    return ListRows(tuple(data), data=data)  # the keys or items of a dictionary have one
