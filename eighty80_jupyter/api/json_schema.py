"""pydantic's JSON Schemas as tools need them. Imports pydantic; to be imported late."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, JsonSchemaWarningKind

# Whose values are schemas by names, which may be any word.
_NAMED = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_DATA = ("default", "const", "enum", "examples", "required")


class Generator(GenerateJsonSchema):
    """Refuses what pydantic would leave out in silence.

    A union with a member that has no JSON form, an Enum whose values have none, and classes as
    values raise PydanticInvalidForJsonSchema. A default without a JSON form is left out without a
    warning.
    """

    def emit_warning(self, kind: JsonSchemaWarningKind, detail: str) -> None:
        """Raise for a choice that would be left out; say nothing else."""
        if kind == "skipped-choice":
            self.handle_invalid_for_json_schema({"type": "any"}, detail)

    def enum_schema(self, schema: Any) -> JsonSchemaValue:
        """Refuse none, and members whose value no JSON value equals, such as tuples."""
        plain = (str, int, float, type(None))
        members = schema["members"]
        if not members or not all(isinstance(member.value, plain) for member in members):
            return self.handle_invalid_for_json_schema(schema, "an Enum of other values")
        return super().enum_schema(schema)

    def dataclass_schema(self, schema: Any) -> JsonSchemaValue:
        """Have the docstring with it, which pydantic before 2.13 leaves out."""
        found = super().dataclass_schema(schema)
        kind = schema["cls"]
        text = inspect.cleandoc(kind.__doc__ or "")
        if text and not text.startswith(f"{kind.__name__}("):  # which is what dataclasses write
            found.setdefault("description", text)
        return found

    def is_subclass_schema(self, schema: Any) -> JsonSchemaValue:
        """Refuse `type[X]`: no JSON value is a class."""
        return self.handle_invalid_for_json_schema(schema, "a class")


def changed(schema: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """Return a schema of which each schema in it is changed, but for names and for values."""
    if isinstance(schema, list):
        return [changed(one, change) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found: dict[str, Any] = {}
    for key, value in change(schema).items():
        if key in _NAMED and isinstance(value, dict):
            found[key] = {name: changed(one, change) for name, one in value.items()}
        else:
            found[key] = value if key in _DATA else changed(value, change)
    return found


def without_titles(schema: Any) -> Any:
    """Return a schema without `title`."""
    return changed(
        schema,
        lambda one: {k: v for k, v in one.items() if k != "title" or not isinstance(v, str)},
    )
