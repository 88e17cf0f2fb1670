"""The magics in a terminal IPython, and in a shell without any front end."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from eighty80_jupyter.api.deltas import ReasoningDelta, Retrying, TextDelta, TextWasReasoning
from eighty80_jupyter.api.messages import ToolCall
from eighty80_jupyter.api.reply import Choice, Reply, Usage
from eighty80_jupyter.conversation.events import CallBegan
from eighty80_jupyter.notebook.cell.summary import facts
from eighty80_jupyter.notebook.cell.terminal import RichWriter, TerminalWriter, make_terminal_writer
from tests.support.environment import child_environment
from tests.support.replies import stream_reply

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.scripted import ScriptedServer


@pytest.mark.slow
def test_ipython_streams_text(server: ScriptedServer, tmp_path: Path) -> None:
    """In a terminal the reply is text, with the last line below it, and failures are one line."""
    server.queue(stream_reply("Some **text**."))
    cells = "%load_ext eighty80_jupyter\n%chat What's up?\n%chat\n%chat -t 3 x\n"
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--colors=NoColor", "--simple-prompt", "--no-banner"],
        input=cells,
        env=child_environment(
            tmp_path, {"_8080_API_URL": server.url, "_8080_API_KEY": "k", "TERM": "dumb"}
        ),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    lines = done.stdout.splitlines()
    reply = next(n for n, line in enumerate(lines) if line.endswith("Some **text**."))
    assert lines[reply + 1].startswith("[8080/")
    assert "Conversation  main: 1 turn, 2 messages" in lines
    assert any(
        line.endswith("UsageError: temperature must be between 0 and 2, got 3") for line in lines
    )
    assert "Traceback" not in done.stdout + done.stderr
    assert server.requests[0].json["messages"] == [{"role": "user", "content": "What's up?"}]


@pytest.mark.slow
def test_plain_python(server: ScriptedServer, tmp_path: Path) -> None:
    """`chat` works in a Python without IPython, and leaves no warning when it ends."""
    server.queue(stream_reply("One."), stream_reply("Two."))
    code = (
        "import sys; from eighty80_jupyter import chat\n"
        "print(chat.ask('a').text, chat.ask('b').text, len(chat.conversation))\n"
        "import eighty80_jupyter; print(eighty80_jupyter.chat is chat, 'IPython' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=child_environment(tmp_path, {"_8080_API_URL": server.url, "_8080_API_KEY": "k"}),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.stdout, done.stderr) == (f"One. Two. 2{os.linesep}True False{os.linesep}", "")


def written(writer_events: list[list[object]], reply: Reply | None) -> str:
    """Return all that a terminal writer writes for these events."""
    out: list[str] = []
    writer = TerminalWriter(out.append)
    for events in writer_events:
        writer.take(events)  # type: ignore[arg-type]  # the tests make events of every kind
    writer.finish(reply)
    return "".join(out)


def test_writer_writes_every_word_once() -> None:
    """Pieces are written as they come; what an interrupt left over is written at the end."""
    reply = Reply(
        choices=(Choice(text="one two three"),), model="m", seconds=1.0, status="interrupted"
    )
    text = written([[TextDelta(0, "one ")], [], [TextDelta(0, "two")]], reply)
    assert text == "one two three\n[m · 1.00 s · interrupted]\n"


def test_an_interrupt_ends_the_line_that_it_was_typed_on() -> None:
    """A terminal writes ^C where the cursor stands, as behind the question of a tool."""
    call = ToolCall(id="1", name="f", arguments="{}")
    reply = Reply(choices=(Choice(text=""),), model="m", seconds=1.0, status="interrupted")
    text = written([[CallBegan(call, "f()")]], reply)
    assert text == "[f() ...]\n\n[m · 1.00 s · interrupted]\n"


def test_what_the_output_cannot_write_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a C locale, or a pipe on Windows, a reply is shown as far as can be."""
    screen = io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True, newline="\n")
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr(screen, "isatty", lambda: True)
    writer = make_terminal_writer()
    writer.take([TextDelta(0, "na\xefve \u65e5\u672c \x1b[1m.\n\n- a")])
    writer.finish(Reply(choices=(Choice(text="na\xefve \u65e5\u672c \x1b[1m.\n\n- a"),), model="m"))
    shown = screen.buffer.getvalue()
    assert shown == b"na?ve ?? ?[1m.\n\n- a\n[m ? 0.00 s]\n"


