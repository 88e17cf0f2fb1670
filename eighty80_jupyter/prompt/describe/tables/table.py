"""A table of any library: a line on the whole, one on each column, some rows, in a budget."""

from __future__ import annotations

import collections
from abc import ABC, abstractmethod
from functools import cache
from typing import Any

from eighty80_jupyter.prompt.describe.base import Draft, Request, attempt, fit, kind_of
from eighty80_jupyter.prompt.describe.tables.columns import grouped
from eighty80_jupyter.prompt.describe.tables.rows import FORMATS, MISSING, Cells, label, rendered
from eighty80_jupyter.prompt.describe.tables.selection import TAKES, Selection, choices
from eighty80_jupyter.prompt.describe.tables.stats import Column, sample_of
from eighty80_jupyter.prompt.tokens import estimate
from eighty80_jupyter.text import counted

_SECONDS = 0.25  # of a description, after which no more statistics are begun
_AT_LEAST = 0.1  # seconds for statistics, however long the rest took
_SHORTER = 0.7  # how much shorter than the second row the others may be
_FULL_CELLS = 300_000
_LABELS = 20_000  # columns whose names and types are looked at
_FORM_NAMES = {"csv": "CSV", "md": "Markdown", "json": "JSON"}


class Table(ABC):
    """A frame or a column of a library, as its adapter tells it. Rows and columns count from 0.

    `about` has what is worth saying of the whole beyond its shape, such as the index. `values` and
    `index` copy no more than the rows asked for. `plain` says that the index just counts the rows.
    `sample` is a list of rows that stand for all, or None for all. `single`: it is one column of
    values, and no frame.
    """

    def __init__(self, frame: Any, request: Request, *, single: bool = False) -> None:
        self.frame = frame
        self.request = request
        self.kind = kind_of(frame)
        self.single = single
        self.about: list[str] = []
        self.plain = True
        self.rows, self.columns = self.shape()

    def shape(self) -> tuple[int, int]:
        """Return the numbers of rows and columns."""
        if self.single:
            return len(self.frame), 1
        rows, columns = self.frame.shape
        return rows, columns

    @abstractmethod
    def schema(self, most: int) -> list[tuple[Any, str]]:
        """Return the names and the types of the first `most` columns."""

    @abstractmethod
    def facts(self, column: int, sample: list[int] | None) -> dict[str, str]:
        """Return the facts of a Column."""

    @abstractmethod
    def values(self, column: int, rows: list[int]) -> list[Any]:
        """Return some cells of a column."""

    def index(self, rows: list[int]) -> tuple[list[str], list[list[Any]]]:
        """Return the names of the index's levels, and for each level its values."""
        return ["row"], [list(rows)]


def draft(table: Table) -> Draft:
    """Describe a table."""
    return _Drawing(table, table.request.chosen(table.kind, *TAKES)).draft()


