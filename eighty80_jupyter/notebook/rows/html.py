"""A run over rows as HTML: what is drawn again and again while it runs, and what stays afterwards.

The rows are the user's data and the answers a model's: every text passes the door for pages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.notebook.cell.value import plain_value
from eighty80_jupyter.notebook.markdown.page_text import QUIET, page_text, quiet_html
from eighty80_jupyter.notebook.rows.values import (
    SHOWN_ROWS,
    ShownRun,
    fields_of,
    table_html,
    text_of,
)
from eighty80_jupyter.notebook.rows.words import (
    count_of,
    failed_of,
    parts_of,
    rates_of,
    rows_of,
    short,
)

if TYPE_CHECKING:
    from eighty80_jupyter.rows.progress import Progress, RowError
    from eighty80_jupyter.rows.quotes import Quoted

MOST_BYTES = 9_000  # of one drawing while it runs: four a second are under 40 KB a second
_MOST_ERRORS = 20
_MOST_LABELS = 12
_NEWEST_CHARACTERS = 90
_ROW_CHARACTERS = 200
_ANSWER_CHARACTERS = 400
_BEFORE_QUOTE = 60  # characters of the row

_ACCENT = "var(--jp-brand-color1, #1976d2)"
_SHADE = "var(--jp-layout-color3, #ddd)"
_WRONG = "color: var(--jp-error-color1, #b00020)"
# A colour of its own: a dark theme gives marked text none.
_MARK = "background: rgba(255, 200, 0, 0.45); color: inherit"
_ONE_LINE = "white-space: nowrap; overflow: hidden; text-overflow: ellipsis"
_LEFT = "text-align: left; vertical-align: baseline"
_RIGHT = "text-align: right; vertical-align: baseline"
_WRAPS = f"{_LEFT}; overflow-wrap: anywhere; white-space: pre-wrap; word-break: normal"
_WIDE = "max-width: 60em"


def progress_html(progress: Progress) -> str:
    """Return how a run stands, small enough to be drawn four times a second.

    Its height hardly changes: what is below it on the page must not jump.
    """
    head = [_bar(progress), _quiet(" · ".join([*rates_of(progress), *parts_of(progress)]))]
    if progress.note:
        head.append(f'<div style="{_WRONG}">{page_text(short(progress.note, 300))}</div>')
    below = [_labels(progress.labels), _newest(progress.newest)]
    for parts in ([*head, *below], [*head, below[0]], head):
        html = f'<div style="{_WIDE}">{"".join(parts)}</div>'
        if len(html.encode()) <= MOST_BYTES:
            break
    return html


def run_html(run: ShownRun) -> str:
    """Return a run that has ended, or how it stands: counts, the first rows, errors, a last line.

    Nothing in it moves or is fetched; a saved notebook shows it without a kernel.
    """
    progress = run.progress()
    parts = []
    if progress.state == "running":
        parts.append(_bar(progress))
    parts += [_labels(progress.labels), _rows(run), _errors(progress, run.errors)]
    parts.append(_quiet(progress.last_line()))
    return "".join(parts)


def _bar(progress: Progress) -> str:
    # Without a value it says that nobody knows how much there is.
    known = ""
    if progress.total:
        known = f' max="{progress.total}" value="{min(progress.done, progress.total)}"'
    return (
        '<div style="display: flex; gap: 0.8em; align-items: center">'
        f'<progress{known} aria-label="rows" style="flex: 1; accent-color: {_ACCENT}"></progress>'
        f"<span>{page_text(count_of(progress))}</span></div>"
    )


def _quiet(text: str) -> str:
    return f'<div style="{QUIET}; min-height: 1.4em">{page_text(text)}</div>'


def _labels(labels: Mapping[str, int]) -> str:
    """Return how often each answer came, as bars."""
    if not labels:
        return ""
    total, most = sum(labels.values()), max(labels.values())
    ranked = sorted(labels.items(), key=lambda one: -one[1])
    rows = "".join(
        f'<tr><td style="{_LEFT}">{page_text(short(label, 40))}</td>'
        f'<td style="width: 12em; vertical-align: middle"><div style="height: 0.7em; '
        f'width: {100 * count / max(1, most):.0f}%; background: {_ACCENT}; opacity: 0.7">'
        f"</div></td>"
        f'<td style="{_RIGHT}">{count:,}</td>'
        f'<td style="{_RIGHT}; {QUIET}">{100 * count / max(1, total):.1f} %</td></tr>'
        for label, count in ranked[:_MOST_LABELS]
    )
    more = len(ranked) - _MOST_LABELS
    rest = quiet_html(f"and {more:,} other answers") if more > 0 else ""
    return f'<table style="margin: 0.5em 0">{rows}</table>{rest}'


def _newest(newest: Sequence[tuple[int, str, str]]) -> str:
    """Return the rows that were answered last, each on one line."""
    if not newest:
        return ""
    rows = "".join(
        f'<tr><td style="{_RIGHT}; {QUIET}">{position:,}</td>'
        f'<td style="{_LEFT}; {_ONE_LINE}">{page_text(short(text, _NEWEST_CHARACTERS))}</td>'
        f'<td style="{_LEFT}; {_ONE_LINE}">{page_text(short(answer, _NEWEST_CHARACTERS))}</td></tr>'
        for position, text, answer in newest
    )
    columns = '<col style="width: 6em"><col style="width: 60%"><col>'
    return (
        f'<table style="table-layout: fixed; width: 100%; margin: 0"><colgroup>{columns}</colgroup>'
        f"<tbody>{rows}</tbody></table>"
    )


def _rows(run: ShownRun) -> str:
    """Return the first rows with their answers; a record has a column for each of its fields."""
    shown = run.first(SHOWN_ROWS)
    if not shown:
        return ""
    failed = {error.position: error for error in run.errors}
    values = [plain_value(value) for _, _, value in shown]
    names = fields_of(values)
    heads = ["", "row", *(names or [run.column])]
    lines = []
    quoted = run.quoted(SHOWN_ROWS)
    for (position, text, _), value in zip(shown, values, strict=True):
        if position in failed:
            cells = _failure(failed[position], width=len(heads) - 2)
        else:
            cells = _cells(value, names)
        lines.append(
            f'<tr><td style="{_RIGHT}; {QUIET}">{position:,}</td>'
            f'<td style="{_WRAPS}">{_row_text(text, quoted.get(position))}</td>{cells}</tr>'
        )
    more = run.progress().rows - len(shown)
    rest = quiet_html(f"and {rows_of(more)} more") if more > 0 else ""
    return table_html(heads, lines, _LEFT) + rest


def _row_text(text: str, quoted: Quoted | None) -> str:
    """Return what a row is about, the quotes from it marked; those that are made up below it."""
    html = page_text(_cut(text, _ROW_CHARACTERS))
    if quoted is None:
        return html
    if quoted.places:
        start = max(0, quoted.places[0][0] - _BEFORE_QUOTE)
        end = start + _ROW_CHARACTERS
        html, at = "…" if start else "", start
        for first, last in quoted.places:
            if at <= first < end:
                html += page_text(quoted.text[at:first])
                html += (
                    f'<mark style="{_MARK}">{page_text(quoted.text[first : min(last, end)])}</mark>'
                )
                at = min(last, end)
        rest = quoted.text[at:end]
        html += page_text(rest if end >= len(quoted.text) else f"{rest}…")
    return html + "".join(
        f'<div style="{_WRONG}">unsupported: {page_text(_cut(quote, _ROW_CHARACTERS))}</div>'
        for quote in quoted.unsupported
    )


def _failure(error: RowError, *, width: int) -> str:
    words = page_text(short(f"{error.kind}: {error.message}", _ANSWER_CHARACTERS))
    return f'<td colspan="{width}" style="{_LEFT}; {_WRONG}">{words}</td>'


def _cells(value: Any, names: Sequence[str]) -> str:
    if value is None:
        return f'<td colspan="{max(1, len(names))}" style="{_LEFT}; {QUIET}">none</td>'
    if not names:
        return _cell(value)
    return "".join(_cell(value[name]) if name in value else "<td></td>" for name in names)


def _cell(value: Any) -> str:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    style = _RIGHT if number else _WRAPS
    return f'<td style="{style}">{page_text(_cut(text_of(value), _ANSWER_CHARACTERS))}</td>'


def _errors(progress: Progress, errors: Sequence[RowError]) -> str:
    """Return the rows that failed, folded."""
    if not errors:
        return ""
    heads = ("row", "index", "kind", "what happened", "attempts", "answer")
    rows = (
        f'<tr><td style="{_RIGHT}">{error.position:,}</td>'
        f'<td style="{_LEFT}">{page_text(short(str(error.label), 60))}</td>'
        f'<td style="{_LEFT}">{page_text(error.kind)}</td>'
        f'<td style="{_WRAPS}">{page_text(_cut(error.message, _ANSWER_CHARACTERS))}</td>'
        f'<td style="{_RIGHT}">{error.attempts:,}</td>'
        f'<td style="{_WRAPS}">{page_text(_cut(error.text or "", _ANSWER_CHARACTERS))}</td></tr>'
        for error in errors[:_MOST_ERRORS]
    )
    more = len(errors) - _MOST_ERRORS
    rest = quiet_html(f"and {more:,} more in run.errors") if more > 0 else ""
    return (
        f'<details style="margin: 0.5em 0"><summary style="{_WRONG}">'
        f"{page_text(failed_of(progress.failed))}</summary>"
        f"{table_html(heads, rows, _LEFT)}{rest}</details>"
    )


def _cut(text: str, most: int) -> str:
    text = text.strip()
    return text if len(text) <= most else text[: most - 1] + "…"
