"""Each failure of a server has its class and its words, and what may pass is tried again."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from eighty80_jupyter.errors import (
    APIConnectionError,
    APIStatusError,
    APIStreamError,
    AuthenticationError,
    BadRequestError,
    ContextLengthError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
)
from eighty80_jupyter.wire.client import Settings
from tests.support.scripted import (
    Close,
    Reply,
    Reset,
    ScriptedServer,
    chunk,
    error_reply,
    http_reply,
    json_reply,
    sse_reply,
    text_chunks,
)
from tests.wire.asking import Clock, ask_once

STREAM = sse_reply(text_chunks("Hello"))
PATIENT = Settings(max_retries=2)
CLASSES = [
    (400, BadRequestError, "refused the request"),
    (401, AuthenticationError, "set _8080_API_KEY"),
    (403, PermissionDeniedError, "choose another model with -m"),
    (404, NotFoundError, "check the model (-m)"),
    (405, APIStatusError, "status 405"),
    (408, APIStatusError, "status 408"),
    (409, APIStatusError, "status 409"),
    (413, APIStatusError, "status 413"),
    (418, APIStatusError, "status 418"),
    (422, BadRequestError, "refused the request"),
    (429, RateLimitError, "takes no more requests"),
    (500, ServerError, "try again"),
    (502, ServerError, "try again"),
    (503, ServerError, "try again"),
    (504, ServerError, "try again"),
    (599, ServerError, "try again"),
]


@pytest.mark.parametrize(("status", "kind", "told"), CLASSES)
@pytest.mark.parametrize("stream", [True, False])
def test_every_status_has_its_class(
    server: ScriptedServer, status: int, kind: type, told: str, *, stream: bool
) -> None:
    """An error in 8080's form has all its fields on the exception."""
    server.queue(
        error_reply(
            status,
            "It did\nnot work.",
            type="some_type",
            code="some_code",
            param="temperature",
            headers={"x-request-id": "req-7"},
        )
    )
    error = ask_once(server, stream=stream).error
    assert type(error) is kind
    assert isinstance(error, APIStatusError)
    assert (error.status_code, error.request_id, error.message) == (
        status,
        "req-7",
        "It did\nnot work.",
    )
    assert (error.code, error.param, error.retry_after) == ("some_code", "temperature", None)
    assert error.body["error"]["type"] == "some_type"
    assert f"127.0.0.1:{server.port}" in str(error)
    assert told in str(error)
    assert ": It did not work." in str(error)


@pytest.mark.parametrize(
    ("body", "message", "param"),
    [
        ({"detail": "No key"}, "No key", None),
        (
            {"detail": [{"loc": ["body", "temperature"], "msg": "too high", "type": "x"}]},
            "temperature: too high",
            "temperature",
        ),
        (
            {
                "detail": [
                    {"loc": ["body", "messages", 0, "content"], "msg": "a"},
                    {"msg": "b"},
                    "c",
                ]
            },
            "messages.0.content: a; b; c",
            "messages.0.content",
        ),
        ({"detail": []}, "", None),
        ({"error": "broken"}, "broken", None),
        ({"message": "plain"}, "plain", None),
        ({"error": {"message": None, "code": 7}}, "", None),
        ({"odd": 1}, '{"odd": 1}', None),
        ("text", "text", None),
        ([1], "[1]", None),
        (None, "null", None),
    ],
)
def test_other_forms_of_errors_are_read(
    server: ScriptedServer, body: object, message: str, param: str | None
) -> None:
    """FastAPI's two forms, and whatever else there is, give their words and their parameter."""
    server.queue(json_reply(body, status=422))
    error = ask_once(server).error
    assert isinstance(error, BadRequestError)
    assert (error.message, error.param, error.body) == (message, param, body)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", ""),
        (b"upstream\n connect  error", "upstream connect error"),
        (b"x" * 1000, "x" * 200),
        (b"<html><h1>502 Bad Gateway</h1></html>", ""),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"[" * 100_000, "[" * 200),
    ],
)
def test_errors_that_are_no_json_are_told_by_their_status(
    server: ScriptedServer, body: bytes, message: str
) -> None:
    """A web page of a proxy is not shown, a short text is."""
    server.queue(http_reply(body, status=502))
    error = ask_once(server).error
    assert isinstance(error, ServerError)
    assert (error.message, "html" in str(error)) == (message, False)
    assert len(str(error)) < 500


def test_an_error_that_breaks_off_is_told_by_its_status(server: ScriptedServer) -> None:
    """A body that never comes does not hide what the status says."""
    server.queue(http_reply(b"{", status=401, headers={"content-length": "99"}).then(Close()))
    assert isinstance(ask_once(server).error, AuthenticationError)


