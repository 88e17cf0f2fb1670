"""Answers of yes or no to rows, and what becomes of those that have none."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from eighty80_jupyter.errors import RowsError, UsageError

if TYPE_CHECKING:
    from eighty80_jupyter.rows.run import Run

_OURS = ("returns", "column", "samples", "try_rows", "errors")


class Ask(Protocol):
    """Asks a prompt for rows and waits: `Session.rows`."""

    def __call__(self, data: Any, prompt: str, **keywords: Any) -> Run:
        """Return a run that has ended. Raises UsageError, RowsError, ChatInterrupted."""


def check(keywords: dict[str, Any], what: str, *, but: Sequence[str] = ()) -> None:
    """Refuse options of `Session.rows` that make no sense here. Raises UsageError."""
    for name in _OURS:
        if name in keywords and name not in but:
            raise UsageError(f"{what} takes no {name}; chat.rows does")


def named_columns(given: Any, what: str) -> list[Hashable]:
    """Return the names that are meant: one or a list of them; None: none. Raises UsageError."""
    if given is None:
        return []
    names = list(given) if isinstance(given, list) else [given]
    if not names:
        raise UsageError(f"{what} names no column")
    return names


def undecided(run: Run, noun: str, remedy: str) -> RowsError:
    """Return the error that says how many have no answer, and what can be done about them."""
    lost = sum(value is None for value in run.values)
    failed = len(run.errors)
    parts = [f"{failed:,} failed"] if failed else []
    if lost > failed:
        parts.append(f"{lost - failed:,} had nothing to ask about")
    first = f"; the first: {run.errors[0].message}" if failed else ""
    what = f"1 {noun} is" if lost == 1 else f"{lost:,} {noun}s are"
    return RowsError(f"{what} undecided ({', '.join(parts)}{first}); {remedy}", run=run)
