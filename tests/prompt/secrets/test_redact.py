"""Known secrets: the environment's and our own key, in every form that a text gives them."""

from __future__ import annotations

import base64
import csv
import html
import io
import json
import os
import time
from collections import ChainMap, OrderedDict, UserDict
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from eighty80_jupyter.prompt.secrets.redact import Redactor, environment_names
from eighty80_jupyter.wire.secret import Secret

VALUE = "s3cr3t-value-1234"


def redact(text: str, **environ: str) -> tuple[str, tuple[str, ...]]:
    """Redact with an environment."""
    return Redactor(environ).redact(text)


@pytest.mark.parametrize(
    "name",
    [
        "API_KEY",
        "OPENAI_API_KEY",
        "MYAPIKEY",
        "GITHUB_TOKEN",
        "CLIENT_SECRET",
        "DB_PASS",
        "DB_PASSWORD",
        "PGPASSWORD",
        "PASSPHRASE",
        "MYSQL_PWD",
        "GOOGLE_CREDENTIALS",
        "AWS_CREDENTIAL",
        "SENTRY_DSN",
        "KEY",
        "my_token",
        "COMPASS_TOKEN",
        "_8080_API_KEY",
        "KEYCLOAK_ADMIN_PASSWORD",
    ],
)
def test_names(name: str) -> None:
    """A variable whose name says that it is secret is, in either case and within other words."""
    assert redact(f"a {VALUE} b{VALUE}", **{name: VALUE}) == (
        f"a [redacted: {name}] b[redacted: {name}]",
        (name,),
    )


@pytest.mark.parametrize(
    "name",
    [
        *("PWD", "OLDPWD", "KEYBOARD", "XKB_KEYBOARD_MODEL", "COMPASS", "BYPASS_CACHE", "KEYMAP"),
        *("TOKENIZERS_PARALLELISM", "HOME", "PATH", "EDITOR", "MONKEY", "PASSIVE_MODE", "USER"),
    ],
)
def test_other_names(name: str) -> None:
    """Other variables, the working directory and words that hold one by accident are not secret."""
    assert redact(f"a {VALUE} b", **{name: VALUE}) == (f"a {VALUE} b", ())


def test_short_values() -> None:
    """Values of fewer than eight characters stay: they are in every text."""
    assert redact("1234567 true", A_KEY="1234567", B_TOKEN="true", C_PASS="  1234  ") == (
        "1234567 true",
        (),
    )
    assert redact("12345678", A_KEY="12345678")[0] == "[redacted: A_KEY]"


def test_paths(tmp_path: Path) -> None:
    """A path hides nothing if the name says so or the file is there; a key with a slash does."""
    file = tmp_path / "credentials.json"
    file.write_text("{}")
    environ = {
        "GOOGLE_APPLICATION_CREDENTIALS": str(file),
        "PASSWD_FILE": "/nowhere/passwd.txt",
        "SSH_ASKPASS": "/usr/nowhere/askpass",
        "SSL_KEY_PATH": "~/nowhere/key.pem",
        "WIN_KEY_DIR": "C:\\nowhere\\keys",
        "PASS_PLACES": f"{tmp_path}{os.pathsep}/nowhere",
    }
    text = " ".join(environ.values())
    assert redact(text, **environ) == (text, ())
    key = "/bPxRfiCYEXAMPLEKEY/x+y"
    assert redact(key, AWS_SECRET=key)[0] == "[redacted: AWS_SECRET]"
    assert redact("/" + "a" * 5000, A_KEY="/" + "a" * 5000)[0] == "[redacted: A_KEY]"
    assert redact("~nobody-here/" + key, A_KEY="~nobody-here/" + key)[0] == "[redacted: A_KEY]"


def test_counts() -> None:
    """The number of something is no secret; a number that is a password is."""
    text = "100000000 1,000,000 12345678"
    environ = {"MAX_TOKENS": "100000000", "TOKEN_LIMIT": "1,000,000", "ADMIN_PASSWORD": "12345678"}
    assert redact(text, **environ)[0] == "100000000 1,000,000 [redacted: ADMIN_PASSWORD]"


HARD = "pä\"ss\\wo'rd|&<+/ \t\nline=2"


