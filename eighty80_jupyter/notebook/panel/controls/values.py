"""Values of parameters as the panel's sliders and fields have them."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.api.parameter_values import from_text
from eighty80_jupyter.api.request_parameters import PARAMETERS, Kind
from eighty80_jupyter.errors import UsageError

if TYPE_CHECKING:
    from ipywidgets import FloatSlider

    from eighty80_jupyter.api.request_parameters import Parameter

DIGITS = 6  # the steps of a slider add up to 0.15000000000000002
MOST_ANSWERS = 16  # to one prompt, from the panel: a thousand stop a page
_THOUSANDS = re.compile(r"[+-]?\d{1,3}([,'\u00a0\u202f\u2009 ]\d{3})+")
_COMMA = re.compile(r"[+-]?\d*,\d+")
# What a text stands for in a field with one text on each line.
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_WRITTEN = str.maketrans(_ESCAPES)
_READ = {escape: text for text, escape in _ESCAPES.items()}
_ESCAPED = re.compile(r"\\[\\nrt]")


def slide(slider: FloatSlider, parameter: Parameter, value: float) -> None:
    """Set a slider; a value that lies between the parameter's steps makes them finer.

    The browser rounds to the steps that it knows and tells what came of it, as if it had been
    moved: it learns of finer ones before the value, and of coarser ones after it. The same holds
    for where it begins.
    """
    decimals = len(f"{value:.{DIGITS}f}".rstrip("0").partition(".")[2])
    between = not _on_a_step(parameter, value)
    step = 1 / 10**decimals if between else _grid(parameter)[1]
    low = min(least(parameter), step if between else value)
    slider.step, slider.min = min(slider.step, step), min(slider.min, low)
    if round(slider.value, DIGITS) != round(value, DIGITS):
        slider.value = value
    slider.step, slider.min, slider.readout_format = step, low, f".{max(2, decimals)}f"


def least(parameter: Parameter) -> float:
    """Return where a parameter's slider begins: a top_p of 0 leaves no token to choose from."""
    low, step = _grid(parameter)
    return step if parameter.name == "top_p" else low


def moved(parameter: Parameter, old: float, new: float) -> float | None:
    """Return the value that a slider was moved to from `old`, on a step; None: it was not moved."""
    if round(new, DIGITS) == round(old, DIGITS):
        return None  # the browser has rounded it
    if _on_a_step(parameter, new):
        return round(new, DIGITS)
    low, step = _grid(parameter)
    steps = (new - low) / step
    return round(low + step * (math.ceil(steps) if new > old else math.floor(steps)), DIGITS)


def _on_a_step(parameter: Parameter, value: float) -> bool:
    low, step = _grid(parameter)
    steps = (value - low) / step
    return math.isclose(steps, round(steps), rel_tol=0, abs_tol=1e-6)


def _grid(parameter: Parameter) -> tuple[float, float]:
    """Return the least value of a parameter, and the steps of its slider."""
    assert parameter.minimum is not None  # noqa: S101  # what has a slider has both
    assert parameter.step is not None  # noqa: S101  # the same
    return parameter.minimum, parameter.step


def read(name: str, text: str) -> Any:
    """Return the value that was typed; None where nothing was. Raises UsageError.

    Whole numbers may have their thousands parted: 2,000.
    """
    typed = text.strip()
    if not typed:
        return None
    kind = PARAMETERS[name].kind
    if kind is Kind.STRINGS:
        lines = [_ESCAPED.sub(lambda m: _READ[m[0]], line) for line in text.split("\n")]
        return [line for line in lines if line]
    if kind is Kind.INTEGER and _THOUSANDS.fullmatch(typed):
        typed = re.sub(r"[^\d+-]", "", typed)
    elif kind is Kind.NUMBER and _COMMA.fullmatch(typed):
        raise UsageError(f"{name} takes a decimal point: {typed.replace(',', '.')}, got {typed}")
    value = from_text(name, typed)
    if name == "n" and value > MOST_ANSWERS:
        raise UsageError(f"n must be between 1 and {MOST_ANSWERS} here, got {value:,}")
    return value


def write(value: Any) -> str:
    """Return a value as it is typed."""
    if isinstance(value, list):
        return "\n".join(v.translate(_WRITTEN) for v in value)
    return "" if value is None else str(value)
