"""A row function within the plans of engines: their schedulers, our function, nothing asked yet.

No engine is imported here: whoever hands over its frame has done so.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.prompt.describe.base import is_a


class TableFunction(Protocol):
    """A function from a table to the same table with its answers: `RowFunction` says more."""

    def __call__(self, data: Any) -> Any:
        """Return a table with its answers."""

    def used(self, names: Sequence[Hashable]) -> tuple[str, ...]:
        """Return which columns of a table the prompt uses."""

    def meta(self, frame: Any) -> Any:
        """Return the empty frame of pandas for a frame of Dask."""

    def schema(self, schema: Any) -> Any:
        """Return the schema of Arrow with the answers."""

    def spark_schema(self, frame: Any) -> Any:
        """Return the schema of Spark with the answers."""


def planner(data: Any) -> Callable[[TableFunction, Any], Any] | None:
    """Return what puts a row function into the plan of a frame; None: it is none of an engine's.

    Called with both it returns the frame with the columns of answers in its plan, or raises
    UsageError.
    """
    if is_a(data, "polars", "LazyFrame"):
        return _polars
    if is_a(data, "dask.dataframe", "DataFrame"):
        return lambda function, frame: frame.map_partitions(function, meta=function.meta(frame))
    if is_a(data, "pyspark.sql", "DataFrame") or is_a(
        data, "pyspark.sql.connect.dataframe", "DataFrame"
    ):
        return lambda function, frame: frame.mapInArrow(function, function.spark_schema(frame))
    if is_a(data, "ray.data", "Dataset"):
        return lambda function, frame: frame.map_batches(function, batch_format="pyarrow")
    return _daft if is_a(data, "daft", "DataFrame") else None


def register(
    function: TableFunction, connection: Any, name: str, columns: Sequence[str] | Mapping[str, str]
) -> None:
    """Make it a scalar function of a DuckDB connection, over arrays of Arrow."""
    if isinstance(columns, str) or not columns:
        raise UsageError('columns are the names that the prompt uses, such as ["text"]')
    types = dict(columns) if isinstance(columns, Mapping) else dict.fromkeys(columns, "VARCHAR")
    names = list(types)
    pa, duckdb = _needed("pyarrow", "duckdb"), sys.modules["duckdb"]

    def ask(*arrays: Any) -> Any:
        return _struct(pa, function, dict(zip(names, arrays, strict=True)))

    # DuckDB counts the parameters of the function that it is given.
    ask.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # any function has it
        [inspect.Parameter(f"c{n}", inspect.Parameter.POSITIONAL_ONLY) for n in range(len(names))]
    )
    fields = function.schema(pa.schema([(one, pa.string()) for one in names]))
    empty = {field.name: field.type for field in list(fields)[len(names) :]}
    returned = duckdb.from_arrow(pa.table({key: pa.array([], kind) for key, kind in empty.items()}))
    struct = duckdb.struct_type(dict(zip(returned.columns, returned.types, strict=True)))
    with suppress(Exception):  # there is none of this name, mostly; a cell may run again
        connection.remove_function(name)
    connection.create_function(
        name, ask, list(types.values()), struct, type="arrow", null_handling="special"
    )


def _polars(function: TableFunction, frame: Any) -> Any:
    """Return the lazy frame with the answers as one struct, and its fields as columns.

    It is said to be elementwise, so that columns that nobody takes and rows that are filtered out
    are never asked about. (`unnest` would ask for all rows, whatever is taken.)
    """
    pl = sys.modules["polars"]
    names = list(function.used(frame.collect_schema().names()))
    typed = function(pl.DataFrame(schema=dict.fromkeys(names, pl.String)))
    answers = {key: kind for key, kind in typed.schema.items() if key not in names}
    made = "__" + "_".join(answers)

    def ask(batch: Any) -> Any:
        answered = function(batch.struct.unnest())
        return answered.select(list(answers)).to_struct(made)

    asked = pl.struct(names).map_batches(ask, return_dtype=pl.Struct(answers), is_elementwise=True)
    fields = [pl.col(made).struct.field(key) for key in answers]
    return frame.with_columns(asked.alias(made)).with_columns(fields).drop(made)


def _daft(function: TableFunction, frame: Any) -> Any:
    """Return the frame with the answers of a batch function, whose struct Daft unpacks."""
    daft, pa = sys.modules["daft"], _needed("pyarrow", "daft")
    names = list(function.used(frame.column_names))
    typed = function(pa.schema([(name, pa.string()) for name in names]).empty_table())
    kinds = {
        field.name: daft.DataType.from_arrow_type(field.type)
        for field in list(typed.schema)[len(names) :]
    }

    def ask(*series: Any) -> Any:
        arrays = [one.to_arrow() for one in series]
        return _struct(pa, function, dict(zip(names, arrays, strict=True)))

    batched = daft.func.batch(return_dtype=daft.DataType.struct(kinds), unnest=True)(ask)
    return frame.select("*", batched(*(daft.col(name) for name in names)))


def _struct(pa: Any, function: TableFunction, arrays: Mapping[str, Any]) -> Any:
    """Return the answers to rows that come as arrays of Arrow, as one array of structs."""
    answered = function(pa.table(dict(arrays))).combine_chunks()
    fields = list(answered.schema)[len(arrays) :]
    columns = [answered.column(field.name).combine_chunks() for field in fields]
    return pa.StructArray.from_arrays(columns, fields=fields)


def _needed(name: str, engine: str) -> Any:
    try:
        return __import__(name)
    except ImportError:
        raise UsageError(f"{engine} hands rows over as {name}, which is not installed") from None
