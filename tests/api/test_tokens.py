"""Tokens of an answer, from what servers tell of them."""

from __future__ import annotations

import math
from typing import Any

import pytest

from eighty80_jupyter.api.reply import Choice, Reply
from eighty80_jupyter.api.tokens import tokens_of


def entry(text: str, probability: float = 1.0, **more: Any) -> dict[str, Any]:
    return {"token": text, "logprob": math.log(probability), "bytes": list(text.encode()), **more}


def top(**likely: float) -> list[dict[str, Any]]:
    return [{"token": name, "logprob": math.log(value)} for name, value in likely.items()]


def test_texts_probabilities_and_alternatives() -> None:
    """Each token has its text, its probability, and what else was likely, the likeliest first."""
    told = [entry("Par", 0.5, top_logprobs=top(Ly=0.1, Par=0.5, Ni=0.3)), entry("is", 0.25)]
    first, second = tokens_of("Paris", told)
    assert first.text == "Par"
    assert first.probability == pytest.approx(0.5)
    assert [name for name, _ in first.alternatives] == ["Ni", "Ly"]
    assert [likely for _, likely in first.alternatives] == pytest.approx([0.3, 0.1])
    assert (second.text, second.alternatives) == ("is", ())
    assert second.probability == pytest.approx(0.25)


def test_a_character_of_several_tokens_is_one() -> None:
    """The bytes of an emoji make one token, and its probability is that of all of them."""
    data = "😀".encode()
    told = [
        {"token": "\ufffd", "logprob": math.log(0.5), "bytes": list(data[:2])},
        {"token": "\ufffd", "logprob": math.log(0.5), "bytes": list(data[2:])},
        entry("!", 0.9),
    ]
    assert [(t.text, round(t.probability, 6)) for t in tokens_of("😀!", told)] == [
        ("😀", 0.25),
        ("!", 0.9),
    ]


def test_without_bytes_the_token_is_the_text() -> None:
    """Servers that leave `bytes` out, or null, are read by their texts."""
    told = [{"token": "a", "logprob": -0.1}, {"token": "ß", "logprob": -0.1, "bytes": None}]
    assert [token.text for token in tokens_of("aß", told)] == ["a", "ß"]


def test_reasoning_and_spaces_around_are_left_out() -> None:
    """Only the tokens of the answer count, cut where one reaches beyond it."""
    told = [entry("<think>"), entry("hm"), entry("</think>\n\nHi", 0.5), entry(" there \n")]
    assert [t.text for t in tokens_of("Hi there", told)] == ["Hi", " there"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Hi", []),
        ("", [entry("Hi")]),
        ("[redacted: API key]", [entry("sk-"), entry("secret")]),
        ("Hi", [{"token": "Hi", "logprob": None}]),
        ("Hi", [{"token": "Hi", "logprob": float("nan")}]),
        ("Hi", [{"token": "Hi", "logprob": True}]),
    ],
)
def test_nothing_where_nothing_is_known(text: str, told: list[dict[str, Any]]) -> None:
    """Of another text, and of figures that are none, nothing is told."""
    assert tokens_of(text, told) == []


@pytest.mark.parametrize(
    "odd",
    [
        {"token": "Hi", "logprob": -1, "bytes": "no list", "top_logprobs": 5},
        {"token": "Hi", "logprob": -1, "bytes": [300], "top_logprobs": [5, {"token": 3}]},
        {"token": "Hi", "logprob": 0.5, "bytes": None, "top_logprobs": {"a": 1}},
    ],
)
def test_odd_fields_are_passed_over(odd: dict[str, Any]) -> None:
    """What a server writes otherwise does no harm, and a probability is at most 1."""
    (token,) = tokens_of("Hi", [odd])
    assert token.text == "Hi"
    assert 0 < token.probability <= 1
    assert token.alternatives == ()


def test_a_reply_has_them_as_a_frame() -> None:
    """`reply.tokens` has a row for each token; without probabilities it has none."""
    told = (entry("Par", 0.5, top_logprobs=top(Ly=0.1)), entry("is"))
    frame = Reply(choices=(Choice(text="Paris", logprobs=told),)).tokens
    assert list(frame.columns) == ["token", "probability", "alternatives"]
    assert frame["token"].tolist() == ["Par", "is"]
    assert frame["probability"].tolist() == pytest.approx([0.5, 1.0])
    assert frame["alternatives"][0] == pytest.approx({"Ly": 0.1})
    empty = Reply(choices=(Choice(text="Paris"),)).tokens
    assert (len(empty), list(empty.columns)) == (0, list(frame.columns))
