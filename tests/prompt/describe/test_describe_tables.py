"""Frames, series and columns of pandas, polars and pyarrow."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]  # ships no types
import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]  # ships no types
import pytest

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.prompt.describe.registry import Description, describe

ROWS = 1_000


def described(value: Any, options: str = "", *, budget: int = 1_000) -> Description:
    """Return a description."""
    return describe(value, name="df", options=options, budget=budget)


def line_of(text: str, column: str) -> str:
    """Return what is said of a column."""
    found = [line for line in text.splitlines() if line.startswith(f"- {column}: ")]
    assert len(found) == 1
    return found[0].removeprefix(f"- {column}: ")


def rows_of(text: str) -> list[list[str]]:
    """Return the rows of the CSV in a description, the names first."""
    body = text.partition("as CSV")[2].partition(":\n")[2].partition("\n…")[0]
    return list(csv.reader(io.StringIO(body)))


def columns() -> dict[str, Any]:
    """Return the columns of a frame of ordinary data."""
    return {
        "id": list(range(ROWS)),
        "price": [None if n % 10 == 3 else n / 4 for n in range(ROWS)],
        "city": ["Paris", "Rome", "Oslo", "Rome"] * (ROWS // 4),
        "when": [dt.datetime(2024, 1, 1) + dt.timedelta(hours=n) for n in range(ROWS)],  # noqa: DTZ001  # without one
        "day": [dt.date(2024, 1, 1) + dt.timedelta(days=n) for n in range(ROWS)],
        "ok": [n % 4 == 0 for n in range(ROWS)],
        "note": [f'row {n}, "quoted"' for n in range(ROWS)],
    }


FRAMES = {
    "pandas.DataFrame": lambda: pd.DataFrame(columns()),
    "polars.DataFrame": lambda: pl.DataFrame(columns()),
    "pyarrow.Table": lambda: pa.table(columns()),
}


@pytest.fixture(params=list(FRAMES))
def frame(request: pytest.FixtureRequest) -> Any:
    """Return the same data as a frame of each library."""
    return FRAMES[request.param]()


def test_shape_columns_and_rows(frame: Any) -> None:
    """A frame is its shape, a line on each column, and the first five rows as CSV."""
    found = described(frame)
    lines = found.text.splitlines()
    assert lines[0] == f"{found.kind}, 1,000 rows x 7 columns"
    assert found.kind in FRAMES
    assert lines[1] == "columns:"
    assert "first 5 of 1,000 rows, as CSV" in found.text
    assert lines[-1] == "… 995 more rows"
    assert (found.summary, found.inline) == ("1,000 x 7, 5 rows shown", False)
    assert found.cut == "995 rows"
    rows = rows_of(found.text)
    assert rows[0] == list(columns())
    assert rows[1][:3] == ["0", "0", "Paris"]
    assert rows[4][1] == ""  # missing
    assert rows[1][-1] == 'row 0, "quoted"'
    assert len(rows) == 6


def test_what_is_said_of_columns(frame: Any) -> None:
    """A column's line has its type, missing and distinct values, range or most frequent values."""
    text = described(frame).text
    assert "int64" in line_of(text, "id").lower()
    assert "all unique, 0 to 999, quartiles 250, 500, 749" in line_of(text, "id")
    assert "100 missing" in line_of(text, "price")
    assert "0 to 249.75, quartiles" in line_of(text, "price")
    assert "3 unique: Rome 500, Paris 250, Oslo 250" in line_of(text, "city")
    assert "2024-01-01 00:00:00 to 2024-02-11 15:00:00" in line_of(text, "when")
    assert "2 unique: False 750, True 250" in line_of(text, "ok")
    assert line_of(text, "note").endswith("all unique")
    assert "missing" not in line_of(text, "id")


def test_schema(frame: Any) -> None:
    """`schema` tells the columns and no rows."""
    found = described(frame, "schema")
    assert "CSV" not in found.text
    assert line_of(found.text, "city")
    assert found.summary == "1,000 x 7, no rows shown"


@pytest.mark.parametrize(("options", "count"), [("head=3", 3), ("head=12", 12), ("head", 5)])
def test_head(frame: Any, options: str, count: int) -> None:
    """`head=N` shows the first N rows, and all that is known of the columns."""
    found = described(frame, options)
    rows = rows_of(found.text)
    assert [row[0] for row in rows[1:]] == [str(n) for n in range(count)]
    assert line_of(found.text, "id")
    assert found.summary == f"1,000 x 7, {count} rows shown"


