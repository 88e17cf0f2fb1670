"""What a notebook holds below a panel, at every moment: nothing that was seen is lost."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from eighty80_jupyter.conversation.branches import Conversations
from eighty80_jupyter.notebook.panel import saved
from eighty80_jupyter.notebook.panel.panel import Panel
from eighty80_jupyter.notebook.saved.restore import read_notebook, restore
from eighty80_jupyter.session.session import Session
from tests.notebook.attended import AttendedKernel
from tests.support.jupyter import make_notebook
from tests.support.replies import Gate, sse_reply, stream_reply, text_chunks, tool_call, tool_chunks
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.scripted import ScriptedServer

STARTUP = "%load_ext eighty80_jupyter\nfrom eighty80_jupyter import chat"
SHOW = "print(panel.saved._transcripts.html(chat.conversation))"
WAIT = """\
import threading
import time
ended = threading.Event()
chat.conversation.watch(lambda _: ended.set())
len(chat.conversation) == 3 or ended.wait(60)
"""


class Outputs:
    """Stands for the outputs of a panel's cell, as a front end keeps them."""

    def __init__(self) -> None:
        self.all: dict[str, dict[str, Any]] = {}
        self.updates: list[str] = []

    def publish(self, **content: Any) -> None:
        """Take an output, or the update of one."""
        name = content.get("transient", {}).get("display_id", "widget")
        self.updates.append(name)
        self.all[name] = {"data": content["data"], "metadata": content["metadata"]}

    @property
    def html(self) -> str:
        """What all of them show."""
        return "\n".join(str(out["data"].get("text/html", "")) for out in tuple(self.all.values()))

    def coming(self) -> int:
        """Return how often the answer that comes was written."""
        return sum(name.endswith("-coming") for name in self.updates)

    def save(self, path: Path) -> Path:
        """Write the notebook that a front end saves."""
        made: Any = make_notebook("%chat --panel")
        made["cells"][0]["outputs"] = [
            {"output_type": "display_data", **out} for out in self.all.values()
        ]
        path.write_text(json.dumps(made), encoding="utf-8")
        return path


@pytest.fixture(name="session")
def _session(server: ScriptedServer) -> Iterator[Session]:
    session = Session(environ={"_8080_API_URL": server.url, "_8080_API_KEY": "k"})
    yield session
    session.close()


@pytest.fixture(name="outputs")
def _outputs(session: Session) -> Iterator[Outputs]:
    """Give the outputs of a panel that is shown."""
    outputs = Outputs()
    panel = Panel(session, publish=outputs.publish)
    panel.show()
    outputs.send = panel.actions.receive  # type: ignore[attr-defined]  # what the browser calls
    yield outputs
    panel.close()


def test_an_answer_that_comes_is_saved_while_it_comes(
    outputs: Any, session: Session, server: ScriptedServer, tmp_path: Path
) -> None:
    """A kernel that dies in its midst has left the prompt and what had come, also to --restore."""
    gate = threading.Event()
    pieces = text_chunks("one **two** three", n=2)
    server.queue(stream_reply("First."), sse_reply([*pieces[:5], Gate(gate), *pieces[5:]]))
    session.ask("Hello")
    outputs.send({"do": "send", "text": "Go on <b>"})
    wait_until(lambda: "one <strong>two" in outputs.html, what="what has come, drawn")
    assert "Go on &lt;b&gt;" in outputs.html
    assert "It was being written" in outputs.html
    talks = Conversations()
    assert restore(talks, outputs.save(tmp_path / "killed.ipynb")) == ["main: 2 turns"]
    assert [turn.prompt for turn in talks.current] == ["Hello", "Go on <b>"]
    assert talks.current[1].reply.text.startswith("one **two")
    assert talks.current[1].reply.status == "interrupted"
    gate.set()
    wait_until(
        lambda: "<strong>two</strong> three" in outputs.html and "It was" not in outputs.html,
        what="the whole, once",
    )
    assert outputs.html.count("Go on") == 1
    (read,) = read_notebook(outputs.save(tmp_path / "whole.ipynb")).conversations()
    assert [turn.reply.text for turn in read] == ["First.", "one **two** three"]
    assert [len(turn.alternatives) for turn in read] == [1, 1]


def test_a_tool_that_runs_is_told_as_stopped(
    outputs: Any, session: Session, server: ScriptedServer, tmp_path: Path
) -> None:
    """What is saved in the midst of a call can be sent again: every call has a result."""
    gate, began = threading.Event(), threading.Event()

    @session.tool(safe=True)
    def wait() -> str:
        """Wait."""
        began.set()
        gate.wait(60)
        return "waited"

    session.config.tools = "all"
    server.queue(sse_reply(tool_chunks(tool_call("wait", {}))), stream_reply("Done."))
    outputs.send({"do": "send", "text": "Go"})
    assert began.wait(60)
    wait_until(lambda: "wait()" in outputs.html, what="the call")
    (read,) = read_notebook(outputs.save(tmp_path / "page.ipynb")).conversations()
    assert [message.role for message in read[0].messages][:3] == ["user", "assistant", "tool"]
    assert "interrupted" in read[0].messages[2].text
    gate.set()
    wait_until(lambda: "Done." in outputs.html, what="the end")


