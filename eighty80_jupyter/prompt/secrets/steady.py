"""The redactor for many short texts, of which hardly any holds a secret.

It knows the environment as it was when it was made, and looks only for what a text can hold at all:
each form needs one of its words, and each secret that a name gives away needs such a name. Where
anything is found the text goes through the whole redactor, so that both always say the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from eighty80_jupyter.prompt.secrets.clients import CLIENT_PATTERNS
from eighty80_jupyter.prompt.secrets.patterns import PATTERNS, Pattern
from eighty80_jupyter.prompt.secrets.redact import BREAK, STUB, Redactor

_PATTERNS: tuple[Pattern, ...] = (*PATTERNS, *CLIENT_PATTERNS)
# What stands in every name that `named` and `cookies` know, in small letters.
_NAMES = ("pass", "kennwort", "pw", "secret", "key", "token", "auth", "cookie")
# They count as a small letter of ASCII where case is ignored, and `lower` does not make them one.
_LIKE_ASCII = re.compile("[\u017f\u0130\u0131\u212a]")


def _by_sign() -> tuple[tuple[str, tuple[tuple[str, tuple[int, ...]], ...]], ...]:
    """Return the words of all patterns under the first sign in each that is no letter or digit."""
    places: dict[str, list[int]] = {}
    for place, pattern in enumerate(_PATTERNS):
        for word in pattern.words:
            places.setdefault(word, []).append(place)
    found: dict[str, list[tuple[str, tuple[int, ...]]]] = {}
    for word, of in places.items():
        sign = next((letter for letter in word if not letter.isalnum()), "")
        found.setdefault(sign, []).append((word, tuple(of)))
    return tuple((sign, tuple(words)) for sign, words in found.items())


_BY_SIGN = _by_sign()


_BREAK = re.compile(BREAK)


class SteadyRedactor:
    """Takes secrets out of texts as `redactor` does, with the environment of this moment."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._known = redactor.known()
        self._forms = tuple({form: None for secret in self._known for form in secret.forms})
        self._stubs = tuple(secret.value[:STUB] for secret in self._known)

    def is_current(self) -> bool:
        """Tell whether the environment has the same secrets as when it was made."""
        return self._redactor.known() is self._known

    def redact(self, text: str) -> str:
        """Return `text` without secrets; nearly always that is the text itself."""
        return self.redact_all([text])[0]

    def redact_all(self, texts: Sequence[str]) -> list[str]:
        """Return the texts without secrets.

        What none of them holds is looked for once, in all of them together.
        """
        joined = "\0".join(texts)
        low = joined.lower()
        known = [begin for begin in (*self._forms, *self._stubs) if begin in joined]
        broken = bool(self._forms) and ("\n" in joined or "\\n" in joined)
        names = [name for name in _NAMES if name in low]
        odd = not joined.isascii() and _LIKE_ASCII.search(joined) is not None
        places = {
            place
            for sign, words in _BY_SIGN
            if sign in joined
            for word, of in words
            if word in joined
            for place in of
        }
        searches = [_PATTERNS[place].regex.search for place in sorted(places)]
        if not (known or broken or names or odd or searches):
            return list(texts)

        def may_hold_one(text: str) -> bool:
            for begin in known:
                if begin in text:
                    return True
            if broken and self._is_broken_in(text):
                return True
            if names:
                small = text.lower()
                for name in names:
                    if name in small:
                        return True
            for search in searches:
                if search(text) is not None:
                    return True
            return odd and _LIKE_ASCII.search(text) is not None

        return [
            self._redactor.redact(text, self._known)[0] if may_hold_one(text) else text
            for text in texts
        ]

    def _is_broken_in(self, text: str) -> bool:
        """Tell whether a known secret is there once line ends within it are taken out."""
        if "\n" not in text and "\\n" not in text:
            return False
        joined = _BREAK.sub("", text)
        return any(form in joined for form in self._forms)