@pytest.mark.parametrize("value", [VALUE, HARD, "plain word here", "ünïcödë-€uro"])
def test_forms(value: str) -> None:
    """A value is found as it is, in JSON, in a repr, in CSV, HTML, an address and base64."""
    buffer = io.StringIO()
    csv.writer(buffer).writerow([value, "x"])
    forms = [
        value,
        f"x{value}y",
        json.dumps({"a": [value]}),
        json.dumps({"a": [value]}, ensure_ascii=False),
        repr({"a": value}),
        repr([f"a {value} b"]),
        buffer.getvalue(),
        html.escape(f"<b>{value}</b>"),
        f"https://x/?a={quote(value, safe='')}&b={quote_plus(value)}&c={quote(value)}",
        f"| {value.replace('|', chr(92) + '|')} |",
        base64.b64encode(value.encode()).decode(),
        base64.urlsafe_b64encode(value.encode()).decode(),
    ]
    for form in forms:
        text, names = redact(form, A_KEY=value)
        assert names == ("A_KEY",)
        assert "[redacted: A_KEY]" in text
        assert value not in text
    line_end = base64.b64encode(f"{value}\n".encode()).decode()
    assert "[redacted: A_KEY]" in redact(line_end, A_KEY=value)[0]


@pytest.mark.parametrize("user", ["u", "bo", "bob", "alice", "x y"])
def test_encoded_with_others(user: str) -> None:
    """A value is found in base64 of `user:value` and in hex, whatever stands around it."""
    whole = base64.b64encode(f"{user}:{VALUE}".encode()).decode()
    for form in (whole, base64.b64encode(f"{user}:{VALUE} and more".encode()).decode()):
        text, names = redact(f"Basic {form}", A_KEY=VALUE)
        assert names == ("A_KEY",)
        left = base64.b64decode(text.removeprefix("Basic ").partition("[")[0] + "==="[:3])
        assert VALUE[:3].encode() not in left
    for form in (VALUE.encode().hex(), VALUE.encode().hex().upper(), VALUE.encode().hex(":")):
        assert redact(f"x{form}", A_KEY=VALUE)[0] == "x[redacted: A_KEY]"


@pytest.mark.parametrize(
    "line_end",
    ["\n", "\r\n", "\n    ", "\\\n", "\\n", "\n> ", '"\n    "', "\n# "],
)
def test_broken_values(line_end: str) -> None:
    """A value that a line end breaks up is found, at any place."""
    for place in range(1, len(VALUE)):
        broken = f"a {VALUE[:place]}{line_end}{VALUE[place:]} b"
        assert redact(broken, A_KEY=VALUE) == ("a [redacted: A_KEY] b", ("A_KEY",))
    encoded = base64.encodebytes(f"{'x' * 50}{VALUE}".encode()).decode()
    assert redact(encoded, A_KEY=VALUE)[1] == ("A_KEY",)
    lines = "1234567\n8901234\nabcd\nefgh"
    assert redact(lines, A_PIN="12345678901234", B_KEY="abcdefgh") == (lines, ())


def test_longest_first() -> None:
    """Where one value is part of another, the whole longer one goes."""
    environ = {"A_KEY": "abcdefgh", "B_KEY": "abcdefgh12345678", "C_KEY": "xxabcdefgh"}
    text, names = redact("abcdefgh12345678 abcdefgh xxabcdefgh", **environ)
    assert text == "[redacted: B_KEY] [redacted: A_KEY] [redacted: C_KEY]"
    assert set(names) == set(environ)


def test_marks_stay() -> None:
    """A value that is part of a mark does not break the marks of others."""
    text, _ = redact(VALUE, A_PASSWORD=VALUE, B_KEY="redacted", C_KEY="A_PASSWORD")
    assert text == "[redacted: A_PASSWORD]"


def test_white_space() -> None:
    """White space around a value, such as a line end, is no part of it."""
    assert redact(f"a {VALUE}.", A_KEY=f" {VALUE}\n") == ("a [redacted: A_KEY].", ("A_KEY",))


@pytest.mark.parametrize("mark", ["…", "...", " […", "\n[… 9 characters left out]"])
def test_cut_values(mark: str) -> None:
    """The beginning of a value goes too where a text was cut, and nothing else that begins so."""
    value = "abcdefgh12345678ABCDEFGH"
    for length in range(8, len(value)):
        text, names = redact(f"a {value[:length]}{mark} b", A_KEY=value)
        assert text == f"a [redacted: A_KEY]{mark} b"
        assert names == ("A_KEY",)
    for text in (f"abcdefgh {mark}", f"abcdefgX{mark}", f"abcdefgh1X{mark}", "abcdefgh1234."):
        assert redact(text, A_KEY=value) == (text, ())
    long = "-----BEGIN X" + "y" * 4000
    assert redact(f"-----BEG{mark}", A_KEY=long) == (f"-----BEG{mark}", ())


