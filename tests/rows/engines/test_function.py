"""A prompt as a function: tables in, tables out, in this process and in others, without a key."""

from __future__ import annotations

import pickle
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from enum import Enum
from typing import Any

import cloudpickle
import dill
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from eighty80_jupyter.errors import MissingKeyError, RowsError, UsageError
from eighty80_jupyter.rows.frames import open_rows
from eighty80_jupyter.session.session import Session
from tests.rows.answering import answering, echo
from tests.rows.conftest import KEY
from tests.support.replies import chat_reply, error_reply
from tests.support.scripted import ScriptedServer

DATA = {"text": ["row 1", "row 2", None, "row 4"], "n": [1, 2, 3, 4]}
TABLES = {
    "pandas": pd.DataFrame(DATA, index=[7, 7, 8, 9]),
    "polars": pl.DataFrame(DATA),
    "table": pa.table(DATA),
    "batch": pa.RecordBatch.from_pydict(DATA),
    "columns": DATA,
}
LABELS = ["1", "2", "3", "4"]


def odd_fails(prompt: str) -> Any:
    """Answer with the number of a row; with nothing that can be read where it is 2."""
    number = echo(prompt)
    return "no idea" if number == "2" else number


@pytest.mark.parametrize("name", TABLES)
def test_a_table_comes_back_with_answers_and_errors(
    session: Session, server: ScriptedServer, name: str
) -> None:
    """The same kind, its own columns first; a row that fails is missing and says why."""
    server.handler = answering(odd_fails)
    session.config.repairs = 0
    function = session.row_function("Which? {{text}}", returns=LABELS, column="label")
    data = TABLES[name]
    answered = function(data)
    assert type(answered) is type(data)
    rows = open_rows(answered)
    assert rows.names == ("text", "n", "label", "label_error")
    (chunk,) = rows.chunks(4)
    cells = {name: chunk.column(name) for name in rows.names}
    labels = [value if isinstance(value, str) else None for value in cells["label"]]
    assert labels == ["1", None, None, "4"]
    errors = [value if isinstance(value, str) else None for value in cells["label_error"]]
    assert errors[0] is None
    assert str(errors[1]).startswith("invalid: ")
    assert errors[2:] == [None, None]


class Mood(Enum):
    """A type of the user's."""

    GOOD = 1
    BAD = 2


