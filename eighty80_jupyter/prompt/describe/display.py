"""What users set for their own eyes changes nothing that is sent."""

from __future__ import annotations

import decimal
import sys
from contextlib import AbstractContextManager, ExitStack
from typing import Any

from eighty80_jupyter.prompt.describe.base import attempt

_NUMPY = {
    "precision": 8, "threshold": 1000, "edgeitems": 3, "linewidth": 75, "suppress": False,
    "nanstr": "nan", "infstr": "inf", "sign": "-", "formatter": None, "floatmode": "maxprec",
    "legacy": False,
}  # fmt: skip
# Objects of users may show frames in their `repr`.
_PANDAS = {
    "display.precision": 6, "display.float_format": None, "display.chop_threshold": None,
    "display.max_rows": 60, "display.min_rows": 10, "display.max_columns": 20,
    "display.max_colwidth": 50, "display.width": 80,
}  # fmt: skip


def defaults() -> AbstractContextManager[Any]:
    """Return a context in which NumPy, decimal and pandas write as if nothing had been set.

    NumPy's (from version 2 on) and decimal's settings are those of the context of this thread, and
    of the one that runs foreign code for it; pandas' are touched only where they are not the
    default.
    """
    stack = ExitStack()
    context = decimal.Context(prec=28, rounding=decimal.ROUND_HALF_EVEN, capitals=1)
    stack.enter_context(decimal.localcontext(context))
    for enter in (_numpy, _pandas):
        attempt(lambda enter=enter: stack.enter_context(enter()), default=None)
    return stack


def _numpy() -> AbstractContextManager[Any]:
    numpy: Any = sys.modules.get("numpy")
    if numpy is None:
        return ExitStack()
    known = numpy.get_printoptions()
    options: dict[str, Any] = _NUMPY | ({"override_repr": None} if "override_repr" in known else {})
    return numpy.printoptions(**options)  # type: ignore[no-any-return]  # NumPy may be any


def _pandas() -> AbstractContextManager[Any]:
    pandas: Any = sys.modules.get("pandas")
    changed = {
        name: value
        for name, value in (_PANDAS if pandas is not None else {}).items()
        if pandas.get_option(name) != value
    }
    if not changed:
        return ExitStack()
    pairs = [item for pair in changed.items() for item in pair]
    return pandas.option_context(*pairs)  # type: ignore[no-any-return]  # pandas has no types
