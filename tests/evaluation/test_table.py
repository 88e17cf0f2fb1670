"""Variants beside the truth: scores as scikit-learn has them, and the rows behind them."""

from __future__ import annotations

import enum
import math
import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, cohen_kappa_score, f1_score
from statsmodels.stats.contingency_tables import mcnemar

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.evaluation.scorers import scorer
from eighty80_jupyter.evaluation.table import ALL_FIELDS, Answers, Table
from eighty80_jupyter.rows.truth import truth_of

LABELS = ["bug", "feature", "other"]


class Kind(enum.Enum):
    """A type of answers."""

    BUG = "bug"
    FEATURE = "feature"
    OTHER = "other"


@dataclass
class Ticket:
    """A record."""

    kind: str
    urgent: bool


def _random(seed: int) -> tuple[list[str | None], list[list[str | None]]]:
    """Return a truth with unlabelled rows, and three variants of different quality."""
    rng = random.Random(seed)
    truth: list[str | None] = [rng.choice([*LABELS, None]) for _ in range(rng.randint(5, 200))]
    variants: list[list[str | None]] = []
    for quality in (0.5, 0.8, 0.7):
        guess = [rng.choice([*LABELS, None]) for _ in truth]
        variants.append(
            [t if rng.random() < quality else g for t, g in zip(truth, guess, strict=True)]
        )
    return truth, variants


@pytest.mark.parametrize("seed", range(25))
def test_scores_are_scikit_learns(seed: int) -> None:
    """Accuracy, macro-F1, kappa and McNemar's p of labelled rows are those of the libraries."""
    truth, variants = _random(seed)
    table = Table([Answers(name=str(n), values=v) for n, v in enumerate(variants)], truth)
    known = [n for n, t in enumerate(truth) if t is not None]
    true = [truth[n] for n in known]
    given = [["none" if v[n] is None else v[n] for n in known] for v in variants]
    right = [[t == g for t, g in zip(true, one, strict=True)] for one in given]
    best = max(range(3), key=lambda n: (sum(right[n]), -n))
    for number, score in enumerate(table.scores):
        seen = sorted({str(x) for x in (*true, *given[number])} - {"none"})
        assert score.rows == len(known)
        assert score.accuracy == pytest.approx(accuracy_score(true, given[number]))
        assert score.valid == pytest.approx(np.mean([g != "none" for g in given[number]]))
        expected = f1_score(true, given[number], labels=seen, average="macro", zero_division=0)
        assert score.macro_f1 == pytest.approx(expected)
        assert score.kappa == pytest.approx(cohen_kappa_score(true, given[number]), nan_ok=True)
        against = cohen_kappa_score(given[0], given[number])
        assert score.kappa_to_first == pytest.approx(against, nan_ok=True)
        assert score.interval[0] <= score.accuracy <= score.interval[1]
        if number == best:
            assert math.isnan(score.p)
        else:
            pairs = list(zip(right[number], right[best], strict=True))
            cells = [[pairs.count((a, b)) for b in (True, False)] for a in (True, False)]
            assert score.p == pytest.approx(min(1.0, mcnemar(cells, exact=True).pvalue))
            assert score.may_be_chance == (score.p > 0.05)


def test_confusion_and_disagreements_list_rows() -> None:
    """A cell names its rows by position in the data; rows that split most come first."""
    truth = ["bug", None, "bug", "feature"]
    one = Answers(name="one", values=["bug", "bug", "feature", None])
    two = Answers(name="two", values=["bug", "other", "other", "feature"])
    three = Answers(name="three", values=["bug", "bug", "bug", "feature"])
    table = Table([one, two, three], truth)
    assert table.confusion(0) == {
        ("bug", "bug"): [0],
        ("bug", "feature"): [2],
        ("feature", None): [3],
    }
    assert table.disagreements == [2, 3]
    assert Table([one, two, three]).disagreements == [2, 1, 3]


def test_samples_are_voted_on() -> None:
    """Most samples decide; a tie and a row without any are no answer."""
    values = [["bug", "bug", None], ["bug", "feature"], [None, None], ["other"]]
    table = Table([Answers(name="v", values=values, samples=True)], ["bug", "bug", "bug", "other"])
    assert table.answers(0) == ["bug", None, None, "other"]
    assert [share for _, share in table.votes[0]] == [2 / 3, 0.5, 0, 1]
    assert table.scores[0].accuracy == 0.5
    assert table.scores[0].valid == 0.5


