"""Halves of characters are joined across chunks, and a key that is sent back is cut out."""

from __future__ import annotations

import json
from dataclasses import astuple
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eighty80_jupyter.api.reply import Reply
from eighty80_jupyter.wire.reading.joining import JoinedText
from eighty80_jupyter.wire.secret import REDACTED
from tests.support.reading import KEY, read, snapshot, stream_of
from tests.support.replies import chunk, tool_call
from tests.wire.cuts import ANY_CUT

STOP = chunk(finish_reason="stop")
# Where a text of a reply may stand: how a piece of it is sent, and how it is found in the reply.
PLACES: dict[str, tuple[Any, Any]] = {
    "text": (lambda piece: {"content": piece}, lambda reply: reply.text),
    "reasoning": (lambda piece: {"reasoning": piece}, lambda reply: reply.reasoning),
    "reasoning_content": (
        lambda piece: {"reasoning_content": piece},
        lambda reply: reply.choices[0].extra["reasoning_content"],
    ),
    "refusal": (lambda piece: {"refusal": piece}, lambda reply: reply.choices[0].refusal),
    "arguments": (
        lambda piece: {"tool_calls": [{"index": 0, "id": "x", "function": {"arguments": piece}}]},
        lambda reply: reply.choices[0].tool_calls[0].arguments,
    ),
    "details": (
        lambda piece: {"reasoning_details": [{"index": 0, "text": piece}]},
        lambda reply: reply.choices[0].extra["reasoning_details"][0]["text"],
    ),
}


def reply_of(place: str, pieces: list[str], *, key: str = KEY) -> Reply:
    """Return the reply to a stream with these pieces, written with escapes."""
    send = PLACES[place][0]
    events = [json.dumps(chunk(send(piece))) for piece in pieces]
    deltas, reader = read([stream_of([*events, STOP])], key=key)
    assert reader.failure is None
    return snapshot(deltas)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("pieces", "whole"),
    [
        (["hi \ud83d", "\ude00 there"], "hi \U0001f600 there"),
        (["\ud83d", "\ude00"], "\U0001f600"),
        (["a\ud83d", "", "\ude00\ud83d", "\ude00b"], "a\U0001f600\U0001f600b"),
        (["a\ud83d", "b"], "a\ufffdb"),
        (["a\ud83d", "\ud83d", "\ude00"], "a\ufffd\U0001f600"),
        (["\ude00a"], "\ufffda"),
        (["a", "\ude00"], "a\ufffd"),
        (["a\ud83d"], "a\ufffd"),
        (["\u00e9\ud83d", "\ude00\u00e9", "a"], "\u00e9\U0001f600\u00e9a"),
        (['{"a": "P \ud83d', "\ude00\ud83d", '\ude00"}'], '{"a": "P \U0001f600\U0001f600"}'),
    ],
)
def test_halves_of_a_character_are_joined(place: str, pieces: list[str], whole: str) -> None:
    """A character cut between two chunks is whole, and a half that stays alone is replaced once."""
    assert PLACES[place][1](reply_of(place, pieces)) == whole


def test_halves_of_calls_and_choices_are_not_mixed() -> None:
    """A half waits for the other one of its own text, whatever comes between."""
    calls = [
        {"index": n, "id": f"{n}", "function": {"name": "f", "arguments": a}}
        for n, a in [(0, '"\ud83d'), (1, '"\ud83d'), (0, '\ude00"'), (1, '\ude01"')]
    ]
    texts = [(0, "\ud83d"), (1, "\ud83d"), (1, "\ude01"), (0, "\ude00")]
    events = [json.dumps(chunk({"tool_calls": [call]})) for call in calls]
    events += [json.dumps(chunk({"content": text}, index=index)) for index, text in texts]
    deltas, _ = read([stream_of([*events, STOP])], choices=2)
    first, second = snapshot(deltas).choices
    assert [c.arguments for c in first.tool_calls] == ['"\U0001f600"', '"\U0001f601"']
    assert (first.text, second.text) == ("\U0001f600", "\U0001f601")


