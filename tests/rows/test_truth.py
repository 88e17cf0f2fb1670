"""A truth is read in the type of the answers, from whatever holds it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, Literal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.rows.frames import open_rows
from eighty80_jupyter.rows.truth import fitted, read_truth
from eighty80_jupyter.structured.shape import Shape, shape_of

DAY = dt.date(2024, 1, 2)


def of(returns: Any) -> Shape:
    """Return the type of answers."""
    return shape_of(returns)


@pytest.mark.parametrize(
    ("returns", "truth", "expected"),
    [
        (["1", "2"], [1, 2.0, "1", Decimal(2), 3], ["1", "2", "1", "2", 3]),
        (["yes", "no"], [True, False, " Yes ", "NO", "maybe"], ["yes", "no", "yes", "no", "maybe"]),
        (Literal[1, 2], ["1", "2 ", "3", 1.0], [1, 2, "3", 1]),
        (bool, ["True", "no", 1, 0, "?"], [True, False, 1, 0, "?"]),
        (int, ["3", 3.0, "x", True], [3, 3, "x", True]),
        (float, ["2.5", Decimal("0.5"), 1], [2.5, 0.5, 1]),
        (str, [1.0, 2.5, True, "a", DAY], ["1", "2.5", "True", "a", "2024-01-02"]),
        (dt.date, ["2024-01-02", pd.Timestamp(DAY), DAY, "soon"], [DAY, DAY, DAY, "soon"]),
        (dt.datetime, ["2024-01-02T03:04", "?"], [dt.datetime(2024, 1, 2, 3, 4), "?"]),  # noqa: DTZ001  # has none
        (list[str], [["a"], ["b"]], [["a"], ["b"]]),
        (
            "label: a|b, n: int",
            [{"label": "A", "n": "1", "more": 2}],
            [{"label": "a", "n": 1, "more": 2}],
        ),
    ],
)
def test_as_the_answers_are(returns: Any, truth: list[Any], expected: list[Any]) -> None:
    """A label that another type wrote is the same label; what can be no answer stays."""
    found = fitted([*truth, None], of(returns))
    assert found == [*expected, None]
    for got, wanted in zip(found, expected, strict=False):
        assert isinstance(got, bool) == isinstance(wanted, bool)


ROWS = open_rows(pd.DataFrame({"t": list("abc"), "y": ["x", " ", None]}))
WANTED = ["x", None, "z"]


@pytest.mark.parametrize(
    "held",
    [
        ["x", "", "z"],
        ("x", None, "z"),
        pd.Series(["x", np.nan, "z"], index=[2, 0, 1]),
        pd.Series(["x", pd.NA, "z"], dtype="category"),
        pd.DataFrame({"any": ["x", None, "z"]}),
        np.array(["x", "  ", "z"]),
        pl.Series(["x", None, "z"]),
        pa.array(["x", None, "z"]),
        pa.chunked_array([["x"], [None, "z"]]),
    ],
)
def test_from_whatever_holds_it(held: Any) -> None:
    """By position, and what is missing or blank is a row that nobody has labelled."""
    rows = open_rows(list("abc"))
    assert read_truth(held, rows) == WANTED


@pytest.mark.parametrize("unit", ["D", "s", "ns"])
def test_moments_of_numpy(unit: str) -> None:
    """They are days, and no numbers of nanoseconds."""
    held = np.array(["2024-01-02"] * 3, dtype=f"M8[{unit}]")
    assert fitted(read_truth(held, ROWS) or [], of(dt.date)) == [DAY] * 3


@pytest.mark.parametrize("held", [len, 3, {"a", "b", "c"}, pd.DataFrame({"a": [1], "b": [2]})])
def test_what_is_no_truth(held: Any) -> None:
    """One line says what was expected."""
    with pytest.raises(UsageError, match="truth"):
        read_truth(held, ROWS)
