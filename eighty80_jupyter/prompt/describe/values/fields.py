"""The fields of dataclasses, pydantic models, attrs classes, named tuples and namespaces.

Values are read where they are stored. No property, descriptor or `__getattr__` of the user's runs,
and a field that its class hides from `repr` stays hidden: it may be a password. So do all of them
where the class has no `repr`.
"""

from __future__ import annotations

import dataclasses
import types
from typing import Any

from eighty80_jupyter.prompt.describe.base import inherited, is_a

MISSING: Any = object()


def fields_of(value: Any) -> list[tuple[str, Any]] | None:
    """Return the names and values that the class of `value` shows; None if it is no such class."""
    kind = type(value)
    if issubclass(kind, type):
        return None
    names: Any = None
    extra: Any = None
    if inherited(value, "__repr__"):
        return None
    if issubclass(kind, types.SimpleNamespace):
        return [(str(name), item) for name, item in stored_in(value).items()]
    if issubclass(kind, tuple):
        names = _own(kind, "_fields")
        if hasattr(kind, "n_sequence_fields"):  # Python's own, such as time.struct_time
            names = _own(kind, "__match_args__")
        if not isinstance(names, tuple):
            return None
        return list(zip(names, tuple.__iter__(value), strict=False))
    if isinstance(fields := _own(kind, "__dataclass_fields__"), dict):
        names = [
            name
            for name, field in fields.items()
            if getattr(field, "repr", True)
            and getattr(field, "_field_type", None) is getattr(dataclasses, "_FIELD", None)
        ]
    elif isinstance(fields := _own(kind, "__attrs_attrs__"), tuple):
        names = [field.name for field in fields if field.repr is not False]
    elif is_a(value, "pydantic", "BaseModel"):
        fields = _own(kind, "__pydantic_fields__") or _own(kind, "model_fields") or {}
        names = [name for name, field in fields.items() if getattr(field, "repr", True)]
        extra = stored(value, "__pydantic_extra__")
    if names is None:
        return None
    pairs = [(name, stored(value, name)) for name in names]
    known = [pair for pair in pairs if pair[1] is not MISSING]
    return known + list(extra.items()) if isinstance(extra, dict) else known


def hides_fields(value: Any) -> bool:
    """Say whether an object has fields that its class hides from `repr`."""
    kind = type(value)
    fields = _own(kind, "__dataclass_fields__") or _own(kind, "__pydantic_fields__") or {}
    hidden = any(not getattr(field, "repr", True) for field in fields.values())
    return hidden or (bool(fields) and inherited(value, "__repr__"))


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
