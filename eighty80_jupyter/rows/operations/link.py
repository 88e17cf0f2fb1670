"""Rows that belong together: pairs are asked about, and those that are the same become clusters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.rows.columns import attach_columns
from eighty80_jupyter.rows.data.chunks import Row, Rows
from eighty80_jupyter.rows.data.types import INTEGER, Column, ColumnType
from eighty80_jupyter.rows.operations.decided import Ask, check, one_of, undecided
from eighty80_jupyter.rows.operations.joining import joined
from eighty80_jupyter.rows.operations.pairs import LEFT, RIGHT, Pair, candidates
from eighty80_jupyter.rows.operations.select import whole

UNDECIDED = ("raise", "drop")
CLUSTER, CONTRADICTORY = "cluster", "contradictory"


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
    return joined(own.take(lefts), other.take(rights), extra)


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
