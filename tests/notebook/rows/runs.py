"""A run over rows that a test moves on: what the displays are shown instead of a server's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from eighty80_jupyter.rows.progress import Progress, RowError
from eighty80_jupyter.rows.quotes import Quoted


class MadeRun:
    """A run whose `wait` takes the next of `steps` each time, and ends with the last of them.

    A step is how it stands then, or an exception that `wait` raises.
    """

    def __init__(
        self,
        *steps: Progress | BaseException,
        values: Sequence[Any] = (),
        rows: Sequence[str] = (),
        errors: Sequence[RowError] = (),
        column: str = "answer",
        waited: Callable[[float | None], None] = lambda _seconds: None,
    ) -> None:
        self._steps = list(steps)
        self._now = Progress()
        self._waited = waited
        self.values = list(values)
        self.errors = list(errors)
        self.column = column
        self.rows = rows
        self.quotes: dict[int, Quoted] = {}
        self.cancelled = False

    def wait(self, timeout: float | None = None) -> bool:
        """Take a step."""
        self._waited(timeout)
        if self.cancelled:
            return True
        step = self._steps.pop(0)
        if isinstance(step, BaseException):
            raise step
        self._now = step
        return step.state != "running"

    def cancel(self) -> None:
        """Stand as interrupted."""
        self.cancelled = True
        self._now = replace(self._now, state="interrupted")

    def progress(self) -> Progress:
        """Return how it stands."""
        return self._now

    def quoted(self, _count: int) -> dict[int, Quoted]:
        """Return the quotes from the first rows."""
        return self.quotes

    def first(self, count: int) -> list[tuple[int, str, Any]]:
        """Return the first rows."""
        return list(zip(range(count), self.rows, self.values, strict=False))


def ended(run: MadeRun) -> MadeRun:
    """Return a run after its first step."""
    run.wait()
    return run
