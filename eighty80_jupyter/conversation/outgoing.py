"""What of a history is sent: messages that the strictest server takes.

No assistant message is empty, roles alternate, every call has its result and no result is without
its call, no two calls share an id. A turn whose answer has no text cannot be sent like that; it
stays in the conversation and is left out of requests together with its prompt. What a server wants
back with an answer or a call (`api.extra`) goes to that server and to no other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from eighty80_jupyter.api.call_ids import free_id
from eighty80_jupyter.api.messages import Message, Part, ToolCall
from eighty80_jupyter.conversation.turn import Turn

_NO_RESULT = "[no result]"


def server_mark(url: str) -> str:
    """Return what stands for a server in a saved conversation, which does not tell its address."""
    return hashlib.blake2b(url.encode(), digest_size=8).hexdigest()


def as_sent(turn: Turn, server: str | None = None) -> Turn | None:
    """Return a turn as later requests carry it; None: it has no answer that can be sent.

    `server` is the mark of the one it goes to, None where that is not known. To another than the
    one that answered, the ids of calls go in a form that every server takes, and nothing extra.
    """
    if not turn.is_sent:
        return None
    exchange = turn.exchange
    messages = exchange.messages
    if len(messages) == 2 and messages[-1].extra is None:  # noqa: PLR2004  # the usual case
        return turn
    messages = tuple(_joined(map(_filled, messages)))
    if server is None or server != exchange.server:
        messages = tuple(map(_without_extra, messages))
    if server is not None and server != exchange.server:
        messages = with_ids(messages, strict=True)
    if messages == exchange.messages:
        return turn
    answers = list(turn.alternatives)
    answers[turn.chosen] = replace(exchange, messages=messages)
    return replace(turn, alternatives=tuple(answers))


def sent_turns(turns: Iterable[Turn], server: str | None = None) -> list[Turn]:
    """Return turns as later requests carry them, without those that cannot be sent."""
    return [sent for turn in turns if (sent := as_sent(turn, server)) is not None]


def with_ids(messages: Iterable[Message], *, strict: bool = False) -> tuple[Message, ...]:
    """Return messages whose calls have ids that differ, and that servers take; so have the results.

    An id stays if it can; else the same one comes in its place every time. Strict ones have nine
    letters or digits.
    """
    used: set[str] = set()
    waiting: list[tuple[str, str]] = []  # the ids of calls without a result: as they were, and now
    found = []
    for message in messages:
        if message.tool_calls:
            waiting = [
                (call.id, free_id(call.id, used, strict=strict)) for call in message.tool_calls
            ]
            pairs = zip(message.tool_calls, waiting, strict=True)
            calls = tuple(_renamed(call, now) for call, (_, now) in pairs)
            found.append(
                message if calls == message.tool_calls else replace(message, tool_calls=calls)
            )
        elif message.role == "tool":
            at = next(
                (n for n, (was, _) in enumerate(waiting) if was == message.tool_call_id), None
            )
            now = message.tool_call_id if at is None else waiting.pop(at)[1]
            found.append(
                message if now == message.tool_call_id else replace(message, tool_call_id=now)
            )
        else:
            found.append(message)
    return tuple(found)


def to_wire(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Return messages as the body of a request has them."""
    return [_wire(message) for message in with_ids(messages)]


def _wire(message: Message) -> dict[str, Any]:
    wire = {**(message.extra or {}), **message.to_wire()}
    for call, values in zip(message.tool_calls, wire.get("tool_calls", ()), strict=False):
        values |= {name: value for name, value in (call.extra or {}).items() if name not in values}
    return wire


def _without_extra(message: Message) -> Message:
    calls = tuple(
        call if call.extra is None else replace(call, extra=None) for call in message.tool_calls
    )
    if message.extra is None and calls == message.tool_calls:
        return message
    return replace(message, tool_calls=calls, extra=None)


def _renamed(call: ToolCall, call_id: str) -> ToolCall:
    return call if call.id == call_id else replace(call, id=call_id)


def _filled(message: Message) -> Message:
    """Return a message without an empty text, which some servers refuse."""
    if not isinstance(message.content, str) or message.content.strip():
        return message
    if message.tool_calls:
        return message if message.content is None else replace(message, content=None)
    return replace(message, content=_NO_RESULT) if message.role == "tool" else message


def _joined(messages: Iterable[Message]) -> Iterator[Message]:
    """Join neighbours of one role: a file may hold what no turn would make."""
    before: Message | None = None
    for message in messages:
        if before is not None and before.role == message.role and _can_join(before):
            before = _both(before, message)
            continue
        if before is not None:
            yield before
        before = message
    if before is not None:
        yield before


def _can_join(message: Message) -> bool:
    return message.role == "user" or (message.role == "assistant" and not message.tool_calls)


def _both(first: Message, then: Message) -> Message:
    texts = [m.content for m in (first, then) if m.content]
    if all(isinstance(text, str) for text in texts):
        content: str | tuple[Part, ...] | None = "\n\n".join(map(str, texts)) or then.content
    else:
        content = (*_parts(first), *_parts(then))
    return replace(then, content=content)


def _parts(message: Message) -> tuple[Part, ...]:
    if isinstance(message.content, str):
        return ({"type": "text", "text": message.content},)
    return message.content or ()
