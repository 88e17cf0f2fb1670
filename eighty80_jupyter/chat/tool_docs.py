"""What a docstring says of a function and of each of its parameters.

Google, NumPy, Sphinx (reST) and epydoc docstrings are read. One that follows none of them is the
description as it stands.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any


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
    from docstring_parser import parse  # noqa: PLC0415  # the first tool brings it in

    try:
        parsed = parse(text)
    except Exception:  # noqa: BLE001  # any docstring is allowed, and the parser has its limits
        return Documented(text)
    described: dict[str, str] = {}
    for parameter in parsed.params:
        # NumPy's style describes several at once: `x, y : int`.
        for name in parameter.arg_name.split(","):
            words = " ".join((parameter.description or "").split())
            if words:
                described.setdefault(name.strip().lstrip("*"), words)
    pieces = (parsed.short_description, parsed.long_description)
    return Documented("\n\n".join(piece for piece in pieces if piece), described)


def docstring(function: Callable[..., Any]) -> str:
    """Return the docstring of a function, or of what a partial or an object stands for."""
    while isinstance(function, partial):
        function = function.func
    text = None
    with suppress(Exception):  # a foreign object's attributes may raise anything
        if not inspect.isroutine(function) and not inspect.isclass(function):
            kind = type(function)
            # The class says what the object is; its call may say it better.
            text = inspect.getdoc(kind.__call__) or inspect.getdoc(kind)
        else:
            text = inspect.getdoc(function)
    return text if isinstance(text, str) else ""
