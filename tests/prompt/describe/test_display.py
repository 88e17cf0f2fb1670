"""What is set for display changes no data, and what is missing looks like nothing else."""

from __future__ import annotations

import contextlib
import decimal
import locale
import reprlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]  # ships no types
import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]  # ships no types
import pytest

from eighty80_jupyter.prompt.describe.registry import describe
from eighty80_jupyter.tools.result import result_text

NUMBERS = np.array([1e-9, 1.23456789, 123456.789, np.nan, np.inf, -2.5])


class Holder:
    """An object whose `repr` shows what it holds."""

    def __init__(self, held: Any) -> None:
        self.held = held

    def __repr__(self) -> str:
        return f"Holder({self.held!r})"


FRAME = pd.DataFrame({"x": NUMBERS, "t": pd.date_range("2024-01-01", periods=6, tz="UTC")})
VALUES: dict[str, Any] = {
    "array": NUMBERS,
    "float32": NUMBERS.astype("float32"),
    "complex": NUMBERS.astype(complex),
    "large": np.arange(5_000) / 7,
    "masked": np.ma.masked_invalid(NUMBERS),
    "record": np.zeros(2, dtype=[("a", float), ("b", "U3")]),
    "scalars": [np.float64(1e-9), np.float32(0.1), np.longdouble(1) / 3, np.complex128(1e-9)],
    "void": np.ones(1, dtype=[("a", float)])[0],
    "objects": np.array([decimal.Decimal("1E+30"), 1e-9], dtype=object),
    "holder": [Holder(NUMBERS), Holder(np.float32(0.1))],
    "held frame": Holder(FRAME),
    "frame": FRAME,
    "series": FRAME["x"],
    "polars": pl.DataFrame({"x": NUMBERS}),
    "arrow": pa.table({"x": NUMBERS}),
    "decimal": decimal.Decimal("1E+30"),
    "nested": {"a": [1e-9, decimal.Decimal("1E-30"), 10**100]},
}


@contextlib.contextmanager
def numpy_set() -> Iterator[None]:
    before: Any = np.get_printoptions()
    formatter: Any = {"float": lambda _: "#", "complex": lambda _: "#"}
    np.set_printoptions(
        precision=1, suppress=True, threshold=2, edgeitems=1, linewidth=10, nanstr="?", infstr="!",
        sign="+", floatmode="fixed", formatter=formatter,
    )  # fmt: skip
    yield
    np.set_printoptions(**before)


@contextlib.contextmanager
def pandas_set() -> Iterator[None]:
    options = {
        "precision": 1, "float_format": "{:.0f}".format, "chop_threshold": 1.0, "max_rows": 2,
        "max_columns": 1, "max_colwidth": 4, "width": 20,
    }  # fmt: skip
    pairs = [item for name, value in options.items() for item in (f"display.{name}", value)]
    with pd.option_context(*pairs):
        yield


@contextlib.contextmanager
def polars_set() -> Iterator[None]:
    with pl.Config(
        float_precision=0, tbl_rows=1, tbl_cols=1, fmt_str_lengths=1, thousands_separator=True
    ):
        yield


@contextlib.contextmanager
def decimal_set() -> Iterator[None]:
    with decimal.localcontext(decimal.Context(prec=2, capitals=0)):
        yield


@contextlib.contextmanager
def python_set() -> Iterator[None]:
    digits, most = sys.get_int_max_str_digits(), reprlib.aRepr.maxlist
    place = locale.setlocale(locale.LC_ALL)
    sys.set_int_max_str_digits(640)
    reprlib.aRepr.maxlist = 1
    locale.setlocale(locale.LC_ALL, "C")
    yield
    sys.set_int_max_str_digits(digits)
    reprlib.aRepr.maxlist = most
    locale.setlocale(locale.LC_ALL, place)


SETTINGS: dict[str, Callable[[], contextlib.AbstractContextManager[None]]] = {
    "numpy": numpy_set,
    "pandas": pandas_set,
    "polars": polars_set,
    "decimal": decimal_set,
    "python": python_set,
}


