"""The conversations of a session, by name; one of them is the current one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from copy import copy
from shlex import quote
from typing import Any

from eighty80_jupyter.conversation.conversation import Conversation, Watcher
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.text import unknown
from eighty80_jupyter.watchers import Watchers

MAIN = "main"
LONGEST_NAME = 100


class Conversations(Mapping[str, Conversation]):
    """Named conversations, in the order in which they began. `current` is the one that cells use.

    Watchers are told of every change of a conversation, and of another one becoming current.
    Whatever thread changes them holds `_lock`; watchers are told without it.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._watchers: Watchers[Watcher] = Watchers()
        self._all: dict[str, Conversation] = {}
        self._ends: dict[Conversation, Callable[[], None]] = {}  # of watching each
        self.current = self._take(Conversation(MAIN))

    def __getitem__(self, name: str) -> Conversation:
        try:
            return self._all[name]
        except KeyError:
            names = ", ".join(map(quote, self._all))
            raise UsageError(
                f"{unknown('conversation', name, self._all)}; "
                f"there are: {names}; %chat --new {quote(name)} begins it"
            ) from None

    def __contains__(self, name: object) -> bool:
        return name in self._all

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._all))

    def __len__(self) -> int:
        return len(self._all)

    def __repr__(self) -> str:
        return f"<Conversations {', '.join(self._all)}; current: {self.current.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle as a value: the conversations, and which is the current one."""
        with self._lock:
            return _rebuilt, (tuple(map(copy, self._all.values())), self.current.name)

    def use(self, name: str) -> Conversation:
        """Make the conversation of that name the current one. Raises UsageError."""
        with self._lock:
            conversation = self.current = self[name]
        self._tell(conversation)
        return conversation

    def new(self, name: str | None = None) -> Conversation:
        """Begin a conversation and make it the current one; without a name it gets a free one.

        Raises UsageError for a name that is taken or cannot be one.
        """
        with self._lock:  # of two threads that ask at once, each gets a name of its own
            conversation = self.current = self._take(Conversation(self._free(name)))
        self._tell(conversation)
        return conversation

    def fork(self, name: str | None = None, *, at: int | None = None) -> Conversation:
        """Go on from the current conversation, up to turn `at`, under another name.

        Raises UsageError.
        """
        with self._lock:
            fork = self.current.fork(self._free(name, self.current.name), at=at)
            self.current = self._take(fork)
        self._tell(fork)
        return fork

    def add(self, conversation: Conversation) -> Conversation:
        """Take in a conversation, in place of one of its name, and make it the current one."""
        with self._lock:
            self.current = self._take(conversation)
        self._tell(conversation)
        return conversation

    def rename(self, name: str, new: str) -> Conversation:
        """Give a conversation another name; it keeps its place. Raises UsageError."""
        with self._lock:
            conversation = self[name]
            if new.strip() == name:
                return conversation
            conversation._rename(self._free(new))  # noqa: SLF001  # whoever keeps it names it
            self._all = {each.name: each for each in self._all.values()}
        self._tell(conversation)
        return conversation

    def delete(self, name: str) -> Conversation:
        """Take a conversation away, and return what is the current one now. Raises UsageError.

        That is the one that began last, where the current one goes; the first one begins anew
        where it was the only one.
        """
        with self._lock:
            gone = self[name]
            self._ends.pop(gone)()
            self._all = {key: each for key, each in self._all.items() if each is not gone}
            if not self._all:
                self._take(Conversation(MAIN))
            if self.current is gone:
                self.current = next(reversed(self._all.values()))
            current = self.current
        self._tell(current)
        return current

    def free_name(self, like: str = "chat") -> str:
        """Return a name that is not taken: `like`, or `like-2` and so on."""
        return free_name(like, self._all)

    def holds(self, conversation: Conversation) -> bool:
        """Tell whether this very conversation is among them."""
        return self._all.get(conversation.name) is conversation

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Have `watcher(conversation)` called after every change; returns what ends this."""
        return self._watchers.watch(watcher)

    def _free(self, name: str | None, like: str = "chat") -> str:
        if name is None:
            return self.free_name(like)
        name = name.strip()
        if not is_name(name):
            raise UsageError(
                f"a conversation's name is a line of 1 to {LONGEST_NAME} characters, got {name!r}"
            )
        if name in self._all:
            raise UsageError(
                f"there is a conversation {name} already; %chat --use {quote(name)} goes on with it"
            )
        return name

    def _take(self, conversation: Conversation) -> Conversation:
        before = self._all.get(conversation.name)
        if before is not None:  # what is replaced belongs to nobody here any more
            self._ends.pop(before)()
        self._all[conversation.name] = conversation
        self._ends[conversation] = conversation.watch(self._tell)
        return conversation

    def _tell(self, conversation: Conversation) -> None:
        for watcher in self._watchers:
            watcher(conversation)


def free_name(like: str, taken: Container[str]) -> str:
    """Return a name that is not taken: `like`, or `like-2` and so on."""
    name, number = like, 1
    while name in taken:
        number += 1
        name = f"{like}-{number}"
    return name


def is_name(name: str) -> bool:
    """Tell whether this can be a conversation's name: a line that is not too long."""
    return bool(name.strip()) and len(name) <= LONGEST_NAME and name.isprintable()


def _rebuilt(conversations: Iterable[Conversation], current: str) -> Conversations:
    """Return conversations that were copied or pickled."""
    made = Conversations()
    made._all.clear()  # noqa: SLF001  # its own
    for conversation in conversations:
        made.add(conversation)
    made.use(current)
    return made
