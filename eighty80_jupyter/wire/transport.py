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
from collections.abc import AsyncIterator, Mapping
from functools import lru_cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.wire.connections import UPLOAD_BYTES, Body, Connections, reused
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
    """What a server answers: status and headers, and the body piece by piece."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self._body: Body | None = response.extensions.get("body")
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        # httpx undoes an encoding that nobody asked for; else it would only cost time.
        encoded = self.headers.get("content-encoding", "identity") != "identity"
        plain = self._body is None or encoded
        self._pieces = response.aiter_bytes() if plain else None

    async def read(self) -> bytes:
        """Return the next piece of the body, and nothing at its end. Raises WireError."""
        if self._pieces is None:
            assert self._body is not None  # noqa: S101  # one of the two is there
            return await self._body.read()
        try:
            return await anext(self._pieces, b"")
        except Exception as error:  # noqa: BLE001  # nothing but foreign code runs in here
            raise _wire_error(error) from None

    @property
    def ended(self) -> bool:
        """Whether all of the body is known to have been read."""
        return self._body is not None and self._body.ended

    async def aclose(self) -> None:
        """Give the connection back, or close it where the body has not been read to its end."""
        if self._body is not None:
            if not self._body.ended:
                await self._body.aclose()
        else:
            await self._response.aclose()


class Http:
    """A pool of connections, made on the event loop that it belongs to.

    Raises UsageError where the environment names a proxy that is none.
    """

    def __init__(self) -> None:
        try:
            self._client = _Client(
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # none is ever kept
            )
        except ValueError:  # its text holds the address, with a password as the case may be
            raise UsageError(
                "the environment names a proxy that is none; HTTPS_PROXY, HTTP_PROXY and ALL_PROXY "
                "must look like http://host:port"
            ) from None
        self._find: Any = getattr(self._client, "_transport_for_url", None)
        self._transports: dict[bytes, httpx.AsyncBaseTransport] = {}  # by scheme and host

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
        target = _parsed(url)
        headers = _headers(target.netloc, posts=content is not None).copy()
        if content is not None:
            headers["content-length"] = str(len(content))
        headers.update(credentials.reveal())
        times = {
            "connect": connect_timeout,
            "read": read_timeout,
            "write": None,
            "pool": connect_timeout,
        }
        request = httpx.Request(
            "GET" if content is None else "POST",
            target,
            headers=headers,
            stream=_Content(content or b""),
            extensions={"timeout": times},
        )
        response = await self._once(request)
        for _ in range(_MAX_REDIRECTS):
            if not response.is_redirect or (there := _leads_home(request, response)) is None:
                break
            await Answer(response).aclose()
            request = httpx.Request(
                request.method, there, headers=request.headers, stream=request.stream,
                extensions=request.extensions,
            )  # fmt: skip
            response = await self._once(request)
        if _log.isEnabledFor(logging.DEBUG):  # a query may hold secrets
            shown = target.copy_with(query=None)
            _log.debug("HTTP Request: %s %s %d", request.method, shown, response.status_code)
        return Answer(response)

    async def _once(self, request: httpx.Request) -> httpx.Response:
        while True:
            reused.set(False)
            try:
                if self._find is None:
                    return await self._client.send(request, auth=None, stream=True)
                return await self._transport(request.url).handle_async_request(request)
            except UsageError:
                raise
            except WireError as error:
                failure = error
            except Exception as error:  # noqa: BLE001  # nothing but foreign code runs in here
                failure = _wire_error(error)
            # A kept connection that breaks before the answer was closed by the server meanwhile.
            if not (reused.get() and failure.fault is Fault.BROKEN):
                raise failure

    def _transport(self, url: httpx.URL) -> httpx.AsyncBaseTransport:
        origin = url.raw_scheme + url.netloc
        if origin not in self._transports:
            self._transports[origin] = self._find(url)
        return self._transports[origin]


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
        self._scheme = "" if proxy is None else proxy.url.scheme
        settings: dict[str, Any] = {}
        if proxy is not None:
            user, password = proxy.raw_auth or (b"", b"")
            address = proxy.url.copy_with(
                username=user.decode() or None, password=password.decode() or None
            )
            settings["proxy"] = str(address)
        self._connections = Connections(httpx.create_ssl_context(), proxy=settings)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and return as soon as the head of its answer has come."""
        if self._scheme not in ("", "http", "https"):
            raise UsageError(
                f"the environment names a {self._scheme} proxy, and only http and https proxies "
                "are supported; change HTTPS_PROXY or ALL_PROXY, or name the server in NO_PROXY"
            )
        content = getattr(request.stream, "content", b"")
        status, headers, body = await self._connections.request(
            request.method,
            str(request.url),
            [
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in request.headers.raw
            ],
            aiter(request.stream) if len(content) > UPLOAD_BYTES else content or None,  # type: ignore[arg-type]
            request.extensions["timeout"],
        )
        return httpx.Response(
            status, headers=headers, stream=_Stream(body), request=request,
            extensions={"body": body},
        )  # fmt: skip

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
def _headers(host: bytes, *, posts: bool) -> httpx.Headers:
    """Return the headers that all requests to a host have; to be copied."""
    kind = {"content-type": "application/json"} if posts else {}
    return httpx.Headers({"host": host.decode("ascii"), **_HEADERS, **kind})


@lru_cache(maxsize=64)
def _parsed(url: str) -> httpx.URL:
    try:
        return httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise WireError(Fault.ADDRESS, "the address is none") from None


def _leads_home(request: httpx.Request, response: httpx.Response) -> httpx.URL | None:
    """Return where a redirect leads that keeps method, body and origin: the key may follow it."""
    if response.status_code not in _REDIRECTS[request.method]:
        return None
    try:
        there = request.url.join(response.headers["location"])
    except (httpx.InvalidURL, ValueError):
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
