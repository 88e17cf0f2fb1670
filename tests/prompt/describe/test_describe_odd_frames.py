"""Frames that are empty, oddly named, mixed or nested."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]  # ships no types
import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]  # ships no types
import pytest

from eighty80_jupyter.prompt.describe.registry import describe

MANY = 80


def text_of(value: Any, options: str = "", *, budget: int = 3_000) -> str:
    """Return the text of a description."""
    return describe(value, name="df", options=options, budget=budget).text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (pd.DataFrame(), "pandas.DataFrame, 0 rows x 0 columns"),
        (pd.DataFrame({"a": []}), "pandas.DataFrame, 0 rows x 1 column\ncolumns: a (float64)"),
        (pd.DataFrame(index=range(5)), "pandas.DataFrame, 5 rows x 0 columns"),
        (pd.Series([], dtype=float), "pandas.Series, 0 values\nvalues (float64)"),
        (pl.DataFrame(), "polars.DataFrame, 0 rows x 0 columns"),
        (pl.DataFrame({"a": []}), "polars.DataFrame, 0 rows x 1 column\ncolumns: a (Null)"),
        (pl.Series("s", [], dtype=pl.Int8), "polars.Series, 0 values\ns (Int8)"),
        (pa.table({}), "pyarrow.Table, 0 rows x 0 columns"),
        (pa.array([]), "pyarrow.NullArray, 0 values\nvalues (null)"),
    ],
)
def test_empty(value: Any, text: str) -> None:
    """A frame without rows or columns says so, with any option."""
    assert text_of(value) == text
    for options in ("schema", "head=3", "tail=3", "sample=3", "csv", "json", "full"):
        assert text_of(value, options).startswith(text.partition("\n")[0])


def test_names_that_repeat() -> None:
    """Columns of one name are told apart by their place, and JSON loses none of them."""
    frame = pd.DataFrame([[1, "x", 3]] * MANY, columns=["a", "a", "b"])
    text = text_of(frame)
    assert "several columns have one name: a (2 times)" in text
    assert "- a: int64" in text
    assert text.count("- a: ") == 2
    assert "\n1,x,3\n" in text
    assert '{"columns": ["a", "a", "b"], "rows": [\n[1, "x", 3]' in text_of(frame, "json,head=1")


def test_levels_on_both_axes() -> None:
    """Levels of rows become columns, and those of columns tuples, as code needs them."""
    frame = pd.DataFrame(
        np.arange(400).reshape(100, 4),
        columns=pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["top", "sub"]),
        index=pd.MultiIndex.from_product([range(10), list("abcdefghij")], names=["n", None]),
    )
    text = text_of(frame)
    assert "index: MultiIndex of 2 levels: n (10 different), level 1 (10 different)" in text
    assert "column names are tuples of 2 levels (top, sub)" in text
    assert "- ('b', 2): int64" in text
    assert """n,level 1,"('a', 1)","('a', 2)",""" in text
    assert "\n0,a,0,1,2,3\n" in text


def test_indexes_of_rows() -> None:
    """An index that is more than the numbers of the rows is told, and shown beside them."""
    frame = pd.DataFrame({"v": range(MANY)}, index=pd.date_range("2024", periods=MANY, name="day"))
    text = text_of(frame)
    assert "index: DatetimeIndex day, datetime64[" in text
    assert "first 2024-01-01, last 2024-03-20, every D" in text
    assert "day,v\n2024-01-01,0\n" in text
    assert "index" not in text_of(frame.reset_index(drop=True))


def odd_columns() -> dict[str, list[Any]]:
    """Return columns of what frames seldom hold, each with what must be said of it."""
    times = MANY // 4
    return {
        "infinite": [1.5, np.nan, np.inf, -np.inf] * times,
        "nothing": [None] * MANY,
        "lists": [[1, 2], [3], None, []] * times,
        "dicts": [{"a": 1}, {}, None, {"b": [1]}] * times,
        "mixed": [1, "a", None, 2.5] * times,
        "bytes": [b"ab", b"\x00", None, b""] * times,
        "lines": ["x\ny", 'say "hi"', "a,b", ""] * times,
        "decimals": [decimal.Decimal("1.5"), decimal.Decimal("NaN"), None, decimal.Decimal(2)]
        * times,
        "ids": [uuid.UUID(int=n) for n in range(MANY)],
        "objects": [object()] * MANY,
        "frames": [pd.DataFrame({"a": [1]})] * MANY,
        "arrays": [np.zeros(768)] * MANY,
        "huge": [10**400] * MANY,
        "dates": [dt.date(2024, 1, 1), None, dt.date(2024, 1, 3), dt.date(2024, 1, 2)] * times,
    }


@pytest.mark.parametrize(
    ("name", "facts", "cell"),
    [
        ("infinite", "20 missing, 3 unique: 1.5 20, inf 20, -inf 20", "1.5"),
        ("nothing", "80 missing", ""),
        ("lists", "20 missing, all list", '"[1, 2]"'),
        ("dicts", "20 missing, all dict", "{'a': 1}"),
        ("mixed", "20 missing, 3 unique, mixed types: int 33%, str 33%, float 33%", "1"),
        ("bytes", "20 missing, 3 unique: b'ab' 20", "b'ab'"),
        ("lines", "4 unique: 'x\\ny' 20, say \"hi\" 20, 'a,b' 20, '' 20", '"x\ny"'),
        ("decimals", "40 missing, 2 unique: 1.5 20, 2 20", "1.5"),
        ("ids", "all unique", "00000000-0000-0000-0000-000000000000"),
        ("objects", "all object", "<object object>"),
        ("frames", "all DataFrame", "<pandas.DataFrame 1 x 1>"),
        ("arrays", "all ndarray", "<numpy.ndarray 768 float64>"),
        ("huge", "1 unique", "<an integer of about 401 digits>"),
        ("dates", "20 missing, 3 unique, 2024-01-01 to 2024-01-03", "2024-01-01"),
    ],
)
def test_odd_columns(name: str, facts: str, cell: str) -> None:
    """A column of anything is told by what can be said of it, and its cells are bounded."""
    frame = pd.DataFrame({name: pd.Series(odd_columns()[name], dtype=object), "n": range(MANY)})
    text = text_of(frame)
    assert facts in text
    assert f"\n{cell},0\n" in text


@pytest.mark.parametrize(
    ("values", "facts", "cell"),
    [
        (
            pd.to_datetime(["2024-01-01", None, "2024-01-03", "2024-01-04"] * 20, utc=True),
            "UTC], 20 missing, 3 unique, 2024-01-01 00:00:00+00:00 to 2024-01-04 00:00:00+00:00",
            "2024-01-01 00:00:00+00:00",
        ),
        (pd.to_timedelta([1, 2, None, 3] * 20, unit="D"), "20 missing, 3 unique, 1 day", "1 days"),
        (pd.period_range("2024", periods=MANY, freq="M"), "period[M], all unique", "2024-01"),
        (pd.array([1, None, 3, 4] * 20, dtype="Int64"), "Int64, 20 missing, 3 unique: 1 20", "1"),
        (pd.array([True, None, False, True] * 20, dtype="boolean"), "2 unique: True 40", "True"),
        (pd.array(["u", None, "v", "u"] * 20, dtype="string"), "2 unique: u 40, v 20", "u"),
        (pd.Categorical(["u", "v", None, "u"] * 20), "category, 20 missing, 2 unique: u 40", "u"),
        (
            pd.Categorical(["lo", "hi"] * 40, categories=["lo", "hi"], ordered=True),
            "ordered: lo < hi",
            "lo",
        ),
        (pd.interval_range(0, MANY), "all unique", '"(0, 1]"'),
        (pd.arrays.SparseArray([0, 0, 1, 0] * 20), "2 unique: 0 60, 1 20", "0"),
        (np.array([1 + 2j] * MANY), "complex128, 1 unique", "(1+2j)"),
        (np.arange(MANY, dtype=np.uint8), "uint8, all unique, 0 to 79", "0"),
        (np.arange(MANY, dtype=np.float32), "float32, 0 to 79", "0"),
    ],
)
def test_pandas_types(values: Any, facts: str, cell: str) -> None:
    """The types of pandas and NumPy are told, those of pandas' own extensions too."""
    text = text_of(pd.DataFrame({"x": values, "n": range(MANY)}))
    assert facts in text
    assert f"\n{cell},0\n" in text


