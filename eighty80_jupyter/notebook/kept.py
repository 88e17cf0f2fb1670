"""What the last line's output keeps of a turn, besides the reply, so that it can be read back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eighty80_jupyter.chat.conversation import Conversation, Turn


def kept_of(conversation: Conversation, turn: Turn) -> dict[str, Any]:
    """Return what tells where a turn stands: its id, the turn before it, and when it was answered.

    By these the turns of a page are put in order again, whichever of its cells were run anew, moved
    or deleted.
    """
    index = conversation.find(turn.id)
    values = {
        "id": turn.id,
        "after": conversation[index - 1].id if index else "",
        "at": round(time.time(), 3),
        "source": turn.source,
        "has_data": turn.has_data,
        "system": conversation.system,
    }
    return {name: value for name, value in values.items() if value is not None}
