"""pandas frames, series and indexes, of pandas 2 and 3."""

from __future__ import annotations

import sys
from itertools import islice
from typing import Any

from eighty80_jupyter.prompt.describe.base import Draft, Request, attempt, is_a, kind_of
from eighty80_jupyter.prompt.describe.tables.ranges import range_of
from eighty80_jupyter.prompt.describe.tables.rows import label
from eighty80_jupyter.prompt.describe.tables.stats import missing_text, span_of, summarised, thinned
from eighty80_jupyter.prompt.describe.tables.table import Table
from eighty80_jupyter.prompt.describe.tables.table import draft as table_draft
from eighty80_jupyter.prompt.describe.values import short_repr

_CHUNK = 500_000  # rows looked at in one go: what pandas copies on the way stays small
_SLOW_ROWS = 12_000_000  # rows of all columns that may take pandas' own, slower way
_LEVELS = 5


def draft(value: Any, request: Request) -> Draft | None:
    """Describe a DataFrame, a Series or an Index; None for any other value."""
    if is_a(value, "pandas", "DataFrame"):
        return table_draft(PandasTable(value, request))
    if is_a(value, "pandas", "Series"):
        return table_draft(PandasTable(value, request, single=True))
    if is_a(value, "pandas.api.extensions", "ExtensionArray"):
        series = sys.modules["pandas"].Series(value, copy=False)
        table = PandasTable(series, request, single=True)
        table.kind = kind_of(value)
        return table_draft(table)
    if is_a(value, "pandas", "Index"):
        return table_draft(PandasIndex(value, request, single=True))
    return None


class PandasTable(Table):
    """A DataFrame, or a Series as a Table of one column."""

    _slow_left = _SLOW_ROWS

    def __init__(self, frame: Any, request: Request, *, single: bool = False) -> None:
        super().__init__(frame, request, single=single)
        index = getattr(frame, "index", None)  # an Index has none
        self.plain = index is None or _is_plain(index)
        self.about = attempt(self._about, default=[])

    def schema(self, most: int) -> list[tuple[Any, str]]:
        """Return the names and the types of the first `most` columns."""
        if self.single:
            name = "values" if self.frame.name is None else self.frame.name
            return [(name, str(self.frame.dtype))]
        frame = self.frame if most == self.columns else self.frame.iloc[:, :most]
        return list(zip(list(frame.columns), map(str, frame.dtypes), strict=True))

    def series(self, column: int) -> Any:
        """Return a column without copying it."""
        return self.frame if self.single else self.frame.iloc[:, column]

    def values(self, column: int, rows: list[int]) -> list[Any]:
        """Return some cells of a column."""
        return _taken(self.series(column), rows)

    def index(self, rows: list[int]) -> tuple[list[str], list[list[Any]]]:
        """Return the names and the values of the index's levels."""
        index = self.frame.index
        some = index[rows]
        if index.nlevels == 1:
            return [_level_name(index.name, self.request, "index")], [some.tolist()]
        names = [
            _level_name(name, self.request, f"level {number}")
            for number, name in enumerate(index.names)
        ]
        return names, [some.get_level_values(level).tolist() for level in range(index.nlevels)]

    def facts(self, column: int, sample: list[int] | None) -> dict[str, str]:
        """Return what is known of a column."""
        series = self.series(column)
        if getattr(series.dtype, "kind", "") in "mM" and str(series.dtype) != "category":
            facts: dict[str, str] = self._times(series, sample)
            return facts
        probe = _taken(series, list(range(min(self.rows, 100))))
        sample = thinned(sample, self.rows, probe)
        values = series.tolist() if sample is None else _taken(series, sample)
        span, missing = "", None
        if sample is not None:
            span, missing = attempt(self._of_all, series, default=("", None))
        facts = summarised(
            values, self.request, rows=self.rows, span=span, missing=missing,
            numeric=getattr(series.dtype, "kind", "") in "iuf",
        )  # fmt: skip
        if str(series.dtype) == "category":
            facts["note"] = attempt(self._categories, series, default="")
        return facts

    def _times(self, series: Any, sample: list[int] | None) -> dict[str, str]:
        """Return what is known of dates or durations, counted by pandas: they hash slowly."""
        some = series if sample is None else series.iloc[sample]
        about = "" if sample is None else "~"
        span, missing = attempt(self._of_all, series, default=("", None))
        seen, unique = int(some.isna().sum()), int(some.nunique())
        facts = {"missing": missing_text(missing, seen, len(some), whole=sample is None)}
        if unique:
            every = unique == len(some) - seen and unique > 1
            facts["unique"] = f"{about}all unique" if every else f"{about}{unique:,} unique"
            facts["span"] = span or span_of(some.min(), some.max(), about)
        return facts

    def _categories(self, series: Any) -> str:
        categories = series.cat.categories
        names = [label(name, self.request) for name in islice(categories, 8)]
        more = f", … {len(categories) - 8:,} more" if len(categories) > len(names) else ""
        return f"ordered: {' < '.join(names)}{more}" if series.cat.ordered else ""

    def _of_all(self, series: Any) -> tuple[str, int | None]:
        """Return the range and the number of missing values, from every row."""
        dtype = series.dtype
        kind = getattr(dtype, "kind", "O")
        if is_a(dtype, "numpy", "dtype") and kind in "iufb":
            found = range_of(series.to_numpy())
            return ("" if kind == "b" else found.text()), found.missing
        slow = len(series) * (4 if kind == "O" else 1)
        fast = str(dtype) in {"str", "string", "category"} and is_a(
            series.array, "pandas.arrays", "ArrowStringArray", "ArrowExtensionArray"
        )
        if not fast and slow > self._slow_left:
            return "", None
        self._slow_left -= 0 if fast else slow
        ranged = kind in "iufmM" and str(dtype) != "category"
        lows, highs, missing = [], [], 0
        for start in range(0, len(series), _CHUNK):
            chunk = series.iloc[start : start + _CHUNK]
            missing += int(chunk.isna().sum())
            if ranged:
                lows.append(chunk.min())
                highs.append(chunk.max())
        lows = [low for low in lows if not short_repr.is_missing(low)]
        highs = [high for high in highs if not short_repr.is_missing(high)]
        return (span_of(min(lows), max(highs)) if lows else ""), missing

    def _about(self) -> list[str]:
        lines = [f"index: {line}" for line in [_index_line(self.frame.index, self.request)] if line]
        if not self.single and (columns := self.frame.columns).nlevels > 1:
            names = [str(name) for name in columns.names if name is not None]
            called = f" ({', '.join(names)})" if names else ""
            lines.append(f"column names are tuples of {columns.nlevels} levels{called}")
        return lines


