"""Corrected shares: they hit the truth where the model's own share does not."""

from __future__ import annotations

import math
import random
from statistics import NormalDist, fmean, variance

import pytest

from eighty80_jupyter.evaluation.shares import share


def _study(rng: random.Random, rows: int, labelled: int) -> tuple[list[bool], list[bool | None]]:
    """Return a model that says yes too often, and the truth of a random part of its rows."""
    truth = [rng.random() < 0.7 for _ in range(rows)]
    answers = [rng.random() < (0.95 if t else 0.45) for t in truth]
    looked_at = set(rng.sample(range(rows), labelled))
    return answers, [t if i in looked_at else None for i, t in enumerate(truth)]


@pytest.mark.slow
def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    """Of 600 simulated studies about 95 in a hundred cover the truth; the model's share misses."""
    rng = random.Random(7)
    found = [share(*_study(rng, 1500, 200)) for _ in range(600)]
    covered = fmean(each.low <= 0.7 <= each.high for each in found)
    assert 0.93 <= covered <= 0.975
    assert fmean(each.value for each in found) == pytest.approx(0.7, abs=0.006)
    assert fmean(each.model for each in found) == pytest.approx(0.8, abs=0.006)


@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_the_textbook_formula(confidence: float) -> None:
    """Value and interval are those of prediction-powered inference for a mean, written out."""
    answers, truth = _study(random.Random(1), 900, 120)
    rest = [float(a) for a, t in zip(answers, truth, strict=True) if t is None]
    off = [float(a) - float(t) for a, t in zip(answers, truth, strict=True) if t is not None]
    value = fmean(rest) - fmean(off)
    error = math.sqrt(variance(rest) / len(rest) + variance(off) / len(off))
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    found = share(answers, truth, confidence)
    assert (found.value, found.low, found.high) == pytest.approx(
        (value, value - z * error, value + z * error)
    )
    assert (found.labelled, found.unlabelled, found.note) == (120, 780, "")


def test_without_labels_it_is_the_models_share_and_says_so() -> None:
    """Nothing is corrected, no interval is made up, and the note tells it."""
    found = share([True, True, False, False], [None] * 4)
    assert found.value == found.model == 0.5
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert "no row is labelled" in found.note


def test_with_all_rows_labelled_the_model_does_not_count() -> None:
    """Where the truth is known it is the share."""
    found = share([True] * 10, [True] * 4 + [False] * 6)
    assert found.value == 0.4
    assert found.low < 0.4 < found.high
    assert found.unlabelled == 0


@pytest.mark.parametrize("labelled", [1, 2, 29])
def test_few_labels_are_named(labelled: int) -> None:
    """An interval of few rows comes with a warning; one row gives none."""
    answers, truth = _study(random.Random(3), 400, labelled)
    found = share(answers, truth)
    assert found.note
    assert math.isnan(found.low) == (labelled == 1)
    assert 0 <= found.value <= 1
