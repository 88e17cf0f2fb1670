"""Words that mean the same: choices, whatever their case and punctuation; how an answer ended."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Literal

# What servers call the end at the limit, and the end that a filter made.
_CUT = frozenset({"length", "max_tokens", "model_length"})
_FILTERED = frozenset({"content_filter", "safety", "refusal"})

# Not `#`, `+` and `-`: C# is not C, and a grade of A- is not A.
_AROUND = (
    " \t\r\n\"'`*_~()[]{}.,;:!?\u201c\u201d\u2018\u2019\u201e\u201a\u00ab\u00bb\u2026\u00a0\u200b"
)
_PUNCTUATION = ("Po", "Ps", "Pe", "Pi", "Pf")
_PART_OF_A_WORD = "\u00a7\u00b6\u2020\u2021\u2030\u2031"  # sections, paragraphs, daggers, per mille
# Before a digit a dash may be a minus, and a number a part of what follows.
_LEADING = re.compile(r"\s*(?:#{1,6}\s+|>\s*|[-*+\u2022]\s+(?!\d)|\d{1,2}[.)]\s+(?!\d))")
_LABELS = (
    "answer", "final answer", "label", "category", "class", "classification", "choice", "result",
    "output", "response", "prediction", "verdict", "sentiment", "type", "value",
)  # fmt: skip
_BLANKS = re.compile(r"\s+")


def unfinished(
    finish_reason: str | None, refusal: str
) -> tuple[Literal["cut", "refused"], str] | None:
    """Return why an answer is none by the way it ended, a word and a line; None: it may be one."""
    if refusal:
        return "refused", f"the model refused: {refusal.strip()[:200]}"
    ended = (finish_reason or "").casefold()
    if ended in _CUT:
        return "cut", "the answer was cut at the limit of tokens; raise max_tokens"
    if ended in _FILTERED:
        return "refused", "the server's content filter ended the answer"
    return None


def folded(text: str) -> str:
    """Return a text as it is compared: without case, and what may stand around a word."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    while found := _LEADING.match(plain):
        plain = plain[found.end() :]
    return _BLANKS.sub(" ", _stripped(plain))


def _stripped(text: str) -> str:
    """Return a text without what stands around it: also the punctuation of other languages."""
    begin, end = 0, len(text)
    while begin < end and _is_around(text[begin]):
        begin += 1
    while end > begin and _is_around(text[end - 1]):
        end -= 1
    return text[begin:end]


def _is_around(letter: str) -> bool:
    if letter in _AROUND:
        return True
    punctuation = not letter.isascii() and unicodedata.category(letter) in _PUNCTUATION
    return punctuation and letter not in _PART_OF_A_WORD


def without_prefix(text: str, names: Iterable[str]) -> str:
    """Return an answer without `Answer:`, `Label:` or one of the names and a colon before it."""
    words = "|".join(re.escape(name) for name in (*names, *_LABELS) if name)
    prefix = re.match(
        rf"""[\s"'`*_#>-]*(?:the\s+)?(?:{words})["'`*_\s]*[:=]""", text, re.IGNORECASE
    )
    return text[prefix.end() :] if prefix else text
