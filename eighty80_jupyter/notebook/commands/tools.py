"""The options for tools: what a cell offers, and the list of all that there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.session.options import TurnOptions

if TYPE_CHECKING:
    from eighty80_jupyter.notebook.commands.context import CommandContext
    from eighty80_jupyter.tools.rounds import ToolOffer
    from eighty80_jupyter.tools.toolbox import Tool

_PAIRS = (("tools", "no_tools"), ("parallel_tools", "no_parallel_tools"))


def tool_options(values: Mapping[str, Any], again: Sequence[str] = ()) -> dict[str, Any]:
    """Return what the options of a line mean for `session.ask`. Raises UsageError.

    `again` are the tools of a turn that is asked again, offered where the line says nothing else.
    """
    for yes, no in _PAIRS:
        if yes in values and no in values:
            first, second = (f"--{name.replace('_', '-')}" for name in (yes, no))
            raise UsageError(f"{first} and {second} do not go together")
    options: dict[str, Any] = {}
    if "tools" in values:
        options["tools"] = ",".join(values["tools"])
    elif "no_tools" in values:
        options["tools"] = False
    elif again:
        options["tools"] = list(again)
    if "tool_choice" in values:
        options["tool_choice"] = values["tool_choice"]
    if "parallel_tools" in values or "no_parallel_tools" in values:
        options["parallel_tool_calls"] = "parallel_tools" in values
    return options


def offered(
    context: CommandContext, parameters: Mapping[str, Any], again: Sequence[str] = ()
) -> ToolOffer | None:
    """Return the tools that a line offers; None: none. Raises UsageError."""
    options = TurnOptions(parameters=parameters, **tool_options(context.values, again))
    return context.session.requests.offer(options)


def tools_list(context: CommandContext, _value: Any) -> None:
    """List the tools that prompts can offer."""
    from eighty80_jupyter.notebook.cell.views import table_html, table_text  # noqa: PLC0415  # late

    tools = context.session.tools
    if not tools:
        context.say("There are no tools. Write @chat.tool above a function to make it one.")
        return
    rows = [(_signature(t), t.description.split("\n")[0], _traits(t)) for t in tools.values()]
    context.show(table_html(rows, ("tool", "what it does", "how it runs")), table_text(rows))


def _signature(tool: Tool) -> str:
    required = set(tool.parameters.get("required", ()))
    names = tool.parameters.get("properties", {})
    return f"{tool.name}({', '.join(n if n in required else f'[{n}]' for n in names)})"


def _traits(tool: Tool) -> str:
    traits = ["safe"] if tool.safe else []
    traits.append("asks first" if tool.asks else "runs unasked")
    if tool.is_async:
        traits.append("async")
    if tool.main_thread:
        traits.append("in cells only")
    if tool.timeout is not None:
        traits.append(f"at most {tool.timeout:g} s")
    return ", ".join(traits)
