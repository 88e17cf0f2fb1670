"""What a turn offers to the model: which tools, and how it may choose among them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.text import shown, unknown
from eighty80_jupyter.tools.tool import Tool, make_tool
from eighty80_jupyter.tools.toolbox import ToolBox

CHOICES = ("auto", "none", "required")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOffer:
    """The tools that a turn offers to the model.

    `rounds` is how often it may call before it must answer. `choice` is "auto", "none", "required",
    the name of a tool, or None: not sent. `parallel` is sent as `parallel_tool_calls`; None: not
    sent. `redactor` takes secrets out of the arguments that the history carries; None: they stay.
    Raises UsageError for a choice that is none of these.
    """

    tools: tuple[Tool, ...]
    rounds: int = 10
    choice: str | None = None
    parallel: bool | None = None
    redactor: Callable[[str], str] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        known = (*CHOICES, *self.names)
        if self.choice is not None and self.choice not in known:
            raise UsageError(
                f"{unknown('tool choice', str(self.choice), known)}; "
                f"expected {', '.join(known)}: a name must be among the tools of the turn"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the tools."""
        return tuple(tool.name for tool in self.tools)

    def fields(self, number: int) -> dict[str, Any]:
        """Return the fields of the body of round `number`, counted from 1.

        A call is demanded in the first round only: the model would never come to answer.
        """
        fields: dict[str, Any] = {"tools": [tool.to_wire() for tool in self.tools]}
        if self.choice in CHOICES[:2] or (self.choice == CHOICES[2] and number == 1):
            fields["tool_choice"] = self.choice
        elif self.choice not in (None, *CHOICES) and number == 1:
            fields["tool_choice"] = {"type": "function", "function": {"name": self.choice}}
        if self.parallel is not None:
            fields["parallel_tool_calls"] = self.parallel
        return fields


def make_offer(
    toolbox: ToolBox,
    tools: str | bool | Sequence[str | Tool | Callable[..., Any]] | None,  # noqa: FBT001  # a choice
    *,
    rounds: int = 10,
    choice: str | None = None,
    parallel: bool | None = None,
) -> ToolOffer | None:
    """Return what a turn offers; None: nothing.

    `tools`: "all" or True, names ("a,b" or a list), functions, or None and False for none. Raises
    UsageError for what is not known, and for a choice where there are no tools.
    """
    if tools is True:
        tools = "all"
    if isinstance(tools, str):
        found = toolbox.select(tools)
        if not found and tools.strip():
            _ = toolbox[tools.strip()]  # there are none, and it says so
    elif not tools:
        found = ()
    elif callable(tools) or not isinstance(tools, Iterable):
        raise UsageError(f'tools must be "all", names or a list of functions, got {shown(tools)}')
    else:
        found = tuple(_one_tool(toolbox, tool) for tool in tools)
    if not found:
        if choice is not None or parallel is not None:
            name = "tool_choice" if choice is not None else "parallel_tool_calls"
            raise UsageError(
                f"{name} needs tools to choose from; name them with tools=... (--tools)"
            )
        return None
    unique = {tool.name: tool for tool in found}
    return ToolOffer(tools=tuple(unique.values()), rounds=rounds, choice=choice, parallel=parallel)


def _one_tool(toolbox: ToolBox, tool: str | Tool | Callable[..., Any]) -> Tool:
    if isinstance(tool, Tool):
        return tool
    if isinstance(tool, str):
        return toolbox[tool]
    known = next((other for other in toolbox.copy().values() if other.function == tool), None)
    return known or make_tool(tool)
