"""A text that grows: its blocks grow with it, and it is not drawn too often."""

from __future__ import annotations

import pytest

from eighty80_jupyter.notebook.cell.growing_text import (
    FIRST_STEP,
    FREEZE_CHARACTERS,
    REDRAWN,
    GrowingText,
)

PARAGRAPH = "word " * 15 + "end.\n\n"


def blocks_of(characters: int) -> list[str]:
    """Return the blocks of a text that comes in paragraphs."""
    text, found = GrowingText(), []
    for _ in range(characters // len(PARAGRAPH)):
        text.add(PARAGRAPH)
        while (block := text.freeze()) is not None:
            found.append(block)
    assert "".join(found) + text.tail == text.whole
    return found


def test_the_longer_the_text_the_longer_its_blocks() -> None:
    """Else a long reply would have hundreds of them, each an output of the notebook."""
    blocks = blocks_of(200_000)
    assert FREEZE_CHARACTERS <= len(blocks[0]) < 2 * FREEZE_CHARACTERS
    assert len(blocks[-1]) > 10 * FREEZE_CHARACTERS
    assert len(blocks) < 30


def test_it_is_due_when_enough_has_come() -> None:
    """The first piece at once, then sixteen characters, then a share of what is there."""
    text = GrowingText()
    assert (text.due(), text.grown) == (False, False)
    text.add("F")
    assert (text.due(), text.grown) == (True, True)
    text.drawn()
    assert (text.due(), text.grown) == (False, False)
    text.add("x" * (FIRST_STEP - 1))
    assert (text.due(), text.grown) == (False, True)
    text.add("x")
    assert text.due()
    text.add("x" * 983)
    text.drawn()
    text.add("x" * 599)
    assert (text.due(), text.due(whole=True)) == (False, True)  # of 1,000: 600, or 500
    text.add("x")
    assert text.due()


def test_a_pause_makes_it_due() -> None:
    """The longer the tail, the longer the pause must be."""
    text = GrowingText()
    text.add("x" * 1_000)
    text.drawn()
    assert not text.due(waited=10)  # nothing has come
    text.add("x")
    needed = len(text.tail) / REDRAWN
    assert needed >= 1_001 / REDRAWN
    assert not text.due(waited=0.99 * needed)
    assert text.due(waited=1.01 * needed)


@pytest.mark.parametrize("whole", ["Once upon", "Once upon a time"])
def test_the_whole_brings_what_the_pieces_did_not(whole: str) -> None:
    """And nothing twice."""
    text = GrowingText()
    text.add("Once ")
    text.add("upon")
    text.complete(whole)
    assert (text.whole, text.length) == (whole, len(whole))


@pytest.mark.parametrize(("more", "due"), [(499, False), (500, True)])
def test_what_is_drawn_all_over_waits_for_half_of_it(more: int, *, due: bool) -> None:
    """A front end draws every update, of whatever size."""
    text = GrowingText()
    text.add("x" * 1_000)
    text.drawn()
    text.add("x" * more)
    assert text.due(whole=True) is due
