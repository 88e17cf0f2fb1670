"""Connections are reused where they can be, and the key follows no redirect elsewhere."""

from __future__ import annotations

import asyncio

import pytest

from eighty80_jupyter.errors import APIConnectionError, APIStatusError
from eighty80_jupyter.wire import client as client_module
from eighty80_jupyter.wire.client import Client, Settings
from tests.support.scripted import (
    Close,
    Hang,
    Reply,
    Reset,
    ScriptedServer,
    answer,
    chat_reply,
    error_reply,
    http_reply,
    json_reply,
    sse_reply,
    text_chunks,
)
from tests.wire.asking import AT_ONCE, CHAT, KEY, Asked, ask, ask_once, endpoint_of, with_client

STREAM = sse_reply(text_chunks("Hello"))


def redirect(status: int, location: str) -> Reply:
    """Answer with a redirect."""
    return http_reply(b"moved", status=status, headers={"location": location})


def test_connections_are_reused(server: ScriptedServer) -> None:
    """Requests one after another share one connection, whatever the kind of answer."""
    with_length = json_reply({"choices": [{"index": 0, "message": {"content": "Hi"}}]})
    server.queue(STREAM, with_length, error_reply(400, "no"), chat_reply("Hello"), STREAM)

    async def use(client: Client) -> None:
        for _ in range(5):
            await ask(client, endpoint_of(server))
        await client.models(endpoint_of(server), settings=AT_ONCE)

    with_client(use)
    assert (len(server.requests), server.connections) == (6, 1)


def test_requests_at_the_same_time_have_connections_of_their_own(server: ScriptedServer) -> None:
    """Nothing waits for another request, and afterwards all connections are reused."""
    server.handler = answer("Hello")

    async def use(client: Client) -> list[Asked]:
        for _ in range(2):
            found = await asyncio.gather(*(ask(client, endpoint_of(server)) for _ in range(20)))
        return list(found)

    assert [asked.text for asked in with_client(use)] == ["Hello"] * 20
    assert server.connections <= 20


def test_a_connection_that_the_server_closed_meanwhile_costs_nothing(
    server: ScriptedServer,
) -> None:
    """A kept connection that breaks at once is replaced, without a retry and without a note."""
    server.queue(STREAM, Reply((Reset(),)), STREAM)

    async def use(client: Client) -> list[Asked]:
        return [await ask(client, endpoint_of(server)) for _ in range(2)]

    first, second = with_client(use)
    assert (first.text, second.text, second.error, second.waits) == ("Hello", "Hello", None, [])
    assert (len(server.requests), server.connections) == (3, 2)


def test_a_server_that_will_close_is_not_asked_on_the_same_connection(
    server: ScriptedServer,
) -> None:
    """What the server says about its connection counts."""
    server.queue(*[chat_reply("Hello", headers={"connection": "close"})] * 2)

    async def use(client: Client) -> None:
        for _ in range(2):
            assert (await ask(client, endpoint_of(server))).text == "Hello"

    with_client(use)
    first, second = server.requests
    assert first.connection != second.connection


def test_a_server_that_hangs_up_on_an_idle_connection_says_so_to_nobody(
    server: ScriptedServer,
) -> None:
    """A 408 that a server sends before it closes costs another attempt at most."""
    late = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n"
    server.queue(STREAM.then(late, Close()), STREAM)

    async def use(client: Client) -> list[Asked]:
        patient = Settings(max_retries=1)
        return [await ask(client, endpoint_of(server), settings=patient) for _ in range(2)]

    assert [asked.text for asked in with_client(use)] == ["Hello", "Hello"]


def test_a_reply_is_over_with_its_end_marker(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that keeps the reply open behind the marker does not keep anybody waiting."""
    monkeypatch.setattr(client_module, "_DRAIN_SECONDS", 0.1)
    head, *events, _ = STREAM.steps
    server.queue(Reply((head, *events, Hang())))
    assert ask_once(server).text == "Hello"
    server.wait_disconnect()


def test_no_cookie_is_kept(server: ScriptedServer) -> None:
    """Cookies of one answer do not go along with the next request."""
    server.queue(chat_reply("a", headers={"set-cookie": "id=1; path=/"}), chat_reply("b"))

    async def use(client: Client) -> None:
        for _ in range(2):
            await ask(client, endpoint_of(server))

    with_client(use)
    assert "cookie" not in server.requests[1].headers


# Redirects.


@pytest.mark.parametrize("status", [307, 308])
def test_redirects_to_the_same_server_are_followed(server: ScriptedServer, status: int) -> None:
    """Method, body and key go along where the origin stays the same."""
    server.queue(
        redirect(status, "/elsewhere/v1?x=1"), redirect(status, server.url + "/there"), STREAM
    )
    assert ask_once(server).text == "Hello"
    assert [request.path for request in server.requests] == [CHAT, "/elsewhere/v1", "/there"]
    assert len({(r.method, r.body, r.headers["authorization"]) for r in server.requests}) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_key_follows_nobody_to_another_server(server: ScriptedServer, status: int) -> None:
    """Another origin gets no request at all, and the error names it without its path."""
    with ScriptedServer(default=STREAM) as other:
        server.queue(redirect(status, f"{other.url}/v1?key={KEY}"))
        error = ask_once(server).error
        assert isinstance(error, APIStatusError)
        assert f"redirects to {other.url} ({status})" in str(error)
        assert "the key is not sent there" in str(error)
        assert (error.status_code, KEY in str(error), other.requests) == (status, False, [])


@pytest.mark.parametrize(
    "location", ["", "/loop", "http://[", "ftp://x/y", "https://127.0.0.1:1/", "//127.0.0.1:1/x"]
)
def test_odd_redirects_end_in_one_error(server: ScriptedServer, location: str) -> None:
    """Loops, other schemes and addresses that are none are errors, and soon."""
    server.default = redirect(307, location)
    error = ask_once(server).error
    assert isinstance(error, (APIStatusError, APIConnectionError))
    assert "\n" not in str(error)
    assert len(server.requests) <= 4


def test_a_post_is_not_turned_into_a_get(server: ScriptedServer) -> None:
    """Redirects that would lose the body are not followed."""
    server.queue(redirect(302, "/there"))
    assert isinstance(ask_once(server).error, APIStatusError)
    assert len(server.requests) == 1
