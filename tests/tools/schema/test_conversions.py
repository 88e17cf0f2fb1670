"""The JSON that a model writes becomes the Python values that a function takes, or is refused."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import uuid
from collections import abc, deque
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ConfigDict, Field, field_validator

from eighty80_jupyter.tools.arguments import ToolInputError
from eighty80_jupyter.tools.schema import Inputs
from eighty80_jupyter.tools.tool import Tool, make_tool
from tests.tools.schema.kinds import tool_of, weather


class Color(Enum):
    """A colour."""

    RED = "red"
    BLUE = "blue"


class Place(TypedDict, total=False):
    """A place."""

    lat: float


class Pair(NamedTuple):
    """A pair."""

    x: int
    y: str = "a"


@dataclass
class Point:
    """A point."""

    x: int
    at: dict[str, float] | None = None


class Strict(BaseModel):
    """Takes nothing but what its fields say."""

    model_config = ConfigDict(strict=True, extra="forbid")
    day: dt.date
    tags: set[str] = set()


class Raising(BaseModel):
    """Has a validator that is broken."""

    value: int

    @field_validator("value")
    @classmethod
    def check(cls, value: int) -> int:
        """Raise what pydantic does not expect."""
        raise KeyError(value)


CONVERSIONS: dict[str, tuple[Any, str, Any]] = {
    "str": (str, '"a"', "a"),
    "text that looks like JSON": (str, '"[1]"', "[1]"),
    "int": (int, "5", 5),
    "int in a text": (int, '"5"', 5),
    "whole float": (int, "5.0", 5),
    "large int": (int, str(2**70), 2**70),
    "float": (float, "5", 5.0),
    "float in a text": (float, '"1e3"', 1000.0),
    "bool": (bool, "true", True),
    "bool in a text": (bool, '"false"', False),
    "none": (None, "null", None),
    "none in a text": (int | None, '"null"', None),
    "date": (dt.date, '"2026-01-02"', dt.date(2026, 1, 2)),
    "datetime": (
        dt.datetime,
        '"2026-01-02T03:04:05Z"',
        dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
    ),
    "time": (dt.time, '"12:30"', dt.time(12, 30)),
    "duration": (dt.timedelta, '"PT90S"', dt.timedelta(seconds=90)),
    "seconds": (dt.timedelta, "90", dt.timedelta(seconds=90)),
    "uuid": (uuid.UUID, f'"{uuid.UUID(int=7)}"', uuid.UUID(int=7)),
    "path": (Path, '"a/b.txt"', Path("a/b.txt")),
    "decimal": (Decimal, '"1.10"', Decimal("1.10")),
    "decimal number": (Decimal, "1.5", Decimal("1.5")),
    "bytes": (bytes, '"ab"', b"ab"),
    "enum": (Color, '"blue"', Color.BLUE),
    "literal": (Literal["a", 1], "1", 1),
    "list": (list[int], '[1, "2"]', [1, 2]),
    "list in a text": (list[int], '"[1, 2]"', [1, 2]),
    "dict": (dict[str, int], '{"a": 1}', {"a": 1}),
    "dict in a text": (dict[str, int], '"{\\"a\\": 1}"', {"a": 1}),
    "number keys": (dict[int, str], '{"1": "a"}', {1: "a"}),
    "tuple": (tuple[int, str], '[1, "a"]', (1, "a")),
    "set": (set[int], "[1, 1, 2]", {1, 2}),
    "frozenset": (frozenset[str], '["a"]', frozenset({"a"})),
    "sequence": (abc.Sequence[int], "[1]", [1]),
    "iterable": (abc.Iterable[int], "[1]", [1]),
    "deque": (deque[int], "[1]", deque([1])),
    "typed dict": (Place, '{"lat": 1}', {"lat": 1.0}),
    "named tuple": (Pair, "[1]", Pair(1)),
    "named tuple by name": (Pair, '{"x": 1, "y": "b"}', Pair(1, "b")),
    "dataclass": (Point, '{"x": 1, "at": {"lat": 2}}', Point(1, {"lat": 2.0})),
    "dataclass in a text": (Point | None, '"{\\"x\\": 1}"', Point(1)),
    "strict model": (
        Strict,
        '{"day": "2026-01-02", "tags": ["a"]}',
        Strict(day=dt.date(2026, 1, 2), tags={"a"}),
    ),
    "union": (int | str, '"5"', "5"),
    "union of containers": (list[int] | dict[str, int], '{"a": 1}', {"a": 1}),
    "any": (Any, '{"a": [null]}', {"a": [None]}),
    "line end in a text": (str, '"a\nb"', "a\nb"),
}


@pytest.mark.parametrize("row", CONVERSIONS)
def test_conversions(row: str) -> None:
    """JSON in, Python values out."""
    kind, text, expected = CONVERSIONS[row]
    value = tool_of(kind).arguments(f'{{"value": {text}}}')["value"]
    assert value == expected
    assert type(value) is type(expected)


REFUSED: dict[str, tuple[Any, str, str]] = {
    "no integer": (int, '"x"', "value should be a valid integer"),
    "half": (int, '"5.5"', "value should be a valid integer"),
    "half number": (int, "5.5", "value should be a valid integer"),
    "null": (int, "null", "value should be a valid integer, got None"),
    "text for a list": (list[str], '"a"', "value should be a valid array, got 'a'"),
    "wrong list in a text": (list[int], '"[\\"x\\"]"', "value should be a valid array"),
    "number for a text": (str, "5", "value should be a valid string, got 5"),
    "literal": (Literal["a", "b"], '"c"', "value should be 'a' or 'b', got 'c'"),
    "enum": (Color, '"green"', "value should be 'red' or 'blue', got 'green'"),
    "item": (list[int], '[1, "x"]', "value[1] should be a valid integer"),
    "key": (Point, "{}", "value.x is required and missing"),
    "deep": (Point, '{"x": 1, "at": {"lat": "n"}}', "value.at.lat should be a valid number"),
    "union": (int | list[int], '"x"', "value should be a valid integer"),
    "union's second": (int | list[int], '"x"', " or a valid array, got 'x'"),
    "bound": (Annotated[int, Field(ge=1)], "0", "value should be greater than or equal to 1"),
    "date": (dt.date, '"tomorrow"', "value should be a valid date"),
    "extra": (Strict, '{"day": "2026-01-02", "x": 1}', "value.x: Extra inputs"),
    "broken validator": (Raising, '{"value": 1}', "value: KeyError: 1"),
    "half a pair": (str, '"\\ud800"', "value"),
    "long": (int, f'"{"x" * 500}"', "..."),
    "tuple": (tuple[int, int], "[1]", "value[1] is required and missing"),
}


@pytest.mark.parametrize("row", REFUSED)
def test_refused_values(row: str) -> None:
    """What is wrong is said: the parameter, what was expected, what came."""
    kind, text, expected = REFUSED[row]
    with pytest.raises(ToolInputError) as caught:
        tool_of(kind).arguments(f'{{"value": {text}}}')
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "city is required and missing. The parameters are: city, days (opt"),
        ("null", "city is required and missing"),
        ("{}", "city is required and missing"),
        ('{"city": "a", "day": 1}', "unknown parameter day; did you mean days?. The parameters"),
        ('{"city": 1, "days": "x"}', "city should be a valid string, got 1; days should be"),
        ("[1]", "must be one JSON object of names and values, got [1]"),
        ("5", "must be one JSON object"),
        ('{"city": ', "no valid JSON (Expecting value"),
        ("{'city': 'a'}", "no valid JSON"),
        ("city=a", "no valid JSON"),
        ('"x"', "no valid JSON"),
        ("[" * 100_000, "nested too deeply"),
        ('{"city": ' + "[" * 100_000, "nested too deeply"),
        ('"' + "x" * 10_000_001, "send less"),
        (json.dumps({f"p{n}": n for n in range(100)}), "and 96 more"),
    ],
)
def test_refused_arguments(text: str, expected: str) -> None:
    """Arguments that fit no call are refused with what would."""
    with pytest.raises(ToolInputError) as caught:
        make_tool(weather).arguments(text)
    assert expected in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    "text", ['{"city": "a"}', '  {"city": "a"}\n', '"{\\"city\\": \\"a\\"}"', '{"city":"a"}']
)
def test_arguments(text: str) -> None:
    """A JSON object is taken, also one that was written as a text; defaults are the function's."""
    assert make_tool(weather).arguments(text) == {"city": "a"}


