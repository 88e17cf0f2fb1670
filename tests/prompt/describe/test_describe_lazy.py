"""Lazy frames: their schema is told, and nothing is ever computed."""

from __future__ import annotations

import importlib
import sys
import types
import warnings
from collections.abc import Callable
from typing import Any

import duckdb
import pandas as pd  # type: ignore[import-untyped]  # ships no types
import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]  # ships no types
import pyarrow.dataset  # type: ignore[import-untyped]  # ships no types
import pytest

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.prompt.describe.nearest import names_like
from eighty80_jupyter.prompt.describe.registry import describe


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


LAZY: dict[str, tuple[str, Callable[[], Any]]] = {}


def lazy(module: str) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Register a maker of a lazy frame with a column id and a column price."""

    def register(make: Callable[[], Any]) -> Callable[[], Any]:
        LAZY[make.__name__] = module, make
        return make

    return register


def pandas_frame() -> Any:
    return pd.DataFrame({"id": [1, 2], "price": [0.5, 1.5]})


@lazy("dask.dataframe")
def dask_frame() -> Any:
    dd: Any = importlib.import_module("dask.dataframe")
    # Whatever computes the plan raises.
    return dd.from_pandas(pandas_frame(), npartitions=2).map_partitions(
        forbidden, meta=pandas_frame().iloc[:0]
    )


@lazy("dask.dataframe")
def dask_series() -> Any:
    return dask_frame()["price"]


@lazy("ibis")
def ibis_table() -> Any:
    ibis: Any = importlib.import_module("ibis")
    return ibis.table({"id": "int64", "price": "float64"}, name="t")


@lazy("ibis")
def ibis_series() -> Any:
    return ibis_table().price


@lazy("pyspark")
def spark_frame() -> Any:
    sql: Any = importlib.import_module("pyspark.sql")
    session = sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    return session.getOrCreate().createDataFrame([(1, 0.5)], "id long, price double")


@pytest.fixture
def plan(request: pytest.FixtureRequest) -> Any:
    """Return a lazy frame of a real library, where that is installed."""
    module, make = LAZY[request.param]
    pytest.importorskip(module)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make()


@pytest.mark.parametrize("plan", LAZY, indirect=True)
def test_plans(plan: Any, request: pytest.FixtureRequest) -> None:
    """Frames of Dask, Spark and Ibis are told by their schema; whatever computes would raise."""
    found = describe(plan, name="x")
    name = request.node.callspec.id
    assert "lazy: nothing was computed" in found.text
    assert "- price: float64" in found.text.replace("double", "float64")
    assert "series" in name or "- id: int64" in found.text.replace("bigint", "int64")
    assert ("2 partitions" in found.text) == name.startswith("dask")
    assert found.summary.endswith("lazy")
    assert describe([plan, {"a": plan}], name="x").text.count("lazy>") == 2
    if "series" not in name:
        assert names_like(plan, "prcie") == ["price"]


@pytest.mark.parametrize(
    ("module", "name"),
    [("bigframes.dataframe", "DataFrame"), ("django.db.models.query", "QuerySet")],
)
def test_plans_known_by_name(monkeypatch: pytest.MonkeyPatch, module: str, name: str) -> None:
    """What would ask a server at each look is only named."""
    cls = lazy_class(name)
    place = types.ModuleType(module)
    setattr(place, name, cls)
    cls.__module__ = module
    monkeypatch.setitem(sys.modules, module, place)
    assert "its schema is not known either" in describe(cls(), name="x").text


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
