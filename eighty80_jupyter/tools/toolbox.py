"""The tools of a session: what is registered, chosen by names, and taken out again.

    toolbox = ToolBox()

    @toolbox.tool
    def get_weather(city: str, unit: Literal["C", "F"] = "C") -> str: ...

    toolbox["get_weather"].to_wire()                        # what the model is told
    toolbox["get_weather"].arguments('{"city": "Paris"}')   # what the model asks, as Python values

`tools.tool` tells what a tool is.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, Unpack, overload

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.text import unknown
from eighty80_jupyter.tools.tool import Tool, ToolOptions, make_tool
from eighty80_jupyter.watchers import Watchers

F = TypeVar("F", bound=Callable[..., Any])
D = TypeVar("D")

_LISTED = 50  # names in a message


_OPTIONS = ("name", "description", *ToolOptions.__annotations__)


class ToolBox(Mapping[str, Tool]):
    """The tools of a session by their names, in the order in which they came.

    Cells, tools and the loops of MCP servers change them, under `_lock`: they are put into a new
    dictionary, so that whoever reads one has all of it.
    """

    def __init__(self) -> None:
        self._tools: dict[str, Tool] = {}
        self._watchers: Watchers[Callable[[], object]] = Watchers()
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Callable[..., ToolBox], tuple[tuple[Tool, ...]]]:
        """Copy and pickle the tools; who watches stays with these."""
        return _rebuilt, (tuple(self._tools.values()),)

    def __repr__(self) -> str:
        return f"<ToolBox: {', '.join(self._tools) or 'no tools'}>"

    def __iter__(self) -> Iterator[str]:
        return iter(self._tools)

    def __len__(self) -> int:
        return len(self._tools)

    def __contains__(self, name: object) -> bool:
        return name in self._tools

    def __getitem__(self, name: str) -> Tool:
        """Return a tool. Raises UsageError with the nearest name."""
        try:
            return self._tools[name]
        except KeyError:
            raise UsageError(unknown_tool(str(name), tuple(self._tools))) from None

    # A name that is not there raises UsageError, which Mapping's own does not expect.
    @overload
    def get(self, name: str, default: None = None, /) -> Tool | None: ...
    @overload
    def get(self, name: str, default: Tool, /) -> Tool: ...
    @overload
    def get(self, name: str, default: D, /) -> Tool | D: ...
    def get(self, name: str, default: Any = None, /) -> Any:
        """Return a tool, or `default` where there is none of this name."""
        return self._tools.get(name, default)

    def copy(self) -> dict[str, Tool]:
        """Return the tools as they are now."""
        return dict(self._tools)

    def add(self, tool: Tool) -> None:
        """Add a tool; one of the same name is replaced, since cells are run again."""
        with self._lock:
            self._tools = {**self._tools, tool.name: tool}
        self.tell()

    def remove(self, name: str) -> None:
        """Take a tool out. Raises UsageError with the nearest name."""
        self[name]
        with self._lock:
            self._tools = {each: tool for each, tool in self._tools.items() if each != name}
        self.tell()

    def exchange(self, old: Iterable[Tool], new: Iterable[Tool]) -> list[Tool]:
        """Put tools in the place of others, all at once, and return them as they are called here.

        Of the `old` ones those are taken out that are there still. A name that is taken gets a
        number behind it. Nobody is told: `tell` is to be called once these are known.
        """
        gone = {id(tool) for tool in old}
        added = []
        with self._lock:
            tools = {name: tool for name, tool in self._tools.items() if id(tool) not in gone}
            for tool in new:
                name, number = tool.name, 1
                while name in tools:
                    number += 1
                    name = f"{tool.name[:60]}_{number}"
                tools[name] = replace(tool, name=name)
                added.append(tools[name])
            self._tools = tools
        return added

    def watch(self, told: Callable[[], object]) -> Callable[[], None]:
        """Call `told` whenever the tools have changed, in any thread; it must return at once.

        Returns the function that ends this.
        """
        return self._watchers.watch(told)

    def tell(self) -> None:
        """Tell the watchers that the tools have changed."""
        for told in self._watchers:
            told()

    def select(self, names: str | Sequence[str]) -> tuple[Tool, ...]:
        """Return the tools of these names, each once: a list, a text "a,b", or "all".

        Raises UsageError with the nearest name.
        """
        if isinstance(names, str):
            names = [part for name in names.split(",") if (part := name.strip())]
        if list(names) == ["all"] and "all" not in self._tools:
            return tuple(self._tools.values())
        return tuple(self[name] for name in dict.fromkeys(names))

    @overload
    def tool(
        self,
        function: F,
        /,
        *,
        name: str | None = None,
        description: str | None = None,
        **settings: Unpack[ToolOptions],
    ) -> F: ...
    @overload
    def tool(
        self,
        function: None = None,
        /,
        *,
        name: str | None = None,
        description: str | None = None,
        **settings: Unpack[ToolOptions],
    ) -> Callable[[F], F]: ...
    def tool(
        self, function: Callable[..., Any] | None = None, /, **settings: Any
    ) -> Callable[..., Any]:
        """Register a function as a tool and return it unchanged: `@tool` or `@tool(safe=True)`.

        The model is told the signature, the annotations and the docstring. `name` and `description`
        take the place of the function's own. `safe=True`: it changes nothing, and runs without a
        question, beside others. `confirm` True or False: ask always, or never; None: unless it is
        safe. `timeout` in seconds; None: `ChatConfig.tool_timeout`. `main_thread`: it runs there
        only, where no timeout can stop it. `strict` is sent as it is; None: it is not sent.

        Raises UsageError for what cannot be described or is no setting.
        """
        for setting in settings:
            if setting not in _OPTIONS:
                raise UsageError(unknown("setting of a tool", setting, _OPTIONS))
        if function is None:
            return functools.partial(self.tool, **settings)
        self.add(make_tool(function, **settings))
        return function


def _rebuilt(tools: Iterable[Tool]) -> ToolBox:
    """Return tools that were copied or pickled."""
    made = ToolBox()
    made.exchange((), tools)
    return made


def unknown_tool(name: str, known: Sequence[str]) -> str:
    """Return the text for a name that is not among those of the tools, with the nearest."""
    if not known:
        return f"unknown tool {name}: there are no tools; write @chat.tool above a function"
    more = f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
    return f"{unknown('tool', name, known)}; the tools are: {', '.join(known[:_LISTED])}{more}"
