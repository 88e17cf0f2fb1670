"""A review of rows: a widget that is worked by keyboard, or questions in a terminal."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
from traitlets import Dict

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.cell.browser_module import browser_module
from eighty80_jupyter.notebook.cell.front_end import drawing
from eighty80_jupyter.notebook.cell.outputs import Output, Page
from eighty80_jupyter.notebook.cell.terminal_text import harmless

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from eighty80_jupyter.config import ChatConfig
    from eighty80_jupyter.rows.review import Review

_CHARACTERS = 4000  # of one cell of a row


def show_review(shell: InteractiveShell, config: ChatConfig, review: Review) -> None:
    """Show a review below the running cell, or ask for each label where there are no pages."""
    if drawing(shell, config) == "text":
        _ask_in_terminal(review)
        return
    widget = ReviewWidget(review)
    page = Page(shell.display_pub.publish)
    Output(page).widget(widget.model_id, repr(review))


class ReviewWidget(anywidget.AnyWidget):
    """One row at a time, with a button and a key for each label."""

    _esm = browser_module(Path(__file__).parent / "static" / "review.js")
    state = Dict().tag(sync=True)

    def __init__(self, review: Review) -> None:
        self._review = review
        super().__init__(state=_state(review))
        self.on_msg(self._receive)

    def _receive(self, _widget: object, message: Any, _buffers: object) -> None:
        """Do what a key or a button says; one that was meant for another row does nothing."""
        review = self._review
        if not isinstance(message, dict) or message.get("at") != review.at:
            return
        match message:
            case {"do": "label", "number": int(number)}:
                review.label(number)
            case {"do": "skip"}:
                review.skip()
            case {"do": "back"}:
                review.back()
        self.state = _state(review)


def _state(review: Review) -> dict[str, Any]:
    here = None if review.done else review.positions[review.at]
    chosen = None if here is None else review.given.get(here)
    return {
        "row": [[name, text[:_CHARACTERS]] for name, text in review.row()],
        "labels": list(map(str, review.choices)),
        "chosen": None if chosen is None else str(chosen),
        "at": review.at,
        "total": len(review.positions),
        "given": len(review.given),
    }


def _ask_in_terminal(review: Review) -> None:
    """Ask for each row; Enter skips, b goes back, q ends."""
    keys = ", ".join(f"{number} {label}" for number, label in enumerate(review.choices, 1))
    while not review.done:
        cells = [f"{name}: {text}" if name else text for name, text in review.row()]
        place = f"{review.at + 1} of {len(review.positions)}"
        sys.stdout.write(harmless("\n".join(["", *cells, ""])))
        try:
            said = input(f"[{place}] {keys}, Enter skips, b back, q ends: ").strip().lower()
        except (EOFError, NotImplementedError, RuntimeError):
            raise UsageError("nobody can type a label in here") from None
        if said == "q":
            return
        if said == "b":
            review.back()
        elif not said:
            review.skip()
        elif said.isdecimal() and 1 <= int(said) <= len(review.choices):
            review.label(int(said) - 1)
