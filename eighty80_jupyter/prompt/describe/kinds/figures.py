"""Figures and pictures: a card of words, or with `image` the picture itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.prompt import parts
from eighty80_jupyter.prompt.describe.base import (
    Draft,
    Request,
    attempt,
    is_a,
    kind_of,
    shown_field,
)
from eighty80_jupyter.prompt.describe.tables.ranges import range_of
from eighty80_jupyter.prompt.describe.tables.rows import number
from eighty80_jupyter.text import counted

TAKES = ("image",)

_AXES = 12
_SERIES = 20
_NAME = 100


def draft(value: Any, request: Request) -> Draft | None:
    """Describe a figure or a picture; None for any other value."""
    if is_a(value, "matplotlib.figure", "Figure") or is_a(value, "matplotlib.axes", "Axes"):
        kind, card = f"matplotlib.{kind_of(value).rpartition('.')[2]}", _matplotlib
    elif is_a(value, "plotly.basedatatypes", "BaseFigure"):
        kind, card = "plotly.Figure", _plotly
    elif is_a(value, "PIL.Image", "Image"):
        kind, card = "PIL.Image", _pil
    else:
        return None
    chosen = request.chosen(kind, *TAKES)
    if "image" in chosen:
        return _picture(value, request, kind)
    text, summary = card(value, request)
    return Draft(text=text, kind=kind, summary=summary)


def picture(value: Any, request: Request) -> Draft | None:
    """Return the picture in bytes, a path, an address or an IPython Image, if it was asked for."""
    if request.options != "image":
        return None
    kind = kind_of(value)
    if is_a(value, "IPython.core.display", "DisplayObject"):
        return _picture(vars(value).get("data") or vars(value).get("url"), request, kind)
    fits = issubclass(type(value), (str, bytes, bytearray, os.PathLike))
    return _picture(value, request, kind) if fits else None


def _picture(value: Any, request: Request, kind: str) -> Draft:
    try:
        part = parts.image(_drawn(value))
    except UsageError:
        raise
    except Exception as error:  # noqa: BLE001  # whatever a drawing library raises
        place, reason = shown_field(request.name, request.options), " ".join(str(error).split())
        reason = f"{type(error).__name__}: {reason[:120]}"
        if "kaleido" in reason.lower():
            reason = "plotly needs the package kaleido for that"
        raise UsageError(
            f"cannot draw {place}: {reason}; leave out the option for a description in words"
        ) from None
    name = request.shorten(request.name, _NAME)
    return Draft(
        text=f"the attached picture (`{name}`)", kind=kind, summary="as a picture", part=part
    )


def _drawn(value: Any) -> Any:
    """Return what can be sent: plotly draws with a package of its own (kaleido)."""
    if is_a(value, "plotly.basedatatypes", "BaseFigure"):
        return value.to_image(format="png")
    return value


def _pil(value: Any, request: Request) -> tuple[str, str]:
    form = f"{value.format}, " if isinstance(getattr(value, "format", None), str) else ""
    frames = attempt(lambda: vars(value).get("n_frames", 1), default=1)
    many = f", {counted(frames, 'frame')}" if isinstance(frames, int) and frames > 1 else ""
    size = f"{value.width:,} x {value.height:,}"
    del request
    return f"PIL image ({form}mode {value.mode}, {size} pixels{many})", f"{value.mode} {size}"


# matplotlib: everything is asked of public getters, which draw nothing.


def _matplotlib(value: Any, request: Request) -> tuple[str, str]:
    if is_a(value, "matplotlib.axes", "Axes"):
        return "\n".join(_axes(value, request, "matplotlib axes")), "one plot"
    axes = value.axes
    title = _title(getattr(value, "_suptitle", None), request)
    lines = [
        f"matplotlib figure of {counted(len(axes), 'plot')}"
        + (f", titled {title}" if title else "")
    ]
    for place, one in enumerate(axes[:_AXES], 1):
        lines += attempt(_axes, one, request, f"plot {place}", default=[f"plot {place}"])
    if len(axes) > _AXES:
        lines.append(f"… {len(axes) - _AXES} more plots")
    return "\n".join(lines), counted(len(axes), "plot")


def _title(text: Any, request: Request) -> str:
    return "" if text is None else _quoted(text.get_text(), request)


def _quoted(text: Any, request: Request, width: int = _NAME) -> str:
    """Return a text as a literal on one line, cut where it is long; nothing for none."""
    words = " ".join(text.split()) if isinstance(text, str) else ""
    return repr(request.shorten(words, width)) if words else ""


def _axes(axes: Any, request: Request, what: str) -> list[str]:
    title = _quoted(axes.get_title(), request)
    lines = [what + (f": {title}" if title else "")]
    names = [name for name in ("x", "y", "z") if hasattr(axes, f"get_{name}lim")]
    for name in names:
        low, high = getattr(axes, f"get_{name}lim")()
        words = _quoted(getattr(axes, f"get_{name}label")(), request)
        scale = getattr(axes, f"get_{name}scale")()
        line = f"- {name} axis: " + (f"{words}, " if words else "")
        line += f"from {number(float(low))} to {number(float(high))}"
        ticks = attempt(_ticks, axes, name, default="")
        lines.append(line + ("" if scale == "linear" else f", {scale}") + ticks)
    drawn = list(_drawn_in(axes, request))
    lines += [f"- {line}" for line in drawn[:_SERIES]]
    if len(drawn) > _SERIES:
        lines.append(f"- … {len(drawn) - _SERIES} more")
    return lines


def _ticks(axes: Any, name: str) -> str:
    """Return the labels of an axis of categories; nothing for numbers."""
    locator = getattr(axes, f"{name}axis").get_major_formatter()
    if not is_a(locator, "matplotlib.category", "StrCategoryFormatter"):
        return ""
    units = [str(unit) for unit in getattr(locator, "_units", {})]
    return f", categories {', '.join(units[:10])}" + (" …" if len(units) > 10 else "")  # noqa: PLR2004  # as shown


def _drawn_in(axes: Any, request: Request) -> Iterator[str]:
    bars = [patch for box in axes.containers if hasattr(box, "patches") for patch in box.patches]
    for line in axes.get_lines():
        x, y = line.get_xdata(orig=False), line.get_ydata(orig=False)
        yield f"line{_label(line, request)}: {counted(len(x), 'point')}{_extent(y, 'y')}"
    for box in axes.containers:
        if hasattr(box, "patches"):
            heights = [patch.get_height() for patch in box.patches]
            extent = _extent(heights, "height")
            yield f"bars{_label(box, request)}: {counted(len(heights), 'bar')}{extent}"
    for shapes in axes.collections:
        offsets = attempt(shapes.get_offsets, default=())
        what = kind_of(shapes).rpartition(".")[2]
        name = "scatter" if what == "PathCollection" else what
        points = (
            f": {counted(len(offsets), 'point')}" if len(offsets) > 1 or name == "scatter" else ""
        )
        yield f"{name}{_label(shapes, request)}{points}"
    for image in axes.images:
        shape = getattr(image.get_array(), "shape", ())
        yield f"image{_label(image, request)} of {' x '.join(map(str, shape))}"
    known = {id(bar) for bar in bars}
    other = [patch for patch in axes.patches if id(patch) not in known]
    if other:
        yield f"{counted(len(other), 'shape')} ({kind_of(other[0]).rpartition('.')[2]})"
    for text in axes.texts:
        if words := _title(text, request):
            yield f"text {words}"


def _label(artist: Any, request: Request) -> str:
    words = str(artist.get_label())
    return "" if words.startswith("_") or not words.strip() else f" {_quoted(words, request, 60)}"


def _extent(values: Any, name: str) -> str:
    """Return the range of a drawn series; nothing where it has no numbers or too many."""
    if len(values) > 1_000_000:  # noqa: PLR2004  # bounded work
        return ""
    ends = attempt(_ends, values, default=None)
    return "" if ends is None else f", {name} {number(ends[0])} to {number(ends[1])}"


def _ends(values: Any) -> tuple[float, float]:
    if is_a(values, "numpy", "ndarray") and values.dtype.kind in "iuf":
        found = range_of(values)
        return float(found.low), float(found.high)
    plain = values.tolist() if hasattr(values, "tolist") else values
    finite = [float(value) for value in plain if value is not None and value == value]  # noqa: PLR0124  # no NaN
    return min(finite), max(finite)


# plotly: the figure's own data are read, nothing is validated or drawn.


def _plotly(value: Any, request: Request) -> tuple[str, str]:
    traces = value.data
    layout = value.layout
    title = _quoted(layout.title.text, request)
    lines = [
        f"plotly figure of {counted(len(traces), 'trace')}" + (f", titled {title}" if title else "")
    ]
    lines += [f"- {axis}" for axis in attempt(_plotly_axes, layout, request, default=[])]
    for trace in traces[:_SERIES]:
        words: str = attempt(_trace, trace, request, default="a trace")
        lines += [f"- {words}"]
    if len(traces) > _SERIES:
        lines.append(f"- … {len(traces) - _SERIES} more traces")
    return "\n".join(lines), counted(len(traces), "trace")


def _plotly_axes(layout: Any, request: Request) -> list[str]:
    lines = []
    for name in list(layout)[:200]:
        if not name.startswith(("xaxis", "yaxis", "zaxis")):
            continue
        axis = layout[name]
        words = _quoted(axis.title.text, request)
        limits = axis.range
        scale = axis.type if axis.type not in {None, "linear", "-"} else ""
        known = [words, f"from {limits[0]} to {limits[1]}" if limits else "", scale]
        if facts := ", ".join(fact for fact in known if fact):
            lines.append(f"{name[0]} axis{name[5:]}: {facts}")
    return lines[:_AXES]


def _trace(trace: Any, request: Request) -> str:
    name = _quoted(trace.name, request)
    text = f"{trace.type}{f' {name}' if name else ''}"
    facts = []
    for key in ("x", "y", "z", "values", "labels"):
        data = trace[key] if key in trace else None  # noqa: SIM401  # a trace has no get()
        if data is None:
            continue
        shape = getattr(data, "shape", None) or (len(data),)
        size = " x ".join(f"{length:,}" for length in shape)
        extent = _extent(data, "from").replace(", from", " from") if len(shape) == 1 else ""
        facts.append(f"{key} {size} {'values' if len(shape) == 1 else 'grid'}{extent}")
    return f"{text}: {', '.join(facts)}" if facts else text
