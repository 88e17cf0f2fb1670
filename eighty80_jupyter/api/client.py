"""The HTTP client: one request, one stream of deltas. The only file that knows httpx.

httpx gives proxies, certificates and timeouts; its transport is exchanged for aiohttp's parser,
which is several times as fast for streams of small chunks.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import httpx
import orjson
from httpx_aiohttp import HttpxAiohttpClient

from eighty80_jupyter import errors
from eighty80_jupyter.api import failures
from eighty80_jupyter.api.deltas import Event, Retrying
from eighty80_jupyter.api.endpoint import Endpoint, retry_after, without_secret
from eighty80_jupyter.api.stream import MAX_JSON_BYTES, ReplyReader

_MAX_ERROR_BYTES = 2**20
_DRAIN_SECONDS = 0.1
_RETRIED = frozenset({408, 409, 429, 500, 502, 503, 504})
_REDIRECTS = frozenset({307, 308})
_MAX_REDIRECTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How patient the client is. Times are in seconds; None means without end.

    `read_timeout` is the longest silence, before the reply and inside it; there is no limit on the
    whole. `max_retries` counts the attempts after the first; `max_retry_wait` bounds one wait: a
    server that asks for more ends the attempts.
    """

    connect_timeout: float | None = 10.0
    read_timeout: float | None = 300.0
    max_retries: int = 2
    max_retry_wait: float = 30.0


