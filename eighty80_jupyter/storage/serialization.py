"""Conversations as plain JSON values and back: exact, and checked on the way in.

What comes in was written by an earlier version, by another kernel, or by a stranger. It becomes
text and numbers, never anything else. Unknown fields are left alone, missing ones get the defaults
of the dataclasses.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from eighty80_jupyter.api.messages import Message
from eighty80_jupyter.conversation.branches import is_name
from eighty80_jupyter.conversation.conversation import Conversation, Summary
from eighty80_jupyter.conversation.side_by_side import SideBySide
from eighty80_jupyter.conversation.turn import Exchange, Turn
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.text import clean_json

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")

_NOTHING = object()
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")  # the escape of a surrogate


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """All that a conversation is, as a value."""

    name: str
    turns: tuple[Turn, ...] = ()
    system: str | None = None
    summary: Summary | None = None
    comparisons: tuple[SideBySide, ...] = ()

    @classmethod
    def of(cls, conversation: Conversation) -> Record:
        """Return what a conversation holds now."""
        return cls(
            name=conversation.name,
            turns=tuple(conversation.turns()),
            system=conversation.system,
            summary=conversation.summary,
            comparisons=conversation.comparisons,
        )


def plain(value: Any) -> Any:
    """Return dataclasses, tuples and mappings as what JSON has.

    Fields at their default are left out, and those that do not count when values are compared:
    they are there for display.
    """
    if isinstance(value, (str, int, float, bool, type(None))):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            name: plain(item)
            for name, default in _fields(type(value))
            if (item := getattr(value, name)) != default
        }
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (Sequence, set, frozenset)) and not isinstance(value, (bytes, bytearray)):
        return [plain(item) for item in value]
    return str(value)


def to_json(value: Any, *, indent: bool = False) -> bytes:
    """Return plain values as JSON, exact: half a surrogate pair stands as its escape.

    Raises UsageError for what JSON cannot carry.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2 if indent else 0)
    except TypeError:  # a half pair, or an integer beyond 64 bits: the standard library takes both
        pass
    separators = None if indent else (",", ":")
    try:
        return json.dumps(value, indent=2 if indent else None, separators=separators).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"this cannot be written as JSON: {error}") from None


def from_json(data: bytes | str) -> Any:
    """Return the values of a JSON text. Raises UsageError that says in words what is wrong."""
    try:
        return orjson.loads(data)
    except ValueError as error:
        why = str(error)
    try:
        if _HALF.search(data if isinstance(data, bytes) else data.encode("utf-8", "replace")):
            return clean_json(json.loads(data))  # takes half a surrogate pair
    except (ValueError, RecursionError):
        pass  # what the other one said is clearer
    raise UsageError(f"it is no JSON, or was cut off: {why}")


def read(kind: type[T], value: Any) -> T:
    """Return plain values as the dataclass `kind`. Raises UsageError that names the place."""
    from pydantic import ValidationError  # noqa: PLC0415  # a door: pydantic

    wanted: Any = kind
    try:
        result: T = _adapter(wanted).validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise UsageError(f"{place[:100]}: {first['msg'][:200]}") from None
    return result


def read_conversation(
    value: Any, seen: Callable[[str, int], bool] = lambda _turn, _alternative: False
) -> Conversation:
    """Return the conversation in plain values. Raises UsageError.

    `seen` tells whether a person has seen a prompt as it was typed, for the id of a turn and the
    number of its alternative, from 0. A type of an answer is no text, and is never read.
    """
    record = read(Record, value)
    check_name(record.name)
    check_comparisons(record.comparisons)
    turns: dict[str, Turn] = {}
    for number, turn in enumerate(record.turns, 1):
        check_turn(turn, f"turn {number}")
        if turn.id in turns:
            raise UsageError(f"turn {number} is there twice")
        exchanges = (
            dataclasses.replace(
                exchange,
                seen=seen(turn.id, index),
                reply=dataclasses.replace(exchange.reply, returns=None, values=()),
            )
            for index, exchange in enumerate(turn.alternatives)
        )
        turns[turn.id] = dataclasses.replace(turn, alternatives=tuple(exchanges))
    conversation = Conversation(record.name, turns.values(), system=record.system)
    conversation.summary, conversation.comparisons = record.summary, record.comparisons
    return conversation


def check_name(name: str) -> None:
    """Raise UsageError for what cannot be a conversation's name."""
    if not is_name(name):
        raise UsageError(f"the conversation's name is none: {name[:40]!r}")


def check_comparisons(comparisons: Iterable[SideBySide]) -> None:
    """Raise UsageError for a comparison that cannot be one."""
    if not all(one.is_whole for one in comparisons):
        raise UsageError("a comparison has a reply without an answer")


def check_turn(turn: Turn, where: str) -> None:
    """Raise UsageError for a turn that cannot be one; `where` names it."""
    if not 0 <= turn.chosen < len(turn.alternatives):
        raise UsageError(f"{where} has no alternative {turn.chosen + 1}")
    for exchange in turn.alternatives:
        wrong = fault(exchange)
        if wrong:
            raise UsageError(f"{where} {wrong}")


def fault(exchange: Exchange) -> str:
    """Return what is wrong with an exchange, or nothing: its messages must be valid as sent."""
    messages = exchange.messages
    if not exchange.reply.choices:
        return "has a reply without an answer"
    if not messages or messages[0].role != "user":
        return "does not begin with a prompt"
    waiting: list[str] = []
    for message in messages:
        wrong = _message_fault(message)
        if wrong:
            return wrong
        if message.role == "tool":
            if message.tool_call_id not in waiting:
                return "has a tool result without its call"
            waiting.remove(message.tool_call_id)
        elif waiting:
            break
        waiting += [call.id for call in message.tool_calls]
    if waiting:
        return "ends in the middle of a tool exchange: a call has no result"
    return "has no answer" if messages[-1].role == "user" else ""


def _message_fault(message: Message) -> str:
    role, content = message.role, message.content
    if role in ("system", "developer"):
        return f"has a message of the role {role}, which cannot stand there"
    if message.tool_calls and role != "assistant":
        return f"has tool calls in a message of the role {role}"
    if content is None:
        return "" if role == "assistant" else f"has a message of the role {role} without content"
    if isinstance(content, tuple) and not all(map(_is_part, content)):
        return "has a part of a message that is no text, picture or sound"
    return ""


def _is_part(part: Mapping[str, Any]) -> bool:
    match part:
        case {"type": "text", "text": str()}:
            return True
        case {"type": "image_url", "image_url": {"url": str()}}:
            return True
        case {"type": "input_audio", "input_audio": {"data": str(), "format": str()}}:
            return True
    return False


@functools.cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter  # noqa: PLC0415  # a door: pydantic

    return TypeAdapter(kind)


@functools.cache
def _fields(kind: Any) -> tuple[tuple[str, Any], ...]:
    """Return the fields of a dataclass that are kept, with their defaults."""
    return tuple(
        (field.name, _NOTHING if field.default is dataclasses.MISSING else field.default)
        for field in dataclasses.fields(kind)
        if field.compare
    )
