"""The panel over its life: reloaded, restarted, reopened; long, narrow, and in both themes."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.data.rich_reply import rich_reply
from tests.support.lab import DARK, LIGHT
from tests.support.panel import PanelView
from tests.support.replies import Gate, chunk, sse_reply, stream_reply, text_chunks

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.lab import App, NotebookPage
    from tests.support.scripted import ScriptedServer

LOAD = "%load_ext eighty80_jupyter\nfrom eighty80_jupyter import chat"
MANY = """\
from eighty80_jupyter.api.messages import Message
from eighty80_jupyter.api.reply import Choice, Reply
from eighty80_jupyter.chat.conversation import Exchange, Turn

def turn(number):
    text = f"Answer {number}. " + "Some **words** and `code`. " * 40
    messages = (Message("user", f"Question {number}"), Message("assistant", text))
    reply = Reply(choices=(Choice(text=text, finish_reason="stop"),), seconds=0.1)
    return Turn(alternatives=(Exchange(messages=messages, reply=reply),))

chat.conversation.restore([turn(n) for n in range(1, 501)], system=None)"""
# Milliseconds that the page needs to lay the transcript out and draw it, scrolled to its middle.
SCROLL = """async log => {
    const start = performance.now();
    log.scrollTop = log.scrollHeight / 2;
    await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
    return performance.now() - start;
}"""
RESTART = "window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()"


def reload(page: NotebookPage) -> None:
    """Load the page again; what is not saved is given up."""
    page.page.remove_listener("dialog", page._note_dialog)
    page.page.once("dialog", lambda dialog: dialog.accept())
    page.page.reload()
    page.page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    page.close_dialogs()


def outputs_html(notebook: dict[str, Any], cell: int) -> str:
    """Return the HTML that is saved below a cell."""
    saved = [o.get("data", {}).get("text/html", "") for o in notebook["cells"][cell]["outputs"]]
    return "".join("".join(html) for html in saved)


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_reload_restart_and_reopen(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer, app: App
) -> None:
    """A reload gives the panel back in the midst of an answer; a restart leaves a transcript."""
    gate = threading.Event()
    pieces = text_chunks("one **two** three", n=2)
    server.queue(stream_reply("First."), sse_reply([*pieces[:2], Gate(gate), *pieces[2:]]))
    page = open_notebook(LOAD, "%chat --panel", app=app)
    page.run_cell(0)
    page.run_cell(1)
    panel = PanelView(page)
    panel.ask("Hello")
    saved = page.cell(1).locator(".e80-saved").first
    expect(saved).to_contain_text("First.")
    expect(saved).to_be_hidden()
    panel.send("Go on")
    expect(panel.answer(1)).to_contain_text("one")
    panel.box.fill("half a thought")
    page.page.wait_for_timeout(600)
    page.save()
    reload(page)
    expect(panel.turns).to_have_count(2)
    expect(panel.answer(1)).to_contain_text("one")
    expect(panel.box).to_have_value("half a thought")
    expect(panel.stop).to_be_visible()
    gate.set()
    panel.wait_done()
    expect(panel.answer(1)).to_have_text("one two three")
    expect(panel.answer(1).locator("strong")).to_have_text("two")
    panel.box.fill("")
    page.page.wait_for_timeout(1500)  # until what the page could not be told is in the notebook
    assert "one <strong>two</strong> three" in outputs_html(page.save(), 1)

    panel.button("Insert transcript").click()
    expect(panel.notice).to_contain_text("saved with the notebook")
    inserted = page.cell(1).locator("[class*=-inserted]")
    expect(inserted).to_contain_text("Conversation main")
    expect(inserted).to_be_visible()
    assert outputs_html(page.save(), 1).count("one <strong>two</strong> three") == 2

    page.page.evaluate(RESTART)
    dead = panel.root.locator(".e80-dead")
    expect(dead).to_contain_text("%chat --panel")
    expect(panel.box).to_be_disabled()
    expect(panel.log).to_be_hidden()
    expect(saved).to_be_visible()
    page.screenshot(f"panel-ended-{app}")
    page.save()
    reload(page)
    expect(page.cell(1).locator(".e80-panel")).to_have_count(0)
    expect(saved).to_contain_text("one two three")
    expect(saved).to_be_visible()


def test_it_follows_the_stream(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer
) -> None:
    """The end stays in sight while an answer comes, until the reader scrolls up, and on demand."""
    gates = [threading.Event() for _ in range(3)]
    paragraph = "Some words of a long answer. " * 30 + "\n\n"
    events: list[Any] = []
    for gate in gates:
        events += [*(chunk({"content": paragraph}) for _ in range(12)), Gate(gate)]
    server.queue(sse_reply([*events, chunk({"content": "END"}), chunk(finish_reason="stop")]))
    page = open_notebook(LOAD, "%chat --panel")
    page.run_cell(0)
    page.run_cell(1)
    panel = PanelView(page)
    jump = panel.root.locator(".e80-jump")
    panel.send("Write a lot")
    expect(panel.answer(0).locator("p")).to_have_count(12)
    page.page.wait_for_timeout(300)
    assert panel.at_end()
    expect(jump).to_be_hidden()
    panel.log.hover()
    page.page.mouse.wheel(0, -600)
    expect(jump).to_be_visible()
    top = panel.log.evaluate("e => e.scrollTop")
    gates[0].set()
    expect(panel.answer(0).locator("p")).to_have_count(24)
    assert abs(panel.log.evaluate("e => e.scrollTop") - top) < 2
    jump.click()
    page.page.wait_for_timeout(100)
    assert panel.at_end()
    gates[1].set()
    expect(panel.answer(0).locator("p")).to_have_count(36)
    page.page.wait_for_timeout(300)
    assert panel.at_end()
    panel.log.focus()
    page.page.keyboard.press("PageUp")
    expect(jump).to_be_visible()
    page.page.keyboard.press("End")
    expect(jump).to_be_hidden()
    gates[2].set()
    panel.wait_done()
    assert panel.at_end()


def test_five_hundred_turns(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer
) -> None:
    """A long conversation opens, scrolls and goes on quickly; earlier turns come when asked for."""
    page = open_notebook(LOAD, MANY, "%chat --panel")
    for cell in range(3):
        page.run_cell(cell)
    panel = PanelView(page, 2)
    expect(panel.turns.last).to_contain_text("Answer 500.")
    shown = panel.turns.count()
    assert 10 <= shown < 100
    server.queue(stream_reply("Turn 501."))
    panel.ask("Another")
    expect(panel.turns.last.locator(".e80-who")).to_have_text("You · 501")
    more = panel.root.locator(".e80-more")
    expect(more).to_have_text(f"Show {500 - shown} earlier turns")
    while more.is_visible():
        count = panel.turns.count()
        more.click()
        page.page.wait_for_function(
            "n => document.querySelectorAll('.e80-turn').length > n", arg=count
        )
    expect(panel.turns).to_have_count(501)
    expect(panel.turns.first.locator(".e80-source")).to_have_text("Question 1")
    order = panel.root.locator(".e80-who").all_text_contents()
    assert order == [f"You · {n}" for n in range(1, 502)]
    taken = [panel.log.evaluate(SCROLL) for _ in range(3)]
    print(f"a jump within 501 turns took {min(taken):.0f} ms")
    assert min(taken) < 200
    server.queue(stream_reply("Turn 502."))
    panel.ask("And another")
    panel.button("Undo").click()
    expect(panel.turns).to_have_count(501)
    assert page.errors == []


def test_looks(open_notebook: Callable[..., NotebookPage], server: ScriptedServer) -> None:
    """The panel fits from 320 pixels to the full width, in both themes; pictures are taken."""
    server.queue(stream_reply(rich_reply(1)), stream_reply("The **median**, as it is robust."))
    page = open_notebook(LOAD, "%chat --panel", viewport=(1280, 900))
    page.run_cell(0)
    page.run_cell(1)
    panel = PanelView(page)
    panel.ask("What is the mean of a sample? Give the formula, and a function in Python.")
    panel.ask("When would you take something else?")
    panel.handle("temperature").press("ArrowLeft")
    expect(panel.row("temperature")).not_to_have_class(re.compile("e80-unset"))
    panel.box.fill("And if the distribution has two peaks?")
    for theme in (LIGHT, DARK):
        page.set_theme(theme)
        panel.root.scroll_into_view_if_needed()
        page.screenshot(f"panel-{'dark' if theme == DARK else 'light'}", whole=True)
    page.set_theme(LIGHT)
    for width in (320, 480, 1280):
        wide = panel.root.evaluate(
            """async (root, width) => {
                root.style.width = `${width}px`;
                await new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)));
                const box = root.getBoundingClientRect();
                return [...root.querySelectorAll("*")].filter(e => {
                    if (!e.checkVisibility() || e.closest("pre, table, mjx-container, svg")) return;
                    const {right, width} = e.getBoundingClientRect();
                    return width > 1 && right > box.right + 1;
                }).map(e => `${e.tagName} ${e.className}`);
            }""",
            width,
        )
        assert wide == [], (width, wide)
        if width == 320:
            page.screenshot("panel-320", whole=True)
