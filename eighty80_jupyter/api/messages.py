"""Messages as they go over the wire: pure values.

Source: the 8080 chat-completions documentation, "Messages".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from eighty80_jupyter.api.extra import Extra

Role = Literal["developer", "system", "user", "assistant", "tool"]
# One part of a message with more than text: {"type": "text" | "image_url" | "input_audio", ...}
Part = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One call that the model asks for. `arguments` is JSON text as the model wrote it.

    `extra` holds further fields of the server's, which it may want back; None: there are none.
    """

    id: str
    name: str
    arguments: str
    extra: Extra | None = field(default=None, hash=False, repr=False)

    def to_wire(self) -> dict[str, Any]:
        """Return the call as an assistant message carries it."""
        function = {"name": self.name, "arguments": self.arguments}
        return {"id": self.id, "type": "function", "function": function}


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its role and its content, a string or a tuple of parts (None: no content).

    `extra` holds further fields of an assistant's message, as the server sent them, which it may
    want back; None: there are none.
    """

    role: Role
    content: str | tuple[Part, ...] | None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    extra: Extra | None = field(default=None, hash=False, repr=False)

    def __hash__(self) -> int:
        return hash((self.role, self.text, self.tool_calls, self.tool_call_id))

    def to_wire(self) -> dict[str, Any]:
        """Return the message as a request carries it, without the fields that are not set."""
        content = list(self.content) if isinstance(self.content, tuple) else self.content
        wire: dict[str, Any] = {"role": self.role, "content": content}
        if self.tool_calls:
            wire["tool_calls"] = [call.to_wire() for call in self.tool_calls]
        if self.tool_call_id is not None:
            wire["tool_call_id"] = self.tool_call_id
        return wire

    @property
    def text(self) -> str:
        """The text of the message; a picture stands as `[image]`, a sound as `[audio]`."""
        if self.content is None or isinstance(self.content, str):
            return self.content or ""
        kinds = {"image_url": "[image]", "input_audio": "[audio]"}
        return "\n".join(
            part["text"] if part.get("type") == "text" else kinds.get(part["type"], "[part]")
            for part in self.content
        )
