"""Requests and answers over the network. The only file that knows httpx.

httpx gives addresses, requests, and the proxies and certificates of the environment. A request is
prepared here and goes to the transport right away, since httpx's whole client costs as much again
as the request.

Some of its names that are used here are private: `_init_transport` and `_init_proxy_transport`, by
which the client makes transports (where they are missing, it keeps its own ones, which are slower),
and `_transport_for_url`, which finds one (where it is missing, all goes through the client).
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import lru_cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from weakref import WeakKeyDictionary

import httpx

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.wire.connections import (
    UPLOAD_BYTES,
    Body,
    Connections,
    Headers,
    header_fields,
    reused,
)
from eighty80_jupyter.wire.endpoint import Credentials
from eighty80_jupyter.wire.transport_errors import Fault, WireError, plain_reason

_log = logging.getLogger(__name__)

_REDIRECTS = {"POST": frozenset({307, 308}), "GET": frozenset({301, 302, 303, 307, 308})}
_MAX_REDIRECTS = 3
_HEADERS = {
    "accept": "*/*",
    "accept-encoding": "identity",
    "connection": "keep-alive",
    "user-agent": "eighty80-jupyter",
}


class Answer:
    """What a server answers: status and headers, and the body piece by piece.

    `read` returns the next piece of the body, and nothing at its end; it raises WireError.
    """

    def __init__(self, status: int, headers: Headers, body: Body | _Decoded) -> None:
        self.status = status
        self._headers = headers
        self._body = body
        self.read: Callable[[], Awaitable[bytes]] = body.read

    @property
    def headers(self) -> httpx.Headers:
        """The headers, found by names in any case."""
        return httpx.Headers(self._headers)

    @property
    def ended(self) -> bool:
        """Whether all of the body is known to have been read."""
        return self._body.ended

    async def aclose(self) -> None:
        """Give the connection back, or close it where the body has not been read to its end."""
        if not self._body.ended:
            await self._body.aclose()


class _Decoded:
    """The body of an answer of httpx, which undoes an encoding that nobody asked for."""

    ended = False

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self._pieces = response.aiter_bytes()

    async def read(self) -> bytes:
        """Return the next piece, and nothing at the end. Raises WireError."""
        try:
            return await anext(self._pieces, b"")
        except Exception as error:  # noqa: BLE001  # nothing but foreign code runs in here
            raise _wire_error(error) from None

    async def aclose(self) -> None:
        """Give the connection back, or close it where the body has not been read to its end."""
        await self._response.aclose()


class _Prepared:
    """A request but for its body. It holds the key, and shows nothing."""

    __slots__ = ("address", "fields", "request", "transport")

    def __init__(self, request: httpx.Request, transport: _Transport | None) -> None:
        self.request = request
        self.transport = transport  # None: all goes through the client
        self.address = str(request.url)
        self.fields = header_fields(request.headers.raw)


class Http:
    """A pool of connections, made on the event loop that it belongs to.

    Raises UsageError where the environment names a proxy, or certificates, that are none.
    """

    def __init__(self) -> None:
        try:
            cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))  # none is ever kept
            self._client = _Client(cookies=cookies)
        except (ValueError, httpx.InvalidURL):  # its text holds the address, perhaps a password
            raise UsageError(
                "the environment names a proxy that is none; HTTPS_PROXY, HTTP_PROXY and ALL_PROXY "
                "must look like http://host:port"
            ) from None
        except OSError as error:
            file, reason = os.environ.get("SSL_CERT_FILE"), plain_reason(error)
            raise UsageError(
                f"SSL_CERT_FILE must name a file of certificates or be unset; got {file}: {reason}"
            ) from None
        self._find: Any = getattr(self._client, "_transport_for_url", None)
        # By address and method: as long as the credentials are in use, and no longer.
        self._prepared = WeakKeyDictionary[Credentials, dict[tuple[str, bool], _Prepared]]()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def send(
        self,
        url: str,
        content: bytes | None,
        *,
        credentials: Credentials,
        connect_timeout: float | None,
        read_timeout: float | None,
    ) -> Answer:
        """Post JSON, or get where `content` is None, and return as soon as the head has come.

        A redirect is followed where method, body and origin stay the same, so that the key goes
        nowhere else. The timeouts are in seconds. Raises WireError.
        """
        times = {"connect": connect_timeout, "read": read_timeout, "pool": connect_timeout}
        prepared = self._prepare(url, credentials, posts=content is not None)
        answer = await self._once(prepared, content, times)
        for _ in range(_MAX_REDIRECTS):
            if (there := _leads_home(prepared.request, answer)) is None:
                break
            await answer.aclose()
            prepared = self._prepare(str(there), credentials, posts=content is not None)
            answer = await self._once(prepared, content, times)
        if _log.isEnabledFor(logging.DEBUG):  # a query may hold secrets
            shown = _parsed(url).copy_with(query=None)
            _log.debug("HTTP Request: %s %s %d", prepared.request.method, shown, answer.status)
        return answer

    def _prepare(self, url: str, credentials: Credentials, *, posts: bool) -> _Prepared:
        """Return a request but for its body; the same one as before where nothing has changed."""
        known = self._prepared.setdefault(credentials, {})
        if (url, posts) not in known:
            target = _parsed(url)
            headers = httpx.Headers({"host": target.netloc.decode("ascii"), **_HEADERS})
            if posts:
                headers["content-type"] = "application/json"
            headers.update(credentials.reveal())
            request = httpx.Request("POST" if posts else "GET", target, headers=headers)
            request.headers.pop("content-length", None)  # that of no body
            there = None if self._find is None else self._find(target)
            ours = there if isinstance(there, _Transport) else None
            known[url, posts] = _Prepared(request, ours)
        return known[url, posts]

    async def _once(
        self, prepared: _Prepared, content: bytes | None, times: Mapping[str, float | None]
    ) -> Answer:
        while True:
            reused.set(False)
            try:
                if prepared.transport is None:
                    return await self._through_httpx(prepared, content, times)
                return await prepared.transport.exchange(prepared, content, times)
            except UsageError:
                raise
            except Exception as error:  # noqa: BLE001  # nothing but foreign code runs in here
                failure = _wire_error(error)
            # A kept connection that breaks before the answer was closed by the server meanwhile.
            if not (reused.get() and failure.fault is Fault.BROKEN):
                raise failure

    async def _through_httpx(
        self, prepared: _Prepared, content: bytes | None, times: Mapping[str, float | None]
    ) -> Answer:
        headers = prepared.request.headers.copy()
        if content is not None:
            headers["content-length"] = str(len(content))
        request = httpx.Request(
            prepared.request.method, prepared.request.url, headers=headers,
            stream=_Content(content or b""), extensions={"timeout": {"write": None, **times}},
        )  # fmt: skip
        response = await self._client.send(request, auth=None, stream=True)
        return Answer(response.status_code, response.headers.raw, _Decoded(response))


class _Content(httpx.AsyncByteStream):
    """The body of a request, whole or in pieces: aiohttp warns of large ones that come whole."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for begin in range(0, len(self.content), UPLOAD_BYTES):
            yield self.content[begin : begin + UPLOAD_BYTES]


