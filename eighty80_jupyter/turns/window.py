"""What of a history is sent where the model takes only so many tokens.

Old data goes first, then the oldest turns, each as a whole: the instruction, the prompt and the two
halves of an exchange with tools always stay together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from eighty80_jupyter.api.messages import Message
from eighty80_jupyter.conversation.turn import Turn
from eighty80_jupyter.prompt.blocks import without_data
from eighty80_jupyter.prompt.tokens import estimate
from eighty80_jupyter.text import counted

Policy = Literal["error", "trim", "summarize"]

_FRAME = 5  # tokens that a chat template puts around a message
_ATTACHMENT = 800  # tokens of a picture or a sound; what they really take is the server's affair
_SHARE = 4  # a quarter of the limit is left for the answer ...
_ENOUGH = 512  # ... or this many tokens, where that is less


@dataclass(frozen=True, slots=True)
class Window:
    """How much fits: the model's `limit` in tokens, for the prompt and the answer together.

    `answer` is what the answer may take, None where nobody said. `ratio` is the server's tokens
    over the estimated ones.
    """

    limit: int
    answer: int | None = None
    ratio: float = 1.0

    @property
    def room(self) -> int:
        """The tokens that what is sent may take."""
        wanted = min(self.limit // _SHARE, _ENOUGH)
        answer = wanted if self.answer is None else min(self.answer, self.limit // 2)
        return self.limit - answer

    def tokens(self, messages: Sequence[Message]) -> int:
        """Return about how many tokens the server will count for these messages."""
        return math.ceil(self.ratio * sum(map(_estimate, messages)))


@dataclass(frozen=True, slots=True)
class Fitted:
    """The part of a history that is sent.

    `messages` are those of the turns that stay; `dropped` is the number of turns that do not,
    counted from the oldest, and `collapsed` the number of those that stay without their data.
    """

    messages: tuple[Message, ...]
    dropped: int = 0
    collapsed: int = 0

    @property
    def note(self) -> str:
        """What was left out, in a few words; empty for nothing."""
        notes = []
        if self.dropped:
            notes.append(old_turns(self.dropped))
        if self.collapsed:
            notes.append(f"the data of {counted(self.collapsed, 'turn')}")
        return f"not sent: {' and '.join(notes)}" if notes else ""


def old_turns(count: int) -> str:
    """Return a number of turns from the oldest on, in words."""
    return "the oldest turn" if count == 1 else counted(count, "old turn")


def fit(turns: Sequence[Turn], window: Window, taken: int) -> Fitted:
    """Return what of `turns` fits beside `taken` tokens: the latest, in order.

    The time it takes depends on the window and not on the number of turns.
    """
    room = window.room - taken
    # From the latest turn back. The last data is what one talks about: it stays if it can.
    kept: list[_Kept] = []
    whole = bare = 0
    for turn in reversed(turns):
        is_last_data = turn.has_data and not any(k.turn.has_data for k in kept)
        item = _Kept.of(turn, window, may_collapse=not is_last_data)
        if is_last_data and bare + item.bare > room:
            item = _Kept.of(turn, window, may_collapse=True)
        if bare + item.bare > room:
            break
        kept.append(item)
        whole, bare = whole + item.whole, bare + item.bare
    kept.reverse()
    collapsed = 0
    messages: list[Message] = []
    for item in kept:
        if whole > room and item.whole > item.bare:
            whole -= item.whole - item.bare
            collapsed += 1
            messages += item.short
        else:
            messages += item.turn.messages
    return Fitted(tuple(messages), len(turns) - len(kept), collapsed)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A turn with its size in tokens, whole and without its data."""

    turn: Turn
    short: tuple[Message, ...]
    whole: int
    bare: int

    @classmethod
    def of(cls, turn: Turn, window: Window, *, may_collapse: bool) -> _Kept:
        whole = window.tokens(turn.messages)
        if not (turn.has_data and may_collapse):
            return cls(turn, turn.messages, whole, whole)
        short = tuple(map(_collapsed, turn.messages))
        return cls(turn, short, whole, window.tokens(short))


def _collapsed(message: Message) -> Message:
    if message.role != "user" or message.content is None:
        return message
    if isinstance(message.content, str):
        return replace(message, content=without_data(message.content))
    parts = (
        {**part, "text": without_data(part["text"])} if part.get("type") == "text" else part
        for part in message.content
    )
    return replace(message, content=tuple(parts))


def _estimate(message: Message) -> int:
    total = _FRAME
    if isinstance(message.content, str):
        total += estimate(message.content)
    else:
        total += sum(map(_part, message.content or ()))
    for call in message.tool_calls:
        total += _FRAME + estimate(call.name) + estimate(call.arguments)
    return total


def _part(part: Mapping[str, object]) -> int:
    return estimate(str(part["text"])) if part.get("type") == "text" else _ATTACHMENT
