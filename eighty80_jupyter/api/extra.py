"""What a server sends with an answer or a call and may want back, as it came. No I/O.

Nothing of it is shown. Seen of real servers: `reasoning_content` (DeepSeek), `reasoning_details`
(OpenRouter), `thinking_blocks` and `provider_specific_fields` (LiteLLM), `reasoning_opaque`
(Copilot), and `extra_content` with a `thought_signature` on a call or an answer (Gemini).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# Fields by their names, unknown values: None where there are none, so that equal things are equal.
Extra = Mapping[str, Any]

# Reasoning as a text of its own; `ReasoningDelta.field` tells that it came so.
TEXT_FIELDS = ("reasoning_content", "reasoning_text")
_ALWAYS = frozenset({"extra_content", "provider_specific_fields"})
_NAMED = re.compile(r"reasoning|thinking|thought|signature|encrypted", re.IGNORECASE)
# Shown as reasoning, and wanted back by nobody.
_SHOWN_ONLY = frozenset({"reasoning", "thinking", "thought", "thoughts"})
# Texts that come in pieces; of any other field the last value stands.
_GROWING = frozenset({*TEXT_FIELDS, "text", "summary", "thinking", "reasoning", "content"})


def extra_of(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of a message's or a call's fields that the server may want back.

    `TEXT_FIELDS` that are texts are left out: they come as reasoning.
    """
    return {
        name: value
        for name, value in fields.items()
        if (name in _ALWAYS or (name not in _SHOWN_ONLY and _NAMED.search(name)))
        and value not in (None, "", [], {})
        and not (name in TEXT_FIELDS and isinstance(value, str))
    }


def merged(known: Any, new: Any, name: str = "") -> Any:
    """Return a value of the field `name` with a later piece of it added.

    Texts that come in pieces are joined, objects are merged field by field, and so are the entries
    of a list: by their `index` and `type`, or the last one of that type which has no signature yet.
    """
    if new is None or new == "" or known is None:
        return known if new is None or new == "" else new
    if isinstance(known, str) and isinstance(new, str):
        return known + new if name in _GROWING else new
    if isinstance(known, Mapping) and isinstance(new, Mapping):
        both = dict(known)
        for key, value in new.items():
            both[key] = merged(both.get(key), value, key)
        return both
    if isinstance(known, list) and isinstance(new, list):
        entries = list(known)
        for entry in new:
            _add(entries, entry)
        return entries
    return new


def _add(entries: list[Any], entry: Any) -> None:
    """Add an entry to a list, or to that one of its entries which it goes on with."""
    if isinstance(entry, Mapping):
        for place in range(len(entries) - 1, -1, -1):
            other = entries[place]
            if isinstance(other, Mapping) and _goes_on(other, entry):
                entries[place] = merged(other, entry)
                return
            if "index" not in entry:
                break  # only the last one can go on
    entries.append(entry)


def _goes_on(known: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    if known.get("type") != entry.get("type") or _differ(known.get("id"), entry.get("id")):
        return False
    if "index" in entry or "index" in known:
        return bool(known.get("index") == entry.get("index"))
    return not known.get("signature") and not known.get("data")


def _differ(one: Any, other: Any) -> bool:
    return bool(one and other and one != other)
