"""`run.share`: shares of labels, corrected by rows that somebody has labelled."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.evaluation.shares import share
from eighty80_jupyter.session.session import Session
from tests.support.replies import Reply, chat_reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.scripted import ScriptedServer
    from tests.support.wire import Request


@pytest.fixture(name="session")
def _session(server: ScriptedServer) -> Iterator[Session]:
    """Give a session whose model says yes to even numbers, and to each third of the odd ones."""

    def answer(request: Request) -> Reply | None:
        if request.method != "POST":
            return None
        number = int(re.findall(r"\d+", request.json["messages"][-1]["content"])[-1])
        return chat_reply("yes" if number % 2 == 0 or number % 3 == 0 else "no")

    server.handler = answer
    session = Session(ChatConfig(keep_answers=False), environ={"_8080_API_URL": server.url})
    yield session
    session.close()


def frame(labelled: int) -> pd.DataFrame:
    looked_at = set(random.Random(1).sample(range(300), labelled))
    truth = [("no", "yes")[n % 2 == 0] if n in looked_at else np.nan for n in range(300)]
    return pd.DataFrame({"n": range(300), "y": truth, "month": [n // 150 for n in range(300)]})


def test_shares_are_corrected_by_group(session: Session) -> None:
    """Each label has its share in each group, which is that of the formula for these rows."""
    data = frame(80)
    run = session.rows(data, "even? {{n}}", returns=["yes", "no"], column="even")
    table = run.share("even", truth="y", by="month")
    assert list(table[["month", "label"]].itertuples(index=False, name=None)) == [
        (0, "yes"), (0, "no"), (1, "yes"), (1, "no"),
    ]  # fmt: skip
    for row in table.itertuples():
        inside = data[data.month == row.month]
        answers = [n % 2 == 0 or n % 3 == 0 for n in inside.n]
        truth = [None if pd.isna(y) else y == "yes" for y in inside.y]
        expected = share(answers, truth)
        if row.label == "yes":
            assert (row.share, row.low, row.high) == pytest.approx(
                (expected.value, expected.low, expected.high)
            )
            assert row.model == pytest.approx(np.mean(answers))
            assert (row.labelled, row.rows) == (sum(t is not None for t in truth), 150)
    both = table.groupby("month")["share"].sum()
    assert both.tolist() == pytest.approx([1, 1])


@pytest.mark.parametrize(
    ("name", "groups"),
    [
        ("part", ["a", None]),
        ("part", [1.0, np.nan]),
        ("part", [pd.NaT, pd.Timestamp("2024")]),
        ("part", [("x", ["y"]), None]),
        ("rows", ["x", " "]),
    ],
)
def test_groups_of_any_kind(session: Session, name: str, groups: list[Any]) -> None:
    """What is missing is one group, and a column of the table hides none of the answers."""
    data = frame(80).assign(**{name: [groups[n % 2] for n in range(300)]})
    data["y"] = data["y"].str.upper()  # case does not count
    table = session.rows(data, "even? {{n}}", returns=["yes", "no"]).share(truth="y", by=name)
    assert len(table) == 4
    assert table["rows"].tolist() == [150] * 4
    group = table[name if name == "part" else f"by_{name}"]
    assert group.isna().sum() == 2
    assert set(table["label"]) == {"yes", "no"}
    with pytest.raises(UsageError, match="by names one column"):
        session.rows(data, "even? {{n}}", returns=["yes", "no"]).share(by=[name])


def test_without_labels_the_note_says_so(session: Session) -> None:
    """The model's own share stands there, with a note that nothing corrects it."""
    run = session.rows(frame(0), "even? {{n}}", returns=["yes", "no"])
    table = run.share()
    assert table["share"].tolist() == table["model"].tolist()
    assert all("no row is labelled" in note for note in table["note"])
    assert table["low"].isna().all()
    assert run.share(truth=[None] * 300)["labelled"].tolist() == [0, 0]
    assert run.share(truth="y")["share"].tolist() == table["share"].tolist()
    given = run.share(truth=[None] * 299 + ["no"])
    assert given["labelled"].tolist() == [1, 1]


def test_what_has_no_shares_is_refused(session: Session) -> None:
    """Samples, some of the rows, and answers that are no labels are refused in a line."""
    data = frame(10)
    with pytest.raises(UsageError, match="samples"):
        session.rows(data, "even? {{n}}", samples=2, returns=["yes", "no"]).share()
    with pytest.raises(UsageError, match="needs all rows"):
        session.rows(data, "even? {{n}}", try_rows=5, returns=["yes", "no"]).share()
    run = session.rows(data, "even? {{n}}", returns=["yes", "no"])
    with pytest.raises(UsageError, match="there is no column 'z'"):
        run.share(truth="z")
    with pytest.raises(UsageError, match="confidence"):
        run.share(confidence=95)
