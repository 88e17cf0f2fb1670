"""JSON Schemas of answers: as a server can enforce them, and as a model reads them in few words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from eighty80_jupyter.prompt.tokens import estimate

Schema = dict[str, Any]

MEMBERS = "x-members"  # beside an `enum` of an Enum's names: the value of each
_OURS = ("default", "discriminator", MEMBERS)  # what no server needs

_NAMED = ("properties", "patternProperties", "dependentSchemas")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_ONE = ("items", "additionalProperties", "propertyNames", "not", "contains")
_SAID = 300  # tokens that the description of a type should take at the most
_FORMATS = {
    "date": "YYYY-MM-DD",
    "date-time": "YYYY-MM-DDTHH:MM:SS",
    "time": "HH:MM:SS",
    "duration": "ISO 8601, such as P1DT2H",
}
_PLAIN = ("integer", "number", "string", "boolean", "null")


def inlined(schema: Mapping[str, Any]) -> Schema:
    """Return the schema with each `$ref` replaced by what it names, but for those in a circle."""
    definitions = {**schema.get("definitions", {}), **schema.get("$defs", {})}
    circular = {name for name in definitions if _reaches(name, name, definitions)}
    body = {key: one for key, one in schema.items() if key not in ("$defs", "definitions")}
    found: Schema = _inline(body, definitions, circular)
    if circular:
        found["$defs"] = {
            name: _inline(definitions[name], definitions, circular) for name in sorted(circular)
        }
    return found


def strict(schema: Mapping[str, Any]) -> Schema:
    """Return the form that OpenAI's strict mode takes, of an inlined schema.

    All fields are required, and no others allowed; one that may be missing takes null instead.
    `default` goes, and `oneOf` is `anyOf`. Source: OpenAI, "Structured Outputs", supported schemas.
    """
    found: Schema = _mapped(schema, strict)
    for key in _OURS:
        found.pop(key, None)
    if "oneOf" in found and "anyOf" not in found:
        found["anyOf"] = found.pop("oneOf")  # strict mode knows this one; the answer is checked
    if found.get("format") == "decimal":
        found.pop("format")
    if isinstance(properties := found.get("properties"), dict):
        required = found.get("required", ())
        found["properties"] = {
            name: one if name in required or takes_null(one) else {"anyOf": [one, {"type": "null"}]}
            for name, one in properties.items()
        }
        found["required"] = list(properties)
        if not isinstance(found.get("additionalProperties"), dict):
            found["additionalProperties"] = False
    return found


def is_strict(schema: Any) -> bool:
    """Tell whether strict mode can express the schema: no dictionaries of any keys, no `allOf`."""
    if isinstance(schema, list):
        return all(map(is_strict, schema))
    if not isinstance(schema, Mapping):
        return True
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        return False
    if not schema.keys() & {"type", "anyOf", "$ref", "enum", "const"}:
        return False
    if schema.keys() & {"allOf", "oneOf", "patternProperties", "prefixItems", "not"}:
        return False
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", ())]
    inner += [*schema.get("$defs", {}).values(), *([schema["items"]] if "items" in schema else [])]
    return all(map(is_strict, inner))


def takes_null(schema: Mapping[str, Any]) -> bool:
    """Tell whether null is a value of the schema, as far as is plain to see."""
    kind = schema.get("type")
    return (
        kind == "null"
        or (isinstance(kind, list) and "null" in kind)
        or None in schema.get("enum", ())
        or any(map(takes_null, schema.get("anyOf", schema.get("oneOf", ()))))
        or not schema.keys() - {"title", "description", "default"}
    )


def in_words(schema: Mapping[str, Any]) -> str:
    """Return the schema as a type of TypeScript: what models read well, and short.

    Descriptions are left out where it would take more than about 300 tokens with them.
    """
    text = _Words(comments=True).whole(schema)
    return text if estimate(text) <= _SAID else _Words(comments=False).whole(schema)


class _Words:
    """Writes types; `comments` says whether descriptions and bounds go along."""

    def __init__(self, *, comments: bool) -> None:
        self._comments = comments

    def whole(self, schema: Mapping[str, Any]) -> str:
        named = [
            f"type {_last(name)} = {self._type(one, 0)}"
            for name, one in schema.get("$defs", {}).items()
        ]
        return "\n".join([*named, self._type(schema, 0)])

    def _type(self, schema: Any, depth: int) -> str:  # one line a form
        if not isinstance(schema, Mapping):
            return "any"
        if "$ref" in schema:
            return _last(schema["$ref"])
        if "const" in schema:
            return _json(schema["const"])
        if "enum" in schema:
            return " | ".join(map(_json, schema["enum"]))
        for key in ("anyOf", "oneOf"):
            if key in schema:
                return " | ".join(dict.fromkeys(self._type(one, depth) for one in schema[key]))
        if "allOf" in schema:
            return " & ".join(self._type(one, depth) for one in schema["allOf"])
        kind = schema.get("type")
        if isinstance(kind, list):
            return " | ".join(self._type({**schema, "type": one}, depth) for one in kind)
        if kind == "array":
            return self._array(schema, depth)
        if kind == "object" or "properties" in schema:
            return self._object(schema, depth)
        return kind if kind in _PLAIN else "any"

    def _array(self, schema: Mapping[str, Any], depth: int) -> str:
        if "prefixItems" in schema:
            return f"[{', '.join(self._type(one, depth) for one in schema['prefixItems'])}]"
        inner = self._type(schema.get("items", True), depth)
        return f"({inner})[]" if " | " in inner else f"{inner}[]"

    def _object(self, schema: Mapping[str, Any], depth: int) -> str:
        properties = schema.get("properties", {})
        if not properties:
            key = self._type(schema.get("propertyNames", {"type": "string"}), depth)
            key = f"[key in {key}]" if " | " in key else "[key: string]"
            return f"{{{key}: {self._type(schema.get('additionalProperties'), depth)}}}"
        required = schema.get("required", ())
        margin = "  " * (depth + 1)
        lines = []
        for name, one in properties.items():
            mark = "" if name in required else "?"
            key = name if name.isidentifier() else _json(name)
            note = f"  // {said}" if self._comments and (said := _said(one)) else ""
            lines.append(f"{margin}{key}{mark}: {self._type(one, depth + 1)};{note}")
        return "\n".join(["{", *lines, "  " * depth + "}"])


def _said(schema: Any) -> str:
    """Return what a comment says of a field: its description, the form of its text, its bounds."""
    if not isinstance(schema, Mapping):
        return ""
    parts = [" ".join(str(schema.get("description", "")).split())]
    inner = [schema, *schema.get("anyOf", ())]
    parts += [_FORMATS[str(one["format"])] for one in inner if one.get("format") in _FORMATS]
    signs = {
        "minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<",
        "minLength": "length >=", "maxLength": "length <=",
        "minItems": "items >=", "maxItems": "items <=", "pattern": "matches",
    }  # fmt: skip
    parts += [f"{sign} {schema[key]}" for key, sign in signs.items() if key in schema]
    return ", ".join(filter(None, parts))


def _last(reference: str) -> str:
    return reference.rsplit("/", 1)[-1]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _mapped(schema: Mapping[str, Any], change: Any) -> Schema:
    """Return a copy of a schema in which `change` was applied to each schema within it."""
    found = dict(schema)
    for key in (*_NAMED, "$defs"):
        if isinstance(schema.get(key), dict):
            found[key] = {name: change(one) for name, one in schema[key].items()}
    for key in _LISTS:
        if isinstance(schema.get(key), list):
            found[key] = [change(one) for one in schema[key]]
    for key in _ONE:
        if isinstance(schema.get(key), dict):
            found[key] = change(schema[key])
    return found


def _inline(schema: Any, definitions: Mapping[str, Any], circular: set[str]) -> Any:
    if not isinstance(schema, Mapping):
        return schema
    name = _last(str(schema.get("$ref", "")))
    if name in circular:
        return {**schema, "$ref": f"#/$defs/{name}"}
    if name in definitions:
        # What stands beside a reference, such as a description, goes for this place.
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        return {**_inline(definitions[name], definitions, circular), **beside}
    return _mapped(schema, lambda one: _inline(one, definitions, circular))


def _reaches(start: str, goal: str, definitions: Mapping[str, Any]) -> bool:
    """Tell whether the definition `start` refers to `goal`, at any remove."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for name in _references(definitions.get(waiting.pop())):
            if name == goal:
                return True
            if name not in seen:
                seen.add(name)
                waiting.append(name)
    return False


def _references(schema: Any) -> set[str]:
    if isinstance(schema, Mapping):
        own = {_last(schema["$ref"])} if isinstance(schema.get("$ref"), str) else set()
        return own.union(*map(_references, schema.values()))
    if isinstance(schema, list):
        return set().union(*map(_references, schema))
    return set()