def test_it_is_written_about_once_a_second(
    outputs: Any, server: ScriptedServer, tmp_path: Path
) -> None:
    """However fast an answer comes; what it leaves does not add up."""
    gate = threading.Event()
    server.queue(sse_reply([*text_chunks("wort " * 400, n=400), Gate(gate)], per_second=400))
    began = time.monotonic()
    outputs.send({"do": "send", "text": "Go"})
    wait_until(lambda: outputs.html.count("wort") == 400, what="the answer")
    assert outputs.coming() <= 3 + (time.monotonic() - began) / saved.FOLLOW_SECONDS
    gate.set()
    wait_until(lambda: "It was being" not in outputs.html, what="the end")
    assert outputs.html.count("wort") == 400
    assert outputs.save(tmp_path / "page.ipynb").stat().st_size < 20_000


def test_a_long_answer_is_written_less_often(
    outputs: Any, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page draws all of it each time, so what has come says how long the next has to wait."""
    monkeypatch.setattr(saved, "FOLLOW_SECONDS", 0.01)
    monkeypatch.setattr(saved, "FOLLOW_CHARACTERS", 1)
    server.queue(sse_reply(text_chunks("wort " * 400, n=400), per_second=400))
    outputs.send({"do": "send", "text": "Go"})
    wait_until(lambda: outputs.html.count("wort") == 400, what="the answer")
    assert outputs.coming() <= 5


@pytest.mark.slow
def test_cells_and_panel_tell_a_conversation_once(server: ScriptedServer, tmp_path: Path) -> None:
    """What a cell shows stands below the panel as a line, once it ends and until it runs again."""
    answers = ("In a cell.", "In Python.", "In the panel.")
    server.queue(*map(stream_reply, answers))
    env = {"_8080_API_URL": server.url, "_8080_API_KEY": "k"}
    with AttendedKernel(env=env, cwd=tmp_path, startup=STARTUP) as shell:
        shell.run_cell("%chat First question", "first")
        opened = shell.run_cell("panel = chat.panel()\npanel", "panel")
        shell.run_cell("chat.ask('Second question').text", "second")
        shell.run("panel.actions.receive({'do': 'send', 'text': 'Third question'})")
        shell.run(WAIT)
        html = shell.run(SHOW).stdout
        assert "1 · asked in a cell, which shows it: First question" in html
        assert "In the panel." in html
        assert "In a cell." not in html
        assert "In Python." not in html
        shell.run_cell("x = 1", "first")
        html = shell.run(SHOW).stdout
        assert "In a cell." in html
        assert "In Python." not in html
        server.default = stream_reply("Quick.")
        shell.run_cell("for n in range(3):\n    chat.ask(f'Quick {n}')", "quick")
        page = json.dumps(opened.outputs)  # as it stands once the cell is at its end
        assert all(f"asked in a cell, which shows it: Quick {n}" in page for n in range(3))
        assert "It was being written" not in page


def test_of_several_panels_one_keeps_the_conversation(
    session: Session, server: ScriptedServer
) -> None:
    """It is the one seen last; when its cell is deleted, another takes its place."""
    server.default = stream_reply("An **answer**.")
    pages = [Outputs(), Outputs(), Outputs()]
    panels = [Panel(session, publish=page.publish, in_cell=n < 2) for n, page in enumerate(pages)]

    def browser(number: int, do: str, view: str = "a", page: str = "p") -> None:
        panels[number].actions.receive({"do": do, "view": view, "page": page})

    def kept() -> list[int]:
        return [number for number, page in enumerate(pages) if ">answer</strong>" in page.html]

    def expect(*numbers: int) -> None:
        wait_until(lambda: kept() == list(numbers), what=f"{numbers} to keep it, not {kept()}")

    try:
        for panel in panels:
            panel.show()
        session.ask("Hello")
        expect(0, 1, 2)
        for number in range(3):
            browser(number, "hello")
        expect(1)
        assert "saved below another panel" in pages[0].html
        assert pages[0].html.count("Hello") == 0
        browser(0, "hello", view="b")  # in a tab of its own
        expect(0)
        browser(0, "bye", view="b")
        expect(0)
        browser(0, "bye")
        expect(1)
        browser(0, "hello", page="q")  # after a reload, the other panel's cell was never saved
        expect(0)
        panels[1].actions.receive({"do": "hello", "view": "c", "page": "q"})
        expect(1)
        panels[0].actions.insert()
        expect(0)
        panels[0].close()
        expect(0, 1)
    finally:
        for panel in panels:
            panel.close()
