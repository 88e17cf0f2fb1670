"""Tools: Python functions that a model can call. A tool is a name, a schema and a callable.

    toolbox = ToolBox()

    @toolbox.tool
    def get_weather(city: str, unit: Literal["C", "F"] = "C") -> str: ...

    toolbox["get_weather"].to_wire()                        # what the model is told
    toolbox["get_weather"].arguments('{"city": "Paris"}')   # what the model asks, as Python values

pydantic, which makes the schemas, is imported by the first tool that needs it.
"""

from __future__ import annotations

import functools
import inspect
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar, overload

from eighty80_jupyter import loading
from eighty80_jupyter.api.request_parameters import shown, unknown
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.tools.arguments import check, parsed
from eighty80_jupyter.watchers import Watchers

F = TypeVar("F", bound=Callable[..., Any])
D = TypeVar("D")

# Source: OpenAI's function calling, "name".
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LISTED = 50  # names in a message
_SETTINGS = ("name", "description", "safe", "confirm", "timeout", "main_thread", "strict")


class Reader(Protocol):
    """Reads the arguments of a call."""

    def read(self, values: Mapping[str, Any], /) -> dict[str, Any]:
        """Return the keyword arguments for parsed JSON. Raises ToolInputError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One tool. Raises UsageError for what cannot be offered to a model.

    `name` has 1 to 64 letters, digits, `_` or `-`. `description` tells the model what it does;
    empty: it is not sent. `parameters` is the JSON Schema of an object. `function` is called with
    the arguments as keywords; it may be async.

    `safe`: it has no side effects, so it may run beside others and is not asked about. `confirm`:
    whether the user is asked before each call; None: unless it is safe. `timeout` in seconds; None:
    the configuration's. `main_thread`: it runs in the kernel's main thread only, where no timeout
    can stop it; not for async functions. `strict` is sent as it is; None: it is not sent.

    `inputs` reads the arguments of a function with annotations; None, as for a tool made by hand:
    they are checked by the schema and not converted. `note` is what a person is told beside the
    question whether it may be called.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any]
    function: Callable[..., Any] = field(repr=False)
    safe: bool = False
    confirm: bool | None = None
    timeout: float | None = None
    main_thread: bool = False
    strict: bool | None = None
    inputs: Reader | None = field(default=None, repr=False, compare=False)
    note: str = field(default="", repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise UsageError(
                f"a tool's name has 1 to 64 ASCII letters, digits, _ or -, got {shown(self.name)}; "
                'give another with name="..."'
            )
        function: Any = self.function
        if not callable(function):
            kind = type(function).__name__
            raise UsageError(f"{self.name} must have a function to call, got a {kind}")
        if not isinstance(self.parameters, Mapping) or self.parameters.get("type") != "object":
            raise UsageError(
                f"the parameters of {self.name} must be the JSON Schema of an object "
                f'({{"type": "object", ...}}), got {shown(self.parameters)}'
            )
        text: Any = self.description
        if not isinstance(text, str):
            raise UsageError(f"the description of {self.name} must be a text, got {shown(text)}")
        for word in ("safe", "confirm", "main_thread", "strict"):
            # A text such as "no" would count as a yes.
            if not isinstance(value := getattr(self, word), bool) and value is not None:
                raise UsageError(f"{word} of {self.name} must be True or False, got {shown(value)}")
        limit = self.timeout
        number = isinstance(limit, (int, float)) and not isinstance(limit, bool)
        if limit is not None and not (number and limit > 0):
            raise UsageError(
                f"the timeout of {self.name} must be seconds above 0, or None, got {shown(limit)}"
            )
        if self.main_thread and self.is_async:
            raise UsageError(
                f"{self.name} is async, so it runs in an event loop and a thread of its own; "
                "write it with def, or leave main_thread out"
            )

    @property
    def is_async(self) -> bool:
        """Whether the function is a coroutine function or an async generator."""
        function: Any = self.function
        while isinstance(function, functools.partial):
            function = function.func
        if isinstance(function, staticmethod):
            function = function.__func__
        elif not inspect.isroutine(function) and not inspect.isclass(function):
            function = type(function).__call__
        return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)

    @property
    def asks(self) -> bool:
        """Whether the user is asked before a call."""
        return not self.safe if self.confirm is None else self.confirm

    def to_wire(self) -> dict[str, Any]:
        """Return the tool as the `tools` of a request carry it."""
        function: dict[str, Any] = {"name": self.name}
        if self.description:
            function["description"] = self.description
        function["parameters"] = dict(self.parameters)
        if self.strict is not None:
            function["strict"] = self.strict
        return {"type": "function", "function": function}

    def arguments(self, text: str) -> dict[str, Any]:
        """Return the keyword arguments for the JSON text that a model wrote.

        An empty text and `null` are `{}`. Raises ToolInputError, whose text is for the model: what
        is wrong with which parameter, what was expected and what came.
        """
        values = parsed(text)
        if self.inputs is not None:
            return self.inputs.read(values)
        check(values, self.parameters)
        return values


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
        return self._watchers.add(told)

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
        safe: bool = False,
        confirm: bool | None = None,
        timeout: float | None = None,
        main_thread: bool = False,
        strict: bool | None = None,
    ) -> F: ...
    @overload
    def tool(
        self,
        function: None = None,
        /,
        *,
        name: str | None = None,
        description: str | None = None,
        safe: bool = False,
        confirm: bool | None = None,
        timeout: float | None = None,
        main_thread: bool = False,
        strict: bool | None = None,
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
            if setting not in _SETTINGS:
                raise UsageError(unknown("setting of a tool", setting, _SETTINGS))
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


def make_tool(
    function: Callable[..., Any],
    *,
    name: str | None = None,
    description: str | None = None,
    safe: bool = False,
    confirm: bool | None = None,
    timeout: float | None = None,
    main_thread: bool = False,
    strict: bool | None = None,
) -> Tool:
    """Return the tool for a function: its schema from the signature, the words from the docstring.

    `name` and `description` take the place of the function's own; the rest is as in `Tool`. Any
    function, bound method, partial or callable object will do, if each parameter has a type that
    JSON can carry. Raises UsageError, in one line that says how to mend it.
    """
    loading.require(*loading.TOOLS)
    from eighty80_jupyter.tools.schema import inputs_of  # noqa: PLC0415  # a door: pydantic

    if name is None:
        name = _name_of(function)
    inputs, parameters, words = inputs_of(function, name)
    return Tool(
        name=name,
        description=words if description is None else description,
        parameters=parameters,
        function=function,
        safe=safe,
        confirm=confirm,
        timeout=timeout,
        main_thread=main_thread,
        strict=strict,
        inputs=inputs,
    )


def _name_of(function: Any) -> str:
    """Return the name of a function, or of what a partial or an object stands for."""
    while isinstance(function, functools.partial):
        function = function.func
    if isinstance(function, str):
        raise UsageError(f"a tool must be a function, got a text; write tool(name={function!r})")
    name = getattr(function, "__name__", None) or type(function).__name__
    if name == "<lambda>":
        raise UsageError('a lambda has no name; give one with name="..."')
    return str(name)
