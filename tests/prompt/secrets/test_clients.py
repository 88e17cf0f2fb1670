"""What programs write credentials in: where each form begins to be one, and what looks like it."""

from __future__ import annotations

import base64

import pytest

from eighty80_jupyter.prompt.secrets.redact import Redactor


def encoded(text: str, encoding: str = "utf-8") -> str:
    """Return a text in base64."""
    return base64.b64encode(text.encode(encoding)).decode("ascii")


BODY = "MIIEpAIBAAKCAQEA1234567890abcdefghijklmnopqrstuvwxyz\n" * 5
LOGIN = "dXNlcjpwdw"  # of user:pw, without what fills it up


def hidden(name: str, text: str, secret: str) -> None:
    """Assert that of the text only the secret goes."""
    clean, names = Redactor({}).redact(text.format(secret))
    assert clean == text.format(f"[redacted: {name}]")
    assert names == (name,)


@pytest.mark.parametrize(
    ("name", "text", "secret"),
    [
        ("password", '{{"auth": "{}"}}', encoded("user:p\xe4ss", "latin-1")),
        ("password", '{{"auth": "{}"}}', encoded("user:p\xe4ss")),
        ("password", "_auth={}", LOGIN),
        ("password", "_auth={}", f"{LOGIN}=="),
        ("private key", "key: {}", encoded(f"-----BEGIN RSA PRIVATE KEY-----\n{BODY}")),
        ("private key", "{}", encoded('{"auths":{"https://index.docker.io/v1/":{}}}')),
        ("password", "localhost:7432:base:user:{}", "pw1"),
        ("password", "db.example.com:7432:base:user:{}", "pw1"),
        ("password", "host:5432:base:user:{}", "pw1"),
        ("password", "host:6432:base:user:{}", "pw1"),
        ("password", "localhost:5432:base:user:{}", "pw:with:1"),
        ("password", "*:*:*:*:{}", "pw1"),
        ("session", "Cookie: sid={}", "abcdefghij12"),
        ("session", "Cookie: lang=abcdefghij12; sid={}; theme=abcdefghij12", "abcdefghij12"),
        ("session", "PHPSESSID={}", "abcdefghijkl1234"),
        ("authorization", "Authorization: Bearer {}", "abcdefg12"),
        ("signature", "?sig={}", "abcdefghijklmnopqr12"),
        ("password", "sshpass -p {} ssh host", "abc"),
    ],
)
def test_credentials(name: str, text: str, secret: str) -> None:
    """The shortest and the oddest of each form go, and what stands around them stays."""
    hidden(name, text, secret)


@pytest.mark.parametrize(
    "text",
    [
        f'{{"auth": "{encoded("hello world")}"}}',
        f'{{"auth": "{encoded("a:" + chr(1) + chr(2) + "bcd")}"}}',
        '{"auth": "aGVsbG8gd29yb"}',
        encoded(f"-----BEGIN CERTIFICATE-----\n{BODY}"),
        encoded('{"authsome":{"https://index.docker.io/v1/":{}}}'),
        "host:7432:base:user:pw1",
        "a.b:743:base:user:pw1",
        *(f"main.{end}:7432:base:user:pw1" for end in ("py", "go", "js", "c")),
        "a.b:5432:1:user:pw1",
        "a.b:5432:base:2:pw1",
        "localhost:5432:base:user:pw",
        "localhost:5432:base:user:$PGPASS",
        "Cookie: sid=abcdefghi12",
        "Cookie: sid=abcdefghijk1",
        "PHPSESSID=abcdefghijklm123",
        "Authorization: Bearer abcdefgh1",
        "?sig=abcdefghijklmnopqrs1",
        "sshpass -p ab ssh host",
    ],
)
def test_what_is_none(text: str) -> None:
    """What lacks one mark of a credential stays."""
    assert Redactor({}).redact(text) == (text, ())


def test_every_cookie_of_a_header() -> None:
    """However many there are, each that looks like an id goes."""
    count = 150
    text = "Cookie: " + "; ".join(f"c{n}=abcdefghij{n:04}" for n in range(count))
    clean, names = Redactor({}).redact(f"{text}\nSet-Cookie: sid=abcdefghij12; Path=/")
    assert clean.count("[redacted: session]") == count + 1
    assert "abcdefghij" not in clean
    assert names == ("session",)
