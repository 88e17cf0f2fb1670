"""What a prompt goes over: rows by position, whatever holds them."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.rows.data.chunks import Rows
from eighty80_jupyter.rows.data.missing import is_missing
from eighty80_jupyter.rows.frames import open_rows

CELLS: dict[str, list[Any]] = {"text": ["a", None, " ", "d"], "Customer Name": [1, 2, 3, 4]}
FRAME = pd.DataFrame(CELLS)
RECORDS = [dict(zip(CELLS, cells, strict=True)) for cells in zip(*CELLS.values(), strict=True)]
ARRAY = np.array(
    [("" if text is None else text, number) for text, number in zip(*CELLS.values(), strict=True)],
    dtype=[("text", "U1"), ("Customer Name", "i8")],
)
TABLES = {
    "pandas": FRAME.set_axis(["x", "x", "y", "z"]),
    "polars": pl.DataFrame(CELLS),
    "pyarrow": pa.Table.from_pydict(CELLS),
    "record batch": pa.RecordBatch.from_pydict(CELLS),
    "duckdb": duckdb.from_arrow(pa.Table.from_pydict(CELLS)),
    "columns": CELLS,
    "columns of arrays": {"text": CELLS["text"], "Customer Name": np.array([1, 2, 3, 4])},
    "records": RECORDS,
    "record array": ARRAY,
}


def columns(rows: Rows, size: int = 3) -> dict[Any, list[Any]]:
    """Return the cells of all columns, read a chunk at a time."""
    found: dict[Any, list[Any]] = {name: [] for name in rows.names}
    for chunk in rows.chunks(size):
        for name in rows.names:
            found[name] += chunk.column(name)
    return found


def items(rows: Rows, size: int = 3) -> list[Any]:
    """Return all rows, read a chunk at a time."""
    return [chunk.row(number) for chunk in rows.chunks(size) for number in range(chunk.count)]


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_read_by_column_and_by_row(name: str) -> None:
    """In chunks, in order; a cell that is missing or blank is told; a row knows its columns."""
    rows = open_rows(TABLES[name])
    assert rows.names == ("text", "Customer Name")
    assert rows.length == len(FRAME)
    found = columns(rows)
    assert found["Customer Name"] == [1, 2, 3, 4]
    assert (found["text"][0], found["text"][3]) == ("a", "d")
    missing = [one for chunk in rows.chunks(3) for one in chunk.missing("text")]
    assert missing == [False, True, True, False]
    row = items(rows)[3]
    assert (row["Customer Name"], row["text"]) == (4, "d")


@pytest.mark.parametrize("name", TABLES)
def test_some_rows_are_taken_by_position(name: str) -> None:
    """In the order asked for, with the labels that they had."""
    rows = open_rows(TABLES[name])
    some = rows.take([3, 0])
    assert (some.length, columns(some)["Customer Name"]) == (2, [4, 1])
    assert columns(rows.take([]))["Customer Name"] == []
    assert rows.take([]).length == 0
    assert columns(rows.head(9))["Customer Name"] == [1, 2, 3, 4]
    if name == "pandas":
        assert [chunk.label(0) for chunk in some.chunks(1)] == ["z", "x"]


def test_a_row_is_asked_by_name_by_position_and_by_attribute() -> None:
    """A label that is a number comes before a position; unknown ones are refused in one line."""
    row = items(open_rows(pd.DataFrame([["a", "b", "c"]], columns=[1, "name", ("x", 2)])))[0]
    assert (row[1], row[0], row[-1], row.name, row[("x", 2)]) == ("a", "a", "c", "b", "c")
    with pytest.raises(UsageError, match="the row has no column 'other'; it has 1, name, "):
        _ = row["other"]


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame([[1, 2, 3]], columns=["a", "b", "a"]),
        pa.Table.from_arrays([pa.array([n]) for n in (1, 2, 3)], names=["a", "b", "a"]),
    ],
    ids=["pandas", "pyarrow"],
)
def test_a_name_of_several_columns_is_refused_where_it_is_used(frame: Any) -> None:
    """The others are read, and positions tell the equal ones apart."""
    rows = open_rows(frame)
    assert rows.duplicated == {"a"}
    (chunk,) = rows.chunks(5)
    row = chunk.row(0)
    assert (chunk.column("b"), row["b"], row[0], row[2]) == ([2], 2, 1, 3)
    for ask in (chunk.column, chunk.missing, row.__getitem__):
        with pytest.raises(UsageError, match="several columns are named 'a'; rename them"):
            ask("a")
    with pytest.raises(UsageError, match="there is no column 'c'; there is a, b, a"):
        chunk.column("c")


def test_labels_are_those_of_the_index() -> None:
    """Duplicates, NA and tuples among them; without an index they are positions."""
    frame = pd.DataFrame({"a": [1, 2, 3]}, index=pd.Index(["k", "k", None]))
    (chunk,) = open_rows(frame).chunks(3)
    assert (chunk.label(0), chunk.label(1), is_missing(chunk.label(2))) == ("k", "k", True)
    deep = frame.set_index(pd.MultiIndex.from_tuples([("a", 1), ("a", 1), ("b", 2)]))
    assert [chunk.label(0) for chunk in open_rows(deep).chunks(1)][2] == ("b", 2)
    assert [chunk.label(0) for chunk in open_rows(pl.DataFrame({"a": [1, 2]})).chunks(1)] == [0, 1]
    assert [chunk.label(0) for chunk in open_rows({(1, 2): "a", None: "b"}).chunks(1)] == [
        (1, 2),
        None,
    ]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (["a", "b"], "list"),
        (("a", "b"), "tuple"),
        (deque(["a", "b"]), "list"),
        ({1: "a", (2, 3): "b"}, "dict"),
        ({"k": "a", "l": "b"}.values(), "list"),
        ({"a": 1, "b": 2}.keys(), "list"),
        (np.array(["a", "b"]), "array"),
        (pd.Series(["a", "b"], index=[7, 7]), "series"),
        (pd.Index(["a", "b"]), "list"),
        (pd.Categorical(["a", "b"]), "list"),
        (pl.Series(["a", "b"]), "polars-series"),
        (pa.array(["a", "b"]), "pyarrow"),
        (pa.chunked_array([["a"], ["b"]]), "pyarrow"),
        (iter(["a", "b"]), "iterator"),
        ((text for text in "ab"), "iterator"),
        (io.StringIO("a\r\nb\n"), "iterator"),
    ],
    ids=lambda value: (
        value if isinstance(value, str) else type(value).__module__ + str(type(value))
    ),
)
def test_single_items_are_rows_without_columns(data: Any, kind: str) -> None:
    """A row is the item itself."""
    rows = open_rows(data)
    assert (rows.kind, rows.names) == (kind, ())
    assert items(rows, 1) == ["a", "b"]


def test_keys_of_dictionaries_are_columns() -> None:
    """Of all of them, in the order in which they come; a row is the dictionary itself."""
    data = [{"a": 1}, {"b": 2, "a": None}, None]
    rows = open_rows(data)
    assert (rows.names, columns(rows)) == (("a", "b"), {"a": [1, None, None], "b": [None, 2, None]})
    assert items(rows) == data
    assert [chunk.missing_rows() for chunk in rows.chunks(9)] == [[False, False, True]]
    assert open_rows({"x": {"a": 1}, "y": {"a": 2}}).names == ("a",)
    assert open_rows({"doc": ["a", "b"], "other": ["c"]}).kind == "dict"


def test_an_array_of_two_dimensions_has_its_rows() -> None:
    """Moments keep their type."""
    assert [row[1] for row in items(open_rows(np.array([[1, 2], [3, 4]])))] == [2, 4]
    moments = open_rows(np.array(["2020-01-01", "NaT"], dtype="datetime64[ns]"))
    assert str(items(moments)[0]).startswith("2020-01-01")
    assert [chunk.missing_rows() for chunk in moments.chunks(2)] == [[False, True]]
    spans = open_rows(np.array([90], dtype="timedelta64[ns]"))
    assert str(items(spans)[0]) == "90 nanoseconds"


def test_an_iterator_is_read_as_far_as_asked() -> None:
    """No item is read ahead but the first, which tells the columns, and none twice."""
    read: list[int] = []

    def source() -> Iterator[dict[str, int]]:
        for number in range(10):
            read.append(number)
            yield {"n": number}

    rows = open_rows(source())
    assert (rows.length, rows.names, read) == (None, ("n",), [0])
    chunks = rows.chunks(3)
    first = next(chunks)
    assert (first.start, first.column("n"), read) == (0, [0, 1, 2], [0, 1, 2])
    second = next(chunks)
    assert (second.start, second.column("n"), second.label(1)) == (3, [3, 4, 5], 4)
    assert first.row(1) == {"n": 1}
    assert [chunk.count for chunk in chunks] == [3, 1]
    with pytest.raises(UsageError, match="of an iterator cannot be chosen; make a list of it"):
        rows.take([1])


def test_the_head_of_an_iterator_reads_no_further() -> None:
    """The rest is the caller's still."""
    source = iter(range(100))
    assert items(open_rows(source).head(5)) == [0, 1, 2, 3, 4]
    assert next(source) == 5


