"""Columns of answers whose types are known before there are any answers.

A plan has its types fixed before it runs: what no type holds is JSON text, and an answer that does
not fit into its column is an error of its row.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.rows.data.build import as_text
from eighty80_jupyter.rows.data.types import (
    TEXT,
    Column,
    ColumnType,
    answer_columns,
    error_column,
    fits,
    holds_any,
)

if TYPE_CHECKING:
    from eighty80_jupyter.structured.shape import Shape


def fixed_columns(
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
