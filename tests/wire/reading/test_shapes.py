"""Text, reasoning and calls are read wherever a server puts them, and none of them twice."""

from __future__ import annotations

from typing import Any

import pytest

from eighty80_jupyter.wire.reading.shapes import content_of
from tests.support.reading import read, reply_to, reply_to_json, snapshot, stream_of
from tests.support.replies import chunk, tool_call

STOP = chunk(finish_reason="stop")
CONTENTS: list[Any] = [
    "Four.",
    {"text": "Four."},
    {"type": "text", "text": "Four."},
    {"content": "Four."},
    {"type": "text", "text": {"value": "Four."}},
    {"parts": [{"text": "Fo"}, {"text": "ur."}]},
    ["Fo", "ur."],
    [{"type": "text", "text": "Fo"}, {"type": "output_text", "text": "ur."}],
    [{"type": "text", "text": {"value": "Four.", "annotations": []}}],
    [{"type": "image_url", "image_url": {"url": "x"}}, {"type": "text", "text": "Four."}],
]


@pytest.mark.parametrize(
    ("delta", "expected"),
    [
        ({"content": [{"type": "refusal", "refusal": "No."}, "a"]}, ("a", "", "No.")),
        ({"content": [{"type": "thinking", "thinking": "Hm."}, "a", "b"]}, ("ab", "Hm.", "")),
        ({"content": {"type": "thinking", "thinking": "Hm."}}, ("", "Hm.", "")),
        ({"content": None, "audio": {"transcript": "said"}}, ("said", "", "")),
        ({"content": "a", "audio": {"transcript": "said"}}, ("a", "", "")),
        ({"content": 5}, ("", "", "")),
        ({}, ("", "", "")),
    ],
)
def test_parts_are_told_apart(delta: dict[str, Any], expected: tuple[str, str, str]) -> None:
    """Text, reasoning and refusal of a list of parts; what is spoken, where there is no text."""
    assert content_of(delta) == expected


@pytest.mark.parametrize("content", CONTENTS)
def test_content_is_read_in_every_form(content: Any) -> None:
    """A text, an object that holds it, or a list of these, in a delta and in a message."""
    assert reply_to(chunk({"content": content}), STOP).text == "Four."
    message = {"role": "assistant", "content": content}
    assert (
        reply_to_json({"choices": [{"message": message, "finish_reason": "stop"}]}).text == "Four."
    )


@pytest.mark.parametrize(
    "choice",
    [
        {"text": "Four."},
        {"text": "Four.", "delta": {}},
        {"text": "Four.", "delta": None, "message": None},
        {"delta": {}, "message": {"role": "assistant", "content": "Four."}},
        {"delta": {"content": ""}, "message": {"content": "Four."}},
        {"delta": {"role": "assistant", "content": None}, "message": {"content": "Four."}},
        {"delta": "Four."},
        {"message": "Four."},
        {"delta": {"content": None, "audio": {"id": "a", "transcript": "Four."}}},
        {"message": {"content": None, "audio": {"data": "", "transcript": "Four."}}},
        {"delta": {"content": "Four."}, "message": {"content": "Four."}, "text": "Four."},
        {"delta": {"content": "Four."}, "text": "Four."},
        {"delta": {"text": "Four."}},
    ],
)
def test_text_in_another_place_is_read_once(choice: dict[str, Any]) -> None:
    """The text may stand in the choice, in the message beside a delta, or with the sound."""
    assert reply_to({"choices": [choice]}, STOP).text == "Four."


@pytest.mark.parametrize("size", [1, 3, 100])
def test_text_of_a_choice_comes_in_pieces(size: int) -> None:
    """The pieces of servers that speak the older form are joined."""
    text = "Four and four."
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert reply_to(*({"choices": [{"text": p}]} for p in pieces), STOP).text == text


def whole(text: str, **fields: Any) -> dict[str, Any]:
    """Make a last chunk with a whole message."""
    return {"choices": [{"message": {"content": text, **fields}, "finish_reason": "stop"}]}


def test_a_whole_message_after_deltas_brings_only_what_is_new() -> None:
    """Text, reasoning, refusal and calls that came in pieces do not come again."""
    calls = [tool_call("f", {"a": 1}, id="x"), tool_call("g", {}, id="y")]
    begun = [
        chunk({"reasoning_content": "Hm."}),
        chunk({"content": "Fo"}),
        chunk({"content": "ur."}),
        chunk({"tool_calls": [{**calls[0], "index": 0}]}),
    ]
    last = whole("Four. So.", reasoning_content="Hm.", tool_calls=calls)
    reply = reply_to(*begun, last)
    assert (reply.text, reply.reasoning) == ("Four. So.", "Hm.")
    assert [call.id for call in reply.choices[0].tool_calls] == ["x", "y"]
    assert reply_to(*begun, whole("Another.")).text == "Four."
    refused = reply_to(chunk({"refusal": "No."}), whole("", refusal="No."))
    assert refused.choices[0].refusal == "No."


