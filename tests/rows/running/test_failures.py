"""Rows that fail, servers that fail, and what stops a run."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from eighty80_jupyter.errors import ChatInterrupted, RowsError, UsageError
from tests.rows.answering import LABELS, PROMPT, answering, echo, label, texts
from tests.support.ports import free_port
from tests.support.replies import Hang, Reply, Reset, chat_reply, error_reply
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from eighty80_jupyter.rows.run import Run
    from eighty80_jupyter.session.session import Session
    from tests.support.scripted import ScriptedServer


def test_failed_rows_are_missing_and_named(server: ScriptedServer, session: Session) -> None:
    """A row that fails is missing, its error says where and why, and the others have answers."""

    def answer(prompt: str) -> Any:
        if prompt.endswith(" 3"):
            return chat_reply("a long", finish_reason="length")
        if prompt.endswith(" 5"):
            return error_reply(400, "this row is bad")
        if prompt.endswith(" 9"):
            return error_reply(400, "it was filtered", code="content_filter")
        return "nothing" if prompt.endswith(" 7") else label(prompt)

    server.handler = answering(answer)
    frame = pd.DataFrame(texts(10), index=list("abcdefghij"))
    run = session.rows(frame, PROMPT, returns=LABELS, errors=True)
    assert [(e.position, e.label, e.kind) for e in run.errors] == [
        (3, "d", "cut"),
        (5, "f", "server"),
        (7, "h", "invalid"),
        (9, "j", "refused"),
    ]
    assert "max_tokens" in run.errors[0].message
    assert run.errors[0].text == "a long"
    assert run.errors[2].attempts == 3
    assert run.frame["answer"].isna().sum() == 4
    assert run.frame["answer_error"].notna().tolist() == [n in (3, 5, 7, 9) for n in range(10)]
    before = len(server.chats)
    session.rows(frame, PROMPT, returns=LABELS)
    assert len(server.chats) == before + 1 + 1 + 3 + 1  # the failed ones only


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


@pytest.mark.skipif(os.name != "posix", reason="signals to oneself are POSIX")
def test_a_signal_while_it_waits(server: ScriptedServer, session: Session) -> None:
    """A signal reaches the thread that waits, stops what is under way, and nothing goes on."""
    server.handler = answering(
        lambda prompt: Reply((Hang(),)) if int(echo(prompt)) > 60 else echo(prompt)
    )

    def interrupt() -> None:
        server.wait_request(70)
        wait_until(lambda: (run := session.last_run) is not None and run.progress().done >= 61)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(ChatInterrupted, match="61 of 100 are kept"):
        session.rows(texts(100), PROMPT, concurrency=10)
    thread.join()
    server.wait_open(0)
    assert session.last_run is not None
    assert session.last_run.done
    assert session.last_run.progress().not_asked == 39


def test_dropped_connections(server: ScriptedServer, session: Session) -> None:
    """A connection that breaks costs no row."""
    seen: set[str] = set()

    def answer(prompt: str) -> Any:
        if int(echo(prompt)) % 10 == 3 and prompt not in seen:
            seen.add(prompt)
            return Reply((Reset(),))
        return echo(prompt)

    server.handler = answering(answer)
    run = session.rows(texts(40), PROMPT)
    assert run.values == [str(n) for n in range(40)]
    assert len(seen) == 4


def test_a_server_that_is_not_there(make_session: Callable[..., Session]) -> None:
    """A refused connection stops the run at once, with the line that says so."""
    session = make_session(base_url=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(RowsError, match="cannot connect"):
        session.rows(texts(5000), PROMPT)
    assert session.last_run is not None
    assert session.last_run.progress().not_asked > 4900


def test_strict(server: ScriptedServer, session: Session) -> None:
    """With strict one failed row is a failure of the whole."""
    server.handler = answering(lambda prompt: error_reply(400, "no") if "3" in prompt else "x")
    with pytest.raises(RowsError, match="1 failed"):
        session.rows(texts(5), PROMPT, strict=True)


def test_missing_rows_as_an_error(server: ScriptedServer, session: Session) -> None:
    """Missing rows are refused before anything is sent, or sent, where that is asked for."""
    server.handler = answering(lambda prompt: prompt)
    rows = [{"text": "a"}, {"text": None}]
    with pytest.raises(UsageError, match="1 row has nothing that the prompt uses, the first is 1"):
        session.rows(rows, PROMPT, missing="error")
    assert not server.chats
    assert session.rows(rows, PROMPT, missing="send").values[1] == "Classify: (none)"
