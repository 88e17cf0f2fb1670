"""What the wire decides by itself: words of failures, changes of a body, models, keys."""

from __future__ import annotations

import json
import socket
import ssl
from typing import Any

import pytest

from eighty80_jupyter.errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APIStreamError,
    APITimeoutError,
    ContextLengthError,
    MissingKeyError,
)
from eighty80_jupyter.wire.adapt import find_changes
from eighty80_jupyter.wire.changes import Change, Way, changes_for
from eighty80_jupyter.wire.endpoint import Credentials, Endpoint, usable
from eighty80_jupyter.wire.models import read_models
from eighty80_jupyter.wire.reading.joining import tokens_without_words
from eighty80_jupyter.wire.secret import Secret, unquoted
from eighty80_jupyter.wire.transport_errors import (
    Fault,
    WireError,
    connection_error,
    plain_reason,
)

KEY = "sk-test-0123456789"
PLAIN = Endpoint(url="http://host:1/v1", key=Secret(KEY))
SAFE = Endpoint(url="https://host/v1", key=Secret(KEY))
OTHER = " (a server that speaks https does so: then begin the address with https://)"

FAILURES: list[tuple[Fault, Endpoint, bool, type[APIError], str]] = [
    (Fault.SILENCE, PLAIN, True, APITimeoutError,
     "nothing came from host:1 for longer than ChatConfig.read_timeout; try again, or raise it"),
    (Fault.CONNECT_TIMEOUT, SAFE, False, APITimeoutError,
     ("no connection to host within ChatConfig.connect_timeout; check the address (_8080_API_URL) "
     "and the network")),
    (Fault.PROXY, SAFE, False, APIConnectionError,
     ("no connection to host through the proxy: why [redacted: API key]; check HTTPS_PROXY and "
     "NO_PROXY")),
    (Fault.SECURITY, SAFE, False, APIConnectionError,
     ("no secure connection to host: why [redacted: API key]; SSL_CERT_FILE names further "
     "certificates, and a plain http address begins with http://")),
    (Fault.ADDRESS, PLAIN, False, APIConnectionError,
     ("cannot connect to host:1: why [redacted: API key]; check the address (_8080_API_URL), the "
     "network and that the server runs")),
    (Fault.TLS_PORT, PLAIN, False, APIConnectionError,
     ("host:1 speaks https, and was asked in plain http: why [redacted: API key]; begin the "
     "address (_8080_API_URL) with https://")),
    (Fault.BROKEN, PLAIN, True, APIStreamError,
     "the connection to host:1 broke inside the reply: why [redacted: API key]; try again"),
    (Fault.PROTOCOL, SAFE, True, APIStreamError,
     "the connection to host broke inside the reply: why [redacted: API key]; try again"),
    (Fault.PROTOCOL, SAFE, False, APIConnectionError,
     ("host does not answer as an HTTP server does: why [redacted: API key]; check the address "
     "(_8080_API_URL)")),
    (Fault.BROKEN, SAFE, False, APIConnectionError,
     "the connection to host broke before the reply: why [redacted: API key]; try again"),
    (Fault.BROKEN, PLAIN, False, APIConnectionError,
     f"the connection to host:1 broke before the reply: why [redacted: API key]{OTHER}; try again"),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "endpoint", "inside", "kind", "said"), FAILURES)
def test_a_failure_is_told_in_one_line(
    fault: Fault, endpoint: Endpoint, *, inside: bool, kind: type[APIError], said: str
) -> None:
    """What happened, to which host, and what to do; no key, and the system's error as its cause."""
    failed = WireError(fault, f"why\n {KEY}")
    failed.__cause__ = system = OSError(5, "x")
    error = connection_error(failed, endpoint, Secret(KEY), inside=inside)
    assert (type(error), str(error)) == (kind, said)
    assert isinstance(error.__cause__, WireError)
    assert (error.__cause__.fault, error.__cause__.__cause__) == (fault, system)
    assert KEY not in str(error.__cause__)


def test_any_other_failure_has_its_class() -> None:
    """What no system raises is named by its class."""
    error = connection_error(ValueError(f"of\n{KEY}"), PLAIN, Secret(KEY))
    assert type(error) is APIConnectionError
    assert str(error) == "the request to host:1 failed: ValueError: of [redacted: API key]"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(111, "x"), "Connection refused"),
        (OSError("Multiple: [Errno 111] Connect call failed ('::1', 9)"), "Connection refused"),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (OSError("of its own"), "of its own"),
        (OSError(), "OSError"),
    ],
)
def test_a_reason_is_without_addresses(error: BaseException, said: str) -> None:
    """The system's words for its number, also where several addresses were tried."""
    assert plain_reason(error) == said


