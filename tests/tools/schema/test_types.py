"""The schema of a function's parameters: every kind of type, hand-checked, and as pydantic has it.

Run with `-k` and a row's name to see one.
"""

from __future__ import annotations

import datetime as dt
import typing
import uuid
from collections import abc
from decimal import Decimal
from pathlib import Path
from typing import (
    Annotated,
    Any,
    Literal,
    NewType,
)

import pytest
from pydantic import Field, TypeAdapter

from tests.tools.schema.kinds import (
    BOOLEAN,
    INTEGER,
    MAP,
    NULL,
    NUMBER,
    PARTLY,
    PLACE,
    STRING,
    Color,
    Item,
    Level,
    Mostly,
    Nested,
    Order,
    Pair,
    Partly,
    Place,
    Point,
    Tree,
    a_list,
    checked,
    either,
    strings,
    text,
    tool_of,
)

UserId = NewType("UserId", int)
Words = list[str]

TYPES: dict[str, tuple[Any, dict[str, Any]]] = {
    "str": (str, STRING),
    "int": (int, INTEGER),
    "float": (float, NUMBER),
    "bool": (bool, BOOLEAN),
    "none": (None, NULL),
    "any": (Any, {}),
    "object": (object, {}),
    "bare list": (list, a_list({})),
    "bare dict": (dict, MAP),
    "bare tuple": (tuple, a_list({})),
    "bare set": (set, a_list({}, uniqueItems=True)),
    "list": (list[int], a_list(INTEGER)),
    "list of lists": (list[list[str]], a_list(a_list(STRING))),
    "dict": (dict[str, int], {"type": "object", "additionalProperties": INTEGER}),
    "dict of any": (dict[str, Any], MAP),
    "dict of lists": (
        dict[str, list[float]],
        {"type": "object", "additionalProperties": a_list(NUMBER)},
    ),
    "list of dicts": (list[dict[str, Any]], a_list(MAP)),
    "mapping": (abc.Mapping[str, bool], {"type": "object", "additionalProperties": BOOLEAN}),
    "tuple": (
        tuple[int, str],
        a_list(prefixItems=[INTEGER, STRING], minItems=2, maxItems=2),
    ),
    "long tuple": (tuple[int, ...], a_list(INTEGER)),
    "set": (set[str], a_list(STRING, uniqueItems=True)),
    "frozenset": (frozenset[int], a_list(INTEGER, uniqueItems=True)),
    "sequence": (abc.Sequence[float], a_list(NUMBER)),
    "iterable": (abc.Iterable[int], a_list(INTEGER)),
    "collection": (abc.Collection[int], a_list(INTEGER)),
    "bare iterable": (abc.Iterable, a_list({})),
    "bare iterable of typing": (typing.Iterable, a_list({})),
    "optional": (int | None, either(INTEGER, NULL)),
    "union": (int | str, either(INTEGER, STRING)),
    "union of three": (int | list[str] | None, either(INTEGER, a_list(STRING), NULL)),
    "literal": (Literal["a", "b"], strings("a", "b")),
    "literal of one": (Literal["a"], {"const": "a", "type": "string"}),
    "literal of numbers": (Literal[1, 2], {"enum": [1, 2], "type": "integer"}),
    "mixed literal": (Literal["a", 1] | None, either({"enum": ["a", 1]}, NULL)),
    "optional literal": (Literal["a", "b"] | None, either(strings("a", "b"), NULL)),
    "list of literals": (list[Literal["a", "b"]], a_list(strings("a", "b"))),
    "date": (dt.date, text("date")),
    "datetime": (dt.datetime, text("date-time")),
    "time": (dt.time, text("time")),
    "timedelta": (dt.timedelta, text("duration")),
    "uuid": (uuid.UUID, text("uuid")),
    "path": (Path, text("path")),
    "bytes": (bytes, text("binary")),
    "decimal": (Decimal, either(NUMBER, STRING)),
    "newtype": (UserId, INTEGER),
    "alias": (Words, a_list(STRING)),
    "described": (Annotated[int, "how many"], INTEGER | {"description": "how many"}),
    "field": (
        Annotated[int, Field(ge=1, le=9, description="how many")],
        {"type": "integer", "minimum": 1, "maximum": 9, "description": "how many"},
    ),
    "field and words": (
        Annotated[str, "the words", Field(min_length=2)],
        {"type": "string", "minLength": 2, "description": "the words"},
    ),
    "described items": (
        list[Annotated[int, "a year"]],
        a_list(INTEGER | {"description": "a year"}),
    ),
    "described choice": (
        Annotated[float, "exact"] | None,
        either(NUMBER | {"description": "exact"}, NULL),
    ),
    "words around an alias": (
        Annotated[Annotated[int, "inside"], "outside"],
        INTEGER | {"description": "outside"},
    ),
    "pattern": (Annotated[str, Field(pattern="^a")], {"type": "string", "pattern": "^a"}),
    "own words": (
        Annotated[str, Field(examples=["x"], json_schema_extra={"title": "T"})],
        {"type": "string", "examples": ["x"]},
    ),
}

