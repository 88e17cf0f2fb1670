"""How patient the client is: timeouts, and which failures are worth another attempt. No I/O."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from eighty80_jupyter.errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    ContextLengthError,
)
from eighty80_jupyter.wire.endpoint import Endpoint
from eighty80_jupyter.wire.reading.stream import MAX_REPLY_SIZE, ReplyReader
from eighty80_jupyter.wire.status_errors import is_out_of_credit
from eighty80_jupyter.wire.transport_errors import Fault, WireError

# 520 to 529 are those of networks between: https://developers.cloudflare.com, "5xx errors".
_STATUSES = frozenset({408, 409, 429, 500, 502, 503, 504, *range(520, 530)})
_FAULTS = frozenset({Fault.ADDRESS, Fault.PROXY, Fault.BROKEN})
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How patient the client is. Times are in seconds; None means without end.

    `read_timeout` is the longest silence, before the reply and inside it; there is no limit on the
    whole. `max_retries` counts the attempts after the first; `max_retry_wait` bounds one wait: a
    server that asks for more ends the attempts. `keepalive_timeout` bounds how long a connection is
    kept while nothing of a reply comes, but comments and their like. `max_reply_size` is in
    characters, see `ReplyReader`, as is `split_reasoning`.
    """

    connect_timeout: float | None = 10.0
    read_timeout: float | None = 300.0
    max_retries: int = 2
    max_retry_wait: float = 30.0
    keepalive_timeout: float | None = 1800.0
    max_reply_size: int = MAX_REPLY_SIZE
    split_reasoning: bool = True


def wait_before_retry(error: APIError, attempt: int, settings: Settings) -> float | None:
    """Return the seconds to wait before another attempt; None: give up.

    `attempt` counts from 0. Only for failures before the first byte of a reply. A server's
    Retry-After counts; without one the waits double, each of them up to a quarter more or less.
    """
    if attempt >= settings.max_retries:
        return None
    asked: float | None = None
    if isinstance(error, APIStatusError):
        if error.status_code not in _STATUSES or isinstance(error, ContextLengthError):
            return None
        if is_out_of_credit(error.message, error.code):
            return None
        asked = error.retry_after
    elif not (
        isinstance(error, APIConnectionError)
        and isinstance(error.__cause__, WireError)
        and error.__cause__.fault in _FAULTS
    ):
        return None
    if asked is not None:
        return asked if asked <= settings.max_retry_wait else None
    jitter = random.uniform(0.75, 1.25)  # noqa: S311  # so that not all clients come at once
    return min(_FIRST_WAIT * 2.0**attempt * jitter, _LONGEST_WAIT, settings.max_retry_wait)


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

    def error(self) -> APITimeoutError:
        """Return the exception for it."""
        return APITimeoutError(
            f"{self._host} kept the connection open for longer than ChatConfig.keepalive_timeout "
            "without a word of the reply; try again, or raise it"
        )
