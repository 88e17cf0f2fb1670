"""What can be said about one turn: the record that `ask` and `start` share."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from eighty80_jupyter.api.request_parameters import PARAMETERS
from eighty80_jupyter.conversation.conversation import Conversation
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.storage.presets import Preset
from eighty80_jupyter.tools.executor import Confirmer
from eighty80_jupyter.tools.tool import Tool
from eighty80_jupyter.turns.request import Place

Tools = str | bool | Sequence[str | Tool | Callable[..., Any]]
_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnOptions:
    """The options of a turn, as `Session.ask` explains them; `parameters` are the request's."""

    system: str | None = None
    fields: bool = False
    allow_secrets: bool = False
    stream: bool | None = None
    once: bool = False
    conversation: str | Conversation | None = None
    place: Place | None = None
    tools: Tools | None = None
    tool_choice: str | None = None
    parallel_tool_calls: bool | None = None
    confirmer: Confirmer | None = None
    returns: Any = None
    cells: str | bool | None = None
    preset: str | Preset | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def turn_system(self) -> str | None:
        """The instruction of the preset, for this turn alone; None where there is another."""
        own = self.preset if isinstance(self.preset, Preset) else None
        return own.system if own is not None and self.system is None else None

    @property
    def base_url(self) -> str | None:
        """The address of the preset, for this turn alone."""
        return self.preset.base_url if isinstance(self.preset, Preset) else None

    @property
    def turn_place(self) -> Place:
        """Where the turn stands. Raises UsageError for two places."""
        if self.once and self.place is not None:
            raise UsageError("once and place do not go together")
        return Place(history=False, keep=False) if self.once else self.place or Place()

    @classmethod
    def of(cls, options: TurnOptions | None, keywords: Mapping[str, Any]) -> TurnOptions:
        """Return the record that keywords stand for; names that are no option are parameters.

        Raises UsageError where there are `options` too.
        """
        if options is not None and not keywords:
            return options
        if options is not None:
            raise UsageError(f"options and {next(iter(keywords))} do not go together")
        known = {each.name for each in dataclasses.fields(cls)} - {"parameters"}
        parameters = dict(keywords.get("parameters") or {})
        parameters |= {k: v for k, v in keywords.items() if k not in known | {"parameters"}}
        named = {k: v for k, v in keywords.items() if k in known}
        form = parameters.get("response_format")
        if form is not None and not isinstance(form, (str, Mapping)) and "returns" not in named:
            named["returns"] = parameters.pop("response_format")  # a type, as elsewhere
        return cls(**named, parameters=parameters)


def lists_options(method: _F) -> _F:
    """Have `help` and Tab name each option and each parameter that the method takes.

    Its own signature has them as keywords, so that they are listed in one place.
    """
    own = inspect.signature(method)
    options = inspect.signature(TurnOptions).parameters.values()
    shown = [p for p in own.parameters.values() if p.kind is not p.VAR_KEYWORD]
    shown += [p for p in options if p.name != "parameters"]
    shown += [inspect.Parameter(name, shown[-1].kind, default=None) for name in PARAMETERS]
    method.__signature__ = own.replace(parameters=shown)  # type: ignore[attr-defined]  # as inspect reads it
    return method
