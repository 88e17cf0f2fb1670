"""polars frames and series, pyarrow tables, record batches and arrays."""

from __future__ import annotations

import importlib
import sys
from itertools import islice
from typing import Any

from eighty80_jupyter.prompt.describe.base import Draft, Request, attempt, found, is_a
from eighty80_jupyter.prompt.describe.tables.ranges import joined, range_of
from eighty80_jupyter.prompt.describe.tables.stats import span_of, summarised, thinned
from eighty80_jupyter.prompt.describe.tables.table import Table
from eighty80_jupyter.prompt.describe.tables.table import draft as table_draft

_RANGED_ROWS = 80_000_000  # rows of all columns whose range is looked at
_SECONDS = 0.25  # of a description, after which no column is looked at as a whole
_COMPUTED = 4  # cost of a row for Arrow's own functions, in that of NumPy's
_RUN = 200  # rows that are read from one place of an Arrow column
_PROBE = 50
_PLAIN = (
    "float",
    "double",
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
)
_NESTED = ("List", "Array", "Struct", "Object", "Binary")


def draft(value: Any, request: Request) -> Draft | None:
    """Describe a polars or Arrow table or column; None for any other value."""
    if is_a(value, "polars", "DataFrame", "Series"):
        single = is_a(value, "polars", "Series")
        return table_draft(PolarsTable(value, request, single=single))
    if is_a(value, "pyarrow", "Table", "RecordBatch", "Array", "ChunkedArray"):
        single = not is_a(value, "pyarrow", "Table", "RecordBatch")
        return table_draft(ArrowTable(value, request, single=single))
    return None


class _Columnar(Table):
    """What the tables of both libraries have in common: no index, and columns of one type."""

    _left = _RANGED_ROWS

    def affordable(self, *, cost: int = 1) -> bool:
        """Say whether the range of another column may be looked at, of some cost for each row."""
        self._left -= cost * self.rows
        return self._left >= 0 and self.request.elapsed() < _SECONDS


class PolarsTable(_Columnar):
    """A polars DataFrame, or a Series as a Table of one column."""

    def schema(self, most: int) -> list[tuple[Any, str]]:
        """Return the names and the types of the first `most` columns."""
        if self.single:
            return [(self.frame.name or "values", str(self.frame.dtype))]
        pairs = islice(self.frame.schema.items(), most)
        return [(name, str(dtype)) for name, dtype in pairs]

    def series(self, column: int) -> Any:
        """Return a column without copying it."""
        return self.frame if self.single else self.frame.to_series(column)

    def values(self, column: int, rows: list[int]) -> list[Any]:
        """Return some cells of a column."""
        series = self.series(column)
        if str(series.dtype).startswith(_NESTED):
            return [_unpacked(series[row]) for row in rows]  # a list may be long: no conversion
        return list(series.gather(rows).to_list())

    def facts(self, column: int, sample: list[int] | None) -> dict[str, str]:
        """Return what is known of a column."""
        series = self.series(column)
        dtype = series.dtype
        missing = series.null_count()
        if str(dtype).startswith(_NESTED):
            return {"missing": f"{missing:,} missing" if missing else ""}
        span = ""
        if sample is not None and self.affordable() and (dtype.is_numeric() or dtype.is_temporal()):
            if dtype.is_float():
                missing += series.is_nan().sum() or 0
            low, high = series.min(), series.max()
            span = "" if low is None else span_of(low, high)
        elif sample is not None and dtype.is_float():
            missing = None
        sample = thinned(sample, self.rows, series.head(_PROBE).to_list())
        values = series.to_list() if sample is None else series.gather(sample).to_list()
        known = None if sample is None else missing
        numeric = dtype.is_numeric()
        return summarised(
            values, self.request, rows=self.rows, span=span, missing=known, numeric=numeric
        )


def _unpacked(value: Any) -> Any:
    """Return a nested cell as a list where it is short."""
    if is_a(value, "polars", "Series"):
        return value.head(_PROBE).to_list() + ["…"] * (len(value) > _PROBE)
    return value


class ArrowTable(_Columnar):
    """A pyarrow Table or RecordBatch, or an array as a Table of one column."""

    def shape(self) -> tuple[int, int]:
        """Return the numbers of rows and columns."""
        return len(self.frame), 1 if self.single else self.frame.num_columns

    def schema(self, most: int) -> list[tuple[Any, str]]:
        """Return the names and the types of the first `most` columns."""
        if self.single:
            return [("values", str(self.frame.type))]
        fields = (self.frame.schema.field(column) for column in range(most))
        return [(field.name, str(field.type)) for field in fields]

    def array(self, column: int) -> Any:
        """Return a column without copying it."""
        return self.frame if self.single else self.frame.column(column)

    def values(self, column: int, rows: list[int]) -> list[Any]:
        """Return some cells of a column."""
        array = self.array(column)
        return [_scalar(array[row]) for row in rows]

    def facts(self, column: int, sample: list[int] | None) -> dict[str, str]:
        """Return what is known of a column."""
        array = self.array(column)
        missing = array.null_count
        if _is_nested(array.type):
            return {"missing": f"{missing:,} missing" if missing else ""}
        name = str(array.type)
        numeric = name.startswith(("int", "uint", "float", "double", "halffloat", "decimal"))
        span = ""
        if sample is not None and (numeric or name.startswith(("date", "time", "duration"))):
            span, nan = attempt(self._span, array, default=("", 0))
            missing += nan
        probe = array.slice(0, _PROBE).to_pylist()
        sample = thinned(sample, self.rows, probe)
        if sample is None:
            values = array.to_pylist()
        else:
            # Runs of rows: `take` on a column of several chunks of text would join, so copy, them.
            runs = max(1, len(sample) // _RUN)
            starts = sample[:: max(1, len(sample) // runs)]
            length = min(_RUN, max(1, len(sample) // len(starts)))
            values = [item for start in starts for item in array.slice(start, length).to_pylist()]
        return summarised(
            values, self.request, rows=self.rows, span=span,
            missing=None if sample is None else missing, numeric=numeric,
        )  # fmt: skip

    def _span(self, array: Any) -> tuple[str, int]:
        """Return the range, and the number of NaN."""
        whole = "numpy" in sys.modules and array.null_count == 0 and str(array.type) in _PLAIN
        if not self.affordable(cost=1 if whole else _COMPUTED):
            return "", 0
        if whole:
            chunks = getattr(array, "chunks", None) or [array]
            ranges = [range_of(chunk.to_numpy(zero_copy_only=True)) for chunk in chunks]
            return joined(ranges).text(), sum(found.missing for found in ranges)
        compute = importlib.import_module("pyarrow.compute")  # of the library that is there already
        ends = compute.min_max(array)
        low, high = ends["min"].as_py(), ends["max"].as_py()
        return ("" if low is None else span_of(low, high)), 0


def _is_nested(kind: Any) -> bool:
    return kind.num_fields > 0 or str(kind).startswith(("binary", "large_binary", "extension"))


def _scalar(scalar: Any) -> Any:
    """Return a cell as a Python value, a long list cut."""
    if issubclass(type(scalar), found("pyarrow", "ListScalar")) and scalar.values is not None:
        values = scalar.values
        return values.slice(0, _PROBE).to_pylist() + ["…"] * (len(values) > _PROBE)
    return scalar.as_py()
