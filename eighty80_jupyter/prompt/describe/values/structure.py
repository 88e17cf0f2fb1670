"""How containers and objects with fields are read, without running any code of theirs."""

from __future__ import annotations

import collections
import gc
import os
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from typing import Any

from eighty80_jupyter.prompt.describe.base import kind_of
from eighty80_jupyter.prompt.describe.values.fields import fields_of
from eighty80_jupyter.prompt.describe.values.own import own_text

ENVIRON = "os.environ, names only"

_SEQUENCES: dict[Any, str] = {
    list: "[]",
    tuple: "()",
    set: "{}",
    frozenset: "{}",
    collections.deque: "[]",
}
_VIEWS: tuple[type, ...] = (type({}.keys()), type({}.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """How a container is read and written: `pairs` is ":" for keys, "=" for fields, "" for items.

    `items` starts anew at each call, and runs none of the value's own code.
    """

    size: int
    items: Callable[[], Iterator[Any]]
    pairs: str = ""
    brackets: str = "[]"
    title: str = ""
    noun: str = "item"

    def wrapped(self, inner: str, *, as_json: bool, alone: bool = False) -> str:
        """Return the container around the text of its items."""
        if as_json:
            return f"{{{inner}}}" if self.pairs else f"[{inner}]"
        if self.pairs == "=":
            return f"{self.title}({inner})"
        if self.brackets == "{}" and not self.pairs and not self.size:
            return f"{self.title or 'set'}()"
        comma = "," if self.brackets == "()" and alone else ""
        text = f"{self.brackets[0]}{inner}{comma}{self.brackets[1]}"
        return f"{self.title}({text})" if self.title else text


def structure_of(value: Any) -> Structure | None:
    """Return how to read a container or an object with fields; None for any other value.

    What has its own way to show itself is another: see `own`.
    """
    kind = type(value)
    if own_text(kind) is not None:
        return None
    if kind is type(os.environ):
        names = sorted(str(name) for name in list(value))
        return Structure(size=len(names), items=lambda: iter(names), title=ENVIRON, noun="name")
    if (fields := fields_of(value)) is not None:
        return Structure(
            size=len(fields),
            items=lambda: iter(fields),
            pairs="=",
            title=kind_of(value).rpartition(".")[2],
            noun="field",
        )
    if issubclass(kind, (collections.UserDict, collections.UserList)):
        inner = structure_of(vars(value).get("data"))
        title = "" if kind in {collections.UserDict, collections.UserList} else kind.__name__
        return None if inner is None else replace(inner, title=title)
    if issubclass(kind, types.MappingProxyType):
        behind = gc.get_referents(value)
        if behind and own_text(type(behind[0])) is not None:
            return None  # what is behind it shows itself
    if issubclass(kind, (dict, types.MappingProxyType)):
        return _mapping(value, kind)
    for base, brackets in _SEQUENCES.items():
        if issubclass(kind, base):
            title = "" if kind is base and base in {list, tuple, set} else kind.__name__
            return Structure(
                size=base.__len__(value),
                items=partial(_iterated, base, value),
                brackets=brackets,
                title=title,
            )
    if kind in _VIEWS:
        return Structure(size=len(value), items=lambda: iter(value), title=kind.__name__)
    return None


def _mapping(value: Any, kind: type) -> Structure:
    # The base's own methods: a subclass may compute in its.
    bases: tuple[Any, ...] = (collections.OrderedDict, dict, types.MappingProxyType)
    base = next(base for base in bases if issubclass(kind, base))
    return Structure(
        size=base.__len__(value),
        items=lambda: iter(base.items(value)),
        pairs=":",
        brackets="{}",
        title="" if kind is dict else kind.__name__,
        noun="key",
    )


def _iterated(base: Any, value: Any) -> Iterator[Any]:
    items = base.__iter__(value)
    if base in {set, frozenset}:
        first = list(islice(items, 1_000))
        # The order of texts in a set differs from run to run: equal values give equal prompts.
        if all(type(item) is type(first[0]) and type(item) in {str, int} for item in first):
            first.sort()
        return chain(first, items)
    return iter(items)
