"""MCP servers for tests: their commands, a user who is asked, calls as a turn makes them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import urlopen

from eighty80_jupyter.api.messages import ToolCall
from eighty80_jupyter.tools.call import ToolResult, prepare_call, run_tool
from eighty80_jupyter.tools.result import ToolSettings
from tests.support.ports import free_port
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from eighty80_jupyter.session.session import Session
    from eighty80_jupyter.tools.executor import Decision
    from eighty80_jupyter.tools.tool import Tool

_HERE = Path(__file__).parent
EXAMPLE = (sys.executable, str(_HERE / "example.py"))


def odd(*words: str) -> list[str]:
    """Return the command of the server that misbehaves in these ways."""
    return [sys.executable, "-S", str(_HERE / "odd.py"), *words]


class User:
    """A user who says yes or no to a command, or is not there (None)."""

    def __init__(self, said: bool | None = True) -> None:  # noqa: FBT001, FBT002  # the one answer
        self.said = said
        self.asked: list[str] = []

    def permit(self, question: str) -> bool | None:
        """Answer."""
        self.asked.append(question)
        return self.said

    def confirm(self, tool: Tool, call: ToolCall, shown: str) -> Decision:
        """Not be asked here."""
        raise NotImplementedError


def call(session: Session, name: str, *, timeout: float = 60.0, **arguments: Any) -> ToolResult:
    """Return the result of a call, as the turn of a model gets it."""
    wanted = ToolCall(id="one", name=name, arguments=json.dumps(arguments))
    prepared = prepare_call(dict(session.tools), wanted)
    if isinstance(prepared, ToolResult):
        return prepared
    return run_tool(*prepared, call=wanted, timeout=timeout, settings=ToolSettings())


def is_running(pid: int) -> bool:
    """Tell whether a process runs; one that has ended and was not waited for does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


@contextmanager
def example_over_http(port: int = 0) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run the example over HTTP, and give its address and its process."""
    port = port or free_port()
    url = f"http://127.0.0.1:{port}/mcp"
    process = subprocess.Popen([*EXAMPLE, str(port)], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _answers(url), interval=0.05, what="the server's answer")
        yield url, process
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        urlopen(url, timeout=5).close()  # noqa: S310  # loopback
    except HTTPError as error:
        error.close()
        return True
    except OSError:
        return False
    return True
