"""When an answer counts as right: by being equal, or by what a scorer says."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.text import shown

Scorer = Callable[[Any, Any], bool]


def _exact(answer: Any, truth: Any) -> bool:
    return bool(answer == truth)


def _casefold(answer: Any, truth: Any) -> bool:
    return " ".join(str(answer).casefold().split()) == " ".join(str(truth).casefold().split())


def _contains(answer: Any, truth: Any) -> bool:
    return str(truth).casefold() in str(answer).casefold()


def _regex(answer: Any, truth: Any) -> bool:
    return re.search(str(truth), str(answer)) is not None


SCORERS: Mapping[str, Scorer] = MappingProxyType(
    {"exact": _exact, "casefold": _casefold, "contains": _contains, "regex": _regex}
)


def scorer(score: str | float | Scorer | None) -> Scorer:
    """Return what tells whether an answer is right, called with the answer and the truth.

    `score` is "exact" (also None), "casefold" (case and space do not count), "contains" (the truth
    stands in the answer), "regex" (the truth is a pattern that is found in it), a number (the
    tolerance by which a number may be off), or a function. Raises UsageError for anything else.
    """
    if score is None:
        return _exact
    if isinstance(score, str) and score in SCORERS:
        return SCORERS[score]
    if isinstance(score, (int, float)) and not isinstance(score, bool) and score >= 0:
        tolerance = float(score)
        return lambda answer, truth: math.isclose(
            float(answer), float(truth), rel_tol=0.0, abs_tol=tolerance
        )
    if callable(score):
        return score
    raise UsageError(
        f"score is one of {', '.join(SCORERS)}, a tolerance of 0 or more, or a function of the "
        f"answer and the truth, got {shown(score)}"
    )
