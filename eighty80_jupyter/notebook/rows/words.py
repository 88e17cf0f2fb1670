"""The numbers of a run over rows in words, for pages and terminals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from eighty80_jupyter.text import counted

if TYPE_CHECKING:
    from eighty80_jupyter.rows.progress import Progress

_MINUTE, _HOUR = 60, 3600
_TENTHS_BELOW = 10  # seconds, and rows a second
_PAUSE = 0.05  # seconds that are worth a word


def count_of(progress: Progress) -> str:
    """Return how far it is: `2,312 of 5,000 rows`."""
    if progress.total is None:
        return rows_of(progress.done)
    return f"{progress.done:,} of {rows_of(progress.total)}"


def rows_of(count: int) -> str:
    """Return a number of rows."""
    return counted(count, "row")


def rates_of(progress: Progress) -> list[str]:
    """Return how quickly it goes, what is left, and how many requests are out at once."""
    parts = []
    if progress.rows_per_second:
        parts.append(f"{_rate(progress.rows_per_second)} rows/s")
    if progress.tokens_per_second:
        parts.append(f"{_rate(progress.tokens_per_second)} tokens/s")
    if progress.remaining is not None:
        parts.append(f"about {time_of(progress.remaining)} left")
    if progress.concurrency:
        parts.append(f"{progress.concurrency} at a time")
    if progress.pause > _PAUSE:
        parts.append(f"the server asked to wait, {time_of(progress.pause)} more")
    return parts


def parts_of(progress: Progress) -> list[str]:
    """Return what became of the rows, but for those that were simply asked."""
    counts = {
        "kept answers": progress.from_kept,
        "duplicates": progress.duplicates,
        "skipped": progress.skipped,
        "at a second attempt": progress.second_attempt,
    }
    parts = [f"{count:,} {what}" for what, count in counts.items() if count]
    if progress.failed:
        parts.append(failed_of(progress.failed))
    return parts


def failed_of(failed: Mapping[str, int]) -> str:
    """Return how many rows failed, and why: `3 failed (invalid 2, server 1)`."""
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in failed.items() if count)
    return f"{sum(failed.values()):,} failed ({kinds})"


def time_of(seconds: float) -> str:
    """Return a time as a person says it, no finer than it can be known."""
    if seconds < _TENTHS_BELOW:
        return f"{max(1, round(seconds))} s"
    if seconds < 2 * _MINUTE:
        return f"{round(seconds)} s"
    if seconds < 2 * _HOUR:
        return f"{round(seconds / _MINUTE)} min"
    return f"{seconds / _HOUR:.1f} h"


def line_of(progress: Progress) -> str:
    """Return one line for a terminal."""
    return " · ".join([count_of(progress), *rates_of(progress), *parts_of(progress)])


def short(text: str, most: int) -> str:
    """Return a text on one line, of at most that many characters."""
    line = " ".join(text[: 4 * most].split())
    return line if len(line) <= most and len(text) <= 4 * most else line[: most - 1] + "…"


def _rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= _TENTHS_BELOW else f"{rate:.1f}"
