"""What counts as missing: None, NaN, NaT, NA and blank texts, and nothing nested."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

_NAMED = frozenset({"NAType", "NaTType", "MaskedConstant"})


def is_missing(value: Any) -> bool:
    """Tell whether a cell holds nothing; a list or a dictionary always holds something.

    Values are never compared with themselves: Arrow's and pandas' NA raise where that is asked.
    """
    if value is None:
        return True
    if isinstance(value, str):
        return not value or value.isspace()
    if isinstance(value, float):  # numpy's float64 as well
        return value != value  # noqa: PLR0124  # NaN
    kind = type(value)
    if kind is int or kind is bool:
        return False
    if kind.__name__ in _NAMED:
        return True
    if isinstance(value, Decimal):
        return value.is_nan()
    return kind.__module__ in ("numpy", "pyarrow.lib") and _is_missing_scalar(value)


def _is_missing_scalar(value: Any) -> bool:
    """Tell it of a scalar of numpy or Arrow, of which only some have a missing value."""
    valid = getattr(value, "is_valid", None)
    if valid is not None:
        return not valid
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    return getattr(value, "ndim", 1) == 0 and kind in "fcmM" and bool(value != value)  # noqa: PLR0124  # NaN, NaT
