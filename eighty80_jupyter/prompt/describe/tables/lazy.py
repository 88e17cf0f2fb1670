"""Frames that exist only as a plan: their schema, and nothing that would compute or read them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eighty80_jupyter.prompt.describe.base import Draft, Request, attempt, is_a, kind_of
from eighty80_jupyter.prompt.describe.tables.columns import grouped
from eighty80_jupyter.prompt.describe.tables.rows import label
from eighty80_jupyter.prompt.describe.values import short_repr
from eighty80_jupyter.prompt.tokens import estimate
from eighty80_jupyter.text import counted

TAKES = ("schema",)

_MOST = 20_000

Schema = list[tuple[Any, str]]


def draft(value: Any, request: Request) -> Draft | None:
    """Describe a lazy frame; None for any other value."""
    if not short_repr.is_lazy(value):
        return None
    kind = kind_of(value)
    request.chosen(kind, *TAKES, hint="it is lazy, so compute it first for its rows")
    # Even a schema may need a round trip to a server, or a look at a file far away.
    schema = attempt(request.time_limit.call, _schema, value, default=None)
    head = f"{kind}, lazy: nothing was computed, so the number of rows is unknown"
    if schema is None:
        return Draft(text=f"{head}; its schema is not known either", kind=kind, summary="lazy")
    head += f"; {counted(len(schema), 'column')}"
    parts = attempt(_partitions, value, default="")
    names = [label(name, request) for name, _ in schema]
    types = [request.shorten(dtype, 80) for _, dtype in schema]
    lines = [f"- {name}: {dtype}" for name, dtype in zip(names, types, strict=True)]
    text = "\n".join([head + parts, *lines])
    cut = ""
    for most in (40, 20, 10, 4):
        if estimate(text) <= request.budget:
            break
        text = f"{head}{parts}\n{grouped(names, types, most, of=len(names))}"
        cut = "names of some columns"
    summary = f"{counted(len(schema), 'column')}, lazy"
    return Draft(text=text, kind=kind, summary=summary, cut=cut, block=True)


def _schema(value: Any) -> Schema | None:
    """Return names and types. It runs under a time limit."""
    for module, names in short_repr.LAZY:
        if is_a(value, module, *names):
            read = _READERS.get(module)  # of some libraries plans are known by name only
            return None if read is None else read(value)[:_MOST]
    return None


def _partitions(value: Any) -> str:
    if is_a(value, "dask.dataframe", "DataFrame", "Series", "Index"):
        return f", {counted(value.npartitions, 'partition')}"
    return ""


def _polars(value: Any) -> Schema:
    return [(name, str(dtype)) for name, dtype in value.collect_schema().items()]


def _duckdb(value: Any) -> Schema:
    # Neither len(), shape nor repr(): each of them runs the query.
    return [(name, str(dtype)) for name, dtype in zip(value.columns, value.types, strict=True)]


def _like_pandas(value: Any) -> Schema:
    types: Any = getattr(value, "dtypes", None)  # of the empty frame that stands for the plan
    if is_a(types, "pandas", "Series"):
        return list(zip(list(types.index), map(str, types.tolist()), strict=True))
    return [(value.name, str(value.dtype))]


def _spark(value: Any) -> Schema:
    return [(str(name), str(dtype)) for name, dtype in value.dtypes]


def _arrow(value: Any) -> Schema:
    return [(field.name, str(field.type)) for field in value.schema]


def _ibis(value: Any) -> Schema:
    if is_a(value, "ibis.expr.types", "Table"):
        return [(name, str(dtype)) for name, dtype in value.schema().items()]
    return [(value.get_name(), str(value.type()))]


_READERS: dict[str, Callable[[Any], Schema]] = {
    "polars": _polars,
    "duckdb": _duckdb,
    "dask.dataframe": _like_pandas,
    "pyspark.sql": _spark,
    "pyspark.sql.connect.dataframe": _spark,
    "pyspark.pandas": _like_pandas,
    "pyarrow.dataset": _arrow,
    "pyarrow": _arrow,
    "ibis.expr.types": _ibis,
}
