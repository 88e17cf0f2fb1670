"""What is compared: the values that a text lists for a parameter, and every pair of two of them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.api import parameter_values, request_parameters
from eighty80_jupyter.api.request_parameters import Kind
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.text import unknown

if TYPE_CHECKING:
    from eighty80_jupyter.prompt.template.prepare import PreparedPrompt

MOST = 8  # values of a parameter
MOST_ANSWERS = 16  # at once, where two parameters make a grid
SAMPLES = "n samples"  # what is swept when nothing is: the same settings, some times

_NOT_SWEPT = ("n", "top_logprobs", "user")
COMPARABLE = tuple(
    name
    for name, parameter in request_parameters.PARAMETERS.items()
    if parameter.kind in (Kind.NUMBER, Kind.INTEGER, Kind.STRING) and name not in _NOT_SWEPT
)

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)"
_RANGE = re.compile(rf"\s*({_NUMBER})\s*\.\.\s*({_NUMBER})\s+step\s+({_NUMBER})\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One of several ways to ask: the prompt, and the parameters that are set for it.

    `heading` says what makes it; empty: it is one of several samples.
    """

    prompt: PreparedPrompt
    setting: Mapping[str, Any] = field(default_factory=dict)
    heading: str = ""


def grid(
    prompts: Sequence[PreparedPrompt], axes: Sequence[tuple[str, Sequence[Any]]]
) -> list[Variant]:
    """Return every prompt with every value of the parameters, row by row.

    The values of the first parameter stand beside each other, and so do several prompts where no
    parameter is varied. Raises UsageError for what makes no grid, or too many.
    """
    if len(axes) + (len(prompts) > 1) > 2:  # noqa: PLR2004  # a page has two directions
        raise UsageError("a grid has two directions: two parameters, or the prompts and one")
    names = [name for name, _ in axes]
    if len(names) > 1 and (names[0] == names[1] or SAMPLES in names):
        raise UsageError("a grid takes two different parameters, and n samples is none")
    settings: list[dict[str, Any]] = [{}]
    for name, values in reversed(axes):
        new = [{} if name == SAMPLES else {name: value} for value in values]
        settings = [one | setting for setting in settings for one in new]
    count = len(prompts) * len(settings)
    if count > MOST_ANSWERS:
        raise UsageError(f"these are {count:,} answers; at most {MOST_ANSWERS} stand side by side")
    asked = []
    for number, prompt in enumerate(prompts, 1):
        for setting in settings:
            words = [f"prompt {number}"] if len(prompts) > 1 else []
            words += [f"{name} = {value}" for name, value in setting.items()]
            asked.append(Variant(prompt=prompt, setting=setting, heading=", ".join(words)))
    return asked


def values_of(name: str, text: str) -> list[Any]:
    """Return the values that `text` lists for a parameter: "0, 0.5, 1" or "0..1 step 0.25".

    For `SAMPLES` it is how many, and as many None come back. Raises UsageError.
    """
    if name == SAMPLES:
        if not text.strip().isdecimal() or not 1 <= int(text) <= MOST:
            raise UsageError(f"n samples takes a number from 1 to {MOST}, got {text!r}")
        return [None] * int(text)
    if name not in COMPARABLE:
        told = unknown("parameter to compare", name, COMPARABLE)
        raise UsageError(f"{told}; there are {', '.join(COMPARABLE)}")
    found = _RANGE.fullmatch(text)
    if found and request_parameters.PARAMETERS[name].kind is not Kind.STRING:
        texts = _steps(*map(float, found.groups()))
    else:
        texts = [part.strip() for part in text.split(",") if part.strip()]
    if not texts:
        raise UsageError(f"no values of {name}: write 0, 0.5, 1 or 0..1 step 0.25")
    # Equal values stay: whether they give equal answers is what somebody wants to see.
    values = [parameter_values.from_text(name, one) for one in texts]
    if len(values) > MOST:
        raise UsageError(f"at most {MOST} columns stand side by side, got {len(values)} values")
    return values


def _steps(first: float, last: float, step: float) -> list[str]:
    if step == 0 or (last - first) / step < 0:
        raise UsageError(f"no way from {first:g} to {last:g} in steps of {step:g}")
    count = math.floor((last - first) / step + 1e-9) + 1
    if count > MOST:
        raise UsageError(
            f"{first:g} to {last:g} in steps of {step:g} makes {count:,} values; "
            f"at most {MOST} columns stand side by side: take a larger step"
        )
    return [f"{first + step * number:.10g}" for number in range(count)]
