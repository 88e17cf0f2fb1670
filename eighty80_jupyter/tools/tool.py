"""A tool: a Python function that a model can call, with its name and the schema of its arguments.

pydantic, which makes the schemas, is imported by the first tool that needs it.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypedDict, Unpack

from eighty80_jupyter import loading
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.text import shown
from eighty80_jupyter.tools.arguments import check, parsed

# Source: OpenAI's function calling, "name".
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


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


class ToolOptions(TypedDict, total=False):
    """How a function is run that is made a tool; see `Tool`."""

    safe: bool
    confirm: bool | None
    timeout: float | None
    main_thread: bool
    strict: bool | None


def make_tool(
    function: Callable[..., Any],
    *,
    name: str | None = None,
    description: str | None = None,
    **settings: Unpack[ToolOptions],
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
        inputs=inputs,
        **settings,
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
