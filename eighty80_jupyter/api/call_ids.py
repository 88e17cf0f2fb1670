"""Ids of tool calls in a form that servers take. No I/O.

Sources: OpenAI's API ("Expected a string with maximum length 40"), Mistral's ("must be a-z, A-Z,
0-9, with a length of 9").
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

LONGEST = 40
_STRICT = re.compile(r"[A-Za-z0-9]{9}")
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# Gateways hide Gemini's signature of a thought in an id, and want it back (LiteLLM does).
_SIGNED = "__thought__"


def free_id(call_id: str, used: set[str], *, strict: bool = False) -> str:
    """Return the id itself if it is good and not yet in `used`, to which what is returned is added.

    Else one of nine letters and digits, the same for the same id every time. Only such ones are
    good where `strict`.
    """
    fits = bool(_STRICT.fullmatch(call_id)) if strict else _is_good(call_id)
    new, count = call_id, 0
    while not fits or new in used:
        digest = hashlib.blake2b(f"{count} {call_id}".encode("utf-8", "replace"), digest_size=8)
        number = int.from_bytes(digest.digest())
        new = "".join(_LETTERS[number // 62**place % 62] for place in range(9))
        fits, count = True, count + 1
    used.add(new)
    return new


def with_strict_ids(messages: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the messages of a request with ids of calls that every server takes.

    Their results have these, too. The ids of a request differ already.
    """
    new: dict[Any, str] = {}
    used: set[str] = set()
    found: list[Mapping[str, Any]] = []
    for message in messages:
        if message.get("tool_calls"):
            for call in message["tool_calls"]:
                new[call["id"]] = free_id(str(call["id"]), used, strict=True)
            calls = [{**call, "id": new[call["id"]]} for call in message["tool_calls"]]
            found.append({**message, "tool_calls": calls})
        elif message.get("tool_call_id") in new:
            found.append({**message, "tool_call_id": new[message["tool_call_id"]]})
        else:
            found.append(message)
    return found


def _is_good(call_id: str) -> bool:
    return 0 < len(call_id) <= LONGEST or _SIGNED in call_id