def test_tail(frame: Any) -> None:
    """`tail=N` shows the last N rows, with the numbers of the rows."""
    rows = rows_of(described(frame, "tail=2").text)
    assert rows[0][0] in {"index", "row"}
    assert [row[:2] for row in rows[1:]] == [["998", "998"], ["999", "999"]]


def test_which_rows_go_first(frame: Any) -> None:
    """Where not all rows fit, the first of `head` and the last of `tail` stay."""
    rows = rows_of(described(frame, "tail=300", budget=400).text)
    assert rows[-1][0] == "999"
    assert 2 < len(rows) < 60
    rows = rows_of(described(frame, "head=300", budget=400).text)
    assert rows[1][0] == "0"
    assert 2 < len(rows) < 60


def test_head_and_tail(frame: Any) -> None:
    """`head` and `tail` go together."""
    found = described(frame, "head=2,tail=2")
    assert "first 2 of 1,000 rows" in found.text
    assert "last 2 of 1,000 rows" in found.text
    assert found.summary == "1,000 x 7, 4 rows shown"


def test_sample(frame: Any) -> None:
    """`sample=N` shows N different rows in their order, with their numbers."""
    rows = rows_of(described(frame, "sample=5").text)
    numbers = [int(row[0]) for row in rows[1:]]
    assert len(set(numbers)) == 5
    assert numbers == sorted(numbers)
    assert numbers != list(range(5))
    assert all(row[0] == row[1] for row in rows[1:])


def test_more_rows_than_there_are(frame: Any) -> None:
    """Asking for more rows than there are shows all of them, if they fit."""
    found = described(frame, "head=5000,csv", budget=100_000)
    assert f"all {ROWS:,} rows, as CSV" in found.text
    assert found.cut == ""
    assert len(rows_of(found.text)) == ROWS + 1


@pytest.mark.parametrize("form", ["csv", "md", "json"])
def test_forms(frame: Any, form: str) -> None:
    """`csv`, `md` and `json` alone show as many rows as fit, and nothing on the columns."""
    found = described(frame, form, budget=400)
    assert "columns:" not in found.text
    assert "more rows" in found.text
    assert 200 < found.tokens <= 440


def test_markdown(frame: Any) -> None:
    """`md` writes a table of Markdown."""
    lines = described(frame, "head=2,md").text.splitlines()
    assert lines[1].startswith("first 2 of 1,000 rows, as Markdown")
    assert lines[2].startswith("| id | price | city |")
    assert lines[3].startswith("| --- | --- |")
    assert lines[4].startswith("| 0 | 0 | Paris |")
    assert lines[-1] == "… 998 more rows"


def test_markdown_cells() -> None:
    """A cell cannot break a table of Markdown."""
    text = described(pd.DataFrame({"a": ["x|y", "two\nlines"]}), "md").text
    assert "| x\\|y |" in text
    assert "| two lines |" in text


def test_json(frame: Any) -> None:
    """`json` writes records that a parser reads."""
    text = described(frame, "head=4,json").text
    records = json.loads(text.partition(":\n")[2].partition("\n…")[0])
    assert len(records) == 4
    assert list(records[0]) == list(columns())
    assert records[0]["ok"] is True
    assert records[3]["price"] is None
    assert records[2]["price"] == 0.5
    assert records[0]["city"] == "Paris"


def test_schema_with_rows(frame: Any) -> None:
    """`schema` beside a form brings the columns back."""
    text = described(frame, "schema,csv,head=2").text
    assert line_of(text, "id")
    assert len(rows_of(text)) == 3


def test_full(frame: Any) -> None:
    """`full` shows every row and every character, whatever the budget."""
    found = described(frame, "full", budget=10)
    assert len(rows_of(found.text)) == ROWS + 1
    assert found.cut == ""
    assert found.summary == "1,000 x 7"
    assert "columns:" in found.text


def test_full_cells() -> None:
    """`full` cuts no cell and rounds no number."""
    frame = pd.DataFrame({"a": ["x" * 5_000] * 60, "b": [0.1234567890123] * 60})
    text = described(frame, "full,head=2").text
    assert "x" * 5_000 in text
    assert "0.1234567890123" in text
    assert len(rows_of(text)) == 3


