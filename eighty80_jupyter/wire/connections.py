"""The connections: aiohttp's, whose parser takes a third of the time for streams of small chunks.

The only file that knows aiohttp. Some of the names of it that are used here are private; where one
is missing, what it serves is done in the plain way that its comment tells.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextvars import ContextVar
from functools import partial
from typing import Any, TypeAlias

import aiohttp
from multidict import CIMultiDict

from eighty80_jupyter.wire.transport_errors import Fault, WireError, plain_reason

_IDLE_SECONDS = 300.0  # a connection that nobody used for so long is closed
_LOOK_SECONDS = 0.5
UPLOAD_BYTES = 2**16
_TLS_ALERT = b"\x15\x03"  # how a TLS server answers to plain http: RFC 8446, section 5.1
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d{1,9})\r\n", re.IGNORECASE)

# Whether the request of this task went over a connection that had been used before.
reused: ContextVar[bool] = ContextVar("reused", default=False)


Headers: TypeAlias = Sequence[tuple[bytes, bytes]]


class Body:
    """The body of an answer. Nothing that has come is lost, and nothing is waited for in vain."""

    def __init__(self, response: aiohttp.ClientResponse, silence: float | None) -> None:
        self._response = response
        self._silence = silence
        self._failure: Exception | None = None

    async def read(self) -> bytes:
        """Return the next piece, and nothing at the end. Raises WireError."""
        try:
            return await self._read()
        except Exception as error:  # noqa: BLE001  # nothing but foreign code runs in here
            raise _wire_error(error) from None

    async def aclose(self) -> None:
        """Give the connection back, or close it where the body has not been read to its end."""
        self._response.release()

    @property
    def encoded(self) -> bool:
        """Whether the pieces are encoded, such as by gzip."""
        return self._response.headers.get("content-encoding", "identity") != "identity"

    @property
    def ended(self) -> bool:
        """Whether all of it has been read."""
        return self._response.content.at_eof()

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
            pause = _LOOK_SECONDS if self._silence is None else self._silence - waited
            try:
                async with asyncio.timeout(min(pause, _LOOK_SECONDS)):
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


class Connections:
    """A pool of connections, through `proxy` if there is one, for the loop that first uses it."""

    def __init__(self, certificates: ssl.SSLContext, *, proxy: str | None) -> None:
        self._certificates = certificates
        self._proxy = proxy
        self._session: aiohttp.ClientSession | None = None
        self._timeouts: dict[tuple[float | None, ...], aiohttp.ClientTimeout] = {}

    async def aclose(self) -> None:
        """Close all of them."""
        if self._session is not None:
            await self._session.close()

    async def request(
        self,
        method: str,
        url: str,
        fields: CIMultiDict[str],
        content: bytes | AsyncIterator[bytes] | None,
        times: Mapping[str, float | None],
    ) -> tuple[int, Headers, Body]:
        """Send a request and return status, headers and body. Raises WireError.

        `fields` are the headers as `header_fields` returns them. `times` are the seconds of httpx's
        timeouts: that of `pool` holds for the whole connecting, the search for the host's name
        included.
        """
        if self._session is None:
            self._session = _session(self._certificates)
        limits = times.get("connect"), times.get("pool"), times.get("read")
        if limits not in self._timeouts:
            connect, pool, read = limits
            self._timeouts[limits] = aiohttp.ClientTimeout(
                total=None, connect=pool, sock_connect=connect, sock_read=read
            )
        reused.set(False)
        try:
            response = await self._session.request(
                method,
                url,
                data=content,
                headers=fields,
                timeout=self._timeouts[limits],
                allow_redirects=False,
                proxy=self._proxy,
            )
        except Exception as error:  # noqa: BLE001  # nothing but foreign code runs in here
            failure = _wire_error(error)
            if self._proxy is not None and isinstance(error, aiohttp.ClientConnectorDNSError):
                failure.fault = Fault.PROXY  # its name was looked up, and not the server's
            raise failure from None
        return response.status, response.raw_headers, Body(response, limits[2])


def header_fields(headers: Headers) -> CIMultiDict[str]:
    """Return headers in the form in which a request takes them fastest."""
    return CIMultiDict((n.decode("latin-1"), v.decode("latin-1")) for n, v in headers)


def _session(certificates: ssl.SSLContext) -> aiohttp.ClientSession:
    """Return a session without a limit of connections, and without cookies."""
    connector = aiohttp.TCPConnector(ssl=certificates, limit=0, keepalive_timeout=_IDLE_SECONDS)
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
        auto_decompress=False,  # httpx does it
        trace_configs=traces,
    )


async def _note_reuse(*_: object) -> None:
    reused.set(True)


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
            reused.set(self._was_used)
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
