"""One answer for many rows: in parts that fit into a request, whose answers are summed up again.

rows of a group -> parts in their order -> an answer each -> parts of answers -> ... -> one
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.errors import RowsError, UsageError
from eighty80_jupyter.evaluation.labels import hashable
from eighty80_jupyter.prompt.template.evaluate import names_of
from eighty80_jupyter.prompt.template.syntax import Field, parse
from eighty80_jupyter.prompt.tokens import estimate
from eighty80_jupyter.rows.columns import attach, picked
from eighty80_jupyter.rows.data.chunks import Rows
from eighty80_jupyter.rows.data.missing import is_missing
from eighty80_jupyter.rows.data.types import error_column, plain
from eighty80_jupyter.rows.operations.decided import Ask, check, named_columns
from eighty80_jupyter.rows.operations.select import whole
from eighty80_jupyter.rows.options import whole_number
from eighty80_jupyter.text import shown

if TYPE_CHECKING:
    from eighty80_jupyter.structured.shape import Shape

_CHUNK = 1024
_NUMBER = 4  # tokens of the number of an item
_NOTE = (
    "These are the results for parts of the whole, in their order: make them into one result for "
    "all of it."
)


@dataclass(slots=True, eq=False)
class _Group:
    """The rows of one key: `texts` are still to be summed up, `value` is what came of them."""

    first: int  # position of its first row
    cells: dict[str, Any]  # of its key
    texts: list[str] = field(default_factory=list)
    level: int = 0
    value: Any = None
    error: str | None = None


def reduce_rows(
    ask: Ask,
    data: Any,
    prompt: str,
    *,
    by: Any,
    of: Any,
    tokens: int,
    keywords: dict[str, Any],
) -> Any:
    """Return the answer for all rows, or a table of one for each group. See `RowOperations`."""
    check(keywords, "reduce", but=("returns", "column", "errors"))
    if not isinstance(prompt, str) or not prompt.strip():
        raise UsageError(f"the prompt is a text, got {shown(prompt)}")
    tokens = whole_number("tokens", tokens)
    rows = whole(data)
    column, errors = keywords.pop("column", "answer"), keywords.pop("errors", False)
    keys = named_columns(by, "by")
    template, place, of = _place(rows, prompt, keys, of)
    for name in (*keys, *of):
        rows.place(name)  # refused where it is none
    groups = list(_groups(rows, keys, of))
    shape: Shape | None = None
    while waiting := [g for g in groups if g.texts and g.error is None]:
        shape = _sum_up(
            ask, waiting, template=template, place=place, tokens=tokens, keywords=keywords
        )
    failed = [group for group in groups if group.error is not None]
    if failed and not (errors and keys):
        rest = (
            "; errors=True keeps the others, and says in a column what went wrong" if keys else ""
        )
        raise RowsError(f"{len(failed):,} of {len(groups):,} failed: {failed[0].error}{rest}")
    if not keys:
        return groups[0].value if groups else None
    table = picked(rows.take([group.first for group in groups]), keys)
    values = [group.value for group in groups]
    beside = [error_column(column, [group.error for group in groups])] if errors else []
    return attach(table, shape, column, values, beside=beside)


def _place(
    rows: Rows, prompt: str, keys: list[Hashable], of: Any
) -> tuple[str, str, list[Hashable]]:
    """Return the prompt, the name in it that stands for the rows, and the columns they are told by.

    A prompt that names no column but those of the key has the rows at its end.
    """
    fields = [piece.expression for piece in parse(prompt) if isinstance(piece, Field)]
    used = {name for expression in fields for name in names_of(expression)}
    named: list[Hashable] = [name for name in rows.names if name in used and name not in keys]
    if "row" in used and "row" not in rows.names:
        named.append("row")
    if len(named) > 1:
        several = ", ".join(map(str, named))
        raise UsageError(
            f"the prompt names the columns {several}, and can have one place for the rows; name "
            "one, or none of them and of=[...] the columns that tell a row"
        )
    told = named_columns(of, "of")
    if named:
        own: list[Hashable] = [*named] if named[0] in rows.names else []
        return prompt, str(named[0]), told or own
    place = "items"
    while place in used or place in keys:
        place += "_"
    return f"{prompt.rstrip()}\n\n{{{{{place}}}}}", place, told


def _groups(rows: Rows, keys: list[Hashable], of: list[Hashable]) -> Iterator[_Group]:
    """Yield the groups in the order of their first rows, each with the texts of its rows."""
    groups: dict[Any, _Group] = {}
    told = of or [name for name in rows.names if name not in keys]
    for chunk in rows.chunks(_CHUNK):
        cells = [chunk.column(key) for key in keys]
        for number in range(chunk.count):
            key = tuple(None if is_missing(column[number]) else column[number] for column in cells)
            group = groups.get(hashable(key))
            if group is None:
                named = {str(name): cell for name, cell in zip(keys, key, strict=True)}
                group = groups[hashable(key)] = _Group(chunk.start + number, named)
            if rows.single and not of:
                values = {"": chunk.row(number)}
            else:
                values = {str(name): chunk.column(name)[number] for name in told}
            text = _text(values)
            if text:
                group.texts.append(text)
    yield from groups.values()


def _text(values: dict[str, Any]) -> str:
    """Return how a row is told: by one value, or by its names and values, a line each."""
    there = {name: value for name, value in values.items() if not is_missing(value)}
    if len(values) == 1:
        return "".join(map(str, there.values()))
    return "\n".join(f"{name}: {value}" for name, value in there.items())


def _sum_up(
    ask: Ask,
    groups: list[_Group],
    *,
    template: str,
    place: str,
    tokens: int,
    keywords: dict[str, Any],
) -> Shape | None:
    """Ask for all parts of all groups at once, and put their answers in the place of the texts."""
    parts: list[tuple[_Group, dict[str, Any]]] = []
    for group in groups:
        for texts in _cut(group.texts, tokens, least=1 if group.level == 0 else 2):
            items = "\n\n".join(f"{n}. {text}" for n, text in enumerate(texts, 1))
            if group.level:
                items = f"{_NOTE}\n\n{items}"
            parts.append((group, {**group.cells, place: items}))
    run = ask([row for _, row in parts], template, **keywords)
    problems = {error.position: f"{error.kind}: {error.message}" for error in run.errors}
    for group in groups:
        group.texts, group.level = [], group.level + 1
    answers: dict[int, list[Any]] = {}
    for position, ((group, _), value) in enumerate(zip(parts, run.values, strict=True)):
        answers.setdefault(id(group), []).append(value)
        if value is None:
            group.error = group.error or problems.get(position, "it has no answer")
    for group in groups:
        found = answers[id(group)]
        if group.error is None and len(found) == 1:
            group.value = found[0]
        elif group.error is None:
            group.texts = [_told(value) for value in found]
    return run.shape


def _cut(texts: list[str], tokens: int, *, least: int) -> Iterator[list[str]]:
    """Yield the texts in parts of at most so many tokens, but of at least so many texts."""
    part: list[str] = []
    size = 0
    for text in texts:
        own = estimate(text) + _NUMBER
        if len(part) >= least and size + own > tokens:
            yield part
            part, size = [], 0
        part.append(text)
        size += own
    if part:
        yield part


def _told(value: Any) -> str:
    """Return an answer as the text that it is summed up by."""
    return (
        value
        if isinstance(value, str)
        else json.dumps(plain(value), ensure_ascii=False, default=str)
    )