@pytest.mark.parametrize(("length", "least"), [(20, 8), (48, 12), (49, 12), (64, 16), (400, 16)])
def test_how_much_of_a_cut_value_tells(length: int, least: int) -> None:
    """A quarter of a value is found where it was cut, and of a long one sixteen characters."""
    value = "".join(chr(ord("a") + n % 23) for n in range(length))
    mark = "[redacted: A_KEY]…"
    assert redact(f"{value[:least]}…", A_KEY=value) == (mark, ("A_KEY",))
    assert redact(f"{value[: least - 1]}…", A_KEY=value) == (f"{value[: least - 1]}…", ())
    text = f"a {value[:least]}… b {value[: least + 1]}… c {value[:8]}! d {value[:least]}… e"
    assert redact(text, A_KEY=value)[0] == f"a {mark} b {mark} c {value[:8]}! d {mark} e"


@pytest.mark.parametrize("form", ["hex with blanks", "hex with colons", "CSV", "a table", "HTML"])
def test_rarer_forms(form: str) -> None:
    """A value goes as a whole in the forms of dumps and tables, and nothing of it stays."""
    value = 'a"b|c&d-1234567'
    raw = value.encode()
    written = {
        "hex with blanks": raw.hex(" "),
        "hex with colons": raw.hex(":"),
        "CSV": value.replace('"', '""'),
        "a table": value.replace("|", r"\|"),
        "HTML": html.escape(value),
    }[form]
    assert redact(f"<{written}>", A_KEY=value) == ("<[redacted: A_KEY]>", ("A_KEY",))


def test_short_values_are_not_looked_for_across_lines() -> None:
    """Twelve characters, not all of them digits, are found where a line breaks them up."""
    for value, found in (("abcdefghijk1", True), ("abcdefghij1", False), ("123456789012", False)):
        text = f"{value[:6]}\n{value[6:]}"
        expected = ("[redacted: A_KEY]", ("A_KEY",)) if found else (text, ())
        assert redact(text, A_KEY=value) == expected
        assert redact(value, A_KEY=value)[0] == "[redacted: A_KEY]"
    both = "abcdefghijk1 mnopqrstuvw2".replace("d", "d\n").replace("p", "p\n")
    assert redact(both, A_KEY="abcdefghijk1", B_KEY="mnopqrstuvw2") == (
        "[redacted: A_KEY] [redacted: B_KEY]",
        ("A_KEY", "B_KEY"),
    )


def test_short_keys_of_our_own() -> None:
    """Our own key goes from four characters on, whatever stands in the environment."""
    assert Redactor({}, Secret("ab1"))("ab1") == "ab1"
    assert Redactor({"A_KEY": VALUE}, Secret("abc1")).redact(f"abc1 {VALUE}") == (
        "[redacted: API key] [redacted: A_KEY]",
        ("API key", "A_KEY"),
    )
    # A key that looks like a path is a key all the same.
    assert Redactor({}, Secret("/usr"))("/usr") == "[redacted: API key]"


def test_own_key() -> None:
    """Our own key goes, also where it is set later or changed."""
    redactor = Redactor({}, Secret("own-key-1"))
    assert redactor("own-key-1 own-key-2") == "[redacted: API key] own-key-2"
    redactor.key = Secret("own-key-2")
    assert redactor("own-key-1 own-key-2") == "own-key-1 [redacted: API key]"
    redactor.key = None
    assert redactor("own-key-1 own-key-2") == "own-key-1 own-key-2"
    redactor.key = Secret("")
    assert redactor("text") == "text"


def test_environment_is_read_again() -> None:
    """A variable that is set, changed or removed later counts from then on."""
    environ: dict[str, str] = {}
    redactor = Redactor(environ)
    assert redactor(VALUE) == VALUE
    environ["A_KEY"] = VALUE
    assert redactor(VALUE) == "[redacted: A_KEY]"
    environ["A_KEY"] = "another-value"
    assert redactor(f"{VALUE} another-value") == f"{VALUE} [redacted: A_KEY]"
    del environ["A_KEY"]
    assert redactor("another-value") == "another-value"


def test_repr() -> None:
    """The redactor's repr tells how many secrets it knows, and none of them."""
    shown = repr(Redactor({"A_KEY": VALUE}, Secret("own-key-1")))
    assert shown.startswith("<Redactor: 2 known secrets, ")
    assert VALUE not in shown


def test_odd_environments() -> None:
    """Lone surrogates, as undecodable bytes give them, do no harm."""
    value = "abc\udcff\ud800defgh"
    assert (
        redact(f"a {value} {value!r}", A_KEY=value)[0] == "a [redacted: A_KEY] '[redacted: A_KEY]'"
    )


ENVIRON = {"HOME": "/home/u", "SHELL": "/bin/sh", "A_KEY": VALUE, "LANG": "C"}


