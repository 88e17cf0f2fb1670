"""Runs over rows: each row once, in order, whatever happens on the way."""

from __future__ import annotations

import os
import pickle
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from itertools import chain
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from eighty80_jupyter.errors import ChatInterrupted, RowsError, UsageError
from eighty80_jupyter.storage import answers as kept_answers
from eighty80_jupyter.storage.files import state_path
from tests.rows.answering import answering, echo, label, prompt_of, texts
from tests.rows.conftest import KEY
from tests.support.ports import free_port
from tests.support.replies import Hang, Reply, Reset, chat_reply, error_reply
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

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
        {"seed": 2**70},
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


def test_each_sample_is_kept_by_itself(server: ScriptedServer, session: Session) -> None:
    """A row that is asked several times has several answers, also where they come from the file."""
    numbers = iter(range(1000))
    server.handler = answering(lambda _: str(next(numbers)))
    first = session.rows(texts(5), PROMPT, samples=3)
    assert len(set(chain.from_iterable(first.values))) == 15
    assert first.progress().last_line().startswith("5 rows, 3 samples each: 15 asked;")
    tried = session.rows(texts(10), "Other: {{text}}", samples=3, try_rows=1).progress()
    assert f"all 10 rows would take about {tried.tokens * 10} tokens" in tried.last_line()
    server.requests.clear()
    assert session.rows(texts(5), PROMPT, samples=3).values == first.values
    assert len(server.chats) == 0
    more = session.rows(texts(5), PROMPT, samples=4)
    assert len(server.chats) == 5
    assert [values[:3] for values in more.values] == first.values


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


@pytest.mark.slow
def test_a_killed_kernel_goes_on(server: ScriptedServer, session: Session, tmp_path: Path) -> None:
    """A process that is killed in the middle loses at most 64 answers and what was under way."""
    server.handler = answering(
        lambda prompt: echo(prompt) if int(echo(prompt)) < 1500 else Reply((Hang(),))
    )
    code = (
        "from tests.rows.answering import texts\n"
        "from eighty80_jupyter.config import ChatConfig\n"
        "from eighty80_jupyter.session.session import Session\n"
        f"session = Session(ChatConfig(api_key='k' * 20, base_url={server.url!r}), environ={{}})\n"
        f"session.rows(texts(2000), {PROMPT!r}, concurrency=16)\n"
    )
    script = tmp_path / "run.py"
    script.write_text(code)
    with subprocess.Popen(
        [sys.executable, str(script)], env={**os.environ, "PYTHONPATH": "."}
    ) as one:
        server.wait_request(700)
        one.kill()
    server.wait_open(0)  # what it had sent has been read
    asked = len(server.chats)
    server.handler = answering(echo)
    run = session.rows(texts(2000), PROMPT)
    assert run.values == [str(n) for n in range(2000)]
    assert run.progress().from_kept >= asked - 64 - 16
    assert len(server.chats) - asked == 2000 - run.progress().from_kept


def test_two_kernels_share_the_file(
    server: ScriptedServer, make_session: Callable[..., Session]
) -> None:
    """Two kernels at once have all answers, and what either was told is there for both."""
    server.handler = answering(echo, delays=random.Random(3))
    one, two = make_session(), make_session()
    runs = [one.start_rows(texts(200), PROMPT), two.start_rows(texts(300, 100), PROMPT)]
    assert all(run.wait(60) for run in runs)
    assert runs[0].values == [str(n) for n in range(200)]
    assert runs[1].values == [str(n) for n in range(100, 400)]
    before = len(server.chats)
    assert make_session().rows(texts(400), PROMPT).progress().from_kept == 400
    assert len(server.chats) == before


def test_a_kernel_that_writes_holds_up_nothing_but_the_run(
    server: ScriptedServer, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another one has the file of answers, questions are answered; then the run goes on."""
    monkeypatch.setattr(kept_answers, "_BUSY_SECONDS", 60.0)
    server.handler = answering(echo)
    session.rows(texts(1), PROMPT)  # the file is there
    file = state_path(kept_answers.FILE)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        run = session.start_rows(texts(100), PROMPT)
        wait_until(lambda: run.progress().done == 100, what="the answers")
        assert session.ask("Meanwhile: row 7").text == "7"
        assert not run.done
        other.execute("ROLLBACK")
    assert run.wait(60)
    with closing(sqlite3.connect(file)) as reader:
        assert reader.execute("SELECT count(*) FROM answers").fetchone() == (100,)


def test_the_key_is_nowhere(
    server: ScriptedServer, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No key, and no prompt, stands in the file, and no key in an error, a pickle or a repr."""

    def answer(prompt: str) -> Any:
        if prompt.endswith(" 3"):
            return error_reply(400, f"the key {KEY} cannot do this")
        return f"You said {KEY} {echo(prompt)}"

    server.handler = answering(answer)
    monkeypatch.setenv("SOME_TOKEN", "another-secret-55aa")
    session.rows([{"text": f"my key is {KEY} 9"}], PROMPT)
    run = session.rows(texts(9), PROMPT)
    session.close()
    copied = pickle.dumps(run)
    stored = b"".join(p.read_bytes() for p in (tmp_path / "state").rglob("*") if p.is_file())
    assert b"You said" in stored
    for data in (stored, copied, repr(run).encode(), str(run.errors).encode()):
        assert KEY.encode() not in data
    assert b"Classify" not in stored
    assert all(KEY not in str(request.json) for request in server.chats)
    assert pickle.loads(copied).frame == run.frame  # noqa: S301  # our own
    if os.name == "posix":
        (file,) = (tmp_path / "state").rglob("answers.sqlite")
        assert file.stat().st_mode & 0o777 == 0o600


def test_where_answers_are_kept_is_said_once(server: ScriptedServer, session: Session) -> None:
    """The first run says which file it is, and that it can be emptied; later ones do not."""
    server.handler = answering(echo)
    assert "answers.sqlite" in session.rows(texts(2), PROMPT).progress().last_line()
    assert "answers.sqlite" not in session.rows(texts(3), PROMPT).progress().last_line()


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
