"""Answers that are kept: found by what was asked, shared by kernels, never an error of a run."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eighty80_jupyter.storage.answers import FILE, Answers, Kept
from eighty80_jupyter.storage.files import state_path

DAY = 86_400.0


class Clock:
    """A time that a test sets."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def key(number: int) -> bytes:
    """Return the key of a question."""
    return number.to_bytes(16, "big")


def put(answers: Answers, *numbers: int, text: str = "text {}") -> None:
    """Keep an answer under the key of each number."""
    answers.put_many([(key(n), Kept(text=text.format(n))) for n in numbers])


def kept(answers: Answers, *numbers: int) -> list[int]:
    """Return the numbers under whose keys there is an answer."""
    found = answers.get_many([key(n) for n in numbers])
    return [n for n in numbers if key(n) in found]


@pytest.fixture(autouse=True)
def _closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close all that a test has opened: Python 3.13 warns of what is not."""
    opened: list[Answers] = []
    begin = Answers.__init__

    def note(answers: Answers, *args: Any, **options: Any) -> None:
        opened.append(answers)
        begin(answers, *args, **options)

    monkeypatch.setattr(Answers, "__init__", note)
    yield
    for answers in opened:
        answers.close()


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "answers.sqlite"


def test_an_answer_is_found_again_as_it_was(file: Path) -> None:
    """With all that the server told of it; also once the file was closed, and by many keys."""
    answers = Answers(file, clock=Clock())
    whole = Kept(
        text="Bug. \u2028 \U0001f41b\0",
        finish_reason="stop",
        usage={"prompt_tokens": 5, "decode_rate": 1.5},
        model="m",
        time=1_799_999_000,
    )
    answers.put_many([(key(1), whole), (key(2), Kept(text=""))])
    put(answers, *range(10, 1_210))
    answers.close()
    found = Answers(file, clock=Clock()).get_many([key(n) for n in range(2_000)])
    assert found[key(1)] == whole
    assert found[key(2)] == Kept(text="", time=1_800_000_000)
    assert len(found) == 1_202


def test_a_later_answer_takes_the_place_of_an_earlier_one(file: Path) -> None:
    """There is one to a key."""
    answers = Answers(file)
    put(answers, 1)
    put(answers, 1, text="other")
    assert answers.get_many([key(1)])[key(1)].text == "other"
    assert answers.forget() == 1


def test_the_file_is_the_users_alone(file: Path) -> None:
    """Also what SQLite puts beside it, and where it was open to others before."""
    file.parent.mkdir()
    file.touch(0o666)
    answers = Answers(file)
    put(answers, 1)
    assert answers.new
    files = sorted(file.parent.iterdir())
    assert len(files) == 3
    assert {stat.S_IMODE(one.stat().st_mode) for one in files} == {0o600}
    assert not stat.S_IMODE(state_path(FILE).parent.parent.stat().st_mode) & 0o002
    again = Answers(file)
    assert (kept(again, 1), again.new) == ([1], False)


def test_the_folders_are_made(tmp_path: Path) -> None:
    """All that are missing; the user's alone."""
    answers = Answers(tmp_path / "state" / "of" / "answers.sqlite")
    put(answers, 1)
    assert (kept(answers, 1), answers.note) == ([1], "")
    assert answers.path is not None
    assert answers.path.exists()
    if os.name == "posix":
        assert stat.S_IMODE(answers.path.parent.stat().st_mode) == 0o700


def test_old_answers_are_forgotten(file: Path) -> None:
    """Days after they were given, however often they were used."""
    clock = Clock()
    answers = Answers(file, clock=clock, days=30)
    put(answers, 1)
    clock.now += 29 * DAY
    put(answers, 2)
    assert kept(answers, 1, 2) == [1, 2]
    clock.now += 2 * DAY
    assert kept(answers, 1, 2) == [2]
    answers.close()
    assert kept(Answers(file, clock=clock, days=30), 1, 2) == [2]
    assert count(file) == 1