class Lazy(Mapping[str, Any]):
    """Would read a file for each item."""

    def __getitem__(self, name: str) -> Any:
        raise AssertionError("it was read")

    def __iter__(self) -> Any:
        raise AssertionError("it was read")

    def __len__(self) -> int:
        return 4


class Hostile(dict[str, str]):
    """Raises at whatever is asked of it."""

    def items(self) -> Any:
        """Raise."""
        raise RuntimeError("no items")

    def __len__(self) -> int:
        raise RuntimeError("no length")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (ENVIRON, True),
        (dict(ENVIRON), True),
        (OrderedDict(ENVIRON), True),
        (UserDict(ENVIRON), True),
        (MappingProxyType(ENVIRON), True),
        (ChainMap({}, ENVIRON), True),
        (ENVIRON.items(), True),
        (ENVIRON.values(), True),
        (UserDict(ENVIRON).items(), True),
        (os.environ, True),
        (os.environ.copy(), False),
        ({**ENVIRON, "MORE": "x"}, True),
        ({k: v for k, v in ENVIRON.items() if k != "LANG"}, True),
        ({"HOME": "/home/u"}, False),
        (dict.fromkeys(ENVIRON, "x"), False),
        ({"A_KEY": [1, 2]}, False),
        ({}, False),
        (list(ENVIRON.items()), True),
        (tuple(ENVIRON.items()), True),
        (sorted(ENVIRON.items()), True),
        ([list(pair) for pair in ENVIRON.items()], True),
        (set(ENVIRON.items()), True),
        ([f"{name}={content}" for name, content in ENVIRON.items()], True),
        (list(ENVIRON.values()), True),
        (list(ENVIRON.items())[:1], False),
        (list(ENVIRON), False),
        ([("a", 1), ("b", 2)], False),
        ([1, 2, None, "x"], False),
        ([ENVIRON], False),
        (VALUE, False),
        (None, False),
        (Lazy(), False),
        (Hostile(ENVIRON), False),
    ],
)
def test_is_environment(value: Any, expected: bool) -> None:  # noqa: FBT001  # a parameter of a test
    """The environment is known as itself, by a view, as a copy, and as most of a copy."""
    assert Redactor(ENVIRON).is_environment(value) is expected


@pytest.mark.parametrize(
    ("size", "shared", "expected"),
    [(1, 1, True), (2, 1, True), (3, 1, False), (4, 2, True), (5, 2, False), (6, 3, True)],
)
def test_half_of_an_environment(*, size: int, shared: int, expected: bool) -> None:
    """What shares half of the entries is a copy, and what shares fewer is none."""
    environ = {f"NAME_{n}": f"content {n}" for n in range(size)}
    copy = {name: environ[name] for name in list(environ)[:shared]}
    assert Redactor(environ).is_environment({**copy, "OTHER": "x"}) is expected
    # Of values alone there must be three, as two may stand anywhere.
    alone = expected and shared > 2
    assert Redactor(environ).is_environment([*copy.values(), "x"]) is alone


def test_what_is_too_large_for_an_environment() -> None:
    """Ten thousand entries may be a copy; more are other data, and not looked at."""
    environ = {f"NAME_{n}": f"content {n}" for n in range(10_000)}
    redactor = Redactor(environ)
    more = {**environ, "ONE_MORE": "x"}
    for copy in (dict, lambda values: list(values.items()), lambda values: list(values.values())):
        assert redactor.is_environment(copy(environ))
        assert not redactor.is_environment(copy(more))


def test_is_no_environment_of_nobody() -> None:
    """With an empty environment nothing is a copy of it."""
    assert not Redactor({}).is_environment({})
    assert not Redactor({}).is_environment({"a": 1})


def test_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are sorted, also from a view, from bytes, and from values that look like pairs."""
    assert environment_names(ENVIRON.items()) == sorted(ENVIRON)
    assert environment_names({b"B": b"1", b"A": b"2"}) == ["A", "B"]
    assert environment_names(UserDict(ENVIRON).values()) == sorted(ENVIRON)
    assert environment_names(list(ENVIRON.items())) == sorted(ENVIRON)
    assert environment_names([f"{name}=x=y" for name in ENVIRON]) == sorted(ENVIRON)
    monkeypatch.setenv("LS_COLORS", "rs=0:di=01;34")
    assert environment_names(list(os.environ.values())) == sorted(os.environ)


@pytest.mark.slow
def test_time_of_a_call() -> None:
    """Reading the environment again for each text is cheap."""
    redactor = Redactor({**{f"VARIABLE_{n}": "x" * 50 for n in range(200)}, "A_KEY": VALUE})
    redactor("warm")
    started = time.process_time()
    for _ in range(200):
        redactor("a short text")
    assert time.process_time() - started < 10
