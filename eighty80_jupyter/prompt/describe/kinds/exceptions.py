"""Exceptions: type, message, and the places in the user's own code that they came through."""

from __future__ import annotations

import linecache
import traceback
import types
from collections.abc import Iterator
from itertools import islice
from typing import Any

from eighty80_jupyter.prompt.describe.base import Draft, Request, fit, kind_of
from eighty80_jupyter.prompt.describe.files import is_cell, is_users
from eighty80_jupyter.prompt.describe.values import short_repr
from eighty80_jupyter.prompt.describe.values.own import own_text
from eighty80_jupyter.text import counted

TAKES = ("full",)

_FRAMES = 8
_WALKED = 5_000
_CHAIN = 4
_AROUND = 2  # lines before and after the failing one
_MESSAGE = 2_000
_LINE = 200
_GROUPED = 500  # characters of one exception of a group


def draft(value: Any, request: Request) -> Draft | None:
    """Describe an exception; None for any other value."""
    if not issubclass(type(value), BaseException):
        return None
    kind = kind_of(value)
    full = "full" in request.chosen(kind, *TAKES)
    # The exception itself comes first, then what it came from: the end is what may be cut.
    lines: list[str] = []
    for word, error in _chain(value):
        body = _one(error, request, full=full)
        lines += [word, body] if word else [body]
    text = "\n".join(lines)
    text = text if full else fit(text, request.budget)[0]
    last = list(_frames(value.__traceback__))
    users = sum(is_users(code.co_filename) for code, _ in last)
    left = len(last) - users
    cut = f"{counted(left, 'frame')} of libraries" if left and users else ""
    return Draft(text=text, kind=kind, summary=kind, cut=cut, fixed=full, block=True)


def _chain(error: BaseException) -> Iterator[tuple[str, BaseException]]:
    """Yield the exception, and what it came from, each with the words that lead to it."""
    seen = {id(error)}
    yield "", error
    for _ in range(_CHAIN):
        word, origin = "It was caused by:", error.__cause__
        if origin is None and not error.__suppress_context__:
            word, origin = "It was raised while this was handled:", error.__context__
        if origin is None or id(origin) in seen:
            return
        seen.add(id(origin))
        yield word, origin
        error = origin


def _one(error: BaseException, request: Request, *, full: bool) -> str:
    lines = [_message(error, request, full=full)]
    frames = list(_frames(error.__traceback__))
    shown = [frame for frame in frames if is_users(frame[0].co_filename)]
    if not shown and not isinstance(error, SyntaxError):  # whose place is in its message
        shown = frames[-1:]
    if len(shown) > _FRAMES and not full:
        half = _FRAMES // 2
        left = len(shown) - 2 * half
        for frame in shown[:half]:
            lines += _frame(*frame, around=0)
        lines.append(f"… {counted(left, 'more frame')} between")
        shown = shown[-half:]
    for place, frame in enumerate(shown, 1):
        lines += _frame(*frame, around=_AROUND if place == len(shown) else 0)
    hidden = len([frame for frame in frames if not is_users(frame[0].co_filename)])
    if hidden and len(frames) > 1:
        last = frames[-1][0]
        where = "" if is_users(last.co_filename) else f", raised in {last.co_qualname}"
        lines.append(f"({counted(hidden, 'frame')} of libraries left out{where})")
    return "\n".join(lines)


def _message(error: BaseException, request: Request, *, full: bool) -> str:
    # The message is what `str` gives, unless the class masks only its `repr`.
    function = repr if own_text(type(error), "__str__", "__repr__") is repr else str
    text = short_repr.foreign(error, request, 0, function=function)
    if isinstance(error, SyntaxError) and isinstance(error.msg, str):
        text = f"{error.msg} (line {error.lineno})"
    text = text if full else request.shorten(text, _MESSAGE)
    line = f"{kind_of(error)}: {text}" if text else kind_of(error)
    if isinstance(error, SyntaxError) and isinstance(error.text, str):
        caret = " " * max((error.offset or 1) - 1, 0) + "^"
        line += f"\n    {error.text.rstrip()[:_LINE]}\n    {caret[:_LINE]}"
    notes = error.__dict__.get("__notes__")
    if isinstance(notes, list):
        line += "".join(f"\n{request.shorten(str(note), _LINE)}" for note in notes[:5])
    if isinstance(error, BaseExceptionGroup):
        inner = [_inner(one, request, full=full) for one in error.exceptions[:5]]
        line += "".join(f"\n- {text}" for text in inner)
        if len(error.exceptions) > len(inner):
            line += f"\n- … {len(error.exceptions) - len(inner)} more"
    return line


def _inner(error: BaseException, request: Request, *, full: bool) -> str:
    """Return one exception of a group and where it was raised, which is not the group's place."""
    lines = [request.shorten(_message(error, request, full=full), _GROUPED)]
    users = [frame for frame in _frames(error.__traceback__) if is_users(frame[0].co_filename)]
    for frame in users[-1:]:
        lines += _frame(*frame, around=0)
    return "\n".join(lines).replace("\n", "\n  ")


def _frames(trace: types.TracebackType | None) -> Iterator[tuple[types.CodeType, int]]:
    """Yield code and line of each frame, from the outermost in."""
    for frame, line in islice(traceback.walk_tb(trace), _WALKED):
        yield frame.f_code, line


def _frame(code: types.CodeType, number: int, *, around: int) -> list[str]:
    """Return a frame's place and its line of source, with some lines around it."""
    file = "a cell" if is_cell(code.co_filename) else code.co_filename
    where = "" if code.co_name == "<module>" else f", in {code.co_qualname}"
    lines = [f"at line {number} of {file}{where}:"]
    found = False
    for place in range(max(number - around, 1), number + around + 1):
        source = linecache.getline(code.co_filename, place).rstrip()
        mark = ">" if place == number else " "
        if source or place == number:
            found |= bool(source)
            lines.append(f"  {mark} {source[:_LINE]}")
    return lines if found else [lines[0].removesuffix(":")]
