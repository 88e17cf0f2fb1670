"""Lazy frames: their schema is told, and nothing is ever computed."""

from __future__ import annotations

import sys
import types
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]  # ships no types
import pyarrow.dataset  # type: ignore[import-untyped]  # ships no types
import pytest

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.prompt.describe.registry import describe, names_like


class ComputedError(AssertionError):
    """Something lazy was computed."""


def forbidden(*_: object, **__: object) -> Any:
    """Stand for whatever would compute."""
    raise ComputedError


def lazy_class(name: str, /, **attributes: Any) -> type:
    """Return a class of a frame that fails when anything is computed."""
    computing = (
        "__repr__", "__str__", "__len__", "__iter__", "__array__", "_repr_html_", "compute",
        "collect", "count", "head", "tail", "take", "show", "toPandas", "to_pandas", "persist",
        "limit", "fetchall", "execute", "describe",
    )  # fmt: skip
    return type(name, (), {**dict.fromkeys(computing, forbidden), **attributes})


class Types:
    """What stands for the dtypes of a pandas frame."""

    index = ("id", "price")

    def __init__(self, types: list[str]) -> None:
        self.tolist = types.copy


SCHEMA = [("id", "int64"), ("price", "float64")]
STAND_INS: dict[str, tuple[str, type]] = {
    "dask frame": (
        "dask.dataframe",
        lazy_class(
            "DataFrame", dtypes=Types(["int64", "float64"]), npartitions=12, columns=["id", "price"]
        ),
    ),
    "dask series": (
        "dask.dataframe",
        lazy_class("Series", name="price", dtype="float64", npartitions=12),
    ),
    "spark": ("pyspark.sql", lazy_class("DataFrame", dtypes=SCHEMA, columns=["id", "price"])),
    "spark connect": (
        "pyspark.sql.connect.dataframe",
        lazy_class("DataFrame", dtypes=SCHEMA, columns=["id", "price"]),
    ),
    "pandas on spark": (
        "pyspark.pandas",
        lazy_class("DataFrame", dtypes=Types(["int64", "float64"]), columns=["id", "price"]),
    ),
    "ibis series": (
        "ibis.expr.types",
        lazy_class("Value", get_name=lambda self: "price", type=lambda self: "float64"),  # noqa: ARG005  # methods
    ),
    "bigframes": (
        "bigframes.dataframe",
        lazy_class("DataFrame", dtypes=Types(["int64", "float64"]), columns=["id", "price"]),
    ),
    "ibis": (
        "ibis.expr.types",
        lazy_class("Table", schema=lambda self: dict(SCHEMA), columns=["id", "price"]),  # noqa: ARG005  # a method
    ),
}


def stand_in(monkeypatch: pytest.MonkeyPatch, name: str) -> Any:
    """Return an object of a class that a library of this name has."""
    module, cls = STAND_INS[name]
    place = types.ModuleType(module)
    setattr(place, cls.__name__, cls)
    cls.__module__ = module
    monkeypatch.setitem(sys.modules, module, place)
    return cls()


@pytest.mark.parametrize("name", list(STAND_INS))
def test_stand_ins(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Frames of Dask, Spark and Ibis are told by their schema; whatever computes would raise."""
    found = describe(stand_in(monkeypatch, name), name="x")
    assert "lazy: nothing was computed" in found.text
    assert "- price: float64" in found.text
    assert "series" in name or "- id: int64" in found.text
    assert ("12 partitions" in found.text) == name.startswith("dask")
    assert found.summary.endswith("lazy")


@pytest.mark.parametrize("name", list(STAND_INS))
def test_stand_ins_inside(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Inside a list or a dictionary they are only named."""
    value = stand_in(monkeypatch, name)
    text = describe([value, {"a": value}], name="x").text
    assert text.count("lazy>") == 2


@pytest.mark.parametrize("name", [name for name in STAND_INS if "series" not in name])
def test_names_of_stand_ins(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Columns of a lazy frame are suggested without computing it."""
    assert names_like(stand_in(monkeypatch, name), "prcie") == ["price"]


def test_django(monkeypatch: pytest.MonkeyPatch) -> None:
    """A QuerySet of Django tells the fields of its model, and asks no database."""
    place = types.ModuleType("django.db.models.query")
    field = type("CharField", (), {"name": "title"})()
    model = types.SimpleNamespace(_meta=types.SimpleNamespace(fields=[field]))
    cls = lazy_class("QuerySet", model=model)
    place.QuerySet = cls  # type: ignore[attr-defined]  # a stand-in
    monkeypatch.setitem(sys.modules, place.__name__, place)
    assert describe(cls(), name="x").text.endswith("1 column\n- title: CharField")


def test_polars() -> None:
    """A LazyFrame of polars tells its schema; the function in its plan is not called."""
    lazy = pl.LazyFrame({"a": [1], "b": ["x"]}).map_batches(
        forbidden, schema={"a": pl.Int64, "b": pl.String}
    )
    found = describe(lazy, name="x")
    assert found.text.startswith("polars.LazyFrame, lazy: nothing was computed")
    assert found.text.endswith("2 columns\n- a: Int64\n- b: String")
    assert names_like(lazy, "aa") == ["a"] or names_like(lazy, "aa") == []


def test_duckdb() -> None:
    """A relation of DuckDB that could not be computed tells its schema."""
    relation = duckdb.sql("select sum(range) as total, 'x' as label from range(1000000000000)")
    found = describe(relation, name="x")
    assert found.kind.endswith("DuckDBPyRelation")
    assert "- total: HUGEINT\n- label: VARCHAR" in found.text
    assert names_like(relation, "totel") == ["total"]
    assert "lazy>" in describe([relation], name="x").text


def test_arrow_readers() -> None:
    """A reader of Arrow is not read, and a dataset not scanned."""
    table = pa.table({"a": [1], "b": ["x"]})
    reader = table.to_reader()
    assert "- a: int64\n- b: string" in describe(reader, name="x").text
    assert reader.read_all().num_rows == 1
    assert "- a: int64" in describe(pyarrow.dataset.dataset(table), name="x").text


@pytest.mark.parametrize("options", ["head=3", "full", "csv", "sample=2"])
def test_options(options: str) -> None:
    """A lazy frame has no rows to show: options for them are refused."""
    with pytest.raises(UsageError, match="compute it first"):
        describe(pl.LazyFrame({"a": [1]}), name="x", options=options)
    assert describe(pl.LazyFrame({"a": [1]}), name="x", options="schema").text


def test_wide_schemas() -> None:
    """A schema of very many columns is grouped by type and fits."""
    lazy = pl.LazyFrame({f"x{n}": [n] for n in range(3_000)} | {"name": ["a"]})
    found = describe(lazy, name="x", budget=200)
    assert "- Int64 (3,000): x0 to x2999" in found.text
    assert found.tokens <= 220


def test_schemas_that_fail() -> None:
    """A plan whose schema cannot be told is still named."""
    lazy = pl.LazyFrame({"a": [1]}).select("missing")
    assert "its schema is not known either" in describe(lazy, name="x").text
