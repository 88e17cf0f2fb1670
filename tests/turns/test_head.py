"""The instruction message of a request: whose instruction it is, and what is said after it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from eighty80_jupyter.api.messages import Message
from eighty80_jupyter.conversation.conversation import Conversation
from eighty80_jupyter.prompt.describe.protocol import DATA_NOTE
from eighty80_jupyter.turns.request import Place
from eighty80_jupyter.turns.turn import head
from tests.support.talks import talk

ONCE = Place(history=False)
GIVEN: dict[str, Any] = {"instruction": None, "system": None, "has_data": False, "place": Place()}


def text_of(conversation: Conversation, **given: Any) -> str | None:
    """Return the text of the message; None where there is none."""
    messages = head(conversation, system_role="developer", **{**GIVEN, **given})
    assert [message.role for message in messages] in ([], ["developer"])
    return messages[0].text if messages else None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "of the talk"),
        ({"system": "set"}, "of the talk"),
        ({"instruction": "new", "system": "set"}, "new"),
        ({"instruction": ""}, None),
        ({"place": ONCE}, None),
        ({"place": ONCE, "system": "set"}, "set"),
        ({"place": ONCE, "instruction": "new", "system": "set"}, "new"),
        ({"turn_instruction": "now", "instruction": "new", "system": "set"}, "now"),
        ({"turn_instruction": "", "system": "set"}, None),
    ],
)
def test_whose_instruction_it_is(given: dict[str, Any], said: str | None) -> None:
    """That of the turn, else a new one, else the conversation's, else the one that is set."""
    assert text_of(talk(("a", "b"), system="of the talk"), **given) == said


def test_without_one_of_its_own_a_conversation_has_the_one_that_is_set() -> None:
    """And none where nothing is set."""
    assert text_of(talk(("a", "b")), system="set") == "set"
    assert head(talk(("a", "b")), system_role="system", **GIVEN) == []


def test_what_follows_the_instruction() -> None:
    """Where data is sent, what blocks of it are; at the end, of what form the answer shall be."""
    plain = talk(("a", "b"))
    assert text_of(plain, has_data=True) == DATA_NOTE
    assert text_of(plain, system="set", has_data=True) == f"set\n\n{DATA_NOTE}"
    assert text_of(plain, system="set", form="A list.") == "set\n\nA list."
    assert text_of(plain, has_data=True, form="A list.") == f"{DATA_NOTE}\n\nA list."


def test_data_of_the_history_counts_where_the_history_is_sent() -> None:
    """A prompt that is asked once does not send it."""
    with_data = talk(("a", "b"))
    with_data.add_alternative(with_data[0].id, replace(with_data[0].exchange, has_data=True))
    assert text_of(with_data) == DATA_NOTE
    assert text_of(with_data, place=ONCE) is None
    assert text_of(with_data, place=ONCE, has_data=True) == DATA_NOTE


def test_it_is_one_message() -> None:
    """Servers take one instruction, at the beginning."""
    (message,) = head(
        talk(("a", "b")), system_role="system", **{**GIVEN, "system": "set", "has_data": True}
    )
    assert message == Message("system", f"set\n\n{DATA_NOTE}")
