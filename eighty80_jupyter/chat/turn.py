"""What happens in a turn: the request goes out, deltas come in, the exchange is committed.

A turn runs as one coroutine on the loop thread, so that an interrupt of the thread that waits for
it can never leave the conversation half changed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.api.deltas import Event, Retrying, Snapshot
from eighty80_jupyter.api.messages import Message
from eighty80_jupyter.api.reply import Reply, Status
from eighty80_jupyter.chat.conversation import Conversation, InstructionRole, Turn
from eighty80_jupyter.errors import APIError

if TYPE_CHECKING:
    # The client brings in the HTTP library, which nobody waits for before the first request.
    from eighty80_jupyter.api.client import Client, Settings
    from eighty80_jupyter.api.endpoint import Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Everything that a turn needs besides the conversation.

    `parameters` are the fields of the body but for the messages, `system` the instruction where
    the conversation has none, `instruction` a new one that takes its place from this turn on.
    """

    prompt: Message
    parameters: Mapping[str, Any]
    endpoint: Endpoint
    settings: Settings
    stream: bool = True
    system: str | None = None
    system_role: InstructionRole = "system"
    instruction: str | None = None


async def take_turn(
    conversation: Conversation,
    request: Request,
    client: Client,
    emit: Callable[[Event], None],
) -> Reply:
    """Send the prompt with the history, emit what comes, commit the turn and return the reply.

    Cancelled, it returns what had come as a reply with the status `interrupted`. Broken off by an
    APIError, it raises that with the partial reply as its `reply`. A partial reply is committed
    too; where nothing had come the conversation stays as it was.
    """
    instruction = request.instruction if request.instruction is not None else conversation.system
    system = instruction if instruction is not None else request.system
    head = [Message(request.system_role, system)] if system else []
    messages = [*head, *conversation.to_messages(), request.prompt]
    body = {**request.parameters, "messages": [message.to_wire() for message in messages]}
    snapshot = Snapshot()
    start = time.perf_counter()

    def finish(status: Status, error: str = "") -> Reply:
        reply = snapshot.to_reply(
            seconds=time.perf_counter() - start,
            parameters=request.parameters,
            status=status,
            error=error,
        )
        if status == "complete" or not reply.empty:
            conversation.system = instruction
            answer = reply.choices[0].to_message()
            conversation.commit(Turn(messages=(request.prompt, answer), reply=reply))
        return reply

    # Closed here, the connection is released before the turn counts as ended.
    stream = client.complete(
        request.endpoint, body, stream=request.stream, settings=request.settings
    )
    try:
        async with aclosing(stream):
            async for batch in stream:
                for event in batch:
                    if not isinstance(event, Retrying):
                        snapshot.apply(event)
                    emit(event)
    except asyncio.CancelledError:
        return finish("interrupted")
    except APIError as error:
        reply = finish("error", str(error))
        error.reply = None if reply.empty else reply
        raise
    return finish("complete")
