"""Calls of tools without a turn around them: one by itself, and several by the executor."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from eighty80_jupyter.api.messages import ToolCall
from eighty80_jupyter.conversation.conversation import Conversation
from eighty80_jupyter.conversation.events import CallBegan
from eighty80_jupyter.tools.call import ToolResult, run_tool
from eighty80_jupyter.tools.executor import ToolExecutor
from eighty80_jupyter.tools.tool import Tool, make_tool


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


def call(name: str, number: int = 1, arguments: str = "{}") -> ToolCall:
    """Make a call with an id of its own."""
    return ToolCall(id=f"{name}-{number}", name=name, arguments=arguments)


class Run:
    """A run of calls: the results in the order in which they came, and what was told."""

    def __init__(self, *tools: Tool, **settings: Any) -> None:
        self.stop = threading.Event()
        self.results: list[ToolResult] = []
        self.told: list[Any] = []
        self.conversation = Conversation()
        self.executor = ToolExecutor(
            tools={tool.name: tool for tool in tools}, conversation=self.conversation, **settings
        )

    def __call__(self, *calls: ToolCall, stop: bool = True) -> list[tuple[str, str]]:
        """Run the calls and return the ids of the results and their statuses, as they came."""
        self.executor.run(calls, self.results.append, self.told.append, self.stop if stop else None)
        return [(result.call.id, result.status) for result in self.results]

    @property
    def began(self) -> list[str]:
        """The ids of the calls that were told to have begun."""
        return [event.call.id for event in self.told if isinstance(event, CallBegan)]


def tool(function: Callable[..., Any], name: str = "work", **settings: Any) -> Tool:
    """Make a tool that nobody is asked about."""
    return make_tool(function, name=name, confirm=False, **settings)
