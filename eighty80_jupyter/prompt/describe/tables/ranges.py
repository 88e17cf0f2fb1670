"""The range of an array's values: its ends, and how many are missing or infinite."""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass
from typing import Any

from eighty80_jupyter.prompt.describe.base import is_a
from eighty80_jupyter.prompt.describe.tables.stats import span_of

_CHUNK = 65_536  # elements looked at in one go
_WHOLE = 50_000_000  # elements that are all looked at
_RUNS, _RUN = 50, 400  # of a larger one: so many runs of so many elements


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The range of an array's finite values, and how many are NaN (or NaT) and infinite.

    `low` and `high` are None where there is no such value; `sample` is the number of elements that
    were looked at, None for all.
    """

    low: Any
    high: Any
    missing: int
    infinite: int = 0
    sample: int | None = None

    def text(self) -> str:
        """Return the range in words, without the missing values."""
        parts = [] if self.low is None else [span_of(self.low, self.high)]
        if self.infinite:
            parts.append(f"{self.infinite:,} infinite")
        return " and ".join(parts)


def joined(ranges: list[Range]) -> Range:
    """Return the range of several arrays together."""
    lows = [found.low for found in ranges if found.low is not None]
    return Range(
        low=min(lows) if lows else None,
        high=max(found.high for found in ranges if found.high is not None) if lows else None,
        missing=sum(found.missing for found in ranges),
        infinite=sum(found.infinite for found in ranges),
    )


def range_of(array: Any) -> Range:
    """Return the range of a NumPy array of numbers or times, without copying it.

    Up to 50 million elements are all looked at; of more, and of a file that is mapped into memory,
    a sample.
    """
    numpy: Any = sys.modules["numpy"]
    sample = None
    whole = _WHOLE // 5 if array.dtype == "float16" else _WHOLE  # which no processor counts with
    if array.size > whole or (is_a(array, "numpy", "memmap") and array.size > _RUN * _RUNS):
        # Some runs of neighbours, the same each time: of a file only their pages are read.
        rng = random.Random(0)  # noqa: S311  # no secret
        starts = sorted(rng.randrange(array.size - _RUN) for _ in range(_RUNS))
        flat = numpy.asarray(array).flat
        array = numpy.concatenate([flat[start : start + _RUN] for start in starts])
        sample = array.size
    array = numpy.asarray(array)
    lows, highs, missing, infinite = [], [], 0, 0
    flags = ["external_loop", "buffered", "zerosize_ok"]
    with numpy.errstate(all="ignore"):
        for chunk in numpy.nditer(array, flags=flags, order="K", buffersize=_CHUNK):
            low, high = chunk.min(), chunk.max()
            if array.dtype.kind in "fcmM" and not (numpy.isfinite(low) and numpy.isfinite(high)):
                finite = numpy.isfinite(chunk)
                gone = numpy.count_nonzero(
                    numpy.isnan(chunk) if array.dtype.kind in "fc" else ~finite
                )
                missing += int(gone)
                infinite += int(chunk.size - numpy.count_nonzero(finite) - gone)
                if not finite.any():
                    continue
                low, high = chunk[finite].min(), chunk[finite].max()
            lows.append(low)
            highs.append(high)
    return Range(
        low=python_value(min(lows)) if lows else None,
        high=python_value(max(highs)) if highs else None,
        missing=missing,
        infinite=infinite,
        sample=sample,
    )


def python_value(value: Any) -> Any:
    """Return a NumPy scalar as Python's; times of nanoseconds stay NumPy's."""
    plain = value.item()
    return value if isinstance(plain, int) and value.dtype.kind in "mM" else plain
