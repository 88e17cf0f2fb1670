"""What the tests of turns with tools share: scripted calls, and a scripted user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eighty80_jupyter.tools.executor import Decision
from tests.support.replies import (
    sse_reply,
    tool_call,
    tool_chunks,
)

if TYPE_CHECKING:
    from eighty80_jupyter.api.messages import ToolCall
    from eighty80_jupyter.tools.tool import Tool
    from tests.support.replies import Reply
    from tests.support.scripted import ScriptedServer


class Says:
    """A user who gives the same answer to every question."""

    def __init__(self, *decisions: Decision) -> None:
        self.decisions = list(decisions)
        self.asked: list[str] = []

    def confirm(self, tool: Tool, call: ToolCall, shown: str) -> Decision:
        """Return the next decision, or the last one again."""
        del tool, call
        self.asked.append(shown)
        return self.decisions.pop(0) if len(self.decisions) > 1 else self.decisions[0]


YES, NO = Decision(answer="yes"), Decision(answer="no")


def calls(*wanted: dict[str, Any], **settings: Any) -> Reply:
    """Answer with streamed tool calls."""
    return sse_reply(tool_chunks(*wanted, **settings))


def sent(server: ScriptedServer, number: int = -1) -> list[dict[str, Any]]:
    """Return the messages of a request."""
    return list(server.requests[number].json["messages"])


def delete(path: str) -> str:
    """Delete a file."""
    return f"{path} is gone"


ONE = tool_call("add", {"a": 1, "b": 2}, id="one")
TWO = tool_call("add", {"a": 10, "b": 20}, id="two")
THREE = tool_call("add", {"a": 100, "b": 200}, id="three")
