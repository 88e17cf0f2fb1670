"""What a model is told of a tool and its parameters, in docstrings, annotations and fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import (
    Annotated,
    Any,
    Generic,
    TypeVar,
)

import pytest
from pydantic import BaseModel, Field

from eighty80_jupyter.tools.tool import make_tool
from tests.tools.schema.kinds import (
    INTEGER,
    STRING,
    Point,
    checked,
)

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
