"""pydantic's JSON Schemas as tools need them. Imports pydantic; to be imported late."""

from __future__ import annotations

import inspect
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, JsonSchemaWarningKind

_NAMED = ("properties", "patternProperties", "$defs", "dependentSchemas")
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


def without_titles(schema: Any, *, within: str = "") -> Any:
    """Return what stands under the keyword `within` without `title`, but for names and data."""
    if within in _DATA:
        return schema
    if isinstance(schema, list):
        return [without_titles(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if within in _NAMED:
        return {name: without_titles(item) for name, item in schema.items()}
    return {
        key: without_titles(item, within=key)
        for key, item in schema.items()
        if not (key == "title" and isinstance(item, str))
    }