def test_arrow_types_in_pandas() -> None:
    """Columns that Arrow holds for pandas are told like others."""
    table = pa.table({"l": [[1, 2]] * MANY, "s": ["x"] * MANY, "n": range(MANY)})
    text = text_of(table.to_pandas(types_mapper=pd.ArrowDtype))
    assert "- s: string[pyarrow], 1 unique: x 80" in text
    assert '\n"[1, 2]",x,0\n' in text or "[1 2]" in text


def test_polars_types() -> None:
    """Nested and named types of polars are told, and their cells shown in short."""
    frame = pl.DataFrame(
        {
            "lists": [[1, 2], None] * 40,
            "structs": [{"a": 1}] * MANY,
            "kinds": pl.Series(["u", "v"] * 40, dtype=pl.Categorical),
            "enum": pl.Series(["u", "v"] * 40, dtype=pl.Enum(["u", "v"])),
            "bytes": [b"ab"] * MANY,
            "decimals": pl.Series(["1.5", "2.5"] * 40).cast(pl.Decimal(10, 2)),
            "long": [list(range(10_000))] * MANY,
            "objects": pl.Series([object()] * MANY, dtype=pl.Object),
            "nan": [float("nan"), 1.0] * 40,
        }
    )
    text = text_of(frame)
    assert "- lists: List(Int64), 40 missing" in text
    assert "- structs: Struct({'a': Int64})" in text
    assert "2 unique: u 40, v 40" in text
    assert "- 'nan': Float64, 40 missing" in text
    assert "\"[1, 2]\",{'a': 1},u,u,b'ab',1.50,\"[0, 1, 2" in text
    assert len(text) < 5_000


