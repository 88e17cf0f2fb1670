"""Foreign code under a time limit: `__repr__` and its like may sleep, raise or never end."""

from __future__ import annotations

import contextvars
import ctypes
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, Self

LIMIT = 0.3  # seconds for one call
TOTAL = 0.35  # seconds for all calls of one description


class TooLongError(Exception):
    """A call took longer than its limit, and was given up."""


class _StopThread(SystemExit):  # it is no error: it ends a thread without a word
    """Raised inside code that was given up, so that a loop in it does not go on for ever."""


class TimeLimit:
    """The time that one description has for foreign code, and the thread that runs it.

    Use it as a context manager: the thread ends with it. A call that takes longer than `limit`
    seconds, or than what is left of `total`, raises TooLongError; then its thread is left behind (a
    daemon, asked to stop), and the next call of any such code gets another. Once the time is spent,
    calls that would need a new one raise at once.
    """

    def __init__(
        self,
        limit: float = LIMIT,
        total: float = TOTAL,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.limit = limit
        self._left = total
        self._clock = clock
        self._worker: _Worker | None = None
        self._given_up: set[Any] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def call(self, function: Callable[..., Any], *args: Any, key: Any = None) -> Any:
        """Return what `function(*args)` returns, or raise what it raises (an Exception).

        `key` names the code, such as the class whose `__repr__` it is: code that took too long once
        is not called again.
        """
        if self._left <= 0 or (key is not None and key in self._given_up):
            raise TooLongError
        if self._worker is None:
            self._worker = _Worker()
        start = self._clock()
        try:
            done, result = self._worker.run(function, args, min(self.limit, self._left))
        except BaseException:  # an interrupt: nobody waits for the call any more
            self._worker.abandon()
            self._worker = None
            raise
        self._left -= self._clock() - start
        if not done:
            self._worker.abandon()
            self._worker = None
            self._given_up.add(key)
            raise TooLongError
        if isinstance(result, _Raised):
            raise result.error
        return result


class _Raised:
    """What a call raised, made an Exception: nothing that foreign code raises ends the cell."""

    def __init__(self, error: BaseException) -> None:
        self.error = error if isinstance(error, Exception) else RuntimeError(type(error).__name__)


class _Worker:
    """A daemon thread that runs one call at a time."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[tuple[Callable[..., Any], tuple[Any, ...]] | None] = (
            queue.SimpleQueue()
        )
        self._results: queue.SimpleQueue[Any] = queue.SimpleQueue()
        # Settings such as numpy's print options and decimal's context are the caller's.
        context = contextvars.copy_context()
        self._thread = threading.Thread(
            target=context.run, args=(self._loop,), name="eighty80-describe", daemon=True
        )
        self._thread.start()

    def run(
        self, function: Callable[..., Any], args: tuple[Any, ...], seconds: float
    ) -> tuple[bool, Any]:
        """Return whether the call ended within the time, and its result."""
        self._calls.put((function, args))
        try:
            return True, self._results.get(timeout=seconds)
        except queue.Empty:
            return False, None

    def close(self) -> None:
        """Let the thread end."""
        self._calls.put(None)

    def abandon(self) -> None:
        """Let the thread end, and ask the code that runs in it to stop."""
        self.close()
        thread = self._thread.ident
        if thread is not None and self._thread.is_alive():
            # The only way to end a loop in another thread; one that waits in C stops after that.
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(thread), ctypes.py_object(_StopThread)
            )

    def _loop(self) -> None:
        try:
            while (call := self._calls.get()) is not None:
                function, args = call
                try:
                    result = function(*args)
                except BaseException as error:  # noqa: BLE001  # the caller gets it
                    result = _Raised(error)
                self._results.put(result)
                del call, function, args, result  # nothing is kept alive between two calls
        except _StopThread:
            pass  # it came between two calls, or after the last
