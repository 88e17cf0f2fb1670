"""Texts, bytes, numbers, dates, paths, iterators, files, and what IPython displays."""

from __future__ import annotations

import datetime as dt
import numbers
from dataclasses import replace
from typing import Any

from eighty80_jupyter.prompt.describe.base import (
    Draft,
    Request,
    fit,
    formatted,
    inherited,
    is_a,
    is_inline,
    kind_of,
    text_of,
)
from eighty80_jupyter.prompt.describe.values import containers, short_repr
from eighty80_jupyter.text import counted

_ITERATOR = 200  # characters of the repr of an iterator that has one
_BYTES = 64  # bytes whose hexadecimal digits are shown


def draft(value: Any, request: Request) -> Draft | None:
    """Describe a plain value; None for any other."""
    if issubclass(type(value), str):
        return _text(value, request)
    if issubclass(type(value), (bytes, bytearray, memoryview)):
        return _bytes(value, request)
    if is_a(value, "IPython.core.display", "DisplayObject"):
        return _display(value, request)
    if (text := short_repr.scalar(value)) is not None:
        return _scalar(value, text, request)
    return None


def consumed(value: Any, request: Request) -> Draft | None:
    """Name what reading would use up; None for any other value."""
    if not short_repr.is_iterator(value) and not issubclass(type(value), short_repr.CONSUMED):
        return None
    kind = kind_of(value)
    request.chosen(kind, hint="reading it would use it up, so read it first")
    text = short_repr.named(value)
    if not inherited(value, "__repr__") and not issubclass(type(value), short_repr.CONSUMED):
        text = short_repr.foreign(value, request, _ITERATOR)
    return Draft(text=f"{text}, not read", kind=kind, summary="not read")


def _text(value: str, request: Request) -> Draft:
    text = text_of(value)
    if request.options == "full":
        return Draft(text=text, kind="str", summary=counted(len(text), "character"), fixed=True)
    drawn = formatted(text, request, "full", kind="str", spec="a width such as >20")
    drawn = drawn or _cut_text(text, request)
    if drawn is not None:
        return drawn
    # What goes into the sentence needs no size.
    summary = "" if is_inline(text) else counted(len(text), "character")
    return Draft(text=text, kind="str", summary=summary)


def _cut_text(text: str, request: Request, kind: str = "str") -> Draft | None:
    """Return a text cut in the middle; None if it fits."""
    kept, size = fit(text, request.budget, middle=True)
    if size == len(text):
        return None
    if request.scrub is not None:
        # Whole secrets are taken out before the cut. What is looked at is bounded by the budget.
        reach = request.budget * 12 + 10_000
        ends = text if len(text) <= 2 * reach else text[:reach] + text[-reach:]
        clean = request.scrub(ends)
        if clean != ends:
            kept, _ = fit(clean, request.budget, middle=True)
    left = len(text) - size
    return Draft(
        text=kept,
        kind=kind,
        summary=f"{counted(len(text), 'character')}, {size:,} shown",
        cut=counted(left, "character"),
        block=True,
    )


def _bytes(value: Any, request: Request) -> Draft:
    kind = type(value).__name__
    request.chosen(kind, "full", "image")
    full = "full" in request.options
    data = (
        memoryview(value).cast("B") if memoryview(value).c_contiguous else memoryview(bytes(value))
    )
    size = len(data)
    if size <= _BYTES or (full and size <= 1_000_000):  # noqa: PLR2004  # more is no text to read
        return Draft(text=repr(bytes(data)), kind=kind, summary=counted(size, "byte"), fixed=full)
    head = bytes(data[:_BYTES])
    printable = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in head)  # noqa: PLR2004  # ASCII
    text = f"{counted(size, 'byte')}, the first {_BYTES}:\n{head.hex(' ', 4)}\n{printable}"
    return Draft(
        text=text,
        kind=kind,
        summary=f"{counted(size, 'byte')}, {_BYTES} shown",
        cut=counted(size - _BYTES, "byte"),
        block=True,
    )


def _scalar(value: Any, text: str, request: Request) -> Draft:
    kind = kind_of(value)
    if request.options == "full":
        return Draft(text=text, kind=kind)
    spec = ""
    if issubclass(type(value), numbers.Number):
        spec = "a format such as .3f or ,"
    elif issubclass(type(value), (dt.date, dt.time)):
        spec = "a format such as %Y-%m-%d"
        # Any text at all is a format of a date: without a % it would only replace it.
        if request.options and "%" not in request.options:
            raise request.refused(kind, spec=spec)
    return formatted(value, request, kind=kind, spec=spec) or Draft(text=text, kind=kind)


def _display(value: Any, request: Request) -> Draft:
    """Describe an object of IPython.display by what it holds."""
    kind = f"IPython.{type(value).__name__}"
    chosen = request.chosen(kind, "full", "image")
    held = vars(value)
    data, source = held.get("data", held.get("_data")), held.get("filename") or held.get("url")
    where = f" from {request.shorten(str(source), 200)}" if source else ""
    if isinstance(data, str):
        if "full" in chosen:
            return Draft(text=data, kind=kind, fixed=True)
        return _cut_text(data, request, kind) or Draft(text=data, kind=kind, block=True)
    if isinstance(data, bytes):
        return Draft(
            text=f"{kind}{where}, {counted(len(data), 'byte')}", kind=kind, cut="its content"
        )
    if data is not None and (drawn := containers.draft(data, request)) is not None:
        return replace(drawn, kind=kind)
    return Draft(text=f"{kind}{where}", kind=kind)