TOOL = make_tool(weather)


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_any_text(text: str) -> None:
    """No text raises anything but ToolInputError."""
    try:
        assert "city" in TOOL.arguments(text)
    except ToolInputError as error:
        assert "\n" not in str(error)  # noqa: PT017  # it need not be raised


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
TOOLS = [
    tool_of(kind)
    for kind in (list[int] | None, dict[str, float], Point, set[str], Color, Strict, dt.date, Pair)
]


@given(st.sampled_from(TOOLS), JSON_VALUES)
def test_any_value(tool: Tool, value: Any) -> None:
    """No JSON value raises anything but ToolInputError."""
    with contextlib.suppress(ToolInputError):
        tool.arguments(json.dumps({"value": value}))


KINDS = {
    "int": (int, st.integers()),
    "float": (float, st.floats(allow_nan=False)),
    "str": (str, st.text(st.characters(exclude_categories=["Cs"]))),
    "bool": (bool, st.booleans()),
    "dates": (list[dt.date], st.lists(st.dates())),
    "uuid": (uuid.UUID, st.uuids()),
    "map": (
        dict[str, int | None],
        st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"])), st.none() | st.integers()
        ),
    ),
    "set": (frozenset[int], st.frozensets(st.integers())),
    "tuple": (tuple[int, bool], st.tuples(st.integers(), st.booleans())),
    "enum": (Color, st.sampled_from(Color)),
    "dataclass": (Point, st.builds(Point, x=st.integers(), at=st.just({"lat": 1.5}))),
    "time": (dt.time, st.times()),
}
ADAPTED = {name: tool_of(kind) for name, (kind, _) in KINDS.items()}


@given(st.data())
def test_round_trip(data: st.DataObject) -> None:
    """A value written as JSON fits the schema, and comes back as it was."""
    name = data.draw(st.sampled_from(sorted(KINDS)))
    value, tool = data.draw(KINDS[name][1]), ADAPTED[name]
    assert isinstance(tool.inputs, Inputs)
    plain = tool.inputs.items[0].adapter.dump_python(value, mode="json")
    Draft202012Validator(tool.parameters).validate({"value": plain})
    assert tool.arguments(json.dumps({"value": plain})) == {"value": value}
