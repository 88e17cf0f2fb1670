"""One value in a few words: what stands for it inside a list, a cell or a field.

Only plain attributes of known libraries are read; nothing is computed or copied.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import fractions
import functools
import io
import ipaddress
import math
import os
import pathlib
import re
import socket
import sys
import types
import uuid
from typing import Any

from eighty80_jupyter.prompt.describe.base import (
    Request,
    attempt,
    class_name,
    found,
    inherited,
    is_a,
    kind_of,
    text_of,
)
from eighty80_jupyter.prompt.describe.foreign import TooLongError
from eighty80_jupyter.prompt.describe.values.own import own_text

# Lazy things: reading more than their schema would compute or consume them.
LAZY = (
    ("polars", ("LazyFrame",)),
    ("duckdb", ("DuckDBPyRelation",)),
    ("dask.dataframe", ("DataFrame", "Series", "Index")),
    ("pyspark.sql", ("DataFrame",)),
    ("pyspark.sql.connect.dataframe", ("DataFrame",)),
    ("pyspark.pandas", ("DataFrame", "Series")),
    ("pyarrow.dataset", ("Dataset",)),
    ("pyarrow", ("RecordBatchReader",)),
    ("ibis.expr.types", ("Table", "Value")),
    ("bigframes.dataframe", ("DataFrame",)),
    ("django.db.models.query", ("QuerySet",)),
)
_TABLES = (
    ("pandas", ("DataFrame",)),
    ("polars", ("DataFrame",)),
    ("pyarrow", ("Table", "RecordBatch")),
)
_ARRAYS = (
    ("numpy", ("ndarray",)),
    ("torch", ("Tensor",)),
    ("jax", ("Array",)),
)
_NAMED = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.ModuleType,
    types.GeneratorType,
    types.CoroutineType,
    types.AsyncGeneratorType,
    type,
    functools.partial,
    io.IOBase,
    socket.socket,
)
# What reading uses up, besides whatever has a `__next__`.
CONSUMED = (
    types.GeneratorType,
    types.CoroutineType,
    types.AsyncGeneratorType,
    io.IOBase,
    socket.socket,
)
_PLAIN_REPRS = (
    bool,
    type(None),
    type(Ellipsis),
    type(NotImplemented),
    complex,
    range,
    slice,
    dt.timezone,
)
_PLAIN_TEXTS = (
    dt.datetime,
    dt.date,
    dt.time,
    dt.timedelta,
    decimal.Decimal,
    fractions.Fraction,
    uuid.UUID,
    pathlib.PurePath,
    ipaddress.IPv4Address,
    ipaddress.IPv6Address,
    ipaddress.IPv4Network,
    ipaddress.IPv6Network,
)
_ADDRESS = re.compile(r" (?:at 0x[0-9A-Fa-f]{4,}|id='\d{6,}')")
_NOTHING_SAID = re.compile(r"<[\w.<>]+(?: object)? at 0x[0-9A-Fa-f]+(?:; [^<>]{0,80})?>")
_SHORT_ENOUGH = 100_000  # characters of a repr in which addresses are looked for
_LONG_INT = 400  # bits of an integer that is written out


def scalar(value: Any) -> str | None:
    """Return the text of a number, date, path and the like; None for anything else.

    A subclass is written as its base is, without calling its own code, unless that shows values
    in a way of its own (see `own`).
    """
    text: str | None = None
    kind = type(value)
    if own_text(kind) is not None:
        return None
    if issubclass(kind, enum.Enum):
        # `name` and `value` may be properties of the user's.
        name, held = value._name_, value._value_
        text = f"{kind.__name__}.{name}" if name else f"{kind.__name__}({held!r})"
    elif kind in _PLAIN_REPRS:
        text = repr(value)
    elif issubclass(kind, int):
        text = _integer(value)
    elif issubclass(kind, float):
        text = float.__repr__(value)
    elif kind in _PLAIN_TEXTS or kind.__module__ in {"pathlib", "pathlib._local"}:
        text = _written(value)
    elif is_a(value, "numpy", "generic"):
        text = str(value.item()) if is_a(value, "numpy", "number", "bool_") else str(value)
    elif is_missing(value) or is_a(value, "pandas", "Timestamp", "Timedelta", "Period", "Interval"):
        text = str(value)
    elif issubclass(kind, dt.datetime):  # a subclass: what it is comes first
        text = f"{kind_of(value)} {dt.datetime.isoformat(value, ' ')}"
    elif issubclass(kind, dt.date):
        text = f"{kind_of(value)} {dt.date.isoformat(value)}"
    return text


def is_missing(value: Any) -> bool:
    """Say whether `value` is None, NaN, NaT or NA, without calling foreign code."""
    if value is None:
        return True
    if issubclass(type(value), float):
        return float.__ne__(value, value) is True
    name = type(value).__name__
    if name in {"NaTType", "NAType"}:
        return type(value).__module__.startswith("pandas")
    if is_a(value, "numpy", "floating", "datetime64", "timedelta64"):
        return bool(value != value)  # noqa: PLR0124  # NaN and NaT are what is unlike itself
    return issubclass(type(value), decimal.Decimal) and value.is_nan()


def present(values: list[Any]) -> list[Any]:
    """Return the values that are not missing; quick for many of a few types."""
    doubtful = {kind for kind in set(map(type, values)) if _may_miss(kind)}
    if doubtful <= {type(None), float}:
        if not doubtful:
            return values
        return [
            value
            for value in values
            if value is not None and (type(value) is not float or value == value)  # noqa: PLR0124  # NaN is unlike itself
        ]
    return [value for value in values if type(value) not in doubtful or not is_missing(value)]


def _may_miss(kind: type) -> bool:
    others = found("numpy", "floating", "datetime64", "timedelta64")
    named = kind.__name__ in {"NaTType", "NAType"}
    return named or issubclass(kind, (type(None), float, decimal.Decimal, *others))


def head_of_bytes(value: Any, width: int = 24) -> str:
    """Return the first bytes as a literal, with the length where they are cut."""
    start = bytes(memoryview(value)[:width])
    return repr(start) if len(value) <= width else f"{start!r}… ({len(value):,} bytes)"


def known(value: Any) -> str | None:
    """Return what stands for a value of a known type in another's text; None for other types."""
    text: str | None = None
    if is_lazy(value):
        text = f"<{kind_of(value)}, lazy>"
    elif issubclass(type(value), _NAMED):
        text = f"<{named(value)}>"
    elif any(is_a(value, module, *names) for module, names in _TABLES):
        rows = value.num_rows if is_a(value, "pyarrow", "Table", "RecordBatch") else len(value)
        columns = value.num_columns if hasattr(value, "num_columns") else value.shape[1]
        text = f"<{kind_of(value)} {rows:,} x {columns:,}>"
    elif is_a(value, "pandas", "Series", "Index") or is_a(value, "polars", "Series"):
        text = f"<{kind_of(value)} of {len(value):,}, {value.dtype}>"
    elif any(is_a(value, module, *names) for module, names in _ARRAYS):
        text = _array(value)
    elif is_a(value, "PIL.Image", "Image"):
        text = f"<PIL.Image {value.mode} {value.width} x {value.height}>"
    elif is_a(value, "matplotlib.figure", "Figure") or is_a(value, "matplotlib.axes", "Axes"):
        text = f"<{kind_of(value)}>"
    elif is_a(value, "plotly.basedatatypes", "BaseFigure"):
        text = "<plotly.Figure>"
    elif is_iterator(value):
        text = f"<{named(value)}>"
    elif type(value) is type(os.environ):
        text = f"<os.environ of {len(value)} names>"
    return text


