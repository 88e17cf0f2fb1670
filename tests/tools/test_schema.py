"""The schema of a function's parameters: every kind of type, hand-checked, and as pydantic has it.

Run with `-k` and a row's name to see one.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
import typing
import uuid
from collections import abc
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    Required,
    TypedDict,
    TypeVar,
)

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field, SecretStr, TypeAdapter

from eighty80_jupyter.errors import UsageError
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


UserId = NewType("UserId", int)
Words = list[str]

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


def tool_of(kind: Any, *default: Any) -> Tool:
    """Make a tool of one parameter."""

    def function(value: Any) -> None:
        """Do nothing."""

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


def test_field_as_default() -> None:
    """A `Field` as default, or in the annotation, brings its bounds and its own default."""

    def function(
        a: int = Field(5, ge=1),
        b: list[int] = Field(default_factory=list),  # noqa: B008  # pydantic's way
        c: Annotated[int, Field(default=7)] = 8,
        d: int = Field(description="needed"),
        e: Annotated[int, Field(default=9)] = Field(description="last"),
    ) -> dict[str, Any]:
        return locals()

    tool = make_tool(function)
    schema = checked(tool)
    assert schema["properties"]["a"] == INTEGER | {"minimum": 1, "default": 5}
    assert schema["properties"]["c"]["default"] == 8
    assert schema["required"] == ["d"]
    given = tool.arguments('{"d": 1}')
    assert given == {"a": 5, "b": [], "d": 1, "e": 9}
    assert function(**given)["c"] == 8


def test_no_parameters() -> None:
    """A function without parameters takes an empty object."""

    def now() -> str:
        return "now"

    tool = make_tool(now)
    assert tool.to_wire() == {
        "type": "function",
        "function": {
            "name": "now",
            "parameters": {"type": "object", "properties": {}, "additionalProperties": False},
        },
    }


def test_names_that_pydantic_has_taken() -> None:
    """Any name of a parameter will do, those of models' own attributes too."""

    def odd(
        *, schema: int, json: int, _private: int, model_config: int, self_: int, title: str
    ) -> None:
        """Take odd names."""

    tool = make_tool(odd)
    names = ["schema", "json", "_private", "model_config", "self_", "title"]
    assert list(checked(tool)["properties"]) == names
    values = dict.fromkeys(names[:-1], 1) | {"title": "x"}
    assert tool.arguments(json.dumps(values)) == values


def test_closure_types() -> None:
    """A type that the function closes over is found, though annotations are texts."""

    class Local(Enum):
        """Local to this test."""

        A = "a"

    def function(value: Local) -> Local:
        return Local(value)

    assert checked(make_tool(function))["$defs"]["Local"]["enum"] == ["a"]
    assert make_tool(function).arguments('{"value": "a"}') == {"value": Local.A}


def test_unknown_return_type() -> None:
    """What a function returns does not matter, even if its name is not known."""

    def function(value: int) -> Unknown:  # type: ignore[name-defined]  # noqa: F821  # the test
        return value

    assert checked(make_tool(function))["properties"] == {"value": INTEGER}


def test_quoted_types() -> None:
    """A text within a type is resolved as well."""

    def function(value: list[Color], other: Color | None = None) -> None:
        """Take quoted types."""

    function.__annotations__ = {"value": list["Color"], "other": "Color | None"}
    schema = checked(make_tool(function))
    assert schema["properties"]["value"] == a_list({"$ref": "#/$defs/Color"})


def test_bound_by_partial() -> None:
    """What a partial has bound is no parameter, whatever its type; the name stays."""

    def query(connection: object, sql: str, limit: int = 10) -> str:
        """Ask the database."""
        return f"{sql} {limit} {connection}"

    tool = make_tool(functools.partial(query, object()))
    assert (tool.name, tool.description) == ("query", "Ask the database.")
    assert list(checked(tool)["properties"]) == ["sql", "limit"]
    tool = make_tool(functools.partial(query, connection="c", limit=3))
    assert list(checked(tool)["properties"]) == ["sql"]
    assert tool.function(**tool.arguments('{"sql": "x"}')) == "x 3 c"


GOOGLE = """Tell the weather.

    It is a forecast.
    With two lines.

    Args:
        city: where,
            as a name
        days (int, optional): how many
    Returns:
        what it will be
    """
NUMPY = """Tell the weather.

    It is a forecast.
    With two lines.

    Parameters
    ----------
    city : str
        where,
        as a name
    days : int, optional
        how many

    Returns
    -------
    str
        what it will be
    """
SPHINX = """Tell the weather.

    It is a forecast.
    With two lines.

    :param city: where,
        as a name
    :param int days: how many
    :returns: what it will be
    """
EPYDOC = """Tell the weather.

    It is a forecast.
    With two lines.

    @param city: where,
        as a name
    @param days: how many
    @return: what it will be
    """


@pytest.mark.parametrize("doc", [GOOGLE, NUMPY, SPHINX, EPYDOC])
def test_docstrings(doc: str) -> None:
    """Every style of docstring gives the description and those of the parameters."""

    def weather(city: str, days: int = 3) -> str:
        return city * days

    weather.__doc__ = doc
    tool = make_tool(weather)
    assert tool.description == "Tell the weather.\n\nIt is a forecast.\nWith two lines."
    assert checked(tool)["properties"] == {
        "city": STRING | {"description": "where, as a name"},
        "days": INTEGER | {"description": "how many", "default": 3},
    }


