"""Requests and answers over the network. The only file that knows aiohttp.

aiohttp's parser takes a third of the time of others for a stream of small chunks, and a request
made with it costs a fifth of what the clients built upon it take. What it does not decide is here:
which redirects may be followed, and the proxies and certificates of the environment.

Some of its names that are used here are private. `_foreign` looks each of them up once; where one
is missing, what it serves is done in the plain way that its comment tells.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import ssl
from collections.abc import AsyncIterator, Mapping
from contextvars import ContextVar
from functools import cache, partial
from typing import Any
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.wire.endpoint import Credentials
from eighty80_jupyter.wire.transport_errors import Fault, WireError, plain_reason

_log = logging.getLogger(__name__)

_REDIRECTS = {"POST": frozenset({307, 308}), "GET": frozenset({301, 302, 303, 307, 308})}
_MAX_REDIRECTS = 3
_IDLE_SECONDS = 300.0  # a connection that nobody used for so long is closed
_LOOK_SECONDS = 0.5
_UPLOAD_BYTES = 2**16
_TLS_ALERT = b"\x15\x03"  # how a TLS server answers to plain http: RFC 8446, section 5.1
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d{1,9})\r\n", re.IGNORECASE)
_HEADERS = {
    "user-agent": "eighty80-jupyter",
    "accept-encoding": "identity",
    "connection": "keep-alive",
}

# Whether the request of this task went over a connection that had been used before.
_reused: ContextVar[bool] = ContextVar("_reused", default=False)


class Answer:
    """What a server answers: status and headers, and the body piece by piece.

    Nothing of the body that has come is lost, and nothing is waited for in vain.
    """

    def __init__(self, response: aiohttp.ClientResponse, silence: float | None) -> None:
        self._response = response
        self._silence = silence
        self._failure: Exception | None = None
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers

    async def read(self) -> bytes:
        """Return the next piece of the body, and nothing at its end. Raises WireError."""
        try:
            return await self._read()
        except Exception as error:  # noqa: BLE001  # nothing but foreign code runs in here
            raise _wire_error(error) from None

    async def aclose(self) -> None:
        """Give the connection back, or close it where the body has not been read to its end."""
        self._response.release()

    async def _read(self) -> bytes:
        if self._failure is not None:
            raise self._failure
        content = self._response.content
        if content.exception() is None:  # what is there already needs no timeout
            if piece := content.read_nowait():
                return piece
            if content.at_eof():
                return b""
        try:
            return await self._wait_for(content)
        except Exception as error:
            rest = _kept_back(content)
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


class Http:
    """A pool of connections for the event loop that first uses it."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        # Proxies and certificates, as the environment had them when an origin was first asked.
        self._routes: dict[tuple[str, str | None, int | None], dict[str, Any]] = {}
        self._timeouts: dict[tuple[float | None, float | None], aiohttp.ClientTimeout] = {}

    async def aclose(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

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
        nowhere else. The timeouts are in seconds. Raises WireError, and UsageError where the
        environment names a proxy that cannot be used.
        """
        method = "GET" if content is None else "POST"
        target = _parsed(url)
        times = connect_timeout, read_timeout
        if times not in self._timeouts:
            # That of `connect` holds for the search of the host's name, too.
            self._timeouts[times] = aiohttp.ClientTimeout(
                total=None, connect=connect_timeout, sock_connect=connect_timeout,
                sock_read=read_timeout,
            )  # fmt: skip
        for _ in range(_MAX_REDIRECTS):
            response = await self._send(method, target, content, credentials, self._timeouts[times])
            to = _leads_to(response, target)
            if to is None:
                return Answer(response, read_timeout)
            response.release()
            target = to
        response = await self._send(method, target, content, credentials, self._timeouts[times])
        return Answer(response, read_timeout)

    async def _send(
        self,
        method: str,
        url: URL,
        content: bytes | None,
        credentials: Credentials,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  # it is several times in one
    ) -> aiohttp.ClientResponse:
        if self._session is None:
            self._session = _session()
        headers = credentials.reveal()
        body: bytes | _Upload | None = content
        if content is not None:
            headers.setdefault("content-type", "application/json")
            if len(content) > _UPLOAD_BYTES:
                body = _Upload(content)
                headers["content-length"] = str(len(content))
        origin = url.scheme, url.host, url.port
        if origin not in self._routes:
            self._routes[origin] = _route(url)
        while True:
            _reused.set(False)
            try:
                response = await self._session.request(
                    method, url, data=body, headers=headers, timeout=timeout,
                    allow_redirects=False, **self._routes[origin],
                )  # fmt: skip
            except Exception as error:  # noqa: BLE001  # nothing but foreign code runs in here
                failure = _wire_error(error)
            else:
                if _log.isEnabledFor(logging.DEBUG):  # a query may hold secrets
                    shown = url.with_query(None)
                    _log.debug("HTTP Request: %s %s %d", method, shown, response.status)
                return response
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


def _session() -> aiohttp.ClientSession:
    """Return a session without a limit of connections, and without cookies."""
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_SECONDS)
    traces = []
    protocol = _protocol()
    if protocol is not None and hasattr(connector, "_factory"):
        # There is no public way to name the protocol.
        connector._factory = partial(  # noqa: SLF001  # see above
            protocol, loop=asyncio.get_running_loop()
        )
    else:
        trace = aiohttp.TraceConfig()
        trace.on_connection_reuseconn.append(_note_reuse)
        traces = [trace]
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=_HEADERS,
        trace_configs=traces,
    )


async def _note_reuse(*_: object) -> None:
    _reused.set(True)


def _protocol() -> Any:
    """Return our own protocol, or None where aiohttp's has another name or other methods.

    Without it a framing error in the packet of an answer's head loses the head too, and that a
    connection was used before is found out by a trace, which costs a tenth of a request.
    """
    try:
        from aiohttp.client_proto import ResponseHandler  # noqa: PLC0415  # it may be missing
    except ImportError:
        return None
    if not (
        hasattr(ResponseHandler, "set_response_params")
        and hasattr(ResponseHandler, "data_received")
    ):
        return None

    class Protocol(ResponseHandler):
        """aiohttp's protocol, which parses the head of an answer apart from what follows it.

        In one piece with a body whose framing is wrong, such as a Content-Length that is too
        short, aiohttp drops the head too, and all that came with it.
        """

        _head_is_due = True
        _was_used = False

        def set_response_params(self, **settings: Any) -> None:
            """Get ready for the answer to another request."""
            self._head_is_due = True
            _reused.set(self._was_used)
            self._was_used = True
            super().set_response_params(**settings)

        def data_received(self, data: bytes) -> None:
            """Take what has come."""
            if not self._head_is_due:
                super().data_received(data)
                return
            if data.startswith(_TLS_ALERT):
                self.set_exception(_TlsPortError())
                return
            end = data.find(b"\r\n\r\n") + 4
            self._head_is_due = end < 4  # noqa: PLR2004  # it was not found
            length = _LENGTH.search(data, 0, end)
            if length is not None and len(data) - end == int(length[1]):
                end = 0  # an answer that is whole, as short ones are
            if not 0 < end < len(data) or self._head_is_due:
                super().data_received(data)
                return
            super().data_received(data[:end])
            super().data_received(data[end:])

    return Protocol


class _TlsPortError(aiohttp.ClientError):
    """A server that speaks TLS was spoken to in plain http."""


def _kept_back(content: aiohttp.StreamReader) -> bytes:
    """Return what came before an error, to which there is no public way; else it is lost."""
    read: Any = getattr(content, "_read_nowait", None)
    return b"" if read is None else bytes(read(-1))


def _parsed(url: str) -> URL:
    try:
        return URL(url)
    except ValueError:
        raise WireError(Fault.ADDRESS, "the address is none") from None


def _leads_to(response: aiohttp.ClientResponse, here: URL) -> URL | None:
    """Return where a redirect leads that keeps method, body and origin; the key may follow it."""
    location = response.headers.get("location")
    if not location or response.status not in _REDIRECTS[response.method]:
        return None
    try:
        there = here.join(URL(location))
    except ValueError:
        return None
    return there if there.origin() == here.origin() else None


def _route(url: URL) -> dict[str, Any]:
    """Return how an address is reached: through which proxy, trusting whom. Raises UsageError."""
    found: dict[str, Any] = {"proxy": proxy} if (proxy := _proxy_for(url)) else {}
    if url.scheme == "https":
        found["ssl"] = _certificates(*map(os.environ.get, ("SSL_CERT_FILE", "SSL_CERT_DIR")))
    return found


def _proxy_for(url: URL) -> URL | None:
    """Return the proxy that the environment names for an address. Raises UsageError."""
    proxies = getproxies()
    found = proxies.get(url.scheme) or proxies.get("all")
    if not found or proxy_bypass(f"{url.host}:{url.port}"):
        return None
    try:
        proxy = URL(found if "://" in found else f"http://{found}")
        usable = bool(proxy.host) and proxy.port is not None
    except ValueError:  # its text holds the address, with a password as the case may be
        usable = False
    if usable and proxy.scheme in ("http", "https"):
        return proxy
    if usable:
        raise UsageError(
            f"the environment names a {proxy.scheme} proxy, and only http and https proxies are "
            "supported; change HTTPS_PROXY or ALL_PROXY, or name the server in NO_PROXY"
        )
    raise UsageError(
        "the environment names a proxy that is none; HTTPS_PROXY, HTTP_PROXY and ALL_PROXY must "
        "look like http://host:port"
    )


@cache
def _certificates(file: str | None, folder: str | None) -> ssl.SSLContext:
    """Return whom to trust: what SSL_CERT_FILE or SSL_CERT_DIR name, else Mozilla's list."""
    if file or folder:
        return ssl.create_default_context(cafile=file or None, capath=None if file else folder)
    import certifi  # noqa: PLC0415  # no plain http address pays for it

    return ssl.create_default_context(cafile=certifi.where())


def _wire_error(error: Exception) -> WireError:
    """Return what aiohttp or the system raised in our own words."""
    return WireError(*_fault(error))


def _fault(error: Exception) -> tuple[Fault, str]:
    match error:
        case _TlsPortError():
            found = Fault.TLS_PORT, "it answers with TLS"
        case aiohttp.ConnectionTimeoutError():
            found = Fault.CONNECT_TIMEOUT, "no answer in time"
        case TimeoutError():
            found = Fault.SILENCE, "nothing came in time"
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            found = Fault.PROXY, plain_reason(error)
        case aiohttp.ClientSSLError():
            inner = getattr(error, "certificate_error", getattr(error, "os_error", None))
            found = Fault.SECURITY, plain_reason(inner or error)
        case aiohttp.ClientConnectorError():
            found = Fault.ADDRESS, plain_reason(error.os_error)
        case aiohttp.ServerDisconnectedError():
            found = Fault.BROKEN, "the server closed it"
        case aiohttp.ClientPayloadError():
            found = Fault.BROKEN, "it ended too early"
        case OSError():
            found = Fault.BROKEN, plain_reason(error)
        case aiohttp.InvalidURL():
            found = Fault.ADDRESS, "the address is none"
        case aiohttp.ClientResponseError():
            found = Fault.PROTOCOL, " ".join(error.message.split())[:100]
        case _:
            found = Fault.PROTOCOL, plain_reason(error)
    return found
