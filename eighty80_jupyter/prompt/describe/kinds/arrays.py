"""Arrays of numbers: NumPy, torch and JAX.

Values on a GPU stay there unless an option asks for some of them, and what is still being computed
is not waited for.
"""

from __future__ import annotations

import re
import sys
from functools import partial
from typing import Any

from eighty80_jupyter.prompt.describe.base import (
    Draft,
    Request,
    attempt,
    fit,
    formatted,
    is_a,
    kind_of,
)
from eighty80_jupyter.prompt.describe.tables.ranges import range_of
from eighty80_jupyter.prompt.describe.values.containers import Limits, Writer
from eighty80_jupyter.prompt.describe.values.fields import stored_in
from eighty80_jupyter.prompt.tokens import estimate
from eighty80_jupyter.text import counted

TAKES = ("head=N", "full")

_WHOLE = 50_000_000  # elements that are all looked at
_SMALL = 1_000  # elements of an array that may be shown whole
_FULL = 1_000_000
_FIRST = 20
_DIGITS = 6  # decimals of a float, but with `full`
_CORNER = (3, 8)  # rows and columns of the last two axes


def draft(value: Any, request: Request) -> Draft | None:
    """Describe an array; None for any other value."""
    if is_a(value, "numpy", "ndarray"):
        return _numpy(value, request, kind=kind_of(value), about=_unit(value, request))
    if is_a(value, "torch", "Tensor"):
        return _torch(value, request)
    if is_a(value, "jax", "Array"):
        return _jax(value, request)
    return None


def _numpy(value: Any, request: Request, *, kind: str, about: str = "") -> Draft:
    if value.ndim == 0 and request.options and request.options != "full":
        spec = "a format such as .3f"
        drawn = formatted(value[()], request, "full", kind=kind, spec=spec)
        if drawn is not None:
            return drawn
    chosen = request.chosen(kind, *TAKES)
    if "full" in chosen and value.size > _FULL:
        raise request.too_large(kind, counted(value.size, "element"))
    shape = " x ".join(f"{size:,}" for size in value.shape) or "a scalar"
    head = (
        f"{kind}, shape {tuple(value.shape)}, dtype {request.shorten(str(value.dtype), 200)}{about}"
    )
    summary = f"{shape} {request.shorten(str(value.dtype), 40)}"
    full = "full" in chosen
    if full or ("head" not in chosen and value.size <= _SMALL):
        digits = 0 if full else _DIGITS
        written, note = attempt(_written, value, request, digits, default=("(unreadable)", ""))
        text = f"{head}{note}:\n{written}"
        if full or estimate(text) <= request.budget:
            return Draft(text=text, kind=kind, summary=summary, fixed=full, block=True)
    lines = [head]
    if facts := attempt(_facts, value, default=""):
        lines.append(facts)
    first, shown = _first(value, chosen.get("head"))
    room = request.budget - estimate("\n".join(lines)) - 20
    written, note = attempt(_written, first, request, _DIGITS, default=("", ""))
    text, kept = fit(written, max(room, 0))
    if text and kept:
        lines.append(f"{shown}{note}:\n{text}")
    cut = "" if first.size == value.size and kept else f"all but {shown}"
    return Draft(text="\n".join(lines), kind=kind, summary=summary, cut=cut, block=True)


def _unit(value: Any, request: Request) -> str:
    """Return the unit of an array of a library that has them (astropy, unyt)."""
    if type(value).__module__.partition(".")[0] == "numpy":
        return ""
    for name in ("unit", "units"):
        if any(name in cls.__dict__ for cls in type(value).__mro__) or name in stored_in(value):
            read = partial(request.time_limit.call, lambda name: str(getattr(value, name)), name)
            return f", unit {request.shorten(attempt(read, default='unknown'), 60)}"
    return ""


def _facts(value: Any) -> str:
    """Return the range and the number of missing values in words."""
    masked = ""
    if is_a(value, "numpy.ma", "MaskedArray"):
        masked, value = f"{value.size - value.count():,} masked", value.compressed()
    if value.dtype.kind == "b":
        numpy: Any = sys.modules["numpy"]
        true = int(numpy.count_nonzero(value)) if value.size <= _WHOLE else None
        return "" if true is None else f"True {true:,}, False {value.size - true:,}"
    if value.dtype.kind not in "iufmM" or not value.size:
        return ""
    found = range_of(value)
    name = "NaT" if value.dtype.kind in "mM" else "NaN"
    parts = [found.text() and f"range {found.text()}"]
    if value.dtype.kind in "fmM":
        parts.append(f"{found.missing:,} {name}")
    text = ", ".join(part for part in [*parts, masked] if part)
    return f"in a sample of {found.sample:,} elements: {text}" if found.sample else text


