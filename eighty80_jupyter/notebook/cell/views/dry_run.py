"""What `--dry-run` shows: the messages as they would be sent, and what became of each field."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.notebook.cell.views.prompts import prompt_html
from eighty80_jupyter.notebook.cell.views.turns import table_html, table_text
from eighty80_jupyter.notebook.markdown.page_text import quiet_html
from eighty80_jupyter.text import counted

if TYPE_CHECKING:
    from eighty80_jupyter.api.messages import Message
    from eighty80_jupyter.prompt.template.prepare import PreparedPrompt
    from eighty80_jupyter.prompt.tokens import Calibration
    from eighty80_jupyter.turns.request import Outgoing

# JupyterLab would break lines within words.
PROSE = "white-space: pre-wrap; word-break: normal; overflow-wrap: anywhere; margin: 0 0 1em 1em"
_HEADS = ("field", "type", "tokens", "what is sent", "left out", "redacted")


def dry_run_text(
    outgoing: Outgoing,
    parameters: Mapping[str, Any],
    prepared: PreparedPrompt,
    calibration: Calibration,
) -> str:
    """Return the dry run as plain text."""
    lines = ["Nothing was sent. This is what would be:", ""]
    for message in outgoing.messages:
        lines += [f"[{message.role}] {_size(message, calibration)}", _content(message), ""]
    if outgoing.note:
        lines += [outgoing.note, ""]
    lines.append("parameters: " + json.dumps(dict(parameters), ensure_ascii=False, default=str))
    if prepared.cells_note:
        lines.append(f"cells of the notebook: {prepared.cells_note}")
    if prepared.fields or prepared.cells:
        lines += ["", table_text([_HEADS, *_rows(prepared)])]
    if prepared.calls:
        lines += ["", _calls(prepared)]
    return "\n".join(lines)


def dry_run_html(
    outgoing: Outgoing,
    parameters: Mapping[str, Any],
    prepared: PreparedPrompt,
    calibration: Calibration,
) -> str:
    """Return the dry run as HTML."""
    parts = [quiet_html("Nothing was sent. This is what would be:")]
    parts += [
        quiet_html(f"{message.role} · {_size(message, calibration)}")
        + prompt_html(_content(message), PROSE)
        for message in outgoing.messages
    ]
    if outgoing.note:
        parts.append(quiet_html(outgoing.note))
    shown = json.dumps(dict(parameters), ensure_ascii=False, default=str)
    parts.append(quiet_html(f"parameters: {shown}"))
    if prepared.cells_note:
        parts.append(quiet_html(f"cells of the notebook: {prepared.cells_note}"))
    if prepared.fields or prepared.cells:
        parts.append(table_html(_rows(prepared), _HEADS))
    if prepared.calls:
        parts.append(quiet_html(_calls(prepared)))
    return "\n".join(parts)


def _size(message: Message, calibration: Calibration) -> str:
    return f"about {counted(calibration.tokens(_content(message)), 'token')}"


def _content(message: Message) -> str:
    """Return the text of a message, and below it the calls that it carries."""
    calls = [f"[calls {call.name} with {call.arguments or '{}'}]" for call in message.tool_calls]
    return "\n".join(filter(None, [message.text, *calls]))


def _calls(prepared: PreparedPrompt) -> str:
    return f"called to fill the fields: {', '.join(prepared.calls)}"


def _rows(prepared: PreparedPrompt) -> list[tuple[str, ...]]:
    return [
        (
            field.source,
            field.kind,
            f"{field.tokens:,}",
            field.summary or ("in the sentence" if field.inline else "whole"),
            field.cut or "nothing",
            ", ".join(field.redacted) or "nothing",
        )
        for field in (*prepared.fields, *prepared.cells)
    ]
