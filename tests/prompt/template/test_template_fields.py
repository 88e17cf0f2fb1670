"""Around the fields: completion, what was perhaps meant as one, what belongs to others."""

from __future__ import annotations

import builtins
import time
from types import SimpleNamespace
from typing import Any

import pytest

from eighty80_jupyter.prompt.template.names import (
    Foreign,
    Partial,
    completions,
    field_at,
    near_misses,
    suggestions,
)
from eighty80_jupyter.prompt.template.syntax import Field, parse
from tests.data.braces import FOREIGN


class Table:
    """Stands in for a data frame."""

    columns = ("price", "pride", "size")

    def head(self) -> Table:
        """Return it."""
        raise AssertionError("completing must call nothing")


class Hostile:
    """Raises at everything."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __dir__(self) -> list[str]:
        raise RuntimeError("dir")


NAMESPACE = {
    "df": Table(),
    "d": {"price": Table(), "private": 1, 3: 4},
    "diff": 1,
    "_hidden": 2,
    "hostile": Hostile(),
    "Out": {5: SimpleNamespace(alpha=1, alps=2, _no=3)},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a {{", Partial("name", "", "", 4)),
        ("a {{ d", Partial("name", "", "d", 5)),
        ("{{df.pr", Partial("attribute", "df", "pr", 5)),
        ("{{len(df.pr", Partial("attribute", "df", "pr", 9)),
        ("{{df['pr", Partial("key", "df", "pr", 6, "'")),
        ('{{df["pr', Partial("key", "df", "pr", 6, '"')),
        ("{{df[['a', 'pr", Partial("key", "df", "pr", 12, "'")),
        ("{{df[df['a b", Partial("key", "df", "a b", 9, "'")),
        ('{{d["price"].co', Partial("attribute", 'd["price"]', "co", 13)),
        ("{{Out[5].al", Partial("attribute", "Out[5]", "al", 9)),
        ("{{df:", Partial("option", "df", "", 5)),
        ("{{df:hea", Partial("option", "df", "hea", 5)),
        ("{{df:head=3, m", Partial("option", "df", "m", 13)),
        ("{{df!r:f", Partial("option", "df", "f", 7)),
        ("{{d[a:b", Partial("name", "", "b", 6)),
        ("x\n{{y}} {{d", Partial("name", "", "d", 10)),
        ("{{df}}", None),
        ("{{df}} d", None),
        (r"\{{d", None),
        ("${{d", None),
        ("{{{d", None),
        ("{d", None),
        ("d", None),
        ("{{\nd", None),
        ("{{df.head().x", None),
        ("{{f('a", None),
        ("{{1.", None),
        ("{{d['a\\", None),
    ],
)
def test_field_at(text: str, expected: Partial | None) -> None:
    """What stands before the cursor in a field is taken apart; outside of one there is nothing."""
    assert field_at(text, len(text)) == expected


def test_field_at_in_the_middle() -> None:
    """Only what is before the cursor counts, also in a field that is closed."""
    assert field_at("{{df.price}} more", 7) == Partial("attribute", "df", "pr", 5)
    assert field_at("{{df.price}} more", 1) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{d", ["d", "df", "diff", "delattr", "dict", "dir", "divmod"]),
        ("{{diff", ["diff"]),
        ("{{df.", ["columns", "head"]),
        ("{{df['pri", ["price", "pride"]),
        ("{{d['pri", ["price", "private"]),
        ("{{d['price'].he", ["head"]),
        ("{{Out[5].al", ["alpha", "alps"]),
        ("{{df:h", ["head=", "html"]),
        ("{{hostile.x", []),
        ("{{hostile['x", []),
        ("{{missing.x", []),
        ("{{d[3].real.nu", ["numerator"]),
    ],
)
def test_completions(text: str, expected: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Names, attributes, columns, keys and options are offered, and no function is called.

    The notebook's own names come before Python's. IPython adds names of its own to the builtins,
    also those of a test's process: they are no part of what is tested here.
    """
    for name in ("display", "get_ipython"):
        monkeypatch.delattr(builtins, name, raising=False)
    partial = field_at(text, len(text))
    assert partial is not None
    found = completions(partial, NAMESPACE, options=["head=", "html", "schema"])
    assert found == expected


def test_completions_of_nothing() -> None:
    """Before a first letter only the user's own names are offered, without the hidden ones."""
    names = completions(Partial("name", "", "", 2), NAMESPACE)
    assert names == ["Out", "d", "df", "diff", "hostile"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Explain {df} and {diff}, {df}", ("df", "diff")),
        ("Explain {df}: {other}", ("df",)),
        ("Explain {{df}} and {diff}", ()),
        ("Explain {{{df}}} and {df.x} and {df:x}", ()),
        (r"\frac{df}{d} x^{d} x_{d} ${df} f{df}", ()),
        ("no brace", ()),
        ('{"df": 1}', ()),
    ],
)
def test_suggestions(text: str, expected: tuple[str, ...]) -> None:
    """A prompt without a field that has variables in single braces tells which."""
    assert suggestions(text, NAMESPACE) == expected


def test_near_misses() -> None:
    """Python about known variables that must not stand in a field is told; other text is not."""
    text = "{{[x for x in df]}} {{df._data}} {{other[lambda: 1]}} {{a, b}} {{df | f}}"
    assert list(near_misses(parse(text), NAMESPACE)) == ["{{[x for x in df]}}", "{{df._data}}"]


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign(name: str) -> None:
    """A field with an unknown name in the middle of another language belongs to that."""
    found = [piece for piece in parse(FOREIGN[name]) if isinstance(piece, Field)]
    foreign = Foreign(FOREIGN[name])
    assert found
    assert all(foreign(field) for field in found)


@pytest.mark.parametrize(
    "text",
    [
        "Explain {{dff}}",
        "{{dff.head()}}",
        "x = {{dff}}",
        "Use `{{dff}}` here.",
        "```python\n{{dff}}\n```",
        '{"a": "{{dff}}"}',
        "Load run_{{dff}}.csv from C:\\data",
        "The price is {{dff}}; explain.",
        "a < b and y={{dff}}",
        "[link]({{dff}}) [0]{{dff}}",
        "of '{{dff}}'",
        "see author = {{dff}}",
    ],
)
def test_not_foreign(text: str) -> None:
    """In ordinary sentences, code and file names an unknown name is a mistake to be told."""
    found = [piece for piece in parse(text) if isinstance(piece, Field)]
    assert found
    assert not any(Foreign(text)(field) for field in found)


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", [r"\a{{b}}" * 30_000, "x{{b}}" * 30_000 + "{% x %}", "{{b}};" * 30_000, "<" * 200_000]
)
def test_time_of_foreign(text: str) -> None:
    """Many unknown names in a long line take bounded time."""
    foreign = Foreign(text)
    started = time.process_time()
    for piece in parse(text):
        if isinstance(piece, Field):
            foreign(piece)
    assert time.process_time() - started < 50


def test_time_of_completion() -> None:
    """Completing at the end of a long line, and suggesting in a long text, takes little time."""
    started = time.process_time()
    for text in ("{{" * 200_000, "{{" + "a." * 200_000, "{{'" + "\\a" * 200_000, "{a} " * 100_000):
        field_at(text, len(text))
        suggestions(text, {"a": 1})
    assert time.process_time() - started < 50