@pytest.mark.parametrize(
    "last",
    [
        chunk({"content": "Four."}, finish_reason="stop"),
        chunk({"role": "assistant", "content": "Four."}, finish_reason="stop"),
        {"choices": [{"delta": {}, "text": "Four.", "finish_reason": "stop"}]},
    ],
)
def test_a_last_piece_that_says_all_once_more_is_none(last: dict[str, Any]) -> None:
    """The whole text behind its pieces, where a piece would stand, is not read twice."""
    begun = [chunk({"content": "Fo"}), chunk({"content": "ur."})]
    assert reply_to(*begun, last).text == "Four."
    again = [chunk({"content": "ha"}), chunk({"content": "ha"}, finish_reason="stop")]
    assert reply_to(*again).text == "haha"


def test_calls_without_ids_in_a_whole_message_are_known() -> None:
    """A call with the same name and arguments as one that came in pieces is that one."""
    call = {"function": {"name": "f", "arguments": "{}"}}
    reply = reply_to(chunk({"tool_calls": [{**call, "index": 0}]}), whole("", tool_calls=[call]))
    assert len(reply.choices[0].tool_calls) == 1


def test_messages_that_grow_are_read_once() -> None:
    """A server that sends all of the text in each chunk is understood."""
    pieces = [{"choices": [{"message": {"content": "Four."[:n]}}]} for n in range(1, 6)]
    assert reply_to(*pieces, STOP).text == "Four."


def test_messages_that_are_pieces_are_joined() -> None:
    """A server that calls its deltas messages is understood, too."""
    pieces = [{"choices": [{"message": {"content": piece}}]} for piece in ("Fo", "ur", ".")]
    assert reply_to(*pieces, STOP).text == "Four."


@pytest.mark.parametrize(
    "delta",
    [
        {"reasoning": "Hm."},
        {"reasoning_content": "Hm."},
        {"reasoning_text": "Hm."},
        {"thinking": "Hm."},
        {"reasoning_content": {"text": "Hm."}},
        {"reasoning_content": {"content": [{"text": "Hm."}]}},
        {"reasoning": {"summary": [{"type": "summary_text", "text": "Hm."}]}},
        {"reasoning_details": [{"type": "reasoning.text", "text": "Hm."}]},
        {"reasoning_details": [{"type": "reasoning.summary", "summary": "Hm."}]},
        {"thinking_blocks": [{"type": "thinking", "thinking": "Hm.", "signature": "s"}]},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}]},
        {"content": [{"type": "thinking", "thinking": "Hm."}]},
        {"content": [{"type": "reasoning", "text": "Hm."}]},
        {"content": {"type": "thinking", "thinking": "Hm."}},
        {"reasoning": "Hm.", "reasoning_content": "Hm.", "reasoning_details": [{"text": "Hm."}]},
        {"content": [{"type": "thinking", "thinking": "Hm."}], "reasoning_content": "Hm."},
    ],
)
def test_reasoning_is_read_in_every_form(delta: dict[str, Any]) -> None:
    """Under each name, as a text, an object or parts of the content, and once."""
    reply = reply_to(chunk(delta), chunk({"content": "Four."}), STOP)
    assert (reply.reasoning, reply.text) == ("Hm.", "Four.")
    message = {"content": "Four.", **delta}
    if isinstance(delta.get("content"), list):
        message["content"] = [*delta["content"], {"type": "text", "text": "Four."}]
    elif "content" in delta:
        return
    reply = reply_to_json({"choices": [{"message": message, "finish_reason": "stop"}]})
    assert (reply.reasoning, reply.text) == ("Hm.", "Four.")


@pytest.mark.parametrize(
    "delta", [{"thinking": True}, {"reasoning": None}, {"reasoning_details": []}, {"thought": True}]
)
def test_fields_that_hold_no_reasoning_are_none(delta: dict[str, Any]) -> None:
    """A switch is no text."""
    assert reply_to(chunk({**delta, "content": "Four."}), STOP).reasoning == ""


@pytest.mark.parametrize(
    "calls",
    [
        {"0": tool_call("f", {"a": 1}, id="x")},
        tool_call("f", {"a": 1}, id="x"),
        [{"id": "x", "name": "f", "arguments": {"a": 1}}],
        [None, tool_call("f", {"a": 1}, id="x"), "y", 5],
    ],
)
def test_calls_in_other_shapes_are_read(calls: Any) -> None:
    """An object of calls, one call, and one without its inner object."""
    call = reply_to(chunk({"tool_calls": calls}), STOP).choices[0].tool_calls
    assert [(c.id, c.name, c.arguments) for c in call] == [("x", "f", '{"a": 1}')]


def test_choices_that_nobody_asked_for_are_passed_over() -> None:
    """A choice beyond those that were asked for takes no place, however large its number."""
    events = [
        chunk({"content": "b"}, index=10_000_000),
        chunk({"content": "a"}),
        chunk({"content": "c"}, index=1),
        chunk({"content": "d"}, index=-1),
        STOP,
    ]
    for done in (True, False):
        deltas, reader = read([stream_of(events, done=done)])
        assert reader.failure is None
        assert [(c.index, c.text) for c in snapshot(deltas).choices] == [(0, "a")]
    deltas, _ = read([stream_of(events)], choices=2)
    assert [c.text for c in snapshot(deltas).choices] == ["a", "c"]
