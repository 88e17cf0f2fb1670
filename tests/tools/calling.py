"""One call of a tool without a turn around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eighty80_jupyter.api.messages import ToolCall
from eighty80_jupyter.tools.call import run_tool
from eighty80_jupyter.tools.tool import make_tool


def get_weather(city: str) -> str:
    """Tell the weather."""
    return f"fine in {city}"


def call_of(name: str = "get_weather", arguments: str = '{"city": "Paris"}') -> ToolCall:
    """Make a call."""
    return ToolCall(id="c1", name=name, arguments=arguments)


def ran(function: Callable[..., Any], *, timeout: float | None = None, **settings: Any) -> Any:
    """Run a function as a tool and return the result."""
    tool = make_tool(function, name="it", **settings)
    return run_tool(tool, {}, call=call_of("it", ""), timeout=timeout)
