"""The executor by itself: what a stop ends, what runs beside what, and who is told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from eighty80_jupyter.conversation.conversation import Conversation
from eighty80_jupyter.conversation.events import CallEnded
from eighty80_jupyter.prompt.secrets.redact import Redactor
from eighty80_jupyter.tools import executor
from eighty80_jupyter.tools.executor import (
    MOST_THREADS,
    NOBODY,
    REFUSED,
    Decision,
    waits_for_tool,
)
from eighty80_jupyter.tools.result import ToolSettings
from eighty80_jupyter.tools.tool import make_tool
from tests.support.waiting import wait_until
from tests.tools.calling import Run, call, tool


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
