"""What the panel shows of the current conversation, told to the browser piece by piece.

Events of the session are only noted where they happen; `paint` does the work in a thread of its
own. Messages go out under one lock, so that a view which has just said hello gets the whole and
then every change after it, in order.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.notebook.cell.summary import last_line
from eighty80_jupyter.notebook.cell.views.prompts import asked
from eighty80_jupyter.notebook.panel.streaming import Part, StreamingTurn, finished_parts
from eighty80_jupyter.notebook.saved.asked import asked_again
from eighty80_jupyter.prompt.template.syntax import escaped
from eighty80_jupyter.turns.feed import (
    ConversationChanged,
    SessionEvent,
    TurnEnded,
    TurnEvents,
)

if TYPE_CHECKING:
    from eighty80_jupyter.api.reply import Reply
    from eighty80_jupyter.conversation.conversation import Conversation
    from eighty80_jupyter.conversation.turn import Turn
    from eighty80_jupyter.session.session import Session
    from eighty80_jupyter.turns.request import RunningTurn

BATCH_TURNS = 30  # turns that are shown at first, and at each "Show earlier turns"
BATCH_CHARACTERS = 200_000  # of HTML in one message: Jupyter passes on 1 MB a second
MANY_CHANGES = 20  # more changed turns than this are told as a whole

Key = tuple[int, int, int]
NEVER: Key = (0, 0, 0)
Tell = Callable[..., None]  # sends a message to the browser: its name, and what it says


@dataclass(slots=True)
class _First:
    """The first that was seen of a turn, and what had come of it."""

    running: RunningTurn
    so_far: Reply


@dataclass(frozen=True, slots=True)
class Shown:
    """A turn that is under way: its number, and the parts of its answer as they were drawn."""

    number: int
    running: RunningTurn
    parts: list[Part]


class Page:
    """The transcript of the session's current conversation.

    `ended` is called, in the painting thread, with every turn that has ended. `drawings` counts
    what was drawn of turns that are under way.

    Events come from the loop thread and from those of tools; `_noting` owns what was noted of them,
    for a moment only. All else belongs to `_lock`, which a painting holds.
    """

    def __init__(
        self, session: Session, tell: Tell, *, ended: Callable[[RunningTurn], None]
    ) -> None:
        self._session = session
        self._tell = tell
        self._ended = ended
        self._lock = threading.RLock()
        self._events: deque[SessionEvent | _First] = deque()
        self._noting = threading.Lock()
        self._seen: set[str] = set()  # the turns that were noted, and have not ended
        self._live: dict[str, StreamingTurn] = {}
        self._conversation: Conversation | None = None
        self._known: dict[str, Key | None] = {}  # what the browser shows; None: while it is live
        self.consent: Mapping[str, Any] | None = None  # the question that waits
        self.drawings = 0

    @property
    def running(self) -> list[RunningTurn]:
        """The turns of the current conversation that are under way."""
        with self._lock:
            return [live.running for live in self._shown_live()]

    def under_way(self) -> list[Shown]:
        """Return what is shown of the turns of the current conversation that are under way."""
        with self._lock:
            return [
                Shown(self._live_index(live) + 1, live.running, list(live.parts))
                for live in self._shown_live()
            ]

    def note(self, event: SessionEvent) -> None:
        """Take an event of the session; returns at once."""
        if isinstance(event, ConversationChanged):
            self._events.append(event)
            return
        running = event.running
        if not running.request.place.keep:
            return
        with self._noting:
            if isinstance(event, TurnEnded):
                self._seen.discard(running.id)
            elif running.done:
                return
            elif running.id not in self._seen:
                self._seen.add(running.id)
                so_far = running.snapshot.to_reply(seconds=0, parameters={})
                self._events.append(_First(running, so_far))
                return
            self._events.append(event)

    def paint(self) -> bool:
        """Tell the browser what has changed; return whether there is more to come soon."""
        ended: list[RunningTurn] = []
        with self._lock:
            try:
                while self._events:
                    self._apply(self._events.popleft(), ended)
                self._sync()
                for live in self._shown_live():
                    for message in live.draw():
                        self._tell("grow", id=live.id, **message)
                        self.drawings += 1
                pending = any(live.pending for live in self._shown_live())
            except Exception:
                self._conversation = None  # next time the whole is told
                raise
        for running in ended:
            self._ended(running)
        return pending or bool(ended)

    def ask(self, consent: Mapping[str, Any] | None) -> None:
        """Tell the question that waits for an answer; None: there is none any more."""
        with self._lock:
            self.consent = consent
            self._tell("consent", consent=consent)

    def hello(self) -> None:
        """Tell everything to a view that is new."""
        with self._lock:
            self._state()

    def earlier(self) -> None:
        """Tell the turns above those that the browser shows."""
        with self._lock:
            if self._conversation is None:
                return
            turns = list(self._conversation)
            first = next((n for n, turn in enumerate(turns) if turn.id in self._known), 0)
            batch = self._batch(turns[:first])
            self._known = {turn["id"]: self._key(turns, turn) for turn in batch} | self._known
            self._tell("earlier", turns=batch, earlier=first - len(batch))

    def _apply(self, event: SessionEvent | _First, ended: list[RunningTurn]) -> None:
        match event:
            case _First(running, so_far):
                live = StreamingTurn(running, images=self._session.config.allow_images)
                if not so_far.empty:
                    live.complete(so_far)
                self._live[running.id] = live
                self.drawings += 1
                if running.conversation is self._conversation:
                    self._begin(live)
            case TurnEvents(running, events) if running.id in self._live:
                self._live[running.id].take(events)
            case TurnEnded(running):
                found = self._live.pop(running.id, None)
                self.drawings += 1
                if found is not None and running.conversation is self._conversation:
                    self._end(found)
                ended.append(running)
            case _:
                pass  # `_sync` looks at the conversations

    def _begin(self, live: StreamingTurn) -> None:
        last = next(reversed(self._known), None)
        after = self._before(live.id) if live.id in self._known else last
        self._known[live.id] = None
        self._tell("turn", turn=self._live_wire(live), after=after)
        self._tell("busy", live=True)

    def _end(self, live: StreamingTurn) -> None:
        """Draw the last of a turn; what was not kept goes away."""
        running, conversation = live.running, live.running.conversation
        index = conversation.find(live.id)
        turn = None if index is None else conversation[index]
        if index is None or turn is None:
            self._known.pop(live.id, None)
            self._tell("drop", ids=[live.id])
        elif running.reply is None or turn.reply is not running.reply:
            self._known[live.id] = NEVER  # it is drawn as it was
        else:
            live.complete(running.reply)
            for message in live.draw(final=True):
                self._tell("grow", id=live.id, **message)
            tools = len(turn.messages) > 2  # noqa: PLR2004  # rounds between prompt and answer
            self._known[live.id] = _key(turn)
            typed = turn.reply.returns is not None  # the value stands in place of its text
            wire = self._wire(index, turn, parts=tools or typed)
            self._tell("turn", turn=wire, after=self._before(live.id))
        self._tell("busy", live=bool(self._shown_live()))

    def _sync(self) -> None:
        """Tell how the conversation differs from what the browser shows."""
        conversation = self._session.conversation
        if conversation is not self._conversation:
            self._state()
            return
        turns = list(conversation)
        start = next((n for n, turn in enumerate(turns) if turn.id in self._known), 0)
        there = {turn.id for turn in turns} | {live.id for live in self._shown_live()}
        gone = [turn_id for turn_id in self._known if turn_id not in there]
        shown = list(enumerate(turns))[start:]
        changed = [
            (n, turn)
            for n, turn in shown
            if self._known.get(turn.id, NEVER) not in (None, _key(turn))
        ]
        if len(changed) > MANY_CHANGES:
            self._state()
            return
        if gone:
            for turn_id in gone:
                del self._known[turn_id]
            self._tell("drop", ids=gone)
        for n, turn in changed:
            new = turn.id not in self._known
            self._known[turn.id] = _key(turn)
            after = turns[n - 1].id if n else None
            self._tell("turn", turn=self._wire(n, turn, parts=True), after=after)
            if new:
                order = [t.id for t in turns if t.id in self._known]
                order += [turn_id for turn_id in self._known if turn_id not in order]
                self._known = {turn_id: self._known[turn_id] for turn_id in order}

    def _state(self) -> None:
        """Tell the whole, beginning with the latest turns."""
        conversation = self._conversation = self._session.conversation
        turns = list(conversation)
        batch = self._batch(turns)
        live = {live.id: live for live in self._shown_live()}
        wires = [
            self._live_wire(live.pop(wire["id"])) if wire["id"] in live else wire for wire in batch
        ]
        fresh = [self._live_wire(one) for one in live.values() if not one.again]
        self._known = {wire["id"]: self._key(turns, wire) for wire in [*wires, *fresh]}
        self._tell(
            "state",
            turns=[*wires, *fresh],
            earlier=len(turns) - len(batch),
            live=bool(self._shown_live()),
            empty="Nothing has been said yet. Ask something below, or in a cell with %%chat.",
            consent=self.consent,
        )

    def _batch(self, turns: list[Turn]) -> list[dict[str, Any]]:
        """Return the last turns of these, as many as go into a message."""
        batch: list[dict[str, Any]] = []
        size = 0
        for index in reversed(range(len(turns))):
            wire = self._wire(index, turns[index], parts=True)
            size += sum(len(html) for part in wire["parts"] for html in part["blocks"])
            size += len(wire["source"]) + len(wire["text"]) + sum(len(d) for _, d in wire["data"])
            if batch and (len(batch) >= BATCH_TURNS or size > BATCH_CHARACTERS):
                break
            batch.append(wire)
        return batch[::-1]

    def _shown_live(self) -> list[StreamingTurn]:
        return [
            live for live in self._live.values() if live.running.conversation is self._conversation
        ]

    def _before(self, turn_id: str) -> str | None:
        """Return the turn above one that the browser shows."""
        before = None
        for known in self._known:
            if known == turn_id:
                return before
            before = known
        return before

    def _key(self, turns: Iterable[Turn], wire: Mapping[str, Any]) -> Key | None:
        if wire["live"]:
            return None
        return next(_key(turn) for turn in turns if turn.id == wire["id"])

    def _wire(self, index: int, turn: Turn, *, parts: bool) -> dict[str, Any]:
        """Return a turn as the browser takes it; without `parts` its answer stays as it is."""
        reply, images = turn.reply, self._session.config.allow_images
        text, is_raw = asked_again(turn)
        return {
            "id": turn.id,
            "number": index + 1,
            **asked(turn.source, turn.prompt),
            "edit": escaped(text) if is_raw else text,
            "text": "\n\n".join(c.text or c.refusal for c in reply.choices),
            "line": last_line(reply),
            "error": reply.error,
            "alternatives": len(turn.alternatives),
            "chosen": turn.chosen,
            "live": False,
            "parts": [asdict(part) for part in finished_parts(turn.exchange, images=images)]
            if parts
            else None,
        }

    def _live_index(self, live: StreamingTurn) -> int:
        conversation = live.running.conversation
        index = conversation.find(live.id)
        if index is None:  # it will stand behind those that began before it
            before = takewhile(lambda other: other is not live, self._shown_live())
            index = len(conversation) + sum(not other.again for other in before)
        return index

    def _live_wire(self, live: StreamingTurn) -> dict[str, Any]:
        request = live.running.request
        return {
            "id": live.id,
            "number": self._live_index(live) + 1,
            **asked(request.source or request.prompt.text, request.prompt.text),
            "text": "",
            "line": "",
            "error": "",
            "alternatives": 1,
            "chosen": 0,
            "live": True,
            "parts": [asdict(part) for part in live.parts],
        }


def _key(turn: Turn) -> Key:
    """Return what tells one state of a turn from another."""
    return (id(turn.exchange), turn.chosen, len(turn.alternatives))
