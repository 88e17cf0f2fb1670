"""JSON with the usual mistakes made good, where nothing that it says is lost, added or guessed.

json_repair reads `5 years`, `$5`, `50%` and `2 + 3` as the first number in it, the second of two
equal names alone, and nothing as an empty text: its result counts only where both say the same
words and numbers in the same order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from json_repair import repair_json

_COMMENT = re.compile(
    r"""("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|//[^\n]*|\#[^\n]*|/\*.*?\*/""",
    re.DOTALL | re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|([nrtbf])|(.))", re.DOTALL)
_NUMBER = re.compile(r"(?<![\w.])[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?(?!\w)")
_SIGNS = re.compile(r"""[\s{}\[\]"',:;\\]+""")
_WORDS = re.compile(r"\bnone\b")
_EMPTY = re.compile(r"""(["'])\s*\1""")
_PLACEHOLDERS = {"...", "\u2026", "undefined", "nan", "string", "integer", "number"}


def mended(text: str) -> Any:
    """Return the object or list that broken JSON means; None where that is not plain to see.

    Quotes of the wrong sort or none, commas too many or missing, comments, Python's literals.
    """
    try:
        value = repair_json(text, return_objects=True, skip_json_loads=True)
        json.dumps(value, allow_nan=False)
        found = list(_leaves(value))
    except Exception:  # noqa: BLE001  # a library that guesses, on any text
        return None
    if not isinstance(value, (dict, list)) or not value:
        return None
    said = _skeleton(" ".join(found))
    if said not in (_skeleton(_plain(text)), _skeleton(_plain(_COMMENT.sub(_string, text)))):
        return None
    empty = sum(not leaf.strip() for leaf in found)
    stands_for = any(
        leaf.strip().casefold() in _PLACEHOLDERS and not _is_quoted(leaf, text) for leaf in found
    )
    return None if empty > len(_EMPTY.findall(text)) or stands_for else value


def _leaves(value: Any) -> Iterator[str]:
    """Yield the names and values of a JSON value as texts, in order."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield str(name)
            yield from _leaves(one)
    elif isinstance(value, list):
        for one in value:
            yield from _leaves(one)
    else:
        yield value if isinstance(value, str) else json.dumps(value)


def _skeleton(text: str) -> str:
    """Return the words and numbers of a text, without the signs around them."""
    words = _WORDS.sub("null", text.casefold())
    return _SIGNS.sub("", _NUMBER.sub(_number, words))


def _number(found: re.Match[str]) -> str:
    try:
        return f"<{Decimal(found[0]).normalize()}>"
    except InvalidOperation:
        return found[0]


def _plain(text: str) -> str:
    """Return a text with its escapes resolved."""

    def resolved(found: re.Match[str]) -> str:
        if found[1]:
            return chr(int(found[1], 16))
        return " " if found[2] else found[3]

    return _ESCAPE.sub(resolved, text)


def _string(found: re.Match[str]) -> str:
    """Return a string as it is, and a blank for a comment."""
    return found[1] or " "


def _is_quoted(leaf: str, text: str) -> bool:
    return f'"{leaf}"' in text or f"'{leaf}'" in text