def test_the_reason_of_a_certificate() -> None:
    """What is wrong with it, without the place in OpenSSL's source."""
    error = ssl.SSLCertVerificationError(1, "long")
    error.verify_message = "self-signed certificate"
    assert plain_reason(error) == "self-signed certificate"
    other = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong (_ssl.c:1000)")
    other.reason = "WRONG_VERSION_NUMBER"
    assert plain_reason(other) == "wrong version number"


TALK = [{"role": "developer", "content": "a"}, {"role": "user", "content": "b"}]


@pytest.mark.parametrize(
    ("change", "body", "expected"),
    [
        (Change(Way.DROP, "seed"), {"seed": 1, "n": 2}, {"n": 2}),
        (Change(Way.DROP, "seed"), {"n": 2}, {"n": 2}),
        (Change(Way.RENAME, "a", "b"), {"x": 0, "a": 1, "y": 2}, {"x": 0, "b": 1, "y": 2}),
        (Change(Way.RENAME, "a", "b"), {"a": 1, "b": 2}, {"a": 1, "b": 2}),
        (Change(Way.RENAME, "a", "b"), {"c": 1}, {"c": 1}),
        (Change(Way.DROP_INSIDE, "t", "s"), {"t": [{"s": 1, "u": {"s": 2, "v": 3}}]},
         {"t": [{"u": {"v": 3}}]}),
        (Change(Way.ROLE, "messages"), {"messages": TALK},
         {"messages": [{"role": "system", "content": "a"}, TALK[1]]}),
        (Change(Way.NO_STREAM, "stream"), {"stream": True, "stream_options": {}, "n": 1}, {"n": 1}),
    ],
)  # fmt: skip
def test_a_change_of_a_body(change: Change, body: dict[str, Any], expected: dict[str, Any]) -> None:
    """Fields go or get another name in their place; the body that was given stays as it is."""
    before = json.dumps(body)
    assert list(change.apply(body).items()) == list(expected.items())
    assert json.dumps(body) == before


REFUSED = {"error": {"message": "Unrecognized request argument supplied: seed"}}


@pytest.mark.parametrize(
    ("status", "is_mended"),
    [(400, True), (404, True), (422, True), (500, True), (200, False), (307, False)]
    + [(status, False) for status in (401, 402, 408, 409, 413, 429)],
)
def test_which_refusals_are_mended(status: int, *, is_mended: bool) -> None:
    """Those of a request; not those of a key, of a limit or of an address that has moved."""
    error = APIStatusError("refused", status_code=status, body=REFUSED)
    found = find_changes(error, {"model": "m", "seed": 1, "messages": []})
    assert found == ((Change(Way.DROP, "seed"),) if is_mended else ())


def test_what_is_no_refusal_changes_nothing() -> None:
    """A connection that broke, or a prompt that is too long, says nothing of a field."""
    body = {"model": "m", "seed": 1, "messages": []}
    too_long = ContextLengthError("too long", status_code=400, body=REFUSED)
    for error in (APIConnectionError("seed"), too_long, ValueError("seed")):
        assert find_changes(error, body) == ()
    assert find_changes(APIStreamError("refused", body=REFUSED), body) == (
        Change(Way.DROP, "seed"),
    )
    without = {"model": "m", "messages": []}
    assert find_changes(APIStatusError("x", status_code=400, body=REFUSED), without) == ()


@pytest.mark.parametrize("message", ["Unexpected keyword argument", "extra fields not permitted"])
def test_a_field_that_is_not_named_is_guessed(message: str) -> None:
    """First the newest ones, then what a reply can do without; never what says what is asked."""
    error = APIStatusError("x", status_code=422, body={"error": {"message": message}})
    body = {"model": "m", "messages": [], "seed": 1, "temperature": 0.5, "stream": True}
    assert find_changes(error, body) == (Change(Way.DROP, "seed"),)
    newest = {"max_completion_tokens": 5, "parallel_tool_calls": True, "stream_options": {}}
    assert find_changes(error, {**body, **newest}) == (
        Change(Way.DROP, "stream_options"),
        Change(Way.DROP, "parallel_tool_calls"),
        Change(Way.RENAME, "max_completion_tokens", "max_tokens"),
    )


def test_changes_of_a_setting() -> None:
    """A name renames, nothing leaves out."""
    assert changes_for({"a": "b", "c": None, "d": ""}) == (
        Change(Way.RENAME, "a", "b"),
        Change(Way.DROP, "c"),
        Change(Way.DROP, "d"),
    )


