"""What a docstring says of a function and of each of its parameters.

Google, NumPy, Sphinx (reST) and epydoc docstrings are read. One that follows none of them is the
description as it stands.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from textwrap import indent
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docstring_parser import Docstring

_KEYWORDS = ("Keyword Args", "Keyword Arguments", "Other Parameters")
_ERRORS = ("Raises", "Exceptions", "Except")
_BARE = "…"  # stands for the description that a docstring does not have


@dataclass(frozen=True, slots=True)
class Documented:
    """What a docstring says: `description` without the sections, `parameters` by their names."""

    description: str = ""
    parameters: dict[str, str] = field(default_factory=dict)


def documented(function: Callable[..., Any]) -> Documented:
    """Return what the docstring of a function, method, partial or callable object says.

    Whatever cannot be read counts as description. Raises nothing.
    """
    text = docstring(function)
    if not text:
        return Documented()
    try:
        parsed = _parsed(text)
    except Exception:  # noqa: BLE001  # any docstring is allowed, and the parser has its limits
        return Documented(text)
    described: dict[str, str] = {}
    for parameter in parsed.params:
        # NumPy's style describes several at once: `x, y : int`.
        for name in parameter.arg_name.split(","):
            words = " ".join((parameter.description or "").split())
            if words:
                described.setdefault(name.lstrip("-* ").rstrip(), words)
    pieces = (parsed.short_description, parsed.long_description)
    return Documented("\n\n".join(p for p in pieces if p and p != _BARE), described)


def docstring(function: Callable[..., Any]) -> str:
    """Return the docstring of a function, or of what a partial or an object stands for."""
    while isinstance(function, partial):
        function = function.func
    text = None
    with suppress(Exception):  # a foreign object's attributes may raise anything
        if inspect.isclass(function):
            # A base's own words, pydantic's for one, say nothing of this class.
            text = inspect.cleandoc(vars(function).get("__doc__") or "")
        elif not inspect.isroutine(function):
            kind = type(function)
            # The class says what the object is; its call may say it better.
            text = inspect.getdoc(kind.__call__)
            if not text or text == inspect.getdoc(type.__call__):  # which all objects inherit
                text = inspect.getdoc(kind)
        else:
            text = inspect.getdoc(function)
    return text if isinstance(text, str) else ""


def _parsed(text: str) -> Docstring:
    """Return what that style finds in a docstring which finds most."""
    from docstring_parser import ParseError, epydoc, google, numpydoc, rest  # noqa: PLC0415  # late

    sections = [section for section in google.DEFAULT_SECTIONS if section.title not in _ERRORS]
    sections += [google.Section(t, "keyword", google.SectionType.MULTIPLE) for t in _KEYWORDS]
    # Its own are strict: one line without a colon there, and all parameters are lost.
    loose = google.SectionType.SINGULAR_OR_MULTIPLE
    sections += [google.Section(title, "raises", loose) for title in _ERRORS]
    of_google = google.GoogleParser(sections)
    # It takes the first colon for the end of a name and its type, also that of a Sphinx role.
    plain = re.sub(r":[\w:+-]+:`", "`", text)
    styles = (
        (rest.parse, text),
        (of_google.parse, _with_description(plain, {section.title for section in sections})),
        (numpydoc.parse, text),
        (epydoc.parse, text),
    )
    found = []
    for parse, own in styles:
        with suppress(ParseError):
            found.append(parse(own))
    return max(found, key=lambda parsed: len(parsed.meta))


def _with_description(text: str, titles: set[str]) -> str:
    """Return a docstring that begins with a section as one with a description before it."""
    first, _, others = text.partition("\n")
    if first.rstrip().removesuffix(":") not in titles:
        return text
    if not others.startswith((" ", "\t")):  # it stood beside the quotes: its items look dedented
        others = indent(others, "    ")
    return f"{_BARE}\n\n{first}\n{others}"
