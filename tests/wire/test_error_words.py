"""The words of an error are found in every form that servers use, and give the right class."""

from __future__ import annotations

import pytest

from eighty80_jupyter.errors import (
    APIConnectionError,
    APIStreamError,
    AuthenticationError,
    BadRequestError,
    ContextLengthError,
    RateLimitError,
)
from eighty80_jupyter.wire.client import Settings
from tests.support.scripted import (
    Reply,
    ScriptedServer,
    error_reply,
    http_reply,
    json_reply,
    models_reply,
    sse_reply,
    text_chunks,
)
from tests.wire.asking import AT_ONCE, Clock, ask_once, endpoint_of, with_client
from tests.wire.network.relay import Relay

STREAM = sse_reply(text_chunks("Hello"))


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        ({"object": "error", "message": "it broke", "code": 500}, APIStreamError, "it broke"),
        ({"code": 429, "message": "slow down"}, RateLimitError, "slow down"),
        ({"error_code": 17, "error_msg": "Open api daily request limit reached"}, RateLimitError,
         "daily request limit"),
        ({"code": 500, "msg": "404 NOT_FOUND", "success": False}, APIStreamError, "404 NOT_FOUND"),
        ({"text": "NETWORK ERROR", "error_code": 50001}, APIStreamError, "NETWORK ERROR"),
        ({"error_type": "auth", "error_message": "Invalid API key"}, AuthenticationError,
         "Invalid"),
        ({"error": {"message": "No connected db.", "type": "no_db_connection", "code": "400"}},
         AuthenticationError, "_8080_API_KEY"),
        ({"base_resp": {"status_code": 1004, "status_msg": "login fail"}}, AuthenticationError,
         "login fail"),
        ({"success": False, "errors": [{"code": 7, "message": "no such account"}]}, APIStreamError,
         "no such account"),
        ({"error": {"message": "maximum context length is 4096 tokens"}}, ContextLengthError,
         "4,096"),
        ({"ok": False, "description": "it broke"}, APIStreamError, "it broke"),
        ({"err": "it broke", "errno": 5}, APIStreamError, "it broke"),
        ({"header": {"code": 11200, "message": "it broke"}}, APIStreamError, "it broke"),
        ({"error": {"message": "Range of input length should be [1, 30720]"}}, ContextLengthError,
         "30,720"),
    ],
)  # fmt: skip
def test_an_error_with_a_status_of_success(
    server: ScriptedServer, body: object, kind: type, words: str
) -> None:
    """What says that it is an error is one, with its words and its class."""
    server.queue(json_reply(body))
    error = ask_once(server).error
    assert type(error) is kind
    assert words in str(error)


@pytest.mark.parametrize(
    ("body", "status", "kind", "words"),
    [
        ([{"error": {"code": 400, "message": "bad schema"}}], 400, BadRequestError, "bad schema"),
        ([{"error": {"code": 400, "message": "API key not valid. Please pass a valid API key.",
           "status": "INVALID_ARGUMENT"}}], 400, AuthenticationError, "API key not valid"),
        ({"detail": {"message": "inner"}}, 422, BadRequestError, ": inner"),
        ({"detail": {"error": {"message": "deeper"}}}, 400, BadRequestError, ": deeper"),
        ({"error": {"code": 7}, "detail": {"message": "beside"}}, 400, BadRequestError, ": beside"),
        ({"error": {"message": {"detail": "as an object"}}}, 400, BadRequestError, "as an object"),
        ({"error": {"message": '{"error": {"message": "as a text"}}'}}, 400, BadRequestError,
         ": as a text"),
        ({"errors": ["one", "two"]}, 400, BadRequestError, "one; two"),
        ({"message": ["must be a", "must be b"], "statusCode": 400}, 400, BadRequestError,
         "must be a; must be b"),
        ({"error": {"message": "Provider returned error", "metadata": {"raw":
          '{"error": {"message": "the context size is 2048 tokens, prompt too long"}}'}}}, 400,
         ContextLengthError, "2,048"),
        ({"title": "Bad", "detail": "in full", "status": 400}, 400, BadRequestError, "in full"),
        ({"fault": {"faultstring": "no quota"}}, 400, BadRequestError, "no quota"),
        ({"error": {"message": None, "details": [{"message": "deep"}]}}, 400, BadRequestError,
         "deep"),
        ({"title": "One or more errors.", "errors": {"seed": ["is odd"]}}, 400, BadRequestError,
         "seed: is odd"),
        ("Context length exceeded: you requested 5000 tokens but the model supports only 4096", 400,
         ContextLengthError, "4,096"),
        ({"message": "The model's max input length is 2048 tokens, your prompt has 3000"}, 400,
         ContextLengthError, "2,048"),
    ],
)  # fmt: skip
def test_an_error_with_its_status(
    server: ScriptedServer, body: object, status: int, kind: type, words: str
) -> None:
    """Lists, nested objects and bodies passed on as texts show what was said."""
    server.queue(json_reply(body, status=status))
    error = ask_once(server).error
    assert type(error) is kind
    assert words in str(error)


