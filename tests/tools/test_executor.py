"""The executor by itself: what a stop ends, what runs beside what, and who is told."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import Any

import pytest

from eighty80_jupyter.api.messages import ToolCall
from eighty80_jupyter.conversation.conversation import Conversation
from eighty80_jupyter.conversation.events import CallBegan, CallEnded
from eighty80_jupyter.prompt.secrets.redact import Redactor
from eighty80_jupyter.tools import executor
from eighty80_jupyter.tools.call import ToolResult
from eighty80_jupyter.tools.executor import (
    MOST_THREADS,
    NOBODY,
    REFUSED,
    Decision,
    MainThreadCall,
    ToolExecutor,
    in_worker,
    waits_for_tool,
)
from eighty80_jupyter.tools.result import ToolSettings
from eighty80_jupyter.tools.tool import Tool, make_tool
from tests.support.waiting import wait_until


def call(name: str, number: int = 1, arguments: str = "{}") -> ToolCall:
    """Make a call with an id of its own."""
    return ToolCall(id=f"{name}-{number}", name=name, arguments=arguments)


class Run:
    """A run of calls: the results in the order in which they came, and what was told."""

    def __init__(self, *tools: Tool, **settings: Any) -> None:
        self.stop = threading.Event()
        self.results: list[ToolResult] = []
        self.told: list[Any] = []
        self.conversation = Conversation()
        self.executor = ToolExecutor(
            tools={tool.name: tool for tool in tools}, conversation=self.conversation, **settings
        )

    def __call__(self, *calls: ToolCall, stop: bool = True) -> list[tuple[str, str]]:
        """Run the calls and return the ids of the results and their statuses, as they came."""
        self.executor.run(calls, self.results.append, self.told.append, self.stop if stop else None)
        return [(result.call.id, result.status) for result in self.results]

    @property
    def began(self) -> list[str]:
        """The ids of the calls that were told to have begun."""
        return [event.call.id for event in self.told if isinstance(event, CallBegan)]


def tool(function: Callable[..., Any], name: str = "work", **settings: Any) -> Tool:
    """Make a tool that nobody is asked about."""
    return make_tool(function, name=name, confirm=False, **settings)


class Confirms:
    """A user who does something and then says yes."""

    def __init__(self, before: Callable[[], object]) -> None:
        self._before = before

    def confirm(self, *_: object) -> Decision:
        """Say yes."""
        self._before()
        return Decision(answer="yes")


def test_after_a_stop_nothing_begins() -> None:
    """A stop while a call runs gives it up; those after it are neither told nor run."""
    ran: list[int] = []

    def work(n: int) -> None:
        ran.append(n)
        run.stop.set()

    run = Run(tool(work))
    run(*(call("work", n, f'{{"n": {n}}}') for n in (1, 2, 3)))
    assert ran == [1]
    assert run.began == ["work-1"]
    run.told.clear()
    run(call("work", 4, '{"n": 4}'))
    assert (ran, run.told) == ([1], [])


@pytest.mark.parametrize("others", [0, 2])
def test_a_stop_at_the_question_holds(others: int) -> None:
    """Where the user says yes and stops the turn, nothing of the group runs."""
    ran: list[int] = []

    def stops() -> None:
        run.stop.set()

    asked = make_tool(lambda: ran.append(1), name="asked", safe=True, confirm=True)
    run = Run(asked, confirmer=Confirms(stops))
    assert run(*(call("asked", n) for n in range(1 + others))) == []
    assert ran == []
    assert run.began == ["asked-0"]


def test_a_stop_ends_what_runs_side_by_side() -> None:
    """No further call is taken from the queue, and nobody waits for those that hang."""
    free = threading.Event()
    begun: list[int] = []

    def work(n: int) -> None:
        begun.append(n)
        if len(begun) == MOST_THREADS:
            run.stop.set()
        free.wait(60)

    run = Run(tool(work, safe=True))
    wanted = [call("work", n, f'{{"n": {n}}}') for n in range(MOST_THREADS + 5)]
    try:
        statuses = {status for _, status in run(*wanted)}
        workers = [one for one in threading.enumerate() if one.name == "eighty80-call"]
        wait_until(lambda: not any(one.is_alive() for one in workers))
    finally:
        free.set()
    assert statuses <= {"stopped"}
    assert set(begun) == set(range(MOST_THREADS))


def test_a_stop_cancels_the_coroutines_beside_each_other() -> None:
    """It reaches each async tool, whose own clean-up runs."""
    begun = threading.Barrier(2, timeout=60)
    cleaned = [threading.Event(), threading.Event()]

    async def work(n: int) -> None:
        try:
            await asyncio.to_thread(begun.wait)
            run.stop.set()
            await asyncio.sleep(60)
        finally:
            cleaned[n].set()

    run = Run(tool(work))
    run(call("work", 0, '{"n": 0}'), call("work", 1, '{"n": 1}'))
    assert all(event.wait(60) for event in cleaned)


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


def test_time_that_passes_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """While calls run side by side the watcher hears that time goes by, and may interrupt."""
    monkeypatch.setattr(executor, "TICK_SECONDS", 0.001)
    ticked = threading.Event()

    def tell(event: object) -> None:
        if event is None:
            ticked.set()

    run = Run(tool(lambda: ticked.wait(60), name="a", safe=True))
    run.executor.run([call("a", 1), call("a", 2)], run.results.append, tell)
    assert [result.text for result in run.results] == ["true", "true"]


def test_what_a_watcher_raises_stops_the_others() -> None:
    """An interrupt in the waiting thread is raised, and the calls beside it are given up."""
    stop = threading.Event()

    def tell(event: object) -> None:
        if isinstance(event, CallEnded):
            raise KeyboardInterrupt

    run = Run(
        tool(lambda: None, name="quick", safe=True),
        tool(lambda: stop.wait(60), name="slow", safe=True),
    )
    with pytest.raises(KeyboardInterrupt):
        run.executor.run([call("quick"), call("slow")], run.results.append, tell, stop)
    assert stop.is_set()


def test_an_interrupt_of_a_tool_beside_others_is_raised() -> None:
    """A KeyboardInterrupt that a tool raises in its thread ends the whole round."""

    def leave() -> None:
        raise KeyboardInterrupt

    run = Run(tool(leave, safe=True))
    with pytest.raises(KeyboardInterrupt):
        run(call("work", 1), call("work", 2), stop=False)


def test_neighbours_run_together_and_others_part_them() -> None:
    """A call in order waits for those before it, and those after it wait for it."""
    log: list[str] = []
    together = {letter: threading.Barrier(2, timeout=60) for letter in "ab"}

    def safe(letter: str) -> None:
        together[letter].wait()
        log.append(letter)

    run = Run(tool(safe, name="safe", safe=True), tool(lambda: log.append("|"), name="ordered"))
    a, b = '{"letter": "a"}', '{"letter": "b"}'
    wanted = [call("safe", 1, a), call("safe", 2, a), call("ordered")]
    wanted += [call("safe", 3, b), call("safe", 4, b)]
    assert {status for _, status in run(*wanted)} == {"done"}
    assert log == ["a", "a", "|", "b", "b"]


def test_a_safe_tool_of_the_main_thread_runs_there() -> None:
    """It runs in order and in the caller's thread, though others of its kind stand beside it."""
    where: list[threading.Thread] = []
    main = tool(
        lambda: where.append(threading.current_thread()), name="main", safe=True, main_thread=True
    )
    run = Run(main)
    assert run(call("main", 1), call("main", 2)) == [("main-1", "done"), ("main-2", "done")]
    assert where == [threading.main_thread()] * 2