@pytest.mark.parametrize("row", VALUES)
@pytest.mark.parametrize("setting", SETTINGS)
def test_settings(setting: str, row: str) -> None:
    """A description is the same whatever is set for display, and the setting stays."""
    value = VALUES[row]
    options = ["", "full"] if row in {"array", "large", "masked", "frame", "series"} else [""]
    before = [describe(value, name="x", options=option).text for option in options]
    result = result_text(value)
    with SETTINGS[setting]():
        shown, printed = np.get_printoptions(), pd.get_option("display.precision")
        after = [describe(value, name="x", options=option).text for option in options]
        assert result_text(value) == result
        assert np.get_printoptions() == shown
        assert pd.get_option("display.precision") == printed
    assert after == before


def test_rounding_is_said() -> None:
    """Where the numbers of an array are rounded the text says so; `full` writes all digits."""
    assert "dtype float64:\n[0.5, 1. ]" in describe(np.array([0.5, 1]), name="x").text
    assert "float64, numbers to 6 decimals:\n[0.123457" in (
        describe(np.array([0.123456789]), name="x").text
    )
    assert ":\n[0.123456789]" in describe(np.array([0.123456789]), name="x", options="full").text
    assert "float32:\n[0.1]" in describe(np.array([0.1], dtype="float32"), name="x").text
    assert "numbers to 6 decimals" in describe(np.arange(5_000) / 7, name="x").text


def test_masked_arrays() -> None:
    """No masked element is shown or counted, and none in the middle is lost."""
    values = np.ma.masked_greater(np.arange(900.0).reshape(300, 3), 897)
    text = describe(values, name="x", budget=10_000).text
    assert "450., 451., 452." in text or "450.0, 451.0, 452.0" in text
    assert "899" not in text
    large = np.ma.masked_greater(np.arange(5_000.0), 9)
    assert "range 0 to 9, 0 NaN, 4,990 masked" in describe(large, name="x").text


def test_units() -> None:
    """An array of a library that knows units tells its unit."""

    class Quantity(np.ndarray[Any, Any]):
        unit = "km / s"

    text = describe(np.arange(2.0).view(Quantity), name="x").text
    assert "shape (2,), dtype float64, unit km / s" in text


TEXTS = ["NA", "", "nan", "None", "<NA>", "null", "NaT", " ", '""', "a"]
MAKERS: dict[str, Callable[[list[Any]], Any]] = {
    "series": lambda values: pd.Series(values, dtype=object),
    "frame": lambda values: pd.DataFrame({"x": pd.Series(values, dtype=object)}),
    "two": lambda values: pd.DataFrame({"x": values, "y": [1] * len(values)}, dtype=object),
    "str": lambda values: pd.Series(values, dtype="str"),
    "string": lambda values: pd.DataFrame({"x": pd.array(values, dtype="string")}),
    "index": lambda values: pd.Index(values, dtype=object),
    "polars": lambda values: pl.Series("x", values),
    "polars frame": lambda values: pl.DataFrame({"x": values}),
    "arrow": lambda values: pa.table({"x": values}),
    "arrow array": pa.array,
}


@pytest.mark.parametrize("form", ["", "csv", "md", "json", "head=9", "full"])
@pytest.mark.parametrize("make", MAKERS)
def test_missing_values_look_like_no_text(make: str, form: str) -> None:
    """A missing value and a text that reads like one differ, in every form of a table."""
    missing = describe(MAKERS[make]([None, "b"]), name="x", options=form).text
    for text in TEXTS:
        written = describe(MAKERS[make]([text, "b"]), name="x", options=form).text
        rows = written.partition("all 2 rows")[2].partition("\n")[2]
        assert rows != missing.partition("all 2 rows")[2].partition("\n")[2], text
    if form in {"", "csv"} and make != "two":
        assert "missing as NA" in missing


def test_names_that_read_as_constants() -> None:
    """A column named by a text differs from one named by None."""
    texts = [describe(pd.DataFrame([[1]], columns=pd.Index([name], dtype=object)), name="x").text
             for name in (None, "None", True, "True")]  # fmt: skip
    assert len(set(texts)) == len(texts)
