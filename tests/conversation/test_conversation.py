"""Conversations, their turns, and the alternatives to them."""

from __future__ import annotations

import copy
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from eighty80_jupyter.api.messages import Message, ToolCall
from eighty80_jupyter.api.reply import Choice, Reply
from eighty80_jupyter.conversation.branches import Conversations
from eighty80_jupyter.conversation.conversation import Conversation, Summary
from eighty80_jupyter.conversation.turn import Exchange, Turn
from eighty80_jupyter.errors import UsageError


def exchange(prompt: str, answer: str, *, has_data: bool = False) -> Exchange:
    return Exchange(
        messages=(Message("user", prompt), Message("assistant", answer)),
        reply=Reply(choices=(Choice(text=answer),)),
        has_data=has_data,
    )


def turn(prompt: str, answer: str, *, has_data: bool = False) -> Turn:
    return Turn(alternatives=(exchange(prompt, answer, has_data=has_data),))


def texts(conversation: Conversation) -> list[str]:
    return [message["content"] for message in conversation.to_messages()]


def test_another_alternative_takes_the_place_of_the_first_and_can_be_changed_back() -> None:
    conversation = Conversation(turns=[turn("a", "1"), turn("b", "2")])
    first = conversation[0]
    changed = conversation.add_alternative(first.id, exchange("a", "one"))
    assert (changed.chosen, texts(conversation)) == (1, ["a", "one", "b", "2"])
    conversation.choose(first.id, 0)
    assert texts(conversation) == ["a", "1", "b", "2"]
    assert [a.reply.text for a in conversation[0].alternatives] == ["1", "one"]
    with pytest.raises(UsageError, match="turn 1 has 2 alternatives, got number 3"):
        conversation.choose(first.id, 2)


def test_an_answer_to_a_turn_that_is_gone_is_kept_as_a_turn() -> None:
    conversation = Conversation(turns=[turn("a", "1")])
    (gone,) = conversation.undo()
    conversation.add_alternative(gone.id, exchange("a", "one"))
    assert texts(conversation) == ["a", "one"]


def test_undo_gives_back_what_it_took_and_refuses_more_than_there_is() -> None:
    conversation = Conversation(turns=[turn("a", "1"), turn("b", "2", has_data=True)])
    had_data = conversation.has_data
    with pytest.raises(UsageError, match="cannot undo 3: the conversation main has 2 turns"):
        conversation.undo(3)
    assert [t.prompt for t in conversation.undo(1)] == ["b"]
    assert (had_data, conversation.has_data) == (True, False)
    assert conversation.find(conversation[0].id) == 0


def test_what_stands_before_a_turn() -> None:
    conversation = Conversation(turns=[turn("a", "1"), turn("b", "2")])
    assert [m["content"] for m in conversation.to_messages(before=conversation[1].id)] == ["a", "1"]
    assert conversation.numbered(2) is conversation[1]
    assert conversation.numbered(-2) is conversation[0]
    with pytest.raises(UsageError, match="has no turn 3: there are 2"):
        conversation.numbered(3)


def test_a_fork_goes_its_own_way() -> None:
    conversations = Conversations()
    conversations.current.commit(turn("a", "1"))
    conversations.current.commit(turn("b", "2"))
    fork = conversations.fork(at=1)
    assert (fork.name, conversations.current) == ("main-2", fork)
    fork.commit(turn("c", "3"))
    assert texts(fork) == ["a", "1", "c", "3"]
    assert texts(conversations["main"]) == ["a", "1", "b", "2"]
    with pytest.raises(UsageError, match="cannot fork at turn 9"):
        conversations.fork(at=9)


@pytest.mark.parametrize("name", ["", "two\nlines", "x" * 101, "main"])
def test_a_name_that_cannot_be_one_is_refused_and_nothing_changes(name: str) -> None:
    conversations = Conversations()
    with pytest.raises(UsageError):
        conversations.new(name)
    assert list(conversations) == ["main"]
    with pytest.raises(UsageError, match="did you mean main"):
        conversations.use("mian")


