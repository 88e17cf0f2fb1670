"""Runs over rows: each row once, in order, whatever happens on the way."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from eighty80_jupyter.errors import ChatInterrupted, RowsError, UsageError
from tests.rows.answering import answering, echo, label, prompt_of, texts
from tests.support.replies import chat_reply, error_reply
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from eighty80_jupyter.rows.run import Run
    from eighty80_jupyter.session.session import Session
    from tests.support.scripted import ScriptedServer

PROMPT = "Classify: {{text}}"
LABELS = ["bug", "feature"]


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


def test_second_run_sends_nothing(
    server: ScriptedServer, make_session: Callable[..., Session]
) -> None:
    """What was asked in any kernel is kept: 10 rows more cost 10, a new order or name nothing."""
    server.handler = answering(label)
    rows = texts(100)
    make_session().rows(rows, PROMPT, returns=LABELS)
    session = make_session()
    for data, cost in ((rows, 0), (texts(110), 10), (rows[::-1], 0), (pd.DataFrame(rows), 0)):
        before = len(server.chats)
        run = session.rows(data, PROMPT, returns=LABELS)
        assert len(server.chats) - before == cost
        assert run.progress().from_kept == len(data) - cost
        assert [v == "bug" for v in run.values] == [
            int(t.split()[1]) % 2 == 0 for t in (pd.DataFrame(data)["text"])
        ]


@pytest.mark.parametrize(
    "changes",
    [
        {"temperature": 0.5},
        {"model": "another"},
        {"system": "Be brief."},
        {"returns": ["bug", "feature", "other"]},
        {"seed": 3},
        {"fresh": True},
        {"keep": False},
    ],
)
def test_what_changes_the_request_is_asked_anew(
    server: ScriptedServer, session: Session, changes: dict[str, Any]
) -> None:
    """A kept answer counts only for the very same request."""
    server.handler = answering(label)
    session.rows(texts(3), PROMPT, returns=LABELS)
    session.rows(texts(3), PROMPT, **{"returns": LABELS, **changes})
    assert len(server.chats) == 6


def test_another_server_is_asked_anew(
    server: ScriptedServer, make_session: Callable[..., Session]
) -> None:
    """The address is a part of what was asked."""
    server.handler = answering(echo)
    make_session().rows(texts(3), PROMPT)
    make_session(base_url=f"{server.url}/v1/other").rows(texts(3), PROMPT)
    assert len(server.chats) == 6


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


def test_failed_rows_are_missing_and_named(server: ScriptedServer, session: Session) -> None:
    """A row that fails is missing, its error says where and why, and the others have answers."""

    def answer(prompt: str) -> Any:
        if prompt.endswith(" 3"):
            return chat_reply("a long", finish_reason="length")
        if prompt.endswith(" 5"):
            return error_reply(400, "this row is bad")
        return "nothing" if prompt.endswith(" 7") else label(prompt)

    server.handler = answering(answer)
    frame = pd.DataFrame(texts(10), index=list("abcdefghij"))
    run = session.rows(frame, PROMPT, returns=LABELS, errors=True)
    assert [(e.position, e.label, e.kind) for e in run.errors] == [
        (3, "d", "cut"),
        (5, "f", "server"),
        (7, "h", "invalid"),
    ]
    assert "max_tokens" in run.errors[0].message
    assert run.errors[0].text == "a long"
    assert run.errors[2].attempts == 3
    assert run.frame["answer"].isna().sum() == 3
    assert run.frame["answer_error"].notna().tolist() == [n in (3, 5, 7) for n in range(10)]
    before = len(server.chats)
    session.rows(frame, PROMPT, returns=LABELS)
    assert len(server.chats) == before + 1 + 1 + 3  # the failed ones only


def test_401_in_the_middle_stops_the_run(server: ScriptedServer, session: Session) -> None:
    """A refused key stops the run at once: what was answered is kept, the rest is not asked."""

    def answer(prompt: str) -> Any:
        return error_reply(401, "bad key") if int(echo(prompt)) >= 300 else echo(prompt)

    server.handler = answering(answer)
    with pytest.raises(RowsError, match="does not accept the API key") as caught:
        session.rows(texts(600), PROMPT, concurrency=4)
    run: Run = caught.value.run
    assert run is session.last_run
    assert run.progress().state == "stopped"
    assert run.values[:296] == [str(n) for n in range(296)]
    assert run.progress().not_asked >= 290
    assert len(server.chats) < 320
    server.handler = answering(echo)
    before = len(server.chats)
    assert session.rows(texts(600), PROMPT).values == [str(n) for n in range(600)]
    assert len(server.chats) - before <= 304


def test_never_parsable_server(server: ScriptedServer, session: Session) -> None:
    """Where no answer can be read all rows are missing, and that is an error."""
    server.handler = answering(lambda _: "I cannot say")
    with pytest.raises(RowsError, match="30 failed") as caught:
        session.rows(pd.DataFrame(texts(30)), PROMPT, returns=LABELS)
    run = caught.value.run
    assert run.frame["answer"].isna().all()
    assert {e.kind for e in run.errors} == {"invalid"}
    assert len(run.errors) == 30


def test_mended_answers_are_counted(server: ScriptedServer, session: Session) -> None:
    """An answer that cannot be read is asked for again, and only the last one is kept."""

    def handler(request: Any) -> Any:
        first = len(request.json["messages"]) == 2
        return chat_reply("Hm, no idea" if first else "bug")

    server.route("POST", "/v1/chat/completions", handler)
    run = session.rows(texts(5), PROMPT, returns=LABELS)
    assert run.values == ["bug"] * 5
    assert run.progress().second_attempt == 5
    session.rows(texts(5), PROMPT, returns=LABELS)
    assert len(server.chats) == 10


def test_refused_schema_is_learned_once(
    server: ScriptedServer, make_session: Callable[..., Session]
) -> None:
    """What was asked in words, as the server takes no schema, is found by who does not know yet."""

    def handler(request: Any) -> Any:
        if "response_format" in request.json:
            return error_reply(400, "response_format is not supported")
        return chat_reply("bug")

    server.route("POST", "/v1/chat/completions", handler)
    make_session().rows(texts(100), PROMPT, returns=LABELS)
    assert len(server.chats) <= 100 + 2 * 8
    before = len(server.chats)
    make_session().rows(texts(100), PROMPT, returns=LABELS)
    assert len(server.chats) == before


def test_interrupt_keeps_what_has_come(server: ScriptedServer, session: Session) -> None:
    """An interrupt stops the requests, tells what is kept, and the next run goes on from there."""

    def answer(prompt: str) -> Any:
        return echo(prompt)

    server.handler = answering(answer)

    def follow(run: Any) -> None:
        wait_until(lambda: run.progress().done >= 50)
        raise KeyboardInterrupt

    session.row_runs.follow = follow
    with pytest.raises(ChatInterrupted, match=r"\d+ of 1,000 are kept: run the cell again"):
        session.rows(texts(1000), PROMPT)
    run = session.last_run
    assert run is not None
    assert run.progress().state == "interrupted"
    kept = sum(value is not None for value in run.values)
    assert 50 <= kept < 1000
    session.row_runs.follow = lambda run: run.wait()
    again = session.rows(texts(1000), PROMPT)
    assert again.progress().from_kept == kept
    assert again.values == [str(n) for n in range(1000)]


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
