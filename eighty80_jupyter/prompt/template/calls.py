"""What a field may call: what computes a value, and nothing that acts.

A callable is judged by what it is (`callables`), not by the name under which it is reached. Called
are

- builtins without effect, and the methods of Python's own values but those that change them;
- the notebook's own functions and classes, and those of modules that lie beside it;
- functions and methods of the libraries of numbers and data in `allowed.LIBRARIES`, but those
  whose names say that they read, write, change, evaluate, start or connect;
- those of the standard library in `allowed.STANDARD`.

Everything else is refused, and so is a call that would change its object (`inplace=True`, `out=`),
use up an iterator of the user's, or hand such a function on (`map(os.remove, paths)`). This keeps
accidents out. It is no sandbox: whatever the notebook's own functions do, is done.
"""

from __future__ import annotations

import ast
import functools
import inspect
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import PurePath
from typing import Any

from eighty80_jupyter.prompt.template.allowed import (
    ACTS,
    APART,
    ARRAY_CHANGES,
    ARRAYS,
    BUILTINS,
    BY_NAME,
    CHANGES,
    COPIES,
    FILES,
    IN_PLACE,
    IN_QUERY,
    LIBRARIES,
    LOOKING,
    LOOKING_NAMES,
    OUT_AT,
    OWN_API,
    PATHS,
    STANDARD,
    TEXTS,
)
from eighty80_jupyter.prompt.template.callables import Target, attribute, target_of
from eighty80_jupyter.prompt.template.syntax import quiet_parse

_FEW = 1_000  # items of a list of functions that are looked at


class Refused(Exception):  # noqa: N818  # the answer to a question, and no fault
    """A call that a field does not make; the text says what it would do."""


class Calls:
    """Judges the calls of fields, and notes those that are made.

    `made` are their sources, in the order in which they stand.
    """

    def __init__(self) -> None:
        self.made: list[str] = []

    def callee(self, call: ast.Call, source: str, function: Any) -> Any:
        """Return the function of a call, if it may be called so. Raises Refused."""
        _judge(function)
        target = target_of(function)
        if function is type and len(call.args) != 1:
            raise Refused("makes a class")
        if _one_of(function, (vars, dir)) and not call.args:
            raise Refused("lists all names")
        if not target.own:
            _check_arguments(call, target, function)
        self.made.append(source)
        return function

    def argument(self, function: Any, node: ast.expr, value: Any) -> Any:
        """Return a value that is handed to a function, if it may be. Raises Refused."""
        target = target_of(function)
        if _one_of(function, LOOKING) or (target.name in LOOKING_NAMES and not target.own):
            return value
        if not isinstance(node, ast.Call):
            check_iterator(value)
        for handed in _functions(value):
            _judge(handed)
        if target.own:
            return value
        if target.name in ("format", "format_map", "vformat") and _reaches(target, value):
            raise Refused("reaches for a name with two underscores")
        if target.name == "query":
            _check_query(value)
        if target.name in BY_NAME:
            for word in _words(value):
                if _acts(word, target.library) or TEXTS.fullmatch(word):
                    raise Refused(f"calls {word}")
        return value


def check_iterator(value: Any) -> None:
    """Raise Refused for an iterator of the user's: whoever goes through it uses it up."""
    if hasattr(type(value), "__next__"):
        raise Refused(f"uses up the {type(value).__name__}")


def check_key(value: Any, key: Any) -> None:
    """Raise KeyError where looking up a key that is not there would put it there.

    Raises Refused for a function that a frame would call with itself, as `df[os.remove]` does.
    """
    if not issubclass(type(value), Mapping):  # a value is not asked what it is
        for handed in _functions(key):
            _judge(handed)
    if issubclass(type(value), defaultdict) and key not in value:
        raise KeyError(key)


def _check_arguments(call: ast.Call, target: Target, function: Any) -> None:
    """Raise Refused for arguments with which a function writes a file, or into its arguments."""
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    unbound = isinstance(target.owner, type) and not hasattr(function, "__self__")
    given = call.args[1:] if unbound else call.args
    for name in IN_PLACE & keywords.keys():
        if not _is(keywords[name], False, None):  # noqa: FBT003  # what stands there
            raise Refused(f"changes data ({name}=)")
    copies, copy = COPIES.get(target.library), keywords.get("copy")
    if copies and copy and re.fullmatch(copies, target.name) and not _is(copy, True, None):  # noqa: FBT003  # what stands there
        raise Refused("changes data (copy=)")
    if TEXTS.fullmatch(target.name):
        files = [*given, *(node for name, node in keywords.items() if name in FILES)]
        if not all(_is(node, None) for node in files):
            raise Refused(f"writes a file ({target.name})")
    if target.library == "numpy":
        last = attribute(function, "nin")  # of a ufunc: what follows is written to
        if not isinstance(last, int):
            last = OUT_AT.get(target.name) if unbound or target.kind else _place_of_out(function)
        if last is not None and len(given) > last:
            raise Refused(f"changes argument {last + 1} of {target.name}")


