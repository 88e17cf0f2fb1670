"""Answers as columns of what they were asked about: the same kind of table, a copy."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.rows.data import build
from eighty80_jupyter.rows.data.chunks import Rows
from eighty80_jupyter.rows.data.plain import ArrayRows, ColumnRows, ListRows
from eighty80_jupyter.rows.data.tables import ArrowRows, PandasRows, PolarsRows
from eighty80_jupyter.rows.data.types import (
    ANY,
    Column,
    answer_columns,
    column_types,
    listed_columns,
)

if TYPE_CHECKING:
    from eighty80_jupyter.structured.shape import Shape


def clashes(
    rows: Rows,
    shape: Shape | None,
    column: str,
    *,
    errors: bool = False,
    quote: str | None = None,
) -> list[str]:
    """Return the names of columns of answers that the rows have already.

    Raises UsageError where two columns of the answers would have one name.
    """
    wanted = [name for name, _ in column_types(shape, column)]
    wanted += more_columns(column, errors=errors, quote=quote)
    for name in wanted:
        if wanted.count(name) > 1:
            raise UsageError(f"two columns of answers would be named {name}; rename the field")
    have = {name[0] if isinstance(name, tuple) and name else name for name in rows.names}
    return [name for name in wanted if name in have or name in rows.names]


def more_columns(column: str, *, errors: bool, quote: str | None) -> list[str]:
    """Return the names of the columns that say more of the answers: errors, places of quotes."""
    found = [f"{column}_error"] if errors else []
    return found if quote is None else [*found, *quote_columns(column, quote)]


def quote_columns(column: str, field: str) -> list[str]:
    """Return the names of the columns that say where the quote in a field stands."""
    name = column if field in ("", column) else f"{column}_{field}"
    return [f"{name}_start", f"{name}_end"]


def attach(
    rows: Rows,
    shape: Shape | None,
    column: str,
    values: Sequence[Any],
    *,
    beside: Sequence[Column] = (),
    samples: bool = False,
) -> Any:
    """Return a copy of what holds the rows, with the answers as columns; by position only.

    `values` are the answers, one a row, as the shape made them (texts without a shape); None where
    there is none. A record has one column a field, named by `column`, an underscore and the field.
    Columns that are there already are replaced. `beside` has further ones. With `samples` each
    answer is a sequence of answers to one row, and its column holds lists.

    A frame comes back as a frame of the same library with the same index; a Series, an array of
    Arrow or of polars as such, or as a frame where there are several columns; a list of
    dictionaries as that; other lists, arrays and dictionaries as answers in place of the items, a
    record as a dictionary; an iterator as a list of answers.
    """
    columns = (
        listed_columns(shape, column, list(values))
        if samples
        else answer_columns(shape, column, list(values))
    )
    return attach_columns(rows, [*columns, *beside], column)


def attach_columns(rows: Rows, columns: list[Column], column: str) -> Any:
    """Return a copy of what holds the rows with these columns; see `attach`."""
    match rows.kind:
        case "pandas" | "series" | "modin":
            return _pandas(rows, columns)
        case "polars" | "polars-series":
            return _polars(rows, columns)
        case "pyarrow" | "duckdb":
            return _arrow(rows, columns)
        case "array":
            return _numpy(rows, columns, column)
        case "columns":
            return {**rows.data, **{one.name: one.values for one in columns}}
    return _items(rows, columns, column)


def restored(rows: Rows) -> Any:
    """Return rows that were taken of others as the kind of thing that those came from."""
    source: Any = rows
    match rows.kind:
        case "modin":
            return _of_modin(rows.data)
        case "duckdb":
            return _relation(source.origin, rows.data)
        case "tuple":
            return tuple(source.items)
    return rows.data


def picked(rows: Rows, names: Sequence[Hashable]) -> Rows:
    """Return the rows with these columns only, numbered anew where they have an index."""
    source: Any = rows
    data, wanted = rows.data, list(names)
    match rows.kind:
        case "pandas" | "modin":
            frame = data[wanted].reset_index(drop=True)
            return PandasRows(frame, kind=rows.kind, origin=source.origin)
        case "polars":
            return PolarsRows(data.select(wanted), single=False)
        case "pyarrow" | "duckdb":
            origin = source.origin if rows.kind == "duckdb" else None
            return ArrowRows(data.select(wanted), single=False, origin=origin)
        case "columns":
            return ColumnRows({name: data[name] for name in wanted})
        case "array":
            return ArrayRows(data[wanted])
    records = [{name: item.get(name) for name in wanted} for item in source.items]
    return ListRows(records, data=records)


def _pandas(rows: Any, columns: list[Column]) -> Any:
    pd, index = sys.modules["pandas"], rows.data.index
    made = []
    for one in columns:
        array = build.pandas_array(pd, one.type, one.values)
        # By its dtype and with this very index, so that pandas neither guesses types nor aligns.
        made.append(pd.Series(array, index=index, name=one.name, dtype=array.dtype, copy=False))
    if rows.data.ndim == 1:
        frame = made[0] if len(made) == 1 else pd.concat(made, axis=1)
    else:
        frame = rows.data.copy()
        frame.index = index
        deeper = ("",) * (frame.columns.nlevels - 1)
        for series in made:
            frame[(series.name, *deeper) if deeper else series.name] = series
    return _of_modin(frame) if rows.kind == "modin" else frame


def _of_modin(frame: Any) -> Any:
    modin = sys.modules["modin.pandas"]
    return modin.Series(frame) if frame.ndim == 1 else modin.DataFrame(frame)


def _polars(rows: Any, columns: list[Column]) -> Any:
    pl = sys.modules["polars"]
    made = [build.polars_series(pl, one.name, one.type, one.values) for one in columns]
    if rows.single:
        return made[0] if len(made) == 1 else pl.DataFrame(made)
    return rows.data.with_columns(made)


def _arrow(rows: Any, columns: list[Column]) -> Any:
    pa = sys.modules["pyarrow"]
    made = [build.arrow_array(pa, one.type, one.values) for one in columns]
    if rows.single:
        names = [one.name for one in columns]
        return made[0] if len(made) == 1 else pa.Table.from_arrays(made, names=names)
    answered = rows.data
    for one, array in zip(columns, made, strict=True):
        places = answered.schema.get_all_field_indices(one.name)
        if places:
            answered = answered.set_column(places[0], one.name, array)
        else:
            answered = answered.append_column(one.name, array)
    return _relation(rows.origin, answered) if rows.kind == "duckdb" else answered


def _relation(origin: Any, answered: Any) -> Any:
    """Return a relation of the same connection; of the default one where that is closed.

    The query finds `answered` by the name that it has here.
    """
    with suppress(Exception):  # what DuckDB raises for a connection that is closed differs
        return origin.query("eighty80_rows", "SELECT * FROM answered")
    return sys.modules["duckdb"].from_arrow(answered)


def _numpy(rows: Any, columns: list[Column], column: str) -> Any:
    np = sys.modules["numpy"]
    if rows.single:
        if len(columns) == 1 and columns[0].name == column:
            return build.numpy_array(np, columns[0].type, columns[0].values)
        return build.numpy_array(np, ANY, _answers(columns, column))
    made = {one.name: build.numpy_array(np, one.type, one.values) for one in columns}
    kept = [name for name in rows.names if name not in made]
    fields = [(name, rows.data.dtype[name]) for name in kept]
    answered = np.empty(
        len(rows.data), dtype=[*fields, *((name, one.dtype) for name, one in made.items())]
    )
    for name in kept:
        answered[name] = rows.data[name]
    for name, array in made.items():
        answered[name] = array
    return answered


def _items(rows: Any, columns: list[Column], column: str) -> Any:
    answers = _answers(columns, column)
    if rows.names and rows.kind != "iterator":  # dictionaries, which get the answers beside
        answers = [
            {**(item if isinstance(item, Mapping) else {}), **answer}
            for item, answer in zip(rows.items, _dictionaries(columns, ""), strict=True)
        ]
    if rows.kind == "dict":
        return dict(zip(rows.keys, answers, strict=True))
    return tuple(answers) if rows.kind == "tuple" else answers


def _answers(columns: list[Column], column: str) -> list[Any]:
    """Return what stands in the place of each item: the answer, a record as a dictionary."""
    if len(columns) == 1 and columns[0].name == column:
        return columns[0].values
    found = _dictionaries(columns, f"{column}_" if column else "")
    return [one if any(cell is not None for cell in one.values()) else None for one in found]


def _dictionaries(columns: list[Column], prefix: str) -> list[dict[str, Any]]:
    names = [one.name if one.beside else one.name.removeprefix(prefix) for one in columns]
    return [
        dict(zip(names, cells, strict=True))
        for cells in zip(*(one.values for one in columns), strict=True)
    ]
