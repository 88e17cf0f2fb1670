"""Calls of the user's code on their way from the event loop to the thread that waits for a run."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from eighty80_jupyter.errors import one_line

_LOOK_SECONDS = 0.05
_HELP_SECONDS = 0.1  # in which somebody may begin to wait, before a thread is started


class Jobs:
    """Calls of the user's code, on their way to the thread that waits for the run.

    Where nobody waits, a thread of the run's own takes them. `call` belongs to the loop.
    """

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._helper: threading.Thread | None = None
        self._ended = False

    async def call(self, job: Callable[[], Any]) -> Any:
        """Have a function called there, and return what it returns, or raise what it raises."""
        loop = asyncio.get_running_loop()
        waiting = _Job(job, loop)
        self._jobs.put(waiting)
        timer = loop.call_later(_HELP_SECONDS, self._help)
        try:
            return await waiting.done
        finally:
            timer.cancel()

    def serve(self, seconds: float) -> None:
        """Run the calls that come in so many seconds, here."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                job = self._jobs.get(timeout=min(left, _LOOK_SECONDS))
            except queue.Empty:
                continue
            if job is None:
                self._jobs.put(None)  # for others who wait
                return
            job.run()

    def end(self) -> None:
        """Have everybody who waits look up."""
        self._ended = True
        self._jobs.put(None)

    def _help(self) -> None:
        if self._helper is None and not self._jobs.empty():
            self._helper = threading.Thread(target=self._work, name="eighty80-rows", daemon=True)
            self._helper.start()

    def _work(self) -> None:
        while not self._ended:
            with suppress(KeyboardInterrupt):  # raised by the user's code, and passed on
                self.serve(3600)


class _Job:
    def __init__(self, job: Callable[[], Any], loop: asyncio.AbstractEventLoop) -> None:
        self._job = job
        self._loop = loop
        self.done: asyncio.Future[Any] = loop.create_future()

    def run(self) -> None:
        """Call it. An interrupt is raised here; all else that it raises goes to the loop."""
        try:
            result = self._job()
        except KeyboardInterrupt:
            self._settle(self.done.cancel)
            raise
        except BaseException as error:  # noqa: BLE001  # SystemExit, and polars' panics too
            failure = error if isinstance(error, Exception) else RuntimeError(one_line(error))
            self._settle(lambda: self.done.set_exception(failure))
        else:
            self._settle(lambda: self.done.set_result(result))

    def _settle(self, settle: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(lambda: self.done.done() or settle())
