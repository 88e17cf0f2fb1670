"""What is new in conversations since the last look, as events for a journal."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from eighty80_jupyter.conversation.branches import Conversations
from eighty80_jupyter.conversation.conversation import Conversation
from eighty80_jupyter.conversation.side_by_side import SideBySide
from eighty80_jupyter.conversation.turn import Turn


@dataclass(slots=True)
class _Seen:
    """A conversation as the journal has it, under the name that it has there."""

    conversation: Conversation
    turns: list[Turn] = field(default_factory=list)
    system: str | None = None
    comparisons: tuple[SideBySide, ...] = ()


class ChangeNotes:
    """Puts down what has changed in `conversations`, by comparing them with what was seen of them.

    `put` takes an event by its name, with its values as keywords. What was seen is changed under
    `_lock`.
    """

    def __init__(self, conversations: Conversations, put: Callable[..., None]) -> None:
        self._conversations = conversations
        self._put = put
        self._lock = threading.Lock()
        self._seen: dict[str, _Seen] = {}
        self._current = conversations.current.name

    def begin(self) -> None:
        """Put down all that is there."""
        for conversation in self._conversations.values():
            self.changed(conversation)
        if any(s.turns or s.system is not None or s.comparisons for s in self._seen.values()):
            self._put("current", conversation=self._current)

    def changed(self, conversation: Conversation) -> None:
        """Put down what is new in a conversation since the last look."""
        with self._lock:
            self._follow_names()
            if not self._conversations.holds(conversation):
                return  # it was deleted meanwhile
            name = conversation.name
            seen = self._seen.setdefault(name, _Seen(conversation))
            seen.conversation = conversation  # or another one in its place
            system = conversation.system
            if system != seen.system:
                seen.system = system
                self._put("system", conversation=name, system=system)
            self._compare(conversation, seen)
            self._compared(conversation, seen)
            current = self._conversations.current.name
            if current != self._current:
                self._current = current
                self._put("current", conversation=current)

    def _follow_names(self) -> None:
        """Put down which conversations have another name, or are no more."""
        for name, seen in tuple(self._seen.items()):
            new = seen.conversation.name
            if self._conversations.holds(seen.conversation):
                if new != name:
                    self._seen[new] = self._seen.pop(name)
                    self._put("renamed", conversation=name, name=new)
                    self._current = new if self._current == name else self._current
            elif name not in self._conversations:
                del self._seen[name]
                self._put("deleted", conversation=name)

    def _compare(self, conversation: Conversation, seen: _Seen) -> None:
        count = len(seen.turns)
        # The usual case, in a time that does not grow with the conversation: one more turn.
        with suppress(IndexError):  # changed once more meanwhile, which will be told
            last = conversation[count]
            if len(conversation) == count + 1 and (
                not count or conversation[count - 1] is seen.turns[-1]
            ):
                seen.turns.append(last)
                self._put("turns", conversation=conversation.name, keep=count, turns=(last,))
                return
        turns = conversation.turns()
        pairs = zip(turns, seen.turns, strict=False)
        keep = next((at for at, (new, old) in enumerate(pairs) if new is not old), None)
        if keep is None:
            keep = min(len(turns), count)
            if len(turns) == count:
                return
        new = turns[keep:]
        old, seen.turns = seen.turns[keep:], turns
        if len(new) == len(old) and all(a is b for a, b in zip(new[1:], old[1:], strict=True)):
            before, now = old[0].alternatives, new[0].alternatives
            if new[0].id == old[0].id and now[: len(before)] == before:
                self._put(
                    "answers",
                    conversation=conversation.name,
                    turn=new[0].id,
                    add=now[len(before) :],
                    chosen=new[0].chosen,
                )
                return
        self._put("turns", conversation=conversation.name, keep=keep, turns=new)

    def _compared(self, conversation: Conversation, seen: _Seen) -> None:
        """Put down the comparisons that are new, and how many of the latest before them stay."""
        before, seen.comparisons = seen.comparisons, conversation.comparisons
        new = [one for one in seen.comparisons if not any(one is other for other in before)]
        keep = len(seen.comparisons) - len(new)
        if keep and seen.comparisons[:keep] != before[-keep:]:
            keep, new = 0, list(seen.comparisons)
        if new or keep != len(before):
            self._put("comparisons", conversation=conversation.name, keep=keep, comparisons=new)