class _Drawing:
    def __init__(self, table: Table, chosen: dict[str, int]) -> None:
        self.table = table
        self.request = request = table.request
        self.chosen = chosen
        forms = [form for form in FORMATS if form in chosen]
        wrong = len(forms) > 1 or ("sample" in chosen and {"head", "tail"} & set(chosen))
        if wrong:
            hint = "of these, one format, and sample without head and tail"
            raise request.refused(table.kind, *TAKES, hint=hint)
        self.form = forms[0] if forms else "csv"
        known = min(table.columns, _LABELS)
        unknown = [(f"column {number}", "?") for number in range(known)]
        schema = attempt(table.schema, known, default=unknown)
        self.names = [label(name, request) for name, _ in schema]
        self.dtypes = [request.shorten(dtype, 60) for _, dtype in schema]
        self.sample = cache(lambda: sample_of(table.rows, table.columns))
        self.lines = cache(self._lines)
        self.part = cache(self._part)
        self.card = cache(self._card)
        self.timed_out = 0
        self.clipped: set[Any] = set()

    def draft(self) -> Draft:
        """Return the first text, from the most generous on, that fits."""
        table, budget = self.table, self.request.budget
        full = "full" in self.chosen
        head = self._head()
        for shown in choices(table.rows, len(self.names), self.chosen, budget):
            if full:
                self._check_size(shown)
                break
            if self._hopeless(shown):
                continue
            if estimate(head) + self._size(shown) <= budget * shown.share:
                break
        else:
            return self._drafted(fit(head, budget)[0], None, full=False)
        text = self._text(head, shown)
        return self._drafted(text, shown, full=full)

    def _hopeless(self, shown: Selection) -> bool:
        """Say whether rows cannot fit, from the first two of them: then they are not written."""
        if shown.parts and 2 * shown.columns > self.request.budget:  # a name and its comma
            return True
        least = 0.0
        for name, rows in shown.parts:
            if len(rows) <= 2:  # noqa: PLR2004  # these would be written anyway
                continue
            one, two = (
                estimate(self.part(name, rows[:size], shown.width, shown.columns))
                for size in (1, 2)
            )
            least += one + (two - one) * (len(rows) - 1) * _SHORTER
        return least > self.request.budget

    def _check_size(self, shown: Selection) -> None:
        """Raise UsageError for `full` of so many cells that no model would read them."""
        rows = sum(len(part) for _, part in shown.parts)
        if rows * self.table.columns > _FULL_CELLS:
            size = f"{rows:,} x {self.table.columns:,} cells"
            raise self.request.too_large(self.table.kind, size)

    def _head(self) -> str:
        table = self.table
        text = f"{table.kind}, {counted(table.rows, 'row')} x {counted(table.columns, 'column')}"
        if table.single:
            text = f"{table.kind}, {counted(table.rows, 'value')}"
        about = list(table.about)
        seen = collections.Counter(self.names)
        twice = [f"{name} ({times} times)" for name, times in seen.items() if times > 1]
        if twice:
            about.append(f"several columns have one name: {', '.join(twice[:5])}")
        return "\n".join([text, *about])

    def _size(self, shown: Selection) -> int:
        size = estimate(self.card(shown.detail, shown.group)) + 1
        return size + sum(
            estimate(self.part(name, rows, shown.width, shown.columns)) + 1
            for name, rows in shown.parts
        )

    def _text(self, head: str, shown: Selection) -> str:
        blocks = [head, self.card(shown.detail, shown.group)]
        blocks += [self.part(name, rows, shown.width, shown.columns) for name, rows in shown.parts]
        return "\n".join(block for block in blocks if block)

    def _card(self, detail: int, group: int) -> str:
        if detail < 0 or not self.names:
            return ""
        if detail == 0:
            return grouped(self.names, self.dtypes, group, of=self.table.columns)
        if detail == 1:
            pairs = zip(self.names, self.dtypes, strict=True)
            listed = ", ".join(f"{name} ({dtype})" for name, dtype in pairs)
            return listed if self.table.single else f"columns: {listed}"
        lines = self.lines()
        texts = [column.line(detail) for column in lines]
        note = ""
        if any("~" in text for text in texts):
            size = len(self.sample() or ())
            note = f' ("~": from a sample of {f"{size:,}" if size else "some"} rows)'
        if self.table.single:
            text = texts[0].removeprefix("- ") + note
        else:
            text = "\n".join([f"columns{note}:", *texts])
        if self.timed_out:
            done = counted(self.timed_out, "column")
            text += f"\n(statistics of the first {done} only: time was up)"
        return text

    def _lines(self) -> list[Column]:
        table = self.table
        sample = self.sample()
        until = max(_SECONDS, self.request.elapsed() + _AT_LEAST)
        columns = []
        for number, name in enumerate(self.names):
            facts: dict[str, str] = {}
            if self.request.elapsed() < until:
                facts = attempt(table.facts, number, sample, default={})
            elif not self.timed_out:
                self.timed_out = number
            columns.append(Column(label=name, dtype=self.dtypes[number], **facts))
        return columns

    def _part(self, name: str, rows: tuple[int, ...], width: int | None, columns: int) -> str:
        """Return a run of rows with a line that says which they are."""
        table, listed = self.table, list(rows)
        cells = Cells(self.request, width)
        columns = min(columns, len(self.names))
        front = columns if columns == table.columns else max(columns - 1, 1)
        known = len(self.names)
        picked = [*range(front), *range(known - columns + front, known)]
        names, texts = [], []
        if not table.plain or name in {"last", "sampled"}:
            levels, values = table.index(listed)
            names += levels
            texts += [cells.column(level) for level in values]
        for column in picked:
            names.append(self.names[column])
            values = attempt(table.values, column, listed, default=None)
            texts.append(["?"] * len(listed) if values is None else cells.column(values))
        body = rendered(names, [list(row) for row in zip(*texts, strict=True)], self.form)
        left = table.rows - len(rows)
        title = (
            f"all {counted(table.rows, 'row')}"
            if not left
            else f"{name} {len(rows):,} of {table.rows:,} rows"
        )
        if columns < table.columns:
            title += f", {columns:,} of {table.columns:,} columns"
        title += f", as {_FORM_NAMES[self.form]}"
        if self.form == "csv" and len(texts) == 1 and None in texts[0]:
            title += f", missing as {MISSING}"
        if cells.rounded:
            title += ", numbers to 6 digits"
        if cells.clipped:
            self.clipped.add((name, rows, width, columns))
            title += f", cells cut at {width} characters"
        more = f"\n… {counted(left, 'more row')}" if left else ""
        return f"{title}:\n{body}{more}"

    def _drafted(self, text: str, shown: Selection | None, *, full: bool) -> Draft:
        table = self.table
        shape = f"{table.rows:,} x {table.columns:,}"
        summary = counted(table.rows, "value") if table.single else shape
        cut = []
        rows = 0 if shown is None else sum(len(part) for _, part in shown.parts)
        if rows < table.rows and self.names:
            summary += f", {counted(rows, 'row') if rows else 'no rows'} shown"
            cut.append(counted(table.rows - rows, "row"))
        if shown is None or (rows and shown.columns < table.columns):
            cut.append("cells of some columns")
        elif any((*part, shown.width, shown.columns) in self.clipped for part in shown.parts):
            cut.append("the end of long cells")
        if shown is None or shown.detail == 0:
            cut.append("details of the columns")
        return Draft(
            text=text, kind=table.kind, summary=summary, cut=", ".join(cut), fixed=full, block=True
        )
