"""Answers as labels: what can be counted and compared, of a whole answer or of a field of it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from enum import Enum
from typing import Any


def field_of(record: Any, name: str) -> Any:
    """Return a field of a record of any kind, None where it has none; without a name the record."""
    if not name or record is None:
        return record
    return record.get(name) if isinstance(record, Mapping) else getattr(record, name, None)


def plain_value(value: Any) -> Any:
    """Return a value as it can be compared: of an Enum what it stands for, of numpy's Python's."""
    if isinstance(value, Enum):
        return value.value
    if type(value).__module__ == "numpy" and hasattr(value, "item"):
        # Of nanoseconds it makes whole numbers.
        exact = value.dtype.kind in "mM"
        return (value.astype(f"{value.dtype.kind}8[us]") if exact else value).item()
    return value


def hashable(value: Any) -> Hashable:
    """Return a value, or its text where it cannot be the key of a dictionary."""
    try:
        hash(value)
    except TypeError:
        return repr(value)
    found: Hashable = value
    return found


def label_of(value: Any, field: str = "") -> Hashable | None:
    """Return an answer, or a field of one, as a label that can be counted; None: there is none."""
    return hashable(plain_value(field_of(value, field)))
