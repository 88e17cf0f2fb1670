"""A tool call as a person reads it: on one line, or argument by argument before it may run.

A model, or whatever a tool has read, wrote it: nothing in it may hide, or turn round what stands
beside it.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from eighty80_jupyter.tools.arguments import ToolInputError, parsed

_PARSED = 20_000  # characters of arguments; longer ones stand on one line as they are
_ROOM = 400  # characters of one text that is asked about
_WHOLE = 4_000  # the same, of one argument with all that is in it
_ENTRIES = 40  # of a list or an object in it

# What Unicode counts as a letter, a mark or a symbol and is nevertheless not to be seen: fillers,
# joiners, variation selectors. Source: DerivedCoreProperties, Default_Ignorable_Code_Point.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U00016fe4\U0001d159\U000e0000-\U000e0fff]"
)


def visible(text: str) -> str:
    """Return `text` with escapes for what is not to be seen or changes how the rest is seen.

    These are control characters, line ends, those that turn the direction of writing, and blanks
    but the space.
    """
    if text.isprintable() and not _UNSEEN.search(text):
        return text
    return "".join(
        c if _seen(c) else c.encode("unicode_escape", "surrogatepass").decode("ascii") for c in text
    )


def visible_lines(text: str) -> str:
    """Return the same of a text whose line ends stay."""
    return "\n".join(map(visible, text.split("\n")))


def visible_json(text: str) -> str:
    """Return JSON text with JSON's escapes for the same, which leave its value as it is.

    Line ends stay, since in JSON they only part what belongs together.
    """
    if text.replace("\n", "").isprintable() and not _UNSEEN.search(text):
        return text
    return "".join(c if c == "\n" or _seen(c) else _json_escape(c) for c in text)


def shown_call(name: str, arguments: str, limit: int = 80) -> str:
    """Return a call on one line, as `get_weather(city='Paris')`, cut to `limit` characters.

    `arguments` is the JSON text that the model wrote; what is no JSON object stands as it is.
    """
    name = visible(name[: limit + 1])
    inner = visible(arguments[: limit + 1])
    values = _parsed(arguments) if len(arguments) <= _PARSED else None
    if values is not None:
        with suppress(RecursionError):
            inner = ", ".join(f"{_name(k)}={visible(repr(v))}" for k, v in values.items())
    text = f"{name}({inner})"
    return text if len(text) <= limit else f"{text[: max(limit - 2, 0)]}…)"


@dataclass(frozen=True, slots=True)
class AskedCall:
    """A call that a person is asked about: every argument by its name.

    An argument without a name is what came where there should be JSON. `cut` tells that a long
    value lacks its middle, and the value says how much of it.
    """

    name: str
    arguments: tuple[tuple[str, str], ...]
    cut: bool

    @property
    def question(self) -> str:
        """What a person is asked where the arguments stand below."""
        return f"May {self.name} be called{' with these arguments' if self.arguments else ''}?"

    @property
    def line(self) -> str:
        """The call on one line."""
        return f"{self.name}({', '.join(self._keywords())})"

    @property
    def lines(self) -> str:
        """The call with a line for each argument."""
        inner = "".join(f"  {keyword},\n" for keyword in self._keywords())
        return f"{self.name}(\n{inner})" if inner else f"{self.name}()"

    def _keywords(self) -> list[str]:
        return [f"{name}={value}" if name else value for name, value in self.arguments]


def asked_call(name: str, arguments: str, *, whole: bool = False) -> AskedCall:
    """Return the call that a model has written as JSON text; with `whole` nothing is left out."""
    short = _Shortener(whole=whole)
    values = _parsed(arguments)
    try:
        if values is None:
            shown = [("", short.middle(visible(arguments), _WHOLE))]
        else:
            shown = [
                (short.middle(_name(key), _ROOM), short.middle(short.text(value), _WHOLE))
                for key, value in values.items()
            ]
    except RecursionError:
        shown = [("", short.middle(visible(arguments), _WHOLE))]
    return AskedCall(short.middle(visible(name), _ROOM), tuple(shown), short.cut)


class _Shortener:
    """Writes values as Python does, the long ones without their middle; `cut` tells if any was."""

    def __init__(self, *, whole: bool) -> None:
        self._whole = whole
        self.cut = False

    def text(self, value: Any) -> str:
        """Return a value of JSON; a text, list or object within it loses its own middle."""
        if isinstance(value, dict):
            pairs = [f"{visible(repr(key))}: {self.text(one)}" for key, one in value.items()]
            return f"{{{', '.join(self._ends(pairs))}}}"
        if isinstance(value, list):
            return f"[{', '.join(self._ends([self.text(one) for one in value]))}]"
        return self.middle(visible(repr(value)), _ROOM)

    def middle(self, text: str, room: int) -> str:
        """Return a text that has no more than about `room` characters, with both of its ends."""
        left = len(text) - room
        if self._whole or left <= 0:
            return text
        self.cut = True
        head = room // 2
        return f"{text[:head]} … {left:,} characters more … {text[-(room - head) :]}"

    def _ends(self, entries: list[str]) -> list[str]:
        left = len(entries) - _ENTRIES
        if self._whole or left <= 0:
            return entries
        self.cut = True
        head = _ENTRIES // 2
        return [*entries[:head], f"… {left:,} entries more …", *entries[-head:]]


def _parsed(text: str) -> dict[str, Any] | None:
    """Return the arguments; None where the text is no JSON object."""
    try:
        return parsed(text)
    except ToolInputError:
        return None


def _name(key: str) -> str:
    return visible(key if key.isidentifier() else repr(key))


def _seen(char: str) -> bool:
    return char.isprintable() and not _UNSEEN.match(char)


def _json_escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4))
