"""What a function, a partial or a class is as a tool: which parameters, of which types."""

from __future__ import annotations

import functools
import json
from enum import Enum
from typing import (
    Annotated,
    Any,
)

import pytest
from pydantic import BaseModel, Field, SecretStr

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.tools.tool import make_tool
from tests.tools.schema.kinds import (
    INTEGER,
    Color,
    Item,
    Point,
    a_list,
    checked,
)


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
