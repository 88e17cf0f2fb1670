"""Replies in front ends that obey no updates, and in those that do: real kernels and programs."""

from __future__ import annotations

import importlib.util
import os
import pty
import select
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.notebook.attended import AttendedKernel
from tests.support.environment import child_environment
from tests.support.replies import Gate, sse_reply, stream_reply, text_chunks
from tests.support.scripted import ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

REPLY = "The **sum** is 5.\n\n- one\n- two\n"
ASK = "%%chat\nAdd 2 and 3"


@pytest.fixture(name="kernel", scope="module")
def _kernel() -> Iterator[AttendedKernel]:
    with AttendedKernel(startup="%load_ext eighty80_jupyter") as kernel:
        yield kernel


@pytest.fixture(autouse=True)
def _fresh(request: pytest.FixtureRequest, server: ScriptedServer) -> None:
    if "kernel" not in request.fixturenames:
        return
    kernel: AttendedKernel = request.getfixturevalue("kernel")
    result = kernel.run(
        "from eighty80_jupyter import chat; import os\n"
        f"os.environ.update(_8080_API_URL={server.url!r}, _8080_API_KEY='k')\n"
        "chat.conversation.reset(); chat.config.update_outputs = None\n"
        "chat.config.output_format = 'auto'"
    )
    assert result.ok, result.error


def test_a_page_that_names_its_cells_gets_updates(
    kernel: AttendedKernel, server: ScriptedServer
) -> None:
    """The first message has the text so far as plain text, for whoever ignores the rest."""
    server.queue(sse_reply(text_chunks(REPLY), delay=0.1))
    result = kernel.run_cell(ASK, cell="c1")
    first, second, *_ = result.updates()
    assert (first.type, second.type) == ("display_data", "update_display_data")
    assert first.content["data"]["text/plain"] in REPLY
    assert result.data("text/plain")[0] == REPLY


def test_a_console_gets_the_text_as_it_comes(
    kernel: AttendedKernel, server: ScriptedServer
) -> None:
    """What a client in Python gets is a stream and one last line, with nothing to update."""
    server.queue(stream_reply(REPLY))
    result = kernel.run_cell(ASK)
    assert result.stdout.strip() == REPLY.strip()
    assert [m.type for m in result.updates()] == ["display_data"]
    assert set(result.outputs[-1]["data"]) == {"text/plain"}
    assert result.outputs[-1]["metadata"]["eighty80_jupyter"]["turn"] == 1


def test_an_unknown_page_gets_the_reply_whole(
    kernel: AttendedKernel, server: ScriptedServer
) -> None:
    """As HTML beside its source, each output once, in order, with the metadata."""
    server.queue(stream_reply(REPLY))
    result = kernel.run_cell(ASK, in_page=True)
    assert [m.type for m in result.updates()] == ["display_data", "display_data"]
    assert "<strong>sum</strong>" in result.data("text/html")[0]
    assert result.data("text/plain")[0] == REPLY
    assert result.outputs[-1]["metadata"]["eighty80_jupyter"]["turn"] == 1


@pytest.mark.parametrize(
    ("setting", "types"),
    [
        ("update_outputs=True", {"display_data", "update_display_data"}),
        ("update_outputs=False", {"display_data"}),
        ("output_format=text", {"display_data", "stream"}),
        ("output_format=html", {"display_data"}),
    ],
)
def test_settings_overrule(
    kernel: AttendedKernel, server: ScriptedServer, setting: str, types: set[str]
) -> None:
    """A console that obeys updates, or shows HTML, is told so by a setting."""
    kernel.run(f"%chat --set {setting}")
    server.queue(sse_reply(text_chunks(REPLY), delay=0.1))
    result = kernel.run_cell(ASK)
    assert {m.type for m in result.messages} - {"status", "execute_input"} == types


@pytest.mark.slow
def test_a_typed_answer_in_a_console(kernel: AttendedKernel, server: ScriptedServer) -> None:
    """The value is written when it is there."""
    server.queue(stream_reply('{"sum": 5}'))
    result = kernel.run_cell('%%chat --returns "sum: int"\nAdd 2 and 3')
    assert result.stdout == "sum: 5\n"


class Console:
    """jupyter console under a pseudo terminal."""

    def __init__(self, home: Path, server: ScriptedServer) -> None:
        extra = {"_8080_API_URL": server.url, "_8080_API_KEY": "k", "TERM": "xterm"}
        self._leader, follower = pty.openpty()
        self.screen = ""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "jupyter_console", "--simple-prompt"],
            env=child_environment(home, extra),
            stdin=follower,
            stdout=follower,
            stderr=follower,
            start_new_session=True,
        )
        os.close(follower)

    def wait_for(self, text: str, seconds: float = 100) -> None:
        """Read until `text` is on the screen; what was before it is forgotten at `type`."""
        deadline = time.monotonic() + seconds
        while text not in self.screen:
            if time.monotonic() > deadline:
                raise TimeoutError(f"expected {text!r} on the screen:\n{self.screen}")
            if select.select([self._leader], [], [], 0.1)[0]:
                self.screen += os.read(self._leader, 65536).decode(errors="replace")

    def type(self, line: str) -> None:
        """Type a line, and forget what the screen had."""
        self.screen = ""
        os.write(self._leader, f"{line}\n".encode())

    def close(self) -> None:
        """End it, and its kernel with it."""
        self._process.terminate()
        self._process.wait(timeout=30)
        os.close(self._leader)


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("jupyter_console") is None, reason="needs jupyter-console"
)
def test_jupyter_console(tmp_path: Path, server: ScriptedServer) -> None:
    """The reply is on the screen while it comes, and the last line below it."""
    gate = threading.Event()
    first, second, *more = text_chunks("Two words and more.")
    server.queue(sse_reply([first, second, Gate(gate), *more]))
    console = Console(tmp_path, server)
    try:
        console.wait_for("In [1]:")
        console.type("%load_ext eighty80_jupyter")
        console.wait_for("In [2]:")
        console.type("%chat Say something")
        console.wait_for("Two")
        assert "more" not in console.screen
        gate.set()
        console.wait_for("In [3]:")
        assert console.screen.count("Two words and more.") == 1
        assert "llama" in console.screen.split("and more.")[1]
    finally:
        gate.set()
        console.close()


@pytest.mark.slow
@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("qtconsole", "PyQt6")),
    reason="needs qtconsole and PyQt6",
)
def test_qtconsole(tmp_path: Path, server: ScriptedServer) -> None:
    """It shows each reply as text, once, and its last line; also where HTML is set."""
    server.queue(stream_reply(REPLY), stream_reply("A **second** $x^2$."))
    extra = {"_8080_API_URL": server.url, "_8080_API_KEY": "k", "QT_QPA_PLATFORM": "offscreen"}
    lines = ["%load_ext eighty80_jupyter", "%chat Add", "%chat --set output_format=html", "%chat B"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.qt_console", *lines],
        env=child_environment(tmp_path, extra),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("The **sum** is 5.") == 1
    assert done.stdout.count("A **second** $x^2$.") == 1
    assert done.stdout.count("llama") == 2
