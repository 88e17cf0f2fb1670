"""The panel without a mouse or without sight: names, states, tooltips, and where the focus goes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.browser.panel.test_life import reload
from tests.support.panel import PanelView
from tests.support.replies import (
    Gate,
    models_reply,
    sse_reply,
    stream_reply,
    text_chunks,
    tool_call,
    tool_chunks,
)
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.lab import App, NotebookPage
    from tests.support.scripted import ScriptedServer

LOAD = "%load_ext eighty80_jupyter\nfrom eighty80_jupyter import chat"
TOOLS = (
    LOAD
    + '''
from IPython.display import HTML, display

@chat.tool
def write(text: str) -> str:
    """Write something."""
    print("written:", text)
    return "done"

@chat.tool(safe=True)
async def draw(text: str) -> str:
    """Draw something."""
    print("drawn:", text)
    display(HTML(f"<i>{text}</i>"))
    return "done"

chat.config.tools = "all"
'''
)
ROLES = {"button", "checkbox", "combobox", "textbox", "slider", "radio", "link", "listbox"}
HOSTILE = "<b>bold</b> & <img src=x onerror=alert(1)>"


def controls(page: NotebookPage) -> list[tuple[str, str]]:
    """Return role and name of all in the panel that can be used, as a screen reader gets them."""
    session = page.page.context.new_cdp_session(page.page)
    session.send("Accessibility.enable")
    found = session.send("Runtime.evaluate", {"expression": "document.querySelector('.e80-panel')"})
    tree = session.send("Accessibility.queryAXTree", {"objectId": found["result"]["objectId"]})
    session.detach()
    named: list[tuple[str, str]] = []
    for node in tree["nodes"]:
        focusable = any(
            each["name"] == "focusable" and each["value"]["value"]
            for each in node.get("properties", ())
        )
        role = node.get("role", {}).get("value", "")
        if not node["ignored"] and (role in ROLES or focusable):
            named.append((role, node.get("name", {}).get("value", "").strip()))
    return named


def focused(page: NotebookPage) -> Any:
    """Return the name of what has the focus."""
    return page.page.evaluate(
        "document.activeElement.ariaLabel ?? document.activeElement.textContent"
    )


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_every_control_has_a_name_and_its_help(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer, app: App
) -> None:
    """All that can be reached has a name for screen readers; folds tell whether they are open."""
    server.route("GET", "/v1/models", models_reply(*[f"model/{n}" for n in range(200)], HOSTILE))
    page = open_notebook(TOOLS, "%chat --panel", app=app)
    page.run_all()
    panel = PanelView(page)
    keyboard = page.page.keyboard
    expect(panel.row("model").locator("datalist option")).to_have_count(201)
    for title in ("Penalties, stop, instruction", "More to do with this conversation"):
        fold = panel.root.get_by_role("button", name=title)
        expect(fold).to_have_attribute("aria-expanded", "false")
        fold.focus()
        keyboard.press("Enter")
        expect(fold).to_have_attribute("aria-expanded", "true")
    server.queue(stream_reply("One."), stream_reply("Live."), stream_reply("Column."))
    panel.ask("Hello")
    panel.root.locator(".e80-live input[type=checkbox]").press("Space")
    expect(panel.root.locator(".e80-live")).to_contain_text("0 of 200 requests")
    panel.handle("temperature").press("ArrowLeft")
    expect(panel.root.locator(".e80-live-answer")).to_contain_text("Live.")
    panel.root.locator(".e80-live input[type=checkbox]").press("Space")
    panel.view("Compare")
    panel.root.get_by_label("Values").first.fill("0.5")
    panel.button("Ask side by side").press("Enter")
    expect(panel.root.locator(".e80-comparison:not(.e80-rows)")).to_contain_text("Column.")
    assert [role for role, name in controls(page) if not name] == []
    panel.view("Chat")
    server.queue(sse_reply(tool_chunks(tool_call("write", {"text": HOSTILE}))))
    panel.send("Write")
    expect(panel.root.locator(".e80-consent")).to_be_visible()
    expect(panel.root.locator(".e80-arguments")).to_contain_text(HOSTILE)
    panel.button("Edit arguments").click()
    expect(panel.root.get_by_label("Arguments", exact=True)).to_have_value(
        f'{{\n  "text": "{HOSTILE}"\n}}'
    )
    found = controls(page)
    assert len(found) > 30
    assert [role for role, name in found if not name] == []
    assert ("combobox", "conversation") in {(role, name) for role, name in found}
    for name, words in {"seed": "same seed", "model": "model", "system": "instruction"}.items():
        field = panel.row(name).locator("input, textarea")
        assert words in (field.get_attribute("title") or ""), name
    assert "randomness" in (panel.handle("temperature").get_attribute("title") or "")
    panel.stop.click()
    panel.wait_done()
    assert (page.errors, page.alerts, page.foreign_requests) == ([], [], [])


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_the_focus_stays_in_the_panel(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer, app: App
) -> None:
    """A button that is drawn anew keeps the focus, and one that goes away hands it on."""
    page = open_notebook(TOOLS, "%chat --panel", app=app)
    page.run_all()
    panel = PanelView(page)
    keyboard = page.page.keyboard
    server.queue(*map(stream_reply, ("One.", "Two.", "Three.")))
    panel.ask("Count")
    for number in (2, 3):
        panel.turns.first.get_by_text("Retry", exact=True).press("Enter")
        expect(panel.turns.first.locator(".e80-count")).to_have_text(f"{number} of {number}")
    panel.root.get_by_label("Previous alternative").press("Enter")
    expect(panel.answer(0)).to_have_text("Two.")
    wait_until(lambda: focused(page) == "Previous alternative", interval=0.1)
    keyboard.press("Enter")
    expect(panel.answer(0)).to_have_text("One.")
    # There is none before it.
    wait_until(lambda: focused(page) == "Next alternative", interval=0.1)

    server.queue(sse_reply(tool_chunks(tool_call("write", {"text": "x"}))), stream_reply("Done."))
    panel.send("Write")
    panel.root.get_by_role("button", name="Yes, this once").press("Enter")
    expect(panel.answer(-1)).to_contain_text("Done.")
    wait_until(lambda: focused(page) == "Message", interval=0.1)
    server.queue(stream_reply("word " * 1000, tokens_per_second=50))
    panel.send("Go on")
    panel.stop.press("Enter")
    expect(panel.stop).to_be_hidden()
    wait_until(lambda: focused(page) == "Message", interval=0.1)
    assert page.errors == []


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_what_a_tool_prints_stands_below_the_panel(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer, app: App
) -> None:
    """Its output is the panel's cell's: after another cell has run, and after a reload too."""
    page = open_notebook(TOOLS, "%chat --panel", "print('another cell')", app=app)
    page.run_all()
    panel = PanelView(page)
    calls = [tool_call("draw", {"text": "a line"}), tool_call("write", {"text": "b"}, id="2")]
    server.queue(sse_reply(tool_chunks(*calls)), stream_reply("Both done."))
    panel.send("Do both")
    panel.root.get_by_role("button", name="Yes, this once").click()
    expect(panel.answer(0)).to_contain_text("Both done.")
    outputs = page.cell(1).locator(".jp-Cell-outputArea")
    expect(outputs).to_contain_text("written: b")
    expect(outputs.locator("i", has_text="a line")).to_be_visible()
    saved = page.save()["cells"]
    printed = [o["text"] for o in saved[1]["outputs"] if o["output_type"] == "stream"]
    assert "".join("".join(text) for text in printed) == "drawn: a line\nwritten: b\n"
    assert [o["text"] for o in saved[2]["outputs"]] == [["another cell\n"]]
    reload(page)
    expect(panel.turns).to_have_count(1)
    server.queue(
        sse_reply(tool_chunks(tool_call("draw", {"text": "anew"}))), stream_reply("Again.")
    )
    panel.send("Do it again")
    expect(panel.answer(-1)).to_contain_text("Again.")
    expect(outputs.locator("i", has_text="anew")).to_have_count(1)
    assert outputs.inner_text().count("drawn: anew") == 1


def test_the_sign_of_work_rests_once_words_come(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer
) -> None:
    """It moves while nothing else does; a reader's eye, and the page, have enough to do then."""
    first, last = threading.Event(), threading.Event()
    server.queue(sse_reply([Gate(first), *text_chunks("One."), Gate(last)]))
    page = open_notebook(LOAD, "%chat --panel")
    page.run_all()
    panel = PanelView(page)
    panel.send("Count")
    moves = "line => getComputedStyle(line, '::after').animationName"
    line = panel.root.locator(".e80-streaming .e80-line")
    assert line.evaluate(moves) == "e80-pulse"
    first.set()
    expect(panel.answer(0)).to_contain_text("One.")
    assert line.evaluate(moves) == "none"
    last.set()
    panel.wait_done()
    expect(line).to_have_count(0)


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_nothing_typed_is_lost_or_sent_twice(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer, app: App
) -> None:
    """An edit gives back what stood in the box before, and a key that repeats sends once."""
    page = open_notebook(LOAD, "%chat --panel", app=app)
    page.run_all()
    panel = PanelView(page)
    event = threading.Event()
    server.queue(sse_reply([Gate(event), *text_chunks("One.")]), stream_reply("Two."))
    panel.box.fill("Count")
    for _ in range(4):
        page.page.keyboard.press("Control+Enter")
    expect(panel.turns).to_have_count(1)
    event.set()
    panel.wait_done()
    page.page.wait_for_timeout(300)
    assert len([r for r in server.requests if r.method == "POST"]) == 1
    panel.box.fill("a draft")
    panel.button("Edit").click()
    expect(panel.box).to_have_value("Count")
    panel.box.press("Escape")
    expect(panel.box).to_have_value("a draft")
    panel.button("Edit").click()
    panel.send("Count again")
    expect(panel.answer(0)).to_have_text("Two.")
    expect(panel.box).to_have_value("a draft")
    panel.box.fill("   \n ")
    panel.box.press("Control+Enter")
    expect(panel.turns).to_have_count(1)
    assert page.errors == []
