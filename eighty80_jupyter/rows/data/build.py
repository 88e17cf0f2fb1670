"""Columns of answers as each library has them. A library is handed in, never imported.

What does not fit the type of its column, such as a number of thirty digits, makes the column one of
any values: nothing is lost, cut or rounded for the sake of a type.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Sequence
from typing import Any

from eighty80_jupyter.rows.data.types import ANY, PRECISION, SCALE, ColumnType, fits, holds_any

_PANDAS = {"text": "string", "integer": "Int64", "boolean": "boolean", "number": "Float64"}


def pandas_array(pd: Any, kind: ColumnType, values: Sequence[Any]) -> Any:
    """Return an array of pandas: nullable types; lists and records as Arrow has them."""
    try:
        return _pandas_array(pd, kind, values) if all(map(fits, values)) else _objects(values)
    except (TypeError, ValueError, OverflowError):  # Arrow's own errors are such
        return _objects(values)


def _pandas_array(pd: Any, kind: ColumnType, values: Sequence[Any]) -> Any:
    np = sys.modules["numpy"]  # pandas has brought it
    match kind.kind:
        case "choice":
            return pd.Categorical(values, categories=list(kind.choices))
        case "text" | "integer" | "boolean" | "number":
            return pd.array(values, dtype=_PANDAS[kind.kind])
        case "date" | "datetime":
            plain, aware = _moments(values)
            moments = pd.array(np.array(plain, dtype="datetime64[us]"))
            return pd.Series(moments).dt.tz_localize("UTC").array if aware else moments
        case "duration":
            return pd.array(np.array(values, dtype="timedelta64[us]"))
        case "list" | "record" | "time" | "decimal":
            pa = sys.modules.get("pyarrow")
            if pa is not None and not holds_any(kind):
                return pd.arrays.ArrowExtensionArray(_arrow_array(pa, kind, values))
    return _objects(values)


def polars_series(pl: Any, name: str, kind: ColumnType, values: Sequence[Any]) -> Any:
    """Return a series of polars; what has no type of its own is JSON text."""
    aware = False
    try:
        if not all(map(fits, values)):
            kind = ANY
        if kind.kind == "datetime":
            values, aware = _moments(values)
        if not holds_any(kind):
            return pl.Series(name, values, dtype=polars_type(pl, kind, aware=aware), strict=True)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        pass
    return pl.Series(name, list(map(as_text, values)), dtype=pl.String)


def polars_type(pl: Any, kind: ColumnType, *, aware: bool = False, inner: bool = False) -> Any:
    """Return the type of polars; choices within lists and records are plain texts."""
    simple = {
        "text": pl.String, "integer": pl.Int64, "boolean": pl.Boolean, "number": pl.Float64,
        "decimal": pl.Decimal(PRECISION, SCALE), "date": pl.Date, "time": pl.Time,
        "datetime": pl.Datetime("us", "UTC" if aware else None), "duration": pl.Duration("us"),
    }  # fmt: skip
    if kind.kind in simple:
        return simple[kind.kind]
    if kind.kind == "choice":
        if not isinstance(kind.choices[0], str):
            return pl.Int64
        return pl.String if inner else pl.Enum(list(kind.choices))
    if holds_any(kind):
        return pl.String
    if kind.inner is not None:
        return pl.List(polars_type(pl, kind.inner, inner=True))
    return pl.Struct({name: polars_type(pl, one, inner=True) for name, one in kind.fields})


def arrow_array(pa: Any, kind: ColumnType, values: Sequence[Any]) -> Any:
    """Return an array of Arrow; what has no type of its own is JSON text."""
    try:
        return _arrow_array(pa, kind if all(map(fits, values)) else ANY, values)
    except (TypeError, ValueError, OverflowError):  # Arrow's own errors are such
        return _arrow_array(pa, ANY, values)


def _arrow_array(pa: Any, kind: ColumnType, values: Sequence[Any]) -> Any:
    aware = False
    if kind.kind == "datetime":
        values, aware = _moments(values)
    if holds_any(kind):
        return pa.array(list(map(as_text, values)), type=pa.string())
    if kind.kind == "choice" and isinstance(kind.choices[0], str):
        places = {choice: place for place, choice in enumerate(kind.choices)}
        indices = [None if value is None else places[value] for value in values]
        return pa.DictionaryArray.from_arrays(
            pa.array(indices, type=pa.int32()), pa.array(kind.choices, type=pa.string())
        )
    return pa.array(values, type=arrow_type(pa, kind, aware=aware))


def arrow_type(pa: Any, kind: ColumnType, *, aware: bool = False) -> Any:
    """Return the type of Arrow; choices are plain texts here, and what has no type JSON text."""
    simple = {
        "text": pa.string(), "integer": pa.int64(), "boolean": pa.bool_(), "number": pa.float64(),
        "decimal": pa.decimal128(PRECISION, SCALE), "date": pa.date32(), "time": pa.time64("us"),
        "datetime": pa.timestamp("us", "UTC" if aware else None), "duration": pa.duration("us"),
    }  # fmt: skip
    if kind.kind in simple:
        return simple[kind.kind]
    if kind.kind == "choice":
        return pa.string() if isinstance(kind.choices[0], str) else pa.int64()
    if holds_any(kind):
        return pa.string()
    if kind.inner is not None:
        return pa.list_(arrow_type(pa, kind.inner))
    return pa.struct([(name, arrow_type(pa, one)) for name, one in kind.fields])


def numpy_array(np: Any, kind: ColumnType, values: Sequence[Any]) -> Any:
    """Return an array of numpy; of objects where something is missing that it has no value for."""
    missing = any(value is None for value in values)
    try:
        match kind.kind:
            case "number":
                return np.array(
                    [np.nan if value is None else value for value in values], dtype="f8"
                )
            case "integer" | "boolean" if not missing:
                return np.array(values, dtype={"integer": "i8", "boolean": "?"}[kind.kind])
            case "date":
                return np.array(values, dtype="datetime64[D]")
            case "datetime":
                return np.array(_moments(values)[0], dtype="datetime64[us]")
            case "duration":
                return np.array(values, dtype="timedelta64[us]")
    except (TypeError, ValueError, OverflowError):
        pass
    made = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):
        made[place] = value
    return made


def as_text(value: Any) -> str | None:
    """Return a value of any type as JSON text; None stays None."""
    return None if value is None else json.dumps(value, ensure_ascii=False, default=str)


def _objects(values: Sequence[Any]) -> Any:
    return numpy_array(sys.modules["numpy"], ANY, values)


def _moments(values: Sequence[Any]) -> tuple[list[Any], bool]:
    """Return dates and times without a zone, and whether all that are there had one.

    Those with a zone are told in UTC; where only some have one, so the others are left as they are.
    """
    present = [value for value in values if isinstance(value, dt.datetime)]
    aware = bool(present) and all(value.tzinfo is not None for value in present)
    return [
        value.astimezone(dt.UTC).replace(tzinfo=None)
        if isinstance(value, dt.datetime) and value.tzinfo is not None
        else value
        for value in values
    ], aware
