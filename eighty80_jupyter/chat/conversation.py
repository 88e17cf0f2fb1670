"""A conversation: its turns, and the messages that carry it to the server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, overload

from eighty80_jupyter.api.messages import Message
from eighty80_jupyter.api.reply import Reply

InstructionRole = Literal["system", "developer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A user's prompt up to the model's final answer.

    `messages` is the whole exchange as it goes into the history: the prompt, the rounds with tools
    if there were any, and the answer. `has_data` tells whether blocks of data stand in it.
    """

    messages: tuple[Message, ...]
    reply: Reply
    has_data: bool = False

    @property
    def prompt(self) -> str:
        """The text of the user's message."""
        return self.messages[0].text


class Conversation:
    """A list of turns that grows, and the instruction that stands before them.

    Indexing, iteration and `len` are over turns. `system` is the instruction message of this
    conversation; None leaves it to the configuration.
    """

    def __init__(self, name: str = "main") -> None:
        self.name = name
        self.system: str | None = None
        self._turns: list[Turn] = []

    def __len__(self) -> int:
        return len(self._turns)

    @overload
    def __getitem__(self, index: int) -> Turn: ...
    @overload
    def __getitem__(self, index: slice) -> list[Turn]: ...
    def __getitem__(self, index: int | slice) -> Turn | list[Turn]:
        return self._turns[index]

    def __iter__(self) -> Iterator[Turn]:
        return iter(tuple(self._turns))

    def __repr__(self) -> str:
        turns = "1 turn" if len(self) == 1 else f"{len(self)} turns"
        return f"<Conversation {self.name!r}: {turns}>"

    def commit(self, turn: Turn) -> None:
        """Add a turn at the end."""
        self._turns.append(turn)

    def reset(self) -> None:
        """Forget all turns and the instruction."""
        self._turns.clear()
        self.system = None

    def to_messages(self) -> list[Message]:
        """Return the messages of all turns, in order; the instruction is not among them."""
        return [message for turn in self._turns for message in turn.messages]
