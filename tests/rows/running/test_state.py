"""What a run tells of itself while it goes on, and at its end."""

from __future__ import annotations

import pytest

from eighty80_jupyter.api.reply import Usage
from eighty80_jupyter.rows.progress import RowError
from eighty80_jupyter.rows.running.state import RunState
from eighty80_jupyter.structured.shape import shape_of


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def failed(place: int) -> RowError:
    return RowError(position=place, label=place, kind="server", message="bad", attempts=1)


def test_a_stream_has_a_total_at_its_end_only() -> None:
    """Nobody knows before how many rows come, and so nothing is foretold."""
    clock = Clock()
    state = RunState(None, None, clock)
    state.grow(3)
    state.answered(0, "a", "asked")
    clock.now += 1
    state.answered(1, "b", "kept")
    running = state.progress()
    assert (running.total, running.done, running.remaining) == (None, 2, None)
    assert running.not_asked == 0
    state.end("done")
    ended = state.progress()
    assert (ended.total, ended.done, ended.not_asked) == (3, 2, 1)


def test_rates_are_those_of_the_last_seconds() -> None:
    """Rows and tokens a second, and how long the rest takes; over all of it once it has ended."""
    clock = Clock()
    state = RunState(100, None, clock)
    for place in range(40):
        clock.now += 1.0 if place < 20 else 0.5  # twice as quick by and by
        state.used([Usage(prompt_tokens=8, completion_tokens=2)])
        state.answered(place, "a", "asked")
    running = state.progress()
    assert running.rows_per_second == pytest.approx(2, rel=0.1)
    assert running.tokens_per_second == pytest.approx(20, rel=0.1)
    assert running.remaining == pytest.approx(30, rel=0.1)
    assert running.not_asked == 0
    clock.now += 10
    state.end("stopped", "enough")
    clock.now += 1000
    ended = state.progress()
    assert ended.seconds == 40
    assert ended.rows_per_second == 1
    assert ended.tokens_per_second == 10
    assert ended.not_asked == 60
    assert (ended.state, ended.note) == ("stopped", "enough")


def test_how_it_ended_stands() -> None:
    """Whatever is said of its end later."""
    state = RunState(1, None)
    state.end("interrupted")
    state.end("done", "later")
    assert (state.progress().state, state.progress().note) == ("interrupted", "")


def test_counts_say_what_became_of_each_place() -> None:
    """Each is counted once, by the way its answer came, or by why there is none."""
    state = RunState(6, None)
    state.answered_many([(0, "a", ("row 0",)), (1, "b", ("row 1",))], "kept")
    state.answered(2, ["c"], "asked", ("row 2",))
    state.copied(3, 2)
    state.missed(4, failed(4))
    state.skipped(5)
    seen = state.progress()
    assert (seen.from_kept, seen.asked, seen.duplicates, seen.skipped) == (2, 1, 1, 1)
    assert seen.failed == {"server": 1}
    assert seen.done == 6
    assert bytes(state.done) == b"\x01" * 6
    assert state.values == ["a", "b", ["c"], ["c"], None, None]
    assert state.values[3] is not state.values[2]  # a user may change the one
    assert [failure.position for failure in seen.failures] == [4]
    assert [row for _, row, _ in seen.newest] == ["", "row 2", "row 1", "row 0"]


def test_a_price_is_that_of_a_million_tokens() -> None:
    """Without one no cost is told; a server that counts the whole only is counted too."""
    state = RunState(1, None)
    state.used([Usage(prompt_tokens=1_000_000, completion_tokens=500_000)])
    state.used([Usage(total_tokens=7)])
    assert state.progress().tokens == 1_500_007
    assert state.progress().cost is None
    state.price = (2.0, 6.0)
    assert state.progress().cost == 5.0


def test_a_stream_grows_by_what_is_new() -> None:
    """There are as many places as rows have come, however often more of them come."""
    state = RunState(None, None)
    state.grow(3)
    state.grow(5)
    state.end("done")
    assert (len(state.values), len(state.done), state.progress().total) == (5, 5, 5)


def test_a_display_gets_the_first_rows_and_the_newest() -> None:
    """The first 20 that have a prompt, and the last 5 that were answered, the latest first."""
    state = RunState(30, None)
    for place in range(30):
        state.begun(place, [f"row {place}"])
    state.answered_many([(place, f"a{place}", [f"row {place}"]) for place in range(9)], "kept")
    assert list(state.first) == list(range(20))
    assert [one[0] for one in state.progress().newest] == [8, 7, 6, 5, 4]
    assert state.progress().newest[0] == (8, "row 8", "a8")


def test_a_run_that_has_ended_does_not_pause() -> None:
    """The pause that a server wanted means nothing once nobody asks."""
    state = RunState(1, None)
    state.pause = lambda: 12.0
    assert state.progress().pause == 12.0
    state.end("stopped")
    assert state.progress().pause == 0.0


def test_up_to_50_different_answers_are_counted() -> None:
    """Choices and truth values are labels; with more than 50 of them none are counted."""
    choices = [f"label {number}" for number in range(51)]
    state = RunState(51, shape_of(choices))
    for place, choice in enumerate(choices):
        state.answered(place, choice, "asked")
        assert len(state.progress().labels) == (place + 1 if place < 50 else 0)
    truths = RunState(2, shape_of(bool))
    truths.answered(0, value=True, how="asked")
    assert truths.progress().labels == {"True": 1}
