"""The function that `Session.row_function` returns: from a batch to the batch with answers.

A plan has its types fixed before it runs: what no type holds is JSON text, and an answer that does
not fit into its column is an error of its row.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from eighty80_jupyter.errors import RowsError, UsageError
from eighty80_jupyter.rows.columns import attach_columns, clashes
from eighty80_jupyter.rows.data.build import as_text
from eighty80_jupyter.rows.data.chunks import Rows
from eighty80_jupyter.rows.data.types import (
    TEXT,
    Column,
    ColumnType,
    answer_columns,
    error_column,
    fits,
    holds_any,
)
from eighty80_jupyter.rows.engines import plans
from eighty80_jupyter.rows.frames import open_rows
from eighty80_jupyter.rows.options import RowOptions

if TYPE_CHECKING:
    from eighty80_jupyter.rows.run import Run
    from eighty80_jupyter.structured.shape import Shape

_TABLES = ("pandas", "polars", "pyarrow", "columns")


class Asker(Protocol):
    """What asks in a process: a session of it, which is made anew in another."""

    def shape(self, returns: Any) -> Shape | None:
        """Return the shape of the answers."""

    def columns(self, prompt: str, names: Sequence[Hashable]) -> tuple[str, ...]:
        """Return which of these columns the prompt uses. Raises UsageError for an unknown name."""

    def ask(self, rows: Rows, prompt: str, options: RowOptions) -> Run:
        """Return a run that has ended. Raises UsageError for what cannot be asked."""


class RowFunction:
    """A prompt as a function from a table to the same table with its answers as columns.

    It takes what an engine hands over, a pandas or polars DataFrame, a Table or RecordBatch of
    Arrow, a dictionary of lists, or an iterator of batches, and returns the same. There is always
    a column `<column>_error`, and the types do not depend on the answers. Given a plan (a Dask,
    polars lazy, Spark, Ray or Daft frame) it returns the plan with these columns, and asks nothing.

    It can be pickled, and never takes the key along: where it runs, the environment or the token
    file has it. Its limits hold for one process. A row that fails is missing, with its reason;
    what makes every row fail (a refused key, a server that is away) raises RowsError.
    """

    def __init__(self, asker: Asker, prompt: str, options: RowOptions) -> None:
        for name, value in (
            ("try_rows", options.try_rows),
            ("samples", options.samples),
            ("quote", options.quote),
        ):
            if value not in (None, 1):
                raise UsageError(f"{name} goes with chat.rows; a row function asks all, once each")
        self.prompt = prompt
        self.options = replace(options, all=True)
        self._asker = asker
        _ = self._shape  # a type without a schema is refused here

    def __repr__(self) -> str:
        return f"<RowFunction {self.options.column}: {' '.join(self.prompt.split())[:60]}>"

    @property
    def __name__(self) -> str:
        """The name that engines show."""
        return f"ask_{self.options.column}"

    def __getstate__(self) -> dict[str, Any]:
        # What checks answers is made anew.
        return {name: value for name, value in vars(self).items() if name != "_shape"}

    def __call__(self, data: Any) -> Any:
        """Return the data with their answers. Raises UsageError, RowsError."""
        planner = plans.planner(data)
        if planner is not None:
            return planner(self, data)
        if isinstance(data, Iterator):
            return map(self, data)  # the batches of a task of Spark
        rows = open_rows(data)
        if rows.kind not in _TABLES or rows.single:
            raise UsageError(
                "a row function takes a table with columns (pandas, polars, Arrow, a dictionary of "
                f"lists), got {rows.kind}; chat.rows takes the rest"
            )
        if _made_up_by_dask():
            return self._typed(rows)
        return self._asked(rows)

    def meta(self, frame: Any) -> Any:
        """Return the empty frame of pandas that Dask wants to know: `meta=f.meta(ddf)`."""
        return self._typed(open_rows(getattr(frame, "_meta", frame).iloc[:0]))

    def schema(self, schema: Any) -> Any:
        """Return the schema of Arrow that a table of this one has with its answers."""
        return self._typed(open_rows(getattr(schema, "schema", schema).empty_table())).schema

    def spark_schema(self, frame: Any) -> Any:
        """Return the schema of Spark for `frame.mapInArrow(f, f.spark_schema(frame))`."""
        types = sys.modules["pyspark.sql.pandas.types"]
        return types.from_arrow_schema(self.schema(types.to_arrow_schema(frame.schema)))

    def duckdb(
        self, connection: Any, name: str, columns: Sequence[str] | Mapping[str, str]
    ) -> None:
        """Make it a function of SQL: `SELECT *, unnest(name(text)) FROM tickets`.

        It takes the `columns` that the prompt names, in this order, and returns a struct of the
        columns of answers. They are VARCHAR, or what a mapping says: cast others, `n::VARCHAR`.
        """
        plans.register(self, connection, name, columns)

    def used(self, names: Sequence[Hashable]) -> tuple[str, ...]:
        """Return which columns of a table the prompt uses.

        Raises UsageError for one that is not there, and for a column of answers that is.
        """
        rows = open_rows(dict.fromkeys(names, ()))
        there = clashes(rows, self._shape, self.options.column, errors=True)
        if there:
            raise UsageError(f"there is a column {', '.join(there)} already; name another: column=")
        return self._asker.columns(self.prompt, names)

    @cached_property
    def _shape(self) -> Shape | None:
        return self._asker.shape(self.options.returns)

    def _typed(self, rows: Rows) -> Any:
        """Return rows with columns of answers in which nothing is."""
        self.used(rows.names)
        nothing = [None] * (rows.length or 0)
        return self._attached(rows, nothing, nothing)

    def _asked(self, rows: Rows) -> Any:
        if not rows.length:
            return self._typed(rows)
        self.used(rows.names)
        run = self._asker.ask(rows, self.prompt, self.options)
        progress = run.progress()
        if progress.state != "done":
            raise RowsError(progress.last_line())
        errors: list[str | None] = [None] * rows.length
        for error in run.errors:
            errors[error.position] = f"{error.kind}: {error.message}"
        return self._attached(rows, run.values, errors)

    def _attached(self, rows: Rows, values: Sequence[Any], errors: Sequence[str | None]) -> Any:
        column = self.options.column
        columns = _fixed_columns(
            self._shape, column, values, errors, words=rows.kind in ("pyarrow", "columns")
        )
        return attach_columns(rows, columns, column)


def _fixed_columns(
    shape: Shape | None,
    column: str,
    values: Sequence[Any],
    errors: Sequence[str | None],
    *,
    words: bool,
) -> list[Column]:
    """Return the columns of answers, and that of the errors, named `<column>_error`.

    With `words` choices are texts: not every engine knows a type for them.
    """
    problems = list(errors)
    columns = [
        _fixed(one, problems, words=words) for one in answer_columns(shape, column, list(values))
    ]
    return [*columns, error_column(column, problems)]


def _fixed(column: Column, problems: list[str | None], *, words: bool) -> Column:
    kind = _fixed_type(column.type, words=words)
    values = list(map(as_text, column.values) if holds_any(column.type) else column.values)
    for place, value in enumerate(values):
        if isinstance(value, dt.datetime) and value.tzinfo is not None:
            values[place] = value.astimezone(dt.UTC).replace(tzinfo=None)
        elif not (isinstance(value, str) or fits(value)):
            values[place] = None
            problems[place] = problems[place] or f"invalid: {value} does not fit into {column.name}"
    return replace(column, type=kind, values=values)


def _fixed_type(kind: ColumnType, *, words: bool) -> ColumnType:
    if holds_any(kind):
        return TEXT
    if words and kind.kind == "choice" and isinstance(kind.choices[0], str):
        return TEXT
    return kind


def _made_up_by_dask() -> bool:
    """Tell whether Dask tries it on made-up rows, to learn the types of what it returns."""
    if "dask" not in sys.modules:
        return False
    frame: Any = sys._getframe(2)  # noqa: SLF001  # the one way to learn who calls
    for _ in range(8):
        if frame is None:
            return False
        if "emulate" in frame.f_code.co_name and "dask" in frame.f_globals.get("__name__", ""):
            return True
        frame = frame.f_back
    return False
