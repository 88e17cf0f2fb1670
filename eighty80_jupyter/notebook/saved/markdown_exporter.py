"""nbconvert's way to Markdown with replies as the Markdown that they are: `--to chat-markdown`.

`--to markdown` prefers HTML, in which our outputs are a page's: paragraphs, styles, a rule for a
widget that is gone. What each output keeps tells what it is.
"""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

from nbconvert.exporters import MarkdownExporter

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.cell.outputs import NAMESPACE
from eighty80_jupyter.notebook.saved.export_markdown import (
    closed,
    comparisons,
    fenced,
    quiet,
    turn_markdown,
)
from eighty80_jupyter.notebook.saved.metadata import entries_of
from eighty80_jupyter.notebook.saved.restore import conversations_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_REASONING = "Reasoning: "
_NUMBERED = re.compile(r"^Answer (\d+): ", re.MULTILINE)


class ChatMarkdownExporter(MarkdownExporter):
    """Export a notebook to Markdown, with what was said in it as Markdown."""

    export_from_notebook = "Chat Markdown"  # in Jupyter's menu

    def from_notebook_node(self, nb: Any, resources: Any = None, **options: Any) -> Any:
        """Return the document and the resources, as every exporter does."""
        return super().from_notebook_node(_with_markdown(nb), resources, **options)


def _with_markdown(nb: Any) -> Any:
    """Return a notebook whose outputs of ours are Markdown, and nothing besides."""
    nb = copy.deepcopy(nb)
    in_cells = {entry.get("id") for _, kept, _ in _ours(nb) for entry in _own_turns(kept)}
    for cell, kept, output in _ours(nb):
        if "text/html" in output["data"]:
            output["data"] = {"text/markdown": _markdown(cell, kept, output["data"], in_cells)}
    return nb


def _ours(nb: Any) -> Iterator[tuple[Any, Mapping[str, Any], Any]]:
    """Give the outputs that keep something of ours, with their cells."""
    for cell in nb.get("cells", ()):
        for output in cell.get("outputs", ()):
            kept = output.get("metadata", {}).get(NAMESPACE)
            if isinstance(kept, dict) and "data" in output:
                yield cell, kept, output


def _own_turns(kept: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Give the turns that an output keeps because it shows them: all but those of a panel."""
    if kept.get("role") != "panel":
        yield from (entry for entry in entries_of(kept) if entry.get("messages"))


def _markdown(
    cell: Any, kept: Mapping[str, Any], data: Mapping[str, Any], in_cells: set[Any]
) -> str:
    text = "".join(data.get("text/plain", ""))
    role = kept.get("role")
    if role in ("panel", "cell"):
        skipped = in_cells if role == "panel" else set()
        return _transcript(cell, kept, skipped) or fenced(text)
    if text.startswith(_REASONING) and "<details" in "".join(data["text/html"]):
        lines = closed(text.removeprefix(_REASONING)).split("\n")
        return "\n".join(["> **Reasoning**", ">", *(f"> {line}".rstrip() for line in lines)])
    if "text/latex" in data:  # beside Markdown, and beside nothing else
        return closed(_NUMBERED.sub(r"**Answer \1**\n\n", text))
    return quiet(text) if "\n" not in text else fenced(text)


def _transcript(cell: Any, kept: Mapping[str, Any], skipped: set[Any]) -> str:
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
