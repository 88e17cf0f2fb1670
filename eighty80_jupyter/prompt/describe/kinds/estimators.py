"""scikit-learn's estimators: the parameters that are not the default, and what was learned."""

from __future__ import annotations

import inspect
import types
from itertools import islice
from typing import Any

from eighty80_jupyter.prompt.describe.base import Draft, Request, attempt, is_a, kind_of
from eighty80_jupyter.prompt.describe.values import short_repr
from eighty80_jupyter.prompt.describe.values.containers import Limits, Writer
from eighty80_jupyter.prompt.describe.values.fields import stored_in
from eighty80_jupyter.prompt.tokens import estimate

TAKES = ("full",)

_DEPTH = 4
_WIDTH = 200
_LEARNED = 25


def draft(value: Any, request: Request) -> Draft | None:
    """Describe an estimator; None for any other value."""
    if not is_a(value, "sklearn.base", "BaseEstimator"):
        return None
    kind = kind_of(value)
    full = "full" in request.chosen(kind, *TAKES)
    learned = _learned(value)
    state = "fitted" if learned else "not fitted"
    lines = [_written(value, request, _DEPTH), state]
    if learned:
        lines[-1] += ":"
        writer = Writer(request, Limits(items=8, depth=2, width=80), digits=6)
        shown = list(learned.items())[: None if full else _LEARNED]
        facts = [f"- {name} = {_learned_text(item, writer, request)}" for name, item in shown]
        while not full and facts and estimate("\n".join([*lines, *facts])) > request.budget - 10:
            facts.pop()
        left = len(learned) - len(facts)
        lines += facts + ([f"… {left} more"] if left else [])
        cut = f"{left} learned attributes" if left else ""
        return Draft(
            text="\n".join(lines), kind=kind, summary=state, cut=cut, fixed=full, block=True
        )
    return Draft(text=", ".join(lines), kind=kind, summary=state, fixed=full)


def _learned(value: Any) -> dict[str, Any]:
    held = stored_in(value)
    learned = {
        name: item
        for name, item in held.items()
        if name.endswith("_") and not name.startswith("_") and not name.endswith("__")
    }
    if type(steps := held.get("steps")) is list:  # a pipeline has learned what its steps have
        for name, step in islice(steps, _LEARNED):
            own = _learned(step) if is_a(step, "sklearn.base", "BaseEstimator") else {}
            learned |= {f"{name}.{key}": item for key, item in own.items()}
    return learned


def _learned_text(item: Any, writer: Writer, request: Request) -> str:
    if is_a(item, "sklearn.base", "BaseEstimator"):
        return _written(item, request, 1)
    if is_a(item, "numpy", "ndarray") and item.ndim == 1 and item.size <= 8:  # noqa: PLR2004  # short
        return writer.text(item.tolist())
    return request.shorten(writer.text(item), _WIDTH)


def _written(value: Any, request: Request, depth: int) -> str:
    """Return an estimator as the call that makes it, without what is the default."""
    name = type(value).__name__
    if depth <= 0:
        return f"{name}(…)"
    held = stored_in(value)
    parameters = attempt(
        lambda: inspect.signature(type(value).__init__).parameters,
        default=types.MappingProxyType({}),
    )
    given = []
    for key, parameter in parameters.items():
        if key in held and not _same(held[key], parameter.default):
            given.append(f"{key}={_parameter(held[key], request, depth)}")
    return f"{name}({', '.join(given)})"


def _same(value: Any, default: Any) -> bool:
    """Say whether a parameter is its default, comparing only what is plain."""
    if value is default:
        return True
    plain = (bool, int, float, str, type(None))
    if type(value) is type(default) and isinstance(value, plain):
        return bool(value == default) or short_repr.is_missing(value)
    return type(value) is tuple and type(default) is tuple and repr(value) == repr(default)


def _parameter(value: Any, request: Request, depth: int) -> str:
    if is_a(value, "sklearn.base", "BaseEstimator"):
        return _written(value, request, depth - 1)
    if type(value) in {list, tuple} and len(value) <= 50:  # noqa: PLR2004  # a pipeline's steps
        inner = ", ".join(_parameter(item, request, depth) for item in value)
        return f"[{inner}]" if type(value) is list else f"({inner})"
    return Writer(request, Limits(items=10, depth=3, width=80)).text(value)
