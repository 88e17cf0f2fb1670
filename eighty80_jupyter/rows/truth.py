"""What people say of rows: read from a column or a list, in the type that the answers have."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.evaluation.labels import plain_value
from eighty80_jupyter.rows.data.chunks import Rows
from eighty80_jupyter.rows.data.missing import is_missing
from eighty80_jupyter.rows.data.types import ANY, TEXT, ColumnType, type_of
from eighty80_jupyter.rows.frames import open_rows
from eighty80_jupyter.structured.words import folded
from eighty80_jupyter.text import shown

if TYPE_CHECKING:
    from eighty80_jupyter.structured.shape import Shape

_YES, _NO = frozenset({"true", "yes", "1", "t", "y"}), frozenset({"false", "no", "0", "f", "n"})


def read_truth(truth: Any, rows: Rows, *, required: bool = True) -> list[Any] | None:
    """Return the truth of each row: of a column, of several for a record, or of a list.

    `truth` names the column, is a dictionary of fields and the columns that hold their truth, or
    holds the values themselves. None: there is none. Raises UsageError, also where no row is
    labelled unless that is not `required`.
    """
    if truth is None:
        return None
    if isinstance(truth, Mapping):
        columns = {str(name): read_truth(column, rows) or [] for name, column in truth.items()}
        records = [
            {name: column[at] for name, column in columns.items()} for at in range(rows.length or 0)
        ]
        # A record that is labelled in part is not labelled.
        return [None if None in one.values() else one for one in records]
    if isinstance(truth, str) or (isinstance(truth, Hashable) and truth in rows.names):
        return truth_of(rows.column(truth), f"the column {truth}", required=required)
    values = _values(truth)
    if len(values) != rows.length:
        raise UsageError(
            f"truth has {len(values):,} values for {rows.length or 0:,} rows; give one for each, "
            "None where a row is not labelled"
        )
    return truth_of(values, "truth", required=required)


def truth_of(values: Sequence[Any], what: str, *, required: bool = True) -> list[Any]:
    """Return a column as truth: plain values, None where a row is not labelled.

    Raises UsageError where no row is, unless that is not `required`.
    """
    found = [None if is_missing(value) else value for value in map(plain_value, values)]
    if required and all(value is None for value in found):
        raise UsageError(f"{what} has no label in any row, so nothing can be measured by it")
    return found


def fitted(truth: Sequence[Any], shape: Shape | None, field: str = "") -> list[Any]:
    """Return a truth in the type of the answers, as far as it can be read as one.

    The number 1 is the choice "1", the text "True" a truth value, a moment at midnight its day, and
    a choice is read as that of an answer. What can be no answer stays as it is. `field` is
    the field of the answers that it is the truth of, if not of all of them.
    """
    kind = TEXT if shape is None else type_of(shape.schema)
    if field:
        kind = dict(kind.fields).get(field, ANY)
    known: dict[tuple[type, Hashable], Any] = {}
    return [_fit(value, kind, known) for value in truth]


def _values(truth: Any) -> list[Any]:
    """Return the values of a list, a Series, an array, or a frame of one column."""
    try:
        held = open_rows(list(truth) if isinstance(truth, range) else truth)
    except UsageError:
        raise UsageError(
            f"truth names a column, or holds a value for each row, got {shown(truth)}"
        ) from None
    if not held.single and len(held.names) != 1:
        raise UsageError(f"truth is one column, got {len(held.names)}: {shown(held.names)}")
    return list(held.each()) if held.single else held.column(held.names[0])


def _fit(value: Any, kind: ColumnType, known: dict[tuple[type, Hashable], Any]) -> Any:
    if isinstance(value, Mapping):
        types = dict(kind.fields)
        return {name: _fit(one, types.get(name, ANY), {}) for name, one in value.items()}
    reader = _READERS.get(kind.kind)
    if reader is None or not isinstance(value, Hashable):
        return value
    key = (type(value), value)
    if key not in known:
        known[key] = value
        with suppress(ValueError, OverflowError):
            known[key] = reader(value, kind)
    return known[key]


def _text(value: Any, _kind: ColumnType = TEXT) -> Any:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a column of whole numbers of which some are missing
    return str(value) if isinstance(value, (int, float, Decimal, dt.date)) else value


def _choice(value: Any, kind: ColumnType) -> Any:
    if any(type(one) is type(value) and one == value for one in kind.choices):
        return value
    words = {folded(str(_text(value)))}
    if isinstance(value, bool):
        words = set(_YES if value else _NO)
    like = [one for one in kind.choices if folded(str(one)) in words]
    return like[0] if len(like) == 1 else value


def _number(value: Any, _kind: ColumnType) -> Any:
    return float(value) if isinstance(value, (str, Decimal)) else value


def _boolean(value: Any, _kind: ColumnType) -> Any:
    if not isinstance(value, str):
        return value
    word = value.casefold().strip()
    return True if word in _YES else False if word in _NO else value


def _date(value: Any, _kind: ColumnType) -> Any:
    if isinstance(value, str):
        value = dt.datetime.fromisoformat(value.strip())
    if isinstance(value, dt.datetime) and value.time() == dt.time():
        return value.date()
    return value


def _moment(value: Any, _kind: ColumnType) -> Any:
    return dt.datetime.fromisoformat(value.strip()) if isinstance(value, str) else value


_READERS: Mapping[str, Callable[[Any, ColumnType], Any]] = {
    "text": _text, "choice": _choice, "integer": _number, "number": _number,
    "decimal": _number, "boolean": _boolean, "date": _date, "datetime": _moment,
}  # fmt: skip
