"""The journal of a session, as the setting `autosave` says."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.conversation.branches import Conversations
from eighty80_jupyter.storage.journal import Journal
from eighty80_jupyter.turns.feed import Feed
from eighty80_jupyter.wire.secret import Secret


class Autosave:
    """Begins the journal of `conversations`, and ends it, as the setting is changed.

    A turn calls `apply` before it begins, as a configuration file may have changed the setting.
    Any thread may: the journal is begun and ended under `_lock`.
    """

    def __init__(
        self,
        config: ChatConfig,
        conversations: Conversations,
        feed: Feed,
        secrets: Callable[[], tuple[Secret, ...]],
    ) -> None:
        self._config = config
        self._begin = partial(Journal, conversations, feed, secrets=secrets)
        self._lock = threading.Lock()
        self._journal: Journal | None = None
        config.observe(self.apply, "autosave")

    def apply(self, _change: object = None) -> None:
        """Begin the journal or end it, as the setting says."""
        with self._lock:
            if self._config.autosave and self._journal is None:
                self._journal = self._begin()
            elif not self._config.autosave and self._journal is not None:
                self._journal.close()
                self._journal = None

    def problem(self) -> str:
        """Return once what keeps the journal from being written; empty: nothing new."""
        journal = self._journal
        return "" if journal is None else journal.problem()
