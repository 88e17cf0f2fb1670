"""Names like one that does not exist: for "did you mean" in errors."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from itertools import chain, islice
from typing import Any

from eighty80_jupyter.prompt.describe.base import attempt, is_a
from eighty80_jupyter.prompt.describe.foreign import TimeLimit
from eighty80_jupyter.prompt.describe.values import short_repr
from eighty80_jupyter.prompt.describe.values.fields import stored_in

_LOOKED_AT = 5_000
_GIVEN = 3
_CLOSE = 0.6


def names_like(value: Any, name: str) -> list[str]:
    """Return up to three names in `value` that are close to `name`, the closest first.

    Of a dictionary these are its keys; of a frame its columns, or its attributes where no column is
    close; of anything else its attributes. No attribute is evaluated.
    """
    for read in (_items, _attributes):
        if found := closest(attempt(read, value, default=()), name):
            return found
    return []


def did_you_mean(names: Iterable[Any], name: str) -> str:
    """Return a sentence, with a blank before it, on the names close to `name`; nothing for none."""
    near = sorted(closest(names, name))
    return f" Did you mean {', '.join(near)}?" if near else ""


def closest(names: Iterable[Any], name: str) -> list[str]:
    """Return up to three names close to `name`, in either case, or that it is the start of.

    The closest comes first. Private ones count only if `name` is private. At most 5,000 names are
    looked at, and what is no text among them is none.
    """
    folded: dict[str, dict[str, None]] = {}
    # Listed at once: another thread may add to them.
    texts = (text for text in list(names)[: 20 * _LOOKED_AT] if isinstance(text, str))
    for text in islice(texts, _LOOKED_AT):
        hidden = text.startswith("_") and not name.startswith("_")
        if text != name and not hidden and len(text) < 200:  # noqa: PLR2004  # nobody mistypes more
            folded.setdefault(text.casefold(), {})[text] = None
    key = name.casefold()
    close = difflib.get_close_matches(key, folded, n=_GIVEN, cutoff=_CLOSE)
    starts = [text for text in folded if len(key) > 2 and text.startswith(key)]  # noqa: PLR2004  # "a" starts too many
    stems = [text for text in close if key.startswith(text)]
    ordered = list(dict.fromkeys([*stems, *close, *sorted(starts, key=len)]))
    return [text for key in ordered for text in folded[key]][:_GIVEN]


def _items(value: Any) -> Iterable[Any]:
    """Return the keys or the columns of a value."""
    names: Iterable[Any] = ()
    if issubclass(type(value), dict):
        names = dict.keys(value)
    elif is_a(value, "pandas", "DataFrame"):
        names = value.columns[:_LOOKED_AT].tolist()
    elif is_a(value, "pandas", "Series"):
        names = value.index[:_LOOKED_AT].tolist()
    elif is_a(value, "pyarrow", "Table", "RecordBatch"):
        names = value.schema.names
    elif is_a(value, "polars", "DataFrame") or short_repr.is_lazy(value):
        with TimeLimit() as time_limit:
            names = time_limit.call(_columns, value)
    return names


def _columns(value: Any) -> list[Any]:
    return list(value.collect_schema() if is_a(value, "polars", "LazyFrame") else value.columns)


def _attributes(value: Any) -> Iterable[Any]:
    """Return the names of the attributes that need no evaluation to be listed."""
    if type(value) in {dict, list, tuple, set, str}:
        return () if type(value) is dict else dir(type(value))
    kinds = value.__mro__ if issubclass(type(value), type) else type(value).__mro__
    return chain(stored_in(value), *map(vars, kinds))
