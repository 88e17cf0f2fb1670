"""Shares of a label that a model gave, corrected by rows that somebody has labelled."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from statistics import NormalDist, fmean, variance

from eighty80_jupyter.evaluation.metrics import wilson

FEW = 30  # labelled rows below which an interval of a normal distribution says little


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The share of a label among rows, from 0 to 1, with its interval.

    `model` is the share among the model's answers as they are, `labelled` and `unlabelled` count
    the rows behind it, `note` says what weakens it. `low` and `high` are NaN where nothing can be
    said.
    """

    value: float
    low: float
    high: float
    model: float
    labelled: int
    unlabelled: int
    note: str = ""


def share(answers: Sequence[bool], truth: Sequence[bool | None], confidence: float = 0.95) -> Share:
    """Return the share of rows for which something is true, as far as a model's answers tell.

    `answers` is what the model says of each row, `truth` what is so, None where nobody looked. The
    rows that somebody looked at must be drawn at random. The model's share among the other rows is
    corrected by its mean error where the truth is known. The interval is that of
    prediction-powered inference for a mean. Source: Angelopoulos et al., Science 382 (2023).
    """
    known = [(a, t) for a, t in zip(answers, truth, strict=True) if t is not None]
    rest = [float(a) for a, t in zip(answers, truth, strict=True) if t is None]
    model = fmean(map(float, answers)) if answers else math.nan
    found = partial(Share, model=model, labelled=len(known), unlabelled=len(rest))
    if not known:
        note = "no row is labelled: this is the model's share, and may be off in one direction"
        return found(value=model, low=math.nan, high=math.nan, note=note)
    if not rest:
        right = sum(bool(t) for _, t in known)
        low, high = wilson(right, len(known), confidence)
        return found(value=right / len(known), low=low, high=high)
    errors = [float(t) - float(a) for a, t in known]
    value = fmean(rest) + fmean(errors)
    few = "" if len(known) >= FEW else f"only {len(known)} rows are labelled"
    if len(known) == 1:
        low = high = math.nan
    else:
        spread = variance(errors) / len(errors) + _variance(rest) / len(rest)
        half = NormalDist().inv_cdf((1 + confidence) / 2) * math.sqrt(spread)
        low, high = max(0.0, value - half), min(1.0, value + half)
        if not spread:
            few = f"the {len(known)} labelled rows and the answers show no spread"
    return found(value=min(1.0, max(0.0, value)), low=low, high=high, note=few)


def _variance(values: Sequence[float]) -> float:
    return variance(values) if len(values) > 1 else 0.0
