"""The text that asks a turn's prompt again, in a cell or in the panel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eighty80_jupyter.conversation.turn import Turn


def asked_again(turn: Turn) -> tuple[str, bool]:
    """Return the text that asks a turn's prompt again, and whether braces in it are no fields.

    What is known only as it was sent has its fields filled, and what was sent as it was typed had
    none.
    """
    text = turn.typed
    if not text:
        return _text(turn.messages[0].content), True
    return text, "{{" in text and text == turn.prompt


def _text(content: Any) -> str:
    """Return the text of a prompt, without words for its pictures and sounds."""
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content or () if part["type"] == "text")
