"""Prompts as a page shows them: each block of data is a chip that folds."""

from __future__ import annotations

import re
from typing import Any

from eighty80_jupyter.notebook.markdown.page_text import fold_html, page_text
from eighty80_jupyter.prompt.blocks import DataBlock, pieces

_ROWS = re.compile(r"([\d,]+)\s*rows?\s*(?:[x\u00d7]|by|and|,)\s*([\d,]+)\s*col", re.IGNORECASE)
_SHAPE = re.compile(r"\bshape[:=]?\s*\(?([\d,]+(?:\s*[,x\u00d7]\s*[\d,]+)*)\)?", re.IGNORECASE)
_MOST_SHOWN = 20_000  # characters of a block that is sent to a page again and again
_HEAD = 400  # characters in which a block tells its size


def prompt_html(text: str, style: str) -> str:
    """Return a prompt in the style of its `<pre>`, with each block of data folded into a line."""
    parts = []
    for piece in pieces(text):
        if isinstance(piece, DataBlock):
            shown = f'<pre style="{style}">{page_text(piece.text)}</pre>'
            parts.append(fold_html(f"{chip(piece)} · show", shown))
        elif said := piece.strip("\n"):
            parts.append(f'<pre style="{style}">{page_text(said)}</pre>')
    return "".join(parts) or f'<pre style="{style}"></pre>'


def asked(source: str, sent: str) -> dict[str, Any]:
    """Return a prompt for a widget: the source, `said` without blocks of data, and what was sent.

    `data` has the words for each block and its text, of a long one the beginning.
    """
    said = [piece.strip("\n") for piece in pieces(source) if not isinstance(piece, DataBlock)]
    data = [[chip(p), _beginning(p.text)] for p in pieces(sent) if isinstance(p, DataBlock)]
    return {"source": source, "said": "\n".join(filter(None, said)), "data": data}


def _beginning(text: str) -> str:
    left = len(text) - _MOST_SHOWN
    return text if left <= 0 else f"{text[:_MOST_SHOWN]}\n… {left:,} more characters"


def chip(block: DataBlock) -> str:
    """Return the words that stand for a block: its name, and its size or its type."""
    head = block.content[:_HEAD]
    if found := _ROWS.search(head):
        size = f"{found[1]} \u00d7 {found[2]}"
    elif found := _SHAPE.search(head):
        size = " \u00d7 ".join(re.findall(r"[\d]+", found[1].replace(",", " ")))
    else:
        size = block.kind.rpartition(".")[2]
    return f"{block.name} \u00b7 {size}" if size else block.name
