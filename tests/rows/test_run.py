"""Runs over rows: each row once, in order; what is asked and what comes of it."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from eighty80_jupyter.errors import RowsError, UsageError
from tests.rows.answering import LABELS, PROMPT, answering, echo, label, prompt_of, texts
from tests.support.replies import chat_reply
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from eighty80_jupyter.session.session import Session
    from tests.support.scripted import ScriptedServer


def test_order_and_index_under_random_delays(server: ScriptedServer, session: Session) -> None:
    """Each row is asked once, and its answer stands beside it in whatever order they arrive."""
    server.handler = answering(echo, delays=random.Random(7))
    frame = pd.DataFrame({"text": [f"row {n}" for n in range(200)]}, index=list(range(100)) * 2)
    run = session.rows(frame, PROMPT, column="seen")
    assert run.frame["seen"].tolist() == [str(n) for n in range(200)]
    assert run.frame.index.tolist() == frame.index.tolist()
    assert "seen" not in frame.columns
    assert sorted(map(prompt_of, server.chats)) == sorted(f"Classify: row {n}" for n in range(200))
    assert session.last_run is run


def test_duplicates_and_missing_rows(server: ScriptedServer, session: Session) -> None:
    """Equal rows are asked once, rows without anything are skipped, and all are counted."""
    server.handler = answering(echo)
    frame = pd.DataFrame({"text": ["row 1", None, "row 1", " ", float("nan"), "row 2"]})
    run = session.rows(frame, PROMPT)
    assert len(server.chats) == 2
    assert run.values == ["1", None, "1", None, None, "2"]
    progress = run.progress()
    assert (progress.asked, progress.duplicates, progress.skipped, progress.done) == (2, 1, 3, 6)
    assert run.frame["answer"].isna().tolist() == [False, True, False, True, True, False]


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("Classify", "names no column"),
        ("Classify {{other}}", "names no column"),
        ("Classify {{txt}}", "no variable 'txt'"),
        ("Classify {{__import__('os').system('true')}} {{text}}", "no field"),
        ("", "names a column"),
    ],
)
def test_prompts_that_are_refused(session: Session, prompt: str, words: str) -> None:
    """A prompt that names no column, or what there is not, is refused before anything is sent."""
    session.namespace = {"other": 1}
    with pytest.raises(UsageError, match=words):
        session.rows(texts(3), prompt)


def test_column_that_is_there(server: ScriptedServer, session: Session) -> None:
    """A column of that name is refused, unless the same prompt has made it."""
    server.handler = answering(echo)
    with pytest.raises(UsageError, match="have the column text already"):
        session.rows(texts(3), PROMPT, column="text")
    again = session.rows(session.rows(texts(3), PROMPT).frame, PROMPT)
    assert [row["answer"] for row in again.frame] == ["0", "1", "2"]
    with pytest.raises(UsageError, match="answer already"):
        session.rows(again.frame, "Otherwise: {{text}}")
    session.rows(texts(1), "Otherwise: {{text}}", column="other")  # the latest is another one
    assert session.rows(again.frame[1:], PROMPT).counts == {"1": 1, "2": 1}
    by_hand = [{**row, "answer": "mine"} for row in texts(3)]
    with pytest.raises(UsageError, match="answer already"):
        session.rows(by_hand, PROMPT)


def test_price(server: ScriptedServer, make_session: Callable[..., Session]) -> None:
    """Where a price is set a run says what it cost, kept answers not among it; else nothing."""
    usage = {"prompt_tokens": 1_000_000, "completion_tokens": 500_000, "total_tokens": 1_500_000}
    server.handler = answering(lambda prompt: chat_reply(prompt, usage=usage))
    session = make_session(price={"prompt": 0.1, "answer": 0.4})
    assert "3.0M tokens (cost 0.6) in" in session.rows(texts(2), PROMPT).progress().last_line()
    assert session.rows(texts(2), PROMPT).progress().cost == 0
    assert "cost" not in make_session().rows(texts(4), PROMPT).progress().last_line()
    with pytest.raises(UsageError, match="price"):
        make_session(price={"input": 1})


def test_records(server: ScriptedServer, session: Session) -> None:
    """A record becomes one column a field, and its choices are counted while it runs."""
    server.handler = answering(
        lambda prompt: f'{{"label": "{label(prompt)}", "score": {echo(prompt)}}}'
    )
    run = session.rows(
        pd.DataFrame(texts(4)), PROMPT, returns={"label": LABELS, "score": int}, column="t"
    )
    assert run.frame["t_label"].tolist() == ["bug", "feature", "bug", "feature"]
    assert run.frame["t_score"].tolist() == [0, 1, 2, 3]
    assert run.progress().labels == {"bug": 2, "feature": 2}
    assert run.columns == ["t_label", "t_score"]


def test_empty_input(server: ScriptedServer, session: Session) -> None:
    """Without rows nothing is sent, and the column is there with its type."""
    run = session.rows(pd.DataFrame({"text": []}), PROMPT, returns=int)
    assert str(run.frame["answer"].dtype) == "Int64"
    assert not server.chats


def test_expressions_and_iterators_in_the_calling_thread(
    server: ScriptedServer, session: Session
) -> None:
    """What is the user's own is called where the run is waited for, else in a thread of its own."""
    server.handler = answering(echo)
    threads: set[threading.Thread] = set()

    def shout(text: str) -> str:
        threads.add(threading.current_thread())
        return text.upper()

    def source() -> Iterator[str]:
        for number in range(30):
            threads.add(threading.current_thread())
            yield f"row {number}"

    session.namespace = {"shout": shout}
    run = session.rows(source(), "Say {{shout(row)}}")
    assert run.values == [str(n) for n in range(30)]
    assert threads == {threading.current_thread()}
    run = session.start_rows(source(), "Say again {{shout(row)}}")
    wait_until(lambda: run.done)
    assert run.values == [str(n) for n in range(30)]
    assert len(threads) == 2