@pytest.mark.parametrize(
    ("status", "message", "code", "limit"),
    [
        (
            400,
            "This model's maximum context length is 8192 tokens. However, you",
            "context_length_exceeded",
            8192,
        ),
        (400, "This model's maximum context length is 8,192 tokens", None, 8192),
        (400, "request (6031 tokens) exceeds the available context size (2048 tokens)", None, 2048),
        (500, "Requested tokens (2500) exceed context window of 2048", None, 2048),
        (500, "the input length exceeds the context length", None, None),
        (422, "prompt is too long: 5000 tokens > 4096 maximum", None, 4096),
        (400, "input and `max_tokens` exceed context limit: 190 + 200 > 200000", None, 200_000),
        (
            400,
            "Prompt contains 33000 tokens, too large for 32768 maximum context length",
            None,
            32768,
        ),
        (
            422,
            "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 4000 `inputs`",
            None,
            4096,
        ),
        (422, "Input validation error: `inputs` must have less than 1024 tokens", None, 1024),
        (
            400,
            "The input token count (1200000) exceeds the maximum allowed (1048576)",
            None,
            1048576,
        ),
        (400, "Input length (5000) exceeds model's maximum context length (4096).", None, 4096),
        (400, "the maximum prompt length is 131072 but there are 140000 tokens", None, 131_072),
        (
            400,
            "sum of prompt length (5000) and max_tokens (100) should not exceed 4096",
            None,
            4096,
        ),
        (400, "too many tokens: the total number cannot exceed 4081 - received 5000", None, 4081),
        (400, "the maximum context length is 128k tokens, you sent 140k", None, 128_000),
        (400, "prompt too long; exceeded max context length by 512 tokens", None, None),
        (400, "Current length is 9000 while limit is 8192", "context_length_exceeded", 8192),
        (413, "too many tokens", None, None),
        (400, "something", "context_length_exceeded", None),
    ],
)
def test_a_context_that_is_too_long_tells_the_limit(
    server: ScriptedServer, status: int, message: str, code: str | None, limit: int | None
) -> None:
    """However the server says it, the error is the same, with the number of tokens if it told."""
    server.queue(error_reply(status, message, code=code))
    error = ask_once(server).error
    assert isinstance(error, ContextLengthError)
    assert (error.limit, error.status_code) == (limit, status)
    assert ("did not say" if limit is None else f"{limit:,} tokens") in str(error)
    assert "%chat --new" in str(error)


# Further attempts.


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(server: ScriptedServer, status: int) -> None:
    """The statuses of the contract are tried again, with a note for each wait."""
    server.queue(*[error_reply(status, "busy")] * 2, STREAM)
    clock = Clock()
    asked = ask_once(server, settings=PATIENT, clock=clock)
    assert (asked.text, asked.error, len(server.requests)) == ("Hello", None, 3)
    assert [note.seconds for note in asked.waits] == clock.waits
    assert all("busy" in note.error for note in asked.waits)
    assert 0.3 < clock.waits[0] < 0.7 < clock.waits[1] < 1.3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 501, 505, 599])
def test_what_will_not_pass_is_not_tried_again(server: ScriptedServer, status: int) -> None:
    """A request that is wrong stays wrong."""
    server.queue(error_reply(status, "no"))
    asked = ask_once(server, settings=PATIENT)
    assert (len(server.requests), asked.waits) == (1, [])


def test_what_is_too_long_is_not_tried_again(server: ScriptedServer) -> None:
    """Some servers call it a failure of their own; it stays too long."""
    server.queue(error_reply(500, "Context size has been exceeded."))
    asked = ask_once(server, settings=PATIENT)
    assert isinstance(asked.error, ContextLengthError)
    assert (len(server.requests), asked.waits) == (1, [])


@pytest.mark.parametrize(
    "message",
    [
        "max_tokens must be at most 4096",
        "max_tokens is too large: 100000. This model supports at most 16384 completion tokens",
        "image size exceeds maximum of 5242880 bytes",
        "Request too large on tokens per minute (TPM): Limit 6000, Requested 7000",
        "unknown parameter: prompt_cache",
        "input tokens per minute exceed the limit of 20000",
        "each input must have less than 5 images; a text token costs 1",
        "prompt must not be empty; token ids must be less than 32000",
        "maximum sequence count of stop is 4",
    ],
)
def test_other_limits_are_none_of_the_context(server: ScriptedServer, message: str) -> None:
    """No turn is dropped for them."""
    server.queue(error_reply(400, message))
    error = ask_once(server).error
    assert isinstance(error, BadRequestError)
    assert not isinstance(error, ContextLengthError)


