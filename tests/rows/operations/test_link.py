"""Rows that belong together: which pairs are asked about, and what becomes of the answers."""

from __future__ import annotations

import sys
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from eighty80_jupyter.errors import RowsError, UsageError
from eighty80_jupyter.rows.frames import open_rows
from eighty80_jupyter.session.session import Session
from tests.rows.answering import answering
from tests.support.scripted import ScriptedServer

PROMPT = "Same? {{left.name}} / {{right.name}}"
OURS = {"name": ["Ann Lee", "Bob Ray", "Cy Fox"], "zip": ["1", "2", None], "id": [1, 2, 3]}
THEIRS = {"name": ["LEE, Ann", "Bo Ray", "Zed"], "zip": ["1", "2", "9"], "rank": [7, 8, 9]}
FIRMS = {
    "name": ["Acme", "Brown", "ACME Inc", "acme co", "brown ltd", None],
    "zip": ["1", "2", "1", "1", "2", "1"],
}


def same(prompt: str) -> str:
    """Say whether the two names of a prompt have a word in common."""
    left, right = prompt.removeprefix("Same? ").casefold().replace(",", "").split(" / ")
    if "zed" in (left, right):
        return "who knows"
    return str(bool(set(left.split()) & set(right.split()))).lower()


@pytest.fixture(autouse=True)
def _answers(session: Session, server: ScriptedServer) -> None:
    server.handler = answering(same)
    session.config.repairs = 0


def pairs(server: ScriptedServer) -> list[str]:
    """Return the pairs that were asked about since this was asked."""
    asked = [request.json["messages"][-1]["content"] for request in server.requests]
    server.requests.clear()
    return sorted(prompt.removeprefix("Same? ") for prompt in asked)


KINDS: dict[str, Any] = {
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "pyarrow": pa.table,
    "columns": dict,
}


@pytest.mark.parametrize("kind", KINDS)
def test_pairs_come_back_with_the_columns_of_both(
    session: Session, server: ScriptedServer, kind: str
) -> None:
    """Those that belong together; asked are only those that are equal in the block."""
    found = session.match(KINDS[kind](OURS), KINDS[kind](THEIRS), PROMPT, block="zip")
    assert pairs(server) == ["Ann Lee / LEE, Ann", "Bob Ray / Bo Ray"]
    assert type(found) is type(KINDS[kind](OURS))
    rows = open_rows(found)
    (chunk,) = rows.chunks(2)
    table = {name: chunk.column(name) for name in rows.names}
    assert table == {
        "name_left": ["Ann Lee", "Bob Ray"],
        "zip_left": ["1", "2"],
        "id": [1, 2],
        "name_right": ["LEE, Ann", "Bo Ray"],
        "zip_right": ["1", "2"],
        "rank": [7, 8],
        "cluster": [0, 1],
        "contradictory": [False, False],
    }


def test_the_nearest_are_asked_about(session: Session, server: ScriptedServer) -> None:
    """By the words of the columns that the prompt uses, whatever their order and case."""
    session.match(pd.DataFrame(OURS), pd.DataFrame(THEIRS), PROMPT, nearest=1, undecided="drop")
    asked = pairs(server)
    assert "Ann Lee / LEE, Ann" in asked
    assert "Bob Ray / Bo Ray" in asked
    assert len(asked) <= 3
    session.match(OURS, THEIRS, PROMPT, nearest=3, block="zip")
    assert pairs(server) == []  # kept answers
    with pytest.raises(UsageError, match="there is no column 'nme'"):
        session.match(OURS, THEIRS, PROMPT, nearest=3, on="nme")


