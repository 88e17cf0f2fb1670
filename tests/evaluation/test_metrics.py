"""Metrics equal those of scikit-learn, statsmodels and scipy on random tables."""

from __future__ import annotations

import math
import random

import pytest
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score, f1_score
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar

from eighty80_jupyter.evaluation.metrics import (
    confusion,
    kappa,
    macro_f1,
    mcnemar,
    vote,
    wilson,
)

MISSING = "a label that nobody uses"  # scikit-learn takes no None among texts


def _labels(seed: int) -> tuple[list[str], list[str | None]]:
    """Return a random truth, and answers of which some are right and some are missing."""
    rng = random.Random(seed)
    names = [f"label {number}" for number in range(rng.randint(2, 6))]
    truth = [rng.choice(names) for _ in range(rng.randint(1, 300))]
    wrong: list[str | None] = [*names, "invented", None]
    return truth, [t if rng.random() < 0.6 else rng.choice(wrong) for t in truth]


@pytest.mark.parametrize("seed", range(40))
def test_f1_and_kappa_as_in_scikit_learn(seed: int) -> None:
    """Macro-F1 and kappa are scikit-learn's, where missing answers are wrong ones."""
    truth, answers = _labels(seed)
    named = [MISSING if a is None else a for a in answers]
    labels = sorted({*truth, *named} - {MISSING})
    expected = f1_score(truth, named, labels=labels, average="macro", zero_division=0)
    assert macro_f1(truth, answers) == pytest.approx(expected, abs=1e-12)
    assert kappa(truth, answers) == pytest.approx(cohen_kappa_score(truth, named), abs=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_mcnemar_as_in_statsmodels(seed: int) -> None:
    """The exact p is that of statsmodels, and of the binomial test."""
    rng = random.Random(seed)
    first, second = rng.randint(0, 60), rng.randint(0, 60)
    table = [[rng.randint(0, 50), first], [second, rng.randint(0, 50)]]
    expected = statsmodels_mcnemar(table, exact=True).pvalue
    assert mcnemar(first, second) == pytest.approx(min(1.0, float(expected)), abs=1e-12)
    if first + second:
        exact = binomtest(first, first + second, 0.5).pvalue
        assert mcnemar(first, second) == pytest.approx(exact, abs=1e-9)


def test_mcnemar_of_many_and_of_none() -> None:
    """Thousands of rows that differ give a probability, and none say nothing."""
    assert mcnemar(0, 0) == 1
    assert mcnemar(2600, 2400) == pytest.approx(binomtest(2600, 5000, 0.5).pvalue, rel=1e-6)
    assert 0 <= mcnemar(5000, 0) < 1e-300


@pytest.mark.parametrize("trials", [1, 2, 7, 50, 1000, 100_000])
@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.9, 1])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_wilson_as_in_scipy(trials: int, share: float, confidence: float) -> None:
    """The interval is scipy's, at the ends too."""
    successes = round(trials * share)
    expected = binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    found = wilson(successes, trials, confidence)
    assert found == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert found[0] <= successes / trials <= found[1]


def test_without_rows() -> None:
    """Nothing is claimed where there is nothing."""
    assert wilson(0, 0) == (0, 1)
    assert math.isnan(macro_f1([], []))
    assert math.isnan(kappa([], []))
    assert math.isnan(kappa(["a", "a"], ["a", "a"]))


def test_a_confusion_cell_lists_its_rows() -> None:
    """Every row stands in one cell, also one without an answer."""
    cells = confusion(["a", "b", "a", "b"], ["a", "a", "a", None])
    assert cells == {("a", "a"): [0, 2], ("b", "a"): [1], ("b", None): [3]}


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (["a", "a", "b"], ("a", 2 / 3)),
        (["a", "b"], (None, 0.5)),
        (["a", None], ("a", 0.5)),
        ([None, None], (None, 0)),
        ([], (None, 0)),
        (["b", "a", "b", "a", "c"], (None, 0.4)),
    ],
)
def test_votes(answers: list[str | None], expected: tuple[str | None, float]) -> None:
    """Most samples decide, a tie decides nothing, and what failed counts against the share."""
    assert vote(answers) == expected
