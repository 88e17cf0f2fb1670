"""The types of a function's parameters: resolved from their text, with all that is said of them."""

from __future__ import annotations

import collections.abc
import functools
import inspect
import operator
import re
import sys
import types
import typing
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

from pydantic import Field
from pydantic.fields import FieldInfo
from typing_extensions import TypedDict

# A tool gets what these promise, and pydantic's own of the first is read only once.
_AS_LIST: tuple[Any, ...] = (
    collections.abc.Iterable,
    collections.abc.Collection,
    collections.abc.Container,
)

_REQUIRED = (typing.Required, typing.NotRequired)


@dataclass(frozen=True, slots=True)
class Unresolved:
    """What stands for a type that cannot be read: the error says why."""

    error: Exception


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """Return the signature, with what Python 3.14 cannot evaluate yet left for `resolved`.

    Raises ValueError or TypeError for what has none.
    """
    if sys.version_info >= (3, 14):
        import annotationlib  # noqa: PLC0415  # there from Python 3.14 on

        return inspect.signature(function, annotation_format=annotationlib.Format.FORWARDREF)
    return inspect.signature(function)


def resolved(
    function: Callable[..., Any], parameters: Iterable[inspect.Parameter]
) -> dict[str, Any]:
    """Return the types of these parameters of a function, by name; Unresolved where that fails.

    Texts are evaluated with the globals of the function and the variables that it closes over.
    """
    inner = underlying(function)
    scope, local = getattr(inner, "__globals__", {}), _closure(inner)
    return {one.name: _evaluated(one.annotation, scope, local) for one in parameters}


