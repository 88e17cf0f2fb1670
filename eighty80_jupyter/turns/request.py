"""What a turn is given, and what it is while it runs."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.api.deltas import Snapshot
from eighty80_jupyter.api.messages import Message
from eighty80_jupyter.api.reply import Reply, Stopped, Usage
from eighty80_jupyter.conversation.conversation import Conversation, InstructionRole
from eighty80_jupyter.conversation.events import TurnEvent
from eighty80_jupyter.tools.offer import ToolOffer
from eighty80_jupyter.tools.rounds import Round
from eighty80_jupyter.tools.tool import Tool
from eighty80_jupyter.turns.context import ContextSettings

if TYPE_CHECKING:
    # The client brings in the HTTP library, which nobody waits for before the first request, and
    # typed answers bring in pydantic.
    from eighty80_jupyter.structured.asking import TypedAnswer
    from eighty80_jupyter.wire.client import Settings
    from eighty80_jupyter.wire.endpoint import Endpoint

# Tells those who watch a turn what has happened in it.
Emit = Callable[[Sequence[TurnEvent]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a turn stands in its conversation.

    `again` is the id of a turn that is answered once more: what stands before it is sent, and the
    answer becomes its chosen alternative. With `join` that turn is sent too, and what comes is
    added to its answer. Without `history` nothing that stands before is sent, without `keep`
    nothing is committed. `cell` is the notebook's name for the cell that asks.
    """

    again: str | None = None
    join: bool = False
    history: bool = True
    keep: bool = True
    cell: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Everything that a turn needs besides the conversation.

    `parameters` are the fields of the body but for the messages, `system` the instruction where
    the conversation has none, `instruction` a new one that takes its place from this turn on,
    `turn_instruction` one that does so for this turn alone.
    `has_data` tells whether blocks of data stand in the prompt, `source` is the prompt as typed,
    `context` says what happens where the model takes less than all. `offer` are the tools that the
    model may call; None: it gets none. `known_tools` are those that earlier turns may have offered,
    by name. `lost` says, asked when a connection broke, that the server
    is no more, and what helps; empty: that is not known. `typed` is the type that the answer shall
    have.
    """

    prompt: Message
    parameters: Mapping[str, Any]
    endpoint: Endpoint
    settings: Settings
    stream: bool = True
    system: str | None = None
    system_role: InstructionRole = "system"
    instruction: str | None = None
    turn_instruction: str | None = None
    has_data: bool = False
    source: str = ""
    place: Place = Place()
    context: ContextSettings = field(default_factory=ContextSettings)
    offer: ToolOffer | None = None
    known_tools: Mapping[str, Tool] = field(default_factory=dict)
    lost: Callable[[], str] = field(default=str, compare=False)
    typed: TypedAnswer | None = None


@dataclass(slots=True, eq=False, weakref_slot=True)
class RunningTurn:
    """A turn that is under way. It changes on the loop thread; other threads may look.

    `rounds` are those that ended in tool calls, `snapshot` is what has come of the present one.
    `adapted` says how the requests were changed for the server, `tool_seconds` is what the calls
    took, `recorded_seconds` what the requests took by a record (None: there is none), `stopped` why
    there will be no more. `reply` is set when the turn has ended with one,
    `error` when it failed; `note` says what of the history was not sent; `done` tells that it has
    ended. `cancel` stops it from any thread.

    Of a typed answer, `values` are the values, `attempts` counts how often it was asked for,
    `rejected` is what the answers before took that could not be read.
    """

    conversation: Conversation
    request: Request
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    snapshot: Snapshot = field(default_factory=Snapshot)
    reply: Reply | None = None
    error: Exception | None = None
    note: str = ""
    done: bool = False
    cancel: Callable[[], object] = lambda: None
    rounds: list[Round] = field(default_factory=list)
    adapted: list[str] = field(default_factory=list)
    tool_seconds: float = 0.0
    recorded_seconds: float | None = None
    stopped: Stopped = ""
    values: tuple[Any, ...] = ()
    attempts: int = 1
    problems: tuple[str, ...] = ()
    rejected: list[Usage] = field(default_factory=list)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle as what had come by then, which nobody can stop."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "cancel"}
        values["request"] = replace(
            self.request, context=ContextSettings(), known_tools={}, offer=None, lost=str
        )
        return partial(RunningTurn, **values), ()

    @property
    def messages(self) -> tuple[Message, ...]:
        """The prompt, and the rounds so far with the results that are there."""
        return (self.request.prompt, *(m for done in self.rounds for m in done.messages()))


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What would be sent: the messages, and what of the history is not among them, in words."""

    messages: list[Message]
    note: str = ""
