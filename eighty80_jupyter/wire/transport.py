"""Requests and answers over the network, by the proxies and certificates of the environment."""

from __future__ import annotations

import logging
import os
import ssl
from urllib.parse import SplitResult, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass
from weakref import WeakKeyDictionary

import certifi

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.wire.connections import Answer, Connections, Request, reused
from eighty80_jupyter.wire.endpoint import Credentials
from eighty80_jupyter.wire.transport_errors import Fault, WireError, plain_reason

_log = logging.getLogger(__name__)

_REDIRECTS = {"POST": frozenset({307, 308}), "GET": frozenset({301, 302, 303, 307, 308})}
_MAX_REDIRECTS = 3
_PORTS = {"http": 80, "https": 443}
_HEADERS = {
    "accept": "*/*",
    "accept-encoding": "identity",
    "connection": "keep-alive",
    "user-agent": "eighty80-jupyter",
}


class Http:
    """A pool of connections, made on the event loop that it belongs to.

    Raises UsageError where the environment names certificates that are none.
    """

    def __init__(self) -> None:
        self._connections = Connections(_certificates())
        # By address and method: as long as the credentials are in use, and no longer.
        self._prepared: WeakKeyDictionary[Credentials, dict[tuple[str, bool], Request]] = (
            WeakKeyDictionary()
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._connections.aclose()

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
        limits = connect_timeout, read_timeout
        request = self._prepare(url, credentials, posts=content is not None)
        answer = await self._once(request, content, limits)
        for _ in range(_MAX_REDIRECTS):
            if (there := _leads_home(request, answer)) is None:
                break
            await answer.aclose()
            request = self._prepare(there, credentials, posts=content is not None)
            answer = await self._once(request, content, limits)
        if _log.isEnabledFor(logging.DEBUG):  # a query may hold secrets
            shown = url.partition("?")[0]
            _log.debug("HTTP Request: %s %s %d", request.method, shown, answer.status)
        return answer

    def _prepare(self, url: str, credentials: Credentials, *, posts: bool) -> Request:
        """Return a request but for its body; the same one as before where nothing has changed."""
        known = self._prepared.setdefault(credentials, {})
        if (url, posts) not in known:
            headers = dict(_HEADERS)
            if posts:
                headers["content-type"] = "application/json"
            headers |= credentials.reveal()
            proxy = _proxy_for(urlsplit(url))
            known[url, posts] = Request("POST" if posts else "GET", url, headers, proxy)
        return known[url, posts]

    async def _once(
        self, request: Request, content: bytes | None, limits: tuple[float | None, float | None]
    ) -> Answer:
        while True:
            try:
                return await self._connections.send(request, content, limits)
            except WireError as failure:
                # A kept connection that breaks before the answer: the server had closed it.
                if not (reused.get() and failure.fault is Fault.BROKEN):
                    raise


def _certificates() -> ssl.SSLContext:
    """Return whom to believe: what SSL_CERT_FILE or SSL_CERT_DIR names, else the list of certifi.

    Raises UsageError where the file is not there or holds none.
    """
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if folder and not file:
        return ssl.create_default_context(capath=folder)
    try:
        return ssl.create_default_context(cafile=file or certifi.where())
    except OSError as error:
        raise UsageError(
            f"SSL_CERT_FILE must name a file of certificates, got {file}: {plain_reason(error)}; "
            "mend it, or take the variable away"
        ) from None


def _proxy_for(url: SplitResult) -> str | None:
    """Return the proxy by which the environment has `url` asked; None: directly.

    Raises UsageError for one that cannot be used, without its address: a password may stand in it.
    """
    proxies, host = getproxies(), url.hostname or ""
    proxy = proxies.get(url.scheme) or proxies.get("all")
    without = [name.strip() for name in proxies.get("no", "").split(",")]
    if not proxy or "*" in without or proxy_bypass(host) or proxy_bypass(f"{host}:{_port(url)}"):
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    try:
        parts = urlsplit(proxy)
        is_address = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise UsageError(
            "the environment names a proxy that is none; HTTPS_PROXY, HTTP_PROXY and ALL_PROXY "
            "must look like http://host:port"
        )
    if parts.scheme not in _PORTS:
        raise UsageError(
            f"the environment names a {parts.scheme} proxy, and only http and https proxies are "
            "supported; change HTTPS_PROXY or ALL_PROXY, or name the server in NO_PROXY"
        )
    return proxy


def _leads_home(request: Request, answer: Answer) -> str | None:
    """Return where a redirect leads that keeps method, body and origin: the key may follow it."""
    if answer.status not in _REDIRECTS[request.method]:
        return None
    try:
        there = urljoin(request.url, answer.headers["location"])
        is_home = _origin(there) == _origin(request.url)
    except (KeyError, ValueError):
        return None
    return there if is_home else None


def _origin(address: str) -> tuple[str, str | None, int | None]:
    url = urlsplit(address)
    return url.scheme, url.hostname, _port(url)


def _port(url: SplitResult) -> int | None:
    return url.port or _PORTS.get(url.scheme)
