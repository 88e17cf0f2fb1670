"""Run the function of a tool: here or in a thread of its own, for as long as it may take.

Without a limit a function runs in the calling thread, so that what it prints and shows goes where
that thread's goes. With one it runs in a daemon thread with the caller's context variables, while
the caller waits in short steps, open to interrupts. Coroutines share one event loop in a thread of
its own, so that they can share locks, connections and clients from one call to the next.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import inspect
import os
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from types import GeneratorType
from typing import Any

from eighty80_jupyter.tools.tool import Tool

MOST_ITEMS = 1_000  # that are taken from a generator

_STEP = 0.1  # seconds between two looks at the clock, and at an interrupt on Windows
_GRACE = 0.3  # seconds for a cancelled coroutine to end
_THREADS = 32  # for what async tools hand over to threads
_STREAMS = (GeneratorType, map, filter, zip, enumerate, reversed)


class FirstItems(list[Any]):
    """The first items of a generator that has more of them."""


class GivenUpError(Exception):
    """A call was given up. `timeout`: it took too long; else it was stopped.

    `running` tells whether it may still go on, for no thread can be ended from outside.
    """

    def __init__(self, *, timeout: float | None, running: bool) -> None:
        super().__init__("the call was given up")
        self.timeout = timeout
        self.running = running


def execute(
    tool: Tool,
    arguments: Mapping[str, Any],
    *,
    timeout: float | None = None,
    stop: threading.Event | None = None,
) -> Any:
    """Return what the tool's function returns for these keyword arguments.

    A coroutine is run to its end in the event loop of all async tools. Of a generator, or an async
    one, the list of up to `MOST_ITEMS` items is returned, as FirstItems if there are more.

    `timeout` in seconds is the limit where the tool has none; None: no limit. `stop`, once set,
    ends the waiting as well. A coroutine is then cancelled; a function goes on in its thread, and
    nobody waits for it. Neither stops a tool with `main_thread`, which runs in the calling thread.

    Raises GivenUpError, and whatever the function raises, KeyboardInterrupt among it.
    """
    limit = tool.timeout if tool.timeout is not None else timeout
    if not tool.main_thread and (limit is not None or stop is not None):
        return _Worker(lambda: tool.function(**arguments)).result(limit, stop)
    return _settled(tool.function(**arguments))


def thread_here(work: Callable[[], object], name: str) -> threading.Thread:
    """Return a daemon thread with this one's context variables, by which its output is routed."""
    run = contextvars.copy_context().run
    return threading.Thread(target=run, args=(work,), name=name, daemon=True)


class _Worker:
    """One call in a daemon thread, which can be waited for, cancelled and left behind.

    `_cancelled` is the caller's and `_cancel` the coroutine's; each sets its own before it looks at
    the other's.
    """

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._outcome: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self._cancelled = False
        self._cancel: Callable[[], object] | None = None
        self._thread = thread_here(self._run, "eighty80-tool")

    def result(self, limit: float | None, stop: threading.Event | None) -> Any:
        """Begin the call, wait for it, return its result or raise what it raised. See `execute`."""
        deadline = None if limit is None else time.monotonic() + limit
        try:
            self._thread.start()  # an interrupt as early as here ends it too
            while not self._ended(_step(deadline)):
                over = deadline is not None and time.monotonic() >= deadline
                if over or (stop is not None and stop.is_set()):
                    self._give_up()
                    ended = self._ended(_GRACE if self._cancel is not None else 0)
                    if not ended and self._cancel is not None:
                        _Loop.forget()  # a coroutine that blocks it must not block all others
                    raise GivenUpError(timeout=limit if over else None, running=not ended)
        except KeyboardInterrupt:
            self._give_up()
            raise
        return self._outcome.result()

    def _ended(self, seconds: float) -> bool:
        return bool(concurrent.futures.wait([self._outcome], seconds).done)

    def _run(self) -> None:
        try:
            self._outcome.set_result(_settled(self._function(), self._started))
        except BaseException as error:  # noqa: BLE001  # the caller gets it
            self._outcome.set_exception(error)

    def _started(self, loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> None:
        self._cancel = lambda: loop.call_soon_threadsafe(task.cancel)
        if self._cancelled:
            task.cancel()

    def _give_up(self) -> None:
        self._cancelled = True
        if self._cancel is not None:
            with suppress(RuntimeError):  # its loop has ended meanwhile
                self._cancel()


def _step(deadline: float | None) -> float:
    return _STEP if deadline is None else max(0.0, min(_STEP, deadline - time.monotonic()))


class _Loop:
    """The event loop of all async tools of this process, in a daemon thread of its own."""

    _lock = threading.Lock()
    _known: tuple[int, asyncio.AbstractEventLoop] | None = None  # with the process that has it

    @classmethod
    def run(cls, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run `coroutine` to its end; a KeyboardInterrupt cancels it."""
        future = asyncio.run_coroutine_threadsafe(_caught(coroutine), cls._running())
        try:
            while not concurrent.futures.wait([future], _STEP).done:
                pass
        except KeyboardInterrupt:
            future.cancel()
            raise
        outcome = future.result()
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome[0]

    @classmethod
    def forget(cls) -> None:
        """Use another loop from now on; what runs in this one goes on."""
        with cls._lock:
            cls._known = None

    @classmethod
    def _running(cls) -> asyncio.AbstractEventLoop:
        with cls._lock:
            if cls._known is None or cls._known[0] != os.getpid():
                loop = asyncio.new_event_loop()
                # Python's own choice is 6 threads on two cores, and tools mostly wait.
                threads = concurrent.futures.ThreadPoolExecutor(_THREADS, "eighty80-tool-thread")
                loop.set_default_executor(threads)
                name = "eighty80-async-tools"
                threading.Thread(target=loop.run_forever, name=name, daemon=True).start()
                cls._known = os.getpid(), loop
            return cls._known[1]


def _settled(value: Any, started: Callable[..., None] | None = None) -> Any:
    """Return a value that is ready: awaited, or taken out of its generator."""
    if isinstance(value, _STREAMS):
        return _taken(value)
    if inspect.isawaitable(value) or isinstance(value, AsyncIterator):
        return _Loop.run(_awaited(value, started))
    return value


async def _caught(coroutine: Coroutine[Any, Any, Any]) -> tuple[Any] | BaseException:
    """Return what `coroutine` raises: a SystemExit would end the loop of all others."""
    try:
        return (await coroutine,)
    except BaseException as error:  # noqa: BLE001  # it is raised where the tool was called
        return error


async def _awaited(
    value: Awaitable[Any] | AsyncIterator[Any], started: Callable[..., None] | None
) -> Any:
    task = asyncio.current_task()
    if started is not None and task is not None:
        started(asyncio.get_running_loop(), task)
    if isinstance(value, AsyncIterator):
        return await _collected(value)
    result = await value
    return _taken(result) if isinstance(result, _STREAMS) else result


async def _collected(stream: AsyncIterator[Any]) -> list[Any]:
    items: list[Any] = []
    try:
        async for item in stream:
            items.append(item)
            if len(items) > MOST_ITEMS:
                return FirstItems(items[:MOST_ITEMS])
        return items
    finally:
        if (close := getattr(stream, "aclose", None)) is not None:
            await close()


def _taken(stream: Iterator[Any]) -> list[Any]:
    items = list(islice(stream, MOST_ITEMS + 1))
    if isinstance(stream, GeneratorType):
        stream.close()
    return items if len(items) <= MOST_ITEMS else FirstItems(items[:MOST_ITEMS])
