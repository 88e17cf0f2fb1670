"""A key that shows nowhere, and texts without it."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from functools import partial
from typing import Any, TypeAlias

from eighty80_jupyter.text import with_texts

REDACTED = "[redacted: API key]"
_LONG_KEY = 12  # characters; a shorter one has letters and digits
_SHORT_KEY = 4
_QUOTES = {'"': '"', "'": "'", "`": "`", "\u201c": "\u201d", "\u2018": "\u2019"}
_SECRET_NAME = re.compile(
    r"key|token|secret|auth|passw|pwd|credential|cookie|signature|jwt|bearer|\bsig\b|session",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    r"(?:bearer|basic) \S+|(?:sk|pk|gh[opsu]|hf|xai|gsk)[-_]\S{8,}|eyJ\S{8,}", re.IGNORECASE
)


class Secret:
    """A text that shows nowhere by itself: not in a repr, a format, a copy or a pickle."""

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def reveal(self) -> str:
        """Return the text; the caller must not keep it where it could be printed."""
        return self.__value

    def __repr__(self) -> str:
        return "Secret('***')" if self.__value else "Secret('')"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self.__value.encode(), other.__value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self.__value))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        """Pickle as an empty one: a notebook that is dumped with its settings keeps no key."""
        return Secret, ("",)


# What must not show, as `without_secret` takes it.
Secrets: TypeAlias = Secret | tuple[Secret, ...] | None


def secret_words(secret: Secrets) -> tuple[str, ...]:
    """Return the words that must not show, the longest first.

    A key is long, or has letters and digits: `ollama`, `EMPTY` or `test`, which servers without
    keys are given, would mutilate what a server says.
    """
    hidden = (secret,) if isinstance(secret, Secret) else secret or ()
    words = {word for one in hidden if _is_key(word := one.reveal())}
    return tuple(sorted(words, key=len, reverse=True))


def _is_key(word: str) -> bool:
    if len(word) >= _LONG_KEY:
        return True
    is_mixed = any(c.isalpha() for c in word) and any(c.isdigit() for c in word)
    return is_mixed and len(word) >= _SHORT_KEY


def without_secret(value: Any, secret: Secrets) -> Any:
    """Return `value`, a text or decoded JSON, with secrets cut out wherever they are echoed.

    Raises RecursionError for JSON that is nested a thousand levels deep.
    """
    words = secret_words(secret)
    return with_texts(value, partial(without_words, words=words)) if words else value


def without_words(text: str, words: Iterable[str]) -> str:
    """Return a text with the secret words cut out."""
    for word in words:
        if word in text:
            text = text.replace(word, REDACTED)
    return text


def looks_secret(name: str, value: str) -> bool:
    """Tell whether a header or a parameter of an address holds a secret, by its name or value."""
    return bool(_SECRET_NAME.search(name) or _SECRET_VALUE.match(value))


def unquoted(text: str) -> str:
    """Return a key without what was copied along with it: spaces, quotes, the word Bearer."""
    text = text.strip()
    while len(text) > 1 and _QUOTES.get(text[0]) == text[-1]:
        text = text[1:-1].strip()
    return re.sub(r"^bearer\s+", "", text, flags=re.IGNORECASE)
