"""The room's front door: `start` and `python -m eighty80_jupyter.local`."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import pytest

from eighty80_jupyter import local
from eighty80_jupyter.errors import LocalModelError
from eighty80_jupyter.local import __main__ as program
from eighty80_jupyter.local import model, server


class FakeServer:
    """A server that serves until Ctrl-C."""

    url = "http://127.0.0.1:1"
    api_key = "the key"

    def __init__(self, path: Path, **options: Any) -> None:
        self.path = path
        self.options = options
        self.model = options["model"]
        self.end: BaseException = KeyboardInterrupt()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.model = "closed"

    def wait(self) -> None:
        raise self.end


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start no process."""
    monkeypatch.setattr(server, "LocalServer", FakeServer)
    monkeypatch.setattr(server, "require_runtime", lambda: None)


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    """Return a file that could be a model."""
    path = tmp_path / "My Model.gguf"
    path.write_bytes(b"GGUF")
    return path


def test_import_is_cheap() -> None:
    """Importing the package imports none of its modules, and no other package."""
    code = (
        "import __future__, json, sys, typing, eighty80_jupyter\n"
        "before = set(sys.modules)\nimport eighty80_jupyter.local\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    root = Path(local.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=root)
    assert json.loads(done.stdout) == ["eighty80_jupyter.local"]


@pytest.mark.usefixtures("fake")
def test_start_default_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a path the default model is fetched, with the caller's progress."""
    told: list[tuple[int, int]] = []

    def fetch(*, progress: model.Progress) -> Path:
        progress(1, 2)
        return Path("/cache/default.gguf")

    monkeypatch.setattr(model, "fetch", fetch)
    running: Any = local.start(progress=lambda *call: told.append(call), port=5)
    assert told == [(1, 2)]
    assert running.path == Path("/cache/default.gguf")
    assert running.options == {"model": "smollm2-135m-instruct", "n_ctx": 2048, "port": 5}


@pytest.mark.usefixtures("fake")
def test_start_own_model(gguf: Path) -> None:
    """A file of the user's own is served under its name without the suffix."""
    running: Any = local.start(gguf)
    assert running.path == gguf
    assert running.options == {"model": "My Model", "n_ctx": 4096, "port": 0}


def test_start_without_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without xllamacpp nothing is fetched."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setattr(model, "fetch", None)
    with pytest.raises(LocalModelError, match="xllamacpp, which is not installed"):
        local.start()


@pytest.mark.usefixtures("fake")
def test_program_serves_until_interrupted(gguf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The program says how to use the server, and Ctrl-C is how it ends well."""
    assert program.main([str(gguf)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Serving the model My Model until Ctrl-C. To use it from another shell:",
        "export _8080_API_URL=http://127.0.0.1:1",
        "export _8080_API_KEY=the key",
    ]


def test_program_fetches(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --fetch the program prints the file's path, and on stderr that it was downloaded."""

    def fetch(*, progress: model.Progress) -> Path:
        progress(0, 93_000_000)
        progress(93_000_000, 93_000_000)
        return Path("some.gguf")

    monkeypatch.setattr(model, "fetch", fetch)
    assert program.main(["--fetch"]) == 0
    printed = capsys.readouterr()
    assert printed.out == "some.gguf\n"
    assert printed.err == "Downloaded the model, 93 MB\n"


def test_progress_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the bar is drawn over itself, and the last one stays."""
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    program.show_progress(0, 90_000_000)
    program.show_progress(30_000_000, 90_000_000)
    program.show_progress(90_000_000, 90_000_000)
    assert terminal.getvalue() == (
        f"\rDownloading the model [{'.' * 30}] 0 of 90 MB"
        f"\rDownloading the model [{'#' * 10}{'.' * 20}] 30 of 90 MB"
        f"\rDownloading the model [{'#' * 30}] 90 of 90 MB\n"
    )


def test_program_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An error is one line on stderr and exit status 1."""
    assert program.main([str(tmp_path / "none.gguf")]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("There is no file ")
    assert printed.err.count("\n") == 1


def test_program_when_the_server_ends_by_itself(
    monkeypatch: pytest.MonkeyPatch, gguf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server that ends by itself is an error, too."""
    fake = FakeServer(gguf, model="m")
    fake.end = LocalModelError("It has ended.")
    monkeypatch.setattr(program, "start", lambda *_, **__: fake)
    assert program.main([str(gguf)]) == 1
    assert capsys.readouterr().err == "It has ended.\n"
    assert fake.model == "closed"


def test_program_interrupted_while_fetching(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C before the server runs ends the program as shells expect it, without a traceback."""

    def interrupted(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(model, "fetch", interrupted)
    assert program.main(["--fetch"]) == 130


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_program_refuses_a_port(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is no port number is refused with the command's usage."""
    with pytest.raises(SystemExit, match="2"):
        program.main([f"--port={port}"])
    assert "argument --port" in capsys.readouterr().err
