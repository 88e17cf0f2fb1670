"""Run the function of a tool: here or in a thread of its own, for as long as it may take.

Without a limit a function runs in the calling thread, so that what it prints and shows goes where
that thread's goes. With one it runs in a daemon thread with the caller's context variables, while
the caller waits in short steps, open to interrupts.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from types import GeneratorType
from typing import Any

from eighty80_jupyter.chat.tools import Tool

MOST_ITEMS = 1_000  # that are taken from a generator

_STEP = 0.1  # seconds between two looks at the clock, and at an interrupt on Windows
_GRACE = 0.3  # seconds for a cancelled coroutine to end
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

    A coroutine is run to its end in an event loop of its own (in a thread of its own, where one
    runs in this thread). Of a generator, or an async one, the list of up to `MOST_ITEMS` items is
    returned, as FirstItems if there are more.

    `timeout` in seconds is the limit where the tool has none; None: no limit. `stop`, once set,
    ends the waiting as well. A coroutine is then cancelled; a function goes on in its thread, and
    nobody waits for it. Neither stops a tool with `main_thread`, which runs in the calling thread.

    Raises GivenUpError, and whatever the function raises, KeyboardInterrupt among it.
    """
    limit = tool.timeout if tool.timeout is not None else timeout
    if not tool.main_thread and (limit is not None or stop is not None):
        return _Worker(lambda: tool.function(**arguments)).result(limit, stop)
    if not _in_loop():
        return _settled(tool.function(**arguments))
    if tool.is_async:
        return _Worker(lambda: tool.function(**arguments)).result(None, None)
    value = tool.function(**arguments)
    if inspect.isawaitable(value) or isinstance(value, AsyncIterator):
        return _Worker(lambda: value).result(None, None)
    return _settled(value)


class _Worker:
    """One call in a daemon thread, which can be waited for, cancelled and left behind."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._ended = threading.Event()
        self._value: Any = None
        self._error: BaseException | None = None
        self._cancelled = False
        self._cancel: Callable[[], object] | None = None
        # Whoever routes the output of a thread does it by context variables.
        run = contextvars.copy_context().run
        threading.Thread(target=run, args=(self._run,), name="eighty80-tool", daemon=True).start()

    def result(self, limit: float | None, stop: threading.Event | None) -> Any:
        """Wait for the call and return its result, or raise what it raised. See `execute`."""
        deadline = None if limit is None else time.monotonic() + limit
        try:
            while not self._ended.wait(_step(deadline)):
                over = deadline is not None and time.monotonic() >= deadline
                if over or (stop is not None and stop.is_set()):
                    self._give_up()
                    ended = self._ended.wait(_GRACE if self._cancel is not None else 0)
                    raise GivenUpError(timeout=limit if over else None, running=not ended)
        except KeyboardInterrupt:
            self._give_up()
            raise
        if self._error is not None:
            raise self._error
        return self._value

    def _run(self) -> None:
        try:
            self._value = _settled(self._function(), self._started)
        except BaseException as error:  # noqa: BLE001  # the caller gets it
            self._error = error
        finally:
            self._ended.set()

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


def _in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _settled(value: Any, started: Callable[..., None] | None = None) -> Any:
    """Return a value that is ready: awaited, or taken out of its generator."""
    if isinstance(value, _STREAMS):
        return _taken(value)
    if inspect.isawaitable(value) or isinstance(value, AsyncIterator):
        return asyncio.run(_awaited(value, started))
    return value


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
