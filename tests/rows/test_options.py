"""The options of a run over rows, and the line that says what became of it."""

from __future__ import annotations

from typing import Any

import pytest

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.rows.options import RowOptions
from eighty80_jupyter.rows.progress import Progress


def test_last_line_of_the_specification() -> None:
    """The last line counts each row once, and tells tokens, seconds and rows a second."""
    progress = Progress(
        total=5000,
        done=5000,
        asked=3212,
        from_kept=1701,
        duplicates=75,
        skipped=9,
        failed={"cut": 2, "server": 1},
        second_attempt=41,
        tokens=412_345,
        seconds=9.8,
        state="done",
    )
    assert progress.last_line() == (
        "5,000 rows: 3,212 asked, 1,701 kept answers, 75 duplicates, 9 skipped, 3 failed, "
        "41 at a second attempt; 412k tokens in 9.8 s (328 rows/s)"
    )


def test_last_line_of_a_run_that_stopped() -> None:
    """The last line of a run that stopped says how much was not asked, and why it stopped."""
    progress = Progress(
        total=10, done=4, asked=4, not_asked=6, seconds=70, state="stopped", note="401"
    )
    assert progress.last_line() == (
        "10 rows: 4 asked, 6 not asked; 0 tokens in 1 min 10 s (0.1 rows/s); 401"
    )


def test_keywords_that_are_no_options_are_parameters() -> None:
    """Keywords are options where they name one, and parameters of the requests otherwise."""
    options = RowOptions.of(None, {"column": "label", "temperature": 0, "all": True})
    assert (options.column, options.all) == ("label", True)
    assert options.parameters == {"temperature": 0}


@pytest.mark.parametrize(
    "keywords",
    [
        {"samples": 0},
        {"samples": None},
        {"concurrency": True},
        {"per_minute": -1},
        {"per_minute": 2.5},
        {"missing": "drop"},
        {"too_long": "trim"},
        {"column": " "},
        {"all": 1},
        {"try_rows": 5, "all": True},
    ],
)
def test_wrong_options(keywords: dict[str, Any]) -> None:
    """An option with a value that it does not take is named, with what it takes."""
    with pytest.raises(UsageError, match=next(iter(keywords))):
        RowOptions.of(None, keywords)
