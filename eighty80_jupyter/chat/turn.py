"""What happens in a turn: the request goes out, deltas come in, the exchange is committed.

A turn runs as one coroutine on the loop thread, so that an interrupt of the thread that waits for
it can never leave the conversation half changed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.api.deltas import Event, Retrying, Snapshot
from eighty80_jupyter.api.messages import Message
from eighty80_jupyter.api.reply import Reply, Status
from eighty80_jupyter.chat.conversation import Conversation, InstructionRole, Turn
from eighty80_jupyter.errors import APIError
from eighty80_jupyter.prompt.rendered import DATA_NOTE

if TYPE_CHECKING:
    # The client brings in the HTTP library, which nobody waits for before the first request.
    from eighty80_jupyter.api.client import Client, Settings
    from eighty80_jupyter.api.endpoint import Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Everything that a turn needs besides the conversation.

    `parameters` are the fields of the body but for the messages, `system` the instruction where
    the conversation has none, `instruction` a new one that takes its place from this turn on.
    `has_data` tells whether blocks of data stand in the prompt.
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


def outgoing(
    conversation: Conversation,
    prompt: Message,
    *,
    instruction: str | None,
    system: str | None,
    system_role: InstructionRole,
    has_data: bool,
) -> list[Message]:
    """Return the messages as they are sent: the instruction, the history, the prompt.

    The parameters are those of a `Request`.
    """
    own = instruction if instruction is not None else conversation.system
    texts = [own if own is not None else system]
    if has_data or any(turn.has_data for turn in conversation):
        texts.append(DATA_NOTE)
    text = "\n\n".join(filter(None, texts))
    head = [Message(system_role, text)] if text else []
    return [*head, *conversation.to_messages(), prompt]


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
    messages = outgoing(
        conversation,
        request.prompt,
        instruction=request.instruction,
        system=request.system,
        system_role=request.system_role,
        has_data=request.has_data,
    )
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
            if request.instruction is not None:
                conversation.system = request.instruction
            # No tool was offered, and a call that nobody answers would make the history invalid.
            answer = replace(reply.choices[0], tool_calls=()).to_message()
            exchange = (request.prompt, answer)
            conversation.commit(Turn(messages=exchange, reply=reply, has_data=request.has_data))
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
