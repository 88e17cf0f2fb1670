"""The list of models that the server has, asked for in the background."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from eighty80_jupyter.errors import ChatError
from eighty80_jupyter.wire.retries import Settings

if TYPE_CHECKING:
    from eighty80_jupyter.session.session import Session

_PATIENCE = Settings(connect_timeout=5.0, read_timeout=5.0, max_retries=0)
_TRIES = 3  # a server may have no list
_SERVER = ["base_url", "api_key"]


class ModelList:
    """Asks for the models and calls `found(names)`, in a thread; again where the server changes.

    A page, a setting and the answer come from threads of their own; `_lock` owns what was asked.
    """

    def __init__(self, session: Session, found: Callable[[Sequence[str]], None]) -> None:
        self._session = session
        self._found = found
        self._lock = threading.Lock()
        self._tries = 0
        self._asked: object = None  # stands for the request whose answer counts
        self._running: threading.Thread | None = None
        session.config.observe(self._another_server, names=_SERVER)

    def fetch(self) -> None:
        """Ask, unless that was done; what fails is asked again later, up to three times."""
        with self._lock:
            if self._asked is None and self._tries < _TRIES:
                self._tries += 1
                self._asked = asked = object()
                self._running = threading.Thread(
                    target=self._fetch, args=(asked,), name="eighty80-models", daemon=True
                )
                self._running.start()

    @property
    def busy(self) -> bool:
        """Whether the server is being asked."""
        return self._running is not None and self._running.is_alive()

    def close(self) -> None:
        """Ask nothing more."""
        with self._lock:
            self._tries, self._asked = _TRIES, None
        self._session.config.unobserve(self._another_server, names=_SERVER)

    def _fetch(self, asked: object) -> None:
        names = None
        with suppress(ChatError):
            names = [model.id for model in self._session.models(settings=_PATIENCE)]
        with self._lock:
            if asked is not self._asked:
                return  # closed meanwhile, or another server is asked
            if names is None:
                self._asked = None
        if names is not None:
            self._found(names)

    def _another_server(self, _change: object) -> None:
        with self._lock:
            known = self._tries > 0  # before somebody looks at the panel nothing is asked
            self._tries, self._asked = 0, None
        if known:
            self.fetch()
