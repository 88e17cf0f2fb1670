"""The syntax of fields: what is one, what is text, and that neither loses a byte."""

from __future__ import annotations

import time

import pytest

from eighty80_jupyter.prompt.template.syntax import Field, Literal, parse
from tests.data.braces import LITERAL


def fields(text: str) -> list[tuple[str, str, str]]:
    """Return expression, conversion and options of each field."""
    found = (piece for piece in parse(text) if isinstance(piece, Field))
    return [(field.expression, field.conversion, field.options) for field in found]


def sent(text: str) -> str:
    """Return what is sent of a text without fields."""
    pieces = parse(text)
    assert all(isinstance(piece, Literal) for piece in pieces)
    return "".join(piece.text for piece in pieces if isinstance(piece, Literal))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{x}}", ("x", "", "")),
        ("{{ x }}", ("x", "", "")),
        ("{{\tx\t}}", ("x", "", "")),
        ("{{x!r}}", ("x", "r", "")),
        ("{{x!s:>10}}", ("x", "s", ">10")),
        ("{{x !r}}", ("x", "r", "")),
        ("{{df:head=20}}", ("df", "", "head=20")),
        ("{{df:head=3,md}}", ("df", "", "head=3,md")),
        ("{{df:head=3, md}}", ("df", "", "head=3, md")),
        ("{{ df:schema }}", ("df", "", "schema")),
        ("{{text:full}}", ("text", "", "full")),
        ("{{x:.3f}}", ("x", "", ".3f")),
        ("{{x:,}}", ("x", "", ",")),
        ("{{x:#x}}", ("x", "", "#x")),
        ("{{x:_^+10_d}}", ("x", "", "_^+10_d")),
        ("{{x:5}}", ("x", "", "5")),
        ("{{t:%Y-%m-%d %H:%M}}", ("t", "", "%Y-%m-%d %H:%M")),
        ("{{x != y}}", ("x != y", "", "")),
        ("{{x!=y!r}}", ("x!=y", "r", "")),
        ("{{x <= y < z}}", ("x <= y < z", "", "")),
        ("{{xs[1:2]}}", ("xs[1:2]", "", "")),
        ("{{xs[::-1]:full}}", ("xs[::-1]", "", "full")),
        ("{{xs[1:2, ...]}}", ("xs[1:2, ...]", "", "")),
        ("{{d['}}']}}", ("d['}}']", "", "")),
        ("{{d['{']}}", ("d['{']", "", "")),
        ('{{d["a:b!r|c#d"]:full}}', ('d["a:b!r|c#d"]', "", "full")),
        (r"{{d['it\'s']}}", (r"d['it\'s']", "", "")),
        ("{{df.head(3)}}", ("df.head(3)", "", "")),
        ("{{df.a.mean() - 2 * x ** y // 3 @ z}}", ("df.a.mean() - 2 * x ** y // 3 @ z", "", "")),
        ("{{df[(df.a > 1) | ~(df['b'] < 2)]}}", ("df[(df.a > 1) | ~(df['b'] < 2)]", "", "")),
        ("{{(a | b)}}", ("(a | b)", "", "")),
        ("{{a & b}}", ("a & b", "", "")),
        ("{{not x and y or z in w is v}}", ("not x and y or z in w is v", "", "")),
        ("{{f(x, [y], (1, z), key='v')}}", ("f(x, [y], (1, z), key='v')", "", "")),
        ("{{-x}}", ("-x", "", "")),
        ("{{len(xs)}}", ("len(xs)", "", "")),
        ("{{Out[5]}}", ("Out[5]", "", "")),
        ("{{In[-1]}}", ("In[-1]", "", "")),
        ("{{größe}}", ("größe", "", "")),
        *(("{{" + name + "}}", (name, "", "")) for name in ("_", "__", "___", "_12", "_err")),
    ],
)
def test_fields(text: str, expected: tuple[str, str, str]) -> None:
    """Each allowed expression is a field, with its conversion and options split off."""
    assert fields(text) == [expected]
    assert [piece.source for piece in parse(f"a {text} b")] == ["a ", text, " b"]


@pytest.mark.parametrize("name", LITERAL)
def test_collisions(name: str) -> None:
    """What other languages do with braces is text, to the byte."""
    assert sent(LITERAL[name]) == LITERAL[name]


