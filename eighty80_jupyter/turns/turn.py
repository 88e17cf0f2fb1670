"""What happens in a turn: the request goes out, deltas come in, the exchange is committed.

A turn runs as one coroutine on the loop thread, so that an interrupt of the thread that waits for
it can never leave the conversation half changed.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.api.deltas import Adapted, Retrying, Snapshot, Took
from eighty80_jupyter.api.messages import Message
from eighty80_jupyter.api.reply import Reply
from eighty80_jupyter.conversation.conversation import Conversation, InstructionRole
from eighty80_jupyter.conversation.events import RoundBegan, TurnGoesOn, TurnWaits
from eighty80_jupyter.conversation.outgoing import as_sent, sent_turns, server_mark, to_wire
from eighty80_jupyter.errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APIStreamError,
    ContextLengthError,
    UsageError,
)
from eighty80_jupyter.prompt.describe.protocol import DATA_NOTE
from eighty80_jupyter.tools.rounds import RunCalls, ToolLoop
from eighty80_jupyter.turns.context import Ask, Context, ContextSettings
from eighty80_jupyter.turns.ending import end_turn, format_error
from eighty80_jupyter.turns.refusal import hint
from eighty80_jupyter.turns.request import Emit, Place, Request, RunningTurn

if TYPE_CHECKING:
    # The client brings in the HTTP library, which nobody waits for before the first request, and
    # typed answers bring in pydantic.
    from eighty80_jupyter.wire.client import Client


def head(
    conversation: Conversation,
    *,
    instruction: str | None,
    system: str | None,
    system_role: InstructionRole,
    has_data: bool,
    place: Place,
    form: str = "",
    turn_instruction: str | None = None,
) -> list[Message]:
    """Return the instruction message that stands before all others, or nothing.

    The parameters are those of a `Request`; `form` says of what form the answer shall be.
    """
    own = conversation.system if instruction is None and place.history else instruction
    own = own if turn_instruction is None else turn_instruction
    texts = [own if own is not None else system]
    if has_data or (place.history and conversation.has_data):
        texts.append(DATA_NOTE)
    texts.append(form)
    text = "\n\n".join(filter(None, texts))
    return [Message(system_role, text)] if text else []


def make_context(
    conversation: Conversation, place: Place, settings: ContextSettings, ask: Ask, url: str
) -> Context:
    """Return what decides which of the messages before that place are sent to the server at `url`.

    Raises UsageError where an answer shall be gone on with that cannot be sent.
    """
    server = server_mark(url)
    before = conversation.turns(before=place.again) if place.history else []
    turns = sent_turns(before, server)
    if place.join and (begun := conversation.turn(place.again)) is not None:
        sent = as_sent(begun, server)
        if sent is None:
            raise UsageError("there is no answer to go on with; %chat --retry asks again")
        turns.append(sent)
    return Context(conversation, turns, settings, ask)


async def take_turn(
    running: RunningTurn, client: Client, emit: Emit, run_calls: RunCalls | None = None
) -> Reply:
    """Send the prompt with the history, emit what comes, commit the turn and return the reply.

    `run_calls` runs the tool calls and emits what happens to them; None: no tools are offered.
    Turns of one conversation wait for each other. Cancelled, it returns what had come as a reply
    with the status `interrupted`. Broken off by an APIError, it raises that with the partial reply
    as its `reply`. A partial reply is committed too; where nothing had come the conversation stays
    as it was. An answer that is not of the type that was asked for is committed, and raises
    ReplyFormatError.
    """
    start = time.perf_counter()
    try:
        async with _in_order(running, emit):
            start = time.perf_counter()  # the time of the turns before it is not its own
            await _rounds(running, client, emit, run_calls)
    except asyncio.CancelledError:
        return end_turn(running, start, "interrupted")
    except APIError as error:
        broke = isinstance(error, (APIConnectionError, APIStreamError))
        if broke and (lost := running.request.lost()):
            error.args = (lost,)
        reply = end_turn(running, start, "error", str(error))
        error.reply = None if reply.empty else reply
        running.error = error
        raise
    reply = end_turn(running, start, "complete")
    if running.problems:
        running.error = format_error(reply)
        raise running.error
    return reply


async def _rounds(
    running: RunningTurn, client: Client, emit: Emit, run_calls: RunCalls | None
) -> None:
    """Send requests and run the calls that they bring, until the model has answered."""
    offer = running.request.offer
    if offer is None or run_calls is None:
        await _answer(running, client, emit)
        return
    loop = ToolLoop(offer, running.rounds, emit, run_calls, running.conversation.call_ids())
    typed = running.request.typed
    form = "" if typed is None else typed.instruction("schema")
    while not running.stopped:
        emit([RoundBegan(loop.number)])
        await _round(running, client, emit, offer.fields(loop.number), form=form)
        called = loop.take(running.snapshot)
        if called is None:
            if typed is not None:
                await _answer(running, client, emit, already=True)
            return
        model, running.snapshot = running.snapshot.model, Snapshot()
        running.snapshot.model = model
        start = time.perf_counter()
        try:
            running.stopped = await loop.answer(called)
        finally:
            running.tool_seconds += time.perf_counter() - start
    # Without the tools it can only answer.
    emit([RoundBegan(loop.number)])
    await _answer(running, client, emit)


async def _answer(
    running: RunningTurn, client: Client, emit: Emit, *, already: bool = False
) -> None:
    """Send the request that is answered without tools; `already` says that an answer is there."""
    if running.request.typed is None:
        await _round(running, client, emit, {})
        return
    from eighty80_jupyter.turns.typed import take_typed_answer  # noqa: PLC0415  # a door: pydantic

    await take_typed_answer(running, partial(_round, running, client, emit), emit, already=already)


async def _round(
    running: RunningTurn,
    client: Client,
    emit: Emit,
    fields: Mapping[str, Any],
    *,
    form: str = "",
    correction: Sequence[Message] = (),
) -> None:
    """Send one request and take in all that answers it; once more where it was too long.

    `fields` go into the body besides the parameters. `form` says of what form the answer shall be,
    `correction` what was wrong with the answer before.
    """
    request = running.request

    async def ask(messages: Sequence[Message]) -> str:
        return await _plain_answer(messages, running, client)

    place, url = request.place, request.endpoint.url
    context = make_context(running.conversation, place, request.context, ask, url)
    before = head(
        running.conversation,
        instruction=request.instruction,
        turn_instruction=request.turn_instruction,
        system=request.system,
        system_role=request.system_role,
        has_data=request.has_data,
        place=request.place,
        form=form,
    )
    while True:
        messages = await context.messages(before, [*running.messages, *correction])
        running.note = context.note
        try:
            body = {**request.parameters, **fields, "messages": to_wire(messages)}
            await _take_in(body, running, client, running.snapshot, emit, stream=request.stream)
        except ContextLengthError as error:
            if not running.snapshot.empty or not context.learn(error, messages):
                raise
        except APIStatusError as error:
            if said := hint(error, messages, context.turns, running.conversation):
                error.args = (f"{error}; {said}",)
            raise
        else:
            return


async def _plain_answer(messages: Sequence[Message], running: RunningTurn, client: Client) -> str:
    """Return what the model answers to `messages`, shown to nobody."""
    snapshot = Snapshot()
    body = {
        "model": running.request.parameters.get("model"),
        "messages": [message.to_wire() for message in messages],
    }
    await _take_in(body, running, client, snapshot, lambda _events: None, stream=False)
    return snapshot.to_reply(seconds=0, parameters=body).text


async def _take_in(
    body: Mapping[str, Any],
    running: RunningTurn,
    client: Client,
    snapshot: Snapshot,
    emit: Emit,
    *,
    stream: bool,
) -> None:
    request = running.request
    answer = client.complete(
        request.endpoint,
        body,
        stream=stream,
        settings=request.settings,
        earlier=_earlier_tools(body, request),
    )
    # Closed here, the connection is released before the turn counts as ended.
    async with aclosing(answer):
        async for batch in answer:
            for event in batch:
                match event:
                    case Retrying():
                        pass
                    case Took():
                        running.recorded_seconds = (running.recorded_seconds or 0) + event.seconds
                    case Adapted():
                        running.adapted.append(event.note)
                    case _:
                        snapshot.apply(event)
            emit(batch)


def _earlier_tools(body: Mapping[str, Any], request: Request) -> list[dict[str, Any]]:
    """Return the tools that are called in the messages of a request which offers none.

    There are servers that demand them. One that is no longer known is described by its name there.
    """
    if "tools" in body:
        return []
    offered = () if request.offer is None else request.offer.tools
    known = {**request.known_tools, **{tool.name: tool for tool in offered}}
    calls = [call for message in body["messages"] for call in message.get("tool_calls", ())]
    names = dict.fromkeys(call["function"]["name"] for call in calls)
    return [known[name].to_wire() for name in names if name in known]


# A lock belongs to one loop, and a conversation may see several. Used on the loop thread only.
_Locks = weakref.WeakKeyDictionary[Conversation, tuple[asyncio.AbstractEventLoop, asyncio.Lock]]
_locks: _Locks = weakref.WeakKeyDictionary()


@asynccontextmanager
async def _in_order(running: RunningTurn, emit: Emit) -> AsyncIterator[None]:
    """Wait for the turns of this conversation that began before; what is not kept need not."""
    if not running.request.place.keep:
        yield
        return
    loop = asyncio.get_running_loop()
    known = _locks.get(running.conversation)
    if known is None or known[0] is not loop:
        known = _locks[running.conversation] = (loop, asyncio.Lock())
    lock = known[1]
    waits = lock.locked()
    if waits:
        emit([TurnWaits()])
    async with lock:
        if waits:
            emit([TurnGoesOn()])
        yield
