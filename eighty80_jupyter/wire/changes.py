"""One change of a request, for a server that refuses it as it is. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from eighty80_jupyter.api.call_ids import with_strict_ids


class Way(Enum):
    """How a request is changed, in the words of a reply's last line."""

    DROP = "sent without {field}, which the server does not take"
    RENAME = "{field} sent as {to}"
    DROP_INSIDE = "sent without {to} in {field}, which the server does not take"
    ROLE = "instruction sent as system: the server knows no developer role"
    MERGE = "instruction sent with the prompt: the model takes no system role"
    NO_STREAM = "not streamed: the server does not stream this"
    OFFER = "the tools of earlier turns offered again, as the server demands; none runs"
    IDS = "calls sent with other ids, which the server demands"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a request: its way, the field that it is about, and that field's new name.

    What a way drops inside of the messages or the tools is `to`.
    """

    way: Way
    field: str = ""
    to: str = ""

    @property
    def note(self) -> str:
        """What was changed, for the last line of a reply."""
        return self.way.value.format(field=self.field, to=self.to)

    def apply(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the body of a request with this change; the same where it does not concern it."""
        changed = dict(body)
        match self.way:
            case Way.DROP:
                changed.pop(self.field, None)
            case Way.RENAME if self.field in body and self.to not in body:
                changed = {self.to if k == self.field else k: v for k, v in body.items()}
            case Way.DROP_INSIDE if self.field in body:
                changed[self.field] = _without_key(body[self.field], self.to)
            case Way.ROLE:
                changed["messages"] = [
                    {**m, "role": "system"} if m.get("role") == "developer" else m
                    for m in body["messages"]
                ]
            case Way.MERGE:
                changed["messages"] = _merged(body["messages"])
            case Way.NO_STREAM:
                changed.pop("stream", None)
                changed.pop("stream_options", None)
            case Way.OFFER if "tools" not in body and (names := called_tools(body)):
                changed |= {"tools": _offer(names), "tool_choice": "none"}
            case Way.IDS:
                changed["messages"] = with_strict_ids(body["messages"])
        return changed


def changes_for(settings: Mapping[str, str | None]) -> tuple[Change, ...]:
    """Return the changes that a setting asks for: new names; None for what is left out."""
    return tuple(
        Change(Way.RENAME, field, to) if to else Change(Way.DROP, field)
        for field, to in settings.items()
    )


def _without_key(value: Any, key: str) -> Any:
    if isinstance(value, list):
        return [_without_key(item, key) for item in value]
    if isinstance(value, dict):
        # What a tool's parameters are called is no business of the protocol.
        return {
            name: item if name == "parameters" else _without_key(item, key)
            for name, item in value.items()
            if name != key
        }
    return value


def _merged(messages: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the messages with the instruction at the beginning of the first prompt."""
    texts = [
        m["content"]
        for m in messages
        if m.get("role") == "system" and isinstance(m.get("content"), str)
    ]
    rest = [m for m in messages if m.get("role") != "system"]
    for place, message in enumerate(rest):
        if texts and message.get("role") == "user":
            content, head = message.get("content"), "\n\n".join(texts)
            if isinstance(content, list):
                content = [{"type": "text", "text": head}, *content]
            else:
                content = f"{head}\n\n{content}"
            return [*rest[:place], {**message, "content": content}, *rest[place + 1 :]]
    return list(messages)


def called_tools(body: Mapping[str, Any]) -> list[str]:
    """Return the names of the tools that were called in the messages, each once."""
    names = {
        str(call["function"].get("name"))
        for message in body.get("messages", ())
        for call in message.get("tool_calls") or ()
        if isinstance(call, Mapping) and isinstance(call.get("function"), Mapping)
    }
    return sorted(names)


def _offer(names: Sequence[str]) -> list[dict[str, Any]]:
    """Return tools of these names that take anything: they are named, and never called."""
    schema = {"type": "object", "properties": {}, "additionalProperties": True}
    return [
        {"type": "function", "function": {"name": name, "description": "", "parameters": schema}}
        for name in names
    ]
