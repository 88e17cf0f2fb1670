"""The executor's threads: which call runs in which, and how a worker ends."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import Any

import pytest

from eighty80_jupyter.tools.executor import (
    MOST_THREADS,
    MainThreadCall,
    in_worker,
)
from tests.tools.calling import Run, call, tool


def test_more_calls_than_threads_are_all_run() -> None:
    """A bounded number of threads take one call after another until there are none left."""
    lock = threading.Lock()
    together = threading.Barrier(MOST_THREADS, timeout=60)
    now, most = 0, 0

    def work() -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        together.wait()
        with lock:
            now -= 1

    run = Run(tool(work, safe=True))
    wanted = [call("work", n) for n in range(3 * MOST_THREADS)]
    assert sorted(run(*wanted, stop=False)) == sorted((c.id, "done") for c in wanted)
    assert most <= MOST_THREADS


def test_a_safe_tool_of_the_main_thread_runs_there() -> None:
    """It runs in order and in the caller's thread, though others of its kind stand beside it."""
    where: list[threading.Thread] = []
    main = tool(
        lambda: where.append(threading.current_thread()), name="main", safe=True, main_thread=True
    )
    run = Run(main)
    assert run(call("main", 1), call("main", 2)) == [("main-1", "done"), ("main-2", "done")]
    assert where == [threading.main_thread()] * 2


def test_threads_of_calls_have_the_callers_context() -> None:
    """What runs side by side sees the context variables of who waits, and ends with the kernel."""
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    variable.set("here")
    together = threading.Barrier(2, timeout=60)
    daemons: list[bool] = []

    def work() -> str:
        together.wait()
        threads = [t for t in threading.enumerate() if t.name == "eighty80-call"]
        daemons.extend(thread.daemon for thread in threads)
        together.wait()
        return variable.get()

    run = Run(tool(work, safe=True))
    run(call("work", 1), call("work", 2), stop=False)
    assert [result.text for result in run.results] == ["here", "here"]
    assert daemons == [True] * 4


def test_calls_on_their_way_to_a_thread() -> None:
    """The loop waits until the calls have run, and hears what they tell."""

    async def main() -> list[Any]:
        told: list[Any] = []

        def run(tell: Callable[[Any], object]) -> None:
            tell(None)

        way = MainThreadCall(run)
        thread = threading.Thread(target=way.run, args=(told.append,))
        thread.start()
        await asyncio.wait_for(way.done, 60)
        thread.join()
        way.settle()
        way.settle()  # as one does who gives up at the same moment
        await asyncio.sleep(0)
        return told

    assert asyncio.run(main()) == [None]


def test_what_a_call_raises_does_not_settle_it() -> None:
    """An interrupt in the main thread ends the turn; it does not go on as if all were done."""

    def leave(_: object) -> None:
        raise KeyboardInterrupt

    async def main() -> bool:
        way = MainThreadCall(leave)
        with pytest.raises(KeyboardInterrupt):
            way.run(lambda _: None)
        await asyncio.sleep(0)
        return way.done.done()

    assert not asyncio.run(main())


def test_a_loop_that_has_ended_is_settled_in_vain() -> None:
    """Who comes too late does no harm."""

    async def main() -> MainThreadCall:
        return MainThreadCall(lambda _: None)

    way = asyncio.run(main())
    way.run(lambda _: None)
    assert not way.done.done()


def test_a_worker_that_is_cancelled_stops_its_calls() -> None:
    """Its thread, a daemon with the caller's context, learns of it by the event."""
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    stop, ended = threading.Event(), threading.Event()
    seen: list[tuple[str, bool, str]] = []
    told: list[Any] = []

    async def main() -> None:
        variable.set("here")
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()

        def run(tell: Callable[[Any], object]) -> None:
            tell(None)
            thread = threading.current_thread()
            seen.append((thread.name, thread.daemon, variable.get()))
            loop.call_soon_threadsafe(begun.set)
            stop.wait(60)
            ended.set()

        task = asyncio.create_task(in_worker(run, told.append, stop))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert stop.is_set()
    assert ended.wait(60)
    assert seen == [("eighty80-tools", True, "here")]
    assert told == [None]


@pytest.mark.parametrize("failure", [KeyboardInterrupt, RuntimeError, None])
def test_how_a_worker_ends(
    failure: type[BaseException] | None, caplog: pytest.LogCaptureFixture
) -> None:
    """A tool's own interrupt cancels the turn; any other failure is logged, and it goes on."""
    stop = threading.Event()

    def run(_: object) -> None:
        if failure is not None:
            raise failure

    async def main() -> str:
        try:
            await asyncio.wait_for(in_worker(run, lambda _: None, stop), 60)
        except asyncio.CancelledError:
            return "cancelled"
        return "went on"

    assert asyncio.run(main()) == ("cancelled" if failure is KeyboardInterrupt else "went on")
    assert stop.is_set() is (failure is KeyboardInterrupt)
    logged = ["the calls of a turn could not be run"] if failure is RuntimeError else []
    assert caplog.messages == logged
