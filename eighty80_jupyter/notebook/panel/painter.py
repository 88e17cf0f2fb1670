"""A thread that draws what has come, while something comes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

FRAME_SECONDS = 0.1  # at most ten updates a second
SHARE = 5  # drawing takes at most a fifth of the time
LINGER_SECONDS = 1.0  # the next turn often follows at once

_log = logging.getLogger(__name__)


class Painter:
    """Calls `paint` soon after `wake`, at most ten times a second, in a thread that ends by itself.

    `paint` returns whether it must be called once more. One that fails is logged.
    """

    def __init__(self, paint: Callable[[], bool]) -> None:
        self._paint = paint
        self._lock = threading.Lock()
        self._due = threading.Event()
        self._now = threading.Event()
        self._thread: threading.Thread | None = None
        self._closed = False

    def wake(self, *, now: bool = False) -> None:
        """Have something drawn; returns at once, from any thread.

        `now` does not wait for the next frame: a turn has begun or ended.
        """
        if now:
            self._now.set()
        with self._lock:  # or a thread that is about to end would miss it
            self._due.set()
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(
                    target=self._run, name="eighty80-panel", daemon=True
                )
                self._thread.start()

    def close(self) -> None:
        """Draw nothing more."""
        self._closed = True
        self._due.set()
        self._now.set()

    def _run(self) -> None:
        while not self._closed:
            if not self._due.wait(LINGER_SECONDS):
                with self._lock:
                    if not self._due.is_set():
                        self._thread = None
                        return
            self._due.clear()
            self._now.clear()
            start = time.monotonic()
            try:
                again = not self._closed and self._paint()
            except Exception:  # noqa: BLE001  # whatever it was, the next turn is drawn again
                _log.exception("the panel could not be drawn")
                again = False
            if again:
                self._due.set()
            spent = time.monotonic() - start
            self._now.wait(max(FRAME_SECONDS, SHARE * spent) - spent)
