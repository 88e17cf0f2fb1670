"""The cells of the notebook as they were run, and which of them are meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.text import shown

NOTHING = object()  # in place of a result
ALL, ABOVE = "all", "above"
WHICH = r"all|above|[0-9]+(?:-[0-9]*)?(?:,[0-9]+(?:-[0-9]*)?)*"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCell:
    """A cell as it was run, or a Markdown cell of the page, which has no `number`.

    `number` is the execution count, `cell` names the cell of which this is a run; where it is not
    known, cells with the same source are one. `result` is what `Out[number]` holds, `error` how it
    failed, in a line, `output` the text below it on the page. `above` tells that it stands above
    the cell that asks. `age` is the larger the newer the cell is.
    """

    source: str
    number: int = 0
    cell: str = ""
    result: Any = NOTHING
    error: str = ""
    output: str = ""
    above: bool = True
    age: int = 0


def which_cells(value: str | bool | None) -> str:  # noqa: FBT001  # True and False are values here
    """Return which cells are meant: "all", "above", numbers such as "3-7,9", or "" for none.

    Raises UsageError.
    """
    if value is None or value is False:
        return ""
    text = ALL if value is True else value.strip() if isinstance(value, str) else ""
    if not re.fullmatch(WHICH, text):
        raise UsageError(
            f"cells must be all, above, or numbers of cells such as 3-7; got {shown(value)}"
        )
    for piece in text.split(","):
        first, dash, last = piece.partition("-")
        if dash and last and int(first) > int(last):
            raise UsageError(f"cells {piece} end before they begin; write {last}-{first}")
    return text


def chosen(cells: Sequence[RunCell], which: str) -> list[RunCell]:
    """Return the cells that are meant, in their order, of each only the last of its runs.

    Raises UsageError for numbers of which no cell was run.
    """
    if which in (ALL, ABOVE):
        found = [cell for cell in cells if which == ALL or cell.above]
    else:
        spans = [piece.partition("-") for piece in which.split(",")]
        found = [cell for cell in cells if cell.number and _within(cell.number, spans)]
        if not found:
            ran = [cell.number for cell in cells if cell.number]
            known = f"there are {min(ran)} to {max(ran)}" if ran else "none was run yet"
            raise UsageError(f"no cell with the number {which} was run; {known}. Nothing was sent.")
    last = {cell.cell or cell.source.strip(): cell for cell in sorted(found, key=lambda c: c.age)}
    kept = {id(cell) for cell in last.values()}
    return [cell for cell in found if id(cell) in kept and cell.source.strip()]


def _within(number: int, spans: Iterable[tuple[str, str, str]]) -> bool:
    return any(
        int(first) <= number <= (int(last) if last else number if dash else int(first))
        for first, dash, last in spans
    )
