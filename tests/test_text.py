"""Text on its way in: nothing that UTF-8 cannot hold gets past."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from eighty80_jupyter.text import clean, clean_json, counted

ANY = st.text(st.characters(), max_size=30) | st.lists(
    st.sampled_from(["\ud83d", "\ude00", "a", "é", "😀", "\udcff"])
).map("".join)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers() | ANY,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY, inner, max_size=3),
)


@given(ANY)
def test_clean_text_is_text(text: str) -> None:
    """What comes out can be encoded, is clean already, and has lost no other character."""
    made = clean(text)
    made.encode()
    assert clean(made) == made
    kept = [char for char in text if not "\ud800" <= char <= "\udfff"]
    rest = iter(made)
    assert all(char in rest for char in kept)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_text_stays_as_it_is(text: str) -> None:
    """Text without halves is the very same, and its halves join to it again."""
    assert clean(text) is text
    halves = text.encode("utf-16-le").decode("utf-16-le")
    assert clean(halves) == text


def test_halves() -> None:
    """Two halves that belong together become one character, any other becomes U+FFFD."""
    assert clean("\ud83d\ude00") == "😀"
    assert clean("a\ud83d") == "a\ufffd"
    assert clean("\ude00\ud83d!") == "\ufffd\ufffd!"


@given(VALUES)
def test_clean_values_can_be_written(value: Any) -> None:
    """Plain values can be encoded wherever a text stands in them, keys among them."""
    import json  # noqa: PLC0415  # for this test alone

    json.dumps(clean_json(value), ensure_ascii=False).encode()


def test_a_number_of_things_in_words() -> None:
    """One of a thing is no plural, thousands have a comma, and a noun its own plural."""
    assert [counted(n, "turn") for n in (0, 1, 2)] == ["0 turns", "1 turn", "2 turns"]
    assert [counted(1_234, noun) for noun in ("kept answer", "entry", "index", "key")] == [
        "1,234 kept answers",
        "1,234 entries",
        "1,234 indexes",
        "1,234 keys",
    ]
