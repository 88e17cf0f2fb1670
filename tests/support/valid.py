"""What every history must be, whatever happened to it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from eighty80_jupyter.api.messages import Message
    from eighty80_jupyter.conversation.turn import Turn


def check_history(turns: Iterable[Turn]) -> None:
    """Check that roles alternate, and that exactly its results follow each message with calls."""
    for turn in turns:
        check_turn(turn.messages)


def check_turn(messages: tuple[Message, ...]) -> None:
    """Check the messages of one turn."""
    assert messages[0].role == "user"
    assert messages[-1].role == "assistant"
    assert not messages[-1].tool_calls
    assert messages[-1].content is not None
    at = 1
    seen: set[str] = set()
    while at < len(messages):
        message = messages[at]
        assert message.role == "assistant"
        ids = [call.id for call in message.tool_calls]
        assert all(ids)
        assert len(ids) == len(set(ids))
        assert not seen & set(ids)
        seen |= set(ids)
        results = messages[at + 1 : at + 1 + len(ids)]
        assert [m.role for m in results] == ["tool"] * len(ids)
        assert [m.tool_call_id for m in results] == ids
        assert all(isinstance(m.content, str) and m.content for m in results)
        for call in message.tool_calls:
            assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", call.name)
            assert isinstance(json.loads(call.arguments), dict)
        if not ids:
            assert at == len(messages) - 1
        at += 1 + len(ids)