def test_arrow_types() -> None:
    """Nested types of Arrow are told, and a long list in a cell is not read whole."""
    table = pa.table(
        {
            "lists": [list(range(10_000))] * MANY,
            "maps": pa.array([[("k", 1)]] * MANY, pa.map_(pa.string(), pa.int64())),
            "words": pa.array(["u", "v"] * 40).dictionary_encode(),
            "bytes": [b"ab"] * MANY,
            "times": pa.array([dt.time(1)] * MANY),
            "n": range(MANY),
        }
    )
    text = text_of(table)
    assert "- lists: list<" in text
    assert "- n: int64, all unique, 0 to 79" in text
    assert "[0, 1, 2" in text
    assert "2 unique: u 40, v 40" in text


def test_columns_that_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a library fails on a column, the rest of the frame is told all the same."""
    frame = pd.DataFrame({"a": range(100), "b": pd.Categorical(["x"] * 100)})

    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(pd.Categorical, "tolist", fail)
    monkeypatch.setattr(pd.Series, "tolist", fail)
    text = text_of(frame)
    assert text.startswith("pandas.DataFrame, 100 rows x 2 columns")
    assert "- b: category" in text
    assert "\na,b\n?,?\n" in text


def test_frames_that_fail() -> None:
    """A subclass that breaks everything is still named."""

    class Broken(pd.DataFrame):  # type: ignore[misc]  # ships no types
        @property
        def shape(self) -> Any:
            raise RuntimeError

        def __repr__(self) -> str:
            return "broken"

    assert describe(Broken(), name="x", options="head=3").text == "broken"


def test_libraries_that_panic() -> None:
    """A failure that is no Exception, as polars has them, is no failure of ours."""

    class Panic(BaseException):
        """Like pyo3's PanicException."""

    class Broken(pl.DataFrame):
        @property
        def shape(self) -> Any:
            raise Panic

        def __repr__(self) -> str:
            raise Panic

    assert "raised RuntimeError" in text_of(Broken({"a": [1]}))