def _first(value: Any, rows: int | None) -> tuple[Any, str]:
    """Return the first values of an array, and which they are in words."""
    if rows is not None:
        some = value[: min(rows, _FULL)] if value.ndim else value
        return (
            some,
            f"first {len(some):,} of {len(value):,} along the first axis" if value.ndim else "",
        )
    if value.ndim < 2:  # noqa: PLR2004  # a vector
        some = value[:_FIRST]
        return some, f"first {len(some):,} of {counted(value.size, 'element')}"
    corner = (0,) * (value.ndim - 2) + tuple(slice(size) for size in _CORNER)
    shown = ", ".join("0" if place == 0 else f":{place.stop}" for place in corner)
    return value[corner], f"values at [{shown}]"


def _written(value: Any, request: Request, digits: int) -> tuple[str, str]:
    """Return the elements, and a note where they are rounded to `digits` decimals (0: never)."""
    numpy: Any = sys.modules["numpy"]
    if value.dtype.hasobject or value.dtype.names or is_a(value, "numpy", "matrix"):
        limits = Limits(items=_FULL, depth=8, width=80)
        return Writer(request, limits).text(value.tolist()), ""
    if is_a(value, "numpy.ma", "MaskedArray"):
        plain = value.astype(object).filled("--")
    else:
        plain = numpy.asarray(value)
    form = {"floatmode": "maxprec", "precision": digits} if digits else {"floatmode": "unique"}
    with numpy.errstate(all="ignore"):
        text = numpy.array2string(
            plain, separator=", ", threshold=plain.size + 1, max_line_width=120, **form,
            formatter={"object": str},
        )  # fmt: skip
        exact = not digits or plain.dtype.kind != "f" or _is_exact(text, plain)
    return str(text), "" if exact else f", numbers to {digits} decimals"


def _is_exact(text: str, values: Any) -> bool:
    """Say whether the numbers in a text are those of an array."""
    numpy: Any = sys.modules["numpy"]
    numbers = numpy.array(re.findall(r"[-+]?(?:[\d.]+(?:e[-+]?\d+)?|nan|inf)", text), values.dtype)
    return bool(numpy.array_equal(numbers, values.ravel(), equal_nan=True))


def _named(value: Any, kind: str, about: str) -> Draft:
    shape = " x ".join(f"{size:,}" for size in tuple(value.shape)) or "a scalar"
    text = f"{kind}, shape {tuple(value.shape)}, dtype {value.dtype}{about}"
    return Draft(text=text, kind=kind, summary=f"{shape} {value.dtype}", cut="the values")


def _torch(value: Any, request: Request) -> Draft:
    kind = kind_of(value)
    device = str(value.device)
    about = ("" if device == "cpu" else f", on {device}") + (
        ", requires grad" if value.requires_grad else ""
    )
    chosen = set(request.chosen(kind, *TAKES)) if value.dim() else set()
    if device != "cpu" and not (chosen and device != "meta"):
        return _named(value, kind, f"{about}; its values were not copied from there")
    if str(value.layout) != "torch.strided" or value.is_quantized:
        return _named(value, kind, f"{about}, layout {value.layout}; its values were not read")
    array = attempt(_to_numpy, value.detach(), request, default=None)
    if array is None:
        return _named(value, kind, f"{about}; its values were not read")
    dtype = "" if array.dtype.name in str(value.dtype) else f" (torch dtype {value.dtype})"
    about += _part_of(array, value.numel())
    return _numpy(array, request, kind=kind, about=about + dtype)


def _part_of(array: Any, total: int) -> str:
    """Return words for an array that is the first rows of one of `total` elements."""
    return f", the first rows of {counted(total, 'element')}" if array.size < total else ""


def _to_numpy(tensor: Any, request: Request) -> Any:
    """Return a tensor's memory as an array; what is elsewhere is copied only as far as asked."""
    if str(tensor.device) != "cpu":
        wanted = request.chosen("", *TAKES).get("head", tensor.shape[0])
        tensor = tensor[:wanted].cpu()
    try:
        return tensor.numpy()
    except TypeError:  # NumPy has no bfloat16
        if tensor.numel() > _WHOLE // 5:
            raise
        return tensor.float().numpy()


def _jax(value: Any, request: Request) -> Draft:
    kind = "jax.Array"
    chosen = request.chosen(kind, *TAKES) if value.ndim else {}
    devices = attempt(lambda: {device.platform for device in value.devices()}, default={"unknown"})
    where = "" if devices == {"cpu"} else f", on {', '.join(sorted(devices))}"
    if where and not chosen:
        return _named(value, kind, f"{where}; its values were not copied from there")
    ready = attempt(lambda: not value.is_deleted() and value.is_ready(), default=False)
    if not ready:
        return _named(
            value, kind, f"{where}; its values are not there (still computed, or deleted)"
        )
    numpy: Any = sys.modules["numpy"]
    total = value.size
    if where:  # no more is copied from there than was asked for
        value = value[: chosen.get("head", value.shape[0])]
    array = numpy.asarray(value)
    return _numpy(array, request, kind=kind, about=where + _part_of(array, total))
