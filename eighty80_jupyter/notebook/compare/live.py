"""Live mode: when a parameter moves, the last prompt is answered again. No widgets."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.api import parameter_values, request_parameters
from eighty80_jupyter.api.deltas import Retrying
from eighty80_jupyter.errors import ChatError, one_line
from eighty80_jupyter.notebook.compare import variants
from eighty80_jupyter.notebook.compare.debounce import Pause, Timer
from eighty80_jupyter.notebook.compare.newest import NewestRequest, take_over
from eighty80_jupyter.notebook.compare.recent import LiveAnswer, LiveState, RecentAnswers, words_of
from eighty80_jupyter.turns.ending import exchange_of
from eighty80_jupyter.turns.feed import (
    ConversationChanged,
    SessionEvent,
    TurnBegan,
    TurnEnded,
    TurnEvents,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eighty80_jupyter.conversation.conversation import Conversation
    from eighty80_jupyter.conversation.events import TurnEvent
    from eighty80_jupyter.conversation.turn import Turn
    from eighty80_jupyter.session.session import Session
    from eighty80_jupyter.turns.request import RunningTurn

# All in seconds. A request goes out when nothing has moved for DEBOUNCE, and during a long move
# every LONGEST. What stands for SETTLE enters the history; once the slider was let go it is LET_GO,
# because the slider's last value may come behind that news.
DEBOUNCE = 0.08
LONGEST = 0.24
SETTLE = 0.6
LET_GO = 0.15

_FAILURES = 3

ASK_FIRST = "Ask something first: live mode answers the last prompt again."
READY = "Move a slider: the last prompt is answered again."
_BUSY = "A reply is under way; the change counts when it has ended."
_ELSEWHERE = "Live mode was switched on in another panel."


class LiveAnswers:
    """Answers the last prompt of the current conversation again whenever a parameter changes.

    The public methods may be called from any thread; all they change themselves is the flag `on`.
    What they begin happens on the loop thread, which owns everything else, and where `changed` is
    called after whatever can be seen in `state`. The newest request wins: the one before is
    cancelled, and what still comes of it is not looked at. Nothing enters the history until a value
    has been left alone (or `released`, where it was `pressed`) and its answer is whole.
    """

    def __init__(self, session: Session, changed: Callable[[], None] = lambda: None) -> None:
        self.on = False
        self._closed = False
        self._session = session
        self._changed = changed
        self._notice = ""
        self._can_go_on = False
        self._move = Pause(self._ask, shortest=DEBOUNCE, longest=LONGEST)
        self._settle = Timer()
        self._held = self._let_go = False
        self._due = False
        self._moved_names: dict[str, None] = {}
        self._under_way: set[RunningTurn] = set()
        self._newest = NewestRequest()
        self._strip = RecentAnswers(session)
        self._failures = 0
        self._names = [*request_parameters.PARAMETERS, "system"]
        session.config.observe(self._on_config, self._names)
        self._end_watch = session.watch(self._hear)

    # From any thread.

    def switch_on(self) -> None:
        """Answer every change from now on, no other panel does; the meter begins anew."""
        self._take_over()
        self._session.on_loop(self._begin)

    def go_on(self) -> None:
        """Switch on again after the ceiling was reached, and answer what has moved since."""
        self._take_over()
        self._session.on_loop(self._go_on)

    def switch_off(self, notice: str = "") -> None:
        """Stop and say why; an answer that is whole and on show is kept."""
        self.on = False
        self._session.on_loop(partial(self._stop, notice))

    def moved(self, name: str) -> None:
        """Take note that a parameter has changed, or the instruction (`system`)."""
        if self.on:
            self._session.on_loop(partial(self._moved, name))

    def pressed(self) -> None:
        """Take note that a slider is held: until it is let go no answer enters the history."""
        if self.on:
            self._session.on_loop(self._press)

    def released(self) -> None:
        """Take note that the slider was let go: its last answer enters the history."""
        if self.on:
            self._session.on_loop(self._release)

    def choose(self, number: int) -> None:
        """Show answer `number` of the strip, from 0, and make it the turn's reply."""
        self._session.on_loop(partial(self._choose, number))

    def close(self) -> None:
        """Stop for good, and keep nothing that is not kept yet."""
        if self._closed:
            return
        self._closed = True
        was_on, self.on = self.on, False
        self._changed = lambda: None
        self._session.config.unobserve(self._on_config, self._names)
        self._end_watch()
        if was_on or self._newest.running is not None:
            self._session.on_loop(self._forget)

    def _take_over(self) -> None:
        self.on = True  # before: whoever takes over next switches this one off
        other = take_over(self._session, self)
        if other is not None and other.on:
            other.switch_off(_ELSEWHERE)

    def _on_config(self, change: Any) -> None:
        self.moved(change["name"])

    def _hear(self, event: SessionEvent) -> None:
        match event:
            case TurnEvents(running, events):
                if running is self._newest.running:
                    self._came(events)
            case TurnEnded(running):
                self._under_way.discard(running)
                if running is self._newest.running:
                    self._ended(running, self._newest.label)
                elif self._due and self.on:
                    self._due = False
                    self._plan()
            case TurnBegan(running):
                if running.request.place.keep:
                    self._under_way.add(running)
                    if self.on and running.conversation is self._session.conversation:
                        self._make_way()
            case ConversationChanged():
                if self.on or self._strip.answers:
                    self._session.on_loop(self._look)

    # From here on: on the loop thread.

    @property
    def state(self) -> LiveState:
        """What is to be seen now; on the loop thread only."""
        strip, newest = self._strip, self._newest
        label, reply, streaming = newest.label, newest.come, True
        if reply is None:
            label, streaming = "", False
            if strip.shown is not None:
                label, reply = strip.shown.label, strip.shown.exchange.reply
        return LiveState(
            on=self.on,
            notice=self._notice,
            label=label,
            reply=reply,
            streaming=streaming,
            waiting=newest.running is not None and not streaming,
            answers=tuple(strip.answers),
            shown=None if streaming else strip.index,
            requests=newest.requests,
            limit=self._session.config.live_request_limit,
            tokens=newest.tokens,
            about=newest.about,
            can_go_on=self._can_go_on,
        )

    def _begin(self) -> None:
        self._newest.reset()
        self._failures = 0
        self._can_go_on = self._due = self._held = False
        self._moved_names.clear()
        self._strip.look()
        self._say(READY if self._strip.turn is not None else ASK_FIRST)

    def _go_on(self) -> None:
        moved = dict(self._moved_names)
        self._begin()
        self._moved_names.update(moved)
        self._plan()

    def _stop(self, notice: str, *, can_go_on: bool = False) -> None:
        self._halt()
        self._strip.keep()
        self._can_go_on = can_go_on
        self._say(notice)

    def _forget(self) -> None:
        self._halt()
        self._strip.clear()

    def _halt(self) -> None:
        """Ask and keep nothing that is still to come."""
        self._move.cancel()
        self._settle.cancel()
        self._newest.drop()

    def _say(self, notice: str) -> None:
        self._notice = notice
        self._changed()

    def _moved(self, name: str) -> None:
        """Take in one move of a slider; the answer to it comes when the moves pause."""
        self._moved_names = {name: None, **self._moved_names}  # the latest first
        self._plan()

    def _plan(self) -> None:
        if not self.on:
            return
        self._let_go = False
        self._settle.cancel()
        self._move.move()

    def _ask(self) -> None:
        """Answer the last prompt with the parameters as they are now."""
        if not self.on:
            return
        conversation = self._session.conversation
        self._look()
        turn = self._strip.turn
        if any(running.conversation is conversation for running in self._under_way):
            self._due = True
            self._say(_BUSY)
        elif turn is None:
            self._say(ASK_FIRST)
        elif self._is_answered(turn):
            self._newest.drop()
            self._strip.show_own(turn, self._label())
            self._say("")
        elif self._newest.requests >= self._session.config.live_request_limit:
            self._stop_at_ceiling()
        else:
            self._send(conversation, turn)

    def _send(self, conversation: Conversation, turn: Turn) -> None:
        self._newest.drop()
        self._strip.fresh = None
        try:
            running = variants.start(self._session, conversation, turn.id, variants.prompt_of(turn))
        except ChatError as error:
            self._fail(error)
            return
        self._newest.sent(running, self._label())
        self._say("")

    def _is_answered(self, turn: Turn) -> bool:
        """Whether the turn's reply was made with just these parameters: back where it began."""
        if "system" in self._moved_names or turn.reply.status != "complete":
            return False
        wanted = parameter_values.body_fields(self._session.requests.parameters())
        return dict(turn.reply.parameters) == wanted

    def _label(self) -> str:
        return words_of(self._session, self._moved_names)

    def _came(self, events: Sequence[TurnEvent]) -> None:
        for event in events:
            if isinstance(event, Retrying):
                self._newest.requests += 1  # the client asks again by itself
                self._notice = f"{event.error}; asking again in {event.seconds:.1f} s"
                if self._newest.requests > self._session.config.live_request_limit:
                    self._stop_at_ceiling()
                    return
        self._changed()

    def _ended(self, running: RunningTurn, label: str) -> None:
        self._newest.end()
        reply = running.reply
        if running.error is not None:
            self._fail(running.error)
        elif reply is None or reply.status != "complete":  # the loop ends, and all with it
            self._changed()
        else:
            self._failures = 0
            self._strip.add(LiveAnswer(label, exchange_of(running, reply)))
            self._await_end_of_move()
            self._say("")

    def _fail(self, error: Exception) -> None:
        self._failures += 1
        if self._failures < _FAILURES:
            self._say(one_line(error))
        else:
            self.on = False
            self._stop(f"Live mode is off after {_FAILURES} failures in a row. {one_line(error)}")

    def _stop_at_ceiling(self) -> None:
        limit = self._session.config.live_request_limit
        text = f"Live mode stopped at {limit:,} requests (live_request_limit)."
        self.on = False
        self._stop(text, can_go_on=True)

    # What enters the history.

    def _press(self) -> None:
        self._held = True
        self._settle.cancel()

    def _release(self) -> None:
        self._held, self._let_go = False, True
        self._await_end_of_move()

    def _await_end_of_move(self) -> None:
        ended = self._newest.running is None and not self._move.pending and not self._held
        if self._strip.fresh is not None and ended:
            self._settle.set(LET_GO if self._let_go else SETTLE, self._strip.keep)

    def _choose(self, number: int) -> None:
        self._halt()
        answer = self._strip.choose(number)
        if answer is not None:
            self._say(f"This is the reply now: {answer.label}.")

    # What else happens in the session.

    def _make_way(self) -> None:
        """Let a turn begin in this conversation: it is sent with the answer that is on show."""
        self._settle.cancel()
        self._newest.drop()
        self._strip.keep()
        self._changed()

    def _look(self) -> None:
        """Begin anew where another turn is the last one, or has another reply."""
        if not self._strip.look():
            return
        self._settle.cancel()
        self._newest.drop()
        if self.on:
            self._notice = READY if self._strip.turn is not None else ASK_FIRST
        self._changed()
