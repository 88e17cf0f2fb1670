"""Rows that belong together: pairs are asked about, and those that are the same become clusters."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Sequence
from typing import Any

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.rows.columns import attach_columns, restored
from eighty80_jupyter.rows.data.chunks import ITEM, Row, Rows
from eighty80_jupyter.rows.data.types import INTEGER, Column, ColumnType
from eighty80_jupyter.rows.frames import open_rows
from eighty80_jupyter.rows.operations.decided import Ask, check, undecided
from eighty80_jupyter.rows.operations.pairs import LEFT, RIGHT, Pair, candidates
from eighty80_jupyter.rows.operations.select import whole
from eighty80_jupyter.rows.options import one_of

UNDECIDED = ("raise", "drop")
CLUSTER, CONTRADICTORY = "cluster", "contradictory"
_TABLES = ("pandas", "modin", "polars", "pyarrow", "duckdb", "columns")


def match_rows(
    ask: Ask, left: Any, right: Any, prompt: str, *, undecided_pairs: str, **how: Any
) -> Any:
    """Return the rows of both tables that belong together. See `RowOperations.match`."""
    one_of("undecided", undecided_pairs, UNDECIDED)
    own, other = whole(left), whole(right)
    if own.kind != other.kind:
        raise UsageError(f"both tables must be of one kind, got {own.kind} and {other.kind}")
    pairs, same = _asked(ask, own, other, prompt, undecided_pairs=undecided_pairs, how=how)
    links = [pair for pair, answer in zip(pairs, same, strict=True) if answer]
    shift = own.length or 0
    clusters = _Clusters(shift + (other.length or 0))
    for a, b in links:
        clusters.link(a, shift + b)
    apart = [(a, shift + b) for (a, b), one in zip(pairs, same, strict=True) if one is False]
    numbers, doubtful = clusters.numbered(apart)
    lefts, rights = [a for a, _ in links], [b for _, b in links]
    extra = _columns(CLUSTER, CONTRADICTORY, [numbers[a] for a in lefts], doubtful)
    return _joined(own.take(lefts), other.take(rights), extra)


def dedupe_rows(
    ask: Ask, data: Any, prompt: str, *, undecided_pairs: str, column: str, **how: Any
) -> Any:
    """Return the table with the cluster of each row. See `RowOperations.dedupe`."""
    one_of("undecided", undecided_pairs, UNDECIDED)
    rows = whole(data)
    pairs, same = _asked(ask, rows, None, prompt, undecided_pairs=undecided_pairs, how=how)
    clusters = _Clusters(rows.length or 0)
    for (a, b), answer in zip(pairs, same, strict=True):
        if answer:
            clusters.link(a, b)
    apart = [pair for pair, answer in zip(pairs, same, strict=True) if answer is False]
    numbers, doubtful = clusters.numbered(apart)
    columns = _columns(column, f"{column}_{CONTRADICTORY}", numbers, doubtful)
    return attach_columns(rows, columns, column)


def _columns(name: str, mark: str, clusters: list[int], doubtful: set[int]) -> list[Column]:
    """Return the cluster of each row, and whether it contradicts itself."""
    marks = [cluster in doubtful for cluster in clusters]
    return [
        Column(name=name, type=INTEGER, values=clusters),
        Column(name=mark, type=ColumnType(kind="boolean"), values=marks),
    ]


def _asked(
    ask: Ask,
    left: Rows,
    right: Rows | None,
    prompt: str,
    *,
    undecided_pairs: str,
    how: dict[str, Any],
) -> tuple[list[Pair], Sequence[bool | None]]:
    """Return the pairs that may belong together, and whether they do."""
    keywords = how.pop("keywords")
    check(keywords, "match" if right is not None else "dedupe")
    if keywords.get("all"):
        how["most"] = None
    pairs = candidates(prompt, left, right, **how)
    if not pairs:
        return [], []
    wanted = {place for pair in pairs for place in pair}
    own = _rows_at(left, wanted if right is None else {a for a, _ in pairs})
    other = own if right is None else _rows_at(right, {b for _, b in pairs})
    run = ask([{LEFT: own[a], RIGHT: other[b]} for a, b in pairs], prompt, returns=bool, **keywords)
    answers = run.values
    if undecided_pairs == "raise" and None in answers:
        raise undecided(run, "pair", 'undecided="drop" takes them for different')
    return pairs, answers


def _rows_at(rows: Rows, places: set[int]) -> dict[int, Any]:
    found, order = {}, sorted(places)
    for at, row in zip(order, rows.take(order).each(), strict=True):
        plain = isinstance(row, dict) and not isinstance(row, Row)
        found[at] = Row(list(row), list(row.values())) if plain else row  # for {{left.name}}
    return found


def _joined(left: Rows, right: Rows, extra: list[Column]) -> Any:
    """Return the columns of both tables, of as many rows, and further ones.

    Names that stand in several of them get `_left` and `_right`; the index is that of the left.
    Rows that have no columns, or are dictionaries, become dictionaries with `left` and `right`.
    """
    if left.kind not in _TABLES:
        lefts = left.read(ITEM, 0, left.length or 0)
        items = zip(lefts, right.read(ITEM, 0, right.length or 0), strict=True)
        beside = list(zip(*(column.values for column in extra), strict=True))
        names = [column.name for column in extra]
        return [
            {"left": a, "right": b, **dict(zip(names, more, strict=True))}
            for (a, b), more in zip(items, beside, strict=True)
        ]
    own = _apart(left.names, [*right.names, *(column.name for column in extra)], "_left")
    theirs = _apart(right.names, [*left.names, *(column.name for column in extra)], "_right")
    a, b = left.data, right.data
    match left.kind:
        case "pandas" | "modin":
            b = b.set_axis(a.index).set_axis(theirs, axis=1)
            table = sys.modules["pandas"].concat([a.set_axis(own, axis=1), b], axis=1)
        case "polars":
            table = a.rename(dict(zip(a.columns, own, strict=True))).hstack(
                b.rename(dict(zip(b.columns, theirs, strict=True)))
            )
        case "columns":
            table = dict(zip([*own, *theirs], [*a.values(), *b.values()], strict=True))
        case _:
            pa = sys.modules["pyarrow"]
            kind = type(a) if type(a) is type(b) else pa.Table
            table = kind.from_arrays([*a.columns, *b.columns], names=[*own, *theirs])
    made = attach_columns(open_rows(table), extra, "")
    if left.kind not in ("modin", "duckdb"):
        return made
    rows: Any = open_rows(made)
    rows.kind, rows.origin = left.kind, left.origin  # type: ignore[attr-defined]  # both have one
    return restored(rows)


def _apart(names: Sequence[Hashable], others: Sequence[Hashable], ending: str) -> list[Hashable]:
    """Return the names, with an ending where others have the same."""
    return [f"{name}{ending}" if name in others else name for name in names]


class _Clusters:
    """Sets of rows that are linked, at any remove."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def link(self, a: int, b: int) -> None:
        """Put two rows, and all that is linked to them, into one."""
        first, second = sorted((self._root(a), self._root(b)))
        self._parent[second] = first

    def numbered(self, apart: Sequence[Pair]) -> tuple[list[int], set[int]]:
        """Return the number of each row's cluster, and those clusters that contradict themselves.

        They are numbered in the order of their first rows. One contradicts itself where two of its
        rows were said to be different.
        """
        numbers: dict[int, int] = {}
        found = [
            numbers.setdefault(self._root(row), len(numbers)) for row in range(len(self._parent))
        ]
        return found, {found[a] for a, b in apart if found[a] == found[b]}

    def _root(self, row: int) -> int:
        parent = self._parent
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row
