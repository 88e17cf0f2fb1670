"""Quotes: found where they stand, or told to be unsupported."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.rows.html import run_html
from eighty80_jupyter.notebook.rows.text import run_text
from eighty80_jupyter.rows.quotes import find_quote
from eighty80_jupyter.session.session import Session
from tests.support.replies import chat_reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.scripted import ScriptedServer


@pytest.mark.parametrize(
    ("quote", "text", "slice_"),
    [
        ("it broke", "Then it broke twice.", "it broke"),
        ("IT  broke", "Then it\n  broke twice.", "it\n  broke"),
        ("\u201cit broke\u201d", "Then it broke.", "it broke"),
        ("... it broke twice", "Then it broke twice.", "it broke twice"),
        ("STRASSE 5", "In der Straße 5.", "Straße 5"),
        ("it broke", "Then it was broken.", None),
        ("", "anything", None),
        ("...", "anything", None),
        ("   ", "a b", None),
        ("x", "", None),
        ("end", "the end", "end"),
    ],
)
def test_where_a_quote_stands(quote: str, text: str, slice_: str | None) -> None:
    """Case, spaces and marks around do not count; words do."""
    place = find_quote(quote, text)
    assert (None if place is None else text[slice(*place)]) == slice_


def test_quotes_of_records(server: ScriptedServer) -> None:
    """Every quote of a list has its row, and what is made up is told."""
    server.default = chat_reply('{"why": ["It crashed", "nobody said this"]}')
    session = Session(ChatConfig(keep_answers=False), environ={"_8080_API_URL": server.url})
    data = pd.DataFrame({"n": [1, 2], "text": ["Oh: it crashed.", "All is fine"]})
    try:
        table = session.rows(data, "Why? {{text}}", returns="why: list[str]").quotes("why")
    finally:
        session.close()
    assert table["row"].tolist() == [0, 0, 1, 1]
    assert table["supported"].tolist() == [True, False, False, False]
    assert table["column"].tolist()[0] == "text"
    assert data["text"][0][table["start"][0] : table["end"][0]] == "it crashed"
    assert table["start"].isna().tolist() == [False, True, True, True]


@pytest.fixture(name="session")
def _session(server: ScriptedServer) -> Iterator[Session]:
    session = Session(ChatConfig(keep_answers=False), environ={"_8080_API_URL": server.url})
    yield session
    session.close()


def test_a_frame_says_where_quotes_stand(server: ScriptedServer, session: Session) -> None:
    """Two columns of whole numbers, missing where a quote is made up; the same index."""
    server.default = chat_reply('{"label": "bug", "why": "it crashed"}')
    data = pd.DataFrame({"text": ["Oh: it  crashed.", "All is fine"]}, index=["a", "a"])
    run = session.rows(
        data, "Why? {{text}}", returns="label: str, why: str", quote="why", column="t", errors=True
    )
    frame = run.frame
    assert list(frame.columns) == [
        "text", "t_label", "t_why", "t_error", "t_why_start", "t_why_end",
    ]  # fmt: skip
    assert run.columns == list(frame.columns)[1:]
    assert frame["t_why_start"].tolist() == [4, pd.NA]
    assert frame["t_why_end"].tolist()[0] == 15
    assert str(frame["t_why_start"].dtype) == "Int64"
    server.default = chat_reply("All")
    words = session.rows(data, "First word: {{text}}", column="word", quote="word").frame
    assert words["word_start"].tolist() == [pd.NA, 0]


def test_a_page_marks_quotes_and_tells_those_that_are_made_up(
    server: ScriptedServer, session: Session
) -> None:
    """They are marked where they stand, however far behind, and nothing of a row runs."""
    server.default = chat_reply('{"why": ["<B>Crash</B>", "and again", "never said"]}')
    far = "x " * 400 + "<b>crash</b>  and\nAGAIN & so on"
    rows = pd.DataFrame({"n": [1, 2], "text": [far, "All is fine"]})
    run = session.rows(rows, "Why? {{text}}", returns="why: list[str]", quote="why")
    html = run_html(run)
    marked = re.findall(r"<mark[^>]*>(.*?)</mark>", html, re.DOTALL)
    assert marked == ["&lt;b&gt;crash&lt;/b&gt;", "and\nAGAIN"]
    assert "</mark> &amp; so on<div" in html
    assert html.count("unsupported: ") == 1 + 3
    assert [line.endswith("(unsupported)") for line in run_text(run).splitlines()[:2]] == [True] * 2
    plain = session.rows(rows, "Why? {{text}}", returns="why: list[str]", column="c")
    assert "<mark" not in run_html(plain)
    for look in (plain.quotes, plain.share, plain.review):
        with pytest.raises(UsageError, match="there is no field 'reason' of the answers"):
            look("reason")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"quote": "reason"}, "quote names a field of the answers: label, why"),
        ({"quote": ""}, "quote must name a field"),
        ({"quote": "why", "samples": 2}, "does not go with samples"),
    ],
)
def test_what_has_no_quotes_is_refused(
    server: ScriptedServer, session: Session, options: dict[str, Any], said: str
) -> None:
    """A field that is none is refused with those that there are, and nothing is sent."""
    with pytest.raises(UsageError, match=said):
        session.rows(["a"], "Why? {{row}}", returns="label: str, why: str", **options)
    with pytest.raises(UsageError, match="a stream is gone"):
        session.rows(iter(["a"]), "Why? {{row}}", quote="answer")
    assert server.chats == []