@pytest.mark.parametrize("kind", [dict, Ticket])
def test_records_are_scored_by_field_and_as_a_whole(kind: Any) -> None:
    """Each field has its score, and a record is right where all of its fields are."""

    def make(name: str, *, urgent: bool) -> Any:
        return kind(kind=name, urgent=urgent)

    values = [make("bug", urgent=True), make("bug", urgent=False), None]
    truth = [{"kind": "bug", "urgent": False}, {"kind": "bug", "urgent": False}, {"kind": "other"}]
    scores = {s.field: s.accuracy for s in Table([Answers(name="v", values=values)], truth).scores}
    assert scores == pytest.approx({"kind": 2 / 3, "urgent": 1 / 3, ALL_FIELDS: 1 / 3})


@pytest.mark.parametrize(
    "column",
    [
        ["bug", None, "other"],
        pd.Series(["bug", None, "other"], dtype="string"),
        pd.Series(["bug", pd.NA, "other"], dtype="object"),
        pd.Series(["bug", np.nan, "other"], dtype="category"),
    ],
)
def test_missing_labels_of_every_kind_do_not_count(column: Any) -> None:
    """None, NaN and NA say that nobody has labelled a row."""
    truth = truth_of(list(column), "y")
    assert truth == ["bug", None, "other"]
    table = Table([Answers(name="v", values=[Kind.BUG, Kind.BUG, Kind.OTHER])], truth)
    assert (table.scores[0].rows, table.scores[0].accuracy) == (2, 1)


def test_numbers_and_other_scorers() -> None:
    """A tolerance takes numbers; what cannot be compared is wrong and no error."""
    truth = truth_of(list(np.array([1.0, 2.0, np.nan, 4.0])), "y")
    answers = Answers(name="v", values=[1.2, "two", 3.0, None])
    assert Table([answers], truth, score=scorer(0.5)).right(0) == [True, False, False]
    assert Table([answers], truth).scores[0].accuracy == 0


def test_what_counts_as_right_is_the_label() -> None:
    """Where case does not count F1, kappa and the matrix do not count it either."""
    answers = [Answers(name="a", values=["Yes", "no"]), Answers(name="b", values=["yes", "no"])]
    table = Table(answers, ["yes", "no"], score=scorer("casefold"))
    one, two = table.scores
    assert (one.accuracy, one.macro_f1, one.kappa, two.kappa) == (1, 1, 1, 1)
    assert two.kappa_to_first < 1
    assert table.confusion(0) == {("yes", "yes"): [0], ("no", "no"): [1]}


@pytest.mark.parametrize("error", [ZeroDivisionError, TypeError, ValueError, KeyError])
def test_a_function_that_fails_is_named(error: type[Exception]) -> None:
    """It is not taken for a wrong answer, and the line says what it was called with."""

    def score(_answer: Any, _truth: Any) -> bool:
        raise error("odd")

    table = Table([Answers(name="v", values=["a"])], ["b"], score=score)
    with pytest.raises(UsageError, match=rf"score raised {error.__name__}: .*odd.* 'a' .* 'b'"):
        table.right(0)


def test_without_any_label_nothing_can_be_measured() -> None:
    """A column without labels is refused by name; without a truth only agreement is told."""
    with pytest.raises(UsageError, match="y has no label in any row"):
        truth_of([None, float("nan"), pd.NA], "y")
    table = Table([Answers(name="a", values=["x", "y"]), Answers(name="b", values=["x", "x"])])
    score = table.scores[1]
    assert (math.isnan(score.accuracy), score.rows, score.valid) == (True, 2, 1)
    assert score.kappa_to_first == pytest.approx(0)


def test_only_some_rows_can_count() -> None:
    """A held-out half is left out of every figure."""
    table = Table([Answers(name="v", values=["a", "b"])], ["a", "a"], rows=[1])
    assert (table.scores[0].rows, table.scores[0].accuracy) == (1, 0)
    assert table.confusion(0) == {("a", "b"): [1]}


def test_what_a_variant_took_is_told_where_it_is_known() -> None:
    """Tokens as they are, and rows a second; nothing is divided by no time."""
    values = ["a", "b", "a"]
    known = Answers(name="known", values=values, tokens=70, seconds=1.5)
    at_once = Answers(name="at once", values=values, seconds=0.0)
    scores = Table([known, at_once, Answers(name="unknown", values=values)]).scores
    assert [score.tokens for score in scores] == [70, None, None]
    assert [score.rows_per_second for score in scores] == [2, None, None]