class _Client(httpx.AsyncClient):
    """httpx over our transport, also where the environment names a proxy."""

    def _init_transport(self, *_names: Any, **_settings: Any) -> httpx.AsyncBaseTransport:
        return _Transport(None)

    def _init_proxy_transport(
        self, proxy: httpx.Proxy, *_names: Any, **_settings: Any
    ) -> httpx.AsyncBaseTransport:
        return _Transport(proxy)


class _Transport(httpx.AsyncBaseTransport):
    """The connections as httpx has its transports."""

    def __init__(self, proxy: httpx.Proxy | None) -> None:
        self._scheme, address = "", None
        if proxy is not None:
            if not proxy.url.host or (proxy.url.port or 0) not in range(2**16):
                raise ValueError("a proxy that is none")
            self._scheme = proxy.url.scheme
            user, password = (word.decode() or None for word in proxy.raw_auth or (b"", b""))
            address = str(proxy.url.copy_with(username=user, password=password))
        self._connections = Connections(httpx.create_ssl_context(), proxy=address)

    async def exchange(
        self, prepared: _Prepared, content: bytes | None, times: Mapping[str, float | None]
    ) -> Answer:
        """Send a request, and return as soon as the head of its answer has come."""
        fields = prepared.fields
        data: bytes | AsyncIterator[bytes] | None = content
        if content is not None and len(content) > UPLOAD_BYTES:
            length = b"content-length", str(len(content)).encode()
            fields = header_fields([*prepared.request.headers.raw, length])
            data = aiter(_Content(content))
        status, headers, body = await self._request(
            prepared.request.method, prepared.address, fields, data, times
        )
        if not body.encoded:
            return Answer(status, headers, body)
        response = httpx.Response(status, headers=headers, stream=_Stream(body))
        return Answer(status, headers, _Decoded(response))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Do the same for httpx's own client."""
        content = getattr(request.stream, "content", b"")
        status, headers, body = await self._request(
            request.method,
            str(request.url),
            header_fields(request.headers.raw),
            aiter(request.stream) if content else None,  # type: ignore[arg-type]  # `_Content`
            request.extensions["timeout"],
        )
        return httpx.Response(status, headers=headers, stream=_Stream(body), request=request)

    async def _request(
        self,
        method: str,
        url: str,
        fields: Any,
        content: bytes | AsyncIterator[bytes] | None,
        times: Mapping[str, float | None],
    ) -> tuple[int, Headers, Body]:
        if self._scheme not in ("", "http", "https"):
            raise UsageError(
                f"the environment names a {self._scheme} proxy, and only http and https proxies "
                "are supported; change HTTPS_PROXY or ALL_PROXY, or name the server in NO_PROXY"
            )
        return await self._connections.request(method, url, fields, content, times)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._connections.aclose()


