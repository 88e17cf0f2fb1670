r"""A call that a model has written as text where it should have made one. No I/O.

Small models do that. The forms: `{"name": ..., "parameters": {...}}` (Llama 3.1, also after
`<|python_tag|>`), `<function=name>{...}</function>` (the same), `<tool_call>{...}</tool_call>`
(Hermes, Qwen), `[TOOL_CALLS] [{...}]` (Mistral), the objects of the API's own messages, each also
in a fence, in a list, or several in a row. Nothing else may stand in the text but what the model
thought before, in tags; and each name must be a known one.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Collection, Mapping
from typing import Any

from eighty80_jupyter.api.messages import ToolCall

_LONGEST = 100_000  # characters; no model writes a call as long as that
_THOUGHT = re.compile(r"<think>.*?</think>", re.DOTALL)
# What stands around calls: fences, tags, marks of chat templates. The last is often missing.
_AROUND = re.compile(
    r"(?:[\s;,]|(?:```|~~~)[\w+-]{0,20}|</?tool_calls?>|<\|/?tool_call\|>|<\|python_tag\|>"
    r"|\[TOOL_CALLS\]|<\|e[om][mt]_id\|>|<\|im_end\|>|</s>)*"
)
_FUNCTION = re.compile(r"<function=([^<>\s]{1,64})>(.*?)</function>", re.DOTALL)

_NAMES = ("name", "tool", "tool_name", "function", "function_name")
_ARGUMENTS = ("arguments", "parameters", "args", "input")
_WRAPPERS = ("function", "tool", "tool_call", "function_call", "call")
_BESIDES = frozenset({"type", "id", "call_id", "index"})
_TYPES = frozenset({"function", "tool_call", "tool_use", "function_call", "tool"})
_DECODER = json.JSONDecoder(strict=False)


def written_call(text: str, names: Collection[str]) -> list[ToolCall] | None:
    """Return the calls that `text` consists of, or None where it is anything else.

    `names` are those of the tools that were offered. A call has one of them and its arguments as a
    JSON object (or as the text of one); a tool's definition, repeated, is no call. Each gets an id
    of nine letters and digits. The work is bounded, and nothing is raised.
    """
    if len(text) > _LONGEST or not names:
        return None
    if (thought := _THOUGHT.match(text.lstrip())) is not None:
        text = text.lstrip()[thought.end() :]
    try:
        found = _functions(text) or _objects(text)
    except (ValueError, RecursionError):
        return None
    calls = [_call(item, names) for item in found]
    # A call that is not understood makes all of it an ordinary text.
    known = [call for call in calls if call is not None]
    return known if known and len(known) == len(calls) else None


def _functions(text: str) -> list[Any]:
    """Return the calls `<function=name>{...}</function>` that are all of a text."""
    calls: list[Any] = []
    at = _next(text, 0)
    while (piece := _FUNCTION.match(text, at)) is not None:
        calls.append({"name": piece[1], "arguments": json.loads(piece[2].strip() or "{}")})
        at = _next(text, piece.end())
    return calls if at == len(text) else []


def _objects(text: str) -> list[Any]:
    """Return the JSON values that a text consists of, and what is in a list of them."""
    values: list[Any] = []
    at = _next(text, 0)
    while at < len(text):
        if text[at] not in "{[":
            raise ValueError("no JSON object")
        value, at = _DECODER.raw_decode(text, at)
        values += value if isinstance(value, list) else [value]
        at = _next(text, at)
    if "<tool_call>" in text:
        # Here a name alone is a call: the tag says so.
        values = [
            {**item, "arguments": {}} if isinstance(item, dict) and set(item) == {"name"} else item
            for item in values
        ]
    return _unwrapped(values)


def _next(text: str, at: int) -> int:
    """Return where the next call may begin, or the end of the text."""
    found = _AROUND.match(text, at)
    return found.end() if found is not None else at


def _unwrapped(values: list[Any]) -> list[Any]:
    """Return the calls in `{"tool_calls": [...]}`, if that is all there is."""
    if len(values) == 1 and isinstance(values[0], dict) and len(values[0]) == 1:
        inner = values[0].get("tool_calls")
        if isinstance(inner, list):
            return inner
    return values


def _call(item: Any, names: Collection[str]) -> ToolCall | None:
    if not isinstance(item, dict):
        return None
    kind = item.get("type")
    if kind is not None and not (isinstance(kind, str) and kind in _TYPES):
        return None
    fields = {key: value for key, value in item.items() if key not in _BESIDES}
    if len(fields) == 1:
        ((key, inner),) = fields.items()
        return _call(inner, names) if key in _WRAPPERS and isinstance(inner, dict) else None
    if len(fields) != 2:  # noqa: PLR2004  # the name and the arguments
        return None
    name = next((fields[key] for key in _NAMES if isinstance(fields.get(key), str)), None)
    given = next((fields[key] for key in _ARGUMENTS if key in fields), ...)
    if name is None or name not in names or given is ...:
        return None
    arguments = _arguments(given)
    if arguments is None:
        return None
    return ToolCall(id=uuid.uuid4().hex[:9], name=name, arguments=arguments)


def _arguments(given: Any) -> str | None:
    """Return arguments as JSON text; None for what is no object, or the schema of one."""
    if isinstance(given, str):
        try:
            given = json.loads(given, strict=False) if given.strip() else {}
        except (ValueError, RecursionError):
            return None
    given = {} if given is None else given
    if not isinstance(given, dict) or _is_schema(given):
        return None
    text = json.dumps(given, ensure_ascii=False)
    # Half a surrogate pair cannot be sent; escaped it can.
    return text if text.isascii() or _encodes(text) else json.dumps(given)


def _is_schema(value: Mapping[str, Any]) -> bool:
    return value.get("type") == "object" and isinstance(value.get("properties"), dict)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
