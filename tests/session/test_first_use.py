"""What a session opens at its first use is opened once, whatever threads come first."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.session import recording_client, records
from eighty80_jupyter.session.session import Session
from eighty80_jupyter.storage import answers

THREADS = 3
OPENED: dict[str, tuple[Any, str, Callable[[Session], object]]] = {
    "journal": (records, "Journal", lambda made: made._preparation._autosave.apply()),
    "client": (recording_client, "RecordingClient", lambda made: made._turns.client()),
    "kept answers": (answers, "Answers", lambda made: made.row_runs.answers()),
    "recorder": (records, "Recorder", lambda made: made.records.recorder()),
}


@pytest.mark.parametrize("what", OPENED)
def test_threads_that_come_first_share_it(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several threads that need it at the same moment one opens it, and all use that."""
    module, name, use = OPENED[what]
    original = getattr(module, name)
    opened: list[object] = []
    all_there = threading.Barrier(THREADS)
    several = threading.Event()

    def slow(*args: Any, **options: Any) -> Any:
        opened.append(args)
        if len(opened) > 1:
            several.set()
        several.wait(0.2)  # in which another thread would open it, too
        return original(*args, **options)

    monkeypatch.setattr(module, name, slow)
    made = Session(ChatConfig(autosave=True, record=str(tmp_path / "record.jsonl")))
    errors: list[BaseException] = []

    def first() -> None:
        all_there.wait(60)
        try:
            use(made)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test tells
            errors.append(error)

    threads = [threading.Thread(target=first) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    try:
        assert errors == []
        assert len(opened) == 1
    finally:
        made.config.autosave = False  # closes the journal
        made.close()


FIRST = """
import threading
import eighty80_jupyter
from eighty80_jupyter.notebook import attach

make, all_there, several, made = attach._make_session, threading.Barrier(3), threading.Event(), []

def slow(*args, **options):
    made.append(args)
    if len(made) > 1:
        several.set()
    several.wait(0.2)
    return make(*args, **options)

def first():
    all_there.wait(60)
    found.append(eighty80_jupyter.chat)

attach._make_session, found = slow, []
threads = [threading.Thread(target=first) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(60)
print(len(made), len(found), len(set(map(id, found))))
"""


def test_threads_of_a_program_share_the_session() -> None:
    """Threads of a program that ask first have one conversation, not one each."""
    ran = subprocess.run([sys.executable, "-c", FIRST], capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr) == ("1 3 1\n", "")
