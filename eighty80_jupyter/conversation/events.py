"""What happens in a turn, for whoever watches it: the deltas of its rounds, and its tool calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from eighty80_jupyter.api.deltas import Event
from eighty80_jupyter.api.messages import ToolCall


@dataclass(frozen=True, slots=True)
class TurnWaits:
    """Another turn of the conversation is under way; this one begins when that has ended."""


@dataclass(frozen=True, slots=True)
class TurnGoesOn:
    """The turn that waited begins."""


@dataclass(frozen=True, slots=True)
class RoundBegan:
    """Another request goes out; `number` counts from 1. Told only where tools are offered."""

    number: int


@dataclass(frozen=True, slots=True)
class AnswerRejected:
    """The answer is not of the type that was asked for; attempt `number` goes out in its place."""

    number: int


@dataclass(frozen=True, slots=True)
class CallWritten:
    """The text of this round ends in calls that the model wrote; they are treated as such.

    `said` is what stands before them.
    """

    calls: tuple[ToolCall, ...]
    said: str = ""


@dataclass(frozen=True, slots=True)
class CallBegan:
    """A call is looked at, and asked about; then it runs. `shown` is the call on one line."""

    call: ToolCall
    shown: str


@dataclass(frozen=True, slots=True)
class CallEnded:
    """A call has its result.

    `call` has the arguments with which it ran, `status` is that of the `ToolResult`, `text` what
    the model reads, `seconds` how long it ran. `value` is what the function returned.
    """

    call: ToolCall
    shown: str
    status: str
    text: str
    seconds: float = 0.0
    value: Any = field(default=None, repr=False, compare=False)


ToolEvent = RoundBegan | CallWritten | CallBegan | CallEnded
TurnEvent = Event | ToolEvent | TurnWaits | TurnGoesOn | AnswerRejected
