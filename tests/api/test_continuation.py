"""An answer that goes on, and says again what it has said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eighty80_jupyter.api.continuation import overlap, undecided
from eighty80_jupyter.api.reply import Choice, Reply, Usage

BEGUN = "The Rhine is a vital river in Europe, serving as a"


@pytest.mark.parametrize(
    ("after", "rest"),
    [
        (" border between states.", " border between states."),
        (f"{BEGUN} border.", " border."),
        ("river in Europe, serving as a border.", " border."),
        ("as a border.", "as a border."),
        ("The Rhine is a vital river in Germany.", "The Rhine is a vital river in Germany."),
        ("", ""),
    ],
)
def test_words_that_are_said_again_are_left_out(after: str, rest: str) -> None:
    """A long end that is repeated stands once; a few words that are the same stay."""
    assert after[overlap(BEGUN, after) :] == rest


@given(st.text("ab ", max_size=80), st.text("ab ", max_size=80), st.data())
def test_streamed_as_at_the_end(before: str, after: str, data: st.DataObject) -> None:
    """As soon as it is decided what is repeated, no further text changes that."""
    cut = data.draw(st.integers(0, len(after)))
    if after[:cut] and not undecided(before, after[:cut]):
        assert overlap(before, after[:cut]) == overlap(before, after)


def test_joined_reply() -> None:
    """Two replies become one: the text, the counts, the seconds, the end of the second."""
    first = Reply(
        choices=(Choice(text=BEGUN, finish_reason="length"),),
        usage=Usage(prompt_tokens=5, completion_tokens=10),
        seconds=1.0,
        model="m",
    )
    then = Reply(
        choices=(Choice(text=f"{BEGUN} border.", finish_reason="stop"),),
        usage=Usage(prompt_tokens=20, completion_tokens=12),
        seconds=0.5,
        model="m",
    )
    both = first.joined(then)
    assert (both.text, both.finish_reason, both.seconds) == (f"{BEGUN} border.", "stop", 1.5)
    assert both.usage == Usage(prompt_tokens=25, completion_tokens=22)
    assert first.joined(Reply(status="interrupted")).usage is None
