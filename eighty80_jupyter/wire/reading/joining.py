"""Texts that come in pieces: halves of characters are joined, and the key is cut out. No I/O.

This is the one place where a key that a server sends back is taken out of what it sends.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from eighty80_jupyter.text import clean as whole_characters  # here `clean` does more
from eighty80_jupyter.text import with_texts
from eighty80_jupyter.wire.secret import REDACTED, without_words

_HALF = re.compile("[\ud800-\udfff]")
_FIRST_HALVES = ("\ud800", "\udbff")


class JoinedText:
    """One text of a reply: `feed` and `flush` return what of it can be passed on.

    Held back are the first half of a character whose second one may come, and an end that may be
    the beginning of one of `words`. A half that stays alone becomes U+FFFD.
    """

    __slots__ = ("_words", "held")

    def __init__(self, words: Sequence[str] = ()) -> None:
        self._words = words
        self.held = ""

    def feed(self, piece: str) -> str:
        """Take the next piece."""
        text = self.held + piece
        if not text.isascii() and _HALF.search(text):
            half = text[-1] if _FIRST_HALVES[0] <= text[-1] <= _FIRST_HALVES[1] else ""
            text = whole_characters(text.removesuffix(half))
            # Nothing of it can be in a key, which is ASCII.
            self.held = half
            return without_words(text, self._words) if half else self._settled(text)
        return self._settled(text)

    def flush(self) -> str:
        """Return what was held back."""
        rest, self.held = self.held, ""
        return without_words(whole_characters(rest), self._words)

    def _settled(self, text: str) -> str:
        text = without_words(text, self._words)
        end = len(text) - begun(text, self._words)
        self.held = text[end:]
        return text[:end]


def tokens_without_words(
    tokens: Sequence[dict[str, Any]], words: Sequence[str]
) -> list[dict[str, Any]]:
    """Return entries of `logprobs` with the words cut out, also where one spans several tokens.

    What stands in the tokens of a word beside it goes with them: their bytes, and what else was
    likely in their place.
    """
    cleaned: list[dict[str, Any]] = clean(list(tokens), words)
    texts = [text if isinstance(text := one.get("token"), str) else "" for one in tokens]
    whole = "".join(texts)
    for word in words:
        begin = whole.find(word)
        while begin >= 0:
            end, at = begin + len(word), 0
            for number, text in enumerate(texts):
                if at < end and at + len(text) > begin:
                    cleaned[number] = {"token": REDACTED if at <= begin else ""}
                at += len(text)
            begin = whole.find(word, end)
    return cleaned


def clean(value: Any, words: Sequence[str]) -> Any:
    """Return a text, or decoded JSON, that came as a whole: without halves and secret words."""
    return with_texts(value, lambda text: without_words(whole_characters(text), words))


def begun(text: str, words: Iterable[str]) -> int:
    """Return the length of the longest end of `text` that one of the words begins with."""
    return max((_begun(text, word) for word in words), default=0)


def _begun(text: str, word: str) -> int:
    place = text.find(word[0], max(0, len(text) - len(word) + 1))
    while place >= 0:
        if word.startswith(text[place:]):
            return len(text) - place
        place = text.find(word[0], place + 1)
    return 0
