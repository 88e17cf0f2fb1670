"""The short way to write the shape of an answer: `label: bug|feature, score: float`.

    fields   name: type, name?: type, ...       a record; `?` marks a field that may be missing
    type     one | another                      a union; words that are no types are choices
    one      True False str int float bool date datetime time None, list[type], dict[str, type],
             {fields}, a word, a "quoted text", a number, or a name that the notebook has

Everything becomes a Python type that pydantic understands. No I/O, nothing is evaluated.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Mapping
from typing import Any, Literal, Union

import typing_extensions

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.text import shown

TYPES: dict[str, Any] = {
    "str": str,
    "string": str,
    "text": str,
    "int": int,
    "integer": int,
    "float": float,
    "number": float,
    "bool": bool,
    "boolean": bool,
    "date": dt.date,
    "datetime": dt.datetime,
    "time": dt.time,
    "None": None,
    "null": None,
}
_TOKEN = re.compile(
    r"""\s*(?:(?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<number>[+-]?\d+(?:\.\d+)?(?![^\s\[\]{}:,|?"'=();]))
    |(?P<word>[^\s\[\]{}:,|?"'=();#](?:[^\s\[\]{}:,|?"=();]*))
    |(?P<sign>[\[\]{}:,|?]))""",
    re.VERBOSE,
)
# One of the choices in a list, in straight or in curly quotes.
_QUOTES = "\"'\u201c\u2018"
_QUOTED = re.compile(
    r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\u201c[^\u201d]*\u201d|\u2018[^\u2019]*\u2019)\s*(?:,|$)"""
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_DEEPEST = 20  # records and lists within each other


def type_of(text: str, names: Mapping[str, Any] | None = None) -> Any:
    """Return the Python type that a shorthand text stands for.

    `names` are those that a word may stand for, where it is a class: the notebook's. Raises
    UsageError with the place where the text stops to make sense.
    """
    parser = _Parser(text, names or {})
    found = parser.fields("") if parser.is_record() else parser.union(0)
    parser.end()
    return found


def typed_dict(name: str, fields: Mapping[str, Any], optional: Collection[str] = ()) -> Any:
    """Return a typed dictionary with these fields, some of which may be missing."""
    made: Any = typing_extensions.TypedDict  # mypy knows its literal form only
    return made(
        name,
        {
            key: typing_extensions.NotRequired[kind] if key in optional else kind
            for key, kind in fields.items()
        },
    )


def choices_of(text: str) -> tuple[str, ...]:
    """Return the choices in `bug,feature,"a, b"`: words or texts, quoted where they hold commas.

    Raises UsageError where there is none, or a quote is not closed.
    """
    choices: list[str] = []
    rest = text.strip()
    while rest:
        if rest[0] in _QUOTES:
            end = _QUOTED.match(rest)
            if end is None:
                raise UsageError(f"choices are separated by commas, got {shown(rest)}")
            word, rest = _unquoted(end[1]), rest[end.end() :]
        else:
            word, _, rest = rest.partition(",")
        if not word.strip():
            raise UsageError(f"a choice is empty in {shown(text)}; write --choices bug,feature")
        choices.append(word.strip())
        rest = rest.strip()
    if not choices:
        raise UsageError("there are no choices; write them as --choices bug,feature,other")
    if len(choices) == 1 and text.strip()[0] not in _QUOTES and re.search(r"[|;]", text):
        raise UsageError(f"choices are separated by commas, got {shown(text)}")
    return tuple(choices)


def _unquoted(text: str) -> str:
    return _ESCAPE.sub(r"\1", text[1:-1])


class _Parser:
    """Reads one text from left to right; `_token` is what comes next, None at the end."""

    def __init__(self, text: str, names: Mapping[str, Any]) -> None:
        self._text = text
        self._names = names
        self._at = 0
        self._token: tuple[str, str] | None = None
        self._bare = ""  # the latest choice without quotes, which may be a misspelt type
        self._next()

    def is_record(self) -> bool:
        """Tell whether the text begins with `name:` or `name?:`."""
        name = r"""\s*(?:[\w-]+|"[^"]*"|'[^']*')\s*\??\s*:"""
        return re.match(name, self._text) is not None

    def end(self) -> None:
        """Check that nothing is left."""
        if self._token is not None:
            raise self._wrong("the end, `|` or `,`")

    def fields(self, closing: str, depth: int = 0) -> Any:
        """Read `name: type, ...` up to the sign that closes it, and return a typed dictionary."""
        if depth > _DEEPEST:
            raise UsageError(f"the shape is nested more than {_DEEPEST} deep")
        found: dict[str, Any] = {}
        optional: set[str] = set()
        while not self._is(closing):
            kind, name = self._token or ("", "")
            if kind not in ("word", "quoted", "number"):
                raise self._wrong("the name of a field")
            name = _unquoted(name) if kind == "quoted" else name
            self._next()
            if self._take("?"):
                optional.add(name)
            if not self._take(":"):
                raise self._wrong(f"`:` and a type after the field {name}")
            if name in found:
                raise UsageError(f"the field {name} stands twice in {shown(self._text)}")
            found[name] = self.union(depth)
            if not self._take(",") and not self._is(closing):
                raise self._wrong("`,` and the next field")
        if not found:
            raise UsageError("there are no fields; write them as name: type, name: type")
        return typed_dict("Answer", found, optional)

    def union(self, depth: int) -> Any:
        """Read alternatives between `|`."""
        words: list[Any] = []
        types: list[Any] = []
        self._bare = ""
        while True:
            self._one(words, types, depth)
            if not self._take("|"):
                break
        if not types and words == [self._bare]:
            known = ", ".join(name for name in TYPES if name not in ("string", "text", "null"))
            raise UsageError(
                f"{words[0]} is no type, and one choice alone is none; there are {known}, "
                "list[...], dict[str, ...], and choices such as bug|feature"
            )
        if words:
            types.insert(0, Literal[tuple(words)])
        return Union[tuple(types)] if len(types) > 1 else types[0]  # noqa: UP007  # of a list

    def _one(self, words: list[Any], types: list[Any], depth: int) -> None:
        kind, text = self._token or ("", "")
        if kind == "quoted":
            self._next()
            words.append(_unquoted(text))
        elif kind == "number":
            self._next()
            words.append(int(text) if text.lstrip("+-").isdigit() else text)
        elif kind == "word":
            self._next()
            if text in ("list", "List", "dict", "Dict") and self._take("["):
                types.append(self._container(text.lower(), depth + 1))
            elif text in ("list", "dict"):
                types.append(list if text == "list" else dict)
            elif isinstance(self._names.get(text), type):
                types.append(self._names[text])
            elif text in ("True", "False"):
                words.append(text == "True")
            elif text in TYPES:
                types.append(TYPES[text])
            else:
                while self._token is not None and self._token[0] == "word":
                    text = f"{text} {self._token[1]}"
                    self._next()
                words.append(text)
                self._bare = text
        elif self._take("{"):
            types.append(self.fields("}", depth + 1))
            if not self._take("}"):
                raise self._wrong("`}`")
        else:
            raise self._wrong("a type or a choice")

    def _container(self, name: str, depth: int) -> Any:
        if depth > _DEEPEST:
            raise UsageError(f"the shape is nested more than {_DEEPEST} deep")
        inner = self.union(depth)
        if name == "dict":
            if inner is not str or not self._take(","):
                raise UsageError("a dictionary is written dict[str, type]: JSON's keys are texts")
            inner = self.union(depth)
        if not self._take("]"):
            raise self._wrong("`]`")
        return list[inner] if name == "list" else dict[str, inner]  # type: ignore[valid-type] # made at run time

    def _next(self) -> None:
        found = _TOKEN.match(self._text, self._at)
        if found is None:
            if self._text[self._at :].strip():
                raise self._wrong("a name, a type or a choice")
            self._token = None
            return
        self._at = found.end()
        kind = found.lastgroup or ""
        self._token = (kind, found[kind])

    def _is(self, sign: str) -> bool:
        return self._token is None if not sign else self._token == ("sign", sign)

    def _take(self, sign: str) -> bool:
        if self._token != ("sign", sign):
            return False
        self._next()
        return True

    def _wrong(self, expected: str) -> UsageError:
        rest = (self._token[1] if self._token else "") + self._text[self._at :]
        got = shown(rest) if rest.strip() else "the end"
        return UsageError(f"expected {expected}, got {got}; write label: bug|feature, score: float")
