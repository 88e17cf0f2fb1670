"""What a run over rows has come to: its answers, and what is made of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.api.reply import Usage
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.evaluation.labels import label_of
from eighty80_jupyter.rows.columns import attach, more_columns, quote_columns
from eighty80_jupyter.rows.data.types import (
    INTEGER,
    TEXT,
    Column,
    answer_columns,
    column_types,
    error_column,
    type_of,
)
from eighty80_jupyter.rows.plots import Bar, chart
from eighty80_jupyter.rows.progress import RowError
from eighty80_jupyter.rows.quotes import Quoted, quote_places, quote_table, quoted_row
from eighty80_jupyter.rows.review import Review
from eighty80_jupyter.rows.running.plan import Plan
from eighty80_jupyter.rows.running.state import RunState, of_row
from eighty80_jupyter.rows.share_table import share_table
from eighty80_jupyter.text import shown

if TYPE_CHECKING:
    from eighty80_jupyter.structured.shape import Shape

PLAIN = (str, int, float, bool)  # of cells that can be told apart by their value
_MOST_BARS = 30
_CHARACTERS = 200  # of a row in short


class RunResults:
    """What has come so far of what a plan asks; it can be looked at while the run goes on.

    `show_review` shows the rows that a person is to label.
    """

    def __init__(self, plan: Plan, state: RunState) -> None:
        self._plan = plan
        self._state = state
        typed = plan.settings.request.typed
        self._shape = None if typed is None else typed.shape
        self.show_review: Callable[[Review], object] = lambda _review: None
        self.prompt = plan.template.text
        self.options = plan.options

    @property
    def column(self) -> str:
        """The name of the new column, or the beginning of the names of several."""
        return self.options.column

    @property
    def shape(self) -> Shape | None:
        """The type of the answers as it is read; None: they are texts."""
        return self._shape

    @property
    def returns(self) -> Any:
        """The type of the answers; None: they are texts."""
        return self.options.returns

    @property
    def columns(self) -> list[str]:
        """The names of all columns that it adds."""
        names = [name for name, _ in column_types(self._shape, self.column)]
        more = more_columns(self.column, errors=self.options.errors, quote=self.options.quote)
        return [*names, *more]

    @property
    def values(self) -> list[Any]:
        """The answers in the order of the rows, None where there is none.

        With `samples` there is a list for each row.
        """
        values, samples = list(self._state.values), self.options.samples
        if samples == 1:
            return values
        return [values[at : at + samples] for at in range(0, len(values), samples)]

    @property
    def errors(self) -> list[RowError]:
        """The rows that have failed, in their order."""
        return [error for _, error in sorted(self._state.errors.copy().items())]

    @property
    def counts(self) -> Counter[Any]:
        """How often each answer came; of records and lists, their texts."""
        values = [value for value in self._state.values if value is not None]
        return Counter(value if _is_plain(value) else str(value) for value in values)

    @property
    def usage(self) -> Usage:
        """What the server counted for this run, kept answers not among it."""
        state = self._state
        return Usage(
            prompt_tokens=state.prompt_tokens,
            completion_tokens=state.completion_tokens,
            total_tokens=state.tokens,
        )

    @property
    def frame(self) -> Any:
        """The rows with their answers: the same kind of table, a copy, made anew each time."""
        return attach(
            self._plan.rows,
            self._shape,
            self.column,
            self.values,
            beside=self._beside(),
            samples=self.options.samples > 1,
        )

    def _beside(self) -> list[Column]:
        """Return the columns that say more of the answers: errors, and where quotes stand."""
        found = []
        if self.options.errors:
            errors: list[str | None] = [None] * len(self.values)
            for place, error in self._state.errors.copy().items():
                errors[place // self.options.samples] = f"{error.kind}: {error.message}"
            found.append(error_column(self.column, errors))
        if self.options.quote is not None:
            places = quote_places(self._plan.rows, self.values, self._quoted)
            for name, values in zip(quote_columns(self.column, self._quoted), places, strict=True):
                found.append(Column(name=name, type=INTEGER, values=values, beside=True))
        return found

    @property
    def _quoted(self) -> str:
        """The field that quotes its row; empty: the answer itself."""
        quote = self.options.quote or ""
        return "" if quote == self.column else quote

    def made(self) -> dict[str, set[Any]]:
        """Return the texts, numbers and truth values that stand in each of its columns."""
        answers = answer_columns(self._shape, self.column, self._state.values.copy())
        return {
            column.name: {cell for cell in column.values if type(cell) in PLAIN}
            for column in (*answers, *self._beside())
        }

    def plot(self) -> Any:
        """Return a chart of how often each answer came, the most frequent first, at most 30.

        By matplotlib, plotly or altair if the notebook has imported it, else as HTML.
        """
        common = self.counts.most_common(_MOST_BARS)
        bars = [Bar(name=str(label_of(answer)), value=count) for answer, count in common]
        return chart(f"{self.column}: {sum(self.counts.values()):,} answers", bars)

    def share(
        self,
        field: str | None = None,
        *,
        truth: Any = None,
        by: Any = None,
        confidence: float = 0.95,
    ) -> Any:
        """Return the share of each label among all rows, corrected where the truth is known.

        `field` names a field of records, or a column of the run; None: the answer itself. `truth`
        names the column with labels that people gave to rows drawn at random (None and NaN: not
        labelled), or holds them; by them the model's share is corrected, and gets an interval.
        `by` names a column whose groups are told apart. The DataFrame has `label`, `share`, `low`,
        `high`, `model` (the model's own share), `labelled`, `rows` and `note`; shares go from 0 to
        1. Rows without an answer are left out. Source: `evaluation.shares`. Raises UsageError.
        """
        if self._plan.positions is not None:
            raise UsageError("run.share needs all rows; this run has asked some of them")
        if self.options.samples > 1:
            raise UsageError("run.share takes one answer for each row, and this run has samples")
        return share_table(
            self._plan.rows,
            self.values,
            field=self._field(field),
            truth=truth,
            by=by,
            confidence=confidence,
            shape=self._shape,
        )

    def quotes(self, field: str = "") -> Any:
        """Tell which quotes in the answers really stand in their rows.

        `field` names the field of records that holds a quote, or a list of quotes; empty: the
        answer itself. The DataFrame has, for each quote, `row` (its position), `quote`,
        `supported`, and where it stands: the `column`, `start` and `end` of a slice of its text.
        Case, spaces, and quotation marks around it do not count. Raises UsageError.
        """
        if self._plan.positions is not None or self.options.samples > 1:
            raise UsageError("run.quotes needs one answer for each of all rows")
        return quote_table(self._plan.rows, self.values, self._field(field))

    def review(
        self, field: str | None = None, *, n: int = 50, column: str = "y", seed: int = 0
    ) -> Review:
        """Show `n` rows one at a time, to be labelled with the keys 1 to 9; return the review.

        Half of them are drawn at random, with `seed`, the others are doubtful, where there are
        such: their samples differ, they failed, or came at a second attempt. `field` names a field
        of records. The labels are `review.labels`, as a `column` of a frame `review.frame`, and
        those of random rows `review.random`, for `share(truth=review.random)`. What the model has
        said is not shown: it would sway. Raises UsageError for answers that are no labels, and
        where there is no page or terminal.
        """
        if self._plan.positions is not None:
            raise UsageError("run.review needs all rows; this run has asked some of them")
        field = self._field(field)
        review = Review(
            self._plan.rows,
            choices=self._choices(field),
            column=column,
            doubtful=self._doubtful(field),
            count=n,
            seed=seed,
            frame=lambda: self.frame,
        )
        self.show_review(review)
        return review

    def _field(self, name: str | None) -> str:
        """Return the field that is meant by its name, or by that of its column; empty: the answer.

        Raises UsageError for one that there is not.
        """
        kind = TEXT if self._shape is None else type_of(self._shape.schema)
        known = [one for one, _ in kind.fields]
        if not name or name in known or (kind.kind == "any" and name != self.column):
            return name or ""
        if name == self.column:
            return ""
        inner = str(name).removeprefix(f"{self.column}_")
        if inner in known:
            return inner
        has = ", ".join(known) or f"none: the answer itself is {self.column}"
        raise UsageError(f"there is no field {shown(name)} of the answers; there is {has}")

    def _choices(self, field: str) -> list[Hashable]:
        """Return the labels that an answer may be, or those that came."""
        if not field and self._shape is not None and self._shape.choices:
            return list(self._shape.choices)
        came = (label_of(value, field) for value in self._state.values)
        return sorted({label for label in came if label is not None}, key=str)

    def _doubtful(self, field: str) -> set[int]:
        """Return the rows whose answer nobody should rely on."""
        samples, state = self.options.samples, self._state
        found = {place // samples for place in (*state.errors, *state.unsure)}
        if samples > 1:
            split = (len({label_of(one, field) for one in value}) > 1 for value in self.values)
            found |= {position for position, differs in enumerate(split) if differs}
        return found

    def texts(self) -> list[str]:
        """Return what is in each row of this run, in short."""
        found = list[str]()
        for row in self._plan.rows.each():
            cells = row.values() if isinstance(row, Mapping) else [row]
            found.append(" · ".join(map(str, cells))[:_CHARACTERS])
        return found

    def first(self, count: int) -> list[tuple[int, str, Any]]:
        """Return the first rows that have a prompt, at most 20.

        Of each its position, what it is about, in short, and its answer.
        """
        first = list(self._state.first.copy().items())[:count]
        values, samples = self.values, self.options.samples
        return [
            (self._state.position(place), of_row(row), values[place // samples])
            for place, row in first
        ]

    def quoted(self, count: int) -> dict[int, Quoted]:
        """Return, by position, the quotes from the first rows; empty where nothing is quoted."""
        if self.options.quote is None or self.options.samples > 1:
            return {}
        values, found = self.values, {}
        for place in list(self._state.first.copy())[:count]:
            if values[place] is not None:
                row = quoted_row(self._plan.rows.row(place), values[place], self._quoted)
                found[self._state.position(place)] = row
        return found


def _is_plain(value: Any) -> bool:
    return isinstance(value, (str, int, float, bool, Enum))