DEFINED: dict[str, tuple[Any, dict[str, Any], dict[str, Any]]] = {
    "enum": (
        Color,
        {"$ref": "#/$defs/Color"},
        {"Color": strings("red", "blue") | {"description": "A colour."}},
    ),
    "integer enum": (
        Level | None,
        either({"$ref": "#/$defs/Level"}, NULL),
        {"Level": {"enum": [1, 2], "type": "integer", "description": "A level."}},
    ),
    "typed dict": (Place, {"$ref": "#/$defs/Place"}, {"Place": PLACE}),
    "partial dict": (Partly, {"$ref": "#/$defs/Partly"}, {"Partly": PARTLY}),
    "one key less": (
        Mostly,
        {"$ref": "#/$defs/Mostly"},
        {
            "Mostly": {
                "description": "One key may be missing.",
                "properties": {"a": INTEGER, "b": INTEGER},
                "required": ["a"],
                "type": "object",
            }
        },
    ),
    "nested dicts": (
        list[Nested],
        a_list({"$ref": "#/$defs/Nested"}),
        {
            "Nested": {
                "description": "Has another within.",
                "properties": {
                    "place": {"$ref": "#/$defs/Place"},
                    "more": a_list({"$ref": "#/$defs/Partly"}),
                },
                "required": ["place", "more"],
                "type": "object",
            },
            "Place": PLACE,
            "Partly": PARTLY,
        },
    ),
    "tree": (
        Tree,
        {"$ref": "#/$defs/Tree"},
        {
            "Tree": {
                "description": "Names itself.",
                "properties": {"value": INTEGER, "children": a_list({"$ref": "#/$defs/Tree"})},
                "required": ["value", "children"],
                "type": "object",
            }
        },
    ),
    "named tuple": (
        Pair,
        {"$ref": "#/$defs/Pair"},
        {"Pair": a_list(prefixItems=[INTEGER, STRING | {"default": "a"}], minItems=1, maxItems=2)},
    ),
    "dataclass": (
        Point,
        {"$ref": "#/$defs/Point"},
        {
            "Point": {
                "description": "A point.",
                "properties": {
                    "x": NUMBER,
                    "y": NUMBER | {"default": 0.0, "description": "upwards"},
                    "tags": a_list(STRING),
                },
                "required": ["x"],
                "type": "object",
            }
        },
    ),
    "models": (
        Order,
        {"$ref": "#/$defs/Order"},
        {
            "Order": {
                "description": "Items.",
                "properties": {"items": a_list({"$ref": "#/$defs/Item"})},
                "required": ["items"],
                "type": "object",
            },
            "Item": {
                "description": "An item.",
                # A property may be called title; the keyword is what is left out.
                "properties": {
                    "title": STRING,
                    "count": {
                        "type": "integer",
                        "minimum": 1,
                        "default": 1,
                        "description": "how many",
                    },
                },
                "required": ["title"],
                "type": "object",
            },
        },
    ),
}


