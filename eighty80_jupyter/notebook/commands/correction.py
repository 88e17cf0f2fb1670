"""What `--fix` ends in: the corrected cell, and how it differs from the one that failed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from eighty80_jupyter.notebook.commands.code import PYTHON, cell_of
from eighty80_jupyter.notebook.commands.fix import failed_cells
from eighty80_jupyter.notebook.markdown.page_text import page_text

if TYPE_CHECKING:
    from eighty80_jupyter.api.code_blocks import CodeBlock
    from eighty80_jupyter.notebook.commands.context import CommandContext

_MOST_LINES = 2_000  # of a cell or block: comparing takes a time that grows with their product
_MOST_WORDS = 2_000  # the same
_WORD = re.compile(r"\w+|[^\w\s]")
_LEAST = 0.5  # of 2, the likeness of a block that corrects a cell
_COLOURS = {"-": "255, 82, 82", "+": "0, 160, 80"}
_STYLE = "margin: 0.5em 0; overflow-wrap: anywhere; white-space: pre-wrap"


@dataclass(frozen=True, slots=True)
class Correction:
    """The corrected `code` of a cell, and the code `before`."""

    before: str
    code: str

    def lines(self) -> list[str]:
        """Return the difference as lines that begin with `-`, `+` or a blank; none: it is equal."""
        before, after = self.before.split("\n"), self.code.split("\n")
        found = list(difflib.unified_diff(before, after, n=3, lineterm=""))[2:]
        return ["…" if line.startswith("@@") else line for line in found][1:]

    def html(self) -> str:
        """Return the difference as safe HTML."""
        shown = "\n".join(map(_html, self.lines()))
        return f'<pre style="{_STYLE}">{shown}</pre>'


def show_correction(context: CommandContext) -> None:
    """Show below the reply to `--fix` how its code differs from the cell; `--code` takes that."""
    if context.reply is None or context.failure is None:
        return
    scrubbed = context.session.requests.scrubbed  # a page that is saved has no more than was sent
    allow = context.options.allow_secrets
    cells = [scrubbed(c, allow_secrets=allow) for c in failed_cells(context.failure, context.shell)]
    found = correction(cells, context.reply.code_blocks)
    if found is None:
        return
    context.corrected = found.code
    if lines := found.lines():
        context.show(found.html(), "\n".join(lines))


def correction(cells: Sequence[str], blocks: Iterable[CodeBlock]) -> Correction | None:
    """Return what corrects one of the cells that have failed: the block that is most like one.

    A reply may show more code, such as an example; None where nothing is like any of them, or
    where all are longer than can be compared.
    """
    best, found = _LEAST, None
    for block in blocks:
        if block.language not in PYTHON | {""}:
            continue
        code, _ = cell_of([block])
        for cell in cells:
            likeness = _likeness(cell, code)
            if likeness > best:
                best, found = likeness, Correction(cell, code)
    return found


def _likeness(one: str, other: str) -> float:
    """Return how many lines and words they have in common, from 0 to 2."""
    if max(one.count("\n"), other.count("\n")) > _MOST_LINES:
        return 0
    lines, others = ([line.strip() for line in text.split("\n")] for text in (one, other))
    # A cell of one line has no line in common with its correction.
    words, other_words = _WORD.findall(one), _WORD.findall(other)
    if max(len(words), len(other_words)) > _MOST_WORDS:
        return _ratio(lines, others)
    return _ratio(lines, others) + _ratio(words, other_words)


def _ratio(one: list[str], other: list[str]) -> float:
    ratio: float = difflib.SequenceMatcher(None, one, other, autojunk=False).ratio()
    return ratio


def _html(line: str) -> str:
    text = page_text(line)
    colour = _COLOURS.get(line[:1])
    if colour is None:
        return text
    tag = "del" if line.startswith("-") else "ins"
    style = f"background: rgba({colour}, 0.18); text-decoration: none"
    return f'<{tag} style="{style}">{text}</{tag}>'
