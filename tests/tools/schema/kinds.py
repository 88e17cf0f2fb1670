"""Types of parameters of every kind, what their schemas consist of, and tools that take them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    NotRequired,
    Required,
    TypedDict,
)

from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field

from eighty80_jupyter.tools.tool import Tool, make_tool


class Color(Enum):
    """A colour."""

    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    """A level."""

    LOW = 1
    HIGH = 2


class Place(TypedDict):
    """A place."""

    lat: float
    lon: float


class Partly(TypedDict, total=False):
    """A place of which less may be known."""

    name: Required[Annotated[str, "what it is called"]]
    lat: float


class Mostly(TypedDict):
    """One key may be missing."""

    a: int
    b: NotRequired[int]


class Nested(TypedDict):
    """Has another within."""

    place: Place
    more: list[Partly]


class Tree(TypedDict):
    """Names itself."""

    value: int
    children: list[Tree]


class Pair(NamedTuple):
    """A pair."""

    x: int
    y: str = "a"


@dataclass
class Point:
    """A point."""

    x: float
    y: Annotated[float, "upwards"] = 0.0
    tags: list[str] = field(default_factory=list)


class Item(BaseModel):
    """An item."""

    title: str
    count: int = Field(1, ge=1, description="how many")


class Order(BaseModel):
    """Items."""

    items: list[Item]


STRING, INTEGER, NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}
BOOLEAN, NULL = {"type": "boolean"}, {"type": "null"}
PLACE = {
    "description": "A place.",
    "properties": {"lat": NUMBER, "lon": NUMBER},
    "required": ["lat", "lon"],
    "type": "object",
}
PARTLY = {
    "description": "A place of which less may be known.",
    "properties": {"name": STRING | {"description": "what it is called"}, "lat": NUMBER},
    "required": ["name"],
    "type": "object",
}


def strings(*values: Any) -> dict[str, Any]:
    """Give the schema of one of some texts."""
    return {"enum": list(values), "type": "string"}


def a_list(items: Any = None, **more: Any) -> dict[str, Any]:
    """Give the schema of a list."""
    return {"type": "array", **({} if items is None else {"items": items}), **more}


def either(*choices: Any) -> dict[str, Any]:
    """Give the schema of a union."""
    return {"anyOf": list(choices)}


def text(form: str) -> dict[str, Any]:
    """Give the schema of a text of a form."""
    return {"type": "string", "format": form}


MAP: dict[str, Any] = {"type": "object", "additionalProperties": True}


def tool_of(kind: Any, *default: Any) -> Tool:
    """Make a tool of one parameter, which returns what it is given."""

    def function(value: Any) -> Any:
        return value

    function.__annotations__["value"] = kind
    function.__defaults__ = default or None
    return make_tool(function)


def checked(tool: Tool) -> dict[str, Any]:
    """Return the schema of a tool, after it was found valid."""
    schema = tool.to_wire()["function"]["parameters"]
    Draft202012Validator.check_schema(schema)
    assert json.loads(json.dumps(schema)) == schema
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    return dict(schema)


def weather(city: str, days: int = 3, *, unit: Literal["C", "F"] = "C") -> str:
    """Tell the weather."""
    return f"{city} {days} {unit}"
