"""The registry: what can be registered, by decorator, by hand and late, and what cannot."""

from __future__ import annotations

import asyncio
import builtins
import functools
import json
import subprocess
import sys
from collections.abc import Callable  # the types of tools are looked up
from dataclasses import dataclass
from enum import Enum
from typing import Any

import pandas as pd
import pytest

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.tools.arguments import ToolInputError
from eighty80_jupyter.tools.tool import Tool, make_tool
from eighty80_jupyter.tools.toolbox import ToolBox
from tests.tools.schema.kinds import Place, weather


@dataclass
class WithFrame:
    """Holds what JSON cannot."""

    frame: pd.DataFrame


def no_type(a: int, b) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001  # the test
    """Lack a type."""


def typed_in_words(a) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001  # the test
    """Have a type in the docstring only.

    Args:
        a (int): a number
    """


def positional(a: int, /, b: int) -> None:
    """Have a positional-only parameter."""


def many(*names: str) -> None:
    """Take any number."""


def any_keyword(**names: str) -> None:
    """Take any keyword."""


def frame(df: pd.DataFrame) -> None:
    """Take a table."""


def frames(df: list[pd.DataFrame] | None) -> None:
    """Take tables."""


def with_frame(it: WithFrame) -> None:
    """Take what holds a table."""


def call(f: Callable[[int], int]) -> None:
    """Take a function."""


def maybe_call(f: int | Callable[[int], int]) -> None:
    """Take a number or a function."""


class Corner(Enum):
    """Has values that no JSON value equals."""

    LEFT = (0, 0)


def of_corner(corner: Corner) -> None:
    """Take an odd Enum."""


@dataclass
class Visit:
    """Holds a TypedDict."""

    place: Place


def visit(it: Visit) -> None:
    """Take what holds a TypedDict."""


def of_class(kind: type[int]) -> None:
    """Take a class."""


def undefined(a: Missing) -> None:  # type: ignore[name-defined]  # noqa: F821  # the test
    """Name a type that is not there."""


def nonsense(a: 5) -> None:  # type: ignore[valid-type]  # the test
    """Have no type but a value."""


def größe(a: int) -> None:  # noqa: PLC2401  # the test
    """Have a name that the API does not take."""


class Service:
    """Has methods of each kind."""

    def method(self, city: str) -> str:
        """Tell of a city."""
        return f"{city}!"

    async def later(self, city: str) -> str:
        """Tell later."""
        return f"{city}?"

    @classmethod
    def of_class(cls, city: str) -> str:
        """Tell of a class."""
        return cls.__name__ + city

    @staticmethod
    def static(city: str) -> str:
        """Tell without an object."""
        return city

    def __call__(self, city: str) -> str:
        """Tell when called."""
        return city * 2


FRAME = f"{pd.DataFrame.__module__}.DataFrame"  # pandas 3 names it shorter

UNREGISTERED: dict[str, tuple[Any, str]] = {
    "no type": (no_type, "no_type cannot be a tool: its parameter b has no type; annotate it, su"),
    "docstring": (typed_in_words, "its parameter a has no type"),
    "positional": (positional, "its parameter a is positional-only; remove the `/`"),
    "args": (many, "its parameter names takes any number of values; write one parameter with a"),
    "kwargs": (any_keyword, "its parameter names takes any keywords; write a parameter for each"),
    "frame": (frame, f"parameter df has the type {FRAME}, which has no JSON form; take"),
    "frames": (frames, f"parameter df has the type list[{FRAME}] | None, which has"),
    "field": (with_frame, "WithFrame, which has no JSON form"),
    "callable": (call, "which has no JSON form"),
    "union": (maybe_call, "which has no JSON form"),
    "enum": (of_corner, "its parameter corner has the type"),
    "class": (of_class, "its parameter kind has the type type[int], which has no JSON form"),
    "undefined": (undefined, "its parameter a names Missing, which is not defined; define or imp"),
    "nonsense": (nonsense, "its parameter a"),
    "name": (größe, "1 to 64 ASCII letters, digits, _ or -, got 'größe'; give another with name="),
    "lambda": (lambda: 1, 'a lambda has no name; give one with name="..."'),
    "unbound": (Service.method, "make an object and register its bound method: chat.tool(obj.me"),
    "unbound class": (
        Service.__dict__["of_class"].__func__,
        "of_class is a method without its object (its first parameter is cls)",
    ),
    "classmethod": (Service.__dict__["of_class"], "register the bound method"),
    "builtin": (print, "print"),
    "no signature": (builtins.type, "type has no signature that Python can read"),
    "text": ("weather", "a tool must be a function, got a text; write tool(name='weather')"),
    "number": (5, "a tool must be a function, got a int"),
    "lambda's parameter": (functools.partial(lambda a: a), "a lambda has no name"),
}


