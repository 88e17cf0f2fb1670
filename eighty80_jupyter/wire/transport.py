"""Requests and answers over the network. The only file that knows httpx and aiohttp.

httpx gives addresses, redirects, and the proxies and certificates of the environment; the transport
under it is aiohttp's, whose parser takes a third of the time for a stream of small chunks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator, Mapping
from contextvars import ContextVar
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import aiohttp
import httpx
from aiohttp.client_proto import ResponseHandler
from httpx_aiohttp import AiohttpTransport, HttpxAiohttpClient

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.wire.endpoint import Secret
from eighty80_jupyter.wire.transport_errors import Fault, WireError, plain_reason

_REDIRECTS = {"POST": frozenset({307, 308}), "GET": frozenset({301, 302, 303, 307, 308})}
_MAX_REDIRECTS = 3
_IDLE_SECONDS = 300.0  # a connection that nobody used for so long is closed
_LOOK_SECONDS = 0.5
_UPLOAD_BYTES = 2**16

# Whether the request of this task went over a connection that had been used before.
_reused: ContextVar[bool] = ContextVar("_reused", default=False)


class Answer:
    """What a server answers: status and headers, and the body piece by piece."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self._body: _Body = response.extensions["body"]
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        # httpx undoes an encoding that nobody asked for; else it would only cost time.
        encoded = self.headers.get("content-encoding", "identity") != "identity"
        self._decoded = response.aiter_bytes() if encoded else None

    async def read(self) -> bytes:
        """Return the next piece of the body, and nothing at its end. Raises WireError."""
        try:
            if self._decoded is not None:
                return await anext(self._decoded, b"")
            return await self._body.read()
        except Exception as error:  # noqa: BLE001  # nothing but foreign code runs in here
            raise _wire_error(error) from None

    async def aclose(self) -> None:
        """Give the connection back, or close it where the body has not been read to its end."""
        await self._response.aclose()


class Http:
    """A pool of connections, made on the event loop that it belongs to.

    Raises UsageError where the environment names a proxy that is none.
    """

    def __init__(self) -> None:
        try:
            self._client = _Client(
                headers={"user-agent": "eighty80-jupyter", "accept-encoding": "identity"},
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # none is ever kept
            )
        except ValueError:  # its text holds the address, with a password as the case may be
            raise UsageError(
                "the environment names a proxy that is none; HTTPS_PROXY, HTTP_PROXY and ALL_PROXY "
                "must look like http://host:port"
            ) from None

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def send(
        self,
        url: str,
        content: bytes | None,
        *,
        token: Secret,
        headers: Mapping[str, str],
        connect_timeout: float | None,
        read_timeout: float | None,
    ) -> Answer:
        """Post JSON, or get where `content` is None, and return as soon as the head has come.

        A redirect is followed where method, body and origin stay the same, so that the key goes
        nowhere else. The timeouts are in seconds. Raises WireError.
        """
        kind = {"content-type": "application/json", "content-length": str(len(content or b""))}
        request = self._client.build_request(
            "GET" if content is None else "POST",
            url,
            content=None if content is None else _Upload(content),
            headers=None if content is None else kind,
            # The pool's is that of the whole connecting, the search for the host's name included.
            timeout=httpx.Timeout(read_timeout, connect=connect_timeout, pool=connect_timeout),
        )
        auth = _Bearer(token, headers)
        response = await self._send_once(request, auth)
        for _ in range(_MAX_REDIRECTS):
            if not _leads_home(response):
                break
            await response.aclose()
            assert response.next_request is not None  # noqa: S101  # _leads_home says so
            response = await self._send_once(response.next_request, auth)
        return Answer(response)

    async def _send_once(self, request: httpx.Request, auth: httpx.Auth) -> httpx.Response:
        while True:
            _reused.set(False)
            try:
                return await self._client.send(request, auth=auth, stream=True)
            except UsageError:
                raise
            except Exception as error:  # noqa: BLE001  # nothing but foreign code runs in here
                failure = _wire_error(error)
            # A kept connection that breaks before the answer was closed by the server meanwhile.
            if not (_reused.get() and failure.fault is Fault.BROKEN):
                raise failure


class _Upload:
    """The body of a request in pieces: aiohttp warns of large ones that come as a whole."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for begin in range(0, len(self._content), _UPLOAD_BYTES):
            yield self._content[begin : begin + _UPLOAD_BYTES]


class _Client(HttpxAiohttpClient):
    """httpx over our transport, also where the environment names a proxy."""

    def _init_transport(self, *names: Any, **settings: Any) -> httpx.AsyncBaseTransport:
        settings.pop("transport", None)
        return _Transport(*names, **settings)

    def _init_proxy_transport(
        self, proxy: httpx.Proxy, *names: Any, **settings: Any
    ) -> httpx.AsyncBaseTransport:
        settings["proxy"] = proxy
        return _Transport(*names, **settings)


class _Transport(AiohttpTransport):
    """aiohttp without a limit of connections and without cookies, and with our body."""

    def get_client(self) -> aiohttp.ClientSession:
        """Return a new session; called once, on the loop."""
        connector = aiohttp.TCPConnector(
            ssl=self.ssl_context, limit=0, keepalive_timeout=_IDLE_SECONDS
        )
        # There is no public way to name the protocol.
        connector._factory = partial(  # type: ignore[assignment]  # noqa: SLF001  # see above
            _Protocol, loop=asyncio.get_running_loop()
        )
        trace = aiohttp.TraceConfig()
        trace.on_connection_reuseconn.append(_note_reuse)
        return aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trace_configs=[trace]
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and return as soon as the head of its answer has come."""
        if self.proxy is not None and self.proxy.url.scheme not in ("http", "https"):
            raise UsageError(
                f"the environment names a {self.proxy.url.scheme} proxy, and only http and https "
                "proxies are supported; change HTTPS_PROXY or ALL_PROXY, or name the server in "
                "NO_PROXY"
            )
        response = await super().handle_async_request(request)
        # There is no public way from httpx's response to aiohttp's.
        answer = response.stream._aiohttp_response  # type: ignore[union-attr]  # noqa: SLF001  # see above
        body = _Body(answer, request.extensions["timeout"]["read"])
        response.stream = response.extensions["body"] = body
        return response


