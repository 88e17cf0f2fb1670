"""Which rows a line or the panel means."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.rows.source import rows_named

TICKETS = pd.DataFrame({"text": ["a", "b", "c"], "open": [True, False, True]})
NAMES: dict[str, Any] = {"tickets": TICKETS, "größe": ["x"], "wipe": TICKETS.pop}


@pytest.mark.parametrize(
    ("expression", "count"),
    [("tickets", 3), (" größe ", 1), ("tickets[tickets.open]", 2), ("tickets.head(1)", 1),
     ("tickets[1:]", 2), ("tickets.text", 3), ('tickets["text"]', 3), ("tickets[:2]", 2)],
)  # fmt: skip
def test_a_variable_or_what_is_computed_of_it(expression: str, count: int) -> None:
    """A name, a selection, a slice and a column are rows."""
    assert len(rows_named(expression, NAMES)) == count


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("tickts", "no variable 'tickts' for the rows. Nothing was sent. Did you mean tickets?"),
        ("nothing_like_it", "no variable 'nothing_like_it' for the rows. Nothing was sent."),
        ("tickts.head(1)", "Did you mean tickets?"),
        ("tickets.heads", "heads"),
        ("", "the rows are those of a variable"),
        ("a b", "the rows are those of a variable"),
        ("tickets}} and {{tickets", "the rows are those of a variable"),
        ("[x for x in tickets]", "the rows are those of a variable"),
        ("tickets!r", "the rows are those of a variable"),
        ("wipe('text')", "do it in a cell"),
    ],
)
def test_what_is_refused(expression: str, told: str) -> None:
    """A name that is not there, and what does more than compute, are refused in one line."""
    with pytest.raises(UsageError) as caught:
        rows_named(expression, NAMES)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "text" in TICKETS