class _Stream(httpx.AsyncByteStream):
    """A body as httpx has its streams."""

    def __init__(self, body: Body) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await self._body.read():
            yield piece

    async def aclose(self) -> None:
        """Give the connection back, or close it where the body has not been read to its end."""
        await self._body.aclose()


@lru_cache(maxsize=64)
def _parsed(url: str) -> httpx.URL:
    try:
        return httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise WireError(Fault.ADDRESS, "the address is none") from None


def _leads_home(request: httpx.Request, answer: Answer) -> httpx.URL | None:
    """Return where a redirect leads that keeps method, body and origin: the key may follow it."""
    if answer.status not in _REDIRECTS[request.method]:
        return None
    try:
        there = request.url.join(answer.headers["location"])
    except (KeyError, httpx.InvalidURL, ValueError):
        return None
    here = request.url
    same = (here.scheme, here.host, here.port) == (there.scheme, there.host, there.port)
    return there if same else None


def _wire_error(error: Exception) -> WireError:
    """Return what httpx raised in our own words."""
    if isinstance(error, WireError):
        return error
    fault = Fault.PROTOCOL
    match error:
        case httpx.ConnectTimeout() | httpx.PoolTimeout():
            fault = Fault.CONNECT_TIMEOUT
        case httpx.TimeoutException():
            fault = Fault.SILENCE
        case httpx.ProxyError():
            fault = Fault.PROXY
        case httpx.ConnectError():
            fault = Fault.SECURITY if "SSL" in str(error) else Fault.ADDRESS
        case httpx.NetworkError() | httpx.RemoteProtocolError():
            fault = Fault.BROKEN
    return WireError(fault, plain_reason(error))