TYPES: list[tuple[Any, list[str], list[str]]] = [
    (None, ["text", "x"], ["string", "string"]),
    (["a", "b"], ["a", "b"], ["category", "string"]),
    (int, ["5", str(10**30)], ["Int64", "string"]),
    ("at: datetime", ['{"at": "2020-01-01T00:00:00+01:00"}', '{"at": "2020-01-01T00:00:00"}'],
     ["datetime64[us]", "string"]),
    (dict[str, int], ['{"a": 1}', "{}"], ["string", "string"]),
    ("mood: Mood, tags: list[str]", ['{"mood": "BAD", "tags": []}', '{"mood": "GOOD", "tags": []}'],
     ["category", "list<item: string>[pyarrow]", "string"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("returns", "answers", "dtypes"), TYPES, ids=[str(one[0])[:20] for one in TYPES]
)
def test_types_are_known_before_there_are_answers(
    session: Session, server: ScriptedServer, returns: Any, answers: list[str], dtypes: list[str]
) -> None:
    """And stay so, whatever is answered: what does not fit is an error of its row."""
    session.namespace = {"Mood": Mood}
    server.handler = answering(lambda prompt: answers[int(echo(prompt))])
    function = session.row_function("Row {{n}}", returns=returns, column="x")
    frame, table = pd.DataFrame({"n": [0, 1]}), pa.table({"n": [0, 1]})
    assert server.requests == []
    assert function.meta(frame).dtypes.astype(str).tolist() == ["int64", *dtypes]
    answered = function(frame)
    pd.testing.assert_series_equal(answered.dtypes, function.meta(frame).dtypes)
    assert function(table).schema == function.schema(table)
    of_polars = function(pl.DataFrame({"n": [0, 1]}))
    assert of_polars.schema == function(pl.DataFrame({"n": [0, 1]}).clear()).schema
    if returns is int:
        assert "does not fit into x" in answered["x_error"].iloc[1]
        assert answered["x"].isna().tolist() == [False, True]


WORKER = textwrap.dedent(
    """
    import pickle, sys
    from eighty80_jupyter import ChatError

    data = sys.stdin.buffer.read()
    try:
        print(pickle.loads(data)({"text": ["row 1", "row 2"]}))
    except ChatError as error:
        print(type(error).__name__, error)
    """
)


@pytest.mark.slow
@pytest.mark.parametrize("library", [pickle, cloudpickle, dill], ids=lambda one: one.__name__)
def test_another_process_asks_with_a_key_of_its_own(
    session: Session, server: ScriptedServer, library: Any
) -> None:
    """The settings and the variables go along, the key does not: there it is in the environment."""
    server.handler = answering(lambda prompt: f"{prompt.count('x')} {echo(prompt)}")
    session.config.temperature = 0.25
    session.config.extra_headers = {"X-Team": "blue", "X-Secret-Token": "sk-hidden-1234567890"}
    session.namespace = {"word": "xxx", "unused": object(), "lock": threading.Lock()}
    function = session.row_function("{{word}} {{text}}", column="label", keep=False)
    data = library.dumps(function)
    assert KEY.encode() not in data
    assert b"sk-hidden" not in data
    session.namespace["word"] = "changed later"

    def there(**environ: str) -> str:
        run = subprocess.run(
            [sys.executable, "-c", WORKER], input=data, env=environ, capture_output=True, check=True
        )
        return str(run.stdout.decode().strip())

    assert there(_8080_API_KEY="sk-of-the-worker") == str(
        {"text": ["row 1", "row 2"], "label": ["3 1", "3 2"], "label_error": [None, None]}
    )
    request = server.requests[-1]
    assert request.headers["authorization"] == "Bearer sk-of-the-worker"
    assert (request.json["temperature"], request.headers["x-team"]) == (0.25, "blue")
    if library is pickle:
        session.config.base_url = "https://api.example.org"
        data = library.dumps(session.row_function("{{text}}"))
        told = there()
        assert told.startswith("MissingKeyError ")
        assert "takes no key along" in told
        assert "\n" not in told


def test_a_copy_that_comes_back_uses_the_session_here(
    session: Session, server: ScriptedServer
) -> None:
    """With the key that was typed in: threads of an engine need none in the environment."""
    server.handler = answering(echo)
    function = session.row_function("Which? {{text}}")
    copy = pickle.loads(pickle.dumps(function))  # noqa: S301  # our own
    assert copy({"text": ["row 7"]})["answer"] == ["7"]
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_batches_one_after_the_other_share_what_the_limits_have_seen(
    session: Session, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those of several threads, of which one asks at a time; copies count along."""
    server.handler = answering(echo)
    function = session.row_function("Which? {{text}}", per_minute=100_000, keep=False)
    seen: list[Any] = []
    start = session.row_runs.start

    def noted(*args: Any, **more: Any) -> Any:
        seen.append(more["shared"].limits)
        run = start(*args, **more)
        assert all(one.done for one in runs)
        runs.append(run)
        return run

    runs: list[Any] = []
    monkeypatch.setattr(session.row_runs, "start", noted)
    found: list[Any] = []
    copy = pickle.loads(pickle.dumps(function))  # noqa: S301  # our own
    threads = [
        threading.Thread(target=lambda one=one, n=n: found.append(one({"text": [f"row {n}"]})))
        for n, one in enumerate((function, copy, function, copy))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one["answer"] for one in found) == [["0"], ["1"], ["2"], ["3"]]
    assert len({id(limits) for limits in seen}) == 1
    assert session.last_run is None


def test_the_same_row_is_asked_once_in_a_process(session: Session, server: ScriptedServer) -> None:
    """Engines call it again for the same rows; nothing needs to be kept on disk for that."""
    server.handler = answering(echo)
    function = session.row_function("Which? {{text}}", keep=False)
    first, second = function({"text": ["row 1"]}), function({"text": ["row 1", "row 2"]})
    assert (first["answer"], second["answer"]) == (["1"], ["1", "2"])
    assert len(server.requests) == 2


def test_what_fails_for_every_row_is_raised(session: Session, server: ScriptedServer) -> None:
    """A job must not go on and write missing answers; one bad row ends no job."""
    server.handler = lambda _request: error_reply(401, "bad key")
    function = session.row_function("Which? {{text}}")
    with pytest.raises(RowsError, match="bad key"):
        function({"text": ["row 1", "row 2"]})
    server.handler = lambda _request: chat_reply("")
    answered = function({"text": ["row 1"]})
    assert (answered["answer"], answered["answer_error"]) == (
        [None],
        ["invalid: the answer is empty"],
    )


def test_iterators_of_batches_are_answered_one_by_one(
    session: Session, server: ScriptedServer
) -> None:
    """As a task of Spark hands them over."""
    server.handler = answering(echo)
    batches = pa.table({"text": [f"row {n}" for n in range(4)]}).to_batches(max_chunksize=2)
    asked = session.row_function("Which? {{text}}")(iter(batches))
    assert server.requests == []
    assert next(asked).column("answer").to_pylist() == ["0", "1"]
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda f: f("Which? {{text}}", samples=3), "samples goes with chat.rows"),
        (lambda f: f("Which? {{text}}", try_rows=3), "try_rows goes with chat.rows"),
        (lambda f: f("Which? {{text}}", returns=object), "has no JSON Schema"),
        (lambda f: f("Which? {{text}}")(["a", "b"]), "a row function takes a table with columns"),
        (lambda f: f("Which? {{text}}")(pd.Series(["a"])), "a row function takes a table"),
        (lambda f: f("Which? {{text}}", column="n")(DATA), "there is a column n already"),
        (lambda f: f("Which? {{text}}")({"other": ["a"]}), "text"),
    ],
    ids=range(7),
)
def test_what_cannot_be_asked_is_refused_before_anything_is_sent(
    session: Session,
    server: ScriptedServer,
    make: Callable[[Callable[..., Any]], Any],
    words: str,
) -> None:
    """In one line."""
    with pytest.raises(UsageError, match=words) as caught:
        make(session.row_function)
    assert "\n" not in str(caught.value)
    assert not isinstance(caught.value, MissingKeyError)
    assert server.requests == []