@pytest.mark.parametrize("row", UNREGISTERED)
def test_unregistered(row: str) -> None:
    """What cannot be described is refused in one line that names it and says how to mend it."""
    function, expected = UNREGISTERED[row]
    tools = ToolBox()
    with pytest.raises(UsageError) as caught:
        tools.tool(function)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
    assert not tools


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="pydantic takes it there")
def test_typed_dict_of_typing() -> None:
    """Within a class, Python before 3.12 needs another TypedDict; the error says which."""
    with pytest.raises(UsageError, match="import TypedDict from typing_extensions"):
        make_tool(visit)


def test_methods() -> None:
    """Bound methods, class and static methods, partials and callable objects are tools."""
    service, tools = Service(), ToolBox()
    for function, name, words in (
        (service.method, "method", "Tell of a city."),
        (service.later, "later", "Tell later."),
        (Service.of_class, "of_class", "Tell of a class."),
        (Service.static, "static", "Tell without an object."),
        (Service.__dict__["static"], "static", "Tell without an object."),
        (service, "Service", "Tell when called."),
        (functools.partial(service.method), "method", "Tell of a city."),
    ):
        assert tools.tool(function) is function
        assert (tools[name].description, list(tools[name].parameters["properties"])) == (
            words,
            ["city"],
        )
        assert tools[name].is_async is (name == "later")
    assert tools["Service"].function(**tools["Service"].arguments('{"city": "a"}')) == "aa"
    assert asyncio.run(tools["later"].function(city="a")) == "a?"


def test_is_async() -> None:
    """Async functions, generators, partials and objects are known as such."""

    async def wait(seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def stream(count: int) -> Any:
        for number in range(count):
            yield number

    class Later:
        """Is called and waits."""

        async def __call__(self, city: str) -> str:
            return city

    for function in (wait, stream, functools.partial(wait), Later()):
        assert make_tool(function).is_async
    assert not make_tool(weather).is_async


def test_decorator() -> None:
    """The decorator works bare and with settings, and gives the function back."""
    tools = ToolBox()

    @tools.tool
    def one(a: int) -> int:
        """Do one."""
        return a

    @tools.tool(name="second", description="Do two.", safe=True, timeout=5, strict=True)
    def two(a: int) -> int:
        return 2 * a

    tools.tool(lambda: 1, name="third", confirm=False)
    assert (one(1), two(1)) == (1, 2)
    assert list(tools) == ["one", "second", "third"]
    wire = tools["second"].to_wire()["function"]
    assert (wire["name"], wire["description"], wire["strict"]) == ("second", "Do two.", True)
    assert "description" not in tools["third"].to_wire()["function"]
    assert [tool.asks for tool in tools.values()] == [True, False, False]
    assert make_tool(one, safe=True, confirm=True).asks
    assert repr(tools) == "<ToolBox: one, second, third>"
    assert repr(ToolBox()) == "<ToolBox: no tools>"


def test_unknown_setting() -> None:
    """A setting that the decorator does not have is told at once, with the nearest that it has."""
    settings: dict[str, Any] = {"saf": True}
    with pytest.raises(UsageError, match="unknown setting of a tool saf; did you mean safe"):
        ToolBox().tool(**settings)


def test_registry() -> None:
    """Tools are found by name, replaced by the same name, and taken out."""
    tools = ToolBox()
    with pytest.raises(UsageError, match=r"unknown tool x: there are no tools; write @chat\.tool"):
        tools.select("x")
    assert tools.select("all") == tools.select([]) == tools.select("") == ()
    tools.tool(weather)
    tools.tool(weather, name="forecast")
    tools.tool(weather, description="new")
    assert list(tools) == ["weather", "forecast"]
    assert len(tools) == 2
    assert tools["weather"].description == "new"
    assert ("weather" in tools, "x" in tools, tools.get("x"), object() in tools) == (
        True,
        False,
        None,
        False,
    )
    assert (tools.get("x", 5), tools.get("weather", 5)) == (5, tools["weather"])
    both = (tools["weather"], tools["forecast"])
    assert tools.select("all") == tools.select(["weather", "forecast"]) == both
    assert tools.select(" forecast, weather,forecast ") == both[::-1]
    for action in (tools.select, tools.__getitem__, tools.remove):
        with pytest.raises(UsageError) as caught:
            action("wether")
        assert str(caught.value) == (
            "unknown tool wether; did you mean weather?; the tools are: weather, forecast"
        )
    tools.remove("weather")
    assert list(tools) == ["forecast"]


SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
    "required": ["city"],
    "additionalProperties": False,
}


