"""Conversations by their names: which are free, which are taken, and what is told of them."""

from __future__ import annotations

import copy
import pickle

import pytest

from eighty80_jupyter.conversation.branches import Conversations
from eighty80_jupyter.conversation.conversation import Conversation
from eighty80_jupyter.errors import UsageError
from tests.support.talks import plain_turn


def test_each_new_conversation_gets_the_next_free_name() -> None:
    """Names count up from 2, and one that is free again is taken again."""
    talks = Conversations()
    assert [talks.new().name for _ in range(3)] == ["chat", "chat-2", "chat-3"]
    talks.use("main")
    assert [talks.fork().name for _ in range(2)] == ["main-2", "main-2-2"]
    assert talks.free_name() == "chat-4"
    assert talks.free_name("other") == "other"


def test_a_fork_has_the_name_that_was_asked_for() -> None:
    """It is the current one from then on."""
    talks = Conversations()
    fork = talks.fork("side")
    assert (fork.name, talks.current, list(talks)) == ("side", fork, ["main", "side"])


def test_a_name_of_a_hundred_characters_is_one() -> None:
    """That is the longest; of a longer one the error says so."""
    talks = Conversations()
    assert talks.new("x" * 100).name == "x" * 100
    with pytest.raises(UsageError) as caught:
        talks.new("y" * 101)
    assert str(caught.value) == (
        f"a conversation's name is a line of 1 to 100 characters, got '{'y' * 101}'"
    )


def test_of_a_taken_name_the_error_tells_how_to_go_on_with_it() -> None:
    """As it must be typed."""
    talks = Conversations()
    talks.new("two words")
    with pytest.raises(UsageError) as caught:
        talks.new("two words")
    assert str(caught.value) == (
        "there is a conversation two words already; %chat --use 'two words' goes on with it"
    )


def test_of_an_unknown_name_the_error_tells_what_there_is() -> None:
    """And how one of that name is begun."""
    with pytest.raises(UsageError) as caught:
        Conversations().use("side")
    assert str(caught.value) == (
        "unknown conversation side; there are: main; %chat --new side begins it"
    )


def test_watchers_hear_which_conversation_came() -> None:
    """A fork and one that was taken in are told as what they are."""
    talks = Conversations()
    heard: list[Conversation] = []
    talks.watch(heard.append)
    fork = talks.fork()
    taken = talks.add(Conversation("from a file"))
    assert heard == [fork, taken]


def test_all_of_them_are_shown() -> None:
    """Their names, and which is the current one."""
    talks = Conversations()
    talks.new("side")
    talks.use("main")
    assert repr(talks) == "<Conversations main, side; current: main>"


def test_copies_are_as_the_originals_and_go_their_own_way() -> None:
    """Copied or pickled, they hold the same turns, and the same one is current."""
    talks = Conversations()
    talks.current.commit(plain_turn("a", "b"))
    talks.new("side").system = "Be brief."
    talks.use("main")
    for made in (copy.copy(talks), copy.deepcopy(talks), pickle.loads(pickle.dumps(talks))):  # noqa: S301  # its own
        assert list(made) == ["main", "side"]
        assert made.current is made["main"]
        assert list(made["main"]) == list(talks["main"])
        assert made["side"].system == "Be brief."
        made.current.undo()
    assert len(talks.current) == 1


def test_a_copy_tells_its_own_watchers() -> None:
    """The conversations of a copy are watched by it."""
    made = copy.copy(Conversations())
    heard: list[Conversation] = []
    made.watch(heard.append)
    made.current.commit(plain_turn("a", "b"))
    assert heard == [made.current]


def test_of_what_was_replaced_nothing_more_is_told() -> None:
    """The one that takes its place is watched; the other belongs to nobody here."""
    talks = Conversations()
    before, after = Conversation("main"), Conversation("main")
    talks.add(before)
    talks.add(after)
    told: list[Conversation] = []
    talks.watch(told.append)
    before.commit(plain_turn("a", "b"))
    assert told == []
    after.commit(plain_turn("a", "b"))
    assert [one is after for one in told] == [True]
    assert (len(talks), talks.current is after) == (1, True)
