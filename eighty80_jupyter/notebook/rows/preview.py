"""What `--dry-run` shows of a run over rows: the first request, and how many there would be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eighty80_jupyter.notebook.cell.views.dry_run import PROSE
from eighty80_jupyter.notebook.cell.views.prompts import prompt_html
from eighty80_jupyter.notebook.markdown.page_text import page_text, quiet_html
from eighty80_jupyter.notebook.rows.words import rows_of
from eighty80_jupyter.text import counted

if TYPE_CHECKING:
    from eighty80_jupyter.rows.prepare import RowsPreview

_HEAD = "Nothing was sent. For the first row this would be:"


def preview_text(preview: RowsPreview) -> str:
    """Return what would be sent as plain text."""
    lines = [_HEAD, ""]
    for message in preview.messages:
        lines += [f"[{message['role']}]", _content(message), ""]
    return "\n".join([*lines, *_counts(preview)])


def preview_html(preview: RowsPreview) -> str:
    """Return what would be sent as HTML."""
    parts = [quiet_html(_HEAD)]
    parts += [
        quiet_html(message["role"]) + prompt_html(_content(message), PROSE)
        for message in preview.messages
    ]
    parts += [f"<div>{page_text(line)}</div>" for line in _counts(preview)]
    return "\n".join(parts)


def _content(message: dict[str, Any]) -> str:
    """Return the text of a message; of pictures and the like their kind."""
    content = message["content"]
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text") or f"[{part.get('type')}]" for part in content)


def _counts(preview: RowsPreview) -> list[str]:
    """Return how many requests it would be, and about how many tokens without the answers."""
    if preview.rows is None:
        return ["How many rows will come nobody knows; none was read.", *preview.remarks]
    told = [counted(preview.requests, "request")]
    if preview.from_kept:
        told.append(counted(preview.from_kept, "kept answer"))
    if preview.duplicates:
        told.append(counted(preview.duplicates, "duplicate"))
    if preview.skipped:
        told.append(f"{preview.skipped:,} skipped")
    line = f"{rows_of(preview.rows)}: {', '.join(told)}"
    if preview.requests:
        line += f"; about {counted(preview.tokens, 'token')} would be sent"
    return [line, *preview.remarks]
