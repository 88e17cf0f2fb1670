"""When a reply that grows is drawn: the one pacing of cells, terminals and panels."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

FRAME_SECONDS = 0.1  # at most ten drawings a second
SHARE = 5  # and at most a fifth of the time
LINGER_SECONDS = 1.0  # a painter's thread lives so much longer: the next turn often follows at once

_log = logging.getLogger(__name__)


class Pacing:
    """Says how long the next drawing has to wait; the first one is drawn at once.

    It belongs to whoever draws. `now` is the clock, in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._next = float("-inf")

    @property
    def wait(self) -> float:
        """Seconds until something may be drawn; 0: now."""
        return max(0.0, self._next - self._now())

    def drawn(self, began: float, *, frames: int = 1) -> None:
        """Note a drawing that has begun at `began` and ends now; the next waits `frames`."""
        self._next = began + max(frames * FRAME_SECONDS, SHARE * (self._now() - began))


class Painter:
    """Calls `paint` soon after `wake`, as often as the pacing allows, in a thread of its own.

    The thread ends by itself. `paint` returns whether it must be called once more; one that fails
    is logged. `_lock` owns the thread, and whether there is one.
    """

    def __init__(self, paint: Callable[[], bool], *, name: str) -> None:
        self._paint = paint
        self._name = name
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
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Draw nothing more; what is being drawn at this moment is not waited for."""
        with self._lock:
            self._closed = True
        self._due.set()
        self._now.set()

    def _run(self) -> None:
        pacing = Pacing()
        while not self._closed:
            if not self._due.wait(LINGER_SECONDS):
                with self._lock:
                    if not self._due.is_set():
                        self._thread = None
                        return
            self._due.clear()
            self._now.clear()
            began = time.monotonic()
            try:
                again = not self._closed and self._paint()
            except Exception:  # noqa: BLE001  # whatever it was, the next turn is drawn again
                _log.exception("a reply could not be drawn")
                again = False
            pacing.drawn(began)
            if again:
                self._due.set()
            self._now.wait(pacing.wait)
