"""Calls of the user's code: where they run, and what comes of them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from eighty80_jupyter.rows.running import jobs as module
from eighty80_jupyter.rows.running.jobs import Jobs
from tests.support.waiting import wait_until


class Loop:
    """An event loop in a thread of its own, as a run has it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def begin(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()


@pytest.fixture(name="loop")
def _loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


def raising(error: BaseException) -> Callable[[], Any]:
    """Return a function that raises."""

    def call() -> Any:
        raise error

    return call


def serve_until(jobs: Jobs, done: Callable[[], object]) -> None:
    """Run the calls that come, here, until something is so."""

    def look() -> object:
        jobs.serve(0.01)
        return done()

    wait_until(look)


def test_who_waits_is_called_and_what_it_returns_or_raises_comes_back(loop: Loop) -> None:
    """Values and errors go to the loop; what is no error of a program, such as SystemExit, too."""
    jobs = Jobs()
    calls = [
        loop.begin(jobs.call(threading.current_thread)),
        loop.begin(jobs.call(raising(ValueError("bad")))),
        loop.begin(jobs.call(raising(SystemExit("3\nlines")))),
    ]
    serve_until(jobs, lambda: all(call.done() for call in calls))
    assert calls[0].result() is threading.current_thread()
    with pytest.raises(ValueError, match="bad"):
        calls[1].result()
    with pytest.raises(RuntimeError, match=r"SystemExit.*3"):
        calls[2].result()


def test_an_interrupt_of_a_call_is_raised_where_it_is_called(loop: Loop) -> None:
    """The loop sees that the call was cancelled, and goes on."""
    jobs = Jobs()
    call = loop.begin(jobs.call(raising(KeyboardInterrupt())))

    def interrupted() -> bool:
        try:
            jobs.serve(0.05)
        except KeyboardInterrupt:
            return True
        return False

    assert wait_until(interrupted)
    assert wait_until(call.cancelled)


def test_where_nobody_waits_one_thread_takes_all(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is begun after a while, takes what comes after it as well, and survives an interrupt."""
    monkeypatch.setattr(module, "_HELP_SECONDS", 0.001)
    jobs = Jobs()
    first = loop.begin(jobs.call(threading.current_thread)).result(60)
    assert first is not threading.current_thread()
    assert first.daemon
    interrupted = loop.begin(jobs.call(raising(KeyboardInterrupt())))
    wait_until(interrupted.done)
    for _ in range(3):
        assert loop.begin(jobs.call(threading.current_thread)).result(60) is first
    jobs.end()
    first.join(60)
    assert not first.is_alive()


def test_all_who_wait_look_up_at_the_end() -> None:
    """However long they were to wait, and also where they come later."""
    jobs = Jobs()
    waiting = [threading.Thread(target=jobs.serve, args=(600,)) for _ in range(3)]
    for thread in waiting:
        thread.start()
    jobs.end()
    for thread in waiting:
        thread.join(60)
        assert not thread.is_alive()
    jobs.serve(600)


def test_a_loop_that_has_ended_hears_nothing() -> None:
    """A call that is served after it does no harm."""
    jobs = Jobs()
    done: list[int] = []

    async def leave() -> None:
        task = asyncio.create_task(jobs.call(lambda: done.append(1)))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(leave())
    serve_until(jobs, lambda: done)
    assert done == [1]
