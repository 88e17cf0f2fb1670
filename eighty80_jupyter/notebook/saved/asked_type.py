"""The type of an answer on the line of an exported cell, and what its classes look like.

What is written is tried: an option that would ask for another shape is not written, but the JSON
Schema of this one.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import json
import shlex
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Union, get_args, get_origin

from eighty80_jupyter.errors import UsageError

_SHARED = frozenset({"builtins", "datetime", "types", "typing", "typing_extensions"})


@dataclass(frozen=True, slots=True)
class AskedType:
    """How a line asks for a type: its option, and the lines of comment for the classes in it."""

    option: str = ""
    classes: dict[str, list[str]] = field(default_factory=dict)


def asked_type(returns: Any, names: Mapping[str, Any]) -> AskedType:
    """Return how a line asks for the type `returns`, which may name what is in `names`."""
    if returns is None:
        return AskedType()
    if isinstance(returns, (list, tuple)) and all(isinstance(word, str) for word in returns):
        text = ",".join(word if _is_bare(word) else json.dumps(word) for word in returns)
        return AskedType(f" --choices {shlex.quote(text)}")
    from eighty80_jupyter.structured.shape import shape_of  # noqa: PLC0415  # a door: pydantic

    known = _Known(names)
    text = returns if isinstance(returns, str) else _text(returns, known)
    try:
        shape = shape_of(returns, names)
        read = shape_of(text, known).response_format() if text else None
    except UsageError:
        return AskedType(f" --returns {shlex.quote(text)}" if text else "")
    if read == shape.response_format():
        described: dict[str, list[str]] = {}
        for kind in known.used:
            _describe(kind, described)
        return AskedType(f" --returns {shlex.quote(text)}", described)
    titled = {"title": shape.name, **shape.schema}
    return AskedType(f" --returns {shlex.quote(json.dumps(titled, ensure_ascii=False))}")


class _Known(dict[str, Any]):
    """Names that a text may use; `used` are the classes that it did."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        super().__init__(names)
        self.used: list[type] = []

    def get(self, name: str, default: Any = None) -> Any:
        found = super().get(name, default)
        if isinstance(found, type) and found not in self.used:
            self.used.append(found)
        return found


def _is_bare(word: str) -> bool:
    return word == word.strip() and word[:1] not in "\"'" and "," not in word


def _text(kind: Any, known: dict[str, Any]) -> str:
    """Return a type as the short way to write it; nothing where it may have no such form."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind is None or kind is type(None):
        return "None"
    if isinstance(kind, Mapping):
        fields = ((json.dumps(str(name)), _text(one, known)) for name, one in kind.items())
        said = _joined([f"{name}: {text}" if text else "" for name, text in fields], ", ")
        return said and f"{{{said}}}"
    if isinstance(kind, (list, tuple, set, frozenset)) or origin is Literal:
        return _joined([_choice(one) for one in (inner if origin is Literal else kind)], "|")
    if origin in (Union, types.UnionType):
        return _joined([_text(one, known) for one in inner], "|")
    if origin in (list, dict):
        return f"{origin.__name__}[{_joined([_text(one, known) for one in inner], ', ')}]"
    if isinstance(kind, type) and kind.__name__.isidentifier():
        known[kind.__name__] = kind
        return kind.__name__
    return ""


def _choice(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _joined(texts: list[str], between: str) -> str:
    return between.join(texts) if all(texts) else ""


def _describe(kind: type, described: dict[str, list[str]]) -> None:
    """Add what a class looks like, after the classes of its fields.

    Its own code is not in it, which may hold anything.
    """
    if kind.__name__ in described or kind.__module__ in _SHARED:
        return
    if kind.__module__ != "__main__":
        described[kind.__name__] = [f"from {kind.__module__} import {kind.__qualname__}"]
        return
    described[kind.__name__] = []  # it may hold itself
    lines = ["@dataclass"] if dataclasses.is_dataclass(kind) else []
    bases = getattr(kind, "__orig_bases__", kind.__bases__)
    named = ", ".join(getattr(base, "__name__", str(base)) for base in bases if base is not object)
    lines.append(f"class {kind.__name__}({named}):" if named else f"class {kind.__name__}:")
    if issubclass(kind, enum.Enum):
        lines += [f"    {name} = {one.value!r}" for name, one in kind.__members__.items()]
    else:
        hints = inspect.get_annotations(kind)
        for name, hint in hints.items():
            for inner in _classes_in(hint):
                _describe(inner, described)
            text = hint if isinstance(hint, str) else inspect.formatannotation(hint)
            lines.append(f"    {name}: {text.replace('typing.', '').replace('__main__.', '')}")
    described[kind.__name__] = described.pop(kind.__name__) or lines


def _classes_in(hint: Any) -> Iterator[type]:
    if isinstance(hint, type) and not get_args(hint):
        yield hint
    for inner in get_args(hint):
        yield from _classes_in(inner)
