"""Variants on labelled rows as HTML: scores with their intervals, confusion, disagreements.

The rows are the user's data and the answers a model's: every text passes the door for pages.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.notebook.cell.value import plain_value
from eighty80_jupyter.notebook.markdown.page_text import QUIET, page_text, quiet_html
from eighty80_jupyter.notebook.markdown.source import plain, table
from eighty80_jupyter.notebook.rows.values import table_html, text_of
from eighty80_jupyter.notebook.rows.words import short
from eighty80_jupyter.text import counted

if TYPE_CHECKING:
    from eighty80_jupyter.evaluation.table import Score, Table
    from eighty80_jupyter.rows.comparison import RowComparison

_LEFT = "text-align: left; vertical-align: top"
_RIGHT = "text-align: right; vertical-align: top"
_WRAPS = f"{_LEFT}; overflow-wrap: anywhere; white-space: pre-wrap"
_ACCENT = "var(--jp-brand-color1, #1976d2)"
_MOST_LABELS = 12  # of a confusion matrix
_MOST_ROWS = 20
_CHARACTERS = 160
NONE = "no answer"


def comparison_html(comparison: RowComparison) -> str:
    """Return a comparison that has ended, or how it stands. Nothing in it moves or is fetched.

    A cell of a confusion matrix opens to its rows; the rows on which variants differ are folded
    below.
    """
    table = comparison.table
    parts = [scores_html(table)]
    if comparison.done:
        parts += _confusions(comparison, table)
        parts.append(_disagreements(comparison, table))
    parts.append(quiet_html(comparison.last_line()))
    return "".join(parts)


def comparison_text(comparison: RowComparison) -> str:
    """Return the scores of a comparison as text, a line for each variant."""
    known = comparison.table.truth is not None
    lines = []
    for score in comparison.scores:
        name = f"{score.name}, {score.field}" if score.field else score.name
        told = [counted(score.rows, "row"), f"{_percent(score.valid)} valid"]
        if known:
            low, high = score.interval
            told.append(f"accuracy {score.accuracy:.3f} ({low:.3f} to {high:.3f})")
            told.append(_against(score))
        lines.append(f"{name}: {', '.join(filter(None, told))}")
    return "\n".join([*lines, comparison.last_line()])


def comparison_markdown(comparison: RowComparison) -> str:
    """Return the scores of a comparison as a Markdown table, and its last line."""
    known = comparison.table.truth is not None
    heads = ["variant", "rows", "valid"]
    heads += ["accuracy", "macro-F1", "kappa", "against the best"] if known else []
    rows = []
    for score in comparison.scores:
        name = f"{score.name}, {score.field}" if score.field else score.name
        cells = [name, f"{score.rows:,}", _percent(score.valid)]
        if known:
            cells += [_accuracy(score), _decimal(score.macro_f1), _decimal(score.kappa)]
            cells.append(_against(score))
        rows.append(cells)
    return f"{table(heads, rows)}\n\n*{plain(comparison.last_line())}*"


def scores_html(table: Table) -> str:
    """Return the scores: a row for each variant, with a bar for the accuracy and its interval."""
    known = table.truth is not None
    fields = bool(table.fields)
    heads = ["variant", *(["field"] if fields else []), "rows", "valid"]
    heads += ["accuracy", "", "macro-F1", "kappa", "against the best"] if known else []
    heads += ["kappa to the first", "tokens", "rows/s"]
    rows = (_score(score, known=known, fields=fields) for score in table.scores)
    return table_html(heads, rows, _LEFT)


def _score(score: Score, *, known: bool, fields: bool) -> str:
    cells = [f'<th style="{_WRAPS}; min-width: 9em">{page_text(score.name)}</th>']
    if fields:
        cells.append(f'<td style="{_LEFT}">{page_text(score.field)}</td>')
    cells += [_number(f"{score.rows:,}"), _number(_percent(score.valid))]
    if known:
        cells += [_number(_accuracy(score)), f"<td>{_bar(score)}</td>"]
        cells += [_number(_decimal(score.macro_f1)), _number(_decimal(score.kappa))]
        cells.append(f'<td style="{_LEFT}">{page_text(_against(score))}</td>')
    cells.append(_number(_decimal(score.kappa_to_first)))
    cells.append(_number("" if score.tokens is None else f"{score.tokens:,}"))
    rate = score.rows_per_second
    cells.append(_number("" if rate is None else f"{rate:,.0f}"))
    return f"<tr>{''.join(cells)}</tr>"


def _accuracy(score: Score) -> str:
    low, high = score.interval
    return f"{_percent(score.accuracy)} ({_percent(low)} to {_percent(high)})"


def _bar(score: Score) -> str:
    """Return the interval as a line from 0 to 1, with a dot where the accuracy is."""
    if math.isnan(score.accuracy):
        return ""
    low, high = score.interval
    return (
        '<div style="position: relative; width: 9em; height: 1em; border-bottom: 1px solid '
        'var(--jp-border-color1, #bbb)" aria-hidden="true">'
        f'<div style="position: absolute; left: {100 * low:.1f}%; width: '
        f"{100 * (high - low):.1f}%; top: 0.4em; height: 0.2em; background: {_ACCENT}; "
        'opacity: 0.6"></div>'
        f'<div style="position: absolute; left: calc({100 * score.accuracy:.1f}% - 0.2em); '
        f'top: 0.3em; width: 0.4em; height: 0.4em; background: {_ACCENT}"></div></div>'
    )


def _confusions(comparison: RowComparison, table: Table) -> list[str]:
    """Return a folded confusion matrix for each variant, and for each field of records."""
    if table.truth is None:
        return []
    parts = []
    for number, variant in enumerate(table.variants):
        for name in table.fields or [""]:
            cells = table.confusion(number, name)
            if matrix := _matrix(comparison, cells):
                title = f"{variant.name}, {name}" if name else variant.name
                parts.append(_fold(f"Truth and answers: {title}", matrix))
    return parts


def _matrix(comparison: RowComparison, cells: Mapping[tuple[Any, Any], Sequence[int]]) -> str:
    truths = sorted({truth for truth, _ in cells}, key=str)
    answers = sorted({answer for _, answer in cells}, key=lambda one: (one is None, str(one)))
    if not truths or max(len(truths), len(answers)) > _MOST_LABELS:
        return ""  # texts, and no labels
    rows = []
    for truth in truths:
        total = sum(len(cells.get((truth, answer), ())) for answer in answers)
        inner = "".join(
            _count(comparison, cells.get((truth, answer), ()), total, same=truth == answer)
            for answer in answers
        )
        rows.append(f'<tr><th style="{_LEFT}">{page_text(_label(truth))}</th>{inner}</tr>')
    return table_html(["truth \\ answer", *map(_label, answers)], rows, _LEFT)


def _count(comparison: RowComparison, positions: Sequence[int], total: int, *, same: bool) -> str:
    """Return one cell: how many rows, which it opens to; darker the more of their truth."""
    share = len(positions) / total if total else 0
    colour = "46, 125, 50" if same else "198, 40, 40"
    style = f"{_LEFT}; background: rgba({colour}, {0.35 * share:.2f})"
    if not positions:
        return f'<td style="{style}">0</td>'
    lines = "".join(
        f"<li>{position:,}: {page_text(short(comparison.text_of(position), _CHARACTERS))}</li>"
        for position in positions[:_MOST_ROWS]
    )
    more = len(positions) - _MOST_ROWS
    rest = f"<li>and {more:,} more</li>" if more > 0 else ""
    return (
        f'<td style="{style}"><details><summary>{len(positions):,}</summary>'
        f'<ul style="max-width: 30em; overflow-wrap: anywhere">{lines}{rest}</ul></details></td>'
    )


def _disagreements(comparison: RowComparison, table: Table) -> str:
    """Return, folded, the rows that variants answered differently, with what each said."""
    if len(table.variants) < 2:  # noqa: PLR2004  # there is nothing to differ from
        return ""
    found = table.disagreements
    if not found:
        return quiet_html("All variants answered every row alike.")
    names = [variant.name for variant in table.variants]
    known = table.truth is not None
    heads = ["", "row", *(["truth"] if known else []), *names]
    rows = []
    for at in found[:_MOST_ROWS]:
        cells = [_number(f"{at:,}"), _cell(comparison.text_of(at))]
        if known:
            cells.append(_cell(_shown(table.truth[at] if table.truth else None)))
        for number in range(len(names)):
            answer = table.votes[number][at][0]
            wrong = known and not _same(table, number, at)
            cells.append(_cell(_shown(answer), wrong=wrong))
        rows.append(f"<tr>{''.join(cells)}</tr>")
    more = len(found) - _MOST_ROWS
    rest = quiet_html(f"and {more:,} more") if more > 0 else ""
    body = table_html(heads, rows, _LEFT) + rest
    return _fold(f"Variants differ on {counted(len(found), 'row')}", body)


def _same(table: Table, number: int, at: int) -> bool:
    place = table.positions.index(at)
    field = "all fields" if table.fields else ""
    return table.right(number, field)[place]


def _shown(value: Any) -> str:
    return NONE if value is None else text_of(plain_value(value))


def _cell(text: str, *, wrong: bool = False) -> str:
    colour = "; color: var(--jp-error-color1, #b00020)" if wrong else ""
    said = page_text(short(text, _CHARACTERS)) + (" ✗" if wrong else "")
    return f'<td style="{_WRAPS}{colour}">{said}</td>'


def _label(value: Any) -> str:
    return short(_shown(value), 40)


def _number(text: str) -> str:
    return f'<td style="{_RIGHT}; white-space: nowrap">{page_text(text)}</td>'


def _fold(title: str, html: str) -> str:
    return (
        f'<details style="margin: 0.5em 0"><summary style="{QUIET}">{page_text(title)}</summary>'
        f"{html}</details>"
    )


def _against(score: Score) -> str:
    if math.isnan(score.p):
        return "" if math.isnan(score.accuracy) else "the best"
    chance = " (may be chance)" if score.may_be_chance else ""
    return f"p = {score.p:.2g}{chance}"


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.1f} %"


def _decimal(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"
