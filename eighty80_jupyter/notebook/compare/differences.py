"""What differs between answers side by side, and what they took together."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from eighty80_jupyter.notebook.compare import variants
from eighty80_jupyter.notebook.markdown.page_text import page_text
from eighty80_jupyter.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eighty80_jupyter.api.reply import Reply
    from eighty80_jupyter.notebook.compare.comparison import Column

_WORD = re.compile(r"\s+|\w+|[^\w\s]")
_MOST_WORDS = 4_000  # of two answers whose differences are shown


def twin_mark(
    column: Column, reply: Reply, columns: Sequence[Column], replies: Sequence[Reply]
) -> str:
    """Say whether an answer with the same settings as an earlier one is the same."""
    if column.twin is None:
        return ""
    pair = (column.running, columns[column.twin].running)
    if any(not running.done or running.error is not None for running in pair):
        return ""
    return " · identical" if reply.text == replies[column.twin].text else " · different"


def differing_html(one: str, other: str) -> str:
    """Return `other` as safe HTML with marks where its words are not those of `one`."""
    before, after = _WORD.findall(one), _WORD.findall(other)
    if len(before) + len(after) > _MOST_WORDS:
        return "<p>These answers are too long to compare word by word.</p>"
    parts = []
    for kind, _, _, start, end in difflib.SequenceMatcher(
        None, before, after, autojunk=False
    ).get_opcodes():
        text = page_text("".join(after[start:end]))
        parts.append(text if kind == "equal" or not text.strip() else f"<mark>{text}</mark>")
    return f'<pre class="e80-differences">{"".join(parts)}</pre>'


def summary(replies: Sequence[Reply]) -> str:
    """Return how much all answers took together."""
    sizes = [variants.tokens(reply) for reply in replies]
    about = "" if all(exact for _, exact in sizes) else "about "
    seconds = max(reply.seconds for reply in replies)
    answers = counted(len(replies), "answer")
    tokens = counted(sum(number for number, _ in sizes), "token")
    return f"{answers} · {about}{tokens} · {seconds:.2f} s"
