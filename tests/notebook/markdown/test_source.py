"""Markdown that is written for documents: texts that mean nothing, and tables of them."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from eighty80_jupyter.notebook.markdown.latex import latex
from eighty80_jupyter.notebook.markdown.source import plain, quoted, table

TEXTS = st.text(r"ab_*`~<>[](){}#!|$&;\-+=:/.1 ", max_size=40)


@given(TEXTS)
@example("http://h.example/~me/a_b?x=1&y=2&amp;z")
@example("~~~ fence")
@example(r"\[x\]")
def test_a_plain_text_is_text(text: str) -> None:
    """Whatever stands in it, Markdown reads it as one piece of text, on one line."""
    reader = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tokens = reader.parse(f"x {plain(text)}\n")
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    assert {child.type for child in tokens[1].children or ()} <= {"text", "text_special"}
    said = "".join(child.content for child in tokens[1].children or ())
    assert said.split() == ["x", *text.split()]


def test_an_address_stays_one() -> None:
    """What means nothing within a word is not escaped, and leads where it led."""
    address = "https://h.example/~me/a_b?x=1&y_z=2"
    assert plain(f"see {address}") == f"see {address}"


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4))
def test_a_table_has_its_rows_and_columns(rows: list[tuple[str, str]]) -> None:
    """No text ends its cell, as a table of Markdown and as one of LaTeX."""
    made = table(("a|b", ""), rows)
    tokens = MarkdownIt("commonmark").enable("table").parse(made)
    assert [t.type for t in tokens].count("td_open") == 2 * len(rows)
    typeset = latex(made)
    assert len(re.findall(r"(?<!\\)&", typeset)) == len(rows) + 1
    assert typeset.count("\\\\\n") == len(rows) + 1


def test_no_rows_no_table() -> None:
    """A head alone says nothing."""
    assert table(("a", "b"), []) == ""
    assert quoted("a\n\nb") == "> a\n>\n> b"