def test_full_of_too_much() -> None:
    """`full` of millions of cells is refused with what to do instead."""
    frame = pd.DataFrame({"a": np.zeros(2_000_000)})
    with pytest.raises(UsageError, match=r"2,000,000 x 1 cells .*such as \{\{df:head=20\}\}"):
        described(frame, "full")
    assert described(frame, "full,head=3").text.endswith("1,999,997 more rows")


def test_small_frames_are_whole(frame: Any) -> None:
    """A small frame is shown whole, with the types instead of statistics."""
    small = frame.slice(0, 4) if hasattr(frame, "slice") else frame.iloc[:4]
    found = described(small)
    assert "all 4 rows, as CSV" in found.text
    assert "columns: id (" in found.text
    assert (found.cut, found.summary) == ("", "4 x 7")


def test_one_row() -> None:
    """One row is one row."""
    assert "all 1 row, as CSV" in described(pd.DataFrame({"a": [1]})).text


def test_order_of_cutting() -> None:
    """With less room there are fewer rows, then less on the columns, then fewer columns."""
    frame = pd.DataFrame({f"column_{n}": np.arange(500) / 7 for n in range(20)})
    texts = [described(frame, budget=budget).text for budget in (2_000, 1_000, 400, 150, 60)]
    assert "quartiles" in texts[0]
    assert "first 5 of" in texts[0]
    assert "quartiles" in texts[1]
    assert "first 5 of" not in texts[1]
    assert "quartiles" not in texts[2]
    assert "column_19" in texts[2]
    assert "of 20 columns" in texts[3] or "columns by type" in texts[3]
    assert texts[4].startswith("pandas.DataFrame, 500 rows x 20 columns")


def test_rows_asked_for_come_first() -> None:
    """Rows that were asked for are kept, and what is said of the columns gives way."""
    frame = pd.DataFrame({f"column_{n}": np.arange(500) for n in range(12)})
    found = described(frame, "head=12", budget=500)
    assert "first 12 of 500 rows" in found.text
    assert "quartiles" not in found.text


def test_wide_frames_are_grouped() -> None:
    """The columns of a wide frame are grouped by type, and runs of names are told in short."""
    frame = pd.DataFrame(np.zeros((60, 400))).add_prefix("x").assign(name="text", kind="a")
    text = described(frame).text
    assert "- float64 (400): x0 to x399" in text
    assert "- str (2): name, kind" in text or "- object (2): name, kind" in text
    assert "of 402 columns" in text


def test_long_cells_are_cut() -> None:
    """A long cell is cut, and the text says so."""
    frame = pd.DataFrame({"a": ["word " * 100] * 100})
    found = described(frame)
    assert "cells cut at 80 characters" in found.text
    assert "the end of long cells" in found.cut
    assert max(len(line) for line in found.text.splitlines()) < 100


def test_rounding_is_said() -> None:
    """Numbers are rounded to six digits, never beyond their units, and the text says so."""
    frame = pd.DataFrame({"a": [1 / 3, 123_456_789.25, 1e-9, 1e300, 2.0, np.inf]})
    text = described(frame, "csv").text
    assert "numbers to 6 digits" in text
    assert rows_of(text)[1:] == [
        ["0.333333"],
        ["123456789.25"],
        ["1e-09"],
        ["1e+300"],
        ["2"],
        ["inf"],
    ]
    assert "digits" not in described(pd.DataFrame({"a": [0.5, 1.25]}), "csv").text


def test_column_names() -> None:
    """A name is written so that code can use it: a number is no text, and odd texts are quoted."""
    names = ["plain", 1, "1", "", " x", "a\nb", ("a", 2), None, "say, it"]
    frame = pd.DataFrame([range(9)] * 60, columns=pd.Index(names, dtype=object))
    text = described(frame, "schema").text
    for label in ("plain", "1", "'1'", "''", "' x'", "'a\\nb'", "('a', 2)", "None", "say, it"):
        assert line_of(text, label)


def test_long_column_names() -> None:
    """A very long name is cut."""
    text = described(pd.DataFrame({"n" * 10_000: range(100)})).text
    assert "n" * 100 not in text


def test_few_numbers_are_counted() -> None:
    """A number of few values, such as a class, is counted and not ranged."""
    text = described(pd.DataFrame({"class": [1, 2, 3, 3] * 50})).text
    assert line_of(text, "class").endswith("3 unique: 3 100, 1 50, 2 50")


def test_most_frequent() -> None:
    """Of many texts, the three most frequent are told."""
    values = ["a"] * 40 + ["b"] * 30 + ["c"] * 20 + [f"other {n}" for n in range(100)]
    assert "103 unique, most: a 40, b 30, c 20" in described(pd.DataFrame({"x": values})).text


