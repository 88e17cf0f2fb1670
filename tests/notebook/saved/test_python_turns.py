"""What chat.ask leaves in its cell, in a real kernel, and what reads it back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from eighty80_jupyter.conversation.branches import Conversations
from eighty80_jupyter.notebook.saved.restore import restore
from tests.notebook.saved.test_again import kernel_for, page
from tests.support.kernel import KernelSession
from tests.support.replies import chunk, sse_reply, stream_reply
from tests.support.scripted import ScriptedServer

pytestmark = pytest.mark.slow


@pytest.fixture(name="server", scope="module")
def _server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


@pytest.fixture(name="kernel")
def _kernel(server: ScriptedServer, tmp_path: Path) -> Iterator[KernelSession]:
    with kernel_for(server, tmp_path) as kernel:
        yield kernel


def test_a_cell_keeps_what_it_asked(
    kernel: KernelSession, server: ScriptedServer, tmp_path: Path
) -> None:
    """One folded output a cell, however often it asks; a setting turns it off; all comes back."""
    server.queue(*[stream_reply(f"ANSWER {number}") for number in range(7)])
    loop = kernel.run("for n in range(3):\n    reply = chat.ask(f'Number {n}', temperature=0.5)")
    (shown,) = loop.outputs
    assert shown["data"]["text/plain"] == "chat.ask: 3 turns of main"
    html = shown["data"]["text/html"]
    assert html.startswith("<details><summary")
    assert all(f"ANSWER {number}" in html for number in range(3))
    quiet = kernel.run("reply = chat.ask('aside', once=True)")
    assert quiet.outputs == []
    heard = kernel.run("reply = chat.ask('heard', listen=lambda events: None)")
    assert heard.outputs == []
    off = kernel.run("%chat --set show_asked=False\nreply = chat.ask('unseen')")
    assert not off.data("text/html")
    cell = kernel.run("%chat in a cell")
    page(tmp_path / "page.ipynb", loop, quiet, heard, off, cell)
    talks = Conversations()
    assert restore(talks, tmp_path / "page.ipynb") == [
        "main: 4 of 6 turns; turns 4, 5 were asked in Python"
    ]
    assert [turn.prompt for turn in talks.current] == [
        "Number 0",
        "Number 1",
        "Number 2",
        "in a cell",
    ]
    assert talks.current[1].reply.parameters["temperature"] == 0.5


def test_several_answers_stand_in_columns(kernel: KernelSession, server: ScriptedServer) -> None:
    """They share one output, as they come and in the end, and JSON in one is shown as such."""
    server.queue(
        sse_reply(
            [
                chunk({"content": "**one**"}),
                chunk({"content": '{"a": 1}'}, index=1),
                chunk({}, finish_reason="stop"),
                chunk({}, index=1, finish_reason="stop"),
            ]
        )
    )
    result = kernel.run("%%chat -n 2\nTwo")
    assert result.ok, result.error
    answers, line = result.data("text/html")
    assert "display: grid" in answers
    assert "<strong>one</strong>" in answers
    assert "<h6>Answer 2</h6>" in answers
    assert "1 field" in answers
    assert "n 2" in line
    assert "Answer 1: **one**" in result.data()[0]


def test_what_was_asked_beside_the_cells_is_kept_too(
    kernel: KernelSession, server: ScriptedServer, tmp_path: Path
) -> None:
    """In a thread, or begun and not waited for: it stands in the first cell that ends after it."""
    server.queue(*[stream_reply(f"ANSWER {number}") for number in range(2)])
    first = kernel.run(
        "import threading\n"
        "thread = threading.Thread(target=chat.ask, args=('in a thread',))\n"
        "thread.start()\nthread.join()"
    )
    second = kernel.run(
        "ended = threading.Event()\n"
        "end = chat.conversation.watch(lambda _: ended.set())\n"
        "running = chat.start('begun')\n"
        "ended.wait(60)"
    )
    third = kernel.run("while not running.done: ended.wait(0.01)")
    assert [out["data"]["text/plain"] for out in first.outputs] == [
        "asked in Python: 1 turn of main"
    ]
    page(tmp_path / "page.ipynb", first, second, third)
    talks = Conversations()
    assert restore(talks, tmp_path / "page.ipynb") == ["main: 2 turns"]
    assert [turn.prompt for turn in talks.current] == ["in a thread", "begun"]
    html = "".join(str(result.data("text/html")) for result in (first, second, third))
    assert (html.count("ANSWER 0"), html.count("ANSWER 1")) == (1, 1)
