"""How servers end: killed, crashed, stopped, with the session, with the kernel, in forks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.mcp.use import call, example_over_http, is_running, odd
from tests.support.ports import free_port
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from eighty80_jupyter.session.session import Session

pytestmark = pytest.mark.slow

# What a kernel does: start a server, tell its process, and go on.
KERNEL = """
import json, os, sys, time
from eighty80_jupyter.session.session import Session
from tests.support.mcp.use import User, call

session = Session()
session.confirmer = User()
session.mcp(json.loads(sys.argv[1]), name="odd")
"""
FORK = """
def numbers(reading):
    return {call(session, "odd__pid").text for _ in range(2)}
mine = numbers(0)
reading, writing = os.pipe()
if os.fork() == 0:
    os.write(writing, json.dumps(sorted(numbers(0))).encode())
    session.close()
    os._exit(0)
os.wait()
print(json.dumps([sorted(mine), json.loads(os.read(reading, 1000)), sorted(numbers(0))]))
session.close()
"""


@pytest.fixture(name="lines")
def _lines(session: Session) -> list[str]:
    lines: list[str] = []
    session.say = lines.append
    return lines


def pids(log: Path) -> list[int]:
    """Return the processes that were started."""
    return [int(line) for line in log.read_text().split()]


def test_killed(session: Session, lines: list[str], tmp_path: Path) -> None:
    """A killed server is one line, and is started again once, for the next call."""
    log = tmp_path / "log"
    server = session.mcp(odd(f"log={log}"), name="odd")
    os.kill(pids(log)[-1], signal.SIGKILL)
    wait_until(lambda: server.state == "stopped", what="the end of the server")
    assert call(session, "odd__weather", city="Oslo").status == "done"
    assert lines == ["The MCP server odd has ended; it is started again."]
    os.kill(pids(log)[-1], signal.SIGKILL)
    wait_until(lambda: server.state == "ended", what="the end of the server")
    for _ in range(2):
        result = call(session, "odd__weather", city="Oslo")
        assert (result.status, result.text) == (
            "failed",
            "MCPServerError: not run: the MCP server odd has ended",
        )
    assert len(lines) == 2
    assert lines[1].startswith("The MCP server odd has ended again; %chat --mcp ")
    assert session.mcp(odd(f"log={log}"), name="odd").state == "running"
    assert call(session, "odd__weather", city="Oslo").status == "done"
    assert len(pids(log)) == 3


def test_crash_in_a_call(session: Session, lines: list[str]) -> None:
    """A crash fails its call, which is not made again by itself; the last words are shown."""
    session.mcp(odd(), name="odd")
    result = call(session, "odd__crash")
    assert result.text == (
        "MCPServerError: the MCP server odd has ended during this call; whether it was carried out "
        "is not known, and it was started again"
    )
    (line,) = lines
    assert line.startswith(
        "The MCP server odd has ended (the last it wrote: Fatal: the disk is gone)"
    )
    assert call(session, "odd__weather", city="Oslo").status == "done"
    assert call(session, "odd__crash").text.endswith("and it does not run any more")


@pytest.mark.slow
def test_killed_over_http(session: Session, lines: list[str]) -> None:
    """A server behind an address that is killed is connected to again, once it is back."""
    port = free_port()
    with example_over_http(port) as (url, process):
        session.mcp(url, name="ex")
        assert call(session, "ex__add", a=1, b=2).text == "3"
        process.kill()
        process.wait()
        assert call(session, "ex__add", a=1, b=2).status == "failed"
    with example_over_http(port):
        session.mcp(url, name="ex")
        assert call(session, "ex__add", a=1, b=2).text == "3"
    assert all("ex has ended" in line for line in lines)


@pytest.mark.parametrize("word", ["plain", "stubborn"])
def test_ends_with_the_session(session: Session, tmp_path: Path, word: str) -> None:
    """What the session has started ends with it, also what does not want to; a call starts anew."""
    log = tmp_path / "log"
    server = session.mcp(odd(f"log={log}", word), name="odd")
    session.close()
    assert not is_running(pids(log)[0])
    assert server.state == "stopped"
    if word == "plain":
        assert call(session, "odd__weather", city="Oslo").status == "done"
        assert len(pids(log)) == 2
        server.stop()
        assert not is_running(pids(log)[1])
        assert not session.tools


def python(code: str, command: list[str] | tuple[str, ...]) -> subprocess.Popen[str]:
    """Start a Python that has a server."""
    return subprocess.Popen(
        [sys.executable, "-c", KERNEL + code, json.dumps(list(command))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("end", "word"), [("exit", "plain"), ("kill", "plain"), ("kill", "stubborn")]
)
def test_ends_with_the_process(tmp_path: Path, end: str, word: str) -> None:
    """A server ends with its kernel, also where that is killed and the server ignores its end."""
    log = tmp_path / "log"
    wait = "" if end == "exit" else "time.sleep(600)"
    with python(f"print('started', flush=True); {wait}", odd(f"log={log}", word)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        if end == "kill":
            if word == "stubborn" and sys.platform != "linux":
                pytest.skip("only Linux ends a process with its parent")
            process.kill()
        process.wait()
    (pid,) = pids(log)
    wait_until(lambda: not is_running(pid), what="the end of the server")


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")
def test_forks() -> None:
    """A process that was forked off starts a server of its own, and leaves its parent's alone."""
    with python(FORK, odd()) as process:
        out, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    mine, theirs, after = json.loads(out)
    assert len(mine) == len(theirs) == 1
    assert mine == after != theirs