class _Protocol(ResponseHandler):
    """aiohttp's protocol, which parses the head of an answer apart from what follows it.

    In one piece with a body whose framing is wrong, such as a Content-Length that is too short,
    aiohttp drops the head too, and all that came with it.
    """

    _head_is_due = True

    def set_response_params(self, **settings: Any) -> None:
        """Get ready for the answer to another request."""
        self._head_is_due = True
        super().set_response_params(**settings)

    def data_received(self, data: bytes) -> None:
        """Take what has come."""
        if not self._head_is_due:
            super().data_received(data)
            return
        head, end, rest = data.partition(b"\r\n\r\n")
        self._head_is_due = not end
        super().data_received(head + end)
        if rest:
            super().data_received(rest)


class _Body(httpx.AsyncByteStream):
    """The body of an answer. Nothing that has come is lost, and nothing is waited for in vain."""

    def __init__(self, response: aiohttp.ClientResponse, silence: float | None) -> None:
        self._response = response
        self._silence = silence
        self._failure: Exception | None = None

    async def read(self) -> bytes:
        """Return what has come; nothing at the end."""
        if self._failure is not None:
            raise self._failure
        content = self._response.content
        try:
            return await self._wait_for(content)
        except Exception as error:
            # aiohttp keeps back what came before an error; there is no public way to it.
            rest = content._read_nowait(-1)  # noqa: SLF001  # see above
            if not rest:
                raise
            self._failure = error
            return rest

    async def _wait_for(self, content: aiohttp.StreamReader) -> bytes:
        """Wait for more, a little at a time.

        aiohttp neither wakes its reader nor keeps up the timeout once the connection was closed
        because of a framing error in the middle of a body (3.14.5).
        """
        waited = 0.0
        while True:
            closed = self._closed
            patience = _LOOK_SECONDS if self._silence is None else self._silence - waited
            try:
                async with asyncio.timeout(min(patience, _LOOK_SECONDS)):
                    return await content.readany()
            except TimeoutError as error:
                if isinstance(error, aiohttp.ServerTimeoutError):
                    raise
                if closed:
                    raise aiohttp.ClientPayloadError("bad framing") from None
                waited += _LOOK_SECONDS
                if self._silence is not None and waited >= self._silence:
                    raise aiohttp.SocketTimeoutError from None

    @property
    def _closed(self) -> bool:
        connection = self._response.connection
        transport = None if connection is None else connection.transport
        return transport is None or transport.is_closing()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await self.read():
            yield piece

    async def aclose(self) -> None:
        """Give the connection back, or close it where the body has not been read to its end."""
        self._response.release()


async def _note_reuse(*_: object) -> None:
    _reused.set(True)


class _Bearer(httpx.Auth):
    """Put the credentials on a request at the last moment; its headers' repr hides them."""

    def __init__(self, token: Secret, headers: Mapping[str, str]) -> None:
        self._token = token
        self._headers = headers

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Return the request with its credentials."""
        request.headers.update(self._headers)
        request.headers["authorization"] = f"Bearer {self._token.reveal()}"
        yield request


def _leads_home(response: httpx.Response) -> bool:
    """Tell whether a redirect keeps method, body and origin, so that the key may follow it."""
    target = response.next_request
    if target is None or response.status_code not in _REDIRECTS[response.request.method]:
        return False
    here, there = response.request.url, target.url
    return (here.scheme, here.host, here.port) == (there.scheme, there.host, there.port)


def _wire_error(error: Exception) -> WireError:
    """Return what httpx, aiohttp or the system raised in our own words."""
    cause = error.__cause__ if isinstance(error, httpx.HTTPError) else error
    match cause:
        case aiohttp.ConnectionTimeoutError():
            return WireError(Fault.CONNECT_TIMEOUT, "no answer in time")
        case TimeoutError():
            return WireError(Fault.SILENCE, "nothing came in time")
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            return WireError(Fault.PROXY, plain_reason(cause))
        case aiohttp.ClientSSLError():
            inner = getattr(cause, "certificate_error", getattr(cause, "os_error", None))
            return WireError(Fault.SECURITY, plain_reason(inner or cause))
        case aiohttp.ClientConnectorError():
            return WireError(Fault.ADDRESS, plain_reason(cause.os_error))
        case aiohttp.ServerDisconnectedError():
            return WireError(Fault.BROKEN, "the server closed it")
        case aiohttp.ClientPayloadError():
            return WireError(Fault.BROKEN, "it ended too early")
        case OSError():
            return WireError(Fault.BROKEN, plain_reason(cause))
        case aiohttp.ClientResponseError():
            return WireError(Fault.PROTOCOL, " ".join(cause.message.split())[:100])
    return WireError(Fault.PROTOCOL, plain_reason(error if cause is None else cause))
