"""A prompt over rows, and what it is good for besides a column: to filter, to sum up, to link."""

from __future__ import annotations

from collections.abc import Hashable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from eighty80_jupyter import loading
from eighty80_jupyter.session.rows.functions import row_function
from eighty80_jupyter.session.rows.runs import ROOM, RowRuns

if TYPE_CHECKING:
    from eighty80_jupyter.rows.engines.function import RowFunction
    from eighty80_jupyter.rows.options import RowOptions
    from eighty80_jupyter.rows.prepare import RowsPreview
    from eighty80_jupyter.rows.run import Run
    from eighty80_jupyter.storage.answers import Answers

_ROOM = (
    "eighty80_jupyter.rows.operations.link",
    "eighty80_jupyter.rows.operations.reduce",
    "eighty80_jupyter.rows.operations.select",
    *ROOM,
)
_TOKENS = 4_000  # of a part, where nobody knows what the model takes


class RowOperations:
    """What a session does with rows: each is one run over them, `row_runs` does it, or several."""

    row_runs: RowRuns

    def rows(
        self, data: Any, prompt: str, *, options: RowOptions | None = None, **keywords: Any
    ) -> Any:
        """Ask `prompt` for every row of `data`, and return the run with all answers.

        `data` is a frame of pandas, polars, pyarrow, modin or DuckDB, a Series, a list, a
        dictionary, an array or an iterator; `run.frame` is a copy with the answers as columns. In
        the prompt a `{{name}}` means a column, then a variable; `{{row["any name"]}}` is a cell and
        `{{row}}` the whole. Keywords are the options that `RowOptions` explains, such
        as `returns`, `column`, `try_rows` and `concurrency`, and the parameters of `ask`. It is no
        turn: no history is sent, and none is kept. What was asked before is not asked again. For a
        plan (a Dask, polars lazy, Spark, Ray or Daft frame) it returns the plan with the answers in
        it, and asks nothing: see `row_function`.

        Raises UsageError for what cannot be asked, RowsError where the run stopped, where all rows
        failed, or one with `strict`, and ChatInterrupted; `last_run` has what there is.
        """
        from eighty80_jupyter.rows.engines.plans import planner  # noqa: PLC0415  # a door

        if planner(data) is not None:
            return row_function(self.row_runs, prompt, options, keywords)(data)
        return self.row_runs.ask(data, prompt, options, keywords)

    def start_rows(
        self, data: Any, prompt: str, *, options: RowOptions | None = None, **keywords: Any
    ) -> Run:
        """Begin a run over rows and return at once; `rows` explains the parameters.

        Raises UsageError for what cannot be asked.
        """
        return self.row_runs.start(data, prompt, options, keywords)

    def row_function(
        self, prompt: str, *, options: RowOptions | None = None, **keywords: Any
    ) -> RowFunction:
        """Return `prompt` as a function from a table to the table with its answers, for engines.

        Dask, polars lazy, DuckDB, Spark, Ray and Daft call it with their own schedulers, in any
        process: it can be pickled, without the key. `rows` explains the parameters; variables that
        the prompt names are taken as they are now. Raises UsageError.
        """
        return row_function(self.row_runs, prompt, options, keywords)

    def preview_rows(
        self, data: Any, prompt: str, *, options: RowOptions | None = None, **keywords: Any
    ) -> RowsPreview:
        """Return what `rows` would send: the first row, and how much it is. Raises UsageError."""
        return self.row_runs.preview(data, prompt, options, keywords)

    @property
    def last_run(self) -> Run | None:
        """The latest run over rows."""
        return self.row_runs.last

    def filter(
        self,
        data: Any,
        prompt: str,
        *,
        undecided: Literal["raise", "keep", "drop", "return"] = "raise",
        **keywords: Any,
    ) -> Any:
        """Return the rows of `data` of which `prompt` is true: "Is {{text}} a complaint?".

        The same kind of table comes back, with its index. A row without an answer, as it failed or
        had nothing to ask about, is never taken for one or the other: `undecided` says whether to
        raise RowsError, to "keep" or to "drop" it, or to "return" a pair: the rows, and the
        undecided ones. Other keywords are those of `Session.rows`.

        Raises UsageError, RowsError and ChatInterrupted, as `Session.rows` does.
        """
        loading.require(*_ROOM)
        from eighty80_jupyter.rows.operations.select import filter_rows  # noqa: PLC0415  # a door

        return filter_rows(
            self._ask_rows, data, prompt, undecided_rows=undecided, keywords=dict(keywords)
        )

    def reduce(
        self,
        data: Any,
        prompt: str,
        *,
        by: Hashable | list[Hashable] | None = None,
        of: Hashable | list[Hashable] | None = None,
        tokens: int | None = None,
        **keywords: Any,
    ) -> Any:
        """Return one answer for all rows, or with `by` a table with one for each group.

        `chat.reduce(reviews, "Summarise", by="product")`. The prompt may name one column, where the
        rows shall stand, and those of `by`; else they follow it, told by the columns `of`, or by
        all. They go in their order, in parts of at most `tokens` (None: half of what the model
        takes, or 4,000 where nobody knows); the answers of parts are summed up again. Other
        keywords are those of `Session.rows`, such as `returns` and `column`.

        Raises UsageError, ChatInterrupted, and RowsError where a part failed; with `by` and
        `errors` such a group is missing, and says why in a column of its own.
        """
        loading.require(*_ROOM)
        from eighty80_jupyter.rows.operations.reduce import reduce_rows  # noqa: PLC0415  # a door

        if tokens is None:
            limit = self.row_runs.limit(keywords)
            tokens = _TOKENS if limit is None else max(1, limit // 2)
        return reduce_rows(
            self._ask_rows, data, prompt, by=by, of=of, tokens=tokens, keywords=dict(keywords)
        )

    def match(
        self,
        left: Any,
        right: Any,
        prompt: str,
        *,
        block: str | list[str] | None = None,
        nearest: int | None = None,
        on: str | list[str] | None = None,
        undecided: Literal["raise", "drop"] = "raise",
        **keywords: Any,
    ) -> Any:
        """Return the pairs of rows of two tables that belong together.

        `chat.match(ours, theirs, "Same firm? {{left.name}} / {{right.name}}", block="zip")`.
        Asked are the pairs that are equal in `block`, one column or several, and of these the
        `nearest` of each row of the left, by the texts of the columns `on` (None: those that the
        prompt uses); with neither all pairs, as long as they are not more than
        `ChatConfig.rows_limit`. Each row of the result has the columns of both sides, `_left` and
        `_right` at names that both have; the number of its `cluster`, all that is linked; and
        whether that is `contradictory`: some of it were said to be different. `undecided` pairs
        raise RowsError, or are dropped. Other keywords are those of `Session.rows`.

        Raises UsageError, RowsError and ChatInterrupted.
        """
        loading.require(*_ROOM)
        from eighty80_jupyter.rows.operations.link import match_rows  # noqa: PLC0415  # a door

        return match_rows(
            self._ask_rows,
            left,
            right,
            prompt,
            undecided_pairs=undecided,
            block=block,
            nearest=nearest,
            on=on,
            most=self.row_runs.config.rows_limit,
            keywords=dict(keywords),
        )

    def dedupe(
        self,
        data: Any,
        prompt: str,
        *,
        block: str | list[str] | None = None,
        nearest: int | None = None,
        on: str | list[str] | None = None,
        undecided: Literal["raise", "drop"] = "raise",
        column: str = "cluster",
        **keywords: Any,
    ) -> Any:
        """Return a copy of `data` with the number of each row's cluster: rows that are the same.

        `chat.dedupe(firms, "Same firm? {{left.name}} / {{right.name}}", nearest=5)`. The column
        `cluster_contradictory` is true where rows of the cluster were said to be different.
        `firms.drop_duplicates("cluster")` keeps the first of each. For the rest see `match`.

        Raises UsageError, RowsError and ChatInterrupted.
        """
        loading.require(*_ROOM)
        from eighty80_jupyter.rows.operations.link import dedupe_rows  # noqa: PLC0415  # a door

        return dedupe_rows(
            self._ask_rows,
            data,
            prompt,
            undecided_pairs=undecided,
            column=column,
            block=block,
            nearest=nearest,
            on=on,
            most=self.row_runs.config.rows_limit,
            keywords=dict(keywords),
        )

    @cached_property
    def kept_answers(self) -> Answers:
        """The answers to prompts over rows that this user has kept."""
        return self.row_runs.answers()

    def _ask_rows(self, data: Any, prompt: str, **keywords: Any) -> Run:
        return self.row_runs.ask(data, prompt, None, keywords)
