"""The loop thread runs what it is given, stops what nobody waits for, and ends without a trace."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress

import pytest

from eighty80_jupyter.session.loop_thread import Background, Work
from tests.support.scripted import ScriptedServer, chat_reply
from tests.support.waiting import wait_until


@pytest.fixture(name="background")
def _background() -> Iterator[Background]:
    """Give a loop thread that is gone after the test."""
    background = Background()
    yield background
    background.close()
    all_have_ended()


def loop_threads() -> list[threading.Thread]:
    """List the loop threads of this process."""
    return [t for t in threading.enumerate() if t.name == "eighty80-loop"]


def all_have_ended() -> None:
    """Wait for the end of the loop threads: closing does that too, but not for ever."""
    wait_until(lambda: not loop_threads(), what="the end of the loop threads")


async def forever(ended: threading.Event, begun: threading.Event | None = None) -> None:
    """Wait until cancelled, and tell so."""
    try:
        if begun is not None:
            begun.set()
        await asyncio.Event().wait()
    finally:
        ended.set()


async def value(result: int) -> int:
    """Return a value after a turn of the loop."""
    await asyncio.sleep(0)
    return result


async def failure() -> None:
    """Raise an error after a turn of the loop."""
    await asyncio.sleep(0)
    raise ZeroDivisionError


def test_nothing_runs_before_it_is_needed() -> None:
    """A background that was never used has no thread, and closing it does nothing."""
    background = Background()
    background.close()
    assert not loop_threads()


def test_results_and_errors_come_back(background: Background) -> None:
    """A coroutine's value is returned, and what it raises is raised."""
    assert background.run(value(7)) == 7
    with pytest.raises(ZeroDivisionError):
        background.run(failure())
    assert background.start(value(8)).result(60) == 8
    with pytest.raises(ZeroDivisionError):
        background.start(failure()).result(60)
    assert len(loop_threads()) == 1


def test_a_future_can_be_cancelled(background: Background) -> None:
    """Cancelling what was started ends it on the loop."""
    begun, ended = threading.Event(), threading.Event()
    future = background.start(forever(ended, begun))
    assert begun.wait(60)
    future.cancel()
    assert ended.wait(60)


def test_events_come_in_order_and_to_the_last(background: Background) -> None:
    """All events are there before the iteration ends, and then the result."""

    async def emit_all(emit: Callable[[int], None]) -> str:
        for number in range(1000):
            emit(number)
            if number % 100 == 0:
                await asyncio.sleep(0)
        return "done"

    work: Work[int, str] = Work(background, emit_all)
    with work:
        seen = [number for batch in work for number in batch]
    assert (seen, work.result()) == (list(range(1000)), "done")


def test_the_consumer_is_called_while_nothing_comes(background: Background) -> None:
    """An empty list comes now and then, so that a display can do what is due."""
    go = asyncio.Event()

    async def wait(_: Callable[[int], None]) -> None:
        await go.wait()

    batches = []
    work: Work[int, None] = Work(background, wait)
    with work:
        for batch in work:
            batches.append(batch)
            if len(batches) == 3:
                background.submit(go.set)
    assert batches[:3] == [[], [], []]


def test_leaving_early_cancels_and_waits(background: Background) -> None:
    """When the block is left the coroutine has ended, whatever the reason."""
    begun, ended = threading.Event(), threading.Event()
    work: Work[int, None] = Work(background, lambda _: forever(ended, begun))

    def leave() -> None:
        with work:
            begun.wait(60)
            raise KeyError

    with pytest.raises(KeyError):
        leave()
    assert ended.is_set()
    with pytest.raises(asyncio.CancelledError):
        work.result()


def test_what_is_cancelled_before_it_starts_never_runs(background: Background) -> None:
    """A coroutine that nobody wants any more ends without a line of it, and without a warning."""
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        release.wait(60)

    background.submit(hold)
    held.wait(60)
    ended = threading.Event()
    work: Work[int, None] = Work(background, lambda _: forever(ended))
    with work:
        background.submit(work._cancel)  # as leaving the block does, but before the loop goes on
        release.set()
    assert not ended.is_set()
    with pytest.raises(asyncio.CancelledError):
        work.result()


def test_what_cannot_be_made_is_raised(background: Background) -> None:
    """An error before there is a coroutine comes out where the result is asked for."""

    def make(_: Callable[[int], None]) -> None:
        raise ZeroDivisionError

    work: Work[int, None] = Work(background, make)  # type: ignore[arg-type]  # what is tested
    with work:
        assert list(work) == [[]]
    with pytest.raises(ZeroDivisionError):
        work.result()