def underlying(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the plain function in a method, partial, wrapper, class or callable object."""
    seen: set[int] = set()
    while id(function) not in seen:
        seen.add(id(function))
        inner: Any = function
        if isinstance(function, functools.partial):
            inner = function.func
        elif isinstance(function, types.MethodType):
            inner = function.__func__
        elif callable(wrapped := getattr(function, "__wrapped__", None)):
            inner = wrapped
        elif inspect.isclass(function):
            inner = vars(function).get("__init__", function.__init__)
        elif not inspect.isroutine(function):
            inner = type(function).__call__
        if inner is function:
            break
        function = inner
    return function


def annotated(hint: Any, field: Any, words: str) -> Any:
    """Return the type for pydantic: with descriptions as fields, and streams of values as lists.

    `field` is the `pydantic.Field` that stands as the default, or None. `words` is what the
    docstring says; an annotation's own description comes first.
    """
    prepared = _prepared(hint)
    metadata = prepared.__metadata__ if get_origin(prepared) is Annotated else ()
    fields = [item for item in (*metadata, field) if isinstance(item, FieldInfo)]
    if field is not None:
        prepared = Annotated[prepared, field]
    if words and not any(item.description for item in fields):
        prepared = Annotated[prepared, Field(description=words)]
    return prepared


def described_fields(hints: Iterable[Any]) -> dict[str, dict[str, str]]:
    """Return what `Annotated` says of the fields of classes that occur in types.

    By the class's name, then the field's. Those are the names of pydantic's definitions, unless two
    classes have the same.
    """
    result: dict[str, dict[str, str]] = {}
    for name_of_class, cls in _classes(hints):
        words = {
            _key(cls, name): text
            for name, hint in _class_hints(cls).items()
            if (text := _description(hint)) is not None
        }
        if words:
            result.setdefault(re.sub(r"[^A-Za-z0-9._-]", "_", name_of_class), words)
    return result


def _key(cls: Any, name: str) -> str:
    """Return the name that a field has in JSON."""
    alias = getattr(getattr(cls, "model_fields", {}).get(name), "validation_alias", None)
    return alias if isinstance(alias, str) else name


def _evaluated(annotation: Any, scope: dict[str, Any], local: dict[str, Any]) -> Any:
    def carrier() -> None:
        """Carry one annotation; the others of the function must not matter."""

    carrier.__annotations__ = {"it": annotation}
    try:
        return typing.get_type_hints(carrier, scope, local, include_extras=True)["it"]
    except Exception as error:  # noqa: BLE001  # an annotation may be any expression
        return Unresolved(error)


def _closure(function: Any) -> dict[str, Any]:
    names = getattr(getattr(function, "__code__", None), "co_freevars", ())
    values = {}
    for name, cell in zip(names, getattr(function, "__closure__", None) or (), strict=False):
        try:
            values[name] = cell.cell_contents
        except ValueError:  # not bound yet
            continue
    return values


def _prepared(hint: Any) -> Any:
    """Return a type with its descriptions as pydantic reads them, at any depth."""
    origin, args = get_origin(hint), get_args(hint)
    if any(hint is kind for kind in _AS_LIST):
        return list
    if typing.is_typeddict(hint):
        return _typed_dict(hint)
    if origin in _AS_LIST:
        return list[_prepared(args[0])] if args else list  # type: ignore[misc]  # made at run time
    if origin is Annotated:
        return _with_field(_prepared(args[0]), args[1:])
    if origin is typing.Literal or not args or isinstance(hint, typing.TypeVar):
        return hint
    made = tuple(_prepared(arg) if not isinstance(arg, list) else arg for arg in args)
    if all(new is old for new, old in zip(made, args, strict=True)):
        return hint
    if isinstance(hint, types.UnionType) or origin is typing.Union:
        return functools.reduce(operator.or_, made)
    return hint.copy_with(made) if hasattr(hint, "copy_with") else origin[made]


_UNDER_WAY: ContextVar[tuple[type, ...]] = ContextVar("typed_dicts", default=())


def _typed_dict(cls: Any) -> Any:
    """Return a TypedDict as pydantic takes it: before Python 3.12 it refuses typing's own."""
    if sys.version_info >= (3, 12) or type(cls).__module__ != "typing":
        return cls
    if cls in _UNDER_WAY.get():  # it names itself in its fields
        return typing.ForwardRef(cls.__name__)
    token = _UNDER_WAY.set((*_UNDER_WAY.get(), cls))
    try:
        hints, fields = _class_hints(cls), dict[str, Any]()
        if hints.keys() != cls.__annotations__.keys():  # a name in it is not defined
            return cls
        for name, hint in hints.items():
            marked = get_origin(hint)
            bare = get_args(hint)[0] if marked in _REQUIRED else hint
            # Where annotations are texts, the class does not know its marks.
            required = marked is typing.Required or (
                marked is not typing.NotRequired and name in cls.__required_keys__
            )
            fields[name] = (typing.Required if required else typing.NotRequired)[_prepared(bare)]
    finally:
        _UNDER_WAY.reset(token)
    made = TypedDict(cls.__name__, fields)  # type: ignore[misc]  # made at run time
    made.__module__, made.__doc__ = cls.__module__, cls.__doc__
    if "__pydantic_config__" in vars(cls):
        made.__pydantic_config__ = cls.__pydantic_config__  # type: ignore[attr-defined]  # the same
    return made


def _with_field(base: Any, metadata: tuple[Any, ...]) -> Any:
    words = _said(metadata)
    kept = tuple(item for item in metadata if not isinstance(item, str))
    if words is not None and not any(getattr(item, "description", None) for item in kept):
        kept += (Field(description=words),)
    return Annotated[(base, *kept)] if kept else base


def _said(metadata: Iterable[Any]) -> str | None:
    """Return the last text in the metadata of `Annotated`, a str or a `Doc`.

    An alias may have its own words; those around it come later and mean this use.
    """
    for item in reversed(tuple(metadata)):
        if isinstance(item, str):
            return item
        if type(item).__name__ == "Doc" and isinstance(item.documentation, str):
            return str(item.documentation)
    return None


def _description(hint: Any) -> str | None:
    if get_origin(hint) in _REQUIRED:
        (hint,) = get_args(hint)
    return _said(hint.__metadata__) if get_origin(hint) is Annotated else None


def _classes(hints: Iterable[Any]) -> Iterator[tuple[str, type]]:
    """Yield the classes in these types, and in the types of their fields, with their names.

    A generic one has its arguments in its name, as `Box[int]`.
    """
    waiting, seen = list(hints), set[int]()
    while waiting:
        hint = waiting.pop()
        if id(hint) in seen:
            continue
        seen.add(id(hint))
        args = get_args(hint)
        waiting += [arg for arg in args if get_origin(hint) is not typing.Literal]
        cls = get_origin(hint) or hint
        if isinstance(cls, type) and cls.__module__ not in {"builtins", "typing"}:
            inner = ", ".join(getattr(arg, "__name__", str(arg)) for arg in args)
            yield f"{cls.__name__}[{inner}]" if args else cls.__name__, cls
            waiting += _class_hints(cls).values()


def _class_hints(cls: type) -> dict[str, Any]:
    try:
        if not any(map(inspect.get_annotations, cls.__mro__[:-1])):
            return {}
        scope = dict(vars(sys.modules.get(cls.__module__, sys)))
        return typing.get_type_hints(cls, scope, include_extras=True)
    except Exception:  # noqa: BLE001  # then pydantic says what is wrong with it
        return {}