def test_what_is_changed_later_does_not_count() -> None:
    """Neither rows nor columns that a user adds while a run goes on."""
    data: dict[str, Any] = {"list": ["a"], "frame": pd.DataFrame({"a": [1]}), "dict": {"k": "a"}}
    opened = {name: open_rows(value) for name, value in data.items()}
    data["list"].append("b")
    data["frame"].loc[1] = [5]
    data["frame"]["b"] = 3
    data["dict"]["l"] = "b"
    assert [(rows.length, len(items(rows))) for rows in opened.values()] == [(1, 1)] * 3
    assert opened["frame"].names == ("a",)


@pytest.mark.parametrize(
    "data",
    [[], (), {}, iter(()), pd.DataFrame(), pd.DataFrame({"a": []}), pl.DataFrame(), np.array([])],
    ids=["list", "tuple", "dict", "text", "frame", "columns", "polars", "array"],
)
def test_nothing_is_no_rows(data: Any) -> None:
    """An empty source opens, and yields none."""
    assert list(open_rows(data).chunks(3)) == []


class _Endless:
    async def __aiter__(self) -> Any:
        yield 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("tickets.csv", "got the text 'tickets.csv'; read the file first, or put the texts into a"),
        (b"x", "read the file first"),
        (Path("tickets.csv"), "got the text 'tickets.csv'; read the file first"),
        (None, "rows are a data frame, a Series, a list, a dictionary, an array or an iterator"),
        (5, "got a int"),
        (list, "got a type"),
        ({"a", "b"}, "a set has no order; give a list, such as sorted"),
        (np.array(5), "the array holds one value"),
        (_Endless(), "cannot come from an asynchronous iterator; collect them in a list"),
        (FRAME.groupby("text"), "rows cannot be grouped; give the frame itself"),
        (pl.DataFrame({"a": [1]}).group_by("a"), "rows cannot be grouped"),
        (pl.LazyFrame({"a": [1]}), "is only a plan, whose rows are not there; collect it first"),
        (pa.table({"a": [1]}).to_reader(), "read_all"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else type(value).__name__,
)
def test_what_is_no_rows_is_refused_in_one_line(data: Any, words: str) -> None:
    """It says what there was, and what to do."""
    with pytest.raises(UsageError) as caught:
        open_rows(data)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
