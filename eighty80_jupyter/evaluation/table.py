"""Variants compared: how good the answers of each are on labelled rows, and which rows tell.

A variant is a list of answers by row, None where a row has none. What is said of it is computed
from that and the truth alone.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.evaluation.labels import field_of, label_of, plain_value
from eighty80_jupyter.evaluation.metrics import (
    Interval,
    confusion,
    kappa,
    macro_f1,
    mcnemar,
    vote,
    wilson,
)
from eighty80_jupyter.evaluation.scorers import Scorer, scorer
from eighty80_jupyter.text import shown

CHANCE = 0.05  # a difference with a larger p may be chance
ALL_FIELDS = "all fields"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What one variant answered: a value for each row, or with `samples` a list of values.

    `tokens` and `seconds` are what it took; None: not known.
    """

    name: str
    values: Sequence[Any]
    samples: bool = False
    tokens: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How good one variant is, of one field of a record, of all of them, or of the whole answer.

    `rows` counts the labelled rows, `valid` is the share of answers that came, failed rows being
    wrong. `accuracy` has its Wilson interval. `macro_f1` and `kappa` (to the truth, and to the
    first variant) compare labels. `p` is McNemar's exact p against the best variant, NaN for the
    best itself. Shares go from 0 to 1; NaN where nothing can be told.
    """

    name: str
    field: str
    rows: int
    valid: float
    accuracy: float
    interval: Interval
    macro_f1: float
    kappa: float
    kappa_to_first: float
    p: float
    tokens: int | None
    rows_per_second: float | None

    @property
    def may_be_chance(self) -> bool:
        """Whether the distance from the best variant may be chance."""
        return self.p > CHANCE


@dataclass(frozen=True, eq=False)
class Table:
    """The answers of variants beside the truth, and what follows from them.

    `truth` holds a value for each row, None where the row is not labelled; for records a mapping of
    their fields. `score` says when an answer counts as right. `rows` are the positions that count;
    None: all.
    """

    variants: Sequence[Answers]
    truth: Sequence[Any] | None = None
    score: Scorer = field(default_factory=lambda: scorer(None))
    rows: Sequence[int] | None = None

    @cached_property
    def fields(self) -> list[str]:
        """The fields of the truth that are scored; empty where the answers are no records."""
        found = {name: None for t in self.truth or () if isinstance(t, Mapping) for name in t}
        return [str(name) for name in found]

    @cached_property
    def positions(self) -> list[int]:
        """The positions that count: those that are labelled, where there is a truth."""
        count = max((len(variant.values) for variant in self.variants), default=0)
        rows = range(count) if self.rows is None else self.rows
        if self.truth is None:
            return list(rows)
        return [at for at in rows if at < len(self.truth) and self.truth[at] is not None]

    @cached_property
    def votes(self) -> list[list[tuple[Any, float]]]:
        """The answer of each variant to each row, with the share of its samples that gave it."""
        return [[_voted(v, one.samples) for v in one.values] for one in self.variants]

    def answers(self, number: int, field: str = "") -> list[Any]:
        """Return what variant `number` answered to the rows that count, of one field or whole."""
        return [field_of(self.votes[number][at][0], field) for at in self.positions]

    def truths(self, field: str = "") -> list[Any]:
        """Return what is true of the rows that count, of one field or whole."""
        if self.truth is None:
            return []
        return [field_of(self.truth[at], field) for at in self.positions]

    def right(self, number: int, field: str = "") -> list[bool]:
        """Return for each row that counts whether variant `number` has it right.

        `ALL_FIELDS` is right where every field is.
        """
        if field == ALL_FIELDS:
            each = [self.right(number, name) for name in self.fields]
            return [all(row) for row in zip(*each, strict=True)]
        pairs = zip(self.answers(number, field), self.truths(field), strict=True)
        return [
            answer is not None and _is_right(self.score, answer, true) for answer, true in pairs
        ]

    @cached_property
    def scores(self) -> list[Score]:
        """How good each variant is; of records, of each field and of all of them."""
        fields = [*self.fields, ALL_FIELDS] if self.fields else [""]
        return [score for name in fields for score in self._scores(name)]

    def _scores(self, name: str) -> list[Score]:
        whole = "" if name == ALL_FIELDS else name
        right = [self.right(n, name) if self.truth is not None else [] for n in self._numbers]
        counts = [sum(one) for one in right]
        best = counts.index(max(counts)) if counts else 0
        plain = [list(map(label_of, self.answers(number, whole))) for number in self._numbers]
        found = []
        for number, variant in enumerate(self.variants):
            truth = list(map(label_of, self.truths(whole)))
            labels = self._labels(number, whole, name)
            known = self.truth is not None
            found.append(
                Score(
                    name=variant.name,
                    field=name,
                    rows=len(self.positions),
                    valid=_share(label is not None for label in labels),
                    accuracy=_share(right[number]) if known else math.nan,
                    interval=wilson(counts[number], len(right[number])) if known else _NOTHING,
                    macro_f1=macro_f1(truth, labels) if known else math.nan,
                    kappa=kappa(truth, labels) if known else math.nan,
                    kappa_to_first=kappa(plain[0], plain[number]),
                    p=self._p(right, number, best) if known else math.nan,
                    tokens=variant.tokens,
                    rows_per_second=_rate(variant),
                )
            )
        return found

    def confusion(
        self,
        number: int,
        field: str = "",
    ) -> dict[tuple[Hashable, Hashable | None], list[int]]:
        """Return the positions of the rows with each pair of truth and answer of a variant."""
        truths = list(map(label_of, self.truths(field)))
        cells = confusion(truths, self._labels(number, field, field))
        return {pair: [self.positions[at] for at in found] for pair, found in cells.items()}

    @cached_property
    def disagreements(self) -> list[int]:
        """The positions of the rows that variants answered differently, the most split first."""
        split = []
        for at in self.positions:
            given = Counter(label_of(votes[at][0]) for votes in self.votes if at < len(votes))
            if len(given) > 1:
                split.append((-len(given), max(given.values()), at))
        return [at for _, _, at in sorted(split)]

    def _labels(self, number: int, field: str, name: str) -> list[Hashable | None]:
        """Return the answers as labels: one that counts as right is the label that is true."""
        labels = list(map(label_of, self.answers(number, field)))
        if self.truth is None or name == ALL_FIELDS:
            return labels
        rows = zip(labels, self.truths(field), self.right(number, field), strict=True)
        return [label_of(true) if right else label for label, true, right in rows]

    @property
    def _numbers(self) -> range:
        return range(len(self.variants))

    @staticmethod
    def _p(right: Sequence[Sequence[bool]], number: int, best: int) -> float:
        if number == best:
            return math.nan
        pairs = list(zip(right[number], right[best], strict=True))
        return mcnemar(sum(a and not b for a, b in pairs), sum(b and not a for a, b in pairs))


_NOTHING = (math.nan, math.nan)


def _voted(value: Any, samples: bool) -> tuple[Any, float]:  # noqa: FBT001  # called by place
    if not samples:
        return value, float(value is not None)
    label, share = vote([label_of(one) for one in value])
    return next((one for one in value if label is not None and label_of(one) == label), None), share


def _is_right(score: Scorer, answer: Any, truth: Any) -> bool:
    own = getattr(score, "__module__", "") == scorer.__module__
    try:
        return bool(score(plain_value(answer), plain_value(truth)))
    except (TypeError, ValueError) as error:
        if own:  # a text where a number is wanted
            return False
        raise _failed(error, answer, truth) from error
    except Exception as error:
        raise _failed(error, answer, truth) from error


def _failed(error: Exception, answer: Any, truth: Any) -> UsageError:
    return UsageError(
        f"score raised {type(error).__name__}: {error}; it was called with the answer "
        f"{shown(answer)} and the truth {shown(truth)}"
    )


def _share(flags: Any) -> float:
    values = list(flags)
    return sum(values) / len(values) if values else math.nan


def _rate(variant: Answers) -> float | None:
    return len(variant.values) / variant.seconds if variant.seconds else None
