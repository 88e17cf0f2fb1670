"""Shares of labels among the answers of a run, corrected by rows that somebody has labelled."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.evaluation.labels import hashable, label_of
from eighty80_jupyter.evaluation.shares import share
from eighty80_jupyter.rows.data.chunks import Rows
from eighty80_jupyter.rows.data.missing import is_missing
from eighty80_jupyter.rows.frames import pandas_for
from eighty80_jupyter.rows.truth import fitted, read_truth
from eighty80_jupyter.text import shown

if TYPE_CHECKING:
    from eighty80_jupyter.structured.shape import Shape

_COLUMNS = ("label", "share", "low", "high", "model", "labelled", "rows", "note")
_MOST = 100  # labels; with more of them they are none


def share_table(
    rows: Rows,
    values: Sequence[Any],
    *,
    field: str,
    truth: Any,
    by: Any,
    confidence: float,
    shape: Shape | None = None,
) -> Any:
    """Return the share of each label as a DataFrame. See `Run.share`."""
    pd = pandas_for("run.share")
    if not 0 < confidence < 1:
        raise UsageError(f"confidence is a share between 0 and 1, got {shown(confidence)}")
    answers = [label_of(value, field) for value in values]
    known: list[Any] = [None] * len(answers)
    if truth is not None:
        known = fitted(read_truth(truth, rows, required=False) or [], shape, field)
    groups = [None] * len(answers) if by is None else _groups(rows, by)
    group_name = f"by_{by}" if by in _COLUMNS else by
    # What has no answer tells nothing of its label: neither of the model nor of its errors.
    there = [at for at, answer in enumerate(answers) if answer is not None]
    labels = list(dict.fromkeys(one for one in (*answers, *known) if one is not None))
    if len(labels) > _MOST:
        raise UsageError(
            f"the answers are {len(labels):,} different ones, and shares are of labels; "
            "ask with returns=[...], or name a field of the records"
        )
    found: list[tuple[Any, ...]] = []
    for group in dict.fromkeys(groups[at] for at in there):
        inside = [at for at in there if by is None or groups[at] == group]
        for label in labels:
            part = share(
                [answers[at] == label for at in inside],
                [None if known[at] is None else known[at] == label for at in inside],
                confidence,
            )
            cells = (label, part.value, part.low, part.high, part.model, part.labelled)
            found.append((*([] if by is None else [group]), *cells, len(inside), part.note))
    return pd.DataFrame(found, columns=[*([] if by is None else [group_name]), *_COLUMNS])


def _groups(rows: Rows, name: Any) -> list[Hashable]:
    """Return the group of each row: what stands in a column; None where that is missing."""
    if not isinstance(name, Hashable):
        raise UsageError(f"by names one column, got {shown(name)}")
    return [None if is_missing(cell) else hashable(cell) for cell in rows.column(name)]
