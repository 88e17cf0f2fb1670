"""The feed of a session: what happens to its turns, told to whoever watches."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from eighty80_jupyter.conversation.conversation import Conversation
from eighty80_jupyter.conversation.events import TurnEvent
from eighty80_jupyter.turns.request import RunningTurn
from eighty80_jupyter.watchers import Watchers

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TurnBegan:
    """A turn is under way."""

    running: RunningTurn


@dataclass(frozen=True, slots=True)
class TurnEvents:
    """Something has come for a turn; its snapshot holds it already."""

    running: RunningTurn
    events: Sequence[TurnEvent]


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """A turn has ended, and what it committed stands in the conversation."""

    running: RunningTurn


@dataclass(frozen=True, slots=True)
class ConversationChanged:
    """A conversation has changed, or has become the current one."""

    conversation: Conversation


SessionEvent = TurnBegan | TurnEvents | TurnEnded | ConversationChanged
SessionWatcher = Callable[[SessionEvent], None]


class Feed(Watchers[SessionWatcher]):
    """Calls its watchers with every event, in the thread where it happens.

    That is the loop thread for all that concerns a turn, so a watcher must return at once. One that
    fails is logged and does not disturb the others, nor the turn.
    """

    def tell(self, event: SessionEvent) -> None:
        """Call all watchers."""
        for watcher in self:
            try:
                watcher(event)
            except Exception:  # noqa: BLE001  # whatever a watcher may raise
                _log.exception("a watcher of the conversation failed")
