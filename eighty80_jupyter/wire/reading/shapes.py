"""Where servers put the text of an answer, its reasoning and its calls. No I/O.

The contract has one place for each; these are the others that were seen, whole or in pieces.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eighty80_jupyter.api.extra import TEXT_FIELDS

_TEXTS = ("text", "content", "value", "transcript", "thinking", "reasoning", "summary", "parts")
# In this order: a server that has several of them says the same in each.
_REASONING = (
    *TEXT_FIELDS,
    "reasoning",
    "thinking",
    "thought",
    "thoughts",
    "reasoning_details",
    "thinking_blocks",
)
_WRAPPERS = ("data", "result", "response", "output", "body")
_DEEPEST = 8


def text_of(value: Any, depth: int = 0) -> str:
    """Return the text in a value: a text, an object that holds one, or a list of such."""
    if isinstance(value, str):
        return value
    if depth > _DEEPEST:
        return ""
    if isinstance(value, Mapping):
        for name in _TEXTS:
            if text := text_of(value.get(name), depth + 1):
                return text
    if isinstance(value, list):
        return "".join(text_of(item, depth + 1) for item in value)
    return ""


def choices_of(chunk: Mapping[str, Any]) -> Any:
    """Return the choices of a chunk: a list, where there are any, of one or of many."""
    choices = chunk.get("choices")
    if type(choices) is not dict:
        return choices
    if choices and all(str(key).isdigit() and type(one) is dict for key, one in choices.items()):
        return [{"index": int(key), **one} for key, one in choices.items()]
    return [choices] if choices else []


def unwrapped(chunk: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the completion that a gateway's own object holds; None: it holds none."""
    for name in _WRAPPERS:
        inner = chunk.get(name)
        if type(inner) is dict and inner.get("choices"):
            return {"usage": chunk.get("usage"), **inner}
    return None


def content_of(delta: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return the text of a delta or message, and the reasoning and the refusal among its parts."""
    content = delta.get("content")
    if content is None and isinstance(delta.get("text"), str):
        content = delta["text"]
    if isinstance(content, list):
        texts: tuple[list[str], list[str], list[str]] = ([], [], [])
        for part in content:
            kind = part.get("type") if isinstance(part, Mapping) else "text"
            if kind == "refusal":
                texts[2].append(text_of(part.get("refusal")))
            else:
                texts[_is_reasoning(kind)].append(text_of(part))
        text, reasoning, refusal = ("".join(pieces) for pieces in texts)
    else:
        text, reasoning, refusal = text_of(content), "", ""
        if isinstance(content, Mapping) and _is_reasoning(content.get("type")):
            text, reasoning = "", text
    if not text and isinstance(audio := delta.get("audio"), Mapping):
        text = text_of(audio.get("transcript"))
    return text, reasoning, refusal


def reasoning_of(delta: Mapping[str, Any]) -> tuple[str, str]:
    """Return the reasoning of a delta or message, and the field that holds it as a text."""
    for name in _REASONING:
        if (value := delta.get(name)) and (text := text_of(value)):
            return text, name if name in TEXT_FIELDS and isinstance(value, str) else ""
    return "", ""


def calls_of(delta: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the objects of a delta's tool calls; what is none is left out."""
    calls = delta.get("tool_calls")
    if isinstance(calls, Mapping):
        whole = "function" in calls or "name" in calls
        calls = [calls] if whole else list(filter(None, calls.values()))
    if calls and isinstance(calls, list):
        return [call for call in calls if isinstance(call, Mapping)]
    function = delta.get("function_call")
    if isinstance(function, Mapping) and any(function.values()):
        # What tool_calls have replaced. Some servers send both, for old clients; or an empty
        # one beside every text.
        return [{"index": 0, "function": function}]
    return []


def function_of(call: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what holds a call's name and arguments."""
    function = call.get("function")
    if isinstance(function, Mapping):
        return function
    return call if isinstance(call.get("name"), str) else {}


def _is_reasoning(kind: Any) -> bool:
    return isinstance(kind, str) and ("think" in kind or "reason" in kind)
