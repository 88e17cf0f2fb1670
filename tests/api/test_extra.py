"""What a server may want back is carried with the answer and its calls, as it came."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from eighty80_jupyter.api.extra import merged
from eighty80_jupyter.api.messages import Message, ToolCall
from eighty80_jupyter.api.reply import Choice, Reply
from eighty80_jupyter.storage.serialization import from_json, plain, read, to_json
from tests.support.reading import reply_to, reply_to_json
from tests.support.replies import chunk, tool_call

STOP = chunk(finish_reason="stop")
SIGNED = {"google": {"thought_signature": "c2ln"}}


def streamed(*deltas: dict[str, Any]) -> Choice:
    """Return the choice that these deltas make."""
    return reply_to(*map(chunk, deltas), STOP).choices[0]


def test_reasoning_content_is_kept_under_its_name() -> None:
    """DeepSeek's reasoning is shown, and stands with the message under the name it came under."""
    choice = streamed({"reasoning_content": "Hm, "}, {"reasoning_content": "so."}, {"content": "4"})
    assert choice.reasoning == "Hm, so."
    assert choice.to_message() == Message("assistant", "4", extra={"reasoning_content": "Hm, so."})


def test_reasoning_that_nobody_wants_back_is_not_kept() -> None:
    """The field `reasoning` is shown, and nothing of it goes back."""
    assert streamed({"reasoning": "Hm."}, {"content": "4"}).extra is None


def test_a_signature_stays_with_its_call() -> None:
    """Gemini's signature of a call is on that call and on no other, streamed or whole."""
    one = {**tool_call("f", {}, id="x"), "index": 0, "extra_content": SIGNED}
    two = {**tool_call("g", {}, id="y"), "index": 1}
    calls = (
        ToolCall(id="x", name="f", arguments="{}", extra={"extra_content": SIGNED}),
        ToolCall(id="y", name="g", arguments="{}"),
    )
    assert streamed({"tool_calls": [one, two]}).tool_calls == calls
    message = {"role": "assistant", "content": None, "tool_calls": [one, two]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    assert reply_to_json({"choices": [choice]}).choices[0].tool_calls == calls


def test_a_signature_may_stand_in_the_function_or_on_the_answer() -> None:
    """Wherever a signature stands, it is kept with what it belongs to."""
    function = {"name": "f", "arguments": "{}", "thought_signature": "s"}
    call = {"index": 0, "id": "x", "function": function}
    assert streamed({"tool_calls": [call]}).tool_calls[0].extra == {"thought_signature": "s"}
    choice = streamed({"content": "4"}, {"content": "", "extra_content": SIGNED})
    assert (choice.text, choice.extra) == ("4", {"extra_content": SIGNED})


def test_reasoning_details_are_put_together() -> None:
    """The pieces of OpenRouter's entries become the entries, with signature and data."""

    def piece(**fields: Any) -> dict[str, Any]:
        return {"reasoning_details": [fields]}

    text = {"type": "reasoning.text", "index": 0}
    choice = streamed(
        piece(**text, text="Hm, ", format="f"),
        piece(**text, text="so.", signature=None),
        piece(**text, signature="s"),
        piece(type="reasoning.encrypted", index=1, data="eA=="),
        piece(type="reasoning.text", index=2, text="More."),
        {"content": "4"},
    )
    assert choice.extra == {
        "reasoning_details": [
            {**text, "text": "Hm, so.", "format": "f", "signature": "s"},
            {"type": "reasoning.encrypted", "index": 1, "data": "eA=="},
            {"type": "reasoning.text", "index": 2, "text": "More."},
        ]
    }


@pytest.mark.parametrize(
    ("pieces", "whole"),
    [
        (
            [
                [{"type": "thinking", "thinking": "a"}],
                [{"type": "thinking", "thinking": "b", "signature": "s"}],
                [{"type": "thinking", "thinking": "c"}],
            ],
            [
                {"type": "thinking", "thinking": "ab", "signature": "s"},
                {"type": "thinking", "thinking": "c"},
            ],
        ),
        (
            [[{"type": "redacted", "data": "x"}], [{"type": "redacted", "data": "y"}]],
            [{"type": "redacted", "data": "x"}, {"type": "redacted", "data": "y"}],
        ),
        (
            [[{"id": "a", "text": "1"}], [{"id": "b", "text": "2"}], [{"id": "b", "text": "3"}]],
            [{"id": "a", "text": "1"}, {"id": "b", "text": "23"}],
        ),
        ([{"a": {"b": 1}}, {"a": {"c": None}}, {"a": {"c": 2}}], {"a": {"b": 1, "c": 2}}),
        (["s", "", None, "t"], "t"),
        ([[1], [2, 1]], [1, 2, 1]),
    ],
)
def test_pieces_are_merged(pieces: list[Any], whole: Any) -> None:
    """Blocks end with their signature, objects merge, and of other values the last one stands."""
    value = None
    for piece in pieces:
        value = merged(value, piece)
    assert value == whole


def test_unknown_fields_are_not_kept() -> None:
    """What no server wants back is passed over."""
    fields = {
        "annotations": [1],
        "audio": {"id": "x"},
        "role": "assistant",
        "reasoning_details": [],
    }
    assert streamed({"content": "4", **fields}).extra is None


def test_extra_fields_are_saved_and_hash_and_pickle() -> None:
    """A reply with such fields is a value as any other; one without is saved as before."""
    call = ToolCall(id="x", name="f", arguments="{}", extra={"extra_content": SIGNED})
    message = Message("assistant", None, (call,), extra={"reasoning_content": "Hm."})
    reply = Reply(choices=(Choice(tool_calls=(call,), extra={"reasoning_content": "Hm."}),))
    assert read(Message, from_json(to_json(plain(message)))) == message
    assert read(Reply, from_json(to_json(plain(reply)))) == reply
    assert pickle.loads(pickle.dumps(message)) == message  # noqa: S301  # our own
    assert hash(call) == hash(ToolCall(id="x", name="f", arguments="{}"))
    assert "extra" not in plain(Message("assistant", "4"))
    assert "Hm." not in repr(message)
