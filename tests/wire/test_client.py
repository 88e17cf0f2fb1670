"""What the client sends, whom it tells the key, and which connections it uses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eighty80_jupyter.errors import (
    APIError,
    BadRequestError,
    MissingKeyError,
    NotFoundError,
)
from eighty80_jupyter.wire.client import Client, Settings
from tests.support.scripted import (
    Close,
    Event,
    Reply,
    ScriptedServer,
    chat_reply,
    error_reply,
    http_reply,
    json_reply,
    sse_reply,
    text_chunks,
)
from tests.wire.asking import (
    AT_ONCE,
    BODY,
    CHAT,
    KEY,
    Asked,
    Clock,
    ask,
    ask_once,
    endpoint_of,
    with_client,
)

STREAM = sse_reply(text_chunks("Hello"))


def redirect(status: int, location: str) -> Reply:
    """Answer with a redirect."""
    return http_reply(b"moved", status=status, headers={"location": location})


# What is sent.


def test_a_streamed_request_is_exactly_this(server: ScriptedServer) -> None:
    """The body holds what was given and the streaming fields, the headers say who asks."""
    server.queue(STREAM)
    asked = ask_once(server, {**BODY, "temperature": 0.5})
    assert (asked.text, asked.error) == ("Hello", None)
    request = server.requests[0]
    assert (request.method, request.path, request.query) == ("POST", CHAT, "")
    expected = {
        **BODY,
        "temperature": 0.5,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert request.json == expected
    assert request.body == json.dumps(expected, separators=(",", ":")).encode()
    assert request.headers == {
        "host": f"127.0.0.1:{server.port}",
        "accept": "*/*",
        "accept-encoding": "identity",
        "connection": "keep-alive",
        "user-agent": "eighty80-jupyter",
        "content-type": "application/json",
        "content-length": str(len(request.body)),
        "authorization": f"Bearer {KEY}",
    }


def test_a_request_that_is_not_streamed_has_no_streaming_fields(server: ScriptedServer) -> None:
    """Without streaming nothing is added, and the whole answer comes as one batch of deltas."""
    server.queue(chat_reply("Hello", reasoning="Hm"))
    asked = ask_once(server, stream=False)
    assert (asked.text, asked.reply.reasoning, asked.reply.finish_reason) == ("Hello", "Hm", "stop")
    assert server.requests[0].json == BODY


def test_a_server_that_does_not_stream_is_understood(server: ScriptedServer) -> None:
    """Plain JSON in answer to a streamed request makes the same reply."""
    server.queue(chat_reply("Hello"))
    assert ask_once(server).text == "Hello"
    assert server.requests[0].json["stream"] is True


def test_stream_options_of_the_user_stand(server: ScriptedServer) -> None:
    """Options that the request brings are sent as they are, and not dropped either."""
    server.queue(STREAM, error_reply(400, "no stream_options here", param="stream_options"))
    body = {**BODY, "stream_options": {"include_usage": False}}
    ask_once(server, body)
    assert server.requests[0].json["stream_options"] == {"include_usage": False}
    assert isinstance(ask_once(server, body).error, BadRequestError)


@pytest.mark.parametrize(
    ("text", "sent"),
    [("Grüße 😀", "Grüße 😀"), ("\ud83d", "\ufffd"), ("a\0b", "a\0b"), ("\u2028", "\u2028")],
)
def test_any_text_can_be_sent(server: ScriptedServer, text: str, sent: str) -> None:
    """Text beyond ASCII, control characters and half an emoji reach the server as text."""
    server.queue(STREAM)
    assert ask_once(server, {**BODY, "messages": [{"role": "user", "content": text}]}).error is None
    assert server.requests[0].json["messages"][0]["content"] == sent


@pytest.mark.parametrize(
    "reply",
    [
        error_reply(400, "Unknown parameter: 'stream_options'", param="stream_options"),
        error_reply(400, "bad", param="stream_options"),
        error_reply(400, "include_usage is not supported"),
        json_reply({"detail": [{"loc": ["body", "stream_options"], "msg": "extra"}]}, status=422),
    ],
)
def test_rejected_stream_options_are_dropped_and_remembered(
    server: ScriptedServer, reply: Reply
) -> None:
    """A server that refuses them is asked again at once without them, and so ever after."""
    server.queue(reply, STREAM, STREAM)

    async def use(client: Client) -> list[Asked]:
        return [await ask(client, endpoint_of(server)) for _ in range(2)]

    first, second = with_client(use)
    assert (first.text, first.waits, second.text) == ("Hello", [], "Hello")
    assert ["stream_options" in request.json for request in server.requests] == [True, False, False]


def test_other_refusals_do_not_drop_them(server: ScriptedServer) -> None:
    """A bad request about something else is an error, and nothing is tried again."""
    server.queue(error_reply(400, "temperature is too high", param="temperature"))
    error = ask_once(server).error
    assert isinstance(error, BadRequestError)
    assert (error.param, len(server.requests)) == ("temperature", 1)


def test_other_servers_still_get_them(server: ScriptedServer) -> None:
    """What one server refuses is remembered for that server."""
    with ScriptedServer(default=STREAM) as other:
        server.queue(error_reply(400, "stream_options"), STREAM)

        async def use(client: Client) -> None:
            await ask(client, endpoint_of(server))
            await ask(client, endpoint_of(other))

        with_client(use)
        assert "stream_options" in other.requests[0].json


# Who asks.


def test_the_project_goes_with_the_key(server: ScriptedServer) -> None:
    """A project slug has its header."""
    server.queue(STREAM)
    ask_once(server, project="my-project")
    assert server.requests[0].headers["x-8080-project-slug"] == "my-project"
    assert "x-8080-token-type" not in server.requests[0].headers


def test_the_token_file_is_read_for_every_request(server: ScriptedServer, tmp_path: Path) -> None:
    """A token that is rotated counts at once, with its own header and without a project."""
    file = tmp_path / "token"
    endpoint = endpoint_of(server, key=None, token_file=file, project="my-project")
    server.queue(STREAM, error_reply(503, "busy"), STREAM)

    async def use(client: Client) -> None:
        file.write_text(" first-token\n")
        await ask(client, endpoint)
        file.write_text("second-token")
        await ask(client, endpoint, settings=Settings(max_retries=1))

    with_client(use)
    tokens = [request.headers["authorization"] for request in server.requests]
    assert tokens == ["Bearer first-token", "Bearer second-token", "Bearer second-token"]
    for request in server.requests:
        assert request.headers["x-8080-token-type"] == "workload-identity"
        assert "x-8080-project-slug" not in request.headers


@pytest.mark.parametrize(
    "content", [None, b"", b"two words", b"\xff\xfe", "gr\u00fc\u00df".encode()]
)
def test_a_token_file_without_a_token_sends_nothing(
    server: ScriptedServer, tmp_path: Path, content: bytes | None
) -> None:
    """A token file that is missing or holds none is told in one line, before anything is sent."""
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(MissingKeyError, match="token"):
        ask_once(server, key=None, token_file=file)
    assert server.requests == []


# Models.


def models(server: ScriptedServer, reply: Reply | None = None) -> list[dict[str, Any]]:
    """Ask for the list of models."""
    if reply is not None:
        server.route("GET", "/v1/models", reply)
    return with_client(lambda client: client.models(endpoint_of(server), settings=AT_ONCE))


def test_models_are_listed_as_the_server_tells_them(server: ScriptedServer) -> None:
    """The entries come as they are, with the credentials on the request."""
    (model,) = models(server)
    assert (model["id"], model["provider"]) == ("8080/taalas/llama3.1-8b-instruct", "taalas")
    request = server.requests[0]
    assert (request.method, request.body) == ("GET", b"")
    assert request.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"", []),
        (b"null", []),
        (b"{}", []),
        (b'{"data": null}', []),
        (b'{"data": [5, null, {}, {"id": 7}, {"id": ""}, {"id": "a"}]}', [{"id": "a"}]),
        (b'["a", "b"]', [{"id": "a"}, {"id": "b"}]),
        (b'[{"id": "a", "x": 1}]', [{"id": "a", "x": 1}]),
    ],
)
def test_odd_lists_of_models_break_nothing(
    server: ScriptedServer, body: bytes, found: list[dict[str, Any]]
) -> None:
    """What can be used is used, and the rest is passed over."""
    assert models(server, http_reply(body)) == found


def test_a_list_of_models_may_have_moved(server: ScriptedServer) -> None:
    """A redirect of a GET within the server is followed."""
    server.queue(http_reply(b'["a"]'))
    assert models(server, redirect(302, "/models")) == [{"id": "a"}]


def test_errors_of_the_list_are_those_of_the_tree(server: ScriptedServer) -> None:
    """Statuses and broken answers are mapped here too."""
    with pytest.raises(NotFoundError):
        models(server, error_reply(404, "no such path"))
    with pytest.raises(APIError):
        models(server, http_reply(b"[", headers={"content-length": "9"}).then(Close()))


def test_the_usage_of_every_stream_shape_reaches_the_reply(server: ScriptedServer) -> None:
    """A stream with comments and a late usage chunk is read to its end."""
    chunks: list[Event] = [b": ping\n\n", *text_chunks("Hello", usage={"decode_rate": 17_000.5})]
    server.queue(sse_reply(chunks))
    usage = ask_once(server, clock=Clock()).reply.usage
    assert usage is not None
    assert usage.decode_rate == 17_000.5


def test_the_address_may_have_a_path(server: ScriptedServer) -> None:
    """A base address with a path is taken as it stands."""
    server.route("POST", "/proxy/chat/completions", STREAM)
    assert ask_once(server, url=server.url + "/proxy").text == "Hello"
