"""Rows of Python's own values, of numpy's arrays, and of iterators that are read once."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.rows.data.chunks import ITEM, Chunk, Rows
from eighty80_jupyter.rows.data.missing import is_missing

_LOOKED_AT = 1_000  # items whose keys are the columns of a list of records


class ListRows(Rows):
    """A list or another sequence: a row is an item. The keys of dictionaries are columns, too."""

    kind = "list"
    single = True

    def __init__(
        self,
        items: Sequence[Any],
        *,
        data: Any,
        kind: str = "list",
        names: Sequence[Hashable] | None = None,
    ) -> None:
        self.kind = kind
        self.items = items
        known = keys_of(items) if names is None else names
        super().__init__(data, length=len(items), names=known)

    def read(self, place: int, start: int, count: int) -> list[Any]:
        """Return the items, or what they have under a key."""
        return of_items(self.items[start : start + count], self.names, place)

    def take(self, positions: Sequence[int]) -> Rows:
        """Return some items, a list whatever held them."""
        items = [self.items[place] for place in positions]
        return ListRows(items, data=items, kind=self.kind, names=self.names)


class KeyedRows(ListRows):
    """A dictionary of items: a row is a value, and its label is the key."""

    kind = "dict"

    def __init__(self, data: Mapping[Any, Any], *, names: Sequence[Hashable] | None = None) -> None:
        self.keys = list(data)
        super().__init__(list(data.values()), data=data, kind="dict", names=names)

    def take(self, positions: Sequence[int]) -> Rows:
        """Return a dictionary of some of the items."""
        items = [(self.keys[place], self.items[place]) for place in positions]
        return KeyedRows(dict(items), names=self.names)

    def read_labels(self, start: int, count: int) -> Sequence[Any]:
        """Return the keys."""
        return self.keys[start : start + count]


class ColumnRows(Rows):
    """A dictionary of columns of one length."""

    kind = "columns"

    def __init__(self, data: Mapping[Any, Sequence[Any]]) -> None:
        # A Series would be cut by its labels, its array by positions.
        self._columns = [getattr(column, "array", column) for column in data.values()]
        super().__init__(
            data, length=len(self._columns[0]) if self._columns else 0, names=list(data)
        )

    def read(self, place: int, start: int, count: int) -> list[Any]:
        """Return some cells of a column."""
        return _as_list(self._columns[place][start : start + count])

    def take(self, positions: Sequence[int]) -> Rows:
        """Return some rows of each column."""
        return ColumnRows(
            {
                name: _taken(column, positions)
                for name, column in zip(self.names, self._columns, strict=True)
            }
        )


class ArrayRows(Rows):
    """A numpy array: a row is an item of its first dimension, or a record of named fields."""

    kind = "array"

    def __init__(self, array: Any) -> None:
        fields = array.dtype.names or ()
        self.single = not fields
        super().__init__(array, length=len(array), names=fields)

    def read(self, place: int, start: int, count: int) -> list[Any]:
        """Return some items, or cells of a field."""
        part = self.data[start : start + count]
        if place != ITEM:
            part = part[self.names[place]]
        if part.ndim > 1:
            return list(part)
        if part.dtype.kind in "mM":
            return list(part)  # tolist() makes whole numbers of nanoseconds
        return _as_list(part)

    def take(self, positions: Sequence[int]) -> Rows:
        """Return some items."""
        return ArrayRows(self.data[list(positions)])


class IteratorRows(Rows):
    """What can be read once only, as far ahead as it is asked for.

    The columns are the keys of the first item, if it is a dictionary.
    """

    kind = "iterator"
    single = True

    def __init__(self, data: Iterator[Any]) -> None:
        first = list(islice(data, 1))
        self._rest: Iterator[Any] = chain(first, data)
        super().__init__(data, length=None, names=keys_of(first))

    def chunks(self, size: int) -> Iterator[Chunk]:
        """Yield the rows as they are read."""
        start = 0
        while items := list(islice(self._rest, size)):
            yield Chunk(_Read(items, start, self.names), start, len(items))
            start += len(items)

    def take(self, positions: Sequence[int]) -> Rows:
        """Refuse: it would have to be read twice."""
        raise UsageError(
            f"rows {list(positions)[:3]} of an iterator cannot be chosen; make a list of it"
        )

    def head(self, count: int) -> Rows:
        """Return the first rows as a list, and read no more."""
        items = list(islice(self._rest, count))
        return ListRows(items, data=items, kind="iterator", names=self.names)


class _Read(Rows):
    """Some items of an iterator, which begin at a position of it."""

    single = True

    def __init__(self, items: list[Any], first: int, names: Sequence[Hashable]) -> None:
        super().__init__(items, length=len(items), names=names)
        self._first = first

    def read(self, place: int, start: int, count: int) -> list[Any]:
        items = self.data[start - self._first : start - self._first + count]
        return of_items(items, self.names, place)


def keys_of(items: Sequence[Any]) -> list[Hashable]:
    """Return the keys of items that are all dictionaries, in the order in which they come."""
    looked_at = [item for item in items[:_LOOKED_AT] if not is_missing(item)]
    if not looked_at or not all(isinstance(item, Mapping) for item in looked_at):
        return []
    return list(dict.fromkeys(key for item in looked_at for key in item))


def of_items(items: Sequence[Any], names: Sequence[Hashable], place: int) -> list[Any]:
    """Return the items, or what each has under a name; None where it has nothing."""
    if place == ITEM:
        return list(items)
    name = names[place]
    return [item.get(name) if isinstance(item, Mapping) else None for item in items]


def _taken(column: Any, positions: Sequence[int]) -> Any:
    """Return some cells of a column, of an array as an array."""
    if hasattr(column, "dtype"):
        return column[sys.modules["numpy"].array(list(positions), dtype="i8")]
    return [column[place] for place in positions]


def _as_list(values: Any) -> list[Any]:
    """Return Python's own values of a part of a column."""
    made = getattr(values, "tolist", None) or getattr(values, "to_list", None)
    return list(values) if made is None else list(made())
