"""Metrics of answers against the truth, as pure functions. No I/O.

An answer that is missing (None: its row failed) is wrong everywhere; it is never left out.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from statistics import NormalDist

Interval = tuple[float, float]


def wilson(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Return Wilson's score interval of a proportion; (0, 1) without trials.

    Source: E. B. Wilson (1927), without a correction for continuity.
    """
    if not trials:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = successes / trials
    scale = 1 + z * z / trials
    centre = (share + z * z / (2 * trials)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    # At the ends the formula is exact, and rounding is not.
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == trials else min(1.0, centre + half)
    return low, high


def mcnemar(first_only: int, second_only: int) -> float:
    """Return the exact two-sided p of McNemar's test, from 0 to 1.

    `first_only` counts the rows that only the first variant has right, `second_only` those that
    only the second has. Rows on which both agree tell nothing. Source: Q. McNemar (1947), with the
    binomial distribution in place of its approximation.
    """
    trials = first_only + second_only
    if not trials:
        return 1.0
    # In logarithms: 0.5 ** 2000 is nothing for a float.
    total = math.lgamma(trials + 1) - trials * math.log(2)
    tail = math.fsum(
        math.exp(total - math.lgamma(k + 1) - math.lgamma(trials - k + 1))
        for k in range(min(first_only, second_only) + 1)
    )
    return min(1.0, 2 * tail)


def confusion(
    truth: Sequence[Hashable], answers: Sequence[Hashable | None]
) -> dict[tuple[Hashable, Hashable | None], list[int]]:
    """Return the positions of the rows with each pair of truth and answer."""
    cells: dict[tuple[Hashable, Hashable | None], list[int]] = {}
    for position, pair in enumerate(zip(truth, answers, strict=True)):
        cells.setdefault(pair, []).append(position)
    return cells


def macro_f1(truth: Sequence[Hashable], answers: Sequence[Hashable | None]) -> float:
    """Return the mean of the F1 of every label that is a truth or an answer; NaN without rows.

    A label that is never right has an F1 of 0, as in scikit-learn with `zero_division=0`.
    """
    actual, given = Counter(truth), Counter(a for a in answers if a is not None)
    right = Counter(t for t, a in zip(truth, answers, strict=True) if t == a)
    labels = actual.keys() | given.keys()
    if not labels:
        return math.nan
    return math.fsum(2 * right[x] / (actual[x] + given[x]) for x in labels) / len(labels)


def kappa(first: Sequence[Hashable | None], second: Sequence[Hashable | None]) -> float:
    """Return Cohen's kappa of two lists of labels: 1 where they agree, 0 as by chance.

    A missing answer is a label of its own. NaN without rows, and where both have one and the same
    label throughout, so that nothing can be told. Source: J. Cohen (1960).
    """
    count = len(first)
    if not count:
        return math.nan
    pairs = zip(first, second, strict=True)
    observed = sum(a == b for a, b in pairs) / count
    ours, theirs = Counter(first), Counter(second)
    expected = sum(ours[x] * theirs[x] for x in ours) / count**2
    return math.nan if expected == 1 else (observed - expected) / (1 - expected)


def vote(answers: Sequence[Hashable | None]) -> tuple[Hashable | None, float]:
    """Return the answer that most samples gave and its share of all; None for a tie or nothing."""
    counts = Counter(a for a in answers if a is not None).most_common(2)
    if not counts:
        return None, 0.0
    share = counts[0][1] / len(answers)
    tie = len(counts) > 1 and counts[0][1] == counts[1][1]
    return (None if tie else counts[0][0]), share
