"""How likely each token of an answer was. No I/O.

Source: `logprobs.content` of the chat-completions API, natural logarithms.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token of an answer: its text, its probability from 0 to 1, and what else was likely.

    `alternatives` are texts with their probabilities, the likeliest first, without the token
    itself; as many as were asked for.
    """

    text: str
    probability: float
    alternatives: tuple[tuple[str, float], ...] = ()


def tokens_of(text: str, logprobs: Sequence[Mapping[str, Any]]) -> list[Token]:
    """Return the tokens that make up the text of an answer; none where the server told none.

    Tokens of reasoning are left out. None either where the tokens are those of another text: some
    of it was cut out on the way, such as a key, and does not come back by this door. A character
    that takes several tokens counts as one, with their probabilities multiplied.
    """
    found = _whole_characters(logprobs)
    said = "".join(token.text for token in found)
    start = said.rfind(text) if text else -1
    if start < 0:
        return []
    inside: list[Token] = []
    at = 0
    for token in found:
        # The first and the last one may reach beyond: what thought ends with, a space.
        piece = token.text[max(0, start - at) : max(0, start + len(text) - at)]
        if piece:
            same = piece == token.text
            inside.append(token if same else Token(text=piece, probability=token.probability))
        at += len(token.text)
    return inside


def _whole_characters(logprobs: Sequence[Mapping[str, Any]]) -> list[Token]:
    found: list[Token] = []
    begun, probability = b"", 1.0
    for entry in logprobs:
        likely = _probability(entry)
        if likely is None:
            continue
        data = _bytes(entry)
        if begun or data is not None:
            raw = data if data is not None else str(entry.get("token", "")).encode()
            begun, probability = begun + raw, probability * likely
            try:
                text = begun.decode()
            except UnicodeDecodeError as error:
                if error.reason == "unexpected end of data":
                    continue
                text = begun.decode(errors="replace")
            whole, likely = begun == raw, probability
            begun, probability = b"", 1.0
        else:
            text, whole = str(entry.get("token", "")), True
        others = _alternatives(entry) if whole else ()
        found.append(Token(text=text, probability=likely, alternatives=others))
    return found


def _alternatives(entry: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    top = entry.get("top_logprobs")
    others = [
        (str(one.get("token", "")), likely)
        for one in (top if isinstance(top, Sequence) else ())
        if isinstance(one, Mapping)
        and one.get("token") != entry.get("token")
        and (likely := _probability(one)) is not None
    ]
    return tuple(sorted(others, key=lambda pair: -pair[1]))


def _probability(entry: Mapping[str, Any]) -> float | None:
    value = entry.get("logprob")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
        return None
    return math.exp(min(0.0, value))


def _bytes(entry: Mapping[str, Any]) -> bytes | None:
    values = entry.get("bytes")
    if not isinstance(values, Sequence) or isinstance(values, str):
        return None
    try:
        return bytes(values)
    except (TypeError, ValueError):
        return None
