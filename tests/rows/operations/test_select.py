"""Rows of which a prompt is true: what comes back, and what becomes of those without an answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from eighty80_jupyter.errors import RowsError, UsageError
from eighty80_jupyter.session.session import Session
from tests.rows.answering import answering, echo
from tests.support.replies import chat_reply
from tests.support.scripted import ScriptedServer

PROMPT = "Is {{text}} even?"
NUMBERS: dict[str, list[Any]] = {"text": ["n 0", "n 1", "n 2", "n 3"], "n": [0, 1, 2, 3]}


def even(prompt: str) -> str:
    """Say whether the number in a prompt is even; nothing of use for 3."""
    number = int(prompt.split()[2])
    return "I cannot say" if number == 3 else str(number % 2 == 0).lower()


@pytest.fixture(autouse=True)
def _answers(session: Session, server: ScriptedServer) -> None:
    server.handler = answering(even)
    session.config.repairs = 0


FRAMES: list[tuple[Any, Any]] = [
    (pd.DataFrame(NUMBERS, index=[5, 5, 6, 6]), lambda found: found["n"].tolist()),
    (pl.DataFrame(NUMBERS), lambda found: found["n"].to_list()),
    (pa.table(NUMBERS), lambda found: found["n"].to_pylist()),
    (NUMBERS, lambda found: found["n"]),
    ([{"text": text} for text in NUMBERS["text"]],
     lambda found: [int(row["text"][2]) for row in found]),
    (dict(zip("abcd", [{"text": t} for t in NUMBERS["text"]], strict=True)),
     lambda found: ["abcd".index(key) for key in found]),
]  # fmt: skip


@pytest.mark.parametrize(("data", "numbers"), FRAMES, ids=[str(n) for n in range(len(FRAMES))])
def test_the_same_kind_comes_back(
    session: Session, server: ScriptedServer, data: Any, numbers: Any
) -> None:
    """With the rows of which it is true; those that are undecided as it is said."""
    assert numbers(session.filter(data, PROMPT, undecided="drop")) == [0, 2]
    assert numbers(session.filter(data, PROMPT, undecided="keep")) == [0, 2, 3]
    kept, rest = session.filter(data, PROMPT, undecided="return")
    assert (numbers(kept), numbers(rest)) == ([0, 2], [3])
    server.handler = answering(lambda _prompt: "false")
    assert numbers(session.filter(data, PROMPT, fresh=True)) == []
    assert type(kept) is type(data)


def test_lists_iterators_and_arrays_are_filtered(session: Session) -> None:
    """An iterator is read to its end, and comes back as a list."""
    prompt = "Is {{row}} even?"
    texts = ["n 0", "n 1", "n 2"]
    assert session.filter(texts, prompt) == ["n 0", "n 2"]
    assert session.filter(tuple(texts), prompt) == ("n 0", "n 2")
    assert session.filter(iter(texts), prompt) == ["n 0", "n 2"]
    assert session.filter(np.array(texts), prompt).tolist() == ["n 0", "n 2"]
    assert session.filter(pd.Series(texts, index=[7, 8, 9]), prompt).index.tolist() == [7, 9]
    assert session.filter([], prompt) == []


def test_undecided_rows_raise_with_their_number(session: Session) -> None:
    """Never is a row without an answer taken for one or the other."""
    frame = pd.DataFrame({"text": ["n 0", "n 3", None, ""]})
    with pytest.raises(RowsError) as caught:
        session.filter(frame, PROMPT)
    line = str(caught.value)
    assert line.startswith(
        "3 rows are undecided (1 failed, 2 had nothing to ask about; the first: "
    )
    assert line.endswith('; undecided="keep", "drop" or "return" says what becomes of them')
    assert caught.value.run is session.last_run
    assert session.filter(frame, PROMPT, undecided="drop").index.tolist() == [0]


def test_a_server_that_never_makes_sense_filters_nothing(
    session: Session, server: ScriptedServer
) -> None:
    """Whatever is said of undecided rows: no list of true ones comes of it."""
    server.handler = lambda _request: chat_reply("not true at all")
    for undecided in ("raise", "drop", "keep", "return"):
        with pytest.raises(RowsError, match="4 failed"):
            session.filter(pd.DataFrame(NUMBERS), PROMPT, undecided=undecided)


def test_what_makes_no_sense_is_refused(session: Session, server: ScriptedServer) -> None:
    """Before anything is sent."""
    for keywords, words in (
        (
            {"undecided": "ignore"},
            "undecided must be raise or keep or drop or return, got",
        ),
        ({"returns": int}, "filter takes no returns; chat.rows does"),
        ({"samples": 3}, "filter takes no samples"),
        ({"try_rows": 3}, "filter takes no try_rows"),
    ):
        with pytest.raises(UsageError, match=words):
            session.filter(NUMBERS, PROMPT, **keywords)
    assert server.requests == []


def test_answers_are_kept_for_the_next_time(session: Session, server: ScriptedServer) -> None:
    """As those of any run over rows."""
    for _ in range(2):
        session.filter(NUMBERS["text"][:3], "Is {{row}} even?")
    assert len(server.requests) == 3
    assert echo("a b") == "b"