def test_attempts_come_to_an_end(server: ScriptedServer) -> None:
    """After the last attempt the error is raised, and it is that of the last one."""
    server.queue(*[error_reply(503, f"busy {n}") for n in range(9)])
    clock = Clock()
    asked = ask_once(server, settings=Settings(max_retries=6), clock=clock)
    assert isinstance(asked.error, ServerError)
    assert (asked.error.message, len(server.requests)) == ("busy 6", 7)
    assert clock.waits == sorted(clock.waits[:-1]) + clock.waits[-1:]
    assert max(clock.waits) <= 8


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("1.5", 1.5),
        ("30", 30.0),
        (formatdate(Clock().at + 9, usegmt=True), 9.0),
    ],
)
def test_a_server_says_how_long_to_wait(
    server: ScriptedServer, header: str, seconds: float
) -> None:
    """Retry-After counts, in seconds and as a date."""
    server.queue(error_reply(429, "slow", headers={"retry-after": header}), STREAM)
    clock = Clock()
    assert ask_once(server, settings=PATIENT, clock=clock).text == "Hello"
    assert clock.waits == [seconds]


@pytest.mark.parametrize("header", ["0", "-5", formatdate(Clock().at - 60, usegmt=True)])
def test_a_wait_that_is_over_is_none(server: ScriptedServer, header: str) -> None:
    """A time in the past is no wait, and makes no note."""
    server.queue(error_reply(429, "slow", headers={"retry-after": header}), STREAM)
    clock = Clock()
    asked = ask_once(server, settings=PATIENT, clock=clock)
    assert (asked.text, asked.waits, clock.waits) == ("Hello", [], [])


@pytest.mark.parametrize("header", ["soon", "", "nan", "inf", "Mon, 99 Foo"])
def test_an_unreadable_wait_is_our_own(server: ScriptedServer, header: str) -> None:
    """What is no time is passed over."""
    server.queue(error_reply(503, "slow", headers={"retry-after": header}), STREAM)
    clock = Clock()
    ask_once(server, settings=PATIENT, clock=clock)
    assert len(clock.waits) == 1
    assert clock.waits[0] < 1


@pytest.mark.parametrize("header", ["31", "86400", formatdate(Clock().at + 3600, usegmt=True)])
def test_a_wait_that_is_too_long_is_an_error_at_once(server: ScriptedServer, header: str) -> None:
    """Nobody waits for an hour: the error tells how long the server asks for."""
    server.queue(error_reply(429, "slow", headers={"retry-after": header}))
    clock = Clock()
    error = ask_once(server, settings=PATIENT, clock=clock).error
    assert isinstance(error, RateLimitError)
    assert error.retry_after is not None
    assert f"it asks to wait {error.retry_after:,.0f} s" in str(error)
    assert (clock.waits, len(server.requests)) == ([], 1)


def test_broken_connections_are_tried_again_before_the_reply(server: ScriptedServer) -> None:
    """Resets before and inside the headers are worth another attempt."""
    broken = [Reply((Reset(),)), Reply((b"HTTP/1.1 200 OK\r\nx: ", Close()))]
    server.queue(*broken, STREAM)
    clock = Clock()
    asked = ask_once(server, settings=PATIENT, clock=clock)
    assert (asked.text, len(clock.waits), len(server.requests)) == ("Hello", 2, 3)


def test_a_refused_connection_is_tried_again() -> None:
    """A server that is not there yet gets its attempts too."""
    with ScriptedServer() as server:
        pass
    clock = Clock()
    asked = ask_once(server, settings=PATIENT, clock=clock)
    assert isinstance(asked.error, APIConnectionError)
    assert len(clock.waits) == 2


@pytest.mark.parametrize("end", [Reset(), Close()])
@pytest.mark.parametrize("came", ["text", "half an event"])
def test_nothing_is_tried_again_after_the_first_byte(
    server: ScriptedServer, end: Reset | Close, came: str
) -> None:
    """What has begun is not begun again: the user has seen it, and it may have cost something."""
    begin = chunk({"content": "Hel"}) if came == "text" else b"data: {"
    server.queue(sse_reply([begin, end]), STREAM)
    asked = ask_once(server, settings=PATIENT)
    assert isinstance(asked.error, APIStreamError)
    assert (asked.text, len(server.requests)) == ("Hel" if came == "text" else "", 1)
    assert asked.waits == []


def test_an_error_inside_the_stream_is_not_tried_again(server: ScriptedServer) -> None:
    """An error object that comes first in a 200 answer is final too."""
    server.queue(sse_reply([{"error": {"message": "overloaded"}}]), STREAM)
    asked = ask_once(server, settings=PATIENT)
    assert isinstance(asked.error, APIStreamError)
    assert len(server.requests) == 1
