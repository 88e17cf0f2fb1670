"""A run over rows as plain text: beside the HTML of a page, and in a terminal."""

from __future__ import annotations

from eighty80_jupyter.notebook.cell.value import plain_value
from eighty80_jupyter.notebook.rows.values import SHOWN_ROWS, ShownRun, text_of
from eighty80_jupyter.notebook.rows.words import failed_of, rows_of, short

_ROW_CHARACTERS, _ANSWER_CHARACTERS = 60, 100
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
    shown = run.first(SHOWN_ROWS)
    for position, text, value in shown:
        answer = text_of(plain_value(value))
        answer = f"failed ({failed[position]})" if position in failed else answer
        row, answer = short(text, _ROW_CHARACTERS), short(answer, _ANSWER_CHARACTERS)
        lines.append(f"{position:>7,}  {row}  ->  {answer}")
    more = progress.rows - len(shown)
    if shown and more > 0:
        lines.append(f"         and {rows_of(more)} more")
    return "\n".join([*lines, *end_lines(run)])


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
