r"""Read an answer as a value of its shape: whole, found in prose, repaired; never guessed. No I/O.

    value = read(shape, "```json\n{\"name\": \"Ada\"}\n```")

Each step counts only where its result is valid. What was cut, refused or empty is no answer, and
neither are two different values of which nobody knows which one is meant.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from eighty80_jupyter.structured.conform import Written, conform
from eighty80_jupyter.structured.mending import mended
from eighty80_jupyter.structured.shape import WRAPPER, NotValidError, Shape
from eighty80_jupyter.structured.words import unfinished, without_prefix

Kind = Literal["cut", "refused", "empty", "invalid"]

_LIKE_JSON = re.compile(
    r"""\{\s*(?:["'}/#]|[^\W\d]\w*\s*:|$)|\[\s*(?:["'{\[\]/#+-]|\d|true|false|null|None|True|False|$)"""
)
_PAIRS = {"{": "}", "[": "]"}
_LONGEST = 2_000_000  # characters; what is longer is no answer to a prompt
_TOO_MANY = 50  # places in a text that look like JSON


class UnreadableError(Exception):
    """An answer that is no value of the shape; `kind` says why, `problems` what is wrong with it.

    `kind` is "cut" (by the limit of tokens, or in the middle), "refused", "empty" or "invalid".
    """

    def __init__(self, kind: Kind, *problems: str) -> None:
        self.kind: Kind = kind
        self.problems = problems
        super().__init__("; ".join(problems))

    @property
    def mendable(self) -> bool:
        """Whether asking again can help: a limit or a refusal would be met again."""
        return self.kind in ("invalid", "empty")


def read(shape: Shape, text: str, *, finish_reason: str | None = None, refusal: str = "") -> Any:
    """Return the value that an answer means. Raises UnreadableError."""
    if (why := unfinished(finish_reason, refusal)) is not None:
        raise UnreadableError(*why)
    text = text.strip("\ufeff \t\r\n")
    if not text:
        raise UnreadableError("empty", "the answer is empty")
    if len(text) > _LONGEST:
        raise UnreadableError("invalid", f"the answer has {len(text):,} characters")
    if shape.bare:
        return _bare(shape, text)
    problems: list[str] = []
    for candidate in _candidates(shape, text):
        try:
            return _checked(shape, candidate)
        except NotValidError as error:
            problems = problems or list(error.problems)
    raise UnreadableError("invalid", *(problems or ["there is no JSON in the answer"]))


def _bare(shape: Shape, text: str) -> Any:
    """Read a choice, a number, a date or a text that stands for itself, or in JSON."""
    problems: tuple[str, ...] = ()
    plain = _without_fence(text)
    try:
        parsed = _loaded(plain)
    except ValueError:
        pass
    else:
        values = [parsed]
        if isinstance(parsed, dict):
            if _is_echo(shape, parsed):
                raise UnreadableError("invalid", "the schema came back instead of an answer")
            named = len(parsed) == 1 and (shape.scalar is not str or WRAPPER in parsed)
            values = list(parsed.values()) if named else []
            problems = ("expected one value, got an object of several",)
        for value in values:
            try:
                return _checked(shape, value)
            except NotValidError as error:
                problems = error.problems
        if isinstance(parsed, (dict, list)) and shape.scalar is not str:
            raise UnreadableError("invalid", *problems)
    word = plain if shape.scalar is str else without_prefix(plain, (WRAPPER, shape.name))
    if not shape.choices and shape.scalar is not str:
        word = word.strip().strip("\"'`*_ ")
        if shape.scalar in (int, float):
            word = word.rstrip(".")
    try:
        return _checked(shape, word)
    except NotValidError as error:
        raise UnreadableError("invalid", *error.problems) from None


def _checked(shape: Shape, value: Any) -> Any:
    """Return the Python value of a JSON value, which may stand in the wrapper or without it."""
    if shape.wrapped and isinstance(value, dict) and set(value) == {WRAPPER}:
        value = value[WRAPPER]
    elif _is_echo(shape, value):
        raise NotValidError(["the schema came back instead of an answer"])
    conforming, problems = conform(value, shape.schema)
    if problems:
        raise NotValidError(problems)
    return shape.check(conforming)


def _is_echo(shape: Shape, value: Any) -> bool:
    """Tell whether a value is the schema that was asked for, or one like it."""
    if not isinstance(value, dict):
        return False
    own = shape.schema.get("properties", {})
    says = isinstance(value.get("properties"), dict) and "properties" not in own
    return says or value in (shape.schema, shape.asked)


def _candidates(shape: Shape, text: str) -> Iterator[Any]:
    """Yield what the text may mean as JSON: the whole of it, the one value in it, it mended.

    Raises UnreadableError where it was cut, or holds several values.
    """
    try:
        yield _loaded(text)
    except ValueError:
        pass
    else:
        return
    pieces = list(_pieces(text))
    wanted = [piece for piece in pieces if _may_be(shape, piece)]
    values = [piece for piece in wanted if piece.ok]
    distinct = [value for n, value in enumerate(values) if value not in values[:n]]
    if len(distinct) > 1 or len(wanted) > max(1, len(values)):
        raise UnreadableError("invalid", "the answer holds several JSON values; write exactly one")
    for piece in distinct or wanted:
        if piece.ok:
            yield piece.value
            return
        if not piece.closed:
            raise UnreadableError("cut", "the JSON of the answer is cut off; raise max_tokens")
        value = mended(piece.text)
        if value is None:
            raise UnreadableError("invalid", "the answer is broken JSON; write valid JSON")
        yield value


@dataclass(frozen=True, slots=True)
class _Piece:
    """A place in a text that looks like JSON; `ok` where it is, with its `value`."""

    text: str
    ok: bool = False
    value: Any = None
    closed: bool = True


def _may_be(shape: Shape, piece: _Piece) -> bool:
    """Tell whether a piece may be the answer: it opens as the shape does, and is no schema."""
    if piece.ok and _is_echo(shape, piece.value):
        return False
    kind = shape.schema.get("type")
    opening = {"object": "{", "array": "[{"}.get(kind if isinstance(kind, str) else "", "[{")
    return piece.text[0] in opening


def _pieces(text: str) -> Iterator[_Piece]:
    """Find the outermost JSON values in a text; nothing is looked for inside a broken one."""
    at = 0
    for _ in range(_TOO_MANY):
        found = _LIKE_JSON.search(text, at)
        if found is None:
            return
        start = found.start()
        try:
            value, end = _DECODER.raw_decode(text, start)
        except _AmbiguousError as error:
            raise UnreadableError("invalid", str(error)) from None
        except (ValueError, RecursionError):
            end = _balanced(text, start)
            yield _Piece(text[start:end], closed=end <= len(text))
            at = end
        else:
            yield _Piece(text[start:end], ok=True, value=value)
            at = end


def _balanced(text: str, start: int) -> int:
    """Return where the bracket at `start` closes, past strings; behind the text if it does not."""
    waiting: list[str] = []
    quoted = ""
    at = start
    while at < len(text):
        char = text[at]
        if quoted:
            if char == "\\":
                at += 1
            elif char == quoted and _ends_string(text, at):
                quoted = ""
        elif char == '"' or (char == "'" and _opens_string(text, at)):
            quoted = char
        elif char in _PAIRS:
            waiting.append(_PAIRS[char])
        elif waiting and char == waiting[-1]:
            waiting.pop()
            if not waiting:
                return at + 1
        at += 1
    return len(text) + 1


def _ends_string(text: str, at: int) -> bool:
    """Tell whether a quote ends its string: what comes next belongs to JSON, not to the text."""
    rest = text[at + 1 : at + 40].lstrip()
    return not rest or rest[0] in ",:}]/#"


def _opens_string(text: str, at: int) -> bool:
    before = text[max(0, at - 40) : at].rstrip()
    return not before or before[-1] in "{[,:"


def _without_fence(text: str) -> str:
    fence = re.fullmatch(r"(`{3,}|~{3,})[^\n`]*\n(.*?)\n?\1", text, re.DOTALL)
    return fence[2].strip() if fence else text


class _AmbiguousError(ValueError):
    """JSON that cannot mean one value; no repair could tell which."""


def _no_constant(text: str) -> Any:
    raise _AmbiguousError(f"{text} is no value of JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _AmbiguousError(f"the name {twice} stands twice in one object")
    return found


_DECODER = json.JSONDecoder(
    parse_float=Written, parse_constant=_no_constant, object_pairs_hook=_unique, strict=False
)


def _loaded(text: str) -> Any:
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
