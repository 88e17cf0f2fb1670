"""What is missing in a table, by whatever library it comes from."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from eighty80_jupyter.rows.data.missing import is_missing
from eighty80_jupyter.rows.frames import open_rows

MISSING: list[Any] = [
    None, float("nan"), np.float32("nan"), np.float64("nan"), pd.NaT, pd.NA, "", " \n\t",
    np.datetime64("NaT", "s"), np.timedelta64("NaT", "s"), Decimal("NaN"), np.ma.masked,
    pa.scalar(None, pa.int64()), np.str_(" "),
]  # fmt: skip


PRESENT: list[Any] = [
    0, 0.0, False, "x", [], {}, [None], [float("nan")], np.array([np.nan]), np.float32(0),
    pd.Timestamp(0), np.datetime64(0, "s"), Decimal(0), pa.scalar(1), (), b"", np.bool_(0),
    dt.date(2020, 1, 1), float("inf"), pd.Series([np.nan]),
]  # fmt: skip


def numbered(values: list[Any]) -> list[str]:
    """Return a name for each of these."""
    return [f"{number}-{type(value).__name__}" for number, value in enumerate(values)]


@pytest.mark.parametrize("value", MISSING, ids=numbered(MISSING))
def test_missing_is_what_any_library_calls_so(value: Any) -> None:
    """And a text without a character that shows; in a list as in a column of objects."""
    assert is_missing(value)
    (chunk,) = open_rows([value, 1]).chunks(2)
    assert chunk.missing_rows() == [True, False]


@pytest.mark.parametrize("value", PRESENT, ids=numbered(PRESENT))
def test_nested_values_and_zeros_are_there(value: Any) -> None:
    """A list that holds nothing is something."""
    assert not is_missing(value)


@pytest.mark.parametrize(
    "dtype",
    ["string", "str", "object", "category", pd.ArrowDtype(pa.string())],
    ids=str,
)
def test_every_kind_of_text_column_of_pandas_tells_what_is_missing(dtype: Any) -> None:
    """Arrow's NA included, which cannot be compared with itself."""
    (chunk,) = open_rows(pd.DataFrame({"a": pd.Series(["x", None, ""], dtype=dtype)})).chunks(9)
    assert chunk.missing("a") == [False, True, True]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, None], "Int64"),
        ([1.5, None], "Float64"),
        ([True, None], "boolean"),
        ([1, None], pd.ArrowDtype(pa.int64())),
        ([[1], None], pd.ArrowDtype(pa.list_(pa.int64()))),
        ([{"a": 1}, None], pd.ArrowDtype(pa.struct([("a", pa.int64())]))),
        ([dt.datetime(2020, 1, 1), None], "datetime64[ns]"),  # noqa: DTZ001  # as columns have them
        ([dt.timedelta(1), None], "timedelta64[ns]"),
        ([pd.Period("2020"), None], "period[Y-DEC]"),
        ([[1], None], "object"),
    ],
    ids=str,
)
def test_every_type_of_pandas_tells_what_is_missing(values: Any, dtype: Any) -> None:
    """Nested ones as well, whose lists are not looked into."""
    (chunk,) = open_rows(pd.DataFrame({"a": pd.Series(values, dtype=dtype)})).chunks(9)
    assert chunk.missing("a") == [False, True]
    assert chunk.missing_rows() == [False, True]
