"""Who is told of what happens, whatever thread begins or ends it."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest

from eighty80_jupyter import watchers
from eighty80_jupyter.tools.tool import Tool
from eighty80_jupyter.tools.toolbox import ToolBox
from eighty80_jupyter.watchers import Watchers

THREADS, TIMES = 4, 600


@pytest.fixture(autouse=True)
def _often() -> Iterator[None]:
    """Have threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def at_once(work: Callable[[int], object]) -> list[BaseException]:
    """Do some work in several threads at once, each with its number; return what was raised."""
    errors: list[BaseException] = []
    start = threading.Barrier(THREADS)

    def run(number: int) -> None:
        start.wait(60)
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test tells
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return errors


def tool(name: str) -> Tool:
    return Tool(name=name, description="", parameters={"type": "object"}, function=print)


def test_none_is_lost_and_each_ends_alone() -> None:
    """Of many that begin and end in several threads, just those are told that have not ended."""
    watchers: Watchers[Callable[[], object]] = Watchers()
    told: list[int] = []

    def work(number: int) -> None:
        for _ in range(TIMES):
            end = watchers.watch(lambda: told.append(number))
            watchers.watch(lambda: told.append(number))
            end()
            end()

    assert not at_once(work)
    for watcher in watchers:
        watcher()
    assert sorted(told) == sorted(list(range(THREADS)) * TIMES)


def test_watchers_may_change_while_they_are_told() -> None:
    """One that ends itself while it is told leaves the others where they are."""
    watchers: Watchers[Callable[[], object]] = Watchers()
    told: list[str] = []

    def once() -> None:
        told.append("first")
        ends[0]()

    ends = [watchers.watch(once)]
    watchers.watch(lambda: told.append("second"))
    for _ in range(2):
        for watcher in watchers:
            watcher()
    assert told == ["first", "second", "second"]


def test_tools_come_and_go_while_they_are_read() -> None:
    """Threads that change the tools lose none, and whoever copies them meets no error."""
    tools = ToolBox()
    tools.add(tool("mine"))

    def work(number: int) -> None:
        old: list[Tool] = []
        for _ in range(TIMES):
            old = tools.exchange(old, [tool("a"), tool("b")])
            assert len(old) == 2
            copied = tools.copy()
            assert {"mine", *(each.name for each in old)} <= set(copied)
            tools.add(tool(f"own-{number}"))
            tools.remove(f"own-{number}")

    assert not at_once(work)
    assert len(tools) == 1 + 2 * THREADS
    assert all(name == each.name for name, each in tools.copy().items())


def test_only_what_is_there_still_is_exchanged() -> None:
    """A tool that somebody has replaced meanwhile stays; a name that is taken gets a number."""
    tools = ToolBox()
    (old,) = tools.exchange((), [tool("city")])
    tools.add(tool("city"))
    users = tools["city"]
    (new,) = tools.exchange([old], [tool("city")])
    assert tools["city"] is users
    assert new.name == "city_2"
    assert tools["city_2"] is new


def test_what_is_no_more_does_not_matter_to_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """A method is called as long as its object is there, which is not kept for that."""

    class Counting:
        """Counts its forks."""

        def forked(self) -> None:
            counted.append(1)

    counted: list[int] = []
    in_child: list[Callable[[], None]] = []
    names = {"register_at_fork": lambda *, after_in_child: in_child.append(after_in_child)}
    monkeypatch.setattr(watchers, "os", SimpleNamespace(**names))
    one = Counting()
    watchers.at_fork(one.forked)
    in_child[0]()
    del one
    gc.collect()
    in_child[0]()
    assert counted == [1]
