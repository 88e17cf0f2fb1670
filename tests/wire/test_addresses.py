"""Addresses are taken as services document them, with their headers and query parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.errors import MissingKeyError, NotFoundError, UsageError
from eighty80_jupyter.session.session import Session
from eighty80_jupyter.wire.address import CHAT, MODELS, clean_url
from eighty80_jupyter.wire.endpoint import Endpoint, resolve
from eighty80_jupyter.wire.secret import Secret
from tests.support.scripted import (
    ScriptedServer,
    chat_reply,
    error_reply,
    models_reply,
    sse_reply,
    text_chunks,
)
from tests.wire.asking import KEY, ask_once, session_for

STREAM = sse_reply(text_chunks("Hello"))
BASES = [
    ("", "/v1"),
    ("/", "/v1"),
    ("/v1", "/v1"),
    ("/v1/", "/v1"),
    ("/V1", "/V1"),
    ("/v1beta/openai/", "/v1beta/openai"),
    ("/api/v3", "/api/v3"),
    ("/api/paas/v4/", "/api/paas/v4"),
    ("/inference", "/inference"),
    ("/v1/openai", "/v1/openai"),
    ("/api/v1", "/api/v1"),
    ("/openai/v1/", "/openai/v1"),
    ("//v1//", "/v1"),
    ("/compatible-mode/v1", "/compatible-mode/v1"),
    ("/v1/chat/completions", "/v1"),
    ("/v1/chat/completions/", "/v1"),
    ("/api/v3/chat/completions", "/api/v3"),
    ("/api/v1/models", "/api/v1"),
    ("/chat/completions", ""),
    ("/v1/completions", "/v1"),
    ("/deep/er/proxy", "/deep/er/proxy"),
]


@pytest.mark.parametrize(("typed", "base"), BASES)
def test_a_base_with_a_path_stands_and_a_bare_host_gets_v1(typed: str, base: str) -> None:
    """What a service documents, and what is copied from its examples, leads to its API."""
    endpoint = Endpoint(url=clean_url(f"https://host.example:8443{typed}"))
    assert endpoint.address(CHAT) == f"https://host.example:8443{base}/chat/completions"
    assert endpoint.address(MODELS) == f"https://host.example:8443{base}/models"
    assert clean_url(endpoint.url) == endpoint.url


@pytest.mark.parametrize(
    "typed", ["/v1beta/openai/", "/api/paas/v4", "/V1", "/v1/chat/completions"]
)
def test_the_request_goes_there(server: ScriptedServer, typed: str) -> None:
    """The path of a request is that of the documentation."""
    server.default = STREAM
    session = session_for(server.url + typed)
    assert session.ask("Hi").text == "Hello"
    session.close()
    path = typed.rstrip("/").removesuffix("/chat/completions") + "/chat/completions"
    assert [request.path for request in server.chats] == [path]


def test_azure_with_a_deployment_and_a_version(server: ScriptedServer) -> None:
    """The key goes in Azure's own header, the version into every query, the models beside."""
    deployment = "/openai/deployments/gpt-4o"
    server.route("POST", f"{deployment}/chat/completions", STREAM)
    server.route("GET", "/openai/models", models_reply())
    address = f"{server.url}{deployment}/chat/completions?api-version=2024-10-21"
    session = session_for(address)
    assert session.ask("Hi").text == "Hello"
    assert session.models()
    session.close()
    for request in server.requests:
        assert request.query == "api-version=2024-10-21"
        assert request.headers["api-key"] == KEY
        assert "authorization" not in request.headers


def test_a_token_of_azures_directory_is_a_bearer() -> None:
    """What looks like a JSON web token is none of Azure's keys."""
    url = "https://x.openai.azure.com/openai/deployments/gpt?api-version=1"
    token = Secret("eyJhbGciOi.eyJzdWIi.c2ln")
    headers = Endpoint(url=url, key=token).credentials().reveal()
    assert headers == {"authorization": "Bearer eyJhbGciOi.eyJzdWIi.c2ln"}


def test_a_404_names_the_whole_address(server: ScriptedServer) -> None:
    """Whoever relied on a `/v1` behind a path reads which address to set."""
    server.queue(error_reply(404, "nothing here"))
    error = ask_once(server, url=server.url + "/proxy", query={"sig": Secret("hidden-word")}).error
    assert isinstance(error, NotFoundError)
    assert f"{server.url}/proxy/chat/completions?sig=***" in str(error)
    assert f"try {server.url}/proxy/v1" in str(error)
    assert "hidden-word" not in str(error)


def test_a_404_of_v1_proposes_nothing(server: ScriptedServer) -> None:
    """Where the address has its `/v1`, another one is no proposal."""
    server.queue(error_reply(404, "no such model"))
    text = str(ask_once(server).error)
    assert f"{server.url}/v1/chat/completions does not know" in text
    assert "try http" not in text


