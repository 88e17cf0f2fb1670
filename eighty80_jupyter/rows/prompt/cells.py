"""Cells as they stand in a prompt: texts, numbers and dates, without any code of the user's.

What is described otherwise, and what holds a mark that must be broken up, is left to
`prompt.template.compose`, which says the same of these, and takes much longer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eighty80_jupyter.prompt.describe.base import is_inline
from eighty80_jupyter.prompt.describe.values.short_repr import scalar
from eighty80_jupyter.prompt.secrets.redact import Redactor
from eighty80_jupyter.prompt.secrets.steady import SteadyRedactor

NONE = "(none)"  # what stands for a missing value

_WHOLE = 2**20  # characters of a text that is taken
_DIGITS = 10**18
_SHORT_FORMAT = 8  # characters of a format that needs no further look
_SURELY_INLINE = 100  # characters
# Their texts are made without any code of the user's.
_PLAIN_MODULES = frozenset({"datetime", "decimal", "uuid"})


class PlainCells:
    """Makes the texts of plain cells, their secrets taken out by `redactor`; None: they stay."""

    def __init__(self, redactor: Redactor | None) -> None:
        self._redactor = redactor
        self._steady: SteadyRedactor | None = None
        self.look_around()

    def look_around(self) -> None:
        """Look at the environment, and at what is secret in it, as it is now."""
        if self._redactor is None or (self._steady is not None and self._steady.is_current()):
            return
        self._steady = SteadyRedactor(self._redactor)

    def texts(self, values: Sequence[Any], missing: Sequence[bool]) -> list[str] | None:
        """Return the texts of values, of which some are missing; None where one is not plain."""
        texts: list[str] = []
        for value, no in zip(values, missing, strict=True):
            text = NONE if no else _written(value)
            if text is None:
                return None
            texts.append(text)
        return texts if self._steady is None else self._steady.redact_all(texts)

    def text(self, value: Any, options: str = "") -> str | None:
        """Return the text of a value in the format of the options; None where it is not plain."""
        text = _written(value, options)
        return text if text is None or self._steady is None else self._steady.redact(text)


def _written(value: Any, options: str = "") -> str | None:
    kind = type(value)
    if kind is str:
        return value if len(value) <= _WHOLE and not options else None
    if kind is float or (kind is int and -_DIGITS < value < _DIGITS):
        return _formatted(value, options) if options else repr(value)
    if options:
        return None
    if kind is bool:
        return repr(value)
    return scalar(value) if kind.__module__ in _PLAIN_MODULES else None


def are_inline(texts: Sequence[Any]) -> bool:
    """Tell whether all go into a sentence as they are: short texts without any mark."""
    for text in texts:
        if type(text) is not str or "<" in text or "[" in text:
            return False
        # What ends a line cannot be printed.
        if not (len(text) <= _SURELY_INLINE and text.isprintable()) and not is_inline(text):
            return False
    return True


def _formatted(value: float, options: str) -> str | None:
    """Return a number as a short format has it; None: the long way says what is wrong."""
    if len(options) > _SHORT_FORMAT or options == "full":
        return None
    try:
        return format(value, options)
    except ValueError:
        return None
