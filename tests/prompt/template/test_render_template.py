"""Template strings of Python 3.14, here by classes of the same shape."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import pytest

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.prompt.describe.protocol import Budgets, is_template
from eighty80_jupyter.prompt.secrets.redact import Redactor
from tests.data.braces_describe import PlainDescriber
from tests.support.rendering import render

LONG = "\n".join(f"line {number}" for number in range(20))


@dataclass(frozen=True)
class Interpolation:
    """Like `string.templatelib.Interpolation`."""

    value: Any
    expression: str
    conversion: str | None = None
    format_spec: str = ""


@dataclass(frozen=True)
class Template:
    """Like `string.templatelib.Template`."""

    strings: tuple[str, ...]
    interpolations: tuple[Interpolation, ...]


Template.__module__ = "string.templatelib"  # what it is known by


def template(*pieces: str | Interpolation) -> Template:
    """Return the template of texts and interpolations by turns."""
    return Template(pieces[::2], pieces[1::2])  # type: ignore[arg-type]  # by turns, as it says


def test_values() -> None:
    """Values go in place or into blocks as those of fields do."""
    given = template("Explain ", Interpolation(LONG, "df"), " by ", Interpolation(5, "x"), ".")
    result = render(given, describe=PlainDescriber(), block_id="1d")
    assert result.text == (
        f'Explain `df` by 5.\n\n<data name="df" type="str" id="1d">\n{LONG}\n</data>'
    )
    assert result.has_data
    assert [field.source for field in result.fields] == ["{df}", "{x}"]


def test_formats() -> None:
    """Conversions and options mean what they mean in a field."""
    describer = PlainDescriber()
    given = template(
        "",
        Interpolation(5.0, "x", None, ".2f"),
        " ",
        Interpolation("é", "y", "a"),
        " ",
        Interpolation("z", " z ", "r", "full"),
        "",
    )
    result = render(given, describe=describer)
    assert result.text == r"5.00 '\xe9' 'z'"
    assert [(name, options) for name, options, _ in describer.calls] == [
        ("x", ".2f"),
        ("y", ""),
        ("z", "full"),
    ]


def test_texts() -> None:
    """The texts of a template are no prompts with fields, and neither are its values."""
    given = template(r"{{x}} \{{x}} {x} ", Interpolation("{{x}}", "v"), " {{v}}")
    result = render(given, describe=PlainDescriber())
    assert result.text == r"{{x}} \{{x}} {x} {{x}} {{v}}"


def test_same_expressions() -> None:
    """The same expression with different values has a block for each."""
    first, second = LONG + "1", LONG + "2"
    given = template("", Interpolation(first, "f()"), "", Interpolation(second, "f()"), "")
    result = render(given, describe=PlainDescriber(), block_id="1d")
    assert result.text.startswith("`f()``f() (2)`\n\n")
    assert 'name="f() (2)"' in result.text


def test_secrets_and_errors() -> None:
    """Secrets are taken out, and what is wrong is said with the interpolation's name."""
    redactor = Redactor({"A_TOKEN": "abcdefgh12345678"})
    given = template("", Interpolation("abcdefgh12345678", "t"), "")
    assert render(given, describe=PlainDescriber(), redactor=redactor).text == (
        "[redacted: A_TOKEN]"
    )
    given = template("", Interpolation(5, "x", "r", "bad"), "")
    with pytest.raises(
        UsageError, match=r"no option 'bad'.*\(in \{x!r:bad\} in part 1 of the prompt\)"
    ):
        render(given, describe=PlainDescriber(), redactor=redactor)
    given = template("", Interpolation("a" * 400, "x", None, "full"), "")
    with pytest.raises(UsageError, match=r"100 tokens and may have 50 .*: \{x:full\} 100\."):
        render(given, describe=PlainDescriber(), budgets=Budgets(message=50))


def test_is_template() -> None:
    """Only the class of the standard library counts, whose name others have too."""
    assert is_template(template("a"))
    assert not is_template("a")
    assert not is_template(type("Template", (), {})())


@pytest.mark.skipif(sys.version_info < (3, 14), reason="template strings came with Python 3.14")
def test_real_templates() -> None:
    """A real template string is taken."""
    given = eval("t'{x:.1f} of {y!r}'", {"x": 1, "y": "a"})  # noqa: S307  # no syntax before 3.14
    assert is_template(given)
    assert render(given, describe=PlainDescriber()).text == "1.0 of 'a'"