def test_large_columns() -> None:
    """The range and the missing values of a long column are those of all of it."""
    values = np.arange(200_000, dtype=float)
    values[[10, 150_000]] = np.nan
    values[199_000] = 1e9
    values[199_001] = -np.inf
    frame = pd.DataFrame(dict.fromkeys("abcde", values))
    line = line_of(described(frame).text, "a")
    assert "2 missing" in line
    assert "0 to 1000000000 and 1 infinite" in line
    assert "~quartiles" in line


@pytest.mark.parametrize("make", [pl.DataFrame, pa.table], ids=["polars", "pyarrow"])
def test_large_columns_elsewhere(make: Any) -> None:
    """So they are with the other libraries."""
    values = np.arange(200_000, dtype=float)
    values[199_000] = 1e9
    texts = [["a", "b", "b", "b"][n % 4] for n in range(200_000)]
    text = described(make({**dict.fromkeys("abcd", values), "text": texts})).text
    assert '("~": from a sample of 20,000 rows)' in text
    assert "0 to 1000000000" in line_of(text, "a")
    assert "~2 unique: b ~7" in line_of(text, "text")


def test_samples_are_marked() -> None:
    """What is known from a sample is marked, and its size is told."""
    frame = pd.DataFrame({c: ["x", "y", "y", "y"] * 50_000 for c in "abcd"}, dtype=object)
    text = described(frame).text
    assert '("~": from a sample of 20,000 rows)' in text
    assert "~2 unique: y ~75%, x ~25%" in text or "~2 unique: y ~7" in text


def test_series() -> None:
    """A Series is told with its name, its type and its index."""
    found = described(pd.Series(np.arange(100) / 4, name="price"))
    assert found.text.startswith("pandas.Series, 100 values\nprice: float64, ")
    assert "first 5 of 100 rows" in found.text
    assert found.summary == "100 values, 5 shown" or found.summary.startswith("100 values")
    assert described(pl.Series("p", range(100))).text.startswith(
        "polars.Series, 100 values\np: Int64"
    )
    assert described(pa.array(range(100))).text.startswith("pyarrow.Int64Array, 100 values")
    assert described(pa.chunked_array([[1], [None]])).kind == "pyarrow.ChunkedArray"
    assert described(pa.record_batch({"a": [1]})).kind == "pyarrow.RecordBatch"


def test_series_with_labels() -> None:
    """The labels of a Series stand beside its values."""
    rows = rows_of(described(pd.Series({"a": 1, "b": 2})).text)
    assert rows == [["index", "values"], ["a", "1"], ["b", "2"]]


def test_missing_values_of_a_series() -> None:
    """A missing value on a line of its own is still to be seen."""
    assert rows_of(described(pd.Series(["x", None, ""], name="s")).text)[1:] == [
        ["x"],
        ["NA"],
        [""],
    ]


def test_indexes() -> None:
    """An Index is told like a column, times with their step, several levels like columns."""
    text = described(pd.date_range("2024-01-01", periods=100)).text
    assert "every D" in text
    assert "2024-01-01 to 2024-04-09" in text
    text = described(pd.MultiIndex.from_product([range(10), list("abcdefghij")])).text
    assert "MultiIndex of 2 levels: level 0 (10 different), level 1 (10 different)" in text
    assert described(pd.RangeIndex(100)).kind == "pandas.RangeIndex"
    assert described(pd.Categorical(["a", "b"])).kind == "pandas.Categorical"


def test_frames_in_other_values() -> None:
    """In a list or a dictionary, a frame is its type and its shape."""
    value = {"pandas": pd.DataFrame({"a": [1]}), "polars": pl.DataFrame({"a": [1]})}
    text = described(value).text
    assert text == "{'pandas': <pandas.DataFrame 1 x 1>, 'polars': <polars.DataFrame 1 x 1>}"
    text = described([pa.table({"a": [1]}), pd.Series([1.5])]).text
    assert text == "[<pyarrow.Table 1 x 1>, <pandas.Series of 1, float64>]"


def test_nothing_is_changed() -> None:
    """A description leaves the frame as it was."""
    frame = FRAMES["pandas.DataFrame"]()
    before = frame.copy(deep=True)
    for options in ("", "schema", "sample=3", "tail=2,md", "full"):
        described(frame, options)
    pd.testing.assert_frame_equal(frame, before)