WORKING: dict[str, Any] = {"name": "x", "parameters": SCHEMA, "function": dict}


def by_hand(schema: dict[str, Any]) -> Tool:
    """Make a tool that came from elsewhere."""
    return Tool(name="by-hand", parameters=schema, function=dict)


def test_by_hand() -> None:
    """A tool with any schema and callable is checked by the schema and called with keywords."""
    tool = by_hand(SCHEMA)
    assert tool.arguments('{"city": "a", "days": 2}') == {"city": "a", "days": 2}
    for text, expected in (
        ("", "'city' is a required property"),
        ('{"city": "a", "days": 0}', "days: 0 is less than the minimum of 1"),
        ('{"city": "a", "x": 0}', "'x' was unexpected"),
        (json.dumps({"city": ["a" * 5_000]}), "is not of type 'string'"),
        ("[]", "one JSON object"),
    ):
        with pytest.raises(ToolInputError) as caught:
            tool.arguments(text)
        assert expected in str(caught.value)
        assert len(str(caught.value)) < 300


def test_by_hand_without_a_check() -> None:
    """With a schema that cannot be used, an object is all that is needed."""
    for schema in (
        SCHEMA | {"properties": {"city": {"type": "stuff"}}},
        SCHEMA | {"properties": {"city": {"$ref": "http://127.0.0.1:9/x"}}},
        SCHEMA | {"properties": 5},
    ):
        assert by_hand(schema).arguments('{"city": 1}') == {"city": 1}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"name": "a b"}, "1 to 64 ASCII letters"),
        ({"name": "a" * 65}, "1 to 64 ASCII letters"),
        ({"name": ""}, "1 to 64 ASCII letters"),
        ({"name": "a\n"}, "1 to 64 ASCII letters"),
        ({"name": 5}, "1 to 64 ASCII letters"),
        ({"description": 5}, "must be a text, got 5"),
        ({"safe": "no"}, "must be True or False, got 'no'"),
        ({"confirm": "no"}, "must be True or False"),
        ({"main_thread": 1}, "must be True or False"),
        ({"strict": "yes"}, "must be True or False"),
        ({"function": 5}, "must have a function to call, got a int"),
        ({"parameters": {"type": "array"}}, "must be the JSON Schema of an object"),
        ({"parameters": []}, "must be the JSON Schema of an object"),
        ({"timeout": 0}, "must be seconds above 0, or None, got 0"),
        ({"timeout": "5"}, "must be seconds above 0"),
        ({"timeout": True}, "must be seconds above 0"),
        ({"main_thread": True, "function": asyncio.sleep}, "is async, so it runs in an event loop"),
    ],
)
def test_wrong_settings(settings: dict[str, Any], expected: str) -> None:
    """A tool that could not be offered or run is refused as it is made."""
    with pytest.raises(UsageError) as caught:
        Tool(**{**WORKING, **settings})
    assert expected in str(caught.value)


def test_late_import() -> None:
    """The registry is imported without pydantic and what else waits for the first tool."""
    code = (
        "import sys, eighty80_jupyter.tools.toolbox, eighty80_jupyter.tools.call\n"
        "names = ('pydantic', 'docstring_parser', 'jsonschema', 'pydantic_core')\n"
        "print([name for name in names if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