@pytest.mark.parametrize("status", [520, 522, 524, 529])
def test_networks_between_are_asked_again(server: ScriptedServer, status: int) -> None:
    """What stands between says that the server was not reached."""
    server.queue(error_reply(status, "x"), STREAM)
    assert ask_once(server, settings=Settings(max_retries=1), clock=Clock()).text == "Hello"


@pytest.mark.parametrize("code", ["insufficient_quota", "billing_hard_limit_reached"])
def test_no_credit_is_not_asked_again(server: ScriptedServer, code: str) -> None:
    """Waiting brings no money."""
    server.queue(error_reply(429, "You exceeded your current quota", code=code))
    error = ask_once(server, settings=Settings(max_retries=2), clock=Clock()).error
    assert isinstance(error, RateLimitError)
    assert "waiting a little does not help" in str(error)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("header", "shown"),
    [("94608000", "until 2026-11-13"), ("Fri, 01 Jan 2100 00:00:00 GMT", "until 2100-01-01"),
     ("999999999999", "years")],
)  # fmt: skip
def test_a_wait_of_years_has_its_date(server: ScriptedServer, header: str, shown: str) -> None:
    """Nobody reads seconds of that size."""
    server.queue(error_reply(429, "slow", headers={"retry-after": header}))
    error = ask_once(server, settings=Settings(max_retries=2), clock=Clock()).error
    assert shown in str(error)
    assert len(server.requests) == 1


def test_http_to_a_tls_port_says_so(server: ScriptedServer) -> None:
    """The line names https where a server that speaks it is asked in plain http."""
    with Relay(server.port, secure=True) as relay:
        address = relay.url.replace("https://", "http://")
        error = ask_once(server, url=address).error
    assert isinstance(error, APIConnectionError)
    assert "https://" in str(error)


def models(server: ScriptedServer, reply: Reply) -> list[str]:
    """Ask for the names of the models."""
    server.route("GET", "/v1/models", reply)
    found = with_client(lambda c: c.models(endpoint_of(server), settings=AT_ONCE))
    return [model["id"] for model in found]


def test_models_in_other_forms(server: ScriptedServer) -> None:
    """A list under `models`, and names in place of ids, are read."""
    assert models(server, json_reply({"models": [{"name": "a"}, {"model": "b"}]})) == ["a", "b"]
    assert models(server, models_reply("c")) == ["c"]


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (http_reply(b"<html>Welcome</html>"), "web page"),
        (http_reply(b"Welcome"), "no JSON"),
        (json_reply({"error": {"message": "not for you"}}), "not for you"),
    ],
)
def test_models_answered_with_something_else(
    server: ScriptedServer, reply: Reply, words: str
) -> None:
    """A page or an error in place of the models says so."""
    with pytest.raises(APIStreamError, match=words):
        models(server, reply)