def _place_of_out(function: Any) -> int | None:
    try:
        return list(inspect.signature(function).parameters).index("out")
    except (TypeError, ValueError):
        return None


def _judge(function: Any) -> None:
    """Raise Refused for what a field does not call."""
    if _one_of(function, BUILTINS):
        return
    if isinstance(function, functools.partial):
        for each in (function.func, *_functions([*function.args, *function.keywords.values()])):
            _judge(each)
        return
    behind = attribute(function, "__wrapped__", "pyfunc")
    if behind is not None and behind is not function and callable(behind):
        _judge(behind)
        return
    target = target_of(function)
    if not _computes(target, function):
        raise Refused(f"calls {target.label}")


def _computes(target: Target, function: Any) -> bool:
    name, kind, module = target.name, target.kind, target.module.lstrip("_")
    if target.own:
        return True
    if target.library == "eighty80_jupyter":
        return name in OWN_API
    if target.library in LIBRARIES:
        if TEXTS.fullmatch(name):
            return True  # their arguments are looked at
        changes = kind is not None and kind.__name__ in ARRAYS and name in ARRAY_CHANGES
        return not (changes or _acts(name, target.library) or APART.match(target.module))
    if name in CHANGES and kind is not None:
        return False
    if module == "builtins":
        return kind is not None or (
            isinstance(function, type) and issubclass(function, BaseException)
        )
    if module.startswith("pathlib"):
        return kind is None or hasattr(PurePath, name) or name in PATHS
    allowed = STANDARD.get(module)
    return allowed is not None and (kind is not None or re.fullmatch(allowed, name) is not None)


def _acts(name: str, library: str) -> bool:
    """Tell by its name whether a function acts; a private one may stand behind a public name."""
    return re.fullmatch(ACTS + LIBRARIES.get(library, ""), name.lstrip("_")) is not None


def _one_of(function: Any, known: Iterable[Any]) -> bool:
    return any(function is each for each in known)  # by identity: it may have no hash


def _functions(value: Any) -> Iterator[Any]:
    """Give the functions in what is handed over: it, or the items of a list or a dictionary."""
    values: Iterable[Any] = [value]
    if isinstance(value, (list, tuple, set)):
        values = islice(value, _FEW)
    elif isinstance(value, dict):
        values = islice(value.values(), _FEW)
    for each in values:
        if not callable(each):
            continue
        kind = type(each)  # of `operator.methodcaller("x")`, which has no name
        named = isinstance(each, type) or attribute(each, "__name__") is not None
        if named or kind.__module__.lstrip("_") in STANDARD:
            yield each


def _words(value: Any) -> Iterator[str]:
    """Give the names of methods in what is handed to `agg` and its kin."""
    values = list(value.values()) if isinstance(value, dict) else value
    values = values if isinstance(values, (list, tuple)) else [values]
    yield from (each for each in values if isinstance(each, str))


def _is(node: ast.expr, *values: object) -> bool:
    return isinstance(node, ast.Constant) and _one_of(node.value, values)


def _reaches(target: Target, value: Any) -> bool:
    """Tell whether a format looks into its values further than a field may."""
    texts = [text for text in (target.owner, value) if isinstance(text, str)]
    return any(re.search(r"\{[^{}]*[.\[]__", text) for text in texts)


def _check_query(text: Any) -> None:
    """Raise Refused for a query of pandas that calls more than a few functions."""
    if not isinstance(text, str):
        return
    plain = " ".join(re.sub(r"`[^`]*`", "x", text).replace("@", "").split())
    tree = quiet_parse(plain)
    if tree is None:
        raise Refused("assigns, or is no expression (query)")
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("__"):
            raise Refused("reaches for a name with two underscores")
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="str" | "dt"))):
                pass
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)) if name in IN_QUERY:
                pass
            case ast.Call():
                raise Refused("calls a function in the query")
