"""Rows by position, a stretch at a time, whatever holds them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.rows.data.missing import is_missing
from eighty80_jupyter.text import shown

ITEM = -1  # the place of the whole item, where a row is one
_CHUNK = 1024  # rows that are read at once where all are gone through


class Row(dict[Hashable, Any]):
    """One row of a table: `row["a name"]`, `row.name`, or by position where no name is a number.

    A name that several columns have is refused; `row[0]` still tells them apart.
    """

    def __init__(self, names: Sequence[Hashable], cells: Sequence[Any]) -> None:
        counts = Counter(names)
        super().__init__(
            (name, cell) for name, cell in zip(names, cells, strict=True) if counts[name] == 1
        )
        self._names = names
        self._cells = cells

    def __missing__(self, key: Any) -> Any:
        if key in self._names:
            raise _ambiguous(key)
        if isinstance(key, int) and -len(self._cells) <= key < len(self._cells):
            return self._cells[key]
        raise UsageError(f"the row has no column {shown(key)}; it has {listed(self._names)}")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]


class Chunk:
    """`count` rows from the position `start` on; its columns are read when they are asked for."""

    def __init__(self, rows: Rows, start: int, count: int) -> None:
        self.start = start
        self.count = count
        self._rows = rows
        self._columns: dict[int, list[Any]] = {}
        self._missing: dict[int, list[bool]] = {}
        self._labels: Sequence[Any] | None = None

    def column(self, name: Hashable) -> list[Any]:
        """Return the cells of a column as Python values.

        Raises UsageError for a name that no column has, or several.
        """
        return self._cells(self._rows.place(name))

    def missing(self, name: Hashable) -> list[bool]:
        """Return for each row whether its cell of a column is missing."""
        return self._missing_at(self._rows.place(name))

    def missing_rows(self) -> list[bool]:
        """Return for each row whether all of it is missing."""
        if self._rows.single:
            return self._missing_at(ITEM)
        if not self._rows.names:
            return [True] * self.count
        columns = [self._missing_at(place) for place in range(len(self._rows.names))]
        return [all(cells) for cells in zip(*columns, strict=True)]

    def row(self, number: int) -> Any:
        """Return a row, counted from the start of the chunk: the item itself, or a `Row`."""
        if self._rows.single:
            return self._cells(ITEM)[number]
        names = self._rows.names
        return Row(names, [self._cells(place)[number] for place in range(len(names))])

    def label(self, number: int) -> Any:
        """Return what the source calls a row: its index label, its key, or its position."""
        if self._labels is None:
            self._labels = self._rows.read_labels(self.start, self.count)
        return self._labels[number]

    def _cells(self, place: int) -> list[Any]:
        found = self._columns.get(place)
        if found is None:
            found = self._columns[place] = self._rows.read(place, self.start, self.count)
        return found

    def _missing_at(self, place: int) -> list[bool]:
        found = self._missing.get(place)
        if found is None:
            found = self._missing[place] = self._rows.read_missing(place, self.start, self.count)
        return found


class Rows:
    """What a prompt goes over, in its own order.

    `kind` says what holds it, `data` is that. `length` is None where nobody knows before the end.
    `names` are the columns in order, empty where a row is one item; `duplicated` the names that
    several columns have. `single`: a row is one item, and `names` are its keys if it has any.
    """

    kind = ""
    single = False

    def __init__(self, data: Any, *, length: int | None, names: Sequence[Hashable] = ()) -> None:
        self.data = data
        self.length = length
        self.names = tuple(names)
        self._places: dict[Hashable, int] = {}
        twice: set[Hashable] = set()
        for place, name in enumerate(self.names):
            if name in self._places:
                twice.add(name)
            self._places.setdefault(name, place)
        self.duplicated: frozenset[Hashable] = frozenset(twice)

    def __repr__(self) -> str:
        size = "?" if self.length is None else f"{self.length:,}"
        return f"<Rows of {self.kind}: {size}, columns {list(self.names)!r}>"

    def place(self, name: Hashable) -> int:
        """Return where a column stands. Raises UsageError for one that is not there, or twice."""
        if name in self.duplicated:
            raise _ambiguous(name)
        try:
            return self._places[name]
        except KeyError:
            has = listed(self.names) if self.names else "none: a row is {{row}}"
            raise UsageError(f"there is no column {shown(name)}; there is {has}") from None

    def chunks(self, size: int) -> Iterator[Chunk]:
        """Yield all rows, at most `size` at a time."""
        for start in range(0, self.length or 0, size):
            yield Chunk(self, start, min(size, (self.length or 0) - start))

    def each(self) -> Iterator[Any]:
        """Yield all rows, one after the other, as `Chunk.row` has them."""
        for chunk in self.chunks(_CHUNK):
            yield from map(chunk.row, range(chunk.count))

    def row(self, position: int) -> Any:
        """Return one row, as `Chunk.row` has it. Raises UsageError for an iterator."""
        return next(self.take([position]).each())

    def column(self, name: Hashable) -> list[Any]:
        """Return all cells of a column as Python values. Raises UsageError as `Chunk.column`."""
        return [cell for chunk in self.chunks(_CHUNK) for cell in chunk.column(name)]

    def take(self, positions: Sequence[int]) -> Rows:
        """Return the rows at these positions, in this order, with their labels.

        Raises UsageError for an iterator: it can only be read once.
        """
        raise NotImplementedError

    def head(self, count: int) -> Rows:
        """Return the first rows; of an iterator no more are read."""
        return self.take(range(min(count, self.length or 0)))

    def read(self, place: int, start: int, count: int) -> list[Any]:
        """Return some cells of a column as Python values; at the place `ITEM` the items."""
        raise NotImplementedError

    def read_missing(self, place: int, start: int, count: int) -> list[bool]:
        """Return which of these cells are missing."""
        return list(map(is_missing, self.read(place, start, count)))

    def read_labels(self, start: int, count: int) -> Sequence[Any]:
        """Return what the source calls these rows."""
        return range(start, start + count)


def listed(names: Sequence[Hashable], most: int = 8) -> str:
    """Return the first names, for a message."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(map(str, names[:most])) + more if names else "none"


def _ambiguous(name: Hashable) -> UsageError:
    return UsageError(
        f"several columns are named {shown(name)}; rename them, or name one by its position: "
        "{{row[0]}} is the first column"
    )
