"""What a callable is, whatever it is called here.

An alias, a partial, a bound method and a decorated function are what stands behind them.
"""

from __future__ import annotations

import functools
import inspect
import sys
from dataclasses import dataclass, replace
from types import FunctionType, ModuleType
from typing import Any

from eighty80_jupyter.prompt.describe.files import is_users
from eighty80_jupyter.prompt.template.allowed import LIBRARIES, SAME


@dataclass(frozen=True, slots=True)
class Target:
    """What a callable is: where it comes from, its name, and the object or class it belongs to."""

    module: str
    name: str
    owner: Any = None
    own: bool = False  # of the notebook

    @property
    def library(self) -> str:
        """The package that it comes from."""
        return self.module.partition(".")[0]

    @property
    def kind(self) -> type | None:
        """The class that it belongs to."""
        if self.owner is None or isinstance(self.owner, type):
            return self.owner
        return type(self.owner)

    @property
    def label(self) -> str:
        """What a message calls it."""
        if self.kind is not None:
            return f"{self.kind.__name__}.{self.name}"
        return self.name if self.module in ("builtins", "io") else f"{self.module}.{self.name}"


def target_of(function: Any) -> Target:
    """Find out what a callable is, whatever it is called here."""
    if isinstance(function, functools.partial):
        return target_of(function.func)
    if isinstance(function, type):
        return Target(_known(function.__module__), function.__name__, None, _own_class(function))
    bound = attribute(function, "__self__")
    bound = None if isinstance(bound, ModuleType) else bound  # what is built into a module
    code = attribute(function, "__func__") or function
    name = str(attribute(code, "__name__") or "")
    if isinstance(code, FunctionType):
        module = str(code.__globals__.get("__name__") or code.__module__ or "")
        own = _own_module(module, code.__code__.co_filename)
        return Target(_known(module), name, _class_of(code) if bound is None else bound, own)
    owner = bound if bound is not None else attribute(function, "__objclass__")
    if owner is not None and name:  # built in: the class that has the method says where it is from
        kind = owner if isinstance(owner, type) else type(owner)
        kind = next((each for each in kind.__mro__ if name in vars(each)), kind)
        return Target(_known(kind.__module__), name, owner, _own_class(kind))
    module = attribute(function, "__module__")
    kind = type(function)
    if (
        isinstance(module, str)
        and name
        and not isinstance(attribute(kind, "__call__"), FunctionType)
    ):
        return Target(_known(module), name)
    called = attribute(kind, "__call__")  # an object that can be called
    if isinstance(called, FunctionType):
        return replace(target_of(called), name=kind.__name__, owner=None)
    return Target(_known(kind.__module__), kind.__name__, None, _own_class(kind))


def _known(module: str) -> str:
    return SAME.get(module, module)


def _class_of(function: FunctionType) -> type | None:
    """Return the class that a function was reached through: `DataFrame` for `DataFrame.to_csv`."""
    outer, dot, _ = function.__qualname__.rpartition(".")
    found = function.__globals__.get(outer) if dot else None
    return found if isinstance(found, type) else None


def attribute(value: Any, *names: str) -> Any:
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


def _own_class(kind: type) -> bool:
    module = kind.__module__
    return _own_module(module, attribute(sys.modules.get(module), "__file__"))


def _own_module(module: str, file: str | None) -> bool:
    """Tell whether a module is the notebook, or lies beside it: where no library is installed."""
    root = module.partition(".")[0]
    if root == "__main__":
        return True
    if root in ("eighty80_jupyter", *LIBRARIES) or root in sys.stdlib_module_names or file is None:
        return False
    generated = file.startswith("<") and not file.startswith("<frozen")  # such as "<string>"
    return generated or is_users(file)
