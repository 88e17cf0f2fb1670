"""The panel over its life: reloaded, restarted, reopened; long, narrow, and in both themes."""

from __future__ import annotations

import json
import re
import threading
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbformat.sign import NotebookNotary
from playwright.sync_api import expect

from tests.data.rich_reply import rich_reply
from tests.support.lab import DARK, LIGHT
from tests.support.panel import PanelView
from tests.support.replies import Gate, chunk, sse_reply, stream_reply, text_chunks
from tests.support.waiting import slowness, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Dialog

    from tests.support.lab import App, NotebookPage
    from tests.support.scripted import ScriptedServer

LOAD = "%load_ext eighty80_jupyter\nfrom eighty80_jupyter import chat"
MANY = """\
from eighty80_jupyter.api.messages import Message
from eighty80_jupyter.api.reply import Choice, Reply
from eighty80_jupyter.conversation.turn import Exchange, Turn

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
# Where the transcript stands, once it has stood still for ten frames.
RESTING = """async log => {
    for (let still = 0, last = null; still < 10; last = log.scrollTop) {
        await new Promise(requestAnimationFrame);
        still = log.scrollTop === last ? still + 1 : 0;
    }
    return log.scrollTop;
}"""
STATE = """\
import json, ipywidgets
with open("state.json", "w") as file:
    json.dump(ipywidgets.Widget.get_manager_state(), file)"""
NO_KERNEL = {"name": "gone", "display_name": "Gone", "language": "gone"}
RESTART = "window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()"


def reload(page: NotebookPage, *, close_dialogs: bool = True) -> None:
    """Load the page again; what is not saved is given up."""

    def accept(dialog: Dialog) -> None:
        dialog.accept()

    page.page.remove_listener("dialog", page._note_dialog)
    page.page.on("dialog", accept)
    page.page.reload()
    page.page.remove_listener("dialog", accept)
    page.page.on("dialog", page._note_dialog)
    page.page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    if close_dialogs:
        page.close_dialogs()


def settle(page: NotebookPage, milliseconds: int) -> None:
    """Let what the page sends after so many milliseconds reach the kernel."""
    page.page.evaluate("ms => new Promise(done => setTimeout(done, ms))", milliseconds)
    page.run_cell(0)


def write_trusted(page: NotebookPage, notebook: dict[str, Any], metadata: dict[str, Any]) -> None:
    """Give a page's notebook other metadata, and end its kernel; it stays trusted."""
    changed = {**notebook, "metadata": metadata}
    page.path.write_text(json.dumps(changed), encoding="utf-8")
    data = str(page.server.home / "data")
    notary = NotebookNotary(data_dir=data)  # type: ignore[no-untyped-call]  # nbformat is half typed
    notary.sign(nbformat.from_dict(changed))  # type: ignore[no-untyped-call]  # the same
    notary.store.close()
    page.end_kernel()


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
    settle(page, 600)
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
    # What the page could not be told while it was away comes into the notebook after a while.
    wait_until(
        lambda: "one <strong>two</strong> three" in outputs_html(page.save(), 1), interval=0.3
    )

    panel.menu("Insert transcript").click()
    expect(panel.notice).to_contain_text("saved with the notebook")
    expect(saved).to_contain_text("Conversation main")
    expect(saved).to_be_visible()
    expect(saved.locator("[class*=-note]")).to_be_hidden()
    # What was under way goes once the transcript has it.
    wait_until(
        lambda: outputs_html(page.save(), 1).count("one <strong>two</strong> three") == 1,
        interval=0.3,
    )

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
    lost = page.cell(1).get_by_text("Error displaying widget")
    expect(lost).to_have_count(1)
    expect(lost).to_be_hidden()


