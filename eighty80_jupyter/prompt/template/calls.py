"""What a field may call: what computes a value, and nothing that acts.

A callable is judged by what it is, not by the name under which it is reached: an alias, a partial,
a bound method and a decorated function are what stands behind them. Called are

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
import os
import re
import sys
import sysconfig
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import PurePath
from types import FunctionType, ModuleType
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
    SAME,
    STANDARD,
    TEXTS,
)
from eighty80_jupyter.prompt.template.syntax import quiet_parse

_FEW = 1_000  # items of a list of functions that are looked at


class Refused(Exception):  # noqa: N818  # the answer to a question, and no fault
    """A call that a field does not make; the text says what it would do."""


@dataclass(frozen=True, slots=True)
class _Target:
    """What a callable is: where it comes from, its name, and the object or class it belongs to."""

    module: str
    name: str
    owner: Any = None
    own: bool = False  # of the notebook

    @property
    def library(self) -> str:
        return self.module.partition(".")[0]

    @property
    def kind(self) -> type | None:
        """The class that it belongs to."""
        if self.owner is None or isinstance(self.owner, type):
            return self.owner
        return type(self.owner)

    @property
    def label(self) -> str:
        if self.kind is not None:
            return f"{self.kind.__name__}.{self.name}"
        return self.name if self.module in ("builtins", "io") else f"{self.module}.{self.name}"


class Calls:
    """Judges the calls of fields, and notes those that are made.

    `made` are their sources, in the order in which they stand.
    """

    def __init__(self) -> None:
        self.made: list[str] = []

    def callee(self, call: ast.Call, source: str, function: Any) -> Any:
        """Return the function of a call, if it may be called so. Raises Refused."""
        _judge(function)
        target = _target(function)
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
        target = _target(function)
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


def _check_arguments(call: ast.Call, target: _Target, function: Any) -> None:
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
        last = _attribute(function, "nin")  # of a ufunc: what follows is written to
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
    behind = _attribute(function, "__wrapped__", "pyfunc")
    if behind is not None and behind is not function and callable(behind):
        _judge(behind)
        return
    target = _target(function)
    if not _computes(target, function):
        raise Refused(f"calls {target.label}")


def _computes(target: _Target, function: Any) -> bool:
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


def _target(function: Any) -> _Target:
    """Find out what a callable is, whatever it is called here."""
    if isinstance(function, functools.partial):
        return _target(function.func)
    if isinstance(function, type):
        return _Target(_known(function.__module__), function.__name__, None, _own_class(function))
    bound = _attribute(function, "__self__")
    bound = None if isinstance(bound, ModuleType) else bound  # what is built into a module
    code = _attribute(function, "__func__") or function
    name = str(_attribute(code, "__name__") or "")
    if isinstance(code, FunctionType):
        module = str(code.__globals__.get("__name__") or code.__module__ or "")
        own = _own_module(module, code.__code__.co_filename)
        return _Target(_known(module), name, _class_of(code) if bound is None else bound, own)
    owner = bound if bound is not None else _attribute(function, "__objclass__")
    if owner is not None and name:  # built in: the class that has the method says where it is from
        kind = owner if isinstance(owner, type) else type(owner)
        kind = next((each for each in kind.__mro__ if name in vars(each)), kind)
        return _Target(_known(kind.__module__), name, owner, _own_class(kind))
    module = _attribute(function, "__module__")
    kind = type(function)
    if (
        isinstance(module, str)
        and name
        and not isinstance(_attribute(kind, "__call__"), FunctionType)
    ):
        return _Target(_known(module), name)
    called = _attribute(kind, "__call__")  # an object that can be called
    if isinstance(called, FunctionType):
        return replace(_target(called), name=kind.__name__, owner=None)
    return _Target(_known(kind.__module__), kind.__name__, None, _own_class(kind))


def _known(module: str) -> str:
    return SAME.get(module, module)


def _class_of(function: FunctionType) -> type | None:
    """Return the class that a function was reached through: `DataFrame` for `DataFrame.to_csv`."""
    outer, dot, _ = function.__qualname__.rpartition(".")
    found = function.__globals__.get(outer) if dot else None
    return found if isinstance(found, type) else None


def _attribute(value: Any, *names: str) -> Any:
    """Return the first of these attributes that is there; one that is made up when asked is not."""
    for name in names:
        try:
            there = inspect.getattr_static(value, name, None) is not None
            found = getattr(value, name, None) if there else None
        except Exception:  # noqa: BLE001, S112  # whatever a foreign value raises, it has none
            continue
        if found is not None:
            return found
    return None


def _one_of(function: Any, known: Iterable[Any]) -> bool:
    return any(function is each for each in known)  # by identity: it may have no hash


def _own_class(kind: type) -> bool:
    module = kind.__module__
    return _own_module(module, _attribute(sys.modules.get(module), "__file__"))


def _own_module(module: str, file: str | None) -> bool:
    """Tell whether a module is the notebook, or lies beside it: where no library is installed."""
    root = module.partition(".")[0]
    if root == "__main__":
        return True
    if root in ("eighty80_jupyter", *LIBRARIES) or root in sys.stdlib_module_names or file is None:
        return False
    path = os.path.abspath(file)  # noqa: PTH100  # also of a name such as "<stdin>"
    installed = {"site-packages", "dist-packages"} & set(PurePath(path).parts)
    return not (installed or path.startswith(_installed()) or file.startswith("<frozen"))


@functools.cache
def _installed() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    return tuple(paths[name] + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib"))


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
        named = isinstance(each, type) or _attribute(each, "__name__") is not None
        if named or kind.__module__.lstrip("_") in STANDARD:
            yield each


def _words(value: Any) -> Iterator[str]:
    """Give the names of methods in what is handed to `agg` and its kin."""
    values = list(value.values()) if isinstance(value, dict) else value
    values = values if isinstance(values, (list, tuple)) else [values]
    yield from (each for each in values if isinstance(each, str))


def _is(node: ast.expr, *values: object) -> bool:
    return isinstance(node, ast.Constant) and _one_of(node.value, values)


def _reaches(target: _Target, value: Any) -> bool:
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