def untitled(schema: Any) -> Any:
    """Leave the titles out of what pydantic gives, where no property is called so."""
    if isinstance(schema, dict):
        return {
            key: untitled(item)
            for key, item in schema.items()
            if not (key == "title" and isinstance(item, str))
        }
    return [untitled(item) for item in schema] if isinstance(schema, list) else schema


@pytest.mark.parametrize("row", TYPES)
def test_types(row: str) -> None:
    """Each type has the schema that JSON Schema has for it."""
    kind, expected = TYPES[row]
    schema = checked(tool_of(kind))
    if kind is Decimal:
        schema["properties"]["value"]["anyOf"][1].pop("pattern", None)  # pydantic before 2.14
    assert schema["properties"] == {"value": expected}
    assert schema["required"] == ["value"]
    assert "$defs" not in schema


@pytest.mark.parametrize("row", DEFINED)
def test_defined(row: str) -> None:
    """A class is defined once, under its name."""
    kind, expected, definitions = DEFINED[row]
    schema = checked(tool_of(kind))
    assert schema["properties"] == {"value": expected}
    assert schema["$defs"] == definitions


UNLIKE = {"described items", "described choice", "described", "field and words"}  # ours say more
UNLIKE |= {
    "words around an alias",
    "iterable",
    "collection",
    "bare iterable",
}  # lists, which are read only once


@pytest.mark.parametrize("row", sorted(TYPES.keys() - UNLIKE))
def test_as_pydantic(row: str) -> None:
    """Where it applies, the schema is pydantic's own without the titles."""
    kind, _ = TYPES[row]
    assert checked(tool_of(kind))["properties"]["value"] == untitled(
        TypeAdapter(kind).json_schema()
    )


@pytest.mark.parametrize("kind", [Color, Level, Point, Item, Pair])
def test_definitions_as_pydantic(kind: Any) -> None:
    """So are the definitions, but for the descriptions that pydantic does not read."""
    (own,) = checked(tool_of(kind))["$defs"].values()
    pydantics = TypeAdapter(kind).json_schema()
    # pydantic before 2.13 leaves a dataclass' docstring out
    assert own.keys() - {"description"} == pydantics.keys() - {"title", "description"}
    for name, schema in own.get("properties", {}).items():
        assert untitled(pydantics["properties"][name]).items() <= schema.items()


DEFAULTS: dict[str, tuple[Any, Any, Any]] = {
    "number": (int, 5, 5),
    "none": (int | None, None, None),
    "implicit none": (int, None, None),
    "list": (list[int], [1], [1]),
    "tuple": (tuple[int, ...], (), []),
    "enum": (Color, Color.RED, "red"),
    "date": (dt.date, dt.date(2026, 1, 2), "2026-01-02"),
    "path": (Path, Path("a"), "a"),
    "decimal": (Decimal, Decimal("1.5"), "1.5"),
    "dataclass": (Point, Point(1, 2), {"x": 1.0, "y": 2.0, "tags": []}),
    "model": (Item, Item(title="a", count=1), {"title": "a", "count": 1}),
    "another type": (int, "auto", "auto"),
}


@pytest.mark.parametrize("row", DEFAULTS)
def test_defaults(row: str) -> None:
    """A default is shown as JSON, and the parameter is not required."""
    kind, default, expected = DEFAULTS[row]
    schema = checked(tool_of(kind, default))
    assert schema["properties"]["value"]["default"] == expected
    assert "required" not in schema


@pytest.mark.parametrize("default", [object(), float("nan"), "x" * 999, b"\xff", {1, object()}])
def test_defaults_that_are_not_shown(default: Any) -> None:
    """What has no JSON form, or is long, is left out, but the parameter is still optional."""
    schema = checked(tool_of(Any, default))
    assert schema["properties"] == {"value": {}}
    assert "required" not in schema