def test_writer_parts_reasoning_retries_and_further_answers() -> None:
    """Reasoning stands before the answer, a retry has a line, the second answer comes last."""
    reply = Reply(choices=(Choice(text="A\n"), Choice(index=1, text="B")), model="m", seconds=2.0)
    events: list[list[object]] = [
        [Retrying(0.5, "busy")],
        [ReasoningDelta(0, "hm")],
        [TextDelta(0, "A\n"), TextDelta(1, "B")],
    ]
    assert written(events, reply) == (
        "busy - trying again in 0.5 s\nReasoning: hm\n\nA\n\nAnswer 2\nB\n[m · 2.00 s]\n"
    )


def test_text_that_was_reasoning_is_told() -> None:
    """What is written cannot be taken back, but it can be said what it was."""
    reply = Reply(choices=(Choice(text="A", reasoning="hm"),), model="m", seconds=2.0)
    events: list[list[object]] = [[TextDelta(0, "hm")], [TextWasReasoning(0), TextDelta(0, "A")]]
    assert written(events, reply) == ("hm\n[what stands above was reasoning]\nA\n[m · 2.00 s]\n")


def test_control_characters_are_not_obeyed() -> None:
    """Nothing that a model writes reaches the clipboard, the title, or what is written already."""
    text = "a\x1b]52;c;eA==\x07b\x1b[2Jc\r\nd\x08\x9b2Je\tf"
    reply = Reply(choices=(Choice(text=text + "\x1b[1m"),), model="m", seconds=1.0)
    out = written([[ReasoningDelta(0, "\x1b[1m")], [TextDelta(0, text)]], reply)
    assert all(character.isprintable() or character in "\t\n" for character in out)
    assert "c\nd" in out


def test_rich_draws_the_block_that_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long block shows its last lines below each other, and is printed whole at the end."""
    screen = io.StringIO()
    monkeypatch.setattr(sys, "stdout", screen)
    writer = RichWriter(screen.write)
    writer._console = Console(file=screen, force_terminal=True, width=40, height=10)
    code = "".join(f"x = {number}\n" for number in range(30))
    text = f"Done.\n\n```\n{code}\x1b[2J"
    writer.take([TextDelta(0, text)])
    plain = Console(file=io.StringIO(), width=40)
    plain.print(writer._live.renderable)
    growing = plain.file.getvalue().splitlines()  # type: ignore[attr-defined]  # a StringIO
    drawn = [line.strip() for line in growing if line.strip()]
    assert max(map(len, growing)) <= 38  # ^C needs two columns: in another line it would stay
    assert drawn[-3:] == ["x = 28", "x = 29", "\ufffd[2J"]
    assert len(growing) <= 10
    assert "\x1b[2J" not in screen.getvalue()
    writer.finish(Reply(choices=(Choice(text=f"{text}\n```\n\nEnd."),), model="m"))
    *_, end, last = screen.getvalue().splitlines()
    assert "x = 0" in screen.getvalue()
    assert (end.strip(), last) == ("End.", "[m · 0.00 s]")


def test_last_line() -> None:
    """The last line has model, tokens, seconds, both rates, and why the reply ended."""
    usage = Usage(completion_tokens=300, decode_rate=17000.4)
    reply = Reply(
        choices=(Choice(text="x", finish_reason="length"),), model="m", usage=usage, seconds=0.02
    )
    assert facts(reply) == [
        "m",
        "300 tokens",
        "0.02 s",
        "15,000 tokens/s",
        "17,000 tokens/s on the chip",
        "cut at the length limit (length)",
    ]
    assert facts(Reply(model="m", seconds=12.34, status="error")) == ["m", "12.3 s", "broken off"]
