"""The fields of dataclasses, pydantic models, attrs classes, named tuples and namespaces.

Values are read where they are stored. No property, descriptor or `__getattr__` of the user's runs,
and a field that its class hides from `repr` stays hidden: it may be a password.
"""

from __future__ import annotations

import collections
import dataclasses
import types
from typing import Any

from eighty80_jupyter.prompt.describe.base import is_a

MISSING: Any = object()


def fields_of(value: Any) -> list[tuple[str, Any]] | None:
    """Return the names and values that the class of `value` shows; None if it is no such class.

    A class with a `__repr__` of its own has decided for itself how it reads: None too.
    """
    kind = type(value)
    if issubclass(kind, type):
        return None
    names: list[str] | None = None
    if issubclass(kind, types.SimpleNamespace):
        return [(str(name), item) for name, item in stored_in(value).items()]
    if issubclass(kind, tuple):
        names = _own(kind, "_fields")
        if not isinstance(names, tuple) or not _generated(kind):
            return None
        return list(zip(names, tuple.__iter__(value), strict=False))
    if isinstance(fields := _own(kind, "__dataclass_fields__"), dict) and _generated(kind):
        names = [
            name
            for name, field in fields.items()
            if getattr(field, "repr", True)
            and getattr(field, "_field_type", None) is getattr(dataclasses, "_FIELD", None)
        ]
    elif isinstance(fields := _own(kind, "__attrs_attrs__"), tuple) and _generated(kind):
        names = [field.name for field in fields if field.repr is not False]
    elif is_a(value, "pydantic", "BaseModel") and _pydantic(kind):
        fields = _own(kind, "__pydantic_fields__") or _own(kind, "model_fields") or {}
        names = [name for name, field in fields.items() if getattr(field, "repr", True)]
        extra = stored(value, "__pydantic_extra__")
        if isinstance(extra, dict):
            pairs = [(name, stored(value, name)) for name in names]
            return [pair for pair in pairs if pair[1] is not MISSING] + list(extra.items())
    if names is None:
        return None
    pairs = [(name, stored(value, name)) for name in names]
    return [pair for pair in pairs if pair[1] is not MISSING]


def stored(value: Any, name: str) -> Any:
    """Return an attribute from where it is stored, without running any code of the class.

    The class's own constant serves as a default; MISSING stands for nothing.
    """
    own = stored_in(value)
    if name in own:
        return own[name]
    found = _own(type(value), name, MISSING)
    if isinstance(found, types.MemberDescriptorType):
        try:
            return found.__get__(value)
        except AttributeError:  # the slot is empty
            return MISSING
    return MISSING if hasattr(type(found), "__get__") else found


def stored_in(value: Any) -> dict[str, Any]:
    """Return the attributes that an object holds itself."""
    try:
        own = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return own if isinstance(own, dict) else {}


def _own(kind: type, name: str, default: Any = None) -> Any:
    """Return what a class or its bases hold under a name, as it stands there."""
    for base in kind.__mro__:
        if name in base.__dict__:
            return base.__dict__[name]
    return default


def _generated(kind: type) -> bool:
    """Say whether a class's `__repr__` was written by a library, and not for it alone."""
    method = _own(kind, "__repr__")
    method = getattr(method, "__wrapped__", method)
    code = getattr(method, "__code__", None)
    if code is None:
        return True  # object's, or tuple's
    if getattr(method, "__globals__", None) is vars(collections):
        return True  # a named tuple's
    return str(code.co_filename).startswith(("<string>", "<attrs"))


def _pydantic(kind: type) -> bool:
    method = _own(kind, "__repr__")
    return str(getattr(method, "__module__", "")).startswith("pydantic")