class PandasIndex(PandasTable):
    """An Index as a Table of one column, a MultiIndex of one for each level."""

    def shape(self) -> tuple[int, int]:
        """Return the numbers of rows and columns."""
        return len(self.frame), self.frame.nlevels

    def schema(self, most: int) -> list[tuple[Any, str]]:
        """Return the names and the types of the levels."""
        pairs = []
        for column, name in enumerate(self.frame.names[:most]):
            fallback = "values" if self.columns == 1 else f"level {column}"
            levels = self.frame.levels[column] if self.columns > 1 else self.frame
            pairs.append((fallback if name is None else name, str(levels.dtype)))
        return pairs

    def series(self, column: int) -> Any:
        """Return a level as a Series."""
        pandas = sys.modules["pandas"]
        return pandas.Series(self.frame.get_level_values(column), copy=False)

    def values(self, column: int, rows: list[int]) -> list[Any]:
        """Return some cells of a level."""
        return list(self.frame[rows].get_level_values(column))

    def index(self, rows: list[int]) -> tuple[list[str], list[list[Any]]]:
        """Return the positions."""
        return ["position"], [list(rows)]

    def _about(self) -> list[str]:
        if self.columns > 1:
            return [_index_line(self.frame, self.request)]
        return [step.removeprefix(", ") for step in [_every(self.frame)] if step]


def _taken(series: Any, rows: list[int]) -> list[Any]:
    if rows and rows[-1] - rows[0] == len(rows) - 1:
        return list(series.iloc[rows[0] : rows[-1] + 1].tolist())
    return list(series.iloc[rows].tolist())


def _is_plain(index: Any) -> bool:
    return (
        is_a(index, "pandas", "RangeIndex")
        and index.start == 0
        and index.step == 1
        and index.name is None
    )


def _level_name(name: Any, request: Request, fallback: str) -> str:
    return fallback if name is None else label(name, request)


def _index_line(index: Any, request: Request) -> str:
    """Return what is worth saying of an index; nothing for plain row numbers."""
    if _is_plain(index) or not len(index):
        return ""
    name = "" if index.name is None else f" {label(index.name, request)}"
    if index.nlevels > 1:
        levels = []
        for number, level in enumerate(index.names[:_LEVELS]):
            called = _level_name(level, request, f"level {number}")
            levels.append(f"{called} ({len(index.levels[number]):,} different)")
        return f"MultiIndex of {index.nlevels} levels: {', '.join(levels)}"
    first, last = (request.shorten(label(index[place], request), 40) for place in (0, -1))
    return f"{type(index).__name__}{name}, {index.dtype}, first {first}, last {last}{_every(index)}"


def _every(index: Any) -> str:
    """Return the step of an index of times; nothing for others."""
    step = getattr(index, "freqstr", None)
    return f", every {step}" if isinstance(step, str) else ""
