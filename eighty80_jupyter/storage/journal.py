"""The journal of a kernel: a line for each event, so that `kill -9` takes nothing away.

A watcher of the conversations finds out what has changed (`journal_changes`), a watcher of the feed
collects the pieces of a reply; both only put it down. A thread of its own writes: each line in one
call, the pieces of a reply a few times a second. The file is locked for as long as the kernel
lives, which is how another kernel knows that it does.
"""

from __future__ import annotations

import atexit
import logging
import os
import queue
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eighty80_jupyter.api.deltas import ReasoningDelta, RefusalDelta, TextDelta, TextWasReasoning
from eighty80_jupyter.conversation.branches import Conversations
from eighty80_jupyter.conversation.events import RoundBegan, TurnEvent
from eighty80_jupyter.conversation.outgoing import server_mark
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.storage.files import append, reason, state_path
from eighty80_jupyter.storage.journal_changes import ChangeNotes
from eighty80_jupyter.storage.journal_files import FOLDER, begin
from eighty80_jupyter.storage.serialization import plain, to_json
from eighty80_jupyter.turns.feed import Feed, SessionEvent, TurnBegan, TurnEnded, TurnEvents
from eighty80_jupyter.turns.request import RunningTurn
from eighty80_jupyter.watchers import at_fork
from eighty80_jupyter.wire.secret import Secret, secret_words, without_secret, without_words

PIECES_SECONDS = 0.2  # between two lines with pieces of a reply
_CLOSE_SECONDS = 5
_AGAIN_SECONDS = 5  # between two attempts to write on a disk that is full

_log = logging.getLogger(__name__)
_Item = dict[str, Any]


@dataclass(slots=True, eq=False)
class _Progress:
    """A reply that is under way: pieces from the loop thread, and what the writing thread has.

    `ends` are the ends of its texts that are not written yet, by choice and kind. It is `open` once
    the line is written that its texts belong to; they must not stand before it.
    """

    pieces: deque[tuple[int, str, str]] = field(default_factory=deque)
    ends: defaultdict[tuple[int, str], str] = field(default_factory=lambda: defaultdict(str))
    open: bool = False


