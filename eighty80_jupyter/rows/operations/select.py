"""The rows of which a prompt is true."""

from __future__ import annotations

from typing import Any

from eighty80_jupyter.rows.columns import restored
from eighty80_jupyter.rows.data.chunks import Rows
from eighty80_jupyter.rows.frames import open_rows
from eighty80_jupyter.rows.operations.decided import Ask, check, undecided
from eighty80_jupyter.rows.options import one_of

UNDECIDED = ("raise", "keep", "drop", "return")


def filter_rows(
    ask: Ask, data: Any, prompt: str, *, undecided_rows: str, keywords: dict[str, Any]
) -> Any:
    """Return the rows of which it is true. See `RowOperations.filter`."""
    check(keywords, "filter")
    one_of("undecided", undecided_rows, UNDECIDED)
    rows = whole(data)
    run = ask(rows, prompt, returns=bool, **keywords)
    values = run.values
    if undecided_rows == "raise" and None in values:
        raise undecided(
            run, "row", 'undecided="keep", "drop" or "return" says what becomes of them'
        )
    wanted = (True, None) if undecided_rows == "keep" else (True,)
    kept = restored(rows.take([at for at, value in enumerate(values) if value in wanted]))
    if undecided_rows != "return":
        return kept
    return kept, restored(rows.take([at for at, value in enumerate(values) if value is None]))


def whole(data: Any) -> Rows:
    """Return rows that can be looked at again: those of an iterator as a list."""
    rows = open_rows(data)
    if rows.length is not None:
        return rows
    return open_rows(list(rows.each()))
