"""One call that a model asks for: prepared, run, and its result as a message.

    prepared = prepare_call(tools, call)           # a ToolResult: nothing is there to be run
    result = run_tool(*prepared, call=call, timeout=30)
    result.to_message()

Whatever goes wrong is a result that the model can act on. Only a KeyboardInterrupt is raised.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from eighty80_jupyter.api.messages import Message, ToolCall
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.tools.result import USUAL, ToolSettings, cleaned, error_text, result_text
from eighty80_jupyter.tools.run import GivenUpError, execute
from eighty80_jupyter.tools.tool import Tool
from eighty80_jupyter.tools.toolbox import unknown_tool

ToolStatus = Literal["done", "failed", "refused", "unknown", "invalid", "timeout", "stopped"]

_NAME = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What became of a call.

    `text` is what the model reads. `status`: "done"; "failed": the function raised; "refused": the
    user said no, or it must not run here; "unknown": there is no such tool; "invalid": the
    arguments do not fit; "timeout"; "stopped": given up for another reason. `seconds` is how long
    it ran. `value` is what the function returned, for display only.
    """

    call: ToolCall
    text: str
    status: ToolStatus
    seconds: float = 0.0
    value: Any = field(default=None, repr=False, compare=False)

    def to_message(self) -> Message:
        """Return the message that answers the call."""
        return Message("tool", self.text, tool_call_id=self.call.id)


def prepare_call(
    tools: Mapping[str, Tool], call: ToolCall, settings: ToolSettings = USUAL
) -> tuple[Tool, dict[str, Any]] | ToolResult:
    """Return the tool and the keyword arguments of a call, or the result that says why not.

    `tools` are those that the model was offered. The status is then "unknown" or "invalid".
    """
    tool = tools.get(call.name)
    if tool is None:
        return not_run(call, "unknown", unknown_tool(call.name[:_NAME], list(tools)), settings)
    try:
        return tool, tool.arguments(call.arguments)
    except UsageError as error:
        text = f"invalid arguments for {call.name}: {error}"
        return not_run(call, "invalid", text, settings)


def not_run(
    call: ToolCall, status: ToolStatus, text: str, settings: ToolSettings = USUAL
) -> ToolResult:
    """Return the result of a call that was not made; `text` says why, for the model."""
    text = cleaned(text, settings.budget, settings.redactor)
    return ToolResult(call=call, text=text, status=status)


def run_tool(
    tool: Tool,
    arguments: Mapping[str, Any],
    *,
    call: ToolCall,
    timeout: float | None = None,
    settings: ToolSettings = USUAL,
    stop: threading.Event | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> ToolResult:
    """Run a tool with prepared arguments and return the result, whatever happens.

    `timeout` in seconds is the limit where the tool has none (None: no limit); `stop`, once set,
    gives the call up. See `execute` for the threads and for what these can stop. A tool that needs
    the main thread is refused in any other. KeyboardInterrupt is raised; nothing else is.
    """
    if tool.main_thread and threading.current_thread() is not threading.main_thread():
        text = (
            f"not run: {tool.name} runs only in the kernel's main thread, which is free for it in "
            "a cell (%%chat) and not here"
        )
        return not_run(call, "refused", text, settings)
    start = clock()

    def ended(status: ToolStatus, text: str, value: Any = None) -> ToolResult:
        seconds = clock() - start
        return ToolResult(call=call, text=text, status=status, seconds=seconds, value=value)

    try:
        value = execute(tool, arguments, timeout=timeout, stop=stop)
    except KeyboardInterrupt:
        raise
    except GivenUpError as error:
        return ended("stopped" if error.timeout is None else "timeout", _given_up(error))
    except BaseException as error:  # noqa: BLE001  # SystemExit and polars' panics are results, too
        return ended("failed", error_text(error, settings))
    try:
        text = result_text(value, settings)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  # a value's own code may raise anything
        text = f"a {type(value).__name__}, which cannot be shown ({type(error).__name__})"
    return ended("done", text, value)


def _given_up(error: GivenUpError) -> str:
    text = "stopped" if error.timeout is None else f"timeout: no result after {error.timeout:g} s"
    return f"{text}; it may still be running" if error.running else f"{text}; it was cancelled"