def named(value: Any) -> str:
    """Return what a function, class, module, file, iterator and the like is, and its name."""
    if issubclass(type(value), type):
        return f"class {class_name(value)}"
    if issubclass(type(value), types.ModuleType):
        return f"module {vars(value).get('__name__', '?')}"
    if issubclass(type(value), functools.partial):
        return f"partial of {attempt(named, value.func, default='a function')}"
    if issubclass(
        type(value), (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)
    ):
        return f"{type(value).__name__.replace('_', ' ')} {value.__name__}"
    if issubclass(type(value), types.MethodType):
        return f"method {attempt(_qualified, value.__func__, default='?')}"
    if issubclass(type(value), (types.FunctionType, types.BuiltinFunctionType)):
        return f"function {_qualified(value)}"
    if issubclass(type(value), socket.socket):
        state = "closed " if socket.socket.fileno(value) < 0 else ""
        return f"{state}socket {value.family.name} {value.type.name}"
    if issubclass(type(value), io.IOBase):
        return _file(value)
    return f"{kind_of(value)} iterator" if "iter" not in kind_of(value) else kind_of(value)


def is_lazy(value: Any) -> bool:
    """Say whether `value` is a frame that exists only as a plan."""
    return any(is_a(value, module, *names) for module, names in LAZY)


