"""When something is drawn: no wake is lost, and none draws too often."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator

import pytest

from eighty80_jupyter.notebook.cell import pacing
from eighty80_jupyter.notebook.cell.pacing import FRAME_SECONDS, SHARE, Pacing, Painter
from tests.support.waiting import wait_until


@pytest.fixture(name="paints")
def _paints(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Painter]]:
    """Give a function that makes a painter whose thread ends soon."""
    monkeypatch.setattr(pacing, "LINGER_SECONDS", 0.02)
    made: list[Painter] = []

    def make(paint: Callable[[], bool]) -> Painter:
        made.append(Painter(paint, name="test-painter"))
        return made[-1]

    yield make
    for painter in made:
        painter.close()


def test_a_wake_while_it_draws_draws_once_more(paints: Callable[..., Painter]) -> None:
    """What came in the middle of a drawing may not be in it."""
    drawn: list[int] = []

    def paint() -> bool:
        drawn.append(1)
        if len(drawn) == 1:
            painter.wake()
        return False

    painter = paints(paint)
    painter.wake()
    wait_until(lambda: len(drawn) == 2)


def test_a_wake_while_the_thread_ends_is_not_lost(paints: Callable[..., Painter]) -> None:
    """A thread that has waited long enough looks once more, where nobody can wake it any more."""
    drawn: list[int] = []

    def paint() -> bool:
        drawn.append(1)
        return False

    class WokenAtTheEnd:
        """A lock; as the painter's thread takes it, somebody has just been there."""

        def __init__(self) -> None:
            self.lock = threading.RLock()
            self.woken = False

        def __enter__(self) -> None:
            self.lock.acquire()
            if threading.current_thread().name == "test-painter" and not self.woken:
                self.woken = True
                painter.wake()

        def __exit__(self, *_: object) -> None:
            self.lock.release()

    painter = paints(paint)
    painter._lock = WokenAtTheEnd()  # type: ignore[assignment]  # as one
    painter.wake()
    wait_until(lambda: len(drawn) == 2)


def test_after_its_thread_has_ended_a_wake_begins_another(paints: Callable[..., Painter]) -> None:
    """And one thread at a time draws."""
    drawn: list[threading.Thread] = []

    def paint() -> bool:
        drawn.append(threading.current_thread())
        return False

    painter = paints(paint)
    painter.wake()
    wait_until(lambda: bool(drawn) and not drawn[0].is_alive())
    painter.wake()
    wait_until(lambda: len(drawn) == 2)
    assert drawn[0] is not drawn[1]


def test_it_draws_until_there_is_nothing_more(paints: Callable[..., Painter]) -> None:
    """Who says that there is more is called again, without being woken."""
    drawn: list[int] = []

    def paint() -> bool:
        drawn.append(1)
        return len(drawn) < 3

    painter = paints(paint)
    painter.wake()
    wait_until(lambda: len(drawn) == 3)


def test_a_drawing_that_fails_is_logged_and_the_next_one_comes(
    paints: Callable[..., Painter], caplog: pytest.LogCaptureFixture
) -> None:
    """The turn that follows is drawn."""
    drawn: list[int] = []

    def paint() -> bool:
        drawn.append(1)
        if len(drawn) == 1:
            raise ValueError("no such page")
        return False

    painter = paints(paint)
    with caplog.at_level(logging.ERROR):
        painter.wake()
        wait_until(lambda: "no such page" in caplog.text)
    painter.wake()
    wait_until(lambda: len(drawn) == 2)


def test_closed_it_draws_no_more(paints: Callable[..., Painter]) -> None:
    """Nor does it begin a thread."""
    drawn: list[int] = []

    def paint() -> bool:
        drawn.append(1)
        return False

    painter = paints(paint)
    painter.close()
    before = set(threading.enumerate())
    painter.wake(now=True)
    assert set(threading.enumerate()) <= before
    assert not drawn


def test_the_pace_leaves_time_for_other_things() -> None:
    """The first at once, then a tenth of a second each, and at most a fifth of the time."""
    seconds = 100.0
    pace = Pacing(lambda: seconds)
    assert pace.wait == 0
    pace.drawn(seconds)
    assert pace.wait == pytest.approx(FRAME_SECONDS)
    began, seconds = seconds, seconds + 1.0
    pace.drawn(began)
    assert pace.wait == pytest.approx(SHARE * 1.0 - 1.0)
    pace.drawn(seconds, frames=3)
    assert pace.wait == pytest.approx(3 * FRAME_SECONDS)
    seconds += 10
    assert pace.wait == 0
