r"""A call that a model has written as text where it should have made one. No I/O.

Models do that whose server does not read their form, and small ones. Where all of a text is calls
they may be JSON (`{"name": ..., "parameters": {...}}`, the objects of the API's own messages, in a
list, in a fence) or Python (`[f(x=1)]`). Behind a sentence a call must be marked as one, by the
forms of `tools.written_forms`; and nothing may follow it. A text that quotes such a form, or shows
it in a fence of code, only talks about it; and each name must be a known one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from eighty80_jupyter.api.messages import ToolCall
from eighty80_jupyter.text import clean
from eighty80_jupyter.tools.arguments import ToolInputError, parsed
from eighty80_jupyter.tools.written_forms import AROUND, MARKED, read_form

_LONGEST = 100_000  # characters; no model writes a call as long as that
_THOUGHT = re.compile(r"<think>.*?</think>", re.DOTALL)
_FENCE = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)
_ENDED = re.compile(r"[.!?:;…)\]]\s*\Z|\n[^\S\n]*\Z")  # a sentence, or a line

_NAMES = ("name", "tool", "tool_name", "function", "function_name")
_ARGUMENTS = ("arguments", "parameters", "args", "input")
_WRAPPERS = ("function", "tool", "tool_call", "function_call", "call")
_BESIDES = frozenset({"type", "id", "call_id", "tool_call_id", "index"})
_TYPES = frozenset({"function", "tool_call", "tool_use", "function_call", "tool"})
_DECODER = json.JSONDecoder(strict=False)


class Written(NamedTuple):
    """Calls that were written as text, and what was `said` before them."""

    said: str
    calls: list[ToolCall]


def written_calls(text: str, names: Collection[str]) -> Written | None:
    """Return the calls with which `text` ends, or None where it is anything else.

    `names` are those of the tools that were offered. A call has one of them and its arguments as a
    JSON object (or as the text of one); a tool's definition, repeated, is no call. None has an id.
    The work is bounded, and nothing is raised.
    """
    if len(text) > _LONGEST or not names:
        return None
    if (thought := _THOUGHT.match(text.lstrip())) is not None:
        text = text.lstrip()[thought.end() :]
    if calls := _all_calls(text, names):
        return Written("", calls)
    mark = MARKED.search(text)
    if mark is None or not (said := text[: mark.start()]).strip() or not _is_said(said):
        return None
    calls = _all_calls(text[mark.start() :], names)
    return Written(said.strip(), calls) if calls else None


def _is_said(said: str) -> bool:
    """Tell whether a call may follow a text: it ends a sentence or a line, and is no quotation."""
    line = said.rpartition("\n")[2]
    quotes = line.count("`") % 2 or line.count('"') % 2
    return not quotes and _ENDED.search(said) is not None and len(_FENCE.findall(said)) % 2 == 0


def _all_calls(text: str, names: Collection[str]) -> list[ToolCall]:
    """Return the calls that are all of a text; none where it is anything else."""
    try:
        calls = [_call(item, names) for item in _items(text, names)]
    except (ValueError, RecursionError):
        return []
    # A call that is not understood makes all of it an ordinary text.
    known = [call for call in calls if call is not None]
    return known if len(known) == len(calls) else []


def _items(text: str, names: Collection[str]) -> list[Any]:
    """Return what a text consists of: JSON values, what is in a list of them, and other forms.

    Raises ValueError where it is more than that.
    """
    values: list[Any] = []
    plain = True
    at = _next(text, 0)
    while at < len(text):
        if (form := read_form(text, at, names)) is not None:
            found, at = form
            values += found
            plain = False
        elif text[at] in "{[":
            value, at = _DECODER.raw_decode(text, at)
            values += value if isinstance(value, list) else [value]
        else:
            raise ValueError("no call")
        at = _next(text, at)
    if "<tool_call>" in text and plain:
        # Here a name alone is a call: the tag says so.
        values = [
            {**item, "arguments": {}} if isinstance(item, dict) and set(item) == {"name"} else item
            for item in values
        ]
    return _unwrapped(values)


def _next(text: str, at: int) -> int:
    """Return where the next call may begin, or the end of the text."""
    found = AROUND.match(text, at)
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
    return ToolCall(id="", name=name, arguments=arguments)


def _arguments(given: Any) -> str | None:
    """Return arguments as JSON text; None for what is no object, or the schema of one."""
    if isinstance(given, str):
        try:
            given = parsed(given)
        except ToolInputError:
            return None
    given = {} if given is None else given
    if not isinstance(given, dict) or _is_schema(given):
        return None
    text = json.dumps(given, ensure_ascii=False)
    # Half a surrogate pair cannot be sent; escaped it can.
    return text if clean(text) == text else json.dumps(given)


def _is_schema(value: Mapping[str, Any]) -> bool:
    return value.get("type") == "object" and isinstance(value.get("properties"), dict)
