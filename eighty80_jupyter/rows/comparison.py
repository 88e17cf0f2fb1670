"""Several ways to ask about the same rows: `Session.compare` returns one of these."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.errors import EvaluationError, UsageError
from eighty80_jupyter.evaluation.scorers import Scorer
from eighty80_jupyter.evaluation.table import Answers, Score, Table
from eighty80_jupyter.rows.data.chunks import Rows
from eighty80_jupyter.rows.frames import pandas_for
from eighty80_jupyter.rows.plots import Bar, chart, reliability
from eighty80_jupyter.text import counted, shown

if TYPE_CHECKING:
    from eighty80_jupyter.rows.run import Run

MEASURES = ("accuracy", "valid", "macro_f1", "kappa")
_COLUMNS = (
    *("variant", "field", "rows", "valid", "accuracy", "low", "high", "macro_f1", "kappa"),
    *("kappa_to_first", "p", "may_be_chance", "tokens", "rows_per_second"),
)
_LOOK_SECONDS = 0.05


class RowComparison:
    """Runs over the same rows, one for each variant, beside the truth where that is known.

    `runs` are the runs by the names of their variants, `rows` what was asked about, `split` the
    positions that are looked at and those that are held out. Everything can be looked at while they
    go on; what has not come yet counts as missing.
    """

    def __init__(
        self,
        runs: Mapping[str, Run],
        rows: Rows,
        *,
        truth: Sequence[Any] | None,
        score: Scorer,
        split: tuple[Sequence[int], Sequence[int]],
    ) -> None:
        self.runs = dict(runs)
        self.rows = rows
        self._truth = truth
        self._score = score
        self._seen, self._held = split

    def __repr__(self) -> str:
        return f"<RowComparison of {self.last_line()}>"

    @property
    def done(self) -> bool:
        """Whether all runs have ended."""
        return all(run.done for run in self.runs.values())

    @property
    def table(self) -> Table:
        """The answers so far beside the truth: scores, confusion matrices, disagreements.

        Rows that were held out are not in it.
        """
        return self._table(self._seen)

    @property
    def scores(self) -> list[Score]:
        """How good each variant is; of records, each of their fields and all of them."""
        return self.table.scores

    @property
    def held_out(self) -> Table:
        """The same of the rows that were held out, for the last look at the variant that is chosen.

        Raises UsageError where none were.
        """
        if not self._held:
            raise UsageError("no rows were held out; holdout=0.5 holds out half of them")
        return self._table(self._held)

    def to_frame(self, *, held_out: bool = False) -> Any:
        """Return the scores as a DataFrame: a row for each variant, and for each field of records.

        `low` and `high` are the ends of Wilson's interval of the accuracy (95 %), `p` is McNemar's
        exact p against the best variant, shares go from 0 to 1. `held_out` tells them of the rows
        that were held out. Raises UsageError without pandas.
        """
        pd = pandas_for("to_frame", "; .scores has the same")
        scores = self.held_out.scores if held_out else self.scores
        cells = [
            (
                *(s.name, s.field, s.rows, s.valid, s.accuracy, *s.interval, s.macro_f1, s.kappa),
                *(s.kappa_to_first, s.p, s.may_be_chance, s.tokens, s.rows_per_second),
            )
            for s in scores
        ]
        return pd.DataFrame(cells, columns=list(_COLUMNS))

    def confusion(self, variant: str, field: str = "") -> Any:
        """Return a DataFrame of how often each truth got each answer of a variant.

        A row for each truth, a column for each answer; what has no answer is under None. Raises
        UsageError for a name that is none, and without pandas.
        """
        pd = pandas_for("confusion", "; .table.confusion has the rows of each pair")
        cells = self.table.confusion(self._number(variant), field)
        truths = sorted({truth for truth, _ in cells}, key=str)
        answers = sorted({answer for _, answer in cells}, key=lambda a: (a is None, str(a)))
        counts = [[len(cells.get((t, a), ())) for a in answers] for t in truths]
        return pd.DataFrame(counts, index=pd.Index(truths, name="truth"), columns=answers)

    def plot(self, kind: str = "accuracy") -> Any:
        """Return a chart, by matplotlib, plotly or altair if the notebook has imported it.

        "accuracy": that of each variant with its interval; "reliability": how often answers are
        right by the share of the samples that agree, of the best variant (ask with samples=5).
        Raises UsageError for another kind, and where there is no truth.
        """
        table = self.table
        if table.truth is None:
            raise UsageError("there is nothing to plot without a truth: truth names its column")
        scores = self.scores[-len(self.runs) :]
        if kind == "accuracy":
            bars = [Bar(name=s.name, value=s.accuracy, interval=s.interval) for s in scores]
            return chart(f"accuracy on {scores[0].rows:,} labelled rows", bars, most=1.0)
        if kind != "reliability":
            raise UsageError(f"kind is accuracy or reliability, got {shown(kind)}")
        number = _best(scores)
        field = scores[number].field
        shares = [table.votes[number][at][1] for at in table.positions]
        bars = reliability(shares, table.right(number, field))
        return chart(f"right answers of {scores[number].name}", bars, most=1.0)

    def require(self, variant: str | None = None, **least: float) -> None:
        """Raise EvaluationError where a measure of a variant is below what is wanted.

        `accuracy`, `valid`, `macro_f1` and `kappa` are the measures, shares from 0 to 1. Without a
        name it is the best variant. For a script, or for CI. Raises UsageError for another measure.
        """
        if not least or set(least) - set(MEASURES):
            raise UsageError(
                f"require takes {', '.join(MEASURES)}, such as accuracy=0.9, got "
                f"{', '.join(least) or 'none'}"
            )
        for name, wanted in least.items():
            if isinstance(wanted, bool) or not isinstance(wanted, (int, float)):
                raise UsageError(f"{name} is a share from 0 to 1, got {shown(wanted)}")
        scores = self.scores
        whole = scores[-len(self.runs) :]  # of records: all fields
        number = _best(whole) if variant is None else self._number(variant)
        score = whole[number]
        for name, wanted in least.items():
            found: float = getattr(score, name)
            if math.isnan(found):
                raise EvaluationError(
                    f"{name} of {score.name} is not known: there are {score.rows:,} labelled rows",
                    comparison=self,
                )
            if found < wanted:
                low, high = score.interval
                between = f" ({low:.3f} to {high:.3f})" if name == "accuracy" else ""
                raise EvaluationError(
                    f"{name} of {score.name} is {found:.3f}{between} on {score.rows:,} rows, "
                    f"below {wanted:g}",
                    comparison=self,
                )

    def last_line(self) -> str:
        """Return what stands below it: rows, variants, what it took."""
        states = [run.progress() for run in self.runs.values()]
        done = sum(state.done for state in states)
        tokens = sum(state.tokens for state in states)
        seconds = max((state.seconds for state in states), default=0.0)
        failed = sum(sum(state.failed.values()) for state in states)
        line = f"{counted(len(states), 'variant')} of {counted(self.rows.length or 0, 'row')}"
        line += f" · {counted(done, 'answer')}"
        line += f" · {failed:,} failed" if failed else ""
        return f"{line} · {tokens:,} tokens · {seconds:.1f} s"

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until all runs have ended, at most `timeout` seconds; return whether they have.

        What they call of the user's is called in this thread. An interrupt is raised here, and they
        go on: `cancel` stops them.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while not self.done:
            for run in self.runs.values():
                if end is not None and time.monotonic() >= end:
                    return self.done
                if not run.done:
                    run.wait(_LOOK_SECONDS)
        return True

    def cancel(self) -> None:
        """Stop all runs, from any thread; what has come stays, and is kept."""
        for run in self.runs.values():
            run.cancel()

    def text_of(self, position: int) -> str:
        """Return a row in short, as a person tells it from others."""
        row = self.rows.row(position)
        cells = row.values() if isinstance(row, Mapping) else [row]
        return " · ".join(shown(cell) for cell in cells)

    def _table(self, rows: Sequence[int]) -> Table:
        answers = []
        for name, run in self.runs.items():
            progress = run.progress()
            answers.append(
                Answers(
                    name=name,
                    values=run.values,
                    samples=run.options.samples > 1,
                    tokens=progress.tokens or None,
                    seconds=progress.seconds or None,
                )
            )
        return Table(answers, self._truth, score=self._score, rows=rows)

    def _number(self, variant: str) -> int:
        names = list(self.runs)
        if variant not in names:
            raise UsageError(
                f"there is no variant {shown(variant)}; there are {', '.join(map(shown, names))}"
            )
        return names.index(variant)


def split_rows(
    truth: Sequence[Any] | None, length: int, holdout: float
) -> tuple[list[int], list[int]]:
    """Return the rows that are looked at and those that are held out, the same at every call.

    Raises UsageError.
    """
    if not isinstance(holdout, (int, float)) or not 0 <= holdout < 1:
        raise UsageError(f"holdout is a share from 0 to less than 1, got {shown(holdout)}")
    known = [at for at in range(length) if truth is None or truth[at] is not None]
    if not holdout:
        return list(range(length)), []
    if truth is None:
        raise UsageError("holdout needs a truth: truth names the column that holds it")
    held = sorted(random.Random(length).sample(known, round(len(known) * holdout)))  # noqa: S311  # no secret
    out = set(held)
    return [at for at in range(length) if at not in out], held


def _best(scores: Sequence[Score]) -> int:
    ranked = [-math.inf if math.isnan(s.accuracy) else s.accuracy for s in scores]
    return ranked.index(max(ranked))
