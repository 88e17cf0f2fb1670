"""What the strictest server of the protocol demands of a request, each rule seen of a real one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_FIELDS = frozenset(
    {"model", "messages", "stream", "stream_options", "tools", "tool_choice", "temperature", "n",
     "top_p", "max_completion_tokens", "seed", "stop", "parallel_tool_calls", "response_format"}
)  # fmt: skip
_KEYS = {
    "system": {"role", "content"},
    "user": {"role", "content"},
    "assistant": {"role", "content", "tool_calls"},
    "tool": {"role", "content", "tool_call_id"},
}
_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")


def faults(body: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a request, in words; empty: it is valid."""
    unknown = [f"extra fields not permitted: {name}" for name in body if name not in _FIELDS]
    return [*unknown, *_of_messages(body["messages"])]


def _of_messages(messages: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    before = "system"
    waiting: list[str] = []
    seen: set[str] = set()
    for at, message in enumerate(messages):
        role = message["role"]
        yield from _of_message(message, f"messages[{at}]")
        if role == "system" and at:
            yield f"messages[{at}]: system must be the first message"
        if role == "tool":
            if message["tool_call_id"] not in waiting:
                yield f"messages[{at}]: a result without its call"
            else:
                waiting.remove(message["tool_call_id"])
        elif waiting:
            yield f"messages[{at}]: the calls {waiting} have no result"
        if (role == "user") != (before in ("system", "assistant")) and role in (
            "user",
            "assistant",
        ):
            yield f"messages[{at}]: roles must alternate, got {role} after {before}"
        for call in message.get("tool_calls", ()):
            if call["id"] in seen:
                yield f"messages[{at}]: the id {call['id']} is there twice"
            if not _ID.fullmatch(call["id"]):
                yield f"messages[{at}]: the id {call['id']!r} is none"
            seen.add(call["id"])
            waiting.append(call["id"])
        before = role
    if waiting:
        yield f"the calls {waiting} have no result"
    if before not in ("user", "tool"):
        yield f"the last message must be of the user, or a result, got {before}"


def _of_message(message: Mapping[str, Any], where: str) -> Iterator[str]:
    if unknown := set(message) - _KEYS[message["role"]]:
        yield f"{where}: extra fields not permitted: {unknown}"
    content = message["content"]
    if isinstance(content, str) and not content.strip():
        yield f"{where}: content must not be empty"
    if content is None and not message.get("tool_calls"):
        yield f"{where}: content must not be null"
    if "tool_calls" in message and not message["tool_calls"]:
        yield f"{where}: tool_calls must not be empty"