def count(file: Path) -> int:
    """Return how many answers a file holds."""
    with sqlite3.connect(file) as connection:
        (found,) = connection.execute("SELECT count(*) FROM answers").fetchone()
    connection.close()
    return int(found)


def test_of_too_many_the_least_used_go(file: Path) -> None:
    """Those that were looked up lately stay, though they are the oldest."""
    clock = Clock()
    answers = Answers(file, clock=clock)
    for start in range(0, 1_000, 100):
        clock.now += DAY
        put(answers, *range(start, start + 100), text="x" * 1_000)
    clock.now += 2 * DAY
    assert len(kept(answers, *range(100))) == 100
    answers.close()
    small = Answers(file, clock=clock, most_bytes=500_000)
    assert kept(small, *range(100)) == list(range(100))
    left = kept(small, *range(1_000))
    assert left[-1] == 999
    assert 200 < len(left) < 500
    small.close()
    assert len(kept(Answers(file, clock=clock, most_bytes=500_000), *range(1_000))) == len(left)


def test_a_long_run_makes_room_now_and_then(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only when the file is opened: after so many answers the least used ones go."""
    monkeypatch.setattr("eighty80_jupyter.storage.answers._LOOKED_AFTER", 100)
    answers = Answers(file, clock=Clock(), most_bytes=200_000)
    for start in range(0, 300, 30):
        put(answers, *range(start, start + 30), text="x" * 2_000)
    left = kept(answers, *range(300))
    assert 0 < len(left) < 200


def test_all_are_forgotten_on_demand(file: Path) -> None:
    """No word of them is left in any of the files, and the count is told."""
    answers = Answers(file)
    put(answers, 1, 2, text="a private answer {}")
    other = Answers(file)
    assert kept(other, 1, 2) == [1, 2]
    assert (answers.forget(), answers.forget()) == (2, 0)
    assert kept(other, 1, 2) == []
    assert not any(b"a private answer" in one.read_bytes() for one in file.parent.iterdir())


@pytest.mark.parametrize("broken", ["text", "header", "middle"])
def test_a_broken_file_is_set_aside(file: Path, broken: str) -> None:
    """A new one takes its place, and where the old one lies is said, once."""
    before = Answers(file)
    put(before, *range(500))
    before.close()
    data = bytearray(file.read_bytes())
    data[slice(*{"text": (0, 500), "header": (16, 100), "middle": (4_096, len(data))}[broken])] = (
        b"no database"
    )
    file.write_bytes(data)
    answers = Answers(file)
    assert kept(answers, 1, 2) == []
    put(answers, 3)
    assert kept(answers, 3) == [3]
    (aside,) = file.parent.glob("*.broken-*")
    assert aside.read_bytes() == data
    assert answers.note == f"the file of kept answers was broken; it lies at {aside} now"
    assert answers.path == file
    again = Answers(file)
    assert (kept(again, 3), again.note) == ([3], "")


def test_where_nothing_can_be_written_answers_are_kept_in_memory(tmp_path: Path) -> None:
    """For this process; the note names the file and says why."""
    (tmp_path / "state").write_text("a file where a folder is wanted")
    answers = Answers(tmp_path / "state" / "answers.sqlite")
    put(answers, 1)
    assert kept(answers, 1, 2) == [1]
    assert answers.path is None
    assert answers.note.startswith("answers are kept in memory only: ")
    assert "answers.sqlite cannot be used (" in answers.note
    assert answers.forget() == 1


def test_a_fault_that_passes_sets_no_good_file_aside(file: Path) -> None:
    """Another kernel may have begun a new file by then; it is opened again, and nothing is lost."""
    answers = Answers(file)
    put(answers, 1)
    faults = [sqlite3.DatabaseError("it was broken")]

    def act(connection: sqlite3.Connection) -> int:
        if faults:
            raise faults.pop()
        return int(connection.execute("SELECT count(*) FROM answers").fetchone()[0])

    assert answers._attempt(act, 0) == 1
    assert (answers.note, kept(answers, 1)) == ("", [1])
    assert not list(file.parent.glob("*.broken-*"))


def test_threads_share_what_is_in_memory(tmp_path: Path) -> None:
    """What one has kept is there for the others, where no file can be written."""
    (tmp_path / "file").write_text("")
    answers = Answers(tmp_path / "file" / "answers.sqlite")
    put(answers, 1)
    thread = threading.Thread(target=put, args=(answers, 2))
    thread.start()
    thread.join()
    assert kept(answers, 1, 2) == [1, 2]


def test_a_file_of_another_version_is_left_alone(file: Path) -> None:
    """Its columns are others; answers are kept in memory."""
    file.parent.mkdir()
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE answers (id, words, time)")
        connection.execute("INSERT INTO answers VALUES (1, 'x', 9e99)")
    connection.close()
    answers = Answers(file)
    put(answers, 1)
    assert (kept(answers, 1), answers.path) == ([1], None)
    assert count(file) == 1


def test_what_another_kernel_kept_from_being_written_is_written_later(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the next batch, or at the end: nothing is lost, and nothing raised."""
    monkeypatch.setattr("eighty80_jupyter.storage.answers._BUSY_SECONDS", 0.01)
    answers = Answers(file)
    put(answers, 1)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    put(answers, 2)
    assert kept(answers, 1, 2) == [1]
    other.execute("COMMIT")
    put(answers, 3)
    assert kept(answers, 1, 2, 3) == [1, 2, 3]
    other.execute("BEGIN IMMEDIATE")
    put(answers, 4)
    assert answers.forget() == 0
    other.execute("COMMIT")
    other.close()
    answers.close()
    assert (kept(Answers(file), 4), answers.note) == ([4], "")


def test_threads_share_one_file(file: Path) -> None:
    """Each finds what the others have kept."""
    answers = Answers(file)

    def work(first: int) -> None:
        for n in range(first, first + 50):
            put(answers, n)
            assert kept(answers, n) == [n]

    threads = [threading.Thread(target=work, args=(first,)) for first in (0, 100, 200, 300)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kept(answers, *range(400))) == 200


WRITER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from eighty80_jupyter.storage.answers import Answers, Kept

    answers = Answers(Path(sys.argv[1]))
    first = int(sys.argv[2])
    for n in range(first, first + 200):
        answers.put_many([(n.to_bytes(16, "big"), Kept(text=str(n)))])
    print("written", flush=True)
    sys.stdin.read()
    """
)


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_kernels_share_one_file_and_a_killed_one_loses_nothing(file: Path) -> None:
    """Two write at the same time; both are killed with what they wrote on disk."""
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(file), str(first)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for first in (0, 1_000)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"written\n"
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
    answers = Answers(file)
    assert kept(answers, *range(2_000)) == [*range(200), *range(1_000, 1_200)]
    assert answers.note == ""


def _in_a_child(answers: Answers, *, reads_first: bool) -> None:
    if reads_first:
        assert kept(answers, 1) == [1]
    put(answers, 2)
    assert kept(answers, 1, 2) == [1, 2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # that is what is tried here
@pytest.mark.parametrize("reads_first", [True, False])
def test_a_fork_opens_the_file_for_itself(file: Path, *, reads_first: bool) -> None:
    """The connection of the parent stays whole, also where its lock is held at that moment."""
    answers = Answers(file)
    put(answers, 1)
    child = multiprocessing.get_context("fork").Process(
        target=_in_a_child, args=(answers,), kwargs={"reads_first": reads_first}
    )
    with answers._lock:
        child.start()
    child.join(30)
    assert child.exitcode == 0
    assert kept(answers, 1, 2) == [1, 2]