def test_a_call_that_cannot_run_parts_no_neighbours() -> None:
    """Arguments that do not fit are answered at once, and the others of the group run."""
    run = Run(tool(lambda: 1, safe=True))
    found = dict(run(call("work", 1), call("work", 2, "{"), call("nobody"), call("work", 3)))
    assert found == {"work-1": "done", "work-2": "invalid", "nobody-1": "unknown", "work-3": "done"}


def test_the_value_is_told_and_not_kept() -> None:
    """Who watches gets what the function returned; the result that is kept does not hold it."""
    value = {"rows": [1, 2]}
    for safe in (False, True):
        run = Run(tool(lambda: value, safe=safe))
        run(call("work", 1), call("work", 2))
        ended = [event for event in run.told if isinstance(event, CallEnded)]
        assert [event.value for event in ended] == [value] * 2
        assert [event.text for event in ended] == ['{"rows":[1,2]}'] * 2
        assert [(result.value, result.text) for result in run.results] == [
            (None, '{"rows":[1,2]}')
        ] * 2


def test_time_limits_hold_for_each() -> None:
    """The executor's limit is for tools that have none, alone and side by side."""
    free = threading.Event()
    slow = [tool(lambda: free.wait(60), name=f"slow{safe}", safe=safe) for safe in (False, True)]
    patient = tool(lambda: 1, name="patient", timeout=60)
    run = Run(*slow, patient, timeout=0.01)
    try:
        found = run(call("slowFalse"), call("patient"), call("slowTrue", 1), call("slowTrue", 2))
    finally:
        free.set()
    assert [status for _, status in found] == ["timeout", "done", "timeout", "timeout"]
    assert {event.status for event in run.told if isinstance(event, CallEnded)} == {
        "timeout",
        "done",
    }


