"""How long an answer is borne that goes on and brings nothing. No I/O."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

from eighty80_jupyter import errors
from eighty80_jupyter.wire.endpoint import Endpoint
from eighty80_jupyter.wire.reading.stream import ReplyReader
from eighty80_jupyter.wire.retries import Settings


class Keepalive:
    """Ends an answer that is kept alive for too long by what is no part of a reply."""

    def __init__(self, endpoint: Endpoint, settings: Settings) -> None:
        self._host = urlsplit(endpoint.url).netloc
        self._timeout = settings.keepalive_timeout
        self._progress = 0
        self._since: float | None = None

    def check(self, reader: ReplyReader) -> None:
        """Look whether the reply has grown. Raises APITimeoutError."""
        if reader.progress > self._progress:
            self._progress, self._since = reader.progress, None
        elif self._since is None:
            self._since = time.monotonic()
        elif self._timeout is not None and time.monotonic() - self._since > self._timeout:
            raise self.error()

    def error(self) -> errors.APITimeoutError:
        """Return the exception for it."""
        return errors.APITimeoutError(
            f"{self._host} kept the connection open for longer than ChatConfig.keepalive_timeout "
            "without a word of the reply; try again, or raise it"
        )
