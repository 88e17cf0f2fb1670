"""One turn: how it is shown, and how an answer that goes on is added to the one before."""

from __future__ import annotations

import pytest

from eighty80_jupyter.api.messages import Message, ToolCall
from eighty80_jupyter.api.reply import Choice, Reply
from eighty80_jupyter.conversation.turn import Exchange, Turn


def exchange(
    prompt: str, answer: str, *rounds: Message, server: str = "", has_data: bool = False
) -> Exchange:
    """Make an exchange with these messages between the prompt and the answer."""
    return Exchange(
        messages=(Message("user", prompt), *rounds, Message("assistant", answer)),
        reply=Reply(choices=(Choice(text=answer),), model="m"),
        has_data=has_data,
        server=server,
    )


def looked(call_id: str) -> tuple[Message, Message]:
    """Make a call with its result."""
    call = ToolCall(id=call_id, name="look", arguments="{}")
    return Message("assistant", None, (call,)), Message("tool", "found", tool_call_id=call_id)


def test_an_answer_that_goes_on_is_one_with_the_first() -> None:
    """The rounds of both stay in order, and the prompt that asked to go on is left out."""
    first, then = looked("a"), looked("b")
    both = exchange("tell", "Once upon", *first).joined(exchange("go on", " a time", *then))
    assert both.messages == (
        Message("user", "tell"),
        *first,
        *then,
        Message("assistant", "Once upon a time"),
    )
    assert both.reply.text == "Once upon a time"


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("later", [True, False])
def test_data_of_either_part_counts(first: bool, later: bool) -> None:  # noqa: FBT001  # examples
    """Whichever of the two brought blocks of data, the whole has them."""
    both = exchange("a", "1", has_data=first).joined(exchange("b", "2", has_data=later))
    assert both.has_data == (first or later)


def test_two_servers_are_none() -> None:
    """What only one server takes back is not sent where another one wrote half of the answer."""
    one = exchange("a", "1", server="here")
    assert one.joined(exchange("b", "2", server="here")).server == "here"
    assert one.joined(exchange("b", "2", server="there")).server == ""


def test_a_turn_is_shown_by_its_prompt_and_its_answer() -> None:
    """The number of the answer is told where there are several."""
    one = exchange("What is it?", "A cat.")
    other = exchange("What is it?", "A dog.")
    assert repr(Turn(alternatives=(one,))) == "<Turn 'What is it?' -> <Reply 'A cat.' from m>>"
    assert repr(Turn(alternatives=(one, other), chosen=1)) == (
        "<Turn 'What is it?' -> <Reply 'A dog.' from m>, answer 2 of 2>"
    )


def test_an_exchange_is_shown_as_it_was_typed() -> None:
    """Before its fields were filled; where that is not known, as it was sent."""
    sent = exchange("4 rows", "ok")
    assert repr(sent) == "<Exchange '4 rows' -> <Reply 'ok' from m>>"
    typed = Exchange(messages=sent.messages, reply=sent.reply, source="{{len(df)}} rows")
    assert repr(typed) == "<Exchange '{{len(df)}} rows' -> <Reply 'ok' from m>>"


def test_of_a_long_prompt_the_start_is_shown() -> None:
    """A whole one of 60 characters fits; of a longer one, what is shown has as many."""
    assert repr(exchange("x" * 60, "y")).startswith(f"<Exchange '{'x' * 60}' ->")
    assert repr(exchange("x" * 61, "y")).startswith(f"<Exchange '{'x' * 57}...' ->")
