"""Secrets stay home: taken out of every kind of value, of the environment and of errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.prompt.describe.protocol import Budgets
from eighty80_jupyter.prompt.describe.registry import describe
from eighty80_jupyter.prompt.secrets.redact import Redactor
from eighty80_jupyter.wire.secret import Secret
from tests.data.braces_describe import PlainDescriber
from tests.support.rendering import render

SECRET = "abcdefgh12345678"
LONG = "\n".join(f"line {number}" for number in range(20))


def test_environment() -> None:
    """The environment and whatever shows it give names only; a single variable is a text."""
    environ = {"HOME": "/home/u", "EDITOR": "vi-editor", "A_TOKEN": SECRET}
    for text in ("{{e}}", "{{dict(e)}}", "{{e.copy()}}", "{{e.items()}}", "{{e!r}}", "{{e:full}}"):
        result = render(text, {"e": environ}, describe=PlainDescriber(), redactor=Redactor(environ))
        assert "3 environment variables, names only:\nA_TOKEN, EDITOR, HOME\n" in result.text
        assert "vi-editor" not in result.text
        assert result.fields[0].kind == "os.environ"
        assert result.fields[0].summary == "3 names"
    result = render(
        "{{e['EDITOR']}} {{e['A_TOKEN']}} {{e.get}}",
        {"e": environ},
        describe=PlainDescriber(),
        redactor=Redactor(environ),
    )
    assert result.text.startswith("vi-editor [redacted: A_TOKEN] <built-in")


def test_allowed_secrets() -> None:
    """Without a redactor everything stays as it is."""
    environ = {"HOME": "/home/u", "A_TOKEN": SECRET}
    assert render("{{e['A_TOKEN']}}", {"e": environ}, describe=PlainDescriber()).text == SECRET
    assert SECRET in render("{{e}}", {"e": environ}, describe=PlainDescriber()).text


def test_redacted_values() -> None:
    """Secrets are taken out of values and told; the user's own words stay."""
    redactor = Redactor({"A_TOKEN": SECRET}, Secret("own-key-1234"))
    result = render(
        f"{SECRET} {{{{x}}}} {{{{y}}}}",
        {"x": f"a {SECRET} own-key-1234", "y": 5},
        describe=PlainDescriber(),
        redactor=redactor,
    )
    assert result.text == f"{SECRET} a [redacted: A_TOKEN] [redacted: API key] 5"
    assert [field.redacted for field in result.fields] == [("A_TOKEN", "API key"), ()]


def test_redacted_before_the_cut() -> None:
    """No half of a secret stays where a text is cut, and what was cut away is not told."""
    redactor = Redactor({"A_TOKEN": SECRET})
    for before in range(180, 205):
        for value in ("x" * before + SECRET + "y" * 100, ["x" * before + SECRET, "y" * 100]):
            field = render(
                "{{v}}",
                {"v": value},
                describe=PlainDescriber(),
                redactor=redactor,
                budgets=Budgets(field=50),
            )
            assert "abcde" not in field.text
            assert field.fields[0].redacted in ((), ("A_TOKEN",))


class Account:
    """Shows a secret in its repr."""

    def __repr__(self) -> str:
        return f"Account({SECRET!r})"


def secret_values() -> Iterator[tuple[str, Any]]:
    """Give values of many kinds that hold a secret."""
    yield "str", f"a {SECRET}"
    yield "long str", LONG * 100 + SECRET + LONG * 100
    yield "bytes", SECRET.encode()
    yield "dict", {"a": {"b": [SECRET]}, SECRET: 1}
    yield "list", [SECRET, (SECRET,), {SECRET}]
    yield "own class", Account()
    yield "list of own class", [Account()] * 3
    yield "exception", ValueError(f"refused {SECRET}")
    yield "json", f'{{"a": "{SECRET}"}}'
    yield "function", eval(f"lambda: {SECRET!r}")  # noqa: S307  # the test's own text
    pandas = pytest.importorskip("pandas")
    yield "frame", pandas.DataFrame({"a": [SECRET] * 9, "b": range(9), SECRET: 1})
    yield "series", pandas.Series([SECRET, "b"], name=SECRET)
    yield "index", pandas.Index([SECRET, "b"])
    yield "array", pytest.importorskip("numpy").array([SECRET, "b"])
    yield "polars", pytest.importorskip("polars").DataFrame({"a": [SECRET], "b": [1]})


@pytest.mark.parametrize("kind", [kind for kind, _ in secret_values()])
def test_secrets_in_each_kind(kind: str) -> None:
    """A secret leaves no kind of value, with any option and any budget."""
    value = dict(secret_values())[kind]
    redactor = Redactor({"A_TOKEN": SECRET})
    for text in ("{{v}}", "{{v!r}}", "{{v!s}}", "{{v:full}}"):
        for budget in (1000, 100, 30, 10):
            result = render(
                text,
                {"v": value},
                describe=describe,
                redactor=redactor,
                budgets=Budgets(field=budget, message=10**6),
            )
            assert "abcdefgh" not in result.text
            assert "abcdefgh" not in repr(result.fields)


@pytest.mark.parametrize(
    "text", ["{{f(t)}}", "{{d[t]}}", "{{len(d)}} {{f(t)}}", "{{h:bad}}", "{{h}}"]
)
def test_errors(text: str) -> None:
    """What an error quotes has no secrets, and neither has one of a describer."""

    def fail(value: object) -> None:
        raise ValueError(f"refused {value}")

    class Bad:
        def __str__(self) -> str:
            raise ValueError(SECRET)

    namespace = {"f": fail, "t": SECRET, "d": {"a": 1}, "h": Bad()}
    with pytest.raises(UsageError) as caught:
        render(text, namespace, describe=PlainDescriber(), redactor=Redactor({"A_TOKEN": SECRET}))
    assert SECRET not in str(caught.value)
    assert "[redacted: A_TOKEN]" in str(caught.value) or text == "{{h:bad}}"
