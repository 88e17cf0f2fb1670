"""What the last line's output keeps of a turn, besides the reply, so that it can be read back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.notebook.display import SCHEMA, reply_metadata

if TYPE_CHECKING:
    from eighty80_jupyter.api.messages import Message
    from eighty80_jupyter.api.reply import Choice
    from eighty80_jupyter.chat.conversation import Conversation, Turn


def page_of(conversation: Conversation, turn: Turn) -> dict[str, Any]:
    """Return all that the last output of a turn keeps."""
    return {
        "schema": SCHEMA,
        "role": "assistant",
        "conversation": conversation.name,
        "turn": (conversation.find(turn.id) or 0) + 1,
        **reply_metadata(turn.reply, turn.messages),
        **kept_of(conversation, turn),
    }


def state_of(conversation: Conversation) -> dict[str, Any]:
    """Return what tells that a conversation was changed: its last turn then, its instruction."""
    values = {
        "schema": SCHEMA,
        "role": "state",
        "conversation": conversation.name,
        "after": conversation[-1].id if conversation else "",
        "at": round(time.time(), 3),
        "system": conversation.system,
    }
    return {name: value for name, value in values.items() if value is not None}


def kept_of(conversation: Conversation, turn: Turn) -> dict[str, Any]:
    """Return what tells where a turn stands: its id, the turn before it, and when it was answered.

    By these the turns of a page are put in order again, whichever of its cells were run anew, moved
    or deleted. What else was said stands with them: reasoning, and further answers.
    """
    index = conversation.find(turn.id)
    first, *further = turn.reply.choices
    values = {
        "id": turn.id,
        "after": conversation[index - 1].id if index else "",
        "at": round(time.time(), 3),
        "source": turn.source,
        "has_data": turn.has_data,
        "system": conversation.system,
        "reasoning": first.reasoning or None,
        "further": [_answer(choice) for choice in further] or None,
        "attached": sum(map(_attached, turn.messages)) or None,
        "tools": list(turn.exchange.tools) or None,
        "rounds": turn.reply.rounds if turn.reply.rounds > 1 else None,
        "error": turn.reply.error or None,
        "notes": list(turn.reply.notes) or None,
    }
    return {name: value for name, value in values.items() if value is not None}


def _attached(message: Message) -> int:
    """Return the number of pictures and sounds, of which a page keeps the names only."""
    parts = message.content if isinstance(message.content, tuple) else ()
    return sum(part["type"] != "text" for part in parts)


def _answer(choice: Choice) -> dict[str, Any]:
    """Return what else was answered to a prompt: its words, and how it ended."""
    values = {
        "index": choice.index,
        "text": choice.text,
        "reasoning": choice.reasoning,
        "refusal": choice.refusal,
        "finish_reason": choice.finish_reason,
    }
    return {name: value for name, value in values.items() if value}
