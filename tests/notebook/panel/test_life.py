"""The life of a panel: where there is one, what its end leaves, and what is read without it."""

from __future__ import annotations

import gc
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from ipywidgets.widgets.widget import _instances
from nbconvert import HTMLExporter

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.panel.questions import Consent
from tests.notebook.panel.hearing import Browser, threads
from tests.support.replies import (
    models_reply,
    stream_reply,
)
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from eighty80_jupyter.session.session import Session
    from tests.support.kernel import KernelSession
    from tests.support.scripted import ScriptedServer


def test_a_panel_that_is_closed_is_not_shown(open_panel: Callable[[], Browser]) -> None:
    """Nothing but one line comes of it, and no panel spells out its buttons as text."""
    panel = open_panel().panel
    assert repr(panel) == "<Panel: <Conversation 'main': 0 turns>>"
    panel.close()
    assert repr(panel) == "<Panel: closed>"
    with pytest.raises(UsageError, match="this panel is closed"):
        panel._ipython_display_()


def test_closing_answers_no(open_panel: Callable[[], Browser]) -> None:
    """A question in a panel that is closed is answered with no, also when it comes later."""
    panel = open_panel().panel
    waiting = panel.confirm("May it?", "{}")
    panel.close()
    assert waiting.result(60) == Consent("no", "{}")
    assert panel.confirm("And now?").result(60).answer == "no"


@pytest.mark.slow
def test_nothing_is_left(
    open_panel: Callable[[], Browser], session: Session, server: ScriptedServer
) -> None:
    """After 200 sends there are no more threads and widgets than before, and none once closed."""
    before = widgets()
    browser = open_panel()
    panel = browser.panel

    def has_turns(number: int) -> bool:
        return len(session.conversation) == number

    def send(times: int) -> None:
        for _ in range(times):
            server.queue(stream_reply("Some **words**.", n=2))
            turns = len(session.conversation)
            browser.say("send", text="Go on")
            wait_until(partial(has_turns, turns + 1), what="a turn")
        wait_until(lambda: not panel.actions.page.running, what="the last one")

    send(20)
    wait_until(lambda: not threads("eighty80-panel"), what="the end of the painter")
    count, active = len(widgets()), threading.active_count()
    session.conversation.reset()
    browser.heard.clear()
    gc.collect()
    objects = len(gc.get_objects())
    send(200)
    session.conversation.reset()
    wait_until(
        lambda: browser.done(0) and not threads("eighty80-panel"), what="the end of the painter"
    )
    assert len(widgets()) == count
    assert threading.active_count() <= active
    page = panel.actions.page
    kept = [page._events, page._seen, page._live, page._known, panel.actions._begun]
    assert not any(kept), kept
    browser.heard.clear()
    browser.turns.clear()
    server.requests.clear()
    gc.collect()
    assert len(gc.get_objects()) - objects < 2000
    panel.close()
    assert widgets() == before
    assert not tuple(session._turns.feed)
    panel.close()


SENDS = """
import gc, threading, time, tracemalloc

def send(times):
    \"""Send so many prompts of 4 KB, and return the bytes that are in use afterwards.\"""
    for number in range(times):
        if number % 20 == 0:
            chat.conversation.reset()
        turns = len(chat.conversation)
        content = {"do": "send", "view": "here", "text": "Go on. " + "x" * 4000}
        panel.view._handle_custom_msg(content, [])
        while len(chat.conversation) == turns:
            time.sleep(0.002)
    chat.conversation.reset()
    while any(thread.name == "eighty80-panel" for thread in threading.enumerate()):
        time.sleep(0.01)
    gc.collect()
    return tracemalloc.get_traced_memory()[0]

tracemalloc.start()
send(20)
before = send(20)
print(send(200) - before)"""


@pytest.mark.slow
def test_no_memory_is_left(kernel: Callable[..., KernelSession], server: ScriptedServer) -> None:
    """What 200 prompts and answers of 4 KB have used is free again once they are forgotten."""
    server.route("GET", "/v1/models", models_reply("one", "two"))
    server.default = stream_reply("word " * 800, n=2)
    opening = "%load_ext eighty80_jupyter\nfrom eighty80_jupyter import chat\npanel = chat.panel()"
    running = kernel(env={"_8080_API_URL": server.url, "_8080_API_KEY": "k"}, startup=opening)
    assert running.run("panel").ok
    result = running.run(SENDS, timeout=110)
    assert result.ok, result.error
    assert int(result.stdout) < 400_000  # 100,000 were measured, most of them Jupyter's own


def test_without_a_kernel_the_transcript_is_read() -> None:
    """The committed notebook, exported to HTML, tells each turn once, and where it was asked."""
    path = Path(__file__).parents[3] / "notebooks" / "panel.ipynb"
    notebook: Any = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]  # nbformat is half typed
    (opening,) = (c for c in notebook.cells if c.source == "%chat --panel")
    (asking,) = (c for c in notebook.cells if c.source.startswith("%%chat"))
    alone = nbformat.v4.new_notebook(cells=[opening, asking])  # type: ignore[no-untyped-call]  # the same
    html, _ = HTMLExporter().from_notebook_node(alone)  # type: ignore[no-untyped-call]  # the same
    assert "asked in a cell, which shows it: What is the capital of France?" in html
    assert html.count("The capital of France is Paris.") == 1
    assert "It was being written" not in html


def widgets() -> set[str]:
    """Return the models of the widgets that are open."""
    return set(_instances)


def test_only_where_there_is_a_notebook(session: Session) -> None:
    """In plain Python a panel is refused in one line."""
    with pytest.raises(UsageError, match="a panel needs a notebook"):
        session.panel()