def test_a_name_stays_and_is_told_as_it_must_be_typed() -> None:
    """Changed from outside, it would no longer be the one by which the conversation is found."""
    talks = Conversations()
    made = talks.new("two words")
    with pytest.raises(AttributeError):
        made.name = "other"  # type: ignore[misc]  # it has no setter
    with pytest.raises(UsageError, match="there are: main, 'two words'; %chat --new 'a b' begins"):
        talks.use("a b")


def test_a_conversation_gets_another_name_and_keeps_its_place() -> None:
    """It is the same one: found by its new name, told of, and current as before."""
    talks = Conversations()
    talks.new("a").commit(turn("q", "r"))
    talks.new("b")
    talks.use("a")
    told: list[str] = []
    talks.watch(lambda c: told.append(c.name))
    assert talks.rename("a", " churn ") is talks.current
    assert (list(talks), talks.current.name, told) == (["main", "churn", "b"], "churn", ["churn"])
    assert talks.rename("churn", "churn") is talks.current
    for name, new in (("churn", "b"), ("churn", ""), ("a", "c")):
        with pytest.raises(UsageError):
            talks.rename(name, new)
    assert list(talks) == ["main", "churn", "b"]


def test_a_conversation_that_is_deleted_is_found_no_more() -> None:
    """The latest other one is gone on with; after the only one, one begins anew."""
    talks = Conversations()
    main, other = talks.current, talks.new("other")
    main.commit(turn("q", "r"))
    talks.new("third")
    assert talks.delete("other").name == "third"
    assert talks.delete("third") is main
    told: list[str] = []
    talks.watch(lambda c: told.append(c.name))
    other.commit(turn("a", "b"))
    assert told == []
    assert talks.delete("main") is talks.current
    assert talks.current is not main
    assert ({name: len(talk) for name, talk in talks.items()}, told) == ({"main": 0}, ["main"])
    with pytest.raises(UsageError, match="unknown conversation other"):
        talks.delete("other")


def test_watchers_are_told_of_every_change_until_they_end_it() -> None:
    conversations = Conversations()
    seen: list[tuple[str, int]] = []
    end = conversations.watch(lambda c: seen.append((c.name, len(c))))
    main = conversations.current
    main.commit(turn("a", "1"))
    main.add_alternative(main[0].id, exchange("a", "one"))
    main.choose(main[0].id, 0)
    main.system = "Be brief."
    conversations.new("other")
    conversations.use("main")
    main.undo()
    main.reset()
    assert seen == [("main", 1)] * 4 + [("other", 0), ("main", 1), ("main", 0), ("main", 0)]
    end()
    main.commit(turn("b", "2"))
    assert len(seen) == 8


def test_a_watcher_may_wait_for_another_thread_that_looks() -> None:
    """Nothing is told under the lock: a journal that hears of two changes would wait for ever."""
    conversation = Conversation(turns=[turn("a", "1")])
    seen: list[int] = []

    def look_elsewhere(changed: Conversation) -> None:
        looker = threading.Thread(target=lambda: seen.append(len(changed.turns())), daemon=True)
        looker.start()
        looker.join(30)
        assert not looker.is_alive()

    conversation.watch(look_elsewhere)
    conversation.commit(turn("b", "2"))
    (gone,) = conversation.undo()
    conversation.add_alternative(gone.id, exchange("b", "two"))
    conversation.add_alternative(conversation[0].id, exchange("a", "one"))
    conversation.choose(conversation[0].id, 0)
    conversation.system = "Be brief."
    conversation.reset()
    assert seen == [2, 1, 2, 2, 2, 2, 0]


def test_threads_that_begin_conversations_get_one_each() -> None:
    """No name is given twice, and no conversation takes the place of another one."""
    talks = Conversations()
    start = threading.Barrier(8)

    def begin() -> list[Conversation]:
        start.wait()
        return [talks.new() if n % 2 else talks.fork() for n in range(50)]

    with ThreadPoolExecutor(8) as pool:
        made = [
            each for future in [pool.submit(begin) for _ in range(8)] for each in future.result()
        ]
    assert len({each.name for each in made}) == 400
    assert all(talks[each.name] is each for each in made)


