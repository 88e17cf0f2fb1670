"""Tools in a terminal: the lines of calls, and the question before one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from eighty80_jupyter.api.deltas import TextDelta
from eighty80_jupyter.api.messages import ToolCall
from eighty80_jupyter.api.reply import CallRecord, Choice, Reply
from eighty80_jupyter.conversation.events import CallBegan, CallEnded, CallWritten, RoundBegan
from eighty80_jupyter.notebook.cell.terminal import TerminalWriter
from eighty80_jupyter.notebook.cell.tools.confirm import InputConfirmer
from eighty80_jupyter.tools.tool import make_tool
from tests.support.environment import child_environment
from tests.support.replies import sse_reply, stream_reply, tool_call, tool_chunks

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.scripted import ScriptedServer

posix = pytest.mark.skipif(sys.platform == "win32", reason="terminals as POSIX has them")

PROGRAM = """
from eighty80_jupyter import chat

@chat.tool
def delete_file(path: str) -> str:
    return path + " is gone"

reply = chat.ask("Delete a.txt", tools="delete_file")
print(reply.calls[0].status, reply.text)
"""


def environment(server: ScriptedServer, home: Path) -> dict[str, str]:
    """Return the variables of a child that talks to the scripted server."""
    return child_environment(home, {"_8080_API_URL": server.url, "_8080_API_KEY": "k"})


def queue_call(server: ScriptedServer) -> None:
    """Have the model delete a file, and then answer."""
    call = tool_call("delete_file", {"path": "a.txt"})
    server.queue(sse_reply(tool_chunks(call)), stream_reply("So it is."))


@pytest.mark.slow
@posix
@pytest.mark.parametrize(("typed", "status"), [("y", "done"), ("n", "refused")])
def test_a_program_asks_on_its_terminal(
    server: ScriptedServer, tmp_path: Path, typed: str, status: str
) -> None:
    """A script without IPython asks with `input()` where there is somebody to answer."""
    queue_call(server)
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env=environment(server, tmp_path),
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as program:
        os.close(theirs)
        os.write(ours, f"{typed}\n".encode())
        assert program.stdout is not None
        shown = program.stdout.read().decode()
    os.close(ours)
    assert "Run delete_file(path='a.txt')? [y]es, [n]o, [a]lways, [e]dit:" in shown
    assert f"{status} So it is." in shown


@pytest.mark.slow
def test_a_pipe_answers_nothing(server: ScriptedServer, tmp_path: Path) -> None:
    """What comes from a pipe is no answer: the call is refused, and the pipe is not read."""
    queue_call(server)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM + "print(input())"],
        env=environment(server, tmp_path),
        input="y\n",
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert lines[0].startswith("delete_file was not run: nobody can be asked here")
    assert lines[1:] == ["refused So it is.", "y"]


def test_lines_of_calls() -> None:
    """Each call has a line when it begins and one when it ends; no control character gets out."""
    written: list[str] = []
    writer = TerminalWriter(written.append)
    call = ToolCall(id="1", name="read", arguments='{"path": "a"}')
    writer.take([RoundBegan(1), TextDelta(0, "Let me see."), CallBegan(call, "read(path='a')")])
    writer.take([CallEnded(call, "read(path='a')", "failed", "\x1b]52;c;AAAA\x07 gone", 0.31)])
    writer.take([RoundBegan(2), TextDelta(0, '{"name"'), CallWritten((call,))])
    writer.take([RoundBegan(3), TextDelta(0, "Not ")])
    records = (CallRecord(id="1", name="read", shown="read(path='a')", status="failed"),)
    writer.finish(Reply(choices=(Choice(text="Not there."),), model="m", rounds=3, calls=records))
    assert "".join(written).splitlines() == [
        "Let me see.",
        "[read(path='a') ...]",
        "[read(path='a') failed · 0.3 s: \ufffd]52;c;AAAA\ufffd gone]",
        '{"name"',
        "[the model wrote a call as text]",
        "Not there.",
        "[m · 3 rounds · 1 call · 0.00 s]",
    ]


def delete(path: str) -> str:
    """Delete a file."""
    return path


class Terminal:
    """Stands for `input()`: types what it was given, and keeps the questions."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.questions: list[str] = []

    def __call__(self, question: str = "") -> str:
        self.questions.append(question)
        if not self.answers:
            raise EOFError
        return self.answers.pop(0)


def confirmed(
    monkeypatch: pytest.MonkeyPatch,
    terminal: Terminal,
    arguments: str = '{"path": "a"}',
    *,
    confirm: bool | None = None,
) -> tuple[str, str]:
    """Return the answer and the arguments that the user decided on."""
    monkeypatch.setattr("builtins.input", terminal)
    call = ToolCall(id="1", name="delete", arguments=arguments)
    tool = make_tool(delete, confirm=confirm)
    decision = InputConfirmer(in_kernel=True).confirm(tool, call, "shown")
    return decision.answer, decision.arguments


