"""The loop thread: one private asyncio loop in one daemon thread does all HTTP and parsing.

The kernel's own loop would stall for as long as any cell computes, and a blocking socket in a
thread is not woken by closing it from another one.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import inspect
import queue
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any, Generic, TypeVar

from eighty80_jupyter.errors import NO_THREADS, UsageError
from eighty80_jupyter.watchers import at_fork

T = TypeVar("T")
E = TypeVar("E")

Closer = Callable[[], Awaitable[None]]

TICK_SECONDS = 0.05
_STOP_SECONDS = 5.0


class Background:
    """A loop in a daemon thread, started when first used, and bridges to it from other threads.

    A process that was forked off gets a loop of its own: threads do not survive a fork.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._inherited: list[object] = []
        self._begin_anew()
        at_fork(self._begin_anew)

    def start(self, coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Start `coroutine` on the loop and return its future at once; cancel it to stop it."""
        with self._lock:
            try:
                return asyncio.run_coroutine_threadsafe(coroutine, self._running())
            except BaseException:
                coroutine.close()
                raise

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run `coroutine` on the loop, wait for it, and return its result.

        An interrupt of the waiting thread cancels it and is raised when it has ended. Raises
        asyncio.CancelledError where the loop is ended in the meantime.
        """
        work: Work[None, T] = Work(self, lambda _emit: coroutine)
        try:
            with work:
                for _ in work:
                    pass
        finally:
            if inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED:
                coroutine.close()  # it was never started, and must not warn about that
        return work.result()

    def submit(self, callback: Callable[[], None]) -> asyncio.AbstractEventLoop:
        """Have the loop call `callback` soon, and return the loop."""
        with self._lock:
            loop = self._running()
            loop.call_soon_threadsafe(callback)
            return loop

    def at_close(self, closer: Closer) -> None:
        """Have `closer` run on the loop that runs now, before it ends."""
        with self._lock:
            self._running()
            self._closers.append(closer)

    def loop(self) -> asyncio.AbstractEventLoop:
        """Return the running loop, which is started if need be."""
        with self._lock:
            return self._running()

    def close(self) -> None:
        """Cancel what runs, run the closers, end the thread; the next use starts another."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
            if loop is None or thread is None:
                return
            # Under the lock: whatever was submitted stands before this, and is cancelled by it.
            loop.call_soon_threadsafe(loop.stop)
        atexit.unregister(self.close)
        if thread is not threading.current_thread():
            thread.join(_STOP_SECONDS)

    def _begin_anew(self) -> None:
        """Have no loop, and leave that of a parent process alone: it shares its sockets."""
        if self._loop is not None:
            self._inherited.append(self._loop)  # never collected: that would close its sockets
        self._lock = threading.Lock()
        self._loop = self._thread = None
        self._closers: list[Closer] = []

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._loop is not None:
            return self._loop
        if sys.platform == "emscripten":
            raise UsageError(NO_THREADS)
        loop = asyncio.new_event_loop()
        closers: list[Closer] = []
        thread = threading.Thread(
            target=_serve, args=(loop, closers), name="eighty80-loop", daemon=True
        )
        self._loop, self._thread, self._closers = loop, thread, closers
        try:
            thread.start()
        except BaseException:
            self._loop = self._thread = None
            if thread.ident is None:
                loop.close()  # the system gives no more threads
            else:
                loop.call_soon_threadsafe(loop.stop)  # interrupted while it started
            raise
        atexit.register(self.close)
        return loop


def _serve(loop: asyncio.AbstractEventLoop, closers: list[Closer]) -> None:
    asyncio.set_event_loop(loop)
    # Names and kept answers are looked up there. Ours: the loop's own is waited for at the end.
    names = concurrent.futures.ThreadPoolExecutor(thread_name_prefix="eighty80-names")
    loop.set_default_executor(names)
    try:
        loop.run_forever()
    finally:
        loop.run_until_complete(_wind_down(closers))
        names.shutdown(wait=False, cancel_futures=True)
        loop.close()


async def _wind_down(closers: list[Closer]) -> None:
    """Cancel the tasks, and those that they start while they end; then close what was opened.

    One that was cancelled before is ending a process, say, and is left to it.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(_STOP_SECONDS / 2):
            while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
                for task in tasks:
                    if not task.cancelling():
                        task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
    for closer in closers:
        with suppress(Exception):
            await closer()
    await asyncio.get_running_loop().shutdown_asyncgens()


class Work(Generic[E, T]):
    """A coroutine on the loop that emits events, seen from a thread that waits for them.

    Used as a context manager: it starts there, and leaving it early, by an interrupt or an error of
    the consumer, cancels the coroutine and waits until it has ended. Iterating gives lists of
    events as they come, and an empty list at least every `TICK_SECONDS`, so that the consumer can
    do what is due. The producer never waits for the consumer. `at_end` is called on the loop when
    all is over, also where the coroutine never began; `start` and `cancel` do without a thread that
    waits.
    """

    def __init__(
        self,
        background: Background,
        make: Callable[[Callable[[E], None]], Coroutine[Any, Any, T]],
        *,
        at_end: Callable[[BaseException | None], None] = lambda _error: None,
    ) -> None:
        self._background = background
        self._make = make
        self._at_end = at_end
        self._events: queue.SimpleQueue[E | None] = queue.SimpleQueue()
        self._ended = threading.Event()
        self._unwanted = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[T] | None = None
        self._outcome: tuple[T] | BaseException | None = None

    def start(self) -> None:
        """Start the coroutine and return at once."""
        self._loop = self._background.submit(self._begin)

    def cancel(self) -> None:
        """Cancel the coroutine, if it has not ended, and return at once; from any thread."""
        self._unwanted = True
        if self._loop is not None and not self._ended.is_set():
            with suppress(RuntimeError):  # the loop has ended, and with it the task
                self._loop.call_soon_threadsafe(self._cancel)

    def __enter__(self) -> Work[E, T]:
        try:
            self.start()
            return self  # noqa: TRY300  # an interrupt may come here too
        except BaseException:
            # Interrupted, and perhaps submitted and begun already.
            self._unwanted = True
            with suppress(RuntimeError):
                self._background.submit(self._cancel)
            raise

    def __exit__(self, *_: object) -> None:
        if not self._ended.is_set():
            self.cancel()
            self._ended.wait(_STOP_SECONDS)

    def __iter__(self) -> Iterator[list[E]]:
        """Yield what has come since the last look, until the coroutine has ended."""
        while True:
            batch: list[E] = []
            try:
                item = self._events.get(timeout=TICK_SECONDS)
                while item is not None:
                    batch.append(item)
                    item = self._events.get_nowait()
            except queue.Empty:
                yield batch
            else:
                yield batch
                return

    def result(self) -> T:
        """Return what the coroutine returned, or raise what it raised."""
        if isinstance(self._outcome, BaseException):
            raise self._outcome
        assert self._outcome is not None  # noqa: S101  # asked before the end
        return self._outcome[0]

    def _begin(self) -> None:
        if self._unwanted:
            self._end(asyncio.CancelledError())
            return
        try:
            coroutine = self._make(self._events.put)
        except Exception as error:  # noqa: BLE001  # it is raised where the result is asked for
            self._end(error)
            return
        self._task = asyncio.get_running_loop().create_task(coroutine)
        self._task.add_done_callback(self._finish)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _finish(self, task: asyncio.Task[T]) -> None:
        # A callback, because a task that is cancelled at once never runs a line of its coroutine.
        if task.cancelled():
            self._end(asyncio.CancelledError())
        else:
            self._end(task.exception() or (task.result(),))

    def _end(self, outcome: tuple[T] | BaseException) -> None:
        self._outcome = outcome
        try:
            self._at_end(outcome if isinstance(outcome, BaseException) else None)
        finally:
            self._ended.set()
            self._events.put(None)
