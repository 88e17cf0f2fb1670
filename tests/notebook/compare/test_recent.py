"""The last live answers: they belong to one turn of one conversation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from eighty80_jupyter.notebook.compare.recent import STRIP, LiveAnswer, RecentAnswers
from eighty80_jupyter.session.session import Session
from tests.support.talks import plain_exchange, plain_turn


@pytest.fixture(name="session")
def _session() -> Iterator[Session]:
    session = Session(environ={})
    session.conversation.commit(plain_turn("first", "one"))
    yield session
    session.close()


def answered(session: Session, *texts: str) -> RecentAnswers:
    """Return the answers to the last turn, these among them."""
    recent = RecentAnswers(session)
    recent.look()
    for text in texts:
        recent.add(LiveAnswer(text, plain_exchange("first", text)))
    return recent


def labels(recent: RecentAnswers) -> list[str]:
    return [answer.label for answer in recent.answers]


def test_answers_of_another_turn_go_away(session: Session) -> None:
    """A turn that follows begins with none, and none is on show."""
    recent = answered(session, "a", "b")
    session.conversation.commit(plain_turn("second", "two"))
    assert recent.look()
    assert (labels(recent), recent.shown, recent.fresh) == ([], None, None)
    assert not recent.look()


def test_answers_of_another_conversation_go_away(session: Session) -> None:
    """Also where that has the same turn: a fork goes its own way."""
    recent = answered(session, "a")
    session.conversations.fork("side")
    assert recent.look()
    assert labels(recent) == []


def test_answers_go_with_their_turn(session: Session) -> None:
    """One that was taken back has none."""
    recent = answered(session, "a")
    session.conversation.undo()
    assert recent.look()
    assert (labels(recent), recent.turn) == ([], None)
    assert recent.choose(0) is None


def test_another_reply_of_the_same_turn_leaves_them(session: Session) -> None:
    """They can still be chosen; what was on show is not any more."""
    recent = answered(session, "a", "b")
    turn = session.conversation[0]
    session.conversation.add_alternative(turn.id, plain_exchange("first", "elsewhere"))
    assert recent.look()
    assert (labels(recent), recent.shown, recent.index) == (["a", "b"], None, None)
    chosen = recent.choose(0)
    assert chosen is not None
    assert (chosen.label, recent.index) == ("a", 0)
    assert session.conversation[0].reply.text == "a"
    assert not recent.look()  # its own change is no news


def test_the_last_eight_stay(session: Session) -> None:
    """The oldest goes first, and the newest is on show."""
    recent = answered(session, *map(str, range(STRIP + 2)))
    assert labels(recent) == [str(n) for n in range(2, STRIP + 2)]
    assert recent.index == STRIP - 1
    for number in (-1, STRIP):
        assert recent.choose(number) is None


def test_an_answer_is_kept_once(session: Session) -> None:
    """It becomes an alternative of the turn; kept again, nothing changes."""
    recent = answered(session, "a")
    recent.keep()
    recent.keep()
    assert [a.reply.text for a in session.conversation[0].alternatives] == ["one", "a"]
    assert (recent.fresh, recent.index) == (None, 0)


def test_the_turns_own_reply_is_one_of_them_where_it_is_known(session: Session) -> None:
    """Else it stands beside them."""
    recent = answered(session, "a")
    recent.show_own(session.conversation[0], "as set")
    assert recent.shown is not None
    assert (recent.shown.label, recent.index, recent.fresh) == ("as set", None, None)
    recent.choose(0)
    recent.show_own(session.conversation[0], "as set")
    assert (recent.shown.label, recent.index) == ("a", 0)
    recent.clear()
    assert not recent.answers
    assert recent.index is None
