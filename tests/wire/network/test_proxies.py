"""Proxies and certificates are those of the environment, and errors name what to change there."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eighty80_jupyter.errors import APIConnectionError, UsageError
from eighty80_jupyter.session.session import Session
from tests.support.scripted import ScriptedServer, sse_reply, text_chunks
from tests.wire.asking import KEY, assert_nothing_runs, session_for
from tests.wire.network.relay import CERTIFICATE, Relay

# httpx-aiohttp hands a proxy's password over in a way that aiohttp 3.14 wants no more.
pytestmark = pytest.mark.filterwarnings(
    "ignore:BasicAuth is deprecated:DeprecationWarning",
    "ignore:The 'proxy_auth' parameter is deprecated:DeprecationWarning",
)

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin without any proxy, and without the exception for loopback that other tests have."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)


@pytest.fixture(name="proxy")
def _proxy() -> Iterator[Relay]:
    """Give a proxy."""
    with Relay() as proxy:
        yield proxy


@pytest.fixture(name="secure")
def _secure(server: ScriptedServer) -> Iterator[Relay]:
    """Give an https front of the scripted server, with a certificate that signs itself."""
    with Relay(server.port, secure=True) as relay:
        yield relay


def ask(url: str, server: ScriptedServer | None = None) -> Session:
    """Ask once in a session of its own, check that nothing is left, and return the session."""
    if server is not None:
        server.queue(sse_reply(text_chunks("Hello")))
    session = session_for(url)
    try:
        if server is None:
            session.ask("Hi")
        else:
            assert session.ask("Hi").text == "Hello"
        return session
    finally:
        assert_nothing_runs(session)
        session.close()


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_proxy_of_the_environment_is_used(
    server: ScriptedServer, proxy: Relay, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Requests over http name the whole address to the proxy."""
    monkeypatch.setenv(name, proxy.url)
    ask(server.url, server)
    (request,) = proxy.requests
    assert request.startswith(f"POST {server.url}/v1/chat/completions HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("value", "is_past"),
    [
        ("127.0.0.1", True),
        ("*", True),
        ("example.com, *", True),
        ("localhost,127.0.0.1", True),
        (" 127.0.0.1:{port} ", True),
        ("127.0.0.1:1", False),
        ("example.com,27.0.0.1", False),
    ],
)
def test_no_proxy_goes_past_it(
    server: ScriptedServer,
    proxy: Relay,
    monkeypatch: pytest.MonkeyPatch,
    value: str,
    *,
    is_past: bool,
) -> None:
    """Hosts that NO_PROXY names, with their port or without, are asked directly, and no others."""
    monkeypatch.setenv("HTTP_PROXY", proxy.url.removeprefix("http://"))
    monkeypatch.setenv("NO_PROXY", value.format(port=server.port))
    ask(server.url, server)
    assert len(proxy.requests) == (not is_past)


def test_a_proxy_may_want_a_password(
    server: ScriptedServer, proxy: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Name and password in the proxy's address are for the proxy."""
    monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("//", "//user:pass%20word@"))
    ask(server.url, server)
    assert "proxy-authorization: basic dXNlcjpwYXNzIHdvcmQ=".lower() in proxy.requests[0].lower()


def test_https_goes_through_a_proxy_unseen(
    server: ScriptedServer, secure: Relay, proxy: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy sees the host, and neither the request nor the key."""
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    ask(secure.url, server)
    (request,) = proxy.requests
    assert request.startswith(f"CONNECT 127.0.0.1:{secure.port} HTTP/1.1\r\n")
    assert KEY not in request
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    ("host", "reason"),
    [("127.0.0.1", "Connection refused"), ("nobody.invalid", "Name or service not known")],
)
def test_a_proxy_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, scheme: str, host: str, reason: str
) -> None:
    """The error says that it is the proxy, also where its name is not known, and what names it."""
    look_up = socket.getaddrinfo

    def look_up_here(name: str, *more: Any, **settings: Any) -> Any:
        if name == host != "127.0.0.1":  # without a network the answer may take a minute
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return look_up(name, *more, **settings)

    monkeypatch.setattr(socket, "getaddrinfo", look_up_here)
    monkeypatch.setenv("ALL_PROXY", f"http://user:hunter22@{host}:1")
    with pytest.raises(APIConnectionError, match=rf"through the proxy: {reason}") as caught:
        ask(f"{scheme}://127.0.0.1:2")
    assert "check HTTPS_PROXY and NO_PROXY" in str(caught.value)
    assert "hunter22" not in str(caught.value)


def test_a_proxy_that_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a proxy answers to a CONNECT is told."""
    with Relay(refuse="407 Who are you") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with pytest.raises(APIConnectionError, match=r"through the proxy: .*407") as caught:
            ask("https://127.0.0.1:2")
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "socks5://user:hunter22@127.0.0.1:1",
        "ftp://hunter22@x:1",
        "http://",
        "hunter22@x:99999",
        "http://hunter22:port",
    ],
)
def test_a_proxy_of_another_kind_is_refused(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """What cannot be used is told in one line, without its password."""
    monkeypatch.setenv("ALL_PROXY", address)
    with pytest.raises(UsageError, match="proxy") as caught:
        ask("http://127.0.0.1:2")
    assert "hunter22" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_certificate_that_nobody_knows_is_refused(server: ScriptedServer, secure: Relay) -> None:
    """Nothing is sent to a server that cannot show who it is, and SSL_CERT_FILE is named."""
    with pytest.raises(APIConnectionError, match=r"no secure connection .*: self.signed") as caught:
        ask(secure.url)
    assert "SSL_CERT_FILE" in str(caught.value)
    assert server.requests == []


def test_a_certificate_of_the_environment_counts(
    server: ScriptedServer, secure: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SSL_CERT_FILE makes a private certificate good, and the connection is reused."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    server.queue(*[sse_reply(text_chunks("Hello"))] * 2)
    session = session_for(secure.url)
    for _ in range(2):
        assert session.ask("Hi").text == "Hello"
    assert server.connections == 1
    session.close()


@pytest.mark.parametrize("text", [None, "no certificate"])
def test_certificates_that_are_none_are_told(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None
) -> None:
    """A file that SSL_CERT_FILE names, and that is not there or holds none, is one line's error."""
    file = tmp_path / "cert.pem"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with pytest.raises(UsageError, match=r"SSL_CERT_FILE must name .*cert\.pem: \w+") as caught:
        ask(server.url)
    assert "\n" not in str(caught.value)
    monkeypatch.delenv("SSL_CERT_FILE")
    ask(server.url, server)


@pytest.mark.skipif(sys.platform != "linux", reason="127.0.0.2 is an address on Linux only")
def test_a_certificate_for_another_name_is_refused(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A good certificate of somebody else does not help."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with (
        Relay(server.port, secure=True, host="127.0.0.2") as relay,
        pytest.raises(APIConnectionError, match=r"no secure connection .* mismatch"),
    ):
        ask(relay.url)
    assert server.requests == []
