"""Answers side by side as a page keeps them: columns with their settings, and what differs.

A model wrote every text in it: all of them pass the door for text that reaches a page, or the
Markdown renderer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from eighty80_jupyter.errors import one_line
from eighty80_jupyter.notebook.compare.differences import differing_html, summary
from eighty80_jupyter.notebook.markdown.page_text import QUIET, page_text, quiet_html
from eighty80_jupyter.notebook.markdown.source import plain

if TYPE_CHECKING:
    from eighty80_jupyter.api.reply import Reply
    from eighty80_jupyter.notebook.compare.comparison import Column, Comparison

_COLUMN = "min-width: 0; overflow-x: auto; overflow-wrap: anywhere"
_ERROR = "color: var(--jp-error-color1, #b00020)"

AnswerHtml = Callable[[str, bool], str]  # the HTML of a text, and whether it is whole


@dataclass(slots=True)
class LatestComparison:
    """Holds the latest comparison that a cell has put side by side; None: there is none."""

    latest: Comparison | None = None


def columns_html(
    columns: Sequence[Column], replies: Sequence[Reply], width: int, answer_html: AnswerHtml
) -> str:
    """Return answers as HTML, `width` beside each other, each below what made it.

    Where all have ended, the differences between neighbours are folded below them.
    """
    done = all(column.running.done for column in columns)
    cells = "".join(
        f'<div style="{_COLUMN}"><h6>{page_text(heading)}</h6>{_body(column, reply, answer_html)}'
        f"</div>"
        for column, reply, heading in zip(columns, replies, headings(columns, replies), strict=True)
    )
    html = _grid(cells, width)
    if done:
        html += _differences(replies, width)
        html += quiet_html(summary(replies))
    return html


def columns_text(columns: Sequence[Column], replies: Sequence[Reply]) -> str:
    """Return answers as text, one below the other, each below what made it."""
    parts = []
    for column, reply, heading in zip(columns, replies, headings(columns, replies), strict=True):
        error = column.running.error
        lines = [heading, reply.text, *([] if error is None else [one_line(error)])]
        parts.append("\n".join(filter(None, lines)))
    return "\n\n".join([*parts, summary(replies)])


def columns_markdown(
    columns: Sequence[Column], replies: Sequence[Reply], answer_markdown: Callable[[str], str]
) -> str:
    """Return answers as Markdown, one below the other, each below what made it."""
    parts = []
    for column, reply, heading in zip(columns, replies, headings(columns, replies), strict=True):
        error = column.running.error
        told = [] if error is None else [f"*{plain(one_line(error))}*"]
        parts += [f"**{plain(heading)}**", answer_markdown(reply.text), *told]
    return "\n\n".join(filter(None, [*parts, f"*{plain(summary(replies))}*"]))


def headings(columns: Sequence[Column], replies: Sequence[Reply]) -> list[str]:
    """Return what made each answer, with its number, and which other answer it is equal to."""
    found = []
    ended = [c.running.done and c.running.error is None for c in columns]
    for number, (column, reply) in enumerate(zip(columns, replies, strict=True)):
        earlier = [n for n in range(number) if ended[n] and replies[n].text == reply.text]
        mark = ""
        if ended[number] and earlier:
            mark = f" · the same answer as {earlier[0] + 1}"
        elif ended[number] and column.twin is not None and ended[column.twin]:
            mark = f" · another answer than {column.twin + 1}, with the same settings"
        found.append(f"{number + 1}: {column.heading}{mark}")
    return found


def _body(column: Column, reply: Reply, answer_html: AnswerHtml) -> str:
    running = column.running
    html = "" if reply.empty else answer_html(reply.text, running.done)
    if running.error is not None:
        html += f'<div style="{_ERROR}">{page_text(one_line(running.error))}</div>'
    elif running.done and reply.status == "interrupted":
        html += quiet_html("interrupted")
    return html


def _differences(replies: Sequence[Reply], width: int) -> str:
    """Return, folded, each answer with marks where its words are not its left neighbour's."""
    if len(replies) < 2:  # noqa: PLR2004  # a neighbour
        return ""
    cells = []
    for number, reply in enumerate(replies):
        first = number % width == 0
        against = number - width if first and number else number - 1
        other = replies[against].text if against >= 0 else reply.text
        cells.append(f'<div style="{_COLUMN}">{differing_html(other, reply.text)}</div>')
    told = "What differs from the neighbour to the left, or above"
    return (
        f'<details><summary style="{QUIET}">{told}</summary>'
        f"{_grid(''.join(cells), width)}</details>"
    )


def _grid(cells: str, width: int) -> str:
    least = f"repeat({width}, minmax(14em, 1fr))"
    return (
        '<div style="overflow-x: auto"><div style="display: grid; gap: 0 1.5em; '
        f'grid-template-columns: {least}">{cells}</div></div>'
    )
