"""The last live answers, which of them is on show, and how one of them becomes the reply."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from eighty80_jupyter.notebook.compare import variants
from eighty80_jupyter.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from eighty80_jupyter.api.reply import Reply
    from eighty80_jupyter.conversation.conversation import Conversation
    from eighty80_jupyter.conversation.turn import Exchange, Turn
    from eighty80_jupyter.session.session import Session

STRIP = 8
_NAMES = {"system": "instruction"}


def words_of(session: Session, names: Iterable[str]) -> str:
    """Return the present values of those parameters in words: `temperature 0.4, seed 7`."""
    words = []
    for name in names:
        value = getattr(session.config, name)
        if name == "system" and session.conversation.system is not None:
            value = session.conversation.system
        said = "server's default" if value is None else shown(value).strip("'")
        words.append(f"{_NAMES.get(name, name)} {said}")
    return ", ".join(words) or "as set"


@dataclass(frozen=True, slots=True, eq=False)
class LiveAnswer:
    """A whole answer, and the values that made it in words: `temperature 0.4`."""

    label: str
    exchange: Exchange


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveState:
    """What is to be seen of live mode.

    `reply`, made by what `label` says, is the answer to show, None: none; `streaming`: it goes on.
    `waiting`: a request is out and nothing has come of it, so what is on the page may stay.
    `answers` are the last ones, `shown` is the index of the one in `reply` or None. `tokens` were
    counted by the server unless they are `about` so many. `can_go_on`: the ceiling was reached.
    """

    on: bool
    notice: str
    label: str
    reply: Reply | None
    streaming: bool
    waiting: bool
    answers: tuple[LiveAnswer, ...]
    shown: int | None
    requests: int
    limit: int
    tokens: int
    about: bool
    can_go_on: bool


class RecentAnswers:
    """The last answers to the last turn of the current conversation; on the loop thread only.

    `shown` is the answer on show, `fresh` the same while it is not in the history yet.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._conversation: Conversation | None = None
        self.turn: Turn | None = None
        self.answers: deque[LiveAnswer] = deque(maxlen=STRIP)
        self.shown: LiveAnswer | None = None
        self.fresh: LiveAnswer | None = None

    @property
    def index(self) -> int | None:
        """The place of the answer on show, from 0; None if it is not one of these."""
        places = (i for i, answer in enumerate(self.answers) if answer is self.shown)
        return next(places, None)

    def look(self) -> bool:
        """See which turn is the last one; True where it, or its reply, is another than before.

        Then another one has asked, chosen, taken back or reset, and nothing is on show any more.
        """
        conversation = self._session.conversation
        turn = next(iter(conversation[-1:]), None)
        if conversation is self._conversation and turn is self.turn:
            return False
        known = self.turn.id if self.turn is not None else None
        if conversation is not self._conversation or turn is None or turn.id != known:
            self.answers.clear()
        self._conversation, self.turn = conversation, turn
        self.fresh = self.shown = None
        return True

    def add(self, answer: LiveAnswer) -> None:
        """Put a new answer on show."""
        self.answers.append(answer)
        self.fresh = self.shown = answer

    def show_own(self, turn: Turn, label: str) -> None:
        """Put the turn's own reply on show."""
        known = (answer for answer in self.answers if answer.exchange is turn.exchange)
        self.shown = next(known, None) or LiveAnswer(label, turn.exchange)
        self.fresh = None

    def keep(self) -> None:
        """Make the answer on show an alternative of the turn, unless it is one."""
        fresh, self.fresh = self.fresh, None
        if fresh is not None:
            self._adopt(fresh)

    def choose(self, number: int) -> LiveAnswer | None:
        """Make answer `number`, from 0, the turn's reply; None where that cannot be any more."""
        if not 0 <= number < len(self.answers) or not self._adopt(self.answers[number]):
            return None
        self.shown, self.fresh = self.answers[number], None
        return self.shown

    def clear(self) -> None:
        """Forget all answers."""
        self.answers.clear()
        self.fresh = self.shown = None

    def _adopt(self, answer: LiveAnswer) -> bool:
        conversation, turn = self._conversation, self.turn
        if conversation is None or turn is None or conversation.find(turn.id) is None:
            return False
        self.turn = variants.adopt(self._session, conversation, turn.id, answer.exchange)
        return True