def is_iterator(value: Any) -> bool:
    """Say whether reading `value` would use it up."""
    kind = type(value)
    return hasattr(kind, "__next__") or hasattr(kind, "__anext__")


def own(value: Any, request: Request, width: int) -> str | None:
    """Return what the class of `value` says of it by hand; None where it says nothing.

    Frames, arrays and what else is named by `known` keep to that, and a text whose own words hold
    all of its characters hides nothing: it is read as a text.
    """
    kind = type(value)
    function = own_text(kind)
    if function is None or attempt(known, value, default=None) is not None:
        return None
    if issubclass(kind, str):
        text = foreign(value, request, 0, function=function)
        return None if repr(text_of(value))[1:-1] in text else _narrowed(text, request, width)
    return foreign(value, request, width, function=function)


def foreign(value: Any, request: Request, width: int, *, function: Any = None) -> str:
    """Return the text of an object of unknown type: on one line, in bounded time and width.

    It is its `repr`, or its `str` where the `repr` is no more than type and address. `width` 0
    leaves lines and length.
    """
    if function is None:
        function = str if inherited(value, "__repr__") and not inherited(value, "__str__") else repr
    text = _called(value, request, function)
    if function is repr and _NOTHING_SAID.fullmatch(text) and not inherited(value, "__str__"):
        said = _called(value, request, str)
        text = said if said.strip() else text
    # An address says nothing, and makes two equal prompts differ.
    text = _ADDRESS.sub("", text) if len(text) < _SHORT_ENOUGH else text
    return _narrowed(text, request, width)


def _called(value: Any, request: Request, function: Any) -> str:
    kind = type(value)
    try:
        text = request.time_limit.call(function, value, key=(kind, function))
    except TooLongError:
        return f"<{kind_of(value)}: its {function.__name__} took too long>"
    except Exception as error:  # noqa: BLE001  # a foreign repr may raise anything
        return f"<{kind_of(value)}: its {function.__name__} raised {type(error).__name__}>"
    return text_of(text) if isinstance(text, str) else ""


def _narrowed(text: str, request: Request, width: int) -> str:
    return request.shorten(" ".join(text[: 4 * width + 8_000].split()), width) if width else text


def _qualified(function: Any) -> str:
    return str(getattr(function, "__qualname__", "?")).replace("<locals>.", "")


def _file(value: Any) -> str:
    if type(value).__module__.partition(".")[0] not in sys.stdlib_module_names:
        return f"file ({kind_of(value)})"  # its attributes may be the user's code
    name = attempt(getattr, value, "name", default=None)
    mode = attempt(getattr, value, "mode", default=None)
    closed = attempt(getattr, value, "closed", default=False)
    what = f"{'closed' if closed else 'open'} file ({kind_of(value)})"
    if isinstance(name, (str, int)):
        what += f" {str(name)[:200]!r}" if isinstance(name, str) else f" of descriptor {name}"
    return what + (f", mode {mode}" if isinstance(mode, str) else "")


def _array(value: Any) -> str:
    shape = "x".join(f"{size}" for size in tuple(value.shape)) or "scalar"
    kind = "jax.Array" if is_a(value, "jax", "Array") else kind_of(value)
    return f"<{kind} {shape} {value.dtype}>"


def _integer(value: int) -> str:
    bits = int.bit_length(value)
    if bits > _LONG_INT:
        return f"<an integer of about {math.ceil(bits * math.log10(2)):,} digits>"
    return int.__repr__(value)


def _written(value: Any) -> str:
    if issubclass(type(value), fractions.Fraction):
        return f"{_integer(value.numerator)}/{_integer(value.denominator)}"
    return value.isoformat(" ") if type(value) is dt.datetime else str(value)