def test_a_kernel_that_ends_in_the_midst_of_an_answer(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer
) -> None:
    """The prompt and what had come stand below the panel then, in the saved notebook, once.

    Formulas are set where they are seen: not in what is hidden, as long as it is.
    """
    never = threading.Event()
    coming = sse_reply([*text_chunks("half of a **third**, $x^3$"), Gate(never)], done=False)
    server.queue(stream_reply("In a cell."), stream_reply("First, $y$."), coming)
    page = open_notebook(LOAD, "%chat --panel", "%chat A cell's question")
    page.run_cell(0)
    page.run_cell(1)
    page.run_cell(2)
    panel = PanelView(page)
    panel.ask("Hello")
    panel.send("And then?")
    expect(panel.answer(2)).to_contain_text("half of a third")
    transcript, answer = page.cell(1).locator(".e80-saved").all()
    expect(answer.locator("strong")).to_have_text("third")
    expect(answer).to_be_hidden()
    expect(panel.answer(2).locator("mjx-container")).to_have_count(1)
    for saved in (transcript, answer):
        expect(saved).to_contain_text("$")
        expect(saved.locator("mjx-container")).to_have_count(0)
    panel.menu("Insert transcript").click()
    expect(transcript.locator("mjx-container")).to_have_count(1)
    expect(answer.locator("mjx-container")).to_have_count(0)
    page.page.evaluate(RESTART)
    expect(panel.root.locator(".e80-dead")).to_be_visible()
    expect(transcript).to_contain_text("First, ")
    expect(transcript.locator("mjx-container")).to_have_count(1)
    expect(answer).to_be_visible()
    expect(answer).to_contain_text("And then?")
    expect(answer.locator("mjx-container")).to_have_count(1)
    whole = json.dumps(page.save())
    assert whole.count("half of a <strong>third") == 1
    assert whole.count("<p>In a cell.</p>") == 1


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_saved_without_its_kernel(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer, app: App
) -> None:
    """What was said can be read where no kernel runs, and where the widgets were saved as well."""
    server.queue(stream_reply("A **saved** answer."))
    page = open_notebook(LOAD, "%chat --panel", STATE, app=app)
    page.run_cell(0)
    page.run_cell(1)
    panel = PanelView(page)
    saved = page.cell(1).locator(".e80-saved").first
    panel.ask("Hello")
    expect(saved).to_contain_text("A saved answer")
    page.run_cell(2)
    notebook = page.save()
    state = json.loads((page.path.parent / "state.json").read_text(encoding="utf-8"))

    write_trusted(page, notebook, {"kernelspec": NO_KERNEL, "language_info": NO_KERNEL})
    reload(page, close_dialogs=False)
    page.page.locator(".jp-Dialog select").select_option(label="No Kernel")
    page.page.locator(".jp-Dialog .jp-mod-accept").click()
    expect(saved).to_have_text(
        re.compile("Run this cell to open it.*Hello.*A saved answer", re.DOTALL)
    )
    expect(saved).to_be_visible()
    lost = page.cell(1).get_by_text("Loading widget")
    expect(lost).to_have_count(1)
    expect(lost).to_be_hidden()
    page.screenshot(f"panel-no-kernel-{app}")

    state = {"application/vnd.jupyter.widget-state+json": state}
    write_trusted(page, notebook, {**notebook["metadata"], "widgets": state})
    reload(page)
    expect(panel.root.locator(".e80-dead")).to_be_visible()
    expect(panel.row("temperature")).to_be_hidden()
    expect(panel.log).to_be_hidden()
    expect(saved).to_be_visible()


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_it_follows_the_stream(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer, app: App
) -> None:
    """The end stays in sight while an answer comes, until the reader scrolls up, and on demand."""
    gates = [threading.Event() for _ in range(3)]
    paragraph = "Some words of a long answer. " * 30 + "\n\n"
    events: list[Any] = []
    for gate in gates:
        events += [*(chunk({"content": paragraph}) for _ in range(12)), Gate(gate)]
    server.queue(sse_reply([*events, chunk({"content": "END"}), chunk(finish_reason="stop")]))
    page = open_notebook(LOAD, "%chat --panel", app=app)
    page.run_cell(0)
    page.run_cell(1)
    panel = PanelView(page)
    jump = panel.root.locator(".e80-jump")
    panel.send("Write a lot")
    expect(panel.answer(0).locator("p")).to_have_count(12)
    wait_until(panel.at_end, interval=0.1)
    expect(jump).to_be_hidden()
    panel.log.hover()
    page.page.mouse.wheel(0, -600)
    expect(jump).to_be_visible()
    top = panel.log.evaluate(RESTING)
    gates[0].set()
    expect(panel.answer(0).locator("p")).to_have_count(24)
    assert abs(panel.log.evaluate(RESTING) - top) < 2
    jump.click()
    wait_until(panel.at_end, interval=0.1)
    gates[1].set()
    expect(panel.answer(0).locator("p")).to_have_count(36)
    wait_until(panel.at_end, interval=0.1)
    panel.log.focus()
    page.page.keyboard.press("PageUp")
    expect(jump).to_be_visible()
    panel.log.evaluate(RESTING)  # or the next key falls into a scroll that has not ended
    page.page.keyboard.press("End")
    expect(jump).to_be_hidden()
    gates[2].set()
    panel.wait_done()
    wait_until(panel.at_end, interval=0.1)


