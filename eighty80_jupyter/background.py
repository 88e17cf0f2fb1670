"""The loop thread: one private asyncio loop in one daemon thread does all HTTP and parsing.

The kernel's own loop would stall for as long as any cell computes, and a blocking socket in a
thread is not woken by closing it from another one.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import os
import queue
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Generic, TypeVar

T = TypeVar("T")
E = TypeVar("E")

TICK_SECONDS = 0.05
_STOP_SECONDS = 5.0


class Background:
    """A loop in a daemon thread, started when first used, and bridges to it from other threads.

    A process that was forked off gets a loop of its own: threads do not survive a fork.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._pid = 0
        self._lock = threading.Lock()

    def start(self, coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Start `coroutine` on the loop and return its future at once; cancel it to stop it."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop())

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run `coroutine` on the loop, wait for it, and return its result.

        An interrupt of the waiting thread cancels it and is raised when it has ended.
        """
        work: Work[None, T] = Work(self, lambda _emit: coroutine)
        with work:
            for _ in work:
                pass
        return work.result()

    def close(self) -> None:
        """Cancel what runs and end the thread; the next use starts another."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        atexit.unregister(self.close)
        if loop is None or thread is None or self._pid != os.getpid():
            return
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_STOP_SECONDS)

    def loop(self) -> asyncio.AbstractEventLoop:
        """Return the running loop, which is started if need be."""
        with self._lock:
            if self._loop is None or self._pid != os.getpid():
                self._loop = asyncio.new_event_loop()
                self._pid = os.getpid()
                self._thread = threading.Thread(
                    target=_serve, args=(self._loop,), name="eighty80-loop", daemon=True
                )
                self._thread.start()
                atexit.register(self.close)
            return self._loop


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


class Work(Generic[E, T]):
    """A coroutine on the loop that emits events, seen from a thread that waits for them.

    Used as a context manager; leaving it early, by an interrupt or an error of the consumer,
    cancels the coroutine and waits until it has ended. Iterating gives lists of events as they
    come, and an empty list at least every `TICK_SECONDS`, so that the consumer can do what is due.
    The producer never waits for the consumer.
    """

    def __init__(
        self,
        background: Background,
        make: Callable[[Callable[[E], None]], Coroutine[Any, Any, T]],
    ) -> None:
        self._events: queue.SimpleQueue[E | None] = queue.SimpleQueue()
        self._ended = threading.Event()
        self._task: asyncio.Task[T] | None = None
        self._outcome: tuple[T] | BaseException | None = None
        self._loop = background.loop()
        self._loop.call_soon_threadsafe(self._begin, make)

    def __enter__(self) -> Work[E, T]:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._ended.is_set():
            self._loop.call_soon_threadsafe(self._cancel)
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

    def _begin(self, make: Callable[[Callable[[E], None]], Coroutine[Any, Any, T]]) -> None:
        self._task = self._loop.create_task(make(self._events.put))
        self._task.add_done_callback(self._finish)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _finish(self, task: asyncio.Task[T]) -> None:
        # A callback, because a task that is cancelled at once never runs a line of its coroutine.
        if task.cancelled():
            self._outcome = asyncio.CancelledError()
        else:
            self._outcome = task.exception() or (task.result(),)
        self._ended.set()
        self._events.put(None)
