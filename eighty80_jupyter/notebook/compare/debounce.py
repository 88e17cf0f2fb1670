"""Timers of the loop thread: one call that is due later, and a pause that is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Timer:
    """One call that is due later; it belongs to the loop thread, and is used there only."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._handle: asyncio.TimerHandle | None = None

    @property
    def pending(self) -> bool:
        """Whether a call is due; one that was due on a loop that has ended never comes."""
        return self._handle is not None and self._loop is asyncio.get_running_loop()

    def set(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call `callback` after `seconds`, and nothing that was due before."""
        self.cancel()
        self._loop = asyncio.get_running_loop()

        def call() -> None:
            self._handle = None
            callback()

        self._handle = self._loop.call_later(seconds, call)

    def cancel(self) -> None:
        """Forget what is due."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


class Pause:
    """Calls `callback` when nothing has moved for `shortest` seconds, or has moved for `longest`.

    It belongs to the loop thread, and is used there only.
    """

    def __init__(self, callback: Callable[[], None], *, shortest: float, longest: float) -> None:
        self._callback = callback
        self._shortest = shortest
        self._longest = longest
        self._timer = Timer()
        self._first = 0.0

    @property
    def pending(self) -> bool:
        """Whether something has moved that was not answered by the call yet."""
        return self._timer.pending

    def move(self) -> None:
        """Take in one move."""
        now = asyncio.get_running_loop().time()
        if not self._timer.pending:
            self._first = now
        wait = min(self._shortest, self._first + self._longest - now)
        self._timer.set(max(0, wait), self._callback)

    def cancel(self) -> None:
        """Forget what has moved."""
        self._timer.cancel()