class Journal:
    """Writes down what happens to `conversations` and on `feed`, from now on until `close`.

    The file is made with the first event. `secrets` gives the keys that are cut out of all that is
    written. What cannot be written, on a full disk, waits until it can; that is said once.

    `_progress` is changed by the loop thread, and the writing thread takes copies of it; `_waiting`
    and the descriptor are the writing thread's own.
    """

    def __init__(
        self,
        conversations: Conversations,
        feed: Feed,
        *,
        secrets: Callable[[], tuple[Secret, ...]] = tuple,
        folder: Path | None = None,
    ) -> None:
        self.path: Path | None = None
        self._folder = folder
        self._conversations = conversations
        self._secrets = secrets
        self._progress: dict[str, _Progress] = {}
        self._waiting: deque[_Item | _Progress] = deque()
        self._problem = ""
        self._is_told = False
        self._items: queue.SimpleQueue[_Item | _Progress | None] = queue.SimpleQueue()
        self._descriptor: int | None = None
        self._closed = False
        changes = ChangeNotes(conversations, self._put)
        changes.begin()
        self._ends = [conversations.watch(changes.changed), feed.watch(self._heard)]
        self._thread = threading.Thread(
            target=self._write_all, name="eighty80-journal", daemon=True
        )
        self._thread.start()
        atexit.register(self.close)
        at_fork(self._leave_to_parent)

    def __repr__(self) -> str:
        return f"<Journal {self.path or 'not begun'}>"

    def problem(self) -> str:
        """Return once what keeps it from being written; empty: nothing new."""
        problem, self._problem = self._problem, ""
        return problem

    def close(self) -> None:
        """Write what is left, and end."""
        atexit.unregister(self.close)
        for end in self._ends:
            end()
        if not self._closed:
            self._closed = True
            self._items.put(None)
            self._thread.join(_CLOSE_SECONDS)

    def _heard(self, event: SessionEvent) -> None:
        match event:
            case TurnEvents(running, events):
                self._collect(running, events)
            case TurnBegan(running):
                request, name = running.request, running.conversation.name
                known = name in self._conversations
                if request.place.keep and known:
                    progress = self._progress[running.id] = _Progress()
                    self._put(
                        "began",
                        conversation=name,
                        turn=running.id,
                        again=request.place.again,
                        join=request.place.join,
                        cell=request.place.cell,
                        prompt=request.prompt,
                        source=request.source,
                        has_data=request.has_data,
                        server=server_mark(request.endpoint.url),
                        parameters=request.parameters,
                    )
                    self._items.put(progress)
            case TurnEnded(running):
                if self._progress.pop(running.id, None) is not None:
                    self._put("ended", turn=running.id)

    def _collect(self, running: RunningTurn, events: Sequence[TurnEvent]) -> None:
        progress = self._progress.get(running.id)
        if progress is None:  # not kept, or over: what tools tell comes from another thread
            return
        for one in events:
            if isinstance(one, (TextDelta, RefusalDelta)):
                progress.pieces.append((one.choice, "text", one.text))
            elif isinstance(one, ReasoningDelta):
                progress.pieces.append((one.choice, "reasoning", one.text))
            elif isinstance(one, TextWasReasoning):
                progress.pieces.append((one.choice, "thought", ""))
            elif isinstance(one, RoundBegan) and running.rounds:
                # The calls so far have their results; the text begins anew.
                progress = self._progress[running.id] = _Progress()
                self._put("round", turn=running.id, messages=running.messages)
                self._items.put(progress)

    def _put(self, event: str, **values: Any) -> None:
        if not self._closed:
            self._items.put({"event": event, "at": round(time.time(), 3), **values})

    def _write_all(self) -> None:
        due = 0.0
        ended = False
        while not ended:
            items: list[_Item | _Progress] = []
            with suppress(queue.Empty):
                item = self._items.get(timeout=self._wait_seconds())
                while item is not None:
                    items.append(item)
                    item = self._items.get_nowait()
                ended = True
            self._waiting += items
            if ended or time.monotonic() >= due:
                due = time.monotonic() + PIECES_SECONDS
                self._waiting += self._pieces()
            self._write()
        self._release()

    def _wait_seconds(self) -> float | None:
        """Return for how many seconds the next event is waited for; None: as long as it takes."""
        if self._progress:
            return PIECES_SECONDS
        return _AGAIN_SECONDS if self._waiting else None

    def _pieces(self) -> list[_Item | _Progress]:
        """Return what has come of the replies under way since the last time."""
        items: list[_Item | _Progress] = []
        words = secret_words(self._secrets()) if self._progress else ()
        for turn, progress in tuple(self._progress.items()):
            if not progress.open:
                continue
            while progress.pieces:
                choice, kind, piece = progress.pieces.popleft()
                if kind == "thought":
                    items.append({"event": "thought", "turn": turn, "choice": choice})
                    kind, piece = "reasoning", progress.ends.pop((choice, "text"), "")
                progress.ends[choice, kind] += piece
            for (choice, kind), end in progress.ends.items():
                text, progress.ends[choice, kind] = _settled(end, words)
                if text:
                    items.append(
                        {
                            "event": "text",
                            "turn": turn,
                            "choice": choice,
                            "kind": kind,
                            "text": text,
                        }
                    )
        return items

    def _write(self) -> None:
        """Write what waits; what cannot be written goes on waiting, and stands in its order."""
        secrets = self._secrets() if self._waiting else ()
        try:
            while self._waiting:
                if self._descriptor is None:
                    self.path, self._descriptor = begin(self._folder or state_path(FOLDER))
                if (line := self._line(self._waiting[0], secrets)) is not None:
                    append(self._descriptor, line)
                self._waiting.popleft()
                self._is_told = False
        except OSError as error:
            if not self._is_told:
                self._is_told = True
                self._problem = (
                    f"the journal cannot be written ({reason(error)}): what happens from now on is "
                    "not in it until it can; %chat --recover finds what is"
                )
                _log.warning("%s", self._problem)

    def _line(self, item: _Item | _Progress, secrets: tuple[Secret, ...]) -> bytes | None:
        """Return an event as a line, without the secrets; None where there is nothing to write."""
        if isinstance(item, _Progress):
            item.open = True
            return None
        try:
            return to_json(without_secret(plain(item), secrets)) + b"\n"
        except (UsageError, ValueError, TypeError, RecursionError) as error:
            _log.warning("an event is not in the journal, since it has no form: %s", error)
            return None

    def _leave_to_parent(self) -> None:
        """Write nothing in a forked child, and do not hold the lock of its parent."""
        self._closed = True
        self._release()

    def _release(self) -> None:
        if self._descriptor is not None:
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None


def _settled(text: str, words: Sequence[str]) -> tuple[str, str]:
    """Return a growing text without the secrets, and its end where that may become one."""
    text = without_words(text, words)
    end = len(text)
    for word in words:
        longest = min(len(word) - 1, len(text))
        cut = next((n for n in range(longest, 0, -1) if text.endswith(word[:n])), 0)
        end = min(end, len(text) - cut)
    return text[:end], text[end:]
