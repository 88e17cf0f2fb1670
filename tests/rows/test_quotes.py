"""Quotes: found where they stand, or told to be unsupported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.rows.quotes import find_quote
from eighty80_jupyter.session.session import Session
from tests.support.replies import chat_reply

if TYPE_CHECKING:
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
