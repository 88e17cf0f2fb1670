"""Whether a class has written by hand how its objects read: then they are described by that.

What a class shows of itself may be a mask: an address without its password, a token as `***`. A
generated `repr` (dataclasses, attrs, named tuples, pydantic, enums) hides nothing but the fields
that it was told to, and what the standard library and the libraries described here show of their
own types says less than their structure.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

from eighty80_jupyter.prompt.describe.files import is_users

# Libraries whose types have describers here, and those that generate the `repr` of users' classes.
_DESCRIBED = {
    *("IPython", "PIL", "attr", "attrs", "dask", "duckdb", "ibis", "jax", "jaxlib"),
    *("matplotlib", "numpy", "pandas", "plotly", "polars", "pyarrow", "pydantic", "pydantic_core"),
    *("pyspark", "sklearn", "torch"),
}
_KNOWN = _DESCRIBED | sys.stdlib_module_names
_SLOTS = (
    types.WrapperDescriptorType,
    types.MethodDescriptorType,
    types.MethodWrapperType,
    types.BuiltinFunctionType,
)
_CHAIN = 10  # decorators around one function

Written = Callable[[Any], str]


def own_text(kind: type, *names: str) -> Written | None:
    """Return `repr` or `str`, whichever `kind` or a base of it has written by hand; None: neither.

    `repr` goes first (it is what a notebook shows, and where masks are) unless `names` has another
    order.
    """
    if kind.__module__ == "builtins" or issubclass(kind, type):
        return None
    for name in names or ("__repr__", "__str__"):
        if _by_hand(kind, name) or (name == "__repr__" and _masks_fields(kind)):
            return repr if name == "__repr__" else str
    return None


def _by_hand(kind: type, name: str) -> bool:
    for base in kind.__mro__:
        if name in base.__dict__:
            return _is_written(base.__dict__[name], base)
    return False


def _masks_fields(kind: type) -> bool:
    """Say whether a function chooses how fields read: pydantic's and attrs' ways."""
    fields = kind.__dict__.get("__attrs_attrs__", ())
    masks = isinstance(fields, tuple) and any(callable(field.repr) for field in fields)
    return masks or _by_hand(kind, "__repr_args__")


def _is_written(method: Any, owner: type) -> bool:
    """Say whether a method was written for its class, and neither generated nor Python's own."""
    for _ in range(_CHAIN):
        inner = getattr(method, "__wrapped__", None)
        if inner is None:
            break
        method = inner
    if isinstance(method, _SLOTS):
        owner = getattr(method, "__objclass__", owner)
        return _top(owner.__module__) not in _KNOWN
    code = getattr(method, "__code__", None)
    if isinstance(code, types.CodeType):
        if code.co_filename.startswith("<attrs") or code.co_qualname.startswith("__create_fn__."):
            return False  # of attrs, of dataclasses
        if is_users(code.co_filename) and _top(owner.__module__) not in _DESCRIBED:
            return True  # whatever its module is called
    module = _top(getattr(method, "__module__", None) or owner.__module__)
    return module not in _KNOWN


def _top(module: Any) -> str:
    return module.partition(".")[0] if isinstance(module, str) else ""