@pytest.mark.parametrize(
    ("data", "ids"),
    [
        (b"", []),
        (b"  \n", []),
        (b"null", []),
        (b'{"data": [{"id": "a"}, {"id": ""}, {"name": "b"}, {"model": "c"}, 5, "d", ""]}',
         ["a", "b", "c", "d"]),
        (b'{"models": [{"id": "", "name": "a"}]}', ["a"]),
        (b'{"data": {}, "models": ["a"]}', ["a"]),
        (b'["a", {"id": 5, "name": "b"}]', ["a", "b"]),
        (b'{"other": 1}', []),
    ],
)  # fmt: skip
def test_models_in_any_form(data: bytes, ids: list[str]) -> None:
    """Lists of objects or of names; what has no name is no model."""
    found = read_models(data, PLAIN, Credentials({}, (Secret(KEY),)))
    assert [model["id"] for model in found] == ids


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b" <html>", ("host:1 answered with a web page in place of its models; check the address "
         "(_8080_API_URL)")),
        (b"hello", ("host:1 answered with something that is no JSON in place of its models; check "
         "the address (_8080_API_URL)")),
    ],
)  # fmt: skip
def test_what_is_no_list_of_models(data: bytes, said: str) -> None:
    """The line says what came, and from where."""
    with pytest.raises(APIStreamError) as caught:
        read_models(data, PLAIN, Credentials({}, (Secret(KEY),)))
    assert str(caught.value) == said


def test_an_error_in_place_of_models_shows_no_key() -> None:
    """Neither the key that it echoes nor one that stands in the address."""
    endpoint = Endpoint(
        url="http://host:1/v1", key=Secret(KEY), query={"code": Secret("a-secret-0123456789")}
    )
    data = json.dumps({"error": {"message": f"no {KEY} here", "code": 500}}).encode()
    with pytest.raises(APIError) as caught:
        read_models(data, endpoint, Credentials({}, (Secret(KEY),)))
    assert "no [redacted: API key] here" in str(caught.value)
    assert "a-secret" not in str(caught.value)


@pytest.mark.parametrize(("text", "shown"), [(KEY, "Secret('***')"), ("", "Secret('')")])
def test_a_secret_shows_nothing(text: str, shown: str) -> None:
    """In any form, with any width; only what asks for the text gets it."""
    secret = Secret(text)
    assert (repr(secret), str(secret), f"{secret}", f"{secret!r}") == (shown,) * 4
    assert f"{secret:>20}" == f"{shown:>20}"
    assert (secret.reveal(), bool(secret)) == (text, bool(text))
    assert (secret == Secret(text), secret == Secret("other"), secret == text) == (
        True,
        False,
        False,
    )
    assert len({secret, Secret(text), Secret("other")}) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "nothing"), (" '' ", "nothing"), ("a b", "a text with spaces or characters beyond ASCII"),
     ("ké", "a text with spaces or characters beyond ASCII")],
)  # fmt: skip
def test_a_key_that_cannot_be_sent(text: str, said: str) -> None:
    """It is not shown; what came is named in general."""
    with pytest.raises(MissingKeyError) as caught:
        usable(text, "the key")
    assert str(caught.value) == f"the key must be one word of ASCII characters, got {said}"


@pytest.mark.parametrize(
    "text", ["k1", " k1\n", "'k1'", '"k1"', "\"'k1'\"", "Bearer k1", "bearer  k1", "'BEARER k1'"]
)
def test_what_was_copied_along_with_a_key(text: str) -> None:
    """Quotes, spaces and the word Bearer are no part of it."""
    assert unquoted(text) == "k1"
    assert usable(text, "the key") == Secret("k1")


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (["a", "se", "cret", "b"], ["a", "[redacted: API key]", "", "b"]),
        (["secret", "secret"], ["[redacted: API key]", "[redacted: API key]"]),
        (["xse", "cre", "ty"], ["[redacted: API key]", "", ""]),
        (["se", "cre"], ["se", "cre"]),
    ],
)
def test_a_key_in_tokens(tokens: list[str], expected: list[str]) -> None:
    """All tokens that it spans go, with all that stood in them."""
    given = [{"token": token, "logprob": -1.0} for token in tokens]
    cleaned = tokens_without_words(given, ["secret"])
    assert [one["token"] for one in cleaned] == expected
    for one, text in zip(cleaned, tokens, strict=True):
        assert ("logprob" in one) is (one["token"] == text)