def test_which_conversations_wait() -> None:
    """In a tool, in its thread as well, those of all turns that wait for it; none afterwards."""
    other = Conversation()
    seen: list[tuple[bool, ...]] = []

    def look() -> None:
        seen.append(
            tuple(waits_for_tool(c) for c in (outer.conversation, inner.conversation, other))
        )

    inner = Run(tool(look, name="look", safe=True))
    outer = Run(tool(lambda: inner(call("look", 1), call("look", 2)) and None, name="inner"))
    assert outer(call("inner")) == [("inner-1", "done")]
    assert seen == [(True, True, False)] * 2
    assert not waits_for_tool(outer.conversation)


def test_nobody_is_waited_for_after_an_interrupt() -> None:
    """The conversation is free again, however its calls have ended."""

    def leave() -> None:
        raise KeyboardInterrupt

    run = Run(tool(leave))
    with pytest.raises(KeyboardInterrupt):
        run(call("work"), stop=False)
    assert not waits_for_tool(run.conversation)


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


def test_what_the_model_hears_of_the_user() -> None:
    """That nobody could be asked, that the user said no, and the whole of what was changed."""
    run = Run(make_tool(lambda: 1, name="asked"))
    run(call("asked"))
    assert run.results[0].text == NOBODY

    class Refuses:
        def confirm(self, *asked: object) -> Decision:
            assert asked == (tool_, call("asked"), "asked()")
            return Decision(answer="no")

    tool_ = make_tool(lambda: 1, name="asked")
    run = Run(tool_, confirmer=Refuses())
    run(call("asked"))
    assert run.results[0].text == REFUSED

    class Broken:
        def confirm(self, *_: object) -> Decision:
            raise OSError("no terminal")

    run = Run(tool_, confirmer=Broken())
    run(call("asked"))
    assert run.results[0].text == f"{NOBODY} (OSError)"

    long = "x" * 300

    class Edits:
        def confirm(self, *_: object) -> Decision:
            return Decision(answer="edit", arguments=f'{{"text": "{long}"}}')

    def echo(text: str) -> str:
        return text[:1]

    run = Run(make_tool(echo, name="asked"), confirmer=Edits())
    run(call("asked", 1, '{"text": "y"}'))
    changed = f"[the user changed the arguments: asked(text='{long}')]"
    assert run.results[0].text == f"{changed}\nx"


def test_the_settings_reach_what_is_not_run() -> None:
    """A reason that holds a secret is cleaned before the model reads it."""

    class Refuses:
        def confirm(self, *_: object) -> Decision:
            return Decision(answer="no", reason="not with s3cr3t-value-1234")

    class Edits:
        def confirm(self, *_: object) -> Decision:
            return Decision(answer="edit", arguments='"s3cr3t-value-1234"')

    settings = ToolSettings(redactor=Redactor({"A_KEY": "s3cr3t-value-1234"}))
    asked = make_tool(lambda: 1, name="asked")
    for confirmer in (Refuses(), Edits()):
        run = Run(asked, confirmer=confirmer, settings=settings)
        run(call("asked"))
        assert "[redacted: A_KEY]" in run.results[0].text
        assert "s3cr3t" not in run.results[0].text
    run = Run(asked, settings=settings)
    run(call("asked", 1, '"s3cr3t-value-1234"'))
    assert "s3cr3t" not in run.results[0].text
