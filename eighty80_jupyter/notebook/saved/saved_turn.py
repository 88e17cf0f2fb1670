"""What the outputs of a saved notebook keep of a turn, checked, and the turn that it is again."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from eighty80_jupyter.api import parameter_values, request_parameters
from eighty80_jupyter.api.messages import Message, Part, Role, ToolCall
from eighty80_jupyter.api.reply import CallRecord, Choice, Reply, Status, Usage
from eighty80_jupyter.conversation.turn import Exchange, Turn
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.storage.serialization import check_name, fault, read

# What is never a server's own field of these: it would take the place of what is read.
_CALL_FIELDS = frozenset({"id", "type", "function"})
_MESSAGE_FIELDS = frozenset({"role", "content", "tool_calls", "tool_call_id"})


def _extra(values: Mapping[str, Any] | None, known: frozenset[str]) -> dict[str, Any] | None:
    return {name: value for name, value in (values or {}).items() if name not in known} or None


@dataclass(frozen=True, slots=True)
class _Function:
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class _Call:
    id: str
    function: _Function
    extra: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class _Message:
    """A message in the form in which it is sent."""

    role: Role
    content: str | tuple[Part, ...] | None = None
    tool_calls: tuple[_Call, ...] = ()
    tool_call_id: str | None = None
    extra: Mapping[str, Any] | None = None

    def to_message(self) -> Message:
        calls = tuple(
            ToolCall(
                id=call.id,
                name=call.function.name,
                arguments=call.function.arguments,
                extra=_extra(call.extra, _CALL_FIELDS),
            )
            for call in self.tool_calls
        )
        extra = _extra(self.extra, _MESSAGE_FIELDS) if self.role == "assistant" else None
        return Message(self.role, self.content, calls, self.tool_call_id, extra)


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedTurn:
    """What the last output of a reply keeps; see `metadata` and `summary.reply_metadata`."""

    messages: tuple[_Message, ...] = ()
    role: str = "assistant"
    conversation: str = "main"
    turn: int = 1
    model: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    usage: Mapping[str, Any] | None = None
    finish_reason: str | None = None
    status: Status = "complete"
    seconds: float = 0.0
    calls: tuple[CallRecord, ...] = ()
    id: str = ""
    after: str | None = None
    at: float = 0.0
    source: str = ""
    has_data: bool = False
    system: str | None = None
    reasoning: str = ""
    further: tuple[Choice, ...] = ()
    attached: int = 0
    tools: tuple[str, ...] = ()
    tool_choice: str | None = None
    parallel_tool_calls: bool | None = None
    server: str = ""
    in_python: tuple[int, ...] = ()
    formerly: tuple[str, ...] = ()
    tool_seconds: float = 0.0
    rounds: int = 1
    error: str = ""
    notes: tuple[str, ...] = ()
    cell: str = ""  # what the notebook says, not what was kept


def turn_of(entry: SavedTurn) -> Turn:
    """Return the turn that was kept, with its one answer."""
    messages = _messages(entry)
    first = Choice(
        text=messages[-1].text, reasoning=entry.reasoning, finish_reason=entry.finish_reason
    )
    reply = Reply(
        choices=(first, *entry.further),
        model=entry.model,
        usage=None if entry.usage is None else Usage.from_wire(entry.usage),
        seconds=entry.seconds,
        status=entry.status,
        error=entry.error,
        parameters=entry.parameters,
        notes=entry.notes,
        rounds=entry.rounds,
        calls=entry.calls,
        tool_seconds=entry.tool_seconds,
    )
    exchange = Exchange(
        messages=messages,
        reply=reply,
        has_data=entry.has_data,
        source=entry.source,
        tools=entry.tools,
        tool_choice=entry.tool_choice,
        parallel_tool_calls=entry.parallel_tool_calls,
        server=entry.server[:100],
    )
    if entry.id:
        return Turn(alternatives=(exchange,), id=entry.id, cell=entry.cell)
    return Turn(alternatives=(exchange,), cell=entry.cell)


def checked(raw: Mapping[str, Any], cell: Mapping[str, Any], typed: str) -> SavedTurn:
    """Return what was kept of a turn, with nothing in it that could do anything."""
    entry = read(SavedTurn, {**raw, "cell": str(cell.get("id", ""))[:100]})
    check_name(entry.conversation)
    entry = replace(
        entry,
        id=entry.id[:100],
        source=entry.source if "\0" not in entry.source and entry.source in typed else "",
        parameters=_parameters(entry.parameters),
    )
    # Before anything looks into the messages: they may be of any shape.
    said = Exchange(messages=_messages(entry), reply=Reply())
    if entry.role != "state" and (wrong := fault(said)):
        raise UsageError(f"turn {entry.turn} {wrong}")
    return entry


def _messages(entry: SavedTurn) -> tuple[Message, ...]:
    return tuple(message.to_message() for message in entry.messages)


def _parameters(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that are known, with values that can be."""
    kept = {}
    for name, value in values.items():
        known = request_parameters.canonical(name)
        if known in request_parameters.PARAMETERS and known != "extra":
            with suppress(UsageError):
                kept[name] = parameter_values.check(known, value)
    return kept
