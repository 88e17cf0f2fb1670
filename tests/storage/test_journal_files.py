"""Where journals lie: how they are named, and that one folder holds many."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

from eighty80_jupyter.storage.files import append, reason
from eighty80_jupyter.storage.journal_files import begin, journals


def test_kernels_share_a_folder(tmp_path: Path) -> None:
    """Each makes a file of its own, named by time, process and chance; none in use is found."""
    folder = tmp_path / "a" / "b"
    made = [begin(folder) for _ in range(2)]
    name = re.compile(rf"\d{{8}}T\d{{6}}-{os.getpid()}-[0-9a-f]{{8}}\.jsonl")
    assert all(name.fullmatch(path.name) for path, _ in made)
    assert journals(folder) == []
    for number, (path, descriptor) in enumerate(made):
        append(descriptor, b"line\n")
        os.close(descriptor)
        os.utime(path, (1_000 + number, 1_000 + number))
    assert journals(folder) == [path for path, _ in reversed(made)]
    assert all(path.read_bytes().endswith(b"}\nline\n") for path, _ in made)


def test_what_is_no_file_is_no_journal(tmp_path: Path) -> None:
    """A folder of that name, or a file that cannot be opened, is left alone."""
    (tmp_path / "folder.jsonl").mkdir()
    assert journals(tmp_path) == []
    (tmp_path / "file.jsonl").write_text("")
    assert journals(tmp_path) == [tmp_path / "file.jsonl"]


def test_a_reason_is_the_systems_own_words() -> None:
    """Without the path; of another error it is the beginning of its text."""
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/some/path")
    assert reason(error) == os.strerror(errno.ENOSPC)
    assert reason(ValueError("x" * 300)) == "x" * 200
