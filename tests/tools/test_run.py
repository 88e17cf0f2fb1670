"""Where and for how long a tool runs: the thread, the loop, the limit, what it yields."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import itertools
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from eighty80_jupyter.tools import run as tool_run
from eighty80_jupyter.tools.call import (
    run_tool,
)
from eighty80_jupyter.tools.run import MOST_ITEMS, FirstItems, GivenUpError, execute
from eighty80_jupyter.tools.tool import make_tool
from tests.tools.calling import call_of, get_weather, ran


def test_threads() -> None:
    """Without a limit a function runs here, with one in a thread that has the same context."""
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable")
    variable.set(5)

    def where() -> tuple[bool, int]:
        return threading.current_thread() is threading.main_thread(), variable.get()

    async def later() -> tuple[bool, int]:
        await asyncio.sleep(0)
        return where()

    assert ran(where).value == (True, 5)
    assert ran(where, timeout=60).value == (False, 5)
    assert ran(where, timeout=60, main_thread=True).value == (True, 5)
    assert ran(where, main_thread=True).status == "done"
    assert ran(later).value == (False, 5)
    assert ran(later, timeout=60).value == (False, 5)

    def wrapped() -> Any:
        return later()

    async def within_a_loop() -> list[Any]:
        return [ran(where).value, ran(later).value, ran(wrapped).value]

    assert asyncio.run(within_a_loop()) == [(True, 5), (False, 5), (False, 5)]


def test_async_tools_share_what_belongs_to_a_loop() -> None:
    """A lock, a queue or a client that was made in one call serves the next."""
    queue: asyncio.Queue[int] = asyncio.Queue()
    loops: list[object] = []

    async def put() -> None:
        loops.append(asyncio.get_running_loop())
        await queue.put(7)

    async def get() -> int:
        loops.append(asyncio.get_running_loop())
        return await asyncio.wait_for(queue.get(), 60)

    assert ran(put).status == "done"
    assert ran(get, timeout=60).value == 7
    assert len(set(loops)) == 1


def test_an_async_tool_that_blocks_the_loop_does_not_block_the_next() -> None:
    """What was given up may hold its loop for ever; the others get another one."""
    release = threading.Event()

    async def blocking() -> None:
        await asyncio.sleep(0)
        release.wait(60)

    async def quick() -> int:
        await asyncio.sleep(0)
        return 1

    try:
        assert ran(blocking, timeout=0.1).status == "timeout"
        assert ran(quick, timeout=60).value == 1
    finally:
        release.set()


def test_main_thread_elsewhere() -> None:
    """A tool that needs the main thread is refused in another, and told why."""
    results = []
    tool = make_tool(get_weather, main_thread=True)
    thread = threading.Thread(
        target=lambda: results.append(run_tool(tool, {"city": "a"}, call=call_of()))
    )
    thread.start()
    thread.join()
    assert results[0].status == "refused"
    assert "runs only in the kernel's main thread" in results[0].text


def test_timeout_of_a_function() -> None:
    """A function that takes too long is left behind, and that is said."""
    release, ended = threading.Event(), threading.Event()

    def slow() -> None:
        release.wait(60)
        ended.set()

    result = ran(slow, timeout=0.05)
    assert result.status == "timeout"
    assert result.text == "timeout: no result after 0.05 s; it may still be running"
    assert not ended.is_set()
    release.set()
    assert ended.wait(60)


def test_timeout_of_a_coroutine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A coroutine is cancelled, and its own clean-up runs; the tool's timeout comes first."""
    monkeypatch.setattr(tool_run, "_GRACE", 60)
    cleaned = threading.Event()

    async def slow() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            cleaned.set()

    for limit in (0.05, 1, 20):  # on a busy machine it has not even begun after the first
        result = ran(slow, timeout=limit)
        if cleaned.is_set():
            break
    assert result.text == f"timeout: no result after {limit:g} s; it was cancelled"
    assert cleaned.is_set()
    assert ran(slow, timeout=0.05).status == "timeout"

    async def quick() -> int:
        await asyncio.sleep(0.02)
        return 5

    tool = make_tool(quick, timeout=60)
    assert run_tool(tool, {}, call=call_of(), timeout=0.001).text == "5"


def test_coroutine_that_does_not_end() -> None:
    """One that takes no notice of being cancelled is left behind."""
    release = threading.Event()

    async def stubborn() -> None:
        while not release.is_set():
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                continue

    result = ran(stubborn, timeout=0.05)
    release.set()
    assert result.text.endswith("it may still be running")


