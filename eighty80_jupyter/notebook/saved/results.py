"""Replies, turns and conversations that are a cell's result, as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eighty80_jupyter.notebook.cell.views.turns import conversation_text, wanted
from eighty80_jupyter.notebook.saved.export_markdown import (
    quiet,
    reply_markdown,
    turn_markdown,
    turns_markdown,
)

if TYPE_CHECKING:
    from eighty80_jupyter.api.reply import Reply
    from eighty80_jupyter.conversation.conversation import Conversation
    from eighty80_jupyter.conversation.turn import Turn


def of_reply(reply: Reply) -> str:
    """Return a reply: every answer, and the last line."""
    return "\n\n".join(reply_markdown(reply))


def of_turn(turn: Turn) -> str:
    """Return a turn, of which nobody knows the number."""
    return "\n\n".join(turn_markdown(None, turn))


def of_conversation(conversation: Conversation) -> str:
    """Return the latest turns of a conversation."""
    said = turns_markdown(conversation, wanted(conversation))
    return said or quiet(conversation_text(conversation))