def test_halves_as_bytes_are_joined() -> None:
    """Some servers write each half as three bytes, which is no UTF-8."""
    events = [
        b'data: {"choices":[{"delta":{"content":"a\xed\xa0\xbd"}}]}\n\n',
        b'data: {"choices":[{"delta":{"content":"\xed\xb8\x80b"}}]}\n\n',
    ]
    assert snapshot(read([stream_of(events)])[0]).text == "a\U0001f600b"


@pytest.mark.parametrize("place", PLACES)
@given(data=st.data())
@ANY_CUT
def test_any_cut_of_a_key_hides_it(place: str, data: st.DataObject) -> None:
    """However a key is cut between chunks, nothing of it stays, and nothing else is lost."""
    text = data.draw(st.sampled_from(["{}", "a{} b{}", "sk-{}{}\u00e9", "sk-test{}", "{}sk-"]))
    whole = text.replace("{}", KEY)
    places = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    pieces = [whole[a:b] for a, b in zip([0, *places], [*places, len(whole)], strict=True)]
    found = PLACES[place][1](reply_of(place, [piece for piece in pieces if piece]))
    assert found == text.replace("{}", REDACTED)


def test_a_key_is_hidden_wherever_it_comes() -> None:
    """Model, ids, names, reasons, tokens and other fields are all cleaned on their way in."""
    call = {**tool_call(KEY, {"a": KEY}, id=KEY), "extra_content": {KEY: [KEY]}}
    event = chunk(
        choices=[
            {
                "index": 0,
                "delta": {"content": f"Your key is {KEY}.", "tool_calls": [call]},
                "logprobs": {"content": [{"token": KEY}]},
                "finish_reason": KEY,
            }
        ],
        model=KEY,
        id=KEY,
    )
    for answer in (stream_of([event]), json.dumps(event).replace("delta", "message").encode()):
        deltas, _ = read([answer])
        reply = snapshot(deltas)
        assert KEY not in str(astuple(reply))
        assert KEY not in str(deltas)
        assert reply.text == f"Your key is {REDACTED}."
        assert reply.model == reply.finish_reason == REDACTED


@pytest.mark.parametrize("key", ["ollama", "EMPTY", "test", "none", "lm-studio", "8080", "x", "a1"])
def test_a_key_that_is_a_word_leaves_replies_alone(key: str) -> None:
    """What servers without keys are given as one stands in replies as in any text."""
    text = f"Run {key} serve: {key}{key}."
    for place in PLACES:
        assert PLACES[place][1](reply_of(place, [text[:6], text[6:]], key=key)) == text


@pytest.mark.parametrize("key", ["abc123", "8080key", "abcdefghijkl", "sk-no-key-here", "k" * 3000])
def test_a_key_of_some_length_is_hidden(key: str) -> None:
    """Twelve characters, or letters and digits mixed, make a key."""
    for pieces in ([f"a {key} b"], [f"a {key[:3]}", f"{key[3:]} b"]):
        assert reply_of("text", pieces, key=key).text == f"a {REDACTED} b"


def test_text_that_only_begins_like_a_key_is_kept() -> None:
    """What was held back comes with the next piece, or at the end, also of a broken stream."""
    events = [chunk({"content": text}) for text in ("ask", "s", "sk-te", "ll ", "tests sk-t")]
    for broken in (True, False):
        deltas, _ = read([stream_of(events, done=False)], broken=broken)
        assert snapshot(deltas).text == "asksk-tell tests sk-t".replace("ask", "asks", 1)


@given(st.lists(st.text("sk-te \ud83d\ude00\u00e9", max_size=4), max_size=8))
@ANY_CUT
def test_nothing_is_lost_or_left(pieces: list[str]) -> None:
    """The pieces that are passed on add up to the whole text, without halves and key."""
    word = "sk-sk-te"
    text = JoinedText((word,))
    found = "".join([*map(text.feed, pieces), text.flush()])
    whole = "".join(pieces).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert found == whole.replace(word, REDACTED)
