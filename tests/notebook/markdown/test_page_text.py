"""Text that goes to a page has nothing that the page would obey."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eighty80_jupyter.notebook.markdown.page_text import page_attribute, page_text
from tests.data.hostile_markdown import CASES
from tests.data.markdown_checks import formulas, parse, text_of

PIECES = [
    "$",
    "$$",
    "\\",
    "\\(",
    "\\)",
    "\\[",
    "\\]",
    "\\begin{a}",
    "\\end{a}",
    "\\ref{x}",
    "{",
    "}",
]
PIECES += [
    "\\def\\alpha{PWNED}",
    "\\href{http://h.test}{x}",
    "<b>",
    "<img src=x>",
    "&#36;",
    " ",
    "x",
]
texts = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


@given(st.lists(texts, min_size=1, max_size=3))
def test_mathjax_finds_nothing(parts: list[str]) -> None:
    """Neither in one text nor over several that stand side by side is there a formula."""
    cells = "".join(f"<td>{page_text(part)}</td>" for part in parts)
    beside = "".join(map(page_text, parts))
    for html in (f"<tr>{cells}</tr>", f"<p>{beside}</p>", "<br>".join(map(page_text, parts))):
        assert formulas(html) == []


def test_nothing_but_spans_is_markup(subtests: pytest.Subtests) -> None:
    """Whatever the text, it is shown as it is, and its tags are no tags."""
    for name, text in CASES.items():
        html = page_text(text)
        with subtests.test(name):
            assert all(isinstance(node, str) or node[0] == "span" for node in parse(html)[2])
            assert text_of(html) == text
            assert formulas(html) == []


def test_an_attribute_ends_where_it_should() -> None:
    """In a quoted attribute there are neither tags nor quotes."""
    assert page_attribute('<a href="x">&\'') == "&lt;a href=&quot;x&quot;&gt;&amp;&#x27;"
