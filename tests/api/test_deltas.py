"""Every shape of a streamed chunk that real servers send becomes the deltas that it means."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eighty80_jupyter.api.deltas import (
    ChoiceDone,
    Delta,
    LogprobsDelta,
    ModelDelta,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    UsageDelta,
)
from eighty80_jupyter.api.messages import ToolCall
from eighty80_jupyter.api.reply import Usage
from eighty80_jupyter.wire.reading.chunks import ChunkDecoder
from tests.support.reading import reply_to, reply_to_json
from tests.support.replies import chunk, text_chunks, tool_call, usage_of
from tests.wire.cuts import ANY_CUT

STOP = chunk(finish_reason="stop")


def decode(*chunks: dict[str, Any]) -> list[Delta]:
    """Decode chunks and leave out what tells the model."""
    decoder, deltas = ChunkDecoder(choices=3), list[Delta]()
    for one in chunks:
        decoder.decode(one, deltas)
    decoder.flush(deltas)
    return [delta for delta in deltas if not isinstance(delta, ModelDelta)]


# Text.


def test_a_usual_stream_is_read() -> None:
    """Role, text, reason, usage and the end marker make a reply."""
    reply = reply_to(*text_chunks("Hello, world", n=3))
    assert (reply.text, reply.finish_reason) == ("Hello, world", "stop")
    assert reply.model == "8080/taalas/llama3.1-8b-instruct"
    assert reply.id == "chatcmpl-1"
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 3


@pytest.mark.parametrize(
    "delta",
    [
        {"content": None},
        {"content": ""},
        {},
        {"role": "assistant"},
        {"role": "assistant", "content": None},
        {"role": "assistant", "content": "", "refusal": None, "tool_calls": None},
        {"tool_calls": []},
        {"content": 5},
        {"content": []},
        {"reasoning": None, "reasoning_content": ""},
        {"annotations": [], "audio": {"id": "x"}},
    ],
)
def test_deltas_without_text_say_nothing(delta: dict[str, Any]) -> None:
    """What holds no text gives no delta, and does no harm between others."""
    assert decode(chunk(delta)) == []
    assert (
        reply_to(chunk({"content": "a"}), chunk(delta), chunk({"content": "b"}), STOP).text == "ab"
    )


def test_the_role_may_come_with_every_chunk() -> None:
    """A repeated role changes nothing."""
    pieces = [chunk({"role": "assistant", "content": piece}) for piece in "abc"]
    assert reply_to(*pieces, STOP).text == "abc"


def test_content_may_be_parts() -> None:
    """A list of texts, or of parts with texts, is their text; other parts are passed over."""
    parts = [{"type": "text", "text": "a"}, {"type": "image"}, 5, {"text": "b"}]
    assert decode(chunk({"content": parts})) == [TextDelta(0, "ab")]


@pytest.mark.parametrize("key", ["reasoning", "reasoning_content"])
def test_reasoning_stands_apart(key: str) -> None:
    """Reasoning under either name is no text, and comes before the text of its chunk."""
    field = "" if key == "reasoning" else key
    both = chunk({key: "so", "content": "Yes"})
    assert decode(chunk({key: "Hm, "}), both) == [
        ReasoningDelta(0, "Hm, ", field),
        ReasoningDelta(0, "so", field),
        TextDelta(0, "Yes"),
    ]
    reply = reply_to(chunk({key: "Hm, "}), both, STOP)
    assert (reply.reasoning, reply.text) == ("Hm, so", "Yes")


def test_reasoning_under_both_names_counts_once() -> None:
    """A server that sends both names says the same twice."""
    assert decode(chunk({"reasoning": "a", "reasoning_content": "a"})) == [
        ReasoningDelta(0, "a", "reasoning_content")
    ]


def test_a_refusal_is_kept_apart() -> None:
    """A refusal has its own field, and is the text where there is no other."""
    assert decode(chunk({"refusal": "No"})) == [RefusalDelta(0, "No")]
    reply = reply_to(chunk({"content": None, "refusal": "No"}), chunk({"refusal": "."}), STOP)
    assert (reply.choices[0].text, reply.choices[0].refusal, reply.text) == ("", "No.", "No.")


@pytest.mark.parametrize("reason", ["stop", "length", "tool_calls", "content_filter", "made_up"])
def test_any_finish_reason_is_kept(reason: str) -> None:
    """A reason is shown as the server wrote it, also where it comes with the last text."""
    assert reply_to(chunk({"content": "a"}, finish_reason=reason)).finish_reason == reason


def test_text_after_the_reason_is_kept() -> None:
    """A server that goes on after the reason loses nothing."""
    assert reply_to(STOP, chunk({"content": "late"})).text == "late"


# Several choices.


def test_choices_may_be_interleaved() -> None:
    """Each piece goes to the choice that it names, whatever the order."""
    one, two = text_chunks("first", n=5, index=0), text_chunks("second", n=6, index=1)
    mixed = [piece for pair in zip(two, one, strict=False) for piece in pair]
    reply = reply_to(*mixed, choices=2)
    assert [choice.text for choice in reply.choices] == ["first", "second"]
    assert [choice.index for choice in reply.choices] == [0, 1]


def test_choices_may_share_a_chunk() -> None:
    """One chunk with pieces of several choices feeds them all, numbered by place if need be."""
    both = chunk(
        choices=[{"index": 1, "delta": {"content": "b"}}, {"index": 0, "delta": {"content": "a"}}]
    )
    assert [choice.text for choice in reply_to(both, choices=2).choices] == ["a", "b"]
    unnumbered = chunk(
        choices=[{"delta": {"content": "a"}}, {"index": None, "delta": {"content": "b"}}]
    )
    assert [choice.text for choice in reply_to(unnumbered, choices=2).choices] == ["a", "b"]


# Logprobs and usage.


def test_logprobs_are_kept() -> None:
    """Log probabilities come out as the server wrote them, in order."""
    tokens: list[dict[str, Any]] = [
        {"token": t, "logprob": -0.1, "bytes": None, "top_logprobs": []} for t in "ab"
    ]
    chunks = [
        chunk(
            choices=[{"index": 0, "delta": {"content": t["token"]}, "logprobs": {"content": [t]}}]
        )
        for t in tokens
    ]
    assert decode(chunks[0]) == [TextDelta(0, "a"), LogprobsDelta(0, [tokens[0]])]
    assert reply_to(*chunks, STOP).choices[0].logprobs == tuple(tokens)


@pytest.mark.parametrize(
    "logprobs", [None, {}, {"content": None}, {"content": []}, [1], {"content": [5]}]
)
def test_absent_logprobs_say_nothing(logprobs: Any) -> None:
    """Empty log probabilities, or other shapes, give no delta."""
    assert decode(chunk(choices=[{"index": 0, "delta": {}, "logprobs": logprobs}])) == []


def test_usage_may_come_last_always_or_never() -> None:
    """The last usage stands, wherever it comes, and none is none."""
    text = chunk({"content": "a"})
    first, last = {"completion_tokens": 1}, {"completion_tokens": 2, "prompt_tokens": 3}
    assert reply_to(text, STOP, chunk(usage=last)).usage == Usage(
        prompt_tokens=3, completion_tokens=2
    )
    assert reply_to({**text, "usage": first}, {**STOP, "usage": last}).usage == Usage(
        prompt_tokens=3, completion_tokens=2
    )
    assert reply_to({**text, "usage": None}, STOP).usage is None
    assert reply_to({**text, "usage": first}, {**STOP, "usage": {}}).usage == Usage(
        completion_tokens=1
    )


def test_a_usage_chunk_may_have_no_choices() -> None:
    """Empty choices, null and none at all are the same beside a usage."""
    usage = {"completion_tokens": 2}
    for last in (
        {"choices": [], "usage": usage},
        {"usage": usage},
        {"choices": None, "usage": usage},
    ):
        assert reply_to(chunk({"content": "a"}), STOP, last).usage == Usage(completion_tokens=2)


def test_the_chips_own_rates_are_kept() -> None:
    """All fields of a fast chip come out, whole numbers and fractions alike."""
    usage = usage_of("x" * 400)
    reply = reply_to(chunk({"content": "a"}), STOP, chunk(usage=usage))
    assert reply.usage is not None
    assert reply.usage.to_dict() == usage
    assert (reply.usage.decode_rate, reply.tokens_per_second) == (17_000.0, 100.0)


@pytest.mark.parametrize("value", [None, "7", [], float("inf"), {}])
def test_odd_usage_fields_are_left_out(value: Any) -> None:
    """A field that is no number counts as not reported."""
    (delta,) = decode(chunk(usage={"total_tokens": value, "prompt_tokens": 1}))
    assert delta == UsageDelta(Usage(prompt_tokens=1))


# Whole completions.


def test_a_whole_completion_goes_the_same_way() -> None:
    """What a server does not stream makes the same reply."""
    message = {
        "role": "assistant",
        "content": "Hi",
        "reasoning": "Hm",
        "refusal": None,
        "tool_calls": [tool_call("f", {}, id="x"), tool_call("g", {}, id="x")],
    }
    choice = {"index": 0, "finish_reason": "stop", "message": message, "logprobs": None}
    reply = reply_to_json(
        {"id": "1", "model": "m", "choices": [choice], "usage": {"total_tokens": 9}}
    )
    assert (reply.text, reply.reasoning, reply.finish_reason) == ("Hi", "Hm", "stop")
    assert reply.choices[0].tool_calls == (
        ToolCall(id="x", name="f", arguments="{}"),
        ToolCall(id="x", name="g", arguments="{}"),
    )
    assert (reply.model, reply.id, reply.usage) == ("m", "1", Usage(total_tokens=9))


# What is wrong.


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        "text",
        5,
        None,
        {},
        {"object": "chat.completion.chunk"},
        {"citations": ["http://a"]},
        {"type": "ping"},
        {"object": "chat.completion.chunk", "model": "m"},
        {"progress": 0.5},
        {"choices": "x"},
        {"choices": None},
        {"choices": None, "usage": None},
        {"choices": []},
        {"choices": {}},
        {"choices": [None]},
        {"choices": ["x"]},
        {"choices": [{}]},
        {"choices": [{"message": []}]},
        {"choices": [{"delta": {"tool_calls": [None]}}]},
        {"choices": [{"delta": {"tool_calls": {"0": {}}}, "index": 0}]},
        {"choices": [{"delta": {"tool_calls": ["x"]}}]},
    ],
)
def test_other_shapes_are_passed_over(wrong: Any) -> None:
    """What is no completion is nothing, and what comes before and after it stays."""
    reply = reply_to(
        chunk({"content": "be"}),
        json.dumps(wrong),
        chunk({"content": "fore"}, finish_reason="stop"),
    )
    assert (reply.text, reply.choices[0].tool_calls) == ("before", ())


# Any order.

# Without an opening bracket: arguments that are whole and come once more are the same ones, and a
# text at whose beginning a tag stands is reasoning.
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="{[<"), max_size=3)
PIECES = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(["text", "thought", "call"]), TEXTS),
    max_size=30,
)


def expected_of(pieces: list[tuple[int, str, str]], choice: int, kind: str) -> str:
    """Join the pieces of one kind and one choice."""
    return "".join(text for index, name, text in pieces if (index, name) == (choice, kind))


@pytest.mark.slow
@ANY_CUT
@given(pieces=PIECES)
def test_any_order_of_deltas_across_choices_adds_up(pieces: list[tuple[int, str, str]]) -> None:
    """Pieces of choices, texts, thoughts and calls may come mixed: each finds its place."""
    chunks = []
    for index, kind, text in pieces:
        call = {"index": 1, "id": f"id{index}", "function": {"name": "f", "arguments": text}}
        deltas: dict[str, dict[str, Any]] = {
            "text": {"content": text},
            "thought": {"reasoning": text},
            "call": {"tool_calls": [call]},
        }
        chunks.append(chunk(deltas[kind], index=index))
    ends = [chunk(finish_reason="stop", index=index) for index in range(3)]
    reply = reply_to(*chunks, *ends, choices=3)
    for choice in reply.choices:
        assert choice.text == expected_of(pieces, choice.index, "text")
        assert choice.reasoning == expected_of(pieces, choice.index, "thought")
        called = "".join(call.arguments for call in choice.tool_calls)
        assert called == expected_of(pieces, choice.index, "call")
        assert choice.finish_reason == "stop"
    assert decode(*ends) == [ChoiceDone(index, "stop") for index in range(3)]
