"""Records as files: what an entry brings back, which one answers, what is refused."""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from eighty80_jupyter import errors
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.storage.record import (
    Entry,
    Failure,
    RecordedAnswers,
    Recorder,
    check_record,
    now,
)

if TYPE_CHECKING:
    from pathlib import Path


def as_it_is(values: Any) -> Any:
    return values


def status(kind: type[errors.APIStatusError], **told: Any) -> errors.APIStatusError:
    return kind("what the user saw", message="the server's words", **told)


def context_length(limit: int | None) -> errors.ContextLengthError:
    error = errors.ContextLengthError("too long", status_code=400, message="m", code="c")
    error.limit = limit
    return error


TOLD = ("status_code", "message", "code", "param", "limit")


@pytest.mark.parametrize(
    "error",
    [
        errors.APIConnectionError("no way"),
        errors.APITimeoutError("too slow"),
        errors.APIStreamError("it broke off", body={"x": 1}),
        status(errors.BadRequestError, status_code=422, code="c", param="p"),
        status(errors.NotFoundError, status_code=404, code="model_not_found"),
        status(errors.RateLimitError, status_code=429),
        status(errors.ServerError, status_code=503),
        context_length(8192),
        context_length(None),
    ],
)
def test_an_error_comes_back(tmp_path: Path, error: errors.APIError) -> None:
    """As the class that it was, with its words and all that a program may ask it for."""
    recorder = Recorder(tmp_path / "x.jsonl", as_it_is)
    recorder.write(Entry(request={"a": 1}, failure=Failure.of(error)))
    recorder.close()
    found = RecordedAnswers(recorder.path, as_it_is).answer("", {"a": 1})
    assert found is not None
    assert found.failure is not None
    again = found.failure.error()
    assert (type(again), str(again)) == (type(error), str(error))
    for name in TOLD:
        assert getattr(again, name, None) == getattr(error, name, None), name


@pytest.mark.parametrize("kind", ["UsageError", "Exception", "SystemExit", "", "_Anything"])
def test_no_class_comes_from_a_file(kind: str) -> None:
    """Only errors of requests are made; any other name is the plain one of them."""
    assert type(Failure(kind=kind, text="x").error()) is errors.APIError


def record(path: Path, *entries: dict[str, Any]) -> Path:
    lines = (json.dumps({"record": 1, **entry}, separators=(",", ":")) for entry in entries)
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def ids(answers: RecordedAnswers, *asked: tuple[str, Any]) -> list[str | None]:
    """Return the ids of the entries that answer requests, each an address and a body."""
    found = [answers.answer(address, request) for address, request in asked]
    return [None if entry is None else entry.id for entry in found]


def test_the_own_server_answers_first(tmp_path: Path) -> None:
    """Of equal requests that of the same address, else the earliest; none of them twice."""
    request = {"model": "m"}
    answers = RecordedAnswers(
        record(
            tmp_path / "x.jsonl",
            {"id": "1", "address": "a", "request": request},
            {"id": "2", "address": "b", "request": request},
            {"id": "3", "address": "b", "request": request, "interrupted": True},
            {"id": "4", "address": "b", "request": request},
            {"id": "5", "address": "c", "request": {"model": "n"}},
        ),
        as_it_is,
    )
    asked = [("b", request)] * 3 + [("b", request), ("c", {"model": "n"}), ("c", {"model": "o"})]
    assert ids(answers, *asked) == ["2", "4", "1", None, "5", None]
    assert (answers.total, answers.found, answers.missed) == (4, 4, 2)
    assert answers.told == "4 of 6 from the record"


def test_secrets_do_not_keep_a_request_from_being_known(tmp_path: Path) -> None:
    """What is looked for is cleaned as what was written; blank lines do not matter."""

    def clean(values: Any) -> Any:
        return json.loads(json.dumps(values).replace("hunter2", "***"))

    path = record(tmp_path / "x.jsonl", {"id": "1", "request": {"b": "***", "a": 1}})
    path.write_bytes(b"\n  \n" + path.read_bytes() + b"\n")
    assert ids(RecordedAnswers(path, clean), ("", {"a": 1, "b": "hunter2"})) == ["1"]


def block(name: str, number: str) -> str:
    return f'<data name="{name}" type="t" id="{number}">\nrows\n</data>'