def test_what_is_drawn_stays(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer
) -> None:
    """While an answer grows, and at its end, nothing is drawn again that has not changed."""
    gates = [threading.Event() for _ in range(3)]
    pieces = ["Take $a+b$.\n\nThen $c$.\n\n", "Some words. " * 300 + "\n\nAnd $d$", ".\n\nEND"]
    events: list[Any] = []
    for piece, gate in zip(pieces, gates, strict=True):
        events += [chunk({"content": piece}), Gate(gate)]
    server.queue(sse_reply([*events, chunk(finish_reason="stop")]))
    page = open_notebook(LOAD, "%chat --panel")
    page.run_all()
    panel = PanelView(page)
    panel.send("Write")
    answer = panel.answer(0)
    formulas = answer.locator("mjx-container")
    expect(formulas).to_have_count(2)
    answer.evaluate(
        "answer => { answer.known = [...answer.querySelectorAll('p, mjx-container')]; }"
    )
    same = "answer => answer.known.every((node) => answer.contains(node))"
    for gate, words in zip(gates, ("And", "END"), strict=False):
        gate.set()
        expect(answer.locator("p").last).to_contain_text(words)
        assert answer.evaluate(same)
    gates[2].set()
    panel.wait_done()
    assert answer.evaluate(same)
    expect(formulas).to_have_count(3)
    paragraphs = answer.locator("p").all_inner_texts()
    assert [text[:4] for text in paragraphs] == ["Take", "Then", "Some", "And ", "END"]
    assert page.errors == []


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_five_hundred_turns(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer, app: App
) -> None:
    """A long conversation opens, scrolls and goes on quickly; earlier turns come when asked for."""
    page = open_notebook(LOAD, MANY, "%chat --panel", app=app)
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
    for _ in range(10):  # the best counts: the machine may be busy with other things
        taken = panel.log.evaluate(SCROLL)
        print(f"a jump within 501 turns took {taken:.0f} ms")
        allowed = 200 * (2 * slowness() - 1)
        if taken < allowed:
            break
    assert taken < allowed
    server.queue(stream_reply("Turn 502."))
    panel.ask("And another")
    panel.button("Undo").click()
    expect(panel.turns).to_have_count(501)
    assert page.errors == []


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_looks(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer, app: App
) -> None:
    """The panel fits from 320 pixels to the full width, in both themes; pictures are taken."""
    server.queue(stream_reply(rich_reply(1)), stream_reply("The **median**, as it is robust."))
    page = open_notebook(LOAD, "%chat --panel", viewport=(1280, 900), app=app)
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
        page.screenshot(f"panel-{'dark' if theme == DARK else 'light'}-{app}", whole=True)
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
            page.screenshot(f"panel-320-{app}", whole=True)
    # As Notebook 7 does by itself with what is higher than its window.
    hidden = page.cell(1).evaluate(
        """cell => {
            cell.classList.add("jp-mod-outputsScrolled");
            const area = cell.querySelector(".jp-Cell-outputArea");
            return area.scrollHeight - area.clientHeight;
        }"""
    )
    assert hidden <= 1
