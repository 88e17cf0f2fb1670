"""One answer on the page: how many outputs it takes, and what is taken back of it."""

from __future__ import annotations

from typing import Any

import pytest

from eighty80_jupyter.notebook.cell.answer import MAX_OUTPUTS, Answer
from eighty80_jupyter.notebook.cell.growing_text import FREEZE_CHARACTERS
from eighty80_jupyter.notebook.cell.outputs import Output, Page

CALL = "<tool_call>{}</tool_call>"


class Shown:
    """The page of a cell, and the texts of its outputs in their order."""

    def __init__(self, outputs: int = 0) -> None:
        self._texts: dict[str, str] = {}
        self.page = Page(self._publish)
        for _ in range(outputs):
            Output(self.page).quiet("above")

    def _publish(self, *, data: dict[str, Any], transient: dict[str, str], **_: Any) -> None:
        self._texts[transient["display_id"]] = data.get("text/plain", "")

    @property
    def texts(self) -> list[str]:
        """The texts of the answer's outputs."""
        return [text for text in self._texts.values() if text != "above"]


@pytest.mark.parametrize("above", [0, MAX_OUTPUTS - 2, MAX_OUTPUTS])
def test_the_outputs_of_a_cell_are_bounded(above: int) -> None:
    """Where the cell has many already the answer is no longer cut into blocks; nothing is lost."""
    shown = Shown(above)
    answer = Answer(shown.page, None)
    text = "word " * FREEZE_CHARACTERS + "\n\n"
    for _ in range(4):
        answer.add_text(text)
        answer.draw(now=True)
    answer.draw(final=True)
    assert len(shown.texts) > 1 or above
    assert len(shown.texts) <= max(1, MAX_OUTPUTS + 1 - above)
    assert "".join(shown.texts).split() == (text * 4).split()


@pytest.mark.parametrize("said", ["", "Let me look.\n\n"])
def test_a_call_that_was_written_is_taken_back(said: str) -> None:
    """What was said before it stays, and what comes later stands below."""
    shown = Shown()
    answer = Answer(shown.page, None)
    answer.add_text(said + CALL)
    answer.draw(now=True)
    answer.withdraw(said)
    assert shown.texts == [*filter(None, [said]), "The model wrote a call as text:"]
    answer.add_text("more")
    assert answer.draw(now=True)
    assert CALL not in "".join(shown.texts)


def test_of_frozen_blocks_nothing_is_taken_back() -> None:
    """They were said before the call."""
    shown = Shown()
    answer = Answer(shown.page, None)
    said = "word " * FREEZE_CHARACTERS + "\n\nLast.\n\n"
    answer.add_text(said + CALL)
    answer.draw(now=True)
    blocks = len(shown.texts) - 1
    assert blocks
    answer.withdraw(said)
    assert shown.texts[-1] == "The model wrote a call as text:"
    assert "".join(shown.texts[:-1]).split() == said.split()
