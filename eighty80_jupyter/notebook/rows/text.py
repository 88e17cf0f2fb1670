"""A run over rows as text: beside the HTML of a page, in a terminal, and in a document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eighty80_jupyter.notebook.cell.value import plain_value
from eighty80_jupyter.notebook.markdown.source import plain, table
from eighty80_jupyter.notebook.rows.values import SHOWN_ROWS, ShownRun, fields_of, text_of
from eighty80_jupyter.notebook.rows.words import failed_of, rows_of, short

_ROW_CHARACTERS, _ANSWER_CHARACTERS = 60, 100
_CELL_CHARACTERS = 200
_MOST_LABELS = 12
_MOST_ERRORS = 5


def run_text(run: ShownRun) -> str:
    """Return the counts, the first rows and their answers, what failed, and the last line."""
    progress = run.progress()
    lines = []
    if progress.labels:
        ranked = sorted(progress.labels.items(), key=lambda one: -one[1])[:_MOST_LABELS]
        lines.append(", ".join(f"{short(label, 40)} {count:,}" for label, count in ranked))
    failed = {error.position: error.kind for error in run.errors}
    shown, quoted = run.first(SHOWN_ROWS), run.quoted(SHOWN_ROWS)
    for position, text, value in shown:
        answer = text_of(plain_value(value))
        answer = f"failed ({failed[position]})" if position in failed else answer
        row, answer = short(text, _ROW_CHARACTERS), short(answer, _ANSWER_CHARACTERS)
        if position in quoted and quoted[position].unsupported:
            answer += " (unsupported)"
        lines.append(f"{position:>7,}  {row}  ->  {answer}")
    more = progress.rows - len(shown)
    if shown and more > 0:
        lines.append(f"         and {rows_of(more)} more")
    return "\n".join([*lines, *end_lines(run)])


def run_markdown(run: ShownRun) -> str:
    """Return the same as Markdown: a table of the answers, and one of the first rows."""
    progress = run.progress()
    total = max(1, sum(progress.labels.values()))
    ranked = sorted(progress.labels.items(), key=lambda one: -one[1])[:_MOST_LABELS]
    counts = [(short(name, 40), f"{n:,}", f"{100 * n / total:.1f} %") for name, n in ranked]
    shown = run.first(SHOWN_ROWS)
    values = [plain_value(value) for _, _, value in shown]
    names = fields_of(values)
    failed = {error.position: f"failed: {error.kind}" for error in run.errors}
    rows = []
    for (position, text, _), value in zip(shown, values, strict=True):
        cells = _cells(value, names)
        if position in failed:
            cells = [failed[position], *[""] * (len(cells) - 1)]
        said = (short(one, _CELL_CHARACTERS) for one in (text, *cells))
        rows.append([f"{position:,}", *said])
    more = (progress.total or progress.done) - len(shown)
    lines = [f"and {rows_of(more)} more"] if shown and more > 0 else []
    parts = [
        table(("answer", "rows", ""), counts),
        table(["", "row", *(names or [run.column])], rows),
    ]
    parts += [f"*{plain(line)}*" for line in [*lines, *end_lines(run)]]
    return "\n\n".join(filter(None, parts))


def _cells(value: Any, names: Sequence[str]) -> list[str]:
    """Return an answer as the cells of a table, one for each of the fields that all have."""
    if not names or value is None:
        return [text_of(value), *[""] * (len(names) - 1)]
    return [text_of(value[name]) if name in value else "" for name in names]


def end_lines(run: ShownRun) -> list[str]:
    """Return what a terminal is told at the end: why rows failed, and the last line."""
    progress, lines = run.progress(), []
    if run.errors:
        lines.append(failed_of(progress.failed))
        lines += [
            f"{error.position:>7,}  {short(f'{error.kind}: {error.message}', 160)}"
            for error in run.errors[:_MOST_ERRORS]
        ]
    return [*lines, progress.last_line()]
