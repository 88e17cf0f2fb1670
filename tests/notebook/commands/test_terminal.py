"""The commands in a terminal IPython: text instead of pages, the next prompt instead of a cell."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.environment import child_environment
from tests.support.replies import stream_reply

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.scripted import ScriptedServer

MINIMAL = ["--InteractiveShell.xmode=Minimal"]
CODE = "Try\n\n```python\nx = 6 * 7\n```\n"


def run(
    arguments: list[str], typed: str, server: ScriptedServer, home: Path, term: str = "dumb"
) -> str:
    """Return what a Python process writes that was given `typed`."""
    variables = {"_8080_API_URL": server.url, "_8080_API_KEY": "k", "TERM": term}
    done = subprocess.run(
        [sys.executable, *arguments],
        input=typed,
        env=child_environment(home, variables),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_commands_are_text(server: ScriptedServer, tmp_path: Path) -> None:
    """History, list, code, fix and report are text; with a simple prompt the code is shown."""
    server.queue(stream_reply(CODE), stream_reply("Because."), stream_reply("Other\x1b]0;x\x07."))
    cells = [
        "%load_ext eighty80_jupyter",
        "%chat --code How?",
        "%chat --fork side",
        "%chat --list",
        "{}['gone']",
        "%chat --fix",
        "%chat --retry",
        "%chat --history 2",
        "%chat --undo 9",
        "%chat --status",
    ]
    out = run(
        ["-m", "IPython", "--colors=NoColor", "--simple-prompt", "--no-banner", *MINIMAL],
        "\n".join([*cells, ""]),
        server,
        tmp_path,
    )
    assert "This front end makes no new cell; the code is:\nx = 6 * 7\n" in out
    assert "* side  1 turn  How?" in out
    assert "KeyError: 'gone'" in server.requests[1].json["messages"][-1]["content"]
    assert "Model · 2 of 2:\nOther\ufffd]0;x\ufffd.\n" in out
    assert "\x1b" not in out
    assert "UsageError: cannot undo 9: the conversation side has 2 turns" in out
    assert "front end: a terminal with a simple prompt" in out


@pytest.mark.slow
def test_code_stands_at_the_next_prompt(server: ScriptedServer, tmp_path: Path) -> None:
    """Where the terminal can begin the next prompt with a text, the code stands there."""
    server.queue(stream_reply(CODE))
    code = (
        "from IPython.terminal.interactiveshell import TerminalInteractiveShell\n"
        "shell = TerminalInteractiveShell.instance()\n"
        "shell.simple_prompt = False\n"
        "shell.run_line_magic('load_ext', 'eighty80_jupyter')\n"
        "shell.run_cell('%%chat --code\\nHow?')\n"
        "print(repr(shell.rl_next_input), 'x' in shell.user_ns)\n"
        "shell.run_cell('%chat --edit')\n"
        "print(repr(shell.rl_next_input))\n"
    )
    lines = run(["-c", code], "", server, tmp_path, "xterm").splitlines()
    assert "'x = 6 * 7' False" in lines
    assert lines[-1] == "'%%chat --again 1\\nHow?'"


@pytest.mark.slow
@pytest.mark.parametrize(("term", "interact"), [("dumb", True), ("xterm", False)])
def test_code_is_shown_where_no_prompt_would_show_it(
    server: ScriptedServer, tmp_path: Path, term: str, *, interact: bool
) -> None:
    """A dumb terminal's prompt would hide the code, and `ipython -c` has no next prompt."""
    server.queue(stream_reply(CODE))
    code = (
        "from IPython.terminal.ipapp import TerminalIPythonApp\n"
        "from IPython.terminal.interactiveshell import TerminalInteractiveShell\n"
        "app = TerminalIPythonApp.instance()\n"
        f"app.interact = {interact}\n"
        "shell = TerminalInteractiveShell.instance(parent=app)\n"
        "shell.simple_prompt = False\n"
        "shell.run_line_magic('load_ext', 'eighty80_jupyter')\n"
        "shell.run_cell('%%chat --code\\nHow?')\n"
        "print(shell.rl_next_input)\n"
    )
    *_, said, shown, left = run(["-c", code], "", server, tmp_path, term).splitlines()
    assert said == "This front end makes no new cell; the code is:"
    assert (shown, left) == ("x = 6 * 7", "None")
