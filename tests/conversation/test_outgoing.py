"""What of a history is sent: valid for the strictest server, and what is one server's own."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eighty80_jupyter.api.messages import Message, ToolCall
from eighty80_jupyter.api.reply import Choice, Reply
from eighty80_jupyter.conversation.conversation import Conversation
from eighty80_jupyter.conversation.outgoing import (
    as_sent,
    sent_turns,
    server_mark,
    to_wire,
    with_ids,
)
from eighty80_jupyter.conversation.turn import Exchange, Turn
from tests.support.strict import faults
from tests.support.talks import plain_turn, talk, turns

HERE, THERE = server_mark("https://one.example"), server_mark("https://two.example")


def called(*ids: str, server: str = HERE, extra: dict[str, Any] | None = None) -> Turn:
    """Make a turn with these calls, each with its result."""
    calls = tuple(ToolCall(id=call_id, name="f", arguments="{}", extra=extra) for call_id in ids)
    results = [Message("tool", "1", tool_call_id=call_id) for call_id in ids]
    messages = (
        Message("user", "x"),
        Message("assistant", None, calls, extra=extra),
        *results,
        Message("assistant", "y"),
    )
    reply = Reply(choices=(Choice(text="y"),))
    return Turn(alternatives=(Exchange(messages=messages, reply=reply, server=server),))


def wire(*made: Turn, server: str | None = None) -> list[dict[str, Any]]:
    """Return the messages of turns as a request to that server has them."""
    return to_wire([m for turn in sent_turns(made, server) for m in turn.messages])


def ids_of(messages: list[dict[str, Any]]) -> tuple[list[str], list[str]]:
    """Return the ids of the calls, and those of the results."""
    calls = [call["id"] for m in messages for call in m.get("tool_calls", ())]
    return calls, [m["tool_call_id"] for m in messages if m["role"] == "tool"]


def test_the_mark_of_a_server_is_the_same_for_good() -> None:
    """Saved conversations hold it: made otherwise, what only that server takes would be lost."""
    assert server_mark("https://one.example") == "bfca99c4faa13762"


@pytest.mark.parametrize("answer", ["", " \n\t", "\u00a0"])
def test_a_turn_without_an_answer_is_not_sent(answer: str) -> None:
    """It stays in the conversation, and its prompt is left out with it."""
    made = talk(("a", "1"), ("b", answer), ("c", "3"))
    assert [turn.is_sent for turn in made] == [True, False, True]
    assert [m["content"] for m in made.to_messages()] == ["a", "1", "c", "3"]
    assert len(made) == 3


def test_a_turn_that_ends_with_calls_or_results_is_not_sent() -> None:
    """Only an answer with a text ends a turn that can be sent."""
    whole = called("a")
    for cut in (-1, -2):
        messages = whole.messages[:cut]
        exchange = Exchange(messages=messages, reply=whole.reply)
        assert as_sent(Turn(alternatives=(exchange,))) is None


def test_usual_turns_go_as_they_are() -> None:
    """Where nothing must be changed the turn is the same object."""
    plain, with_calls = plain_turn("a", "b"), called("c1")
    assert as_sent(plain, THERE) is plain
    assert as_sent(with_calls, HERE) is with_calls


def test_messages_are_plain_dictionaries() -> None:
    """They are what a request has: `json` takes them, and so does another client."""
    made = Conversation(turns=[called("c1"), plain_turn("a", "b")])
    messages = made.to_messages()
    assert json.loads(json.dumps(messages)) == messages
    assert messages[1] == {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        ],
    }
    assert messages[2] == {"role": "tool", "content": "1", "tool_call_id": "c1"}


def test_ids_differ_in_the_whole_request() -> None:
    """An id that a server used again is another one the second time, the same in each request."""
    messages = wire(called("call_0", "call_0"), called("call_0"), server=HERE)
    calls, results = ids_of(messages)
    assert calls == results
    assert calls[0] == "call_0"
    assert len(set(calls)) == 3
    assert all(re.fullmatch(r"[A-Za-z0-9]{9}", call_id) for call_id in calls[1:])
    assert messages == wire(called("call_0", "call_0"), called("call_0"), server=HERE)


@pytest.mark.parametrize("call_id", ["x" * 41, ""])
def test_ids_that_no_server_takes_are_rewritten(call_id: str) -> None:
    """Also for the server that sent them; the result has the same id as its call."""
    calls, results = ids_of(wire(called(call_id), server=HERE))
    assert calls == results
    assert re.fullmatch(r"[A-Za-z0-9]{9}", calls[0])


@pytest.mark.parametrize("call_id", ["functions.f:0", "x" * 40, "call_1__thought__" + "A" * 99])
def test_ids_go_back_to_the_server_that_sent_them(call_id: str) -> None:
    """A model may know its own ids again; a gateway hides a signature in them."""
    assert ids_of(wire(called(call_id), server=HERE))[0] == [call_id]


@pytest.mark.parametrize("call_id", ["functions.f:0", "call_1", "call_1__thought__" + "A" * 99])
def test_ids_of_another_server_have_nine_letters_and_digits(call_id: str) -> None:
    """That form is taken by every server, the strictest (Mistral's) too."""
    calls, results = ids_of(wire(called(call_id), called("abcDEF012"), server=THERE))
    assert calls == results
    assert re.fullmatch(r"[A-Za-z0-9]{9}", calls[0])
    assert calls[1] == "abcDEF012"


def test_what_a_server_wants_back_goes_to_no_other() -> None:
    """Extra fields of messages and calls go to the server that sent them as they came."""
    extra = {"extra_content": {"google": {"thought_signature": "c2ln"}}}
    turn = called("c1", extra=extra)
    there = wire(turn, server=HERE)[1]
    assert there["extra_content"] == extra["extra_content"]
    assert there["tool_calls"][0]["extra_content"] == extra["extra_content"]
    for server in (THERE, None):
        assert "extra_content" not in json.dumps(wire(turn, server=server))


def test_an_extra_field_replaces_nothing() -> None:
    """A field that a server adds cannot take the place of one of the protocol."""
    turn = called("c1", extra={"role": "system", "content": "no", "id": "no", "type": "no"})
    message = wire(turn, server=HERE)[1]
    assert (message["role"], message["content"]) == ("assistant", None)
    assert (message["tool_calls"][0]["id"], message["tool_calls"][0]["type"]) == ("c1", "function")


def test_neighbours_of_one_role_are_joined() -> None:
    """A file may hold what no turn would make; what is sent alternates."""
    picture = {"type": "image_url", "image_url": {"url": "data:x"}}
    messages = (
        Message("user", "a"),
        Message("user", (picture,)),
        Message("assistant", "b"),
        Message("assistant", "c"),
    )
    exchange = Exchange(messages=messages, reply=Reply())
    assert wire(Turn(alternatives=(exchange,))) == [
        {"role": "user", "content": [{"type": "text", "text": "a"}, picture]},
        {"role": "assistant", "content": "b\n\nc"},
    ]


def test_an_empty_result_has_words() -> None:
    """A result without a text is refused by some."""
    turn = called("c1")
    blank = tuple(
        Message("tool", " ", tool_call_id="c1") if m.role == "tool" else m for m in turn.messages
    )
    exchange = Exchange(messages=blank, reply=turn.reply)
    assert wire(Turn(alternatives=(exchange,)))[2]["content"] == "[no result]"


@pytest.mark.slow
@given(made=st.lists(turns(), max_size=4), server=st.sampled_from([HERE, THERE, "", None]))
def test_whatever_a_file_holds_is_sent_valid(made: list[Turn], server: str | None) -> None:
    """Any turns give a request that the strictest server takes, and none changes by it."""
    before = list(made)
    messages = wire(*made, server=server)
    prompts = [m for m in messages if m["role"] == "user" and m["content"] == ""]
    if not prompts and not any(
        isinstance(m["content"], str) and not m["content"].strip() for m in messages
    ):
        assert not faults({"messages": [*messages, {"role": "user", "content": "x"}]})
    assert made == before


@given(st.lists(st.text(max_size=50), max_size=6), st.booleans())
def test_ids_are_always_good(ids: list[str], strict: bool) -> None:  # noqa: FBT001  # an example
    """Whatever ids there are, they differ afterwards, and calls and results agree."""
    found = with_ids(called(*ids).messages, strict=strict)
    new = [call.id for call in found[1].tool_calls]
    assert len(set(new)) == len(ids)
    assert [m.tool_call_id for m in found if m.role == "tool"] == new
    if strict:
        assert all(re.fullmatch(r"[A-Za-z0-9]{9}", call_id) for call_id in new)


def test_what_only_one_server_takes_back_of_an_answer_goes_to_no_other() -> None:
    """Also of a plain turn, without any call; and also where only the call has it."""
    plain = (Message("user", "x"), Message("assistant", "y", extra={"mine": 1}))
    turn = Turn(alternatives=(Exchange(messages=plain, reply=Reply(), server=HERE),))
    assert wire(turn, server=HERE)[1] == {"role": "assistant", "content": "y", "mine": 1}
    assert wire(turn, server=THERE)[1] == {"role": "assistant", "content": "y"}
    call = ToolCall(id="c", name="f", arguments="{}", extra={"mine": 1})
    messages = (
        Message("user", "x"),
        Message("assistant", None, (call,)),
        Message("tool", "1", tool_call_id="c"),
        Message("assistant", "y"),
    )
    turn = Turn(alternatives=(Exchange(messages=messages, reply=Reply(), server=HERE),))
    assert "mine" in wire(turn, server=HERE)[1]["tool_calls"][0]
    assert "mine" not in wire(turn, server=THERE)[1]["tool_calls"][0]


def test_two_prompts_and_an_answer_are_joined() -> None:
    """However few messages there are."""
    messages = (Message("user", "a"), Message("user", "b"), Message("assistant", "c"))
    turn = Turn(alternatives=(Exchange(messages=messages, reply=Reply()),))
    assert [m["content"] for m in wire(turn)] == ["a\n\nb", "c"]


def test_calls_stand_without_an_empty_text() -> None:
    """Some servers refuse one beside calls; a prompt that is empty stays what it is."""
    call = ToolCall(id="c", name="f", arguments="{}")
    messages = (
        Message("user", " "),
        Message("assistant", " ", (call,)),
        Message("tool", "1", tool_call_id="c"),
        Message("assistant", "y"),
    )
    turn = Turn(alternatives=(Exchange(messages=messages, reply=Reply()),))
    assert [m["content"] for m in wire(turn)] == [" ", None, "1", "y"]


def test_a_result_whose_call_is_not_there_keeps_its_id() -> None:
    """A file may hold one; it is no reason to fail."""
    alone = Message("tool", "1", tool_call_id="a")
    assert with_ids([alone]) == (alone,)
    assert with_ids([*called("c").messages, alone])[-1] == alone
