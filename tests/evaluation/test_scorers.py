"""Scorers: when an answer counts as right."""

from __future__ import annotations

from typing import Any

import pytest

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.evaluation.scorers import scorer


@pytest.mark.parametrize(
    ("score", "answer", "truth", "right"),
    [
        (None, "Bug", "bug", False),
        ("exact", "bug", "bug", True),
        ("exact", 3, 3.0, True),
        ("casefold", " STRASSE \n 5", "straße 5", True),
        ("casefold", "bug!", "bug", False),
        ("contains", "It is a Bug.", "bug", True),
        ("contains", "none", "bug", False),
        ("regex", "in 1984, or so", r"\b19\d\d\b", True),
        ("regex", "in 84", r"\b19\d\d\b", False),
        (0.5, 3.4, "3", True),
        (0.5, 3.6, 3, False),
        (0, 3, 3, True),
        (lambda answer, truth: answer in truth, "b", "abc", True),
    ],
)
def test_scores(score: Any, answer: Any, truth: Any, *, right: bool) -> None:
    """Each way to compare tells right from wrong."""
    assert scorer(score)(answer, truth) is right


@pytest.mark.parametrize("score", ["fuzzy", -1, True, ["exact"]])
def test_other_scorers_are_refused(score: Any) -> None:
    """What is no scorer is refused with the ones that there are."""
    with pytest.raises(UsageError, match="exact, casefold, contains, regex, a tolerance"):
        scorer(score)
