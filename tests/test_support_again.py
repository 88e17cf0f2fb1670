"""In CI a test that drives another program is tried once more, with everything set up anew."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

# The first kernel does not start, the second dies in a test, the third is well.
TESTS = """
import pytest

started = []
ended = []

@pytest.fixture(scope="module")
def kernel():
    started.append(len(started) + 1)
    assert started[-1] > 1, "it does not start"
    yield started[-1]
    ended.append(started[-1])

@pytest.fixture(scope="module")
def notebook(kernel):
    return f"run by {kernel}"

def test_start(notebook):
    assert notebook == "run by 2"

def test_death(notebook):
    assert notebook == "run by 3"

def test_what_follows(notebook):
    assert (notebook, started, ended) == ("run by 3", [1, 2, 3], [2])

def test_without_other_programs():
    assert started != [1, 2, 3], "once"
"""


def test_a_second_try_begins_anew(tmp_path: Path) -> None:
    """What a module shares is set up again, whether its setup failed or a test that used it."""
    (tmp_path / "test_tries.py").write_text(TESTS)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.conftest", "--max-suite-reruns", "8", "-rR"],
        env={**os.environ, "CI": "1", "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 failed, 3 passed, 2 rerun" in done.stdout, done.stdout
    for name in ("test_start", "test_death"):
        assert f"RERUN test_tries.py::{name}" in done.stdout
