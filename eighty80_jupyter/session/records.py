"""What a session writes down: its journal, and records of its requests, which also answer them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.conversation.branches import Conversations
from eighty80_jupyter.storage.journal import Journal
from eighty80_jupyter.storage.record import RecordedAnswers, Recorder
from eighty80_jupyter.turns.feed import Feed
from eighty80_jupyter.wire.secret import Secret, without_secret

_ATTACHED = ("image_url", "input_audio")  # pictures and sounds: no secret can be told in them


class Records:
    """What the settings `record`, `replay` and `replay_only` name, opened when it is first asked.

    `secrets` gives the keys, `redact` takes other secrets out of a text: neither stands in a file.
    Used by the loop thread, and by commands: what is open is changed under `_lock`.
    """

    def __init__(
        self,
        config: ChatConfig,
        *,
        secrets: Callable[[], tuple[Secret, ...]],
        redact: Callable[[str], str],
    ) -> None:
        self._config = config
        self._secrets = secrets
        self._redact = lru_cache(maxsize=4096)(redact)  # a history comes again with every turn
        self._lock = threading.RLock()
        self._recorder: tuple[str, Recorder] | None = None
        self._answers: tuple[str, RecordedAnswers] | None = None

    @property
    def active(self) -> bool:
        """Whether there is anything to do."""
        return bool(self._config.record or self._config.replay)

    @property
    def only(self) -> bool:
        """Whether nothing may be asked anew."""
        return self._config.replay_only

    def recorder(self) -> Recorder | None:
        """Return what writes the record; None where there shall be none. Raises UsageError."""
        path = self._config.record
        with self._lock:
            if self._recorder is not None and self._recorder[0] != path:
                self.close()
            if self._recorder is None and path:
                self._recorder = path, Recorder(path, self.clean)
            return None if self._recorder is None else self._recorder[1]

    def answers(self) -> RecordedAnswers | None:
        """Return the record that answers; None where there is none. Raises UsageError."""
        path = self._config.replay
        with self._lock:
            if self._answers is not None and self._answers[0] != path:
                self._answers = None
            if self._answers is None and path:
                self._answers = path, RecordedAnswers(path, self.clean)
            return None if self._answers is None else self._answers[1]

    def rewind(self) -> None:
        """Read the record that answers again, from its start."""
        with self._lock:
            self._answers = None

    def close(self) -> None:
        """Close the file that is written."""
        with self._lock:
            if self._recorder is not None:
                self._recorder[1].close()
                self._recorder = None

    def clean(self, value: Any) -> Any:
        """Return plain values without any secret."""
        return without_secret(self._cleaned(value), self._secrets())

    def _cleaned(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._redact(value)
        if isinstance(value, list):
            return [self._cleaned(item) for item in value]
        if isinstance(value, Mapping):
            return {k: v if k in _ATTACHED else self._cleaned(v) for k, v in value.items()}
        return value


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
