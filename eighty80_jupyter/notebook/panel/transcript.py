"""What stands below a panel of a conversation: its turns, and those that are under way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from eighty80_jupyter.notebook.cell.outputs import QUOTED
from eighty80_jupyter.notebook.cell.summary import last_line
from eighty80_jupyter.notebook.cell.views.turns import (
    asked_html,
    comparisons_html,
    comparisons_text,
    turn_html,
)
from eighty80_jupyter.notebook.markdown.latex import latex
from eighty80_jupyter.notebook.markdown.page_text import fold_html, page_text, quiet_html
from eighty80_jupyter.notebook.rows.words import short
from eighty80_jupyter.notebook.saved.export_markdown import comparisons, turn_markdown

if TYPE_CHECKING:
    from eighty80_jupyter.conversation.conversation import Conversation
    from eighty80_jupyter.conversation.turn import Turn
    from eighty80_jupyter.notebook.panel.page import Shown
    from eighty80_jupyter.notebook.panel.streaming import Part

MAX_CHARACTERS = 200_000  # of HTML: it is sent again after every turn
_SHOWN = 80  # characters of a prompt that stands in its cell
_COMING = "It was being written when this was saved."


class Transcripts:
    """Renders conversations as plain outputs; what was rendered is kept for the next time.

    `in_cell` tells of a turn whether a cell shows it: then its place is all that stands here.
    """

    def __init__(self, in_cell: Callable[[Turn], bool] = lambda _turn: False) -> None:
        self._in_cell = in_cell
        self._turns: dict[int, tuple[Turn, str]] = {}
        self._latex: dict[int, tuple[Turn, str]] = {}
        self._count = 0

    def html(self, conversation: Conversation, *, title: str = "") -> str:
        """Return the latest turns of a conversation, as many as may be sent."""
        parts: list[str] = []
        kept: dict[int, tuple[Turn, str]] = {}
        size = 0
        turns = list(conversation)
        for index in reversed(range(len(turns))):
            turn = turns[index]
            if self._in_cell(turn):
                html = quiet_html(in_its_cell(index + 1, turn.source))
            else:
                known = self._turns.get(id(turn))
                html = known[1] if known else turn_html(index + 1, turn)
                kept[id(turn)] = (turn, html)
            html = "\n".join([html, *comparisons_html(conversation, turn)])
            size += len(html)
            if parts and size > MAX_CHARACTERS:
                break
            parts.append(html)
        self._turns, self._count = kept, len(parts)
        left = len(turns) - len(parts)
        if not left:
            parts += comparisons_html(conversation, None)[::-1]
        else:
            turns_are = "1 earlier turn is" if left == 1 else f"{left:,} earlier turns are"
            parts.append(quiet_html(f"{turns_are} not shown here: %chat --history"))
        if conversation.system:
            parts.append(quiet_html(f"Instruction: {conversation.system}"))
        if title:
            parts.append(quiet_html(title))
        return "\n".join(reversed(parts))

    def latex(self, conversation: Conversation) -> str:
        """Return the same as LaTeX."""
        parts: list[str] = []
        known, self._latex = self._latex, {}
        turns = list(enumerate(conversation, 1))[-self._count :] if self._count else []
        for number, turn in turns:
            if self._in_cell(turn):
                parts.append(latex(in_its_cell(number, turn.source)))
                continue
            made = known.get(id(turn)) or (turn, latex("\n\n".join(turn_markdown(number, turn))))
            self._latex[id(turn)] = made
            parts += [made[1], latex("\n\n".join(comparisons(conversation, turn)))]
        return "\n\n".join(filter(None, parts))

    def text(self, conversation: Conversation, *, title: str = "") -> str:
        """Return the same as plain text."""
        parts = [title] if title else []
        if conversation.system:
            parts.append(f"Instruction: {conversation.system}")
        turns = list(enumerate(conversation, 1))[-self._count :] if self._count else []
        if len(turns) == len(conversation):
            parts += comparisons_text(conversation, None)
        for number, turn in turns:
            if self._in_cell(turn):
                parts.append(in_its_cell(number, turn.source))
            else:
                parts.append(f"{number}. You:\n{turn.source}")
                parts.append(f"Model:\n{turn.reply.text}\n[{last_line(turn.reply)}]")
            parts += comparisons_text(conversation, turn)
        return "\n\n".join(parts)


def coming_html(shown: Shown) -> str:
    """Return a turn that is under way, with what was drawn of its answer, the end of it if long."""
    request = shown.running.request
    if request.place.cell:
        return quiet_html(in_its_cell(shown.number, request.source or request.prompt.text))
    parts = [_part_html(part) for part in _latest(shown.parts)]
    return f"{asked_html(shown.number, request.prompt.text)}{''.join(parts)}{quiet_html(_COMING)}"


def coming_text(number: int, turn: Turn) -> str:
    """Return the same as plain text, of the turn as it stands."""
    if turn.cell:
        return in_its_cell(number, turn.source)
    return f"{number}. You:\n{turn.source}\n\nModel:\n{turn.reply.text}\n[{_COMING}]"


def in_its_cell(number: int, source: str) -> str:
    """Return the line that stands for a turn which a cell shows."""
    return f"{number} · asked in a cell, which shows it: {short(source, _SHOWN)}"


def _latest(parts: Sequence[Part]) -> list[Part]:
    """Return the parts without the first blocks of what is too long to be sent again and again."""
    room = MAX_CHARACTERS
    kept: list[Part] = []
    for part in reversed(parts):
        room -= len(part.tail)
        blocks: list[str] = []
        for block in reversed(part.blocks):
            room -= len(block)
            if room < 0:
                break
            blocks.append(block)
        if room < 0:
            blocks.append(quiet_html("What stood before is not shown here."))
        kept.append(type(part)(part.key, part.title, part.fold, blocks[::-1], part.tail))
        if room < 0:
            break
    return kept[::-1]


def _part_html(part: Part) -> str:
    html = "".join([*part.blocks, part.tail])
    title = f"<h6>{page_text(part.title)}</h6>" if part.title else ""
    if part.fold is None:
        return title + html
    return title + fold_html(part.fold, f'<div style="{QUOTED}">{html}</div>')