def test_enough_collisions() -> None:
    """There are more collisions than the forty that were asked for."""
    assert len(LITERAL) >= 60


@pytest.mark.parametrize(
    ("text", "result"),
    [
        (r"\{{x}}", "{{x}}"),
        (r"a \{{df.head(3):full}} b", "a {{df.head(3):full}} b"),
        (r"\{{x}}\{{y}}", "{{x}}{{y}}"),
        (r"\{{ 1 }}", r"\{{ 1 }}"),
        (r"\{{\bf x}}", r"\{{\bf x}}"),
        (r"\{{x}", r"\{{x}"),
        (r"\{{{x}}}", r"\{{{x}}}"),
        (r"\\{{x}}", r"\\{{x}}"),
        (r"\{{lambda: x}}", r"\{{lambda: x}}"),
    ],
)
def test_escape(text: str, result: str) -> None:
    """A backslash keeps a field from being one and goes; everywhere else it stays."""
    assert sent(text) == result


def test_neighbours() -> None:
    """Fields may stand one after the other, in JSON, in quotes and in code."""
    assert fields("{{a}}{{b}}") == [("a", "", ""), ("b", "", "")]
    assert fields('{"x": "{{a}}", "y": [{{b}}, {{c}}]}') == [(n, "", "") for n in "abc"]
    assert fields("```python\n{{code}}\n```") == [("code", "", "")]
    assert fields("x={{x}} f({{y}}) '{{z}}' don't {{w}} isn't") == [(n, "", "") for n in "xyzw"]
    assert fields("{{ don't {{x}} isn't }}") == [("x", "", "")]


def test_strings_are_not_searched() -> None:
    """Braces in a string of an expression are no fields of their own."""
    assert fields("{{f('{{x}}')}}") == [("f('{{x}}')", "", "")]
    assert sent("{{'{{x}}'}}") == "{{'{{x}}'}}"
    assert sent("${{ f('{{x}}') }}") == "${{ f('{{x}}') }}"


def test_starts() -> None:
    """A field knows where it begins, in characters."""
    starts = [piece.start for piece in parse("ä {{x}}\n{{y}}") if isinstance(piece, Field)]
    assert starts == [2, 8]


def test_refused() -> None:
    """Python that a field must not hold is marked, so that the user can be told."""
    text = "{{[x for x in y]}} {{x | f}} {{a b}}"
    assert [p.text for p in parse(text) if isinstance(p, Literal) and p.refused] == [
        "{{[x for x in y]}}"
    ]


def test_long_expressions() -> None:
    """Up to 1,000 characters are read; more are text."""
    assert fields("{{" + "a" * 1000 + "}}")
    assert sent("{{" + "a" * 1001 + "}}")


HOSTILE = {
    "opening": "{" * 10**6,
    "closing": "}" * 10**6,
    "empty": "{{}}" * 250_000,
    "same": "{{a}}" * 200_000,
    "quotes": "{{'" * 330_000,
    "quotes_closed": "{{'}}{{\"}}" * 100_000,
    "mixed_quotes": "{{\"'}}" * 160_000,
    "strings": "{{'{{'+" * 140_000,
    "escapes": "{{'\\" * 250_000,
    "unclosed": "{{x " * 250_000,
    "parentheses": ("{{x" + "(" * 900 + "}}") * 1_000,
    "minus": ("{{" + "-" * 900 + "x}}") * 1_000,
    "attributes": ("{{" + "a." * 450 + "}}") * 1_000,
    "tags": "<a b={{x:1}}" * 80_000,
    "options": ("{{x:" + "%a" * 300 + "'}}") * 1_500,
    "backslashes": "\\" * 500_000 + "{{x}}" * 100_000,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_time(name: str) -> None:
    """A megabyte of braces is read in bounded time, whatever is in them."""
    started = time.process_time()
    pieces = parse(HOSTILE[name])
    assert time.process_time() - started < 50
    assert "".join(piece.source for piece in pieces) == HOSTILE[name]


@pytest.mark.parametrize(
    "expression",
    [
        "-" * 990 + "x",
        "x" + "+x" * 450,
        "x" + "[0]" * 300,
        "x" + ".a" * 450,
        "(" * 99 + "x" + ")" * 99,
    ],
)
def test_deep_expressions(expression: str) -> None:
    """A deep expression is a field or text, and no error of the parser."""
    assert "".join(piece.source for piece in parse("{{" + expression + "}}"))
