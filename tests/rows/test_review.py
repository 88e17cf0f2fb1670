"""A review: random and doubtful rows, one at a time, and what becomes of their labels."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.session.session import Session
from tests.support.replies import Reply, chat_reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eighty80_jupyter.rows.review import Review
    from tests.support.scripted import ScriptedServer
    from tests.support.wire import Request

COUNT = 100


@pytest.fixture(name="session")
def _session(server: ScriptedServer) -> Iterator[Session]:
    """Give a session that cannot answer each tenth row at the first attempt."""
    asked: set[int] = set()

    def answer(request: Request) -> Reply | None:
        if request.method != "POST":
            return None
        messages = request.json["messages"]
        number = int(re.findall(r"ticket (\d+)", json.dumps(messages))[-1])
        if number % 10 == 0 and number not in asked:
            asked.add(number)
            return chat_reply("hard to say")
        return chat_reply(("feature", "bug")[number % 2])

    server.handler = answer
    session = Session(ChatConfig(keep_answers=False), environ={"_8080_API_URL": server.url})
    yield session
    session.close()


def reviewed(session: Session, **options: Any) -> Review:
    session.row_runs.show_review = lambda _review: None
    data = pd.DataFrame({"text": [f"ticket {n}" for n in range(COUNT)]})
    run = session.rows(data, "classify {{text}}", returns=["bug", "feature"], column="label")
    review: Review = run.review(**options)
    return review


def test_random_and_doubtful_rows_are_mixed(session: Session) -> None:
    """Half are drawn at random; those of a second attempt are among the others; each once."""
    review = reviewed(session, n=20)
    doubtful = {n for n in range(COUNT) if n % 10 == 0}
    assert len(set(review.positions)) == len(review.positions)
    assert doubtful <= set(review.positions)
    assert len(review.drawn) == 10
    assert review.positions != sorted(review.positions)
    again, other = reviewed(session, n=20), reviewed(session, n=20, seed=1)
    assert again.positions == reviewed(session, n=20).positions
    assert again.positions != other.positions


def test_labels_go_where_they_belong(session: Session) -> None:
    """A label goes on, back takes it up again, and random labels stand by themselves."""
    review = reviewed(session, n=20)
    first, second, third = review.positions[:3]
    assert review.row() == [("text", f"ticket {first}")]
    review.label(0)
    review.skip()
    review.label(1)
    review.back()
    review.label(0)
    review.label(7)  # no such label
    assert review.given == {first: "bug", third: "bug"}
    assert review.labels[first] == "bug"
    assert review.labels[second] is None
    assert len(review.labels) == COUNT
    assert {at for at, label in enumerate(review.random) if label} == set(
        review.given
    ) & review.drawn
    frame = review.frame
    assert list(frame.columns) == ["text", "label", "y"]
    assert frame["y"][first] == "bug"
    while not review.done:
        review.label(1)
    assert review.row() == []
    review.label(1)
    assert len(review.given) == len(review.positions) - 1


def test_random_labels_correct_the_shares(session: Session) -> None:
    """What was labelled goes straight into `share`."""
    session.row_runs.show_review = lambda _review: None
    data = pd.DataFrame({"text": [f"ticket {n}" for n in range(COUNT)]})
    run = session.rows(data, "classify {{text}}", returns=["bug", "feature"])
    review = run.review(n=30)
    while not review.done:
        review.label(0 if "1" in review.row()[0][1] else 1)
    table = run.share(truth=review.random)
    assert table["labelled"].tolist() == [len(review.drawn)] * 2


def test_what_cannot_be_reviewed_is_refused(session: Session) -> None:
    """Free texts have too many labels, and a page or terminal is needed."""
    data = pd.DataFrame({"text": [f"ticket {n}" for n in range(COUNT)]})
    run = session.rows(data, "classify {{text}}", returns=["bug", "feature"])
    with pytest.raises(UsageError, match="a review needs a notebook"):
        run.review()
    session.row_runs.show_review = lambda _review: None
    with pytest.raises(UsageError, match="n is the number of rows"):
        run.review(n=0)
    with pytest.raises(UsageError, match="needs all rows"):
        session.rows(data, "classify {{text}}", try_rows=3, returns=["bug", "feature"]).review()
    with pytest.raises(UsageError, match=r"1 to 9 labels, a key each, got 10"):
        session.rows(
            data, "classify {{text}}", returns=["bug", "feature", *map(str, range(8))]
        ).review()