def test_docstring_details() -> None:
    """An annotation's words win, several parameters may share theirs, and odd texts do no harm."""

    def one(a: Annotated[int, "from here"], b: int, c: int, d: Point) -> None:
        """Do.

        Parameters
        ----------
        a : int
            from there
        b, c : int
            both
        d
            a class
        """

    properties = checked(make_tool(one))["properties"]
    assert [properties[name].get("description") for name in "abcd"] == [
        "from here",
        "both",
        "both",
        "a class",
    ]
    assert properties["d"] == {"$ref": "#/$defs/Point", "description": "a class"}
    for doc in ("", ":param", ":param:", "Args:", "@", "Args:\n  x", "\0", "a\n---\nb\n---"):
        one.__doc__ = doc
        checked(make_tool(one))
    assert make_tool(one, description="mine").description == "mine"


def test_wrapped_function() -> None:
    """A decorated function that was wrapped as it should be has its own signature."""

    def inner(value: Color) -> Color:
        """Have a colour."""
        return value

    @functools.wraps(inner)
    def outer(*args: Any, **kwargs: Any) -> Any:
        return inner(*args, **kwargs)

    tool = make_tool(outer)
    assert (tool.name, tool.description) == ("inner", "Have a colour.")
    assert checked(tool)["properties"] == {"value": {"$ref": "#/$defs/Color"}}
    assert list(checked(make_tool(functools.lru_cache(inner)))["properties"]) == ["value"]


@pytest.mark.parametrize("kind", [Point, Item])
def test_classes(kind: Any) -> None:
    """A class is a function that makes objects."""
    tool = make_tool(kind)
    assert tool.name == kind.__name__
    checked(tool)
    given = '{"x": "1"}' if kind is Point else '{"title": "t", "count": 2}'
    assert isinstance(tool.function(**tool.arguments(given)), kind)


T = TypeVar("T")


class Box(BaseModel, Generic[T]):
    """A generic model."""

    item: Annotated[T, "what is in it"]


@dataclass
class Pack(Generic[T]):
    """A generic dataclass."""

    item: Annotated[T, "what is in it"]


@pytest.mark.parametrize(("kind", "name"), [(Box[int], "Box_int_"), (Pack[int], "Pack_int_")])
def test_descriptions_in_generic_classes(kind: Any, name: str) -> None:
    """What `Annotated` says of a field is kept where the class has parameters."""

    def function(value: Any) -> None:
        del value

    function.__annotations__["value"] = kind
    schema = checked(make_tool(function))
    assert schema["$defs"][name]["properties"]["item"] == INTEGER | {"description": "what is in it"}


class Trip(BaseModel):
    """A model whose field has a name that Python does not take."""

    start: Annotated[str, "where from"] = Field(alias="from")


def test_the_description_of_a_field_with_an_alias() -> None:
    """It stands with the name that JSON has."""

    def book(trip: Trip) -> str:
        return trip.start

    tool = make_tool(book)
    fields = checked(tool)["$defs"]["Trip"]["properties"]
    assert fields == {"from": STRING | {"description": "where from"}}
    assert tool.function(**tool.arguments('{"trip": {"from": "Paris"}}')) == "Paris"


def test_a_secret_default_is_left_out() -> None:
    """Its stars would be sent back by a model as if they were the secret."""

    def login(key: SecretStr = SecretStr("hunter2")) -> str:  # noqa: B008  # the very case
        return key.get_secret_value()

    tool = make_tool(login)
    assert "default" not in checked(tool)["properties"]["key"]
    assert tool.function(**tool.arguments("{}")) == "hunter2"


def test_an_enum_without_members_is_refused() -> None:
    """No value would fit it."""

    def function(kind: Enum) -> None:
        del kind

    with pytest.raises(UsageError, match=r"kind has the type enum\.Enum, which has no JSON form"):
        make_tool(function)


class Unfinished(BaseModel):
    """A class with a field of a type that comes later."""

    child: Later  # type: ignore[name-defined]  # noqa: F821  # that is what is tried here


def test_a_class_that_is_not_defined_yet() -> None:
    """The error says what pydantic wants."""

    def walk(node: Unfinished) -> None:
        """Walk."""

    with pytest.raises(UsageError, match=r"node has .*Unfinished, which needs model_rebuild\(\)"):
        make_tool(walk)


class Formless:
    """Pydantic can check it, but not say what it is in JSON."""

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> Any:
        return {"type": "is-instance", "cls": cls}


@pytest.mark.parametrize(
    ("hint", "shown"),
    [
        (Formless, "Formless"),
        (Annotated[float, Field(json_schema_extra={"most": float("nan")})], "float"),
    ],
)
def test_a_type_without_a_form_is_named(hint: Any, shown: str) -> None:
    """The tool, the parameter and its type; what JSON cannot say is no form."""

    def walk(first: int, second: object) -> None:
        """Walk."""

    walk.__annotations__["second"] = hint
    with pytest.raises(UsageError) as caught:
        make_tool(walk)
    assert str(caught.value).startswith("walk cannot be a tool: its parameter second has the type ")
    assert shown in str(caught.value)
    assert "which has no JSON form" in str(caught.value)
