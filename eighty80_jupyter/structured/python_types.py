"""Python's types as pydantic takes them, and the JSON Schema that a model understands of them.

Imports pydantic; to be imported when a typed answer is first asked for.
"""

from __future__ import annotations

import sys
import typing
from typing import Any, Literal

import typing_extensions
from pydantic.json_schema import JsonSchemaValue

from eighty80_jupyter.api.json_schema import Generator
from eighty80_jupyter.structured.schema import MEMBERS
from eighty80_jupyter.structured.shorthand import typed_dict


class AnswerGenerator(Generator):
    """Has what a model understands: an Enum by the names of its members, a Decimal as a number."""

    def enum_schema(self, schema: Any) -> JsonSchemaValue:
        """Tell the names where the values are no texts: `1 | 2` says nothing of what is meant."""
        found = super().enum_schema(schema)
        members = schema["members"]
        if all(isinstance(member.value, str) for member in members):
            return found
        found = {key: one for key, one in found.items() if key not in ("const", "type")}
        names = {member.name: member.value for member in members}
        return {**found, "enum": list(names), "type": "string", MEMBERS: names}

    def decimal_schema(self, schema: Any) -> JsonSchemaValue:
        """Ask for a number, whose digits are read as they are written."""
        wanted: Any = {**schema, "type": "float"}
        found: JsonSchemaValue = self.float_schema(wanted)
        return {**found, "format": "decimal"}


def of_named_tuple(kind: Any) -> Any:
    """Return the typed dictionary with the fields of a named tuple."""
    hints = typing_extensions.get_type_hints(kind, include_extras=True)
    fields = {name: hints.get(name, Any) for name in kind._fields}
    return typed_dict(kind.__name__, fields, kind._field_defaults)


def rebuilt(wanted: Any) -> Any:
    """Return a type with `typing.TypedDict` made anew: pydantic refuses it below Python 3.12."""
    if sys.version_info >= (3, 12):
        return wanted
    if _is_old_typed_dict(wanted):
        hints = typing_extensions.get_type_hints(wanted, include_extras=True)
        fields = {name: rebuilt(hint) for name, hint in hints.items()}
        made = typed_dict(wanted.__name__, fields, wanted.__optional_keys__)
        made.__doc__ = wanted.__doc__
        return made
    arguments = typing.get_args(wanted)
    if not arguments or typing.get_origin(wanted) in (Literal, typing.Annotated):
        return wanted
    made_anew = tuple(map(rebuilt, arguments))
    if all(new is old for new, old in zip(made_anew, arguments, strict=True)):
        return wanted
    origin = typing.get_origin(wanted)
    if origin in (typing.Union, type(int | str)):
        return typing.Union[made_anew]  # noqa: UP007  # of a tuple
    return origin[made_anew] if origin is not None else wanted


def _is_old_typed_dict(wanted: Any) -> bool:
    return type(wanted).__module__ == "typing" and typing.is_typeddict(wanted)
