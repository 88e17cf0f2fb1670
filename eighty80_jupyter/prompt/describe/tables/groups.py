"""What pandas and polars have grouped: the keys of the groups, and how many rows each has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from eighty80_jupyter.prompt.describe.base import Draft, Request, attempt, is_a, kind_of
from eighty80_jupyter.prompt.describe.tables import columnar, pandas
from eighty80_jupyter.text import counted


def draft(value: Any, request: Request) -> Draft | None:
    """Describe groups by their keys and sizes; None for any other value, or if that takes long."""
    if is_a(value, "pandas.api.typing", "DataFrameGroupBy", "SeriesGroupBy"):
        describer, of_pandas = pandas.draft, True
    elif is_a(value, "polars.dataframe.group_by", "GroupBy"):
        describer, of_pandas = columnar.draft, False
    else:
        return None
    sizes = attempt(request.time_limit.call, _pandas if of_pandas else _polars, value, default=None)
    drawn = None if sizes is None else describer(sizes, request)
    if drawn is None:
        return None
    kind = kind_of(value)
    about = f"{kind}, {counted(len(sizes), 'group')}; the rows of each group:"
    groups = counted(len(sizes), "group")
    return replace(drawn, text=f"{about}\n{drawn.text}", kind=kind, summary=groups)


def _pandas(value: Any) -> Any:
    sizes = value.size()
    if is_a(sizes, "pandas", "DataFrame"):  # as_index=False
        return sizes
    return sizes.rename("rows")


def _polars(value: Any) -> Any:
    sizes = value.len(name="rows")
    return attempt(lambda: sizes.sort(sizes.columns[:-1]), default=sizes)