def test_threads_that_watch_lose_no_watcher() -> None:
    """Whoever begins or ends to watch at the same moment, all others are told."""
    talk = Conversation()
    heard: list[int] = []
    start = threading.Barrier(8)

    def watch(number: int) -> None:
        start.wait()
        for _ in range(200):
            talk.watch(lambda _changed: None)()
        talk.watch(lambda _changed: heard.append(number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(watch, range(8)))
    talk.reset()
    assert sorted(heard) == list(range(8))


@pytest.mark.parametrize(
    ("turns", "number", "said"),
    [
        ([], 1, "the conversation main has no turn yet"),
        ([("a", "1")], 0, "the conversation main has no turn 0: there are 1, counted from 1"),
        ([("a", "1")], -2, "the conversation main has no turn -2: there are 1, counted from 1"),
    ],
)
def test_a_number_that_no_turn_has_is_refused(
    turns: list[tuple[str, str]], number: int, said: str
) -> None:
    """The error says how many there are."""
    with pytest.raises(UsageError) as caught:
        Conversation(turns=[turn(*pair) for pair in turns]).numbered(number)
    assert str(caught.value) == said


def test_turns_count_from_one_and_from_the_end() -> None:
    """The first is 1 and the last -1."""
    talk = Conversation(turns=[turn(prompt, "x") for prompt in "abc"])
    assert [talk.numbered(number).prompt for number in (1, 2, 3, -1, -3)] == list("abcca")


def test_a_turn_is_found_by_its_id() -> None:
    """One that is gone, or that was never there, is None."""
    talk = Conversation(turns=[turn("a", "1"), turn("b", "2")])
    assert talk.turn(talk[0].id) is talk[0]
    assert talk.turn(talk[1].id) is talk[1]
    (gone,) = talk.undo()
    assert (talk.turn(gone.id), talk.turn(None)) == (None, None)


def test_what_cannot_be_done_is_said_in_words() -> None:
    """One of a thing is not several, and a turn that is gone is told as such."""
    talk = Conversation(turns=[turn("a", "1")])
    first = talk[0].id
    with pytest.raises(UsageError) as caught:
        talk.choose(first, 1)
    assert str(caught.value) == "turn 1 has 1 alternative, got number 2"
    with pytest.raises(UsageError) as caught:
        talk.undo(2)
    assert str(caught.value) == "cannot undo 2: the conversation main has 1 turn"
    talk.undo()
    with pytest.raises(UsageError) as caught:
        talk.choose(first, 0)
    assert str(caught.value) == "this turn is no longer in the conversation"


def test_a_turn_that_comes_back_has_its_id_again() -> None:
    """An answer to a turn that was undone stands where it is found."""
    talk = Conversation(turns=[turn("a", "1")])
    (gone,) = talk.undo()
    assert talk.add_alternative(gone.id, exchange("a", "one")).id == gone.id
    assert talk.find(gone.id) == 0


def test_a_fork_has_the_instruction_and_the_summary() -> None:
    """It goes on exactly where it left, from the beginning, or from any turn up to the last."""
    talk = Conversation(turns=[turn("a", "1"), turn("b", "2")], system="Be brief.")
    talk.summary = Summary("They spoke.", ((talk[0].id, 0),))
    assert [len(talk.fork("side", at=at)) for at in (0, 1, 2, None)] == [0, 1, 2, 2]
    fork = talk.fork("side")
    assert (fork.name, fork.system, fork.summary) == ("side", "Be brief.", talk.summary)
    for at in (-1, 3):
        with pytest.raises(UsageError, match=rf"at turn {at}: the conversation main has 2"):
            talk.fork("side", at=at)


@pytest.mark.parametrize("lasting", [True, False])
def test_whether_there_is_data_is_known_after_every_change(lasting: bool) -> None:  # noqa: FBT001  # an example
    """It is counted, and neither another answer nor an undo makes the count wrong."""
    talk = Conversation()
    talk.commit(turn("a", "1", has_data=lasting))
    talk.commit(turn("b", "2", has_data=True))
    talk.commit(turn("c", "3"))
    assert talk.has_data
    talk.add_alternative(talk[1].id, exchange("b", "two"))
    assert talk.has_data == lasting
    talk.choose(talk[1].id, 0)
    assert talk.has_data
    talk.choose(talk[1].id, 0)
    talk.undo(2)
    assert talk.has_data == lasting
    talk.undo()
    assert not talk.has_data


def test_it_is_shown_by_its_name_and_its_length() -> None:
    """One turn is not several."""
    talk = Conversation("side")
    assert repr(talk) == "<Conversation 'side': 0 turns>"
    talk.commit(turn("a", "1"))
    assert repr(talk) == "<Conversation 'side': 1 turn>"
    talk.commit(turn("b", "2"))
    assert repr(talk) == "<Conversation 'side': 2 turns>"


def test_a_copy_holds_what_it_holds_and_tells_nobody() -> None:
    """Name, turns, instruction and summary are those of the original; changes stay its own."""
    talk = Conversation("side", [turn("a", "1")], system="Be brief.")
    talk.summary = Summary("They spoke.", ((talk[0].id, 0),))
    heard: list[Conversation] = []
    talk.watch(heard.append)
    for made in (copy.copy(talk), pickle.loads(pickle.dumps(talk))):  # noqa: S301  # its own
        assert (made.name, list(made), made.system) == ("side", list(talk), "Be brief.")
        assert made.summary == talk.summary
        made.undo()
    assert (len(talk), heard) == (1, [])


def test_ids_of_calls_are_those_of_all_answers() -> None:
    """Also of alternatives that are not chosen: none of them is given again."""

    def calling(call_id: str) -> Exchange:
        call = ToolCall(id=call_id, name="f", arguments="{}")
        messages = (
            Message("user", "a"),
            Message("assistant", None, (call,)),
            Message("tool", "1", tool_call_id=call_id),
            Message("assistant", "b"),
        )
        return Exchange(messages=messages, reply=Reply(choices=(Choice(text="b"),)))

    talk = Conversation(turns=[Turn(alternatives=(calling("x"), calling("y")), chosen=1)])
    talk.commit(Turn(alternatives=(calling("z"),)))
    assert talk.call_ids() == {"x", "y", "z"}


def test_the_end_of_one_watcher_leaves_the_others() -> None:
    """Of a conversation, and of all of them."""
    for watched in (Conversation(), Conversations()):
        heard: list[str] = []
        end = watched.watch(partial(_hear, heard, "a"))
        watched.watch(partial(_hear, heard, "b"))
        end()
        talk = watched if isinstance(watched, Conversation) else watched.current
        talk.reset()
        assert heard == ["b"]


def _hear(heard: list[str], name: str, _changed: Conversation) -> None:
    heard.append(name)


def test_what_is_restored_takes_the_place_of_all() -> None:
    """The turns and the instruction are the new ones, and no summary tells of the old ones."""
    talk = Conversation(turns=[turn("a", "1")], system="Be brief.")
    assert talk.summary is None
    talk.summary = Summary("They spoke.", ((talk[0].id, 0),))
    talk.restore([turn("b", "2", has_data=True)], system="Be kind.")
    assert ([t.prompt for t in talk], talk.system) == (["b"], "Be kind.")
    assert (talk.has_data, talk.find(talk[0].id)) == (True, 0)
    summary: Summary | None = talk.summary
    assert summary is None
    talk.reset()
    assert (len(talk), talk.system, talk.has_data) == (0, None, False)


def test_names_are_in_it() -> None:
    """Of the conversations that there are, and no others."""
    talks = Conversations()
    assert "main" in talks
    assert "side" not in talks
