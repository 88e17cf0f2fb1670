"""Answers come back as columns: the same kind of table, by position, with nullable types."""

from __future__ import annotations

import datetime as dt
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.rows.columns import attach, clashes
from eighty80_jupyter.rows.data.types import error_column
from eighty80_jupyter.rows.frames import open_rows
from eighty80_jupyter.structured.shape import shape_of


def frame(labels: Any = ("k", "k", "l")) -> pd.DataFrame:
    """Return a frame of three rows, the first two of one label."""
    return pd.DataFrame({"text": ["a", "b", "c"]}, index=list(labels))


def test_an_index_of_any_form_is_kept() -> None:
    """Nothing is aligned by it: not with duplicates, several levels or NA."""
    levels = pd.MultiIndex.from_tuples([("a", 1), ("a", 1), ("b", 2)], names=["x", "y"])
    for index in (levels, pd.Index([pd.NA, pd.NA, 1]), pd.DatetimeIndex(["2020"] * 3)):
        data = frame().set_index(index)
        answered = attach(open_rows(data), shape_of(int), "n", [3, None, 1])
        assert answered.index.equals(data.index)
        assert answered.index.names == data.index.names
        assert answered["n"].tolist() == [3, pd.NA, 1]


def test_a_frame_of_modin_comes_back_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its index; modin goes with pandas 2 only."""
    monkeypatch.setenv("MODIN_ENGINE", "python")
    modin = pytest.importorskip("modin.pandas", exc_type=ImportError)
    answered = attach(open_rows(modin.DataFrame(frame())), shape_of(int), "n", [3, None, 1])
    assert isinstance(answered, modin.DataFrame)
    plain = answered.modin.to_pandas()
    assert (plain["n"].tolist(), plain.index.tolist()) == ([3, pd.NA, 1], ["k", "k", "l"])
    series = attach(open_rows(modin.Series([1, 2])), None, "n", ["x", None])
    assert isinstance(series, modin.Series)


def test_duplicate_and_deep_columns_are_left_alone() -> None:
    """A frame with two columns of one name gets a third; a deep index a name of its depth."""
    data = pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"])
    answered = attach(open_rows(data), None, "b", ["x", None])
    assert answered.columns.tolist() == ["a", "a", "b"]
    deep = pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y")]))
    assert attach(open_rows(deep), None, "b", ["x"]).columns.tolist()[-1] == ("b", "")
    assert clashes(open_rows(deep), None, "a") == ["a"]


def test_columns_that_are_there_are_told_and_replaced() -> None:
    """Who attaches all the same gets them replaced in their place, and the data stays as it was."""
    shape = shape_of({"a": int, "b": int})
    for data in (
        pd.DataFrame({"x_b": [1], "z": [2]}),
        pl.DataFrame({"x_b": [1], "z": [2]}),
        pa.table({"x_b": [1], "z": [2]}),
    ):
        rows = open_rows(data)
        assert clashes(rows, shape, "x", errors=True) == ["x_b"]
        assert clashes(rows, None, "x", errors=True) == []
        answered = open_rows(attach(rows, shape, "x", [shape.check({"a": 5, "b": 6})]))
        assert answered.names == ("x_b", "z", "x_a")
        (chunk,) = answered.chunks(1)
        assert chunk.column("x_b") == [6]
        assert rows.names == ("x_b", "z")
    with pytest.raises(UsageError, match="two columns of answers would be named x_error"):
        clashes(rows, shape_of({"error": str}), "x", errors=True)


RECORD = {"a": int, "b": str}
LIST_LIKE: list[tuple[str, Any, Any, Any]] = [
    ("list", [1, 2], ["x", None], [{"a": 1, "b": "y"}, None]),
    ("tuple", (1, 2), ("x", None), ({"a": 1, "b": "y"}, None)),
    ("dict", {1: "p", (2, 3): "q"}, {1: "x", (2, 3): None}, {1: {"a": 1, "b": "y"}, (2, 3): None}),
    ("columns", {"k": [1, 2]}, {"k": [1, 2], "z": ["x", None]},
     {"k": [1, 2], "z_a": [1, None], "z_b": ["y", None]}),
    ("records", [{"k": 1}, {"k": 2}], [{"k": 1, "z": "x"}, {"k": 2, "z": None}],
     [{"k": 1, "z_a": 1, "z_b": "y"}, {"k": 2, "z_a": None, "z_b": None}]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "texts", "records"), [one[1:] for one in LIST_LIKE], ids=[one[0] for one in LIST_LIKE]
)
def test_lists_and_dictionaries_come_back_as_such(data: Any, texts: Any, records: Any) -> None:
    """With answers in the place of items; dictionaries that were rows get them beside."""
    rows = open_rows(data)
    shape = shape_of(RECORD)
    assert attach(rows, None, "z", ["x", None]) == texts
    answered = attach(rows, shape, "z", [shape.check({"a": 1, "b": "y"}), None])
    assert answered == records
    assert type(answered) is type(data)


def test_an_iterator_comes_back_as_a_list_of_answers() -> None:
    """Its items are not kept."""
    rows = open_rows(iter([{"k": 1}, {"k": 2}]))
    assert [chunk.count for chunk in rows.chunks(5)] == [2]
    assert attach(rows, None, "z", ["x", None]) == ["x", None]
    assert attach(rows, shape_of({"a": int}), "z", [{"a": 1}, None]) == [{"a": 1}, None]


def test_series_and_arrays_come_back_as_such() -> None:
    """Named by the column, with the index of a Series; several columns make a frame of them."""
    shape, values = shape_of(RECORD), [{"a": 1, "b": "y"}, None]
    series = attach(open_rows(pd.Series(["p", "q"], index=[7, 7])), shape_of(int), "n", [1, None])
    assert (series.name, str(series.dtype), series.index.tolist()) == ("n", "Int64", [7, 7])
    table = attach(open_rows(pd.Series(["p", "q"], index=[7, 7])), shape, "n", values)
    assert (table.columns.tolist(), table.index.tolist()) == (["n_a", "n_b"], [7, 7])
    of_polars = attach(open_rows(pl.Series(["p", "q"])), shape_of(int), "n", [1, None])
    assert (of_polars.name, of_polars.to_list()) == ("n", [1, None])
    assert attach(open_rows(pl.Series(["p", "q"])), shape, "n", values).columns == ["n_a", "n_b"]
    assert attach(open_rows(pa.array(["p", "q"])), shape_of(int), "n", [1, None]).to_pylist() == [
        1,
        None,
    ]
    assert attach(open_rows(pa.chunked_array([["p"], ["q"]])), shape, "n", values).num_columns == 2
    assert isinstance(
        attach(open_rows(pa.RecordBatch.from_pydict({"p": [1, 2]})), None, "n", ["x", None]),
        pa.RecordBatch,
    )


def test_arrays_of_numpy_have_a_type_that_can_hold_what_is_missing() -> None:
    """Numbers and moments their own, all else objects; records get fields beside theirs."""
    array = np.array([1, 2])
    cases: list[tuple[Any, Any, str]] = [
        (float, [1.5, None], "float64"),
        (int, [1, 2], "int64"),
        (int, [1, None], "object"),
        (str, ["x", None], "object"),
        (dt.date, [dt.date(2020, 1, 1), None], "datetime64[D]"),
    ]
    for returns, values, dtype in cases:
        answered = attach(open_rows(array), shape_of(returns), "n", values)
        assert (str(answered.dtype), len(answered)) == (dtype, 2)
    answered = attach(open_rows(array), shape_of(RECORD), "n", [{"a": 1, "b": "y"}, None])
    assert answered.tolist() == [{"a": 1, "b": "y"}, None]
    records = np.array([(1, 2.0), (3, 4.0)], dtype=[("p", "i8"), ("q", "f8")])
    answered = attach(open_rows(records), shape_of(float), "n", [0.5, None])
    assert answered.dtype.names == ("p", "q", "n")
    assert answered["p"].tolist() == [1, 3]
    assert np.isnan(answered["n"]).tolist() == [False, True]


def test_a_relation_of_duckdb_stays_in_its_connection() -> None:
    """It joins with the tables there, and leaves nothing in it; one result changes no other."""
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS a UNION ALL SELECT 2 ORDER BY a")
        rows = open_rows(connection.table("t").order("a"))
        first = attach(rows, shape_of(["x", "y"]), "label", ["x", None])
        second = attach(rows, shape_of(int), "label", [5, 6])
        connection.register("first", first.to_arrow_table())
        assert first.fetchall() == [(1, "x"), (2, None)]
        assert second.filter("label > 5").fetchall() == [(2, 6)]
        assert second.join(connection.table("t").set_alias("u"), "a").order("a").fetchall() == [
            (1, 5),
            (2, 6),
        ]
        tables = connection.sql("SHOW TABLES").fetchall()
        assert [one for (one,) in tables if one != "eighty80_rows"] == [
            "first",
            "t",
        ]  # of version 1


def test_a_column_of_errors_and_one_of_samples() -> None:
    """Errors are texts beside the answers; several answers to a row are a list."""
    answered = attach(
        open_rows(frame()),
        shape_of(int),
        "n",
        [1, None, 2],
        beside=[error_column("n", [None, "cut", None])],
    )
    assert answered["n_error"].tolist() == [pd.NA, "cut", pd.NA]
    samples = [["a", "b"], None, ["b", None]]
    answered = attach(open_rows(frame()), shape_of(["a", "b"]), "n", samples, samples=True)
    assert str(answered["n"].dtype) == "list<item: string>[pyarrow]"
    assert answered["n"].iloc[2] == ["b", None]
    assert attach(open_rows([1]), shape_of(int), "n", [1], beside=[error_column("n", [None])]) == [
        {"n": 1, "n_error": None}
    ]


def test_some_rows_come_back_as_some_rows() -> None:
    """Those that were taken, in that order."""
    rows = open_rows(frame()).take([2, 0])
    answered = attach(rows, None, "n", ["x", "y"])
    assert (answered["text"].tolist(), answered.index.tolist()) == (["c", "a"], ["l", "k"])
    assert attach(open_rows({"k": 1, "l": 2}).take([1]), None, "n", ["x"]) == {"l": "x"}
