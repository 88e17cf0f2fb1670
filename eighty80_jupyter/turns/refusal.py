"""Which turn of a history a server has refused, as far as its error tells."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from eighty80_jupyter.api.messages import Message
from eighty80_jupyter.conversation.conversation import Conversation
from eighty80_jupyter.conversation.turn import Turn
from eighty80_jupyter.errors import APIStatusError

_STATUSES = (400, 422, 500)  # a chat template that fails is an error of the server to some
# As in: messages[3].content, messages.3, "messages", 3, messages.[3]; and: message at index 3.
_PLACE = re.compile(r"\bmessages[\"'\s,./:\[]{1,4}(\d{1,6})\b", re.IGNORECASE)
_NUMBERED = re.compile(
    r"\bmessage (?:at )?(?:index |position |number )?#?(\d{1,6})\b", re.IGNORECASE
)
_HISTORY = re.compile(
    r"\bmessages\b|\broles?\b|\bassistant\b|tool[_ ]calls?\b|tool[_ ]results?\b"
    r"|tool_use\b|alternat|\bconversation\b",
    re.IGNORECASE,
)


def hint(
    error: APIStatusError,
    sent: Sequence[Message],
    turns: Sequence[Turn],
    conversation: Conversation,
) -> str:
    """Return which turn of the history was refused and what helps; empty: it is not that.

    `sent` are the messages of the request, `turns` those that it could carry. Where the error names
    no message it is the last turn that was sent: those before it were taken in their time.
    """
    if error.status_code not in _STATUSES:
        return ""
    said = f"{error.message} {error.param or ''}"
    of = _turns_of(sent, turns)
    named = _named(said, json.dumps(error.body, default=str), sent)
    seems = "is" if named is not None else "seems to be"
    if named is None:
        if not of or not _HISTORY.search(said):
            return ""
        named = max(of)
    if named not in of:
        return ""  # the instruction, a summary, or what is asked now
    number = (conversation.find(of[named].id) or 0) + 1
    count = len(conversation) - number + 1
    undo = "--undo takes it back" if count == 1 else f"--undo {count} takes back all from it on"
    return (
        f"turn {number} of the conversation {seems} what it refuses: "
        f"%chat --retry {number} asks that one again, {undo}"
    )


def _turns_of(sent: Sequence[Message], turns: Sequence[Turn]) -> dict[int, Turn]:
    """Return the turn of each message of the history that was sent, by its index."""
    found: dict[int, Turn] = {}
    end = len(sent)
    for turn in reversed(turns):
        last = turn.messages[-1]  # an answer goes out as it is, a prompt perhaps without its data
        end = next((n for n in range(end, 0, -1) if sent[n - 1] is last), 0)
        start = end - len(turn.messages)
        if start < 0:
            break
        found |= dict.fromkeys(range(start, end), turn)
        end = start
    return found


def _named(said: str, body: str, sent: Sequence[Message]) -> int | None:
    """Return the index of the message that an error names, by its place or the id of a call."""
    for found in (*_PLACE.finditer(said), *_NUMBERED.finditer(said), *_PLACE.finditer(body)):
        if int(found[1]) < len(sent):
            return int(found[1])
    for index, message in enumerate(sent):
        ids = [call.id for call in message.tool_calls] + [message.tool_call_id or ""]
        if any(call_id and re.search(rf"\b{re.escape(call_id)}\b", said) for call_id in ids):
            return index
    return None
