"""What `nbconvert --to markdown` makes of our outputs: the Markdown that they are.

nbconvert prefers HTML there, in which our outputs are a page's: paragraphs, styles, a rule for a
widget that is gone. A file among Jupyter's settings (`jupyter_config.py`) names `as_markdown` as a
preprocessor; it sees every notebook, and leaves alone whatever it does not know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.cell.summary import NAMESPACE
from eighty80_jupyter.notebook.markdown.source import closed, fenced
from eighty80_jupyter.notebook.saved.export_markdown import (
    comparisons,
    quiet,
    reasoning,
    turn_markdown,
)
from eighty80_jupyter.notebook.saved.metadata import entries_of
from eighty80_jupyter.notebook.saved.restore import conversations_of

_REASONING = "Reasoning: "
_NUMBERED = re.compile(r"^Answer (\d+): ", re.MULTILINE)


def as_markdown(nb: Any, resources: Any) -> tuple[Any, Any]:
    """Have each output of ours be Markdown and nothing besides, as a preprocessor of nbconvert."""
    ours = list(_ours(nb))
    in_cells = {str(entry.get("id")) for _, kept, _ in ours for entry in _own_turns(kept)}
    for cell, kept, output in ours:
        said = _markdown(cell, kept, output["data"], in_cells)
        output["data"] = {"text/markdown": said}
    return nb, resources


def _ours(nb: Any) -> Iterator[tuple[Any, Mapping[str, Any], Any]]:
    """Give the outputs in HTML that keep something of ours, with their cells."""
    for cell in nb.get("cells", ()):
        for output in cell.get("outputs", ()):
            metadata, data = output.get("metadata", {}), output.get("data", {})
            # A cell's result has it below its MIME type.
            of_result = metadata.get("text/html")
            kept = (of_result if isinstance(of_result, dict) else metadata).get(NAMESPACE)
            if isinstance(kept, dict) and "text/html" in data:
                yield cell, kept, output


def _own_turns(kept: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Give the turns that an output keeps because it shows them: all but those of a panel."""
    if kept.get("role") != "panel":
        yield from (entry for entry in entries_of(kept) if entry.get("messages"))


def _markdown(
    cell: Any, kept: Mapping[str, Any], data: Mapping[str, Any], in_cells: set[str]
) -> str:
    text = "".join(data.get("text/plain", ""))
    role = kept.get("role")
    if role in ("panel", "cell"):
        skipped = in_cells if role == "panel" else set[str]()
        return _transcript(cell, kept, skipped) or fenced(text)
    if isinstance(said := kept.get("markdown"), str):
        return said
    if text.startswith(_REASONING) and "<details" in "".join(data["text/html"]):
        return reasoning(text.removeprefix(_REASONING))
    if "text/latex" in data:  # beside Markdown, and beside nothing else
        return closed(_NUMBERED.sub(r"**Answer \1**\n\n", text))
    return quiet(text) if "\n" not in text else fenced(text)


def _transcript(cell: Any, kept: Mapping[str, Any], skipped: set[str]) -> str:
    """Return the turns that an output keeps but for those that cells show."""
    try:
        found = conversations_of(cell, kept)
    except UsageError:
        return ""
    parts: list[str] = []
    for conversation in reversed(found):
        if len(found) > 1:
            parts.append(quiet(f"Conversation {conversation.name}"))
        parts += comparisons(conversation, None)
        for number, turn in enumerate(conversation, 1):
            if turn.id not in skipped:
                parts += turn_markdown(number, turn)
            parts += comparisons(conversation, turn)
    return "\n\n".join(parts)