def test_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call is given up as soon as it is stopped from elsewhere."""
    monkeypatch.setattr(tool_run, "_GRACE", 60)
    stop = threading.Event()

    async def slow() -> None:
        stop.set()
        await asyncio.sleep(60)

    tool = make_tool(slow)
    for timeout in (None, 600):
        stop.clear()
        result = run_tool(tool, {}, call=call_of(), stop=stop, timeout=timeout)
        assert (result.status, result.text) == ("stopped", "stopped; it was cancelled")
    with pytest.raises(GivenUpError):
        execute(tool, {}, stop=stop)


@pytest.mark.parametrize("timeout", [None, 60])
def test_interrupt(timeout: float | None) -> None:
    """A KeyboardInterrupt is not a result: it is raised."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    async def later() -> None:
        raise KeyboardInterrupt

    for function in (interrupted, later):
        with pytest.raises(KeyboardInterrupt):
            ran(function, timeout=timeout)


def test_interrupt_while_waiting() -> None:
    """An interrupt of the thread that waits for a coroutine cancels it."""
    cancelled = threading.Event()

    async def slow() -> None:
        # As ctrl-C does it, once the main thread waits.
        threading.Timer(0.05, functools.partial(_interrupt_main)).start()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    with pytest.raises(KeyboardInterrupt):
        ran(slow, timeout=60)
    assert cancelled.wait(60)


def _interrupt_main() -> None:
    import _thread  # noqa: PLC0415  # for this only

    _thread.interrupt_main()


def test_generators() -> None:
    """What a generator yields is the result, as much of it as anybody would read."""
    closed = threading.Event()

    def count() -> Iterator[int]:
        try:
            yield from itertools.count()
        finally:
            closed.set()

    async def later() -> AsyncIterator[int]:
        for number in range(MOST_ITEMS + 5):
            await asyncio.sleep(0)
            yield number

    async def inner() -> Iterator[int]:
        return (number for number in range(3))

    for timeout in (None, 60):
        assert ran(lambda: iter([1])).status == "done"
        assert ran(lambda: map(str, (1, 2)), timeout=timeout).text == '["1","2"]'
        assert ran(inner, timeout=timeout).value == [0, 1, 2]
        for function in (count, later):
            result = ran(function, timeout=timeout)
            assert result.value == FirstItems(range(MOST_ITEMS))
            assert result.text.endswith("[… more: only the first 1,000 items were taken]")
        assert closed.is_set()


@pytest.mark.parametrize("count", [MOST_ITEMS, MOST_ITEMS + 1])
def test_how_much_is_taken(count: int) -> None:
    """All of a generator that has no more than the most; one item beyond tells that it has."""
    taken: list[int] = []
    closed = threading.Event()

    def items() -> Iterator[int]:
        for number in range(count + 5 if count > MOST_ITEMS else count):
            taken.append(number)
            yield number

    async def later() -> AsyncIterator[int]:
        try:
            for number in items():
                yield number
        finally:
            closed.set()

    class Plain:
        """An async iterator that cannot be closed."""

        def __init__(self) -> None:
            self._items = items()

        def __aiter__(self) -> Plain:
            return self

        async def __anext__(self) -> int:
            for item in self._items:
                return item
            raise StopAsyncIteration

    for function in (items, later, Plain):
        taken.clear()
        value = ran(function).value
        assert value == list(range(MOST_ITEMS))
        assert isinstance(value, FirstItems) is (count > MOST_ITEMS)
        assert len(taken) == count
    assert closed.is_set()


def test_an_async_iterator_is_closed() -> None:
    """Also one that is no generator, whose items nobody would read any more."""

    class Endless:
        closed = 0

        def __aiter__(self) -> Endless:
            return self

        async def __anext__(self) -> int:
            return 1

        async def aclose(self) -> None:
            Endless.closed += 1

    assert len(ran(Endless).value) == MOST_ITEMS
    assert Endless.closed == 1


def test_a_coroutine_that_begins_after_it_was_given_up() -> None:
    """It is cancelled as soon as it is there, and does nothing."""
    free, ended = threading.Event(), threading.Event()
    went_on: list[int] = []

    async def work() -> None:
        try:
            await asyncio.sleep(0)
            went_on.append(1)
        finally:
            ended.set()

    def late() -> Any:
        free.wait(60)
        return work()

    assert ran(late, timeout=0.01).text.endswith("it may still be running")
    free.set()
    assert ended.wait(60)
    assert went_on == []


def test_many_at_once() -> None:
    """Calls run side by side where threads call them."""
    together = threading.Barrier(10, timeout=60)

    async def meet() -> str:
        await asyncio.to_thread(together.wait)
        return "met"

    results: list[str] = []
    threads = [threading.Thread(target=lambda: results.append(ran(meet).text)) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == ["met"] * 10
