"""From the answer of a row to its value, or to why there is none."""

from __future__ import annotations

import pytest

from eighty80_jupyter.api.deltas import ChoiceDone, TextDelta
from eighty80_jupyter.rows.running.answer import Reader, answer_of
from eighty80_jupyter.structured.shape import shape_of


@pytest.mark.parametrize(
    ("text", "ended", "refusal", "kind", "words"),
    [
        ("", "stop", " I will not. ", "refused", "the model refused: I will not."),
        ("as I", "stop", "I will not.", "refused", "the model refused: I will not."),
        ("half", "length", "", "cut", "raise max_tokens"),
        ("half", "LENGTH", "", "cut", "raise max_tokens"),
        ("half", "content_filter", "", "refused", "content filter"),
        ("", "stop", "", "invalid", "the answer is empty"),
        (" \n", None, "", "invalid", "the answer is empty"),
    ],
)
def test_a_text_that_is_no_answer(
    text: str, ended: str | None, refusal: str, kind: str, words: str
) -> None:
    """The row has no value, and what is said names the reason."""
    value, failed = Reader(None).read(text, ended, refusal)
    assert value is None
    assert failed is not None
    assert failed.kind == kind
    assert words in failed.message


@pytest.mark.parametrize("ended", ["stop", None, "", "eos_token"])
def test_a_text_is_taken_as_it_is(ended: str | None) -> None:
    """Whatever else a server calls the end."""
    assert Reader(None).read(" a text\n", ended) == (" a text\n", None)


def test_what_was_read_once_is_looked_up_only_where_it_is_the_same_answer() -> None:
    """Nobody gets another row's list, and an answer that is refused or cut is no answer."""
    lists = Reader(shape_of("words: list[str]"))
    (one, _), (other, _) = (lists.read('{"words": ["a"]}', "stop") for _ in range(2))
    assert one == other == {"words": ["a"]}
    assert one is not other
    labels = Reader(shape_of(["bug", "feature"]))
    assert labels.read("bug", "stop") == ("bug", None)
    assert labels.read("bug", "stop") == ("bug", None)
    _, refused = labels.read("bug", "stop", "I will not.")
    _, cut = labels.read("bug", "length")
    assert refused is not None
    assert refused.kind == "refused"
    assert cut is not None
    assert cut.kind == "cut"


def test_the_first_of_several_choices_is_the_answer() -> None:
    """What a server says beside it, under another number, is not mixed into its text."""
    found = (TextDelta(0, "one"), TextDelta(1, "other"), ChoiceDone(0, "stop"))
    assert answer_of(found).text == "one"


@pytest.mark.parametrize(
    ("text", "ended", "mendable"), [("x", "stop", True), ("1", "length", False)]
)
def test_what_was_cut_is_not_asked_for_again(text: str, ended: str, *, mendable: bool) -> None:
    """An answer of another type may be mended, and a limit would be met again."""
    _, failed = Reader(shape_of(int)).read(text, ended)
    assert failed is not None
    assert failed.mendable is mendable
