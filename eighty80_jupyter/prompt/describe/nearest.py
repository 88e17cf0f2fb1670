"""Names like one that does not exist: for "did you mean" in errors."""

from __future__ import annotations

import difflib
from itertools import islice
from typing import Any

from eighty80_jupyter.prompt.describe.base import attempt, is_a
from eighty80_jupyter.prompt.describe.foreign import TimeLimit
from eighty80_jupyter.prompt.describe.values import short_repr
from eighty80_jupyter.prompt.describe.values.fields import stored_in

_LOOKED_AT = 5_000
_GIVEN = 3
_CLOSE = 0.6


def names_like(value: Any, name: str, *, attributes: bool = True) -> list[str]:
    """Return up to three names in `value` that are close to `name`, the closest first.

    Of a dictionary (such as a namespace) these are its keys; of a frame its columns, or its
    attributes where no column is close; of anything else its attributes. `attributes`: False leaves
    those out, for `value[name]`. Private ones count only if `name` is private. No attribute is
    evaluated, and at most 5,000 names of a sort are looked at.
    """
    for read in (_items, _attributes) if attributes else (_items,):
        names = attempt(read, value, default=[])
        public = [text for text in names if name.startswith("_") or not text.startswith("_")]
        if found := _closest(public, name):
            return found
    return []


def _closest(names: list[str], name: str) -> list[str]:
    """Return the names that are close to `name`, in either case, or that it is the start of."""
    folded: dict[str, list[str]] = {}
    for text in names:
        if text != name and len(text) < 200:  # noqa: PLR2004  # nobody mistypes more
            folded.setdefault(text.casefold(), []).append(text)
    key = name.casefold()
    close = difflib.get_close_matches(key, folded, n=_GIVEN, cutoff=_CLOSE)
    starts = [text for text in folded if len(key) > 2 and text.startswith(key)]  # noqa: PLR2004  # "a" starts too many
    stems = [text for text in close if key.startswith(text)]
    ordered = list(dict.fromkeys([*stems, *close, *sorted(starts, key=len)]))
    return [text for key in ordered for text in folded[key]][:_GIVEN]


def _items(value: Any) -> list[str]:
    """Return the keys or the columns of a value."""
    if issubclass(type(value), dict):
        keys = islice(dict.keys(value), 20 * _LOOKED_AT)
        return [key for key in keys if isinstance(key, str)][:_LOOKED_AT]
    columns: Any = ()
    if is_a(value, "pandas", "DataFrame"):
        columns = value.columns[:_LOOKED_AT].tolist()
    elif is_a(value, "pandas", "Series"):
        columns = value.index[:_LOOKED_AT].tolist()
    elif is_a(value, "pyarrow", "Table", "RecordBatch"):
        columns = value.schema.names
    elif is_a(value, "polars", "DataFrame") or short_repr.is_lazy(value):
        with TimeLimit() as time_limit:
            columns = time_limit.call(_columns, value)
    return [column for column in islice(columns, _LOOKED_AT) if isinstance(column, str)]


def _columns(value: Any) -> list[Any]:
    if is_a(value, "polars", "LazyFrame"):
        return list(value.collect_schema())
    return list(value.columns)


def _attributes(value: Any) -> list[str]:
    """Return the names of the attributes that need no evaluation to be listed."""
    if type(value) in {dict, list, tuple, set, str}:
        return [] if type(value) is dict else list(dir(type(value)))
    names: dict[str, None] = dict.fromkeys(
        text for text in islice(stored_in(value), _LOOKED_AT) if isinstance(text, str)
    )
    kinds = value.__mro__ if issubclass(type(value), type) else type(value).__mro__
    for kind in kinds:
        names.update(dict.fromkeys(islice(vars(kind), _LOOKED_AT)))
    return list(names)[:_LOOKED_AT]