@pytest.mark.parametrize(
    ("written", "asked", "is_known"),
    [
        (block("a", "0a") + block("b", "0b"), block("a", "1a") + block("b", "1b"), True),
        (block("a", "0a") + block("a", "0a"), block("a", "1a") + block("a", "1a"), True),
        (block("a", "0a") + block("a", "0a"), block("a", "1a") + block("a", "1b"), False),
        (block("a", "0a") + "see 0a", block("a", "1a") + "see 1a", True),
        (block("a", "0a"), block("b", "0a"), False),
    ],
)
def test_ids_of_blocks_do_not_count(
    tmp_path: Path, written: str, asked: str, *, is_known: bool
) -> None:
    """They are another user's; which blocks are the same one does count."""
    answers = RecordedAnswers(
        record(tmp_path / "x.jsonl", {"id": "1", "request": {"p": written}}), as_it_is
    )
    assert (answers.answer("", {"p": asked}) is not None) is is_known


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[]", "line 2: it has no entry of a record"),
        ('{"record": "1"}', "line 2: it has no entry of a record"),
        ('{"record": 2}', "line 2: it was written by a later version; upgrade eighty80_jupyter"),
    ],
)
def test_a_line_that_is_none_is_named(tmp_path: Path, line: str, said: str) -> None:
    """By its number, and with what is wrong."""
    path = record(tmp_path / "x.jsonl", {"id": "1"})
    path.write_text(f"{path.read_text()}{line}\n")
    with pytest.raises(UsageError) as caught:
        RecordedAnswers(path, as_it_is)
    assert str(caught.value) == f"{path} is no record: {said}"


def test_what_cannot_be_written_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry without a form, then a full disk: one problem; the entry after them is there."""
    recorder = Recorder(tmp_path / "x.jsonl", as_it_is)
    recorder.write(Entry(request={"a": float}))  # its name is a text
    assert recorder.problem() == ""
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", _full)
        recorder.write(Entry(id="2"))
        recorder.write(Entry(id="3"))
    assert recorder.problem() == "the record x.jsonl is not whole: No space left on device"
    assert recorder.problem() == ""
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", _full)
        recorder.write(Entry(id="4"))
    assert recorder.problem() == ""
    recorder.write(Entry(id="5"))
    recorder.close()
    assert RecordedAnswers(recorder.path, as_it_is).total == 2


def _full(_descriptor: int, _data: bytes) -> int:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("left", [5, 60])
def test_what_a_killed_kernel_left_half_written_does_not_matter(tmp_path: Path, left: int) -> None:
    """The next kernel adds to the record behind it; a whole line without an end counts."""
    path = record(tmp_path / "x.jsonl", {"id": "1"}, {"id": "2"}, {"id": "3" * 60})
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]) + lines[2][:left])
    for number in ("4", "5"):
        recorder = Recorder(path, as_it_is)
        recorder.write(Entry(id=number))
        recorder.close()
        path.write_bytes(path.read_bytes()[:-1])
    assert RecordedAnswers(path, as_it_is).total == 4


@pytest.mark.parametrize("others", [b"", b'{"record":1}\n'])
def test_half_a_line_does_not_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, others: bytes
) -> None:
    """Where the disk is full in the middle of it; what another kernel has added stays."""
    path = record(tmp_path / "x.jsonl", {"id": "1"})
    before, recorder, real = path.read_bytes(), Recorder(path, as_it_is), os.write

    def write(descriptor: int, data: bytes) -> int:
        if data.startswith(b'{"record"'):
            return real(descriptor, data[:9])
        with path.open("ab") as file:
            file.write(others)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", write)
        recorder.write(Entry(id="2"))
    assert path.read_bytes() == before + (b'{"record"' + others if others else b"")
    if not others:
        recorder.write(Entry(id="3"))
        assert RecordedAnswers(path, as_it_is).total == 2
    recorder.close()


def test_a_line_is_written_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system takes only some of it the rest follows, and lines are added at the end."""
    path = record(tmp_path / "x.jsonl", {"id": "1"})
    recorder, real = Recorder(path, as_it_is), os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:7]))
    for number in (2, 3):
        recorder.write(Entry(id=str(number)))
        recorder.close()
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("content", "is_record"),
    [(None, True), ("", True), ('{"record":1,"at":""}\n', True), ("{}\n", False), ("a,b", False)],
)
def test_only_to_a_record_is_added(tmp_path: Path, content: str | None, *, is_record: bool) -> None:
    """A new file, an empty one and a record are good; any other is refused."""
    path = tmp_path / "x"
    if content is not None:
        path.write_text(content)
    if is_record:
        assert check_record(path) == path
    else:
        with pytest.raises(UsageError, match=r"x is there and is no record; name another file$"):
            check_record(path)


def test_the_time_of_an_entry_is_utc() -> None:
    """With its offset, in milliseconds, as ISO 8601 has it."""
    written = now()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", written)
    assert abs(datetime.now(UTC) - datetime.fromisoformat(written)) < timedelta(hours=1)
