"""A run over rows as its user sees it: how it goes on, how to wait for it, how to stop it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.api.reply import Usage
from eighty80_jupyter.errors import RowsError
from eighty80_jupyter.rows.progress import Progress, RowError
from eighty80_jupyter.rows.results import RunResults
from eighty80_jupyter.rows.running.jobs import Jobs
from eighty80_jupyter.rows.running.plan import Plan
from eighty80_jupyter.rows.running.state import RunState
from eighty80_jupyter.rows.running.work import RunWork

if TYPE_CHECKING:
    from eighty80_jupyter.rows.running.asking import Client


class Run(RunResults):
    """A run over rows: `Session.rows` returns it, `Session.start_rows` while it goes on.

    `prompt` is the text as it was typed, `column` the name of the new column, `returns` the type of
    the answers, `source` what the rows came from, `options` all that was said of it. What it has
    come to can be looked at while it goes on, and after it was stopped.
    """

    def __init__(self, plan: Plan, source: Any) -> None:
        typed = plan.settings.request.typed
        samples = plan.options.samples
        total = None if plan.rows.length is None else plan.rows.length * samples
        state = RunState(total, None if typed is None else typed.shape)
        state.samples = samples
        positions = plan.positions
        state.position = lambda place: (
            place // samples if positions is None else positions[place // samples]
        )
        state.price = plan.settings.price
        for remark in plan.template.remarks:
            state.remarks[remark] = None
        super().__init__(plan, state)
        self._jobs = Jobs()
        self._ended = threading.Event()
        self._cancel: Callable[[], object] = lambda: None
        self.source = source

    def __repr__(self) -> str:
        return f"<Run of {self.column}: {self.progress().last_line()}>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle as what it has come to: values, without a client and its key."""
        state = {f.name: getattr(self, f.name) for f in fields(RunCopy) if f.name != "last"}
        return _copied, ({**state, "last": self.progress()},)

    @property
    def keeps(self) -> bool:
        """Whether its answers are kept, so that the same run asks only what is missing."""
        return self._plan.settings.answers is not None

    @property
    def done(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self._ended.is_set()

    def progress(self) -> Progress:
        """Return how it stands, from any thread."""
        return self._state.progress()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it has ended, at most `timeout` seconds; return whether it has.

        What it calls of the user's (expressions in fields, an iterator) is called in this thread.
        An interrupt is raised here, and the run goes on: `cancel` stops it.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while not self._ended.is_set():
            left = 1.0 if end is None else end - time.monotonic()
            if left <= 0:
                return False
            self._jobs.serve(left)
        return True

    def cancel(self) -> None:
        """Stop it, from any thread; what has come stays, and is kept."""
        self._cancel()

    def check(self) -> None:
        """Raise RowsError where it has stopped, all rows have failed, or one that must not."""
        progress = self.progress()
        failed = sum(progress.failed.values())
        answered = progress.asked + progress.from_kept + progress.duplicates
        if progress.state == "stopped" or (failed and (self.options.strict or not answered)):
            line = progress.last_line()
            if progress.state != "stopped" and progress.failures:
                line += f"; the first: {progress.failures[0].message}"
            raise RowsError(line, run=self)

    # What the session does with it.

    def work(
        self, client: Client
    ) -> tuple[
        Callable[[Callable[[Any], None]], Coroutine[Any, Any, None]],
        Callable[[BaseException | None], None],
    ]:
        """Return what makes the coroutine that does it, and what is to be called at its end."""

        def make(_emit: Callable[[Any], None]) -> Coroutine[Any, Any, None]:
            return RunWork(self._plan, self._state, client, self._jobs.call).run()

        def at_end(error: BaseException | None) -> None:
            if isinstance(error, asyncio.CancelledError):
                self._state.end("interrupted")
            elif error is not None:
                self._state.end("stopped", f"{type(error).__name__}: {error}")
            self._ended.set()
            self._jobs.end()

        return make, at_end

    def begun(self, cancel: Callable[[], object]) -> None:
        """Take the function that stops it."""
        self._cancel = cancel


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class RunCopy:
    """What a run had come to when it was copied or pickled: see `Run`."""

    column: str
    prompt: str
    frame: Any
    values: list[Any]
    errors: list[RowError]
    counts: Counter[Any]
    usage: Usage
    last: Progress

    def __repr__(self) -> str:
        return f"<Copy of a run of {self.column}: {self.last.last_line()}>"

    def progress(self) -> Progress:
        """Return how it stood."""
        return self.last


def _copied(state: dict[str, Any]) -> RunCopy:
    return RunCopy(**state)
