"""What users say of their own types: `_repr_llm_()` methods, and functions that they register."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.prompt.describe.base import Draft, Request, attempt, fit, kind_of, text_of
from eighty80_jupyter.prompt.describe.foreign import TooLongError
from eighty80_jupyter.prompt.describe.values.fields import stored_in
from eighty80_jupyter.text import shown


class Registry:
    """The functions that a user has registered for types of theirs."""

    def __init__(self) -> None:
        self._functions: dict[type | str, Callable[..., Any]] = {}

    def register(self, kind: type | str, function: Callable[..., Any]) -> None:
        """Describe values of `kind`, and of its subclasses, by `str(function(value))`.

        `kind` is a class, or its name such as "pandas.DataFrame" where it is not imported yet. If
        `function` has a parameter `options`, it gets the text after the colon; one `budget` gets
        the tokens there are. It runs without a time limit. Raises UsageError for what is no class
        or no function.
        """
        if not (isinstance(kind, type) or (isinstance(kind, str) and "." in kind)):
            raise UsageError(
                f"register a class, or a name such as 'pandas.DataFrame'; got {shown(kind)}"
            )
        if not callable(function):
            raise UsageError(f"register a function of the value; got a {type(function).__name__}")
        self._functions[kind] = function

    def find(self, value: Any) -> Callable[..., Any] | None:
        """Return the function for the most specific class of `value`, or None.

        One that is registered for `object` is none: it would hide all that is known of other types.
        """
        if not self._functions:
            return None
        resolved = {_resolved(kind): function for kind, function in self._functions.items()}
        for cls in type(value).__mro__[:-1]:
            names = (cls, f"{cls.__module__}.{cls.__qualname__}")
            for kind in names:
                if kind in resolved:
                    return resolved[kind]
        for kind, function in resolved.items():
            # An abstract class that others were registered with, such as Mapping.
            abstract = isinstance(kind, type) and kind is not object
            if abstract and attempt(issubclass, type(value), kind, default=False):
                return function
        return None

    def fallback(self) -> Callable[..., Any] | None:
        """Return the function that is registered for `object`, or None."""
        return self._functions.get(object)

    def __repr__(self) -> str:
        return f"Registry({len(self._functions)} types)"


def _resolved(kind: type | str) -> type | str:
    """Return the class of a name, if its module is there.

    Libraries rename what a class says of itself, but not where users find it.
    """
    if isinstance(kind, type):
        return kind
    module, _, name = kind.rpartition(".")
    found = getattr(sys.modules.get(module), "__dict__", {}).get(name)
    return found if isinstance(found, type) else kind


def custom(value: Any, request: Request, registry: Registry) -> Draft | None:
    """Return what the value's own method or a registered function says, where there is one."""
    method = own_method(value, "_repr_llm_")
    draft = None if method is None else called(method, (), request, value, limited=True)
    if draft is None and (function := registry.find(value)) is not None:
        return called(function, (value,), request, value, limited=False)
    return draft


def own_method(value: Any, name: str) -> Callable[..., Any] | None:
    """Return a method that the class or the object has, and none made up by `__getattr__`."""
    if issubclass(type(value), type):
        return None
    if callable(own := stored_in(value).get(name)):
        return own  # type: ignore[no-any-return]  # it is callable
    if not any(name in cls.__dict__ for cls in type(value).__mro__):
        return None
    method = attempt(getattr, value, name, default=None)
    return method if callable(method) else None


def called(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    request: Request,
    value: Any,
    *,
    limited: bool,
) -> Draft | None:
    """Return the text of a user's function; None if it fails or does not take the options."""
    label = getattr(function, "__name__", "the registered function")
    keywords: dict[str, Any] = {}
    parameters = attempt(lambda: set(inspect.signature(function).parameters), default=set())
    if "options" in parameters:
        keywords["options"] = request.options
    elif request.options not in {"", "full"}:
        return None
    if "budget" in parameters:
        keywords["budget"] = request.budget

    def call() -> str:
        return text_of(str(function(*args, **keywords)))

    try:
        text = request.time_limit.call(call) if limited else call()
    except TooLongError:
        request.failed.append(f"its {label} took too long")
        return None
    except Exception as error:  # noqa: BLE001  # a user's function may raise anything
        request.failed.append(f"its {label} raised {type(error).__name__}")
        return None
    return of_text(text, kind_of(value), request)


def of_text(text: str, kind: str, request: Request) -> Draft:
    """Return the draft for a ready text: its end is cut off where it is too long."""
    if request.options == "full":
        return Draft(text=text, kind=kind, fixed=True)
    if request.scrub is not None and len(text) > request.budget:
        reach = request.budget * 12 + 10_000
        text = request.scrub(text[:reach]) + text[reach:]
    kept, size = fit(text, request.budget)
    left = len(text) - size
    return Draft(text=kept, kind=kind, cut=f"{left:,} characters" if left else "")
