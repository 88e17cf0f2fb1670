"""A conversation: its turns with their alternatives, and the messages that carry it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, overload

from eighty80_jupyter.conversation.outgoing import sent_turns, to_wire
from eighty80_jupyter.conversation.side_by_side import MOST, SideBySide
from eighty80_jupyter.conversation.turn import Exchange, Turn
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.text import clean, counted
from eighty80_jupyter.watchers import Watchers

InstructionRole = Literal["system", "developer"]
Watcher = Callable[["Conversation"], None]
_COLUMNS = ("turn", "role", "text", "model", "parameters", "tokens", "seconds")


@dataclass(frozen=True, slots=True)
class Summary:
    """What the model wrote of the oldest turns, sent in their place where they no longer fit.

    `covers` names them: the id of each, and the index of the alternative that was chosen.
    """

    text: str
    covers: tuple[tuple[str, int], ...]


class Conversation:
    """A list of turns, and the instruction that stands before them.

    Indexing, iteration and `len` are over turns. `system` is the instruction message of this
    conversation; None leaves it to the configuration. `summary` stands for the oldest turns where
    the model had to condense them. `former_names` are those that it had before, `comparisons`
    what was asked side by side. Every change is whole when it is seen, from whatever thread it
    comes, and is told to the watchers: it is made under `_lock`, and told without it.
    """

    def __init__(
        self, name: str = "main", turns: Iterable[Turn] = (), *, system: str | None = None
    ) -> None:
        self._name = name
        self.former_names: tuple[str, ...] = ()
        self.comparisons: tuple[SideBySide, ...] = ()
        self.summary: Summary | None = None
        self._system = system
        self._turns = list(turns)
        self._places = {turn.id: index for index, turn in enumerate(self._turns)}
        self._data_turns = sum(turn.has_data for turn in self._turns)
        self._lock = threading.RLock()
        self._watchers: Watchers[Watcher] = Watchers()

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
        return f"<Conversation {self.name!r}: {counted(len(self), 'turn')}>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle as a value: what it holds, without those who watch it."""
        with self._lock:
            values = (self._name, tuple(self._turns), self._system, self.summary, self.comparisons)
            return _rebuilt, values

    @property
    def name(self) -> str:
        """Its name, by which it is found; a copy under another one is a `fork`."""
        return self._name

    def _rename(self, name: str) -> None:
        """Take another name; for those who find it by its name, see `Conversations.rename`."""
        former = (*self.former_names, self._name)
        self.former_names = tuple(known for known in dict.fromkeys(former) if known != name)
        self._name = name

    @property
    def system(self) -> str | None:
        """The instruction message; None leaves it to the configuration, empty removes it."""
        return self._system

    @system.setter
    def system(self, text: str | None) -> None:
        with self._lock:
            self._system = None if text is None else clean(text)
        self._tell()

    @property
    def has_data(self) -> bool:
        """Whether blocks of data stand in any turn."""
        return self._data_turns > 0

    def find(self, turn_id: str) -> int | None:
        """Return the index of the turn with that id, or None if it is not there (any more)."""
        return self._places.get(turn_id)

    def number_of(self, turn_id: str | None) -> int:
        """Return a turn's number, counted from 1; of one that is not there that of the next."""
        with self._lock:
            index = None if turn_id is None else self._places.get(turn_id)
            return (len(self._turns) if index is None else index) + 1

    def turn(self, turn_id: str | None) -> Turn | None:
        """Return the turn with that id, or None."""
        with self._lock:
            index = None if turn_id is None else self._places.get(turn_id)
            return None if index is None else self._turns[index]

    def numbered(self, number: int) -> Turn:
        """Return turn `number`, counted from 1 as the history shows them; from the end if negative.

        Raises UsageError if there is none.
        """
        with self._lock:
            count = len(self._turns)
            if not count:
                raise UsageError(f"the conversation {self.name} has no turn yet")
            if number == 0 or abs(number) > count:
                raise UsageError(
                    f"the conversation {self.name} has no turn {number}: "
                    f"there are {count}, counted from 1"
                )
            return self._turns[number - 1 if number > 0 else number]

    def commit(self, turn: Turn) -> None:
        """Add a turn at the end."""
        with self._lock:
            self._append(turn)
        self._tell()

    def add_comparison(self, comparison: SideBySide) -> None:
        """Keep what was asked side by side; it is shown with the turns, and never sent."""
        with self._lock:
            self.comparisons = (*self.comparisons, comparison)[-MOST:]
        self._tell()

    def add_alternative(self, turn_id: str, exchange: Exchange) -> Turn:
        """Add another answer to a turn and choose it; a turn that is gone is added anew."""
        with self._lock:
            index = self._places.get(turn_id)
            if index is None:
                turn = Turn(alternatives=(exchange,), id=turn_id)
                self._append(turn)
            else:
                old = self._turns[index]
                turn = replace(
                    old, alternatives=(*old.alternatives, exchange), chosen=len(old.alternatives)
                )
                self._put(index, turn)
        self._tell()
        return turn

    def choose(self, turn_id: str, alternative: int) -> Turn:
        """Let another alternative count, `alternative` from 0. Raises UsageError."""
        with self._lock:
            index = self._places.get(turn_id)
            if index is None:
                raise UsageError("this turn is no longer in the conversation")
            old = self._turns[index]
            count = len(old.alternatives)
            if not 0 <= alternative < count:
                has = counted(count, "alternative")
                raise UsageError(f"turn {index + 1} has {has}, got number {alternative + 1}")
            turn = replace(old, chosen=alternative)
            self._put(index, turn)
        self._tell()
        return turn

    def undo(self, count: int = 1) -> list[Turn]:
        """Take the last `count` turns away and return them, the oldest first. Raises UsageError."""
        with self._lock:
            if not 1 <= count <= len(self._turns):
                have = counted(len(self._turns), "turn")
                raise UsageError(f"cannot undo {count}: the conversation {self.name} has {have}")
            gone = self._turns[-count:]
            del self._turns[-count:]
            for turn in gone:
                del self._places[turn.id]
                self._data_turns -= turn.has_data
        self._tell()
        return gone

    def reset(self) -> None:
        """Forget all turns and the instruction."""
        self.restore((), system=None)

    def restore(self, turns: Iterable[Turn], *, system: str | None) -> None:
        """Hold these turns and this instruction from now on instead of what it held."""
        with self._lock:
            self._turns = list(turns)
            self._places = {turn.id: index for index, turn in enumerate(self._turns)}
            self._data_turns = sum(turn.has_data for turn in self._turns)
            self._system = system
            self.summary = None
            self.comparisons = ()
        self._tell()

    def fork(self, name: str, *, at: int | None = None) -> Conversation:
        """Return another conversation with the first `at` turns of this one, or with all.

        Raises UsageError where there are not so many.
        """
        with self._lock:
            count = len(self._turns)
            if at is not None and not 0 <= at <= count:
                raise UsageError(
                    f"cannot fork at turn {at}: the conversation {self.name} has {count}"
                )
            fork = Conversation(name, self._turns[:at], system=self._system)
            fork.summary = self.summary
            there = {"", *(turn.id for turn in self._turns[:at])}
            fork.comparisons = tuple(one for one in self.comparisons if one.after in there)
            return fork

    def turns(self, *, before: str | None = None) -> list[Turn]:
        """Return all turns, or those before the turn with the id `before`, the oldest first."""
        with self._lock:
            return self._turns[: None if before is None else self._places.get(before)]

    def call_ids(self) -> set[str]:
        """Return the ids of all tool calls, those of answers that are not chosen among them."""
        answers = [answer for turn in self.turns() for answer in turn.alternatives]
        messages = [message for answer in answers for message in answer.messages]
        return {call.id for message in messages for call in message.tool_calls}

    def to_messages(self, *, before: str | None = None) -> list[dict[str, Any]]:
        """Return the messages of all turns, or of those before the turn with the id `before`.

        They are plain dictionaries, as a request has them, which `json` and other clients take. The
        instruction is not among them, nor a turn without an answer (`Turn.is_sent`).
        """
        turns = sent_turns(self.turns(before=before))
        return to_wire([message for turn in turns for message in turn.messages])

    def to_dataframe(self) -> Any:
        """Return a pandas DataFrame with a row for each message of the turns.

        Its columns are turn (from 1), role, text, model, parameters, tokens and seconds. Raises
        UsageError where pandas is not installed.
        """
        try:
            import pandas as pd  # noqa: PLC0415  # optional, and slow to import
        except ImportError:
            raise UsageError(
                "a DataFrame needs pandas, which is not installed; "
                "iterating over the conversation gives its turns"
            ) from None
        frame = pd.DataFrame(_rows(self), columns=list(_COLUMNS))
        return frame.astype({"turn": "int64", "tokens": "Int64", "seconds": "float64"})

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Have `watcher` called after every change, in the thread that made it.

        Returns the function that ends this.
        """
        return self._watchers.watch(watcher)

    def _append(self, turn: Turn) -> None:
        self._places[turn.id] = len(self._turns)
        self._turns.append(turn)
        self._data_turns += turn.has_data

    def _put(self, index: int, turn: Turn) -> None:
        self._data_turns += turn.has_data - self._turns[index].has_data
        self._turns[index] = turn

    def _tell(self) -> None:
        # Never under the lock: a watcher may wait for another thread, which waits for that lock.
        for watcher in self._watchers:
            watcher(self)


def _rows(turns: Iterable[Turn]) -> list[tuple[Any, ...]]:
    """Return a row for each message of the chosen alternatives, as `_COLUMNS` name its cells.

    Only an answer has a model, parameters, tokens (those that the model wrote) and seconds; what is
    not known is None.
    """
    found: list[tuple[Any, ...]] = []
    for number, turn in enumerate(turns, 1):
        reply = turn.reply
        tokens = reply.usage.completion_tokens if reply.usage is not None else None
        model = reply.model or reply.parameters.get("model")
        last = len(turn.messages) - 1
        for place, message in enumerate(turn.messages):
            of_reply = (model, dict(reply.parameters), tokens, reply.seconds)
            known = of_reply if place == last else (None,) * len(of_reply)
            found.append((number, message.role, message.text, *known))
    return found


def _rebuilt(
    name: str,
    turns: Iterable[Turn],
    system: str | None,
    summary: Summary | None,
    comparisons: tuple[SideBySide, ...] = (),
) -> Conversation:
    """Return a conversation that was copied or pickled."""
    conversation = Conversation(name, turns, system=system)
    conversation.summary = summary
    conversation.comparisons = comparisons
    return conversation