@pytest.mark.parametrize(
    ("typed", "decided"),
    [
        (["y"], ("yes", "")),
        ([" YES "], ("yes", "")),
        (["n"], ("no", "")),
        (["a"], ("always", "")),
        (["", "what", "y"], ("yes", "")),
        (["x"] * 9, ("no", "")),
        (["e", "{", '{"path": 1}', '{"path": "b"}'], ("edit", '{"path": "b"}')),
        (["e", "", "n"], ("no", "")),
        ([], ("no", "")),
    ],
)
def test_what_may_be_typed(
    monkeypatch: pytest.MonkeyPatch, typed: list[str], decided: tuple[str, str]
) -> None:
    assert confirmed(monkeypatch, Terminal(*typed)) == decided


def test_the_end_of_the_input_is_no_yes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-D refuses the call; the question's line is ended, and nobody is told to be absent."""
    monkeypatch.setattr("builtins.input", Terminal())
    call = ToolCall(id="1", name="delete", arguments='{"path": "a"}')
    decision = InputConfirmer(in_kernel=True).confirm(make_tool(delete), call, "delete(path='a')")
    assert (decision.answer, decision.reason) == ("no", "not run: the user did not say yes")
    assert capsys.readouterr().out == "\n"


def test_the_question_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever leaves the arguments as they are is not told that the answer was wrong."""
    terminal = Terminal("e", "", "?", "n")
    confirmed(monkeypatch, terminal)
    first, arguments, second, third = terminal.questions
    assert first == second == "Run delete(path='a')? [y]es, [n]o, [a]lways, [e]dit: "
    assert arguments.startswith("Arguments as JSON")
    assert third.startswith("Please type y, n, a or e.")


def test_a_long_call_is_shown_before_the_question(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each argument has a line, nothing in it moves the cursor, and all of it can be seen."""
    terminal = Terminal("s", "all", "y")
    arguments = json.dumps({"note": "A" * 5000, "path": "\x1b[2J\u202e\u3164; rm"})
    assert confirmed(monkeypatch, terminal, arguments)[0] == "yes"
    brief, whole = capsys.readouterr().out.split("delete(\n")[1:]
    for printed in (brief, whole):
        assert "  path='\\x1b[2J\\u202e\\u3164; rm',\n" in printed
    assert re.search(r"  note='A+ … [\d,]+ characters more … A+',\n", brief)
    assert "A" * 5000 in whole
    first, second, third = terminal.questions
    assert first == "Run it? [y]es, [n]o, [a]lways, [e]dit, [s]how all: "
    assert second == "Run it? [y]es, [n]o, [a]lways, [e]dit: "
    assert third.startswith("Please type y, n, a or e. ")


def test_what_asks_in_any_case_has_no_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """`confirm=True` means each call: there is no answer for all of them."""
    terminal = Terminal("a", "y")
    assert confirmed(monkeypatch, terminal, confirm=True)[0] == "yes"
    assert terminal.questions[0] == "Run delete(path='a')? [y]es, [n]o, [e]dit: "
    assert terminal.questions[1].startswith("Please type y, n or e. ")


@pytest.mark.slow
@posix
def test_ipython_in_a_terminal(server: ScriptedServer, tmp_path: Path) -> None:
    """%%chat in IPython on a terminal: the question, the lines, the answer."""
    queue_call(server)
    ours, theirs = os.openpty()
    program = PROGRAM.split("reply =", maxsplit=1)[0]
    lines = [
        "%load_ext eighty80_jupyter",
        f"exec({program!r})",
        "%chat --tools delete_file Delete a.txt",
        "y",
        "exit",
    ]
    with subprocess.Popen(
        [sys.executable, "-m", "IPython", "--simple-prompt", "--no-banner", "--colors=NoColor"],
        env={**environment(server, tmp_path), "TERM": "dumb"},
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as program_:
        os.close(theirs)
        for line in lines:
            os.write(ours, f"{line}\n".encode())
            time.sleep(0.05)  # a terminal takes so many characters at once
        assert program_.stdout is not None
        shown = program_.stdout.read().decode()
    os.close(ours)
    assert "[delete_file(path='a.txt') ...]" in shown
    assert "Run delete_file(path='a.txt')?" in shown
    assert re.search(r"\[delete_file\(path='a\.txt'\) [\d.]+ m?s: a\.txt is gone\]", shown)
    assert "So it is." in shown