def test_near_texts_need_an_extra(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line names it, and what goes without."""
    monkeypatch.setitem(sys.modules, "rapidfuzz", None)
    with pytest.raises(UsageError, match=r"pip install 'eighty80-jupyter\[rows\]'; block= goes"):
        session.match(OURS, THEIRS, PROMPT, nearest=1)


def test_all_pairs_are_asked_about_up_to_the_limit(
    session: Session, server: ScriptedServer
) -> None:
    """Nothing is sent beyond it, and nothing made up."""
    found = session.match(OURS, THEIRS, PROMPT, undecided="drop")
    assert (found["id"], found["rank"]) == ([1, 2], [7, 8])
    assert len(pairs(server)) == 9
    session.config.rows_limit = 8
    with pytest.raises(UsageError, match="9 pairs, more than ChatConfig"):
        session.match(OURS, THEIRS, PROMPT)
    with pytest.raises(UsageError, match="15 pairs, more than ChatConfig"):
        session.dedupe(FIRMS, PROMPT)
    assert session.match(OURS, THEIRS, PROMPT, undecided="drop", all=True) == found
    assert pairs(server) in ([], ["Ann Lee / Zed", "Bob Ray / Zed", "Cy Fox / Zed"])


@pytest.mark.parametrize("how", [{}, {"block": "zip"}, {"nearest": 3}], ids=repr)
def test_nothing_is_asked_about_a_row_without_anything(
    session: Session, server: ScriptedServer, how: dict[str, Any]
) -> None:
    """A missing or blank name belongs to no other, whatever the server would say."""
    server.handler = answering(lambda _prompt: "true")
    ours = pd.DataFrame({"name": ["Ann", None, "  "], "zip": [1, 1, 1]})
    theirs = pd.DataFrame({"name": [None, "Ann"], "zip": [1, 1]})
    found = session.match(ours, theirs, PROMPT, **how)
    assert found["name_left"].tolist() == found["name_right"].tolist() == ["Ann"]
    assert session.dedupe(ours, PROMPT, **how)["cluster"].tolist() == [0, 1, 2]
    assert len(server.chats) == 1


def test_undecided_pairs_raise_or_are_dropped(session: Session) -> None:
    """They are never taken for the same."""
    with pytest.raises(RowsError, match=r'3 pairs are undecided .*; undecided="drop" takes them'):
        session.match(OURS, THEIRS, PROMPT)
    with pytest.raises(UsageError, match="undecided must be raise or drop"):
        session.match(OURS, THEIRS, PROMPT, undecided="keep")  # type: ignore[arg-type]  # wrong


def test_links_become_clusters(session: Session, server: ScriptedServer) -> None:
    """Each row has the number of its own, with the index and types of the table."""
    frame = pd.DataFrame(FIRMS, index=list("aabbcc"))
    found = session.dedupe(frame, PROMPT, block="zip")
    assert found["cluster"].tolist() == [0, 1, 0, 0, 1, 2]
    assert found["cluster_contradictory"].tolist() == [False] * 6
    assert found.dtypes.astype(str).to_dict()["cluster"] == "Int64"
    assert found.index.tolist() == list("aabbcc")
    asked = pairs(server)
    assert "Acme / ACME Inc" in asked
    assert "ACME Inc / Acme" not in asked
    assert session.dedupe(pl.DataFrame(FIRMS), PROMPT, block=["zip"])["cluster"].to_list() == [
        0, 1, 0, 0, 1, 2,
    ]  # fmt: skip
    near = session.dedupe(frame, PROMPT, nearest=2, undecided="drop")
    assert near["cluster"].tolist()[:5] == [0, 1, 0, 0, 1]


def test_a_cluster_that_contradicts_itself_is_flagged(
    session: Session, server: ScriptedServer
) -> None:
    """Where two are the same as a third, and different from each other."""
    server.handler = answering(lambda prompt: "false" if prompt == "Same? a / c" else "true")
    names = {"name": ["a", "b", "c"]}
    found = session.dedupe(names, PROMPT, column="firm")
    assert found == {**names, "firm": [0, 0, 0], "firm_contradictory": [True] * 3}
    matched = session.match({"name": ["a", "b"]}, {"name": ["b", "c"]}, PROMPT)
    assert matched["contradictory"] == [True] * 3


def test_lists_become_pairs(session: Session) -> None:
    """Of items that have no columns, as dictionaries of left and right."""
    found = session.match(["Ann Lee"], ["Lee", "Bo"], "Same? {{left}} / {{right}}")
    assert found == [{"left": "Ann Lee", "right": "Lee", "cluster": 0, "contradictory": False}]
    records = session.dedupe([{"name": "x y"}, {"name": "y"}], PROMPT)
    assert [record["cluster"] for record in records] == [0, 0]
    assert session.match([], ["a"], "{{left}} {{right}}") == []


@pytest.mark.parametrize(
    ("right", "prompt", "keywords", "words"),
    [
        (
            pd.DataFrame(THEIRS),
            PROMPT,
            {},
            "both tables must be of one kind, got columns and pandas",
        ),
        (THEIRS, "Same? {{left.name}}", {}, "the prompt names a column of both sides"),
        (THEIRS, PROMPT, {"block": "zap"}, "there is no column 'zap'"),
        (THEIRS, PROMPT, {"block": []}, "block names no column"),
        (THEIRS, PROMPT, {"nearest": 0}, "nearest must be a whole number of at least 1"),
        (THEIRS, PROMPT, {"returns": int}, "match takes no returns"),
    ],
)
def test_what_cannot_be_matched_is_refused(  # noqa: PLR0917  # its parameters are what is tried
    session: Session, server: ScriptedServer, right: Any, prompt: str, keywords: Any, words: str
) -> None:
    """Before anything is sent."""
    with pytest.raises(UsageError, match=words):
        session.match(OURS, right, prompt, **keywords)
    assert server.requests == []