@pytest.mark.parametrize(
    "url",
    [
        "https://host/v1?key=abcd1234",
        "https://host/v1?api-version=1&subscription-key=abcd",
        "https://host/?token=",
        "https://host/v1?x=sk-abcdefghijk",
    ],
)
def test_a_secret_in_the_address_is_refused_unshown(url: str) -> None:
    """The address is shown in many places; a key has a place where it is hidden."""
    with pytest.raises(UsageError, match="extra_query") as caught:
        clean_url(url)
    assert "abcd" not in str(caught.value)


# Headers and parameters of the user.


def make(url: str, environ: Mapping[str, str] | None = None, **settings: Any) -> Session:
    """Make a session without a key."""
    config = ChatConfig(base_url=url, max_retries=0)
    for name, value in settings.items():
        setattr(config, name, value)
    return Session(config, environ=dict(environ or {}))


def test_headers_and_parameters_are_sent(server: ScriptedServer) -> None:
    """Each request has them, that for the models too, beside the key."""
    server.default = STREAM
    session = session_for(
        server.url,
        extra_headers={"OpenAI-Organization": "org-1", "X-Team": 7},
        extra_query={"api-version": "2025-01-01", "b": "x y&z"},
    )
    session.ask("Hi")
    session.models()
    session.close()
    for request in server.requests:
        assert request.headers["openai-organization"] == "org-1"
        assert request.headers["x-team"] == "7"
        assert request.headers["authorization"] == f"Bearer {KEY}"
        assert request.query == "api-version=2025-01-01&b=x+y%26z"


def test_a_header_may_take_the_place_of_the_key(server: ScriptedServer) -> None:
    """Where a secret header proves who asks, no key is asked for, and none is sent."""
    server.default = STREAM
    session = make(server.url, extra_headers={"api-key": "very-secret-word"})
    assert session.ask("Hi").text == "Hello"
    session.close()
    assert server.chats[0].headers["api-key"] == "very-secret-word"
    assert "authorization" not in server.chats[0].headers
    resolve(url="https://far.example", key=None, environ={}, headers={"api-key": Secret("word")})


def test_a_value_may_stand_in_the_environment(server: ScriptedServer) -> None:
    """`$NAME` keeps a secret out of notebooks and of configuration files."""
    server.default = STREAM
    session = make(
        server.url, {"GATEWAY": "gateway-secret"}, extra_headers={"x-gateway": "$GATEWAY"}
    )
    session.ask("Hi")
    assert server.chats[0].headers["x-gateway"] == "gateway-secret"
    assert "gateway-secret" in {secret.reveal() for secret in session.secrets}
    session.close()
    missing = make(server.url, extra_headers={"x-gateway": "${GATEWAY}"})
    with pytest.raises(MissingKeyError, match="environment variable GATEWAY"):
        missing.ask("Hi")


def test_what_is_secret_shows_nowhere(server: ScriptedServer) -> None:
    """Neither the settings nor an error that echoes it shows a secret header or parameter."""
    words = ("header-secret-1", "query-secret-2", "Bearer abcdef-3")
    echo = " ".join(words)
    server.queue(error_reply(400, f"you sent {echo}"))
    session = make(
        server.url,
        extra_headers={"api-key": words[0], "x-any": words[2]},
        extra_query={"code-key": words[1]},
    )
    with pytest.raises(Exception, match="you sent") as caught:
        session.ask("Hi")
    session.close()
    shown = f"{caught.value} {caught.value!r} {session.config.extra_headers} " + repr(
        session.config.extra_query
    )
    assert not [word for word in words if word in shown]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "x"},
        {"content-length": "3"},
        {"bad name": "x"},
        {"x": "two\nlines-of-secret"},
        {"x": None},
        {"x": True},
        ["x"],
        {"": "x"},
    ],
)
def test_headers_that_cannot_be_are_refused(headers: Any) -> None:
    """A header that the request decides about, or that is none, is one line; nothing changes."""
    config = ChatConfig(extra_headers={"x": "1"})
    with pytest.raises(UsageError, match="extra_headers") as caught:
        config.extra_headers = headers
    assert "lines-of-secret" not in str(caught.value)
    assert config.extra_headers == {"x": "1"}


# The key.


def test_loopback_needs_no_key(server: ScriptedServer) -> None:
    """A server on this machine is asked without credentials where there are none."""
    server.default = STREAM
    session = make(server.url)
    assert session.ask("Hi").text == "Hello"
    session.close()
    assert "authorization" not in server.chats[0].headers
    with pytest.raises(MissingKeyError, match="no API key"):
        make("https://far.example").ask("Hi")


@pytest.mark.parametrize(
    "typed", ['"the-key"', "'the-key'", " `the-key` ", "\u201cthe-key\u201d", "Bearer the-key"]
)
def test_quotes_around_a_key_are_taken_off_with_a_word(server: ScriptedServer, typed: str) -> None:
    """What a shell or a page has put around a key is no part of it, and the last line says so."""
    server.default = chat_reply("Hello")
    session = make(server.url, {"_8080_API_KEY": typed}, stream=False)
    first, second = session.ask("Hi"), session.ask("Hi")
    session.close()
    assert {r.headers["authorization"] for r in server.chats} == {"Bearer the-key"}
    assert any("_8080_API_KEY" in note for note in first.notes)
    assert second.notes == ()