def test_closing_ends_what_runs(background: Background) -> None:
    """Whoever waits is told, from whatever thread the end comes."""
    begun, ended = threading.Event(), threading.Event()
    waiting: list[BaseException] = []

    def wait() -> None:
        try:
            background.run(forever(ended, begun))
        except asyncio.CancelledError as error:
            waiting.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    assert begun.wait(60)
    background.close()
    thread.join(60)
    all_have_ended()
    assert (ended.is_set(), len(waiting)) == (True, 1)


def test_what_is_ending_is_left_to_it(background: Background) -> None:
    """A task that was cancelled and puts things in order is not cancelled again by the closing."""
    begun, ending = threading.Event(), threading.Event()
    ended: list[bool] = []

    async def orderly() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ending.set()
            await asyncio.sleep(0.1)
            ended.append(True)

    future = background.start(orderly())
    assert begun.wait(60)
    future.cancel()
    assert ending.wait(60)
    background.close()
    assert ended


def test_closing_many_times_and_beginning_anew(background: Background) -> None:
    """A closed background is used again with another thread, as often as one likes."""
    for number in range(20):
        assert background.run(value(number)) == number
        background.close()
        background.close()
        all_have_ended()


def test_closing_from_the_loop_itself_does_not_hang(background: Background) -> None:
    """A callback of the loop may end it."""
    background.submit(background.close)
    all_have_ended()


def test_closers_run_after_the_tasks(background: Background) -> None:
    """What was opened is closed on the loop, when nothing uses it any more; errors stop nothing."""
    order: list[str] = []
    begun = threading.Event()

    async def use() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            order.append("task")

    async def close_one() -> None:
        order.append("closer")
        raise ZeroDivisionError

    async def close_other() -> None:
        await asyncio.sleep(0)
        order.append("other")

    background.at_close(close_one)
    background.at_close(close_other)
    background.start(use())
    begun.wait(60)
    background.close()
    assert order == ["task", "closer", "other"]
    background.run(value(1))
    background.close()
    assert len(order) == 3


def test_generators_are_closed_at_the_end(background: Background) -> None:
    """An asynchronous generator that was left in the middle is closed with the loop."""
    ended = threading.Event()

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            ended.set()

    generator = numbers()

    async def first() -> int:
        return await anext(generator)

    assert background.run(first()) == 1
    background.close()
    assert ended.is_set()


def test_starting_and_closing_at_the_same_time_loses_nobody(background: Background) -> None:
    """Whoever starts something gets an answer, though others close all the time."""
    stop = threading.Event()
    outcomes: list[object] = []

    def close() -> None:
        while not stop.is_set():
            background.close()
            stop.wait(0.0005)

    def use() -> None:
        for number in range(50):
            try:
                outcomes.append(background.run(value(number)))
            except asyncio.CancelledError:
                outcomes.append(None)

    closer = threading.Thread(target=close)
    users = [threading.Thread(target=use) for _ in range(3)]
    for thread in (closer, *users):
        thread.start()
    for thread in users:
        thread.join(60)
    stop.set()
    closer.join()
    assert len(outcomes) == 150


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")  # it is what is tested
def test_a_fork_has_a_loop_of_its_own(background: Background) -> None:
    """A child process is not left with a thread that it does not have, nor harms its parent's."""
    assert background.run(value(1)) == 1
    loop = background.loop()
    child = os.fork()
    if not child:
        with suppress(BaseException):
            fine = background.run(value(2)) == 2 and background.loop() is not loop
            background.close()
            os._exit(0 if fine else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert background.loop() is loop
    assert background.run(value(3)) == 3


PROGRAM = """
import asyncio, logging, sys
from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.session.session import Session

# Python's development mode also tells of each callback that took a tenth of a second.
logging.getLogger("asyncio").setLevel(logging.ERROR)
session = Session(ChatConfig(base_url=sys.argv[1], api_key="sk-test"), environ={})
print(session.ask("Hi").text)
if sys.argv[2] == "busy":
    session._turns.background.start(asyncio.Event().wait())
if sys.argv[2] == "close":
    session.close()
"""


@pytest.mark.slow
@pytest.mark.parametrize("end", ["exit", "close", "busy"])
def test_a_program_ends_without_a_word(end: str) -> None:
    """At its end no warning is printed, about sessions, sockets, loops or coroutines."""
    with ScriptedServer(default=chat_reply("Hello")) as server:
        program = subprocess.run(
            [sys.executable, "-X", "dev", "-W", "error", "-c", PROGRAM, server.url, end],
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
    assert (program.returncode, program.stdout, program.stderr) == (0, "Hello\n", "")
