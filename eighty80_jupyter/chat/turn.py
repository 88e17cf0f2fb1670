"""What happens in a turn: the request goes out, deltas come in, the exchange is committed.

A turn runs as one coroutine on the loop thread, so that an interrupt of the thread that waits for
it can never leave the conversation half changed.
"""

from __future__ import annotations

import asyncio
import time
import uuid
import weakref
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.api.deltas import Event, Retrying, Snapshot
from eighty80_jupyter.api.messages import Message
from eighty80_jupyter.api.reply import Reply, Status
from eighty80_jupyter.chat.conversation import Conversation, Exchange, InstructionRole, Turn
from eighty80_jupyter.errors import APIError
from eighty80_jupyter.prompt.rendered import DATA_NOTE

if TYPE_CHECKING:
    # The client brings in the HTTP library, which nobody waits for before the first request.
    from eighty80_jupyter.api.client import Client, Settings
    from eighty80_jupyter.api.endpoint import Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a turn stands in its conversation.

    `again` is the id of a turn that is answered once more: what stands before it is sent, and the
    answer becomes its chosen alternative. Without `history` nothing that stands before is sent,
    without `keep` nothing is committed. `cell` is the notebook's name for the cell that asks.
    """

    again: str | None = None
    history: bool = True
    keep: bool = True
    cell: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Everything that a turn needs besides the conversation.

    `parameters` are the fields of the body but for the messages, `system` the instruction where
    the conversation has none, `instruction` a new one that takes its place from this turn on.
    `has_data` tells whether blocks of data stand in the prompt, `source` is the prompt as typed.
    """

    prompt: Message
    parameters: Mapping[str, Any]
    endpoint: Endpoint
    settings: Settings
    stream: bool = True
    system: str | None = None
    system_role: InstructionRole = "system"
    instruction: str | None = None
    has_data: bool = False
    source: str = ""
    place: Place = Place()


@dataclass(slots=True, eq=False)
class Running:
    """A turn that is under way. It changes on the loop thread; other threads may look.

    `snapshot` is what has come of the present round. `reply` is set when the turn has ended with
    one, `error` when it failed; `done` tells that it has ended. `cancel` stops it from any thread.
    """

    conversation: Conversation
    request: Request
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    snapshot: Snapshot = field(default_factory=Snapshot)
    reply: Reply | None = None
    error: Exception | None = None
    done: bool = False
    cancel: Callable[[], object] = lambda: None


Emit = Callable[[Sequence[Event]], None]


def outgoing(
    conversation: Conversation,
    prompt: Message,
    *,
    instruction: str | None,
    system: str | None,
    system_role: InstructionRole,
    has_data: bool,
    place: Place,
) -> list[Message]:
    """Return the messages as they are sent: the instruction, the history, the prompt.

    The parameters are those of a `Request`.
    """
    own = conversation.system if instruction is None and place.history else instruction
    texts = [own if own is not None else system]
    if has_data or (place.history and conversation.has_data):
        texts.append(DATA_NOTE)
    text = "\n\n".join(filter(None, texts))
    head = [Message(system_role, text)] if text else []
    history = conversation.to_messages(before=place.again) if place.history else []
    return [*head, *history, prompt]


async def take_turn(running: Running, client: Client, emit: Emit) -> Reply:
    """Send the prompt with the history, emit what comes, commit the turn and return the reply.

    Turns of one conversation wait for each other. Cancelled, it returns what had come as a reply
    with the status `interrupted`. Broken off by an APIError, it raises that with the partial reply
    as its `reply`. A partial reply is committed too; where nothing had come the conversation stays
    as it was.
    """
    start = time.perf_counter()
    try:
        async with _in_order(running):
            await _round(running, client, emit)
    except asyncio.CancelledError:
        return _end(running, start, "interrupted")
    except APIError as error:
        reply = _end(running, start, "error", str(error))
        error.reply = None if reply.empty else reply
        running.error = error
        raise
    return _end(running, start, "complete")


async def _round(running: Running, client: Client, emit: Emit) -> None:
    """Send one request and take in all that answers it."""
    request, snapshot = running.request, running.snapshot
    messages = outgoing(
        running.conversation,
        request.prompt,
        instruction=request.instruction,
        system=request.system,
        system_role=request.system_role,
        has_data=request.has_data,
        place=request.place,
    )
    body = {**request.parameters, "messages": [message.to_wire() for message in messages]}
    # Closed here, the connection is released before the turn counts as ended.
    stream = client.complete(
        request.endpoint, body, stream=request.stream, settings=request.settings
    )
    async with aclosing(stream):
        async for batch in stream:
            for event in batch:
                if not isinstance(event, Retrying):
                    snapshot.apply(event)
            emit(batch)


def _end(running: Running, start: float, status: Status, error: str = "") -> Reply:
    """Commit the exchange, if there is one, and return the reply."""
    request, conversation = running.request, running.conversation
    reply = running.snapshot.to_reply(
        seconds=time.perf_counter() - start,
        parameters=request.parameters,
        status=status,
        error=error,
    )
    running.reply = reply
    if request.place.keep and (status == "complete" or not reply.empty):
        # No tool was offered, and a call that nobody answers would make the history invalid.
        answer = replace(reply.choices[0], tool_calls=()).to_message()
        exchange = Exchange(
            messages=(request.prompt, answer),
            reply=reply,
            has_data=request.has_data,
            source=request.source,
        )
        if request.instruction is not None:
            conversation.system = request.instruction
        if request.place.again is not None:
            conversation.add_alternative(request.place.again, exchange)
        else:
            conversation.commit(
                Turn(alternatives=(exchange,), id=running.id, cell=request.place.cell)
            )
    return reply


# A lock belongs to one loop, and a conversation may see several.
_Locks = weakref.WeakKeyDictionary[Conversation, tuple[asyncio.AbstractEventLoop, asyncio.Lock]]
_locks: _Locks = weakref.WeakKeyDictionary()


@asynccontextmanager
async def _in_order(running: Running) -> AsyncIterator[None]:
    """Wait for the turns of this conversation that began before; what is not kept need not."""
    if not running.request.place.keep:
        yield
        return
    loop = asyncio.get_running_loop()
    known = _locks.get(running.conversation)
    if known is None or known[0] is not loop:
        known = _locks[running.conversation] = (loop, asyncio.Lock())
    async with known[1]:
        yield