def test_fields_are_evaluated_once(server: ScriptedServer, session: Session) -> None:
    """A field is evaluated once for each row, and once in all where it names no column."""
    server.handler = answering(echo)
    calls: list[str] = []

    def note(text: str) -> str:
        calls.append(text)
        return text

    session.namespace = {"note": note}
    run = session.rows([f"row {n}" for n in range(300)], "{{note('rules')}} {{note(row)}}")
    assert run.values == [str(n) for n in range(300)]
    assert sorted(calls) == sorted(["rules", *(f"row {n}" for n in range(300))])


def test_an_iterator_that_fails(server: ScriptedServer, session: Session) -> None:
    """What an iterator raises stops the run with its words; what was answered is there."""
    server.handler = answering(echo)

    def source() -> Iterator[str]:
        yield from (f"row {number}" for number in range(40))
        raise OSError("the file is gone")

    with pytest.raises(RowsError, match="OSError: the file is gone"):
        session.rows(source(), "Say {{row}}")
    assert session.last_run is not None
    assert session.last_run.progress().state == "stopped"
    assert session.rows(texts(3), PROMPT).values == ["0", "1", "2"]


def test_a_preview_sends_nothing(
    server: ScriptedServer, make_session: Callable[..., Session]
) -> None:
    """A preview has the first row's messages and the numbers of what would be sent."""
    server.handler = answering(label)
    make_session().rows(texts(10), PROMPT, returns=LABELS)
    before = len(server.chats)
    rows = [{"text": None}, *texts(15), *texts(2)]
    preview = make_session(api_key=None).preview_rows(rows, PROMPT, returns=LABELS)
    assert len(server.chats) == before
    assert preview.messages[-1] == {"role": "user", "content": "Classify: row 0"}
    assert (preview.rows, preview.skipped, preview.duplicates) == (18, 1, 2)
    assert (preview.from_kept, preview.requests) == (10, 5)
    assert preview.tokens > 5 * 20


def test_parameters_that_make_no_sense(session: Session) -> None:
    """Several answers to one request are refused; samples ask for them."""
    with pytest.raises(UsageError, match="samples"):
        session.rows(texts(2), PROMPT, n=2)
    with pytest.raises(UsageError, match="unknown parameter colum"):
        session.rows(texts(2), PROMPT, colum="x")
