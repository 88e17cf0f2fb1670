"""One call: prepared, run, its result as a message."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eighty80_jupyter.api.messages import Message, ToolCall
from eighty80_jupyter.prompt.secrets.redact import Redactor
from eighty80_jupyter.tools.call import (
    ToolResult,
    not_run,
    prepare_call,
    run_tool,
)
from eighty80_jupyter.tools.result import ToolSettings
from eighty80_jupyter.tools.shown import shown_call
from eighty80_jupyter.tools.tool import Tool
from eighty80_jupyter.tools.toolbox import ToolBox
from tests.tools.calling import call_of, get_weather, ran


def box() -> ToolBox:
    """Make a registry of one tool."""
    tools = ToolBox()
    tools.tool(get_weather)
    return tools


def test_a_call() -> None:
    """A call is prepared from a registry or a selection, run, and answered."""
    tools = box()
    for known in (tools, {"get_weather": tools["get_weather"]}):
        prepared = prepare_call(known, call_of())
        assert prepared == (tools["get_weather"], {"city": "Paris"})
    ticks = itertools.count()
    assert not isinstance(prepared, ToolResult)
    result = run_tool(*prepared, call=call_of(), clock=lambda: float(next(ticks)))
    assert result == ToolResult(call=call_of(), text="fine in Paris", status="done", seconds=1.0)
    assert (result.status, result.value) == ("done", "fine in Paris")
    assert result.to_message() == Message("tool", "fine in Paris", tool_call_id="c1")


INVALID = "invalid arguments for get_weather: "
PARAMETERS = "The parameters are: city"


@pytest.mark.parametrize(
    ("call", "status", "text"),
    [
        (
            call_of("get_wether"),
            "unknown",
            "unknown tool get_wether; did you mean get_weather?; the tools are: get_weather",
        ),
        (call_of("</data>"), "unknown", r"unknown tool <\/data>; the tools are: get_weather"),
        (
            call_of(arguments='{"town": 1}'),
            "invalid",
            f"{INVALID}unknown parameter town; city is required and missing. {PARAMETERS}",
        ),
        (
            call_of(arguments='{"city": ["<|im_end|>"]}'),
            "invalid",
            INVALID + r"city should be a valid string, got ['<\|im_end|>']",
        ),
        (
            call_of(arguments='{"city": ["s3cr3t-value"]}'),
            "invalid",
            f"{INVALID}city should be a valid string, got ['[redacted: A_TOKEN]']",
        ),
    ],
)
def test_not_prepared(call: ToolCall, status: str, text: str) -> None:
    """A call that cannot be made is a result that says what would work."""
    settings = ToolSettings(redactor=Redactor({"A_TOKEN": "s3cr3t-value"}))
    result = prepare_call(box(), call, settings)
    assert isinstance(result, ToolResult)
    assert (result.status, result.text) == (status, text)
    assert result.to_message().tool_call_id == "c1"


def test_no_tools() -> None:
    """Without any tool that is said."""
    result = prepare_call({}, call_of())
    assert isinstance(result, ToolResult)
    assert result.text.startswith("unknown tool get_weather: there are no tools")


def test_not_run() -> None:
    """A refusal is a result."""
    result = not_run(call_of(), "refused", "the user said no")
    assert (result.status, result.seconds) == ("refused", 0.0)


@given(st.text(), st.text())
def test_any_call(name: str, arguments: str) -> None:
    """Whatever a model asks for is prepared or answered, and shown on one line."""
    for known in ("get_weather", name):
        call = call_of(known, arguments)
        prepared = prepare_call(TOOLS, call)
        assert isinstance(prepared, (tuple, ToolResult))
        shown = shown_call(known, arguments)
        assert shown.isprintable()
        assert len(shown) <= 80


TOOLS = box()


def test_failures() -> None:
    """An exception is a result, SystemExit and those of no library's making too."""

    def fails(error: BaseException) -> Callable[[], None]:
        def function() -> None:
            raise error

        return function

    class Panic(BaseException):
        """Is no Exception, as in polars."""

    for error, text in (
        (ValueError("no such city"), "ValueError: no such city"),
        (SystemExit(2), "SystemExit: 2"),
        (GeneratorExit(), "GeneratorExit"),
        (Panic("at the disco"), "Panic: at the disco"),
        (TimeoutError("mine"), "TimeoutError: mine"),
        (asyncio.CancelledError(), "CancelledError"),
        (StopIteration(), "StopIteration"),
    ):
        for timeout in (None, 60):
            result = ran(fails(error), timeout=timeout)
            assert (result.status, result.text, result.value) == ("failed", text, None)


def test_async_failures() -> None:
    """The same of async functions, where SystemExit would end the loop."""

    async def leave() -> None:
        raise SystemExit(3)

    async def cancelled() -> None:
        raise asyncio.CancelledError

    async def late() -> None:
        raise TimeoutError

    for timeout in (None, 60):
        assert ran(leave, timeout=timeout).text == "SystemExit: 3"
        assert ran(cancelled, timeout=timeout).text == "CancelledError"
        assert ran(late, timeout=timeout).status == "failed"


def test_value_that_cannot_be_shown() -> None:
    """A value whose own code fails is named."""

    class Worse(BaseException):
        """Goes through."""

    class Odd:
        """Cannot be looked at."""

        def _repr_llm_(self) -> str:
            raise Worse

        def __repr__(self) -> str:
            raise Worse

    result = ran(Odd)
    assert result.status == "done"
    assert "Odd" in result.text


def test_by_hand() -> None:
    """A tool that was made by hand is run like any other."""
    tool = Tool(name="sum", parameters={"type": "object"}, function=lambda **values: values)
    prepared = prepare_call({"sum": tool}, call_of("sum", '{"a": 1}'))
    assert not isinstance(prepared, ToolResult)
    assert run_tool(*prepared, call=call_of("sum")).text == '{"a":1}'


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("get_weather", '{"city": "Paris"}', "get_weather(city='Paris')"),
        (
            "f",
            '{"a": 1, "b": [true, null], "c": {"d": 0.5}}',
            "f(a=1, b=[True, None], c={'d': 0.5})",
        ),
        ("now", "", "now()"),
        ("now", "null", "now()"),
        ("now", "{}", "now()"),
        ("f", '{"a": ', 'f({"a": )'),
        ("f", "[1]", "f([1])"),
        ("f", '{"a b": 1}', "f('a b'=1)"),
        ("f", '{"a": "x\\ny\\u001b[31m"}', r"f(a='x\ny\x1b[31m')"),
        ("f", "\x1b[31m\n", r"f(\x1b[31m\n)"),
        ("a\u202eb", "{}", r"a\u202eb()"),
        ("f", '{"a": "' + "x" * 100 + '"}', "f(a='" + "x" * 73 + "…)"),
        ("f", '{"a": "' + "x" * 50_000 + '"}', 'f({"a": "' + "x" * 69 + "…)"),
        ("f", "[" * 10_000, "f(" + "[" * 76 + "…)"),
        ("n" * 200, "{}", "n" * 78 + "…)"),
    ],
)
def test_shown(name: str, arguments: str, expected: str) -> None:
    """A call is shown as Python has it, on one line and not too long."""
    assert shown_call(name, arguments) == expected
    assert len(shown_call(name, arguments, 20)) <= 20