class Client:
    """Talk to servers of the chat-completions API over one pool of connections.

    Belongs to one event loop. `sleep` and `now` are the clock, exchanged in tests.
    """

    def __init__(
        self,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._sleep = sleep
        self._now = now
        self._http = HttpxAiohttpClient(
            headers={"user-agent": "eighty80-jupyter", "accept-encoding": "identity"},
            limits=httpx.Limits(max_connections=None, keepalive_expiry=300.0),
        )
        self._no_stream_options: set[str] = set()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def complete(
        self, endpoint: Endpoint, body: Mapping[str, Any], *, stream: bool, settings: Settings
    ) -> AsyncGenerator[Sequence[Event]]:
        """Post a chat completion and yield what comes, in batches as it arrives.

        `body` holds everything but the streaming fields. A connection that is closed early (the
        iterator is closed or cancelled) tells the server to stop. Raises the errors of the tree
        in `errors`; whatever was yielded before stays valid.
        """
        fields = dict(body, stream=True) if stream else dict(body)
        if (
            stream
            and "stream_options" not in fields
            and endpoint.url not in self._no_stream_options
        ):
            fields["stream_options"] = {"include_usage": True}
        attempt = 0
        while True:
            begun = False
            try:
                async with (
                    self._send(endpoint, "/v1/chat/completions", fields, settings) as answer,
                    aclosing(_read(answer, endpoint)) as batches,
                ):
                    async for batch in batches:
                        begun = True
                        yield batch
                return  # noqa: TRY300  # an else would stand far from what it belongs to
            except errors.APIError as error:
                if begun:
                    raise
                if self._rejects_stream_options(error, fields) and "stream_options" not in body:
                    self._no_stream_options.add(endpoint.url)
                    del fields["stream_options"]
                    continue
                wait = self._wait_before_retry(error, attempt, settings)
                if wait is None:
                    raise
                note = Retrying(seconds=wait, error=str(error))
            attempt += 1
            yield [note]
            await self._sleep(note.seconds)

    async def models(self, endpoint: Endpoint, *, settings: Settings) -> list[dict[str, Any]]:
        """Return the server's list of models, each an object with at least an `id`.

        An answer of another shape counts as an empty list: a list of names, or entries without an
        `id`, are used as far as they go.
        """
        async with self._send(endpoint, "/v1/models", None, settings) as answer:
            data = await _read_all(answer, MAX_JSON_BYTES)
        try:
            decoded = orjson.loads(data)
        except ValueError:
            return []
        entries = decoded.get("data") if isinstance(decoded, dict) else decoded
        models = []
        for entry in entries if isinstance(entries, list) else []:
            if isinstance(entry, str) and entry:
                models.append({"id": entry})
            elif isinstance(entry, dict) and isinstance(entry.get("id"), str) and entry["id"]:
                models.append(entry)
        return models

    @asynccontextmanager
    async def _send(
        self, endpoint: Endpoint, path: str, fields: Mapping[str, Any] | None, settings: Settings
    ) -> AsyncIterator[httpx.Response]:
        """Send one request and check the status before anything is read."""
        auth = _Bearer(endpoint)
        with _mapped(endpoint):
            request = self._http.build_request(
                "GET" if fields is None else "POST",
                endpoint.url + path,
                content=None if fields is None else _encode(fields),
                headers=None if fields is None else {"content-type": "application/json"},
                timeout=httpx.Timeout(settings.read_timeout, connect=settings.connect_timeout),
            )
            response = await self._http.send(request, auth=auth, stream=True)
            for _ in range(_MAX_REDIRECTS):
                if not _leads_home(response):
                    break
                await response.aclose()
                assert response.next_request is not None  # noqa: S101  # _leads_home says so
                response = await self._http.send(response.next_request, auth=auth, stream=True)
        try:
            if not response.is_success:
                raise await self._status_error(response, endpoint)
            yield response
        finally:
            # Without it the server would go on answering: nobody else knows this connection.
            await response.aclose()

    async def _status_error(
        self, response: httpx.Response, endpoint: Endpoint
    ) -> errors.APIStatusError:
        try:
            data = await _read_all(response, _MAX_ERROR_BYTES)
        except Exception:  # noqa: BLE001  # the status tells enough
            data = b""
        secret, _ = endpoint.authorization()
        return failures.status_error(
            response.status_code,
            without_secret(data.decode("utf-8", "replace"), secret),
            url=endpoint.url,
            headers=response.headers,
            after=retry_after(response.headers.get("retry-after"), self._now()),
        )

    @staticmethod
    def _rejects_stream_options(error: errors.APIError, fields: Mapping[str, Any]) -> bool:
        return (
            "stream_options" in fields
            and isinstance(error, errors.BadRequestError)
            and any(
                word in f"{error.message} {error.param} {error.body}"
                for word in ("stream_options", "include_usage")
            )
        )

    def _wait_before_retry(
        self, error: errors.APIError, attempt: int, settings: Settings
    ) -> float | None:
        """Return the seconds to wait before another attempt; None: give up."""
        if attempt >= settings.max_retries:
            return None
        asked: float | None = None
        if isinstance(error, errors.APIStatusError):
            if error.status_code not in _RETRIED:
                return None
            asked = error.retry_after
        elif not isinstance(error, errors.APIConnectionError) or isinstance(
            error, errors.APITimeoutError
        ):
            return None
        if asked is not None:
            return asked if asked <= settings.max_retry_wait else None
        backoff = min(2.0 ** (attempt - 1), 8.0) * random.uniform(0.75, 1.25)  # noqa: S311  # jitter
        return min(backoff, settings.max_retry_wait)


class _Bearer(httpx.Auth):
    """Put the credentials on the request at the last moment; its headers' repr hides them."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        token, headers = self._endpoint.authorization()
        request.headers.update(headers)
        request.headers["authorization"] = f"Bearer {token.reveal()}"
        yield request


def _encode(fields: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(fields, option=orjson.OPT_NON_STR_KEYS)
    except (TypeError, ValueError):
        # Lone surrogates and integers beyond 64 bits: the standard library takes both.
        return json.dumps(fields).encode("ascii")


def _leads_home(response: httpx.Response) -> bool:
    """Tell whether a redirect keeps method, body and origin, so that the key may follow it."""
    target = response.next_request
    if response.status_code not in _REDIRECTS or target is None:
        return False
    here = response.request.url
    return (here.scheme, here.host, here.port) == (
        target.url.scheme,
        target.url.host,
        target.url.port,
    )


async def _read(response: httpx.Response, endpoint: Endpoint) -> AsyncGenerator[Sequence[Event]]:
    """Yield the deltas of an answer as they arrive, then raise what went wrong."""
    reader = ReplyReader(endpoint, endpoint.authorization()[0])
    pieces = _pieces(response)
    while True:
        try:
            with _mapped(endpoint, inside=reader.started):
                piece = await anext(pieces, None)
        except errors.APIError:
            if reader.finished:
                return  # all that was promised has come; only the farewell is missing
            raise
        batch = reader.finish() if piece is None else reader.feed(piece)
        if batch:
            yield batch
        if reader.failure is not None:
            raise reader.failure
        if piece is None:
            return
        if reader.done:
            await _drain(pieces)
            return


def _pieces(response: httpx.Response) -> AsyncIterator[bytes]:
    # aiter_bytes undoes a content encoding that was not asked for, and costs a little more
    encoding = response.headers.get("content-encoding", "identity")
    return response.aiter_raw() if encoding == "identity" else response.aiter_bytes()


async def _drain(pieces: AsyncIterator[bytes]) -> None:
    """Read the end of a reply that is complete, so that its connection can be used again."""
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            while await anext(pieces, None) is not None:
                pass
    except Exception:  # noqa: BLE001  # then the connection is not used again, and that is all
        return


async def _read_all(response: httpx.Response, limit: int) -> bytes:
    data = bytearray()
    async for piece in _pieces(response):
        data += piece
        if len(data) > limit:
            break
    return bytes(data[:limit])


@contextmanager
def _mapped(endpoint: Endpoint, *, inside: bool = False) -> Iterator[None]:
    """Turn whatever httpx, aiohttp and the system raise into an APIError.

    `inside` tells that the reply had begun. The foreign exceptions stay in the chain, but without
    their frames: those hold the request's headers, and with them the key.
    """
    try:
        yield
    except errors.ChatError:
        raise
    except Exception as error:  # noqa: BLE001  # nothing but foreign code runs in here
        text = without_secret(str(error), endpoint.key)
        mapped = _api_error(error, text, endpoint, inside=inside)
        raise mapped from _without_frames(error)


def _api_error(error: Exception, text: str, endpoint: Endpoint, *, inside: bool) -> errors.APIError:
    host = urlsplit(endpoint.url).netloc
    cause = error.__cause__ if isinstance(error, httpx.HTTPError) else error
    reason = f": {text}" if text else f": {type(cause or error).__name__}"
    match cause:
        case aiohttp.SocketTimeoutError():
            return errors.APITimeoutError(
                f"nothing came from {host} for longer than ChatConfig.read_timeout; try again, "
                "or raise it"
            )
        case aiohttp.ConnectionTimeoutError():
            return errors.APITimeoutError(
                f"no connection to {host} within ChatConfig.connect_timeout; check the address "
                "(_8080_API_URL) and the network"
            )
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            return errors.APIConnectionError(
                f"the proxy does not connect to {host}{reason}; check HTTPS_PROXY and NO_PROXY"
            )
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            return errors.APIConnectionError(
                f"no secure connection to {host}{reason}; SSL_CERT_FILE names further certificates"
            )
        case aiohttp.ClientConnectorError():
            return errors.APIConnectionError(
                f"cannot connect to {host}{reason}; check the address (_8080_API_URL), the network "
                "and that the server runs"
            )
    if inside:
        return errors.APIStreamError(f"the connection to {host} broke inside the reply{reason}")
    return errors.APIConnectionError(f"the connection to {host} broke before the reply{reason}")


def _without_frames(error: BaseException) -> BaseException:
    seen: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        one = todo.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            one.__traceback__ = None
            todo += [one.__cause__, one.__context__]
    return error
