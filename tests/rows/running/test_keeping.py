"""Answers that are kept: asked once, whichever kernel asks, and killed or not."""

from __future__ import annotations

import os
import pickle
import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from itertools import chain
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from eighty80_jupyter.storage import answers as kept_answers
from eighty80_jupyter.storage.files import state_path
from tests.rows.answering import LABELS, PROMPT, answering, echo, label, texts
from tests.rows.conftest import KEY
from tests.support.replies import Hang, Reply, error_reply
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from eighty80_jupyter.session.session import Session
    from tests.support.scripted import ScriptedServer


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


@pytest.mark.slow
def test_a_killed_kernel_goes_on(server: ScriptedServer, session: Session, tmp_path: Path) -> None:
    """A process that is killed in the middle loses at most 64 answers and what was under way."""
    server.handler = answering(
        lambda prompt: echo(prompt) if int(echo(prompt)) < 1500 else Reply((Hang(),))
    )
    code = (
        "from tests.rows.answering import LABELS, PROMPT, texts\n"
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
