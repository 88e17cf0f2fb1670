"""Hostile replies in the panel: nothing runs and nothing is fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.test_safety import PROBE, aimed, answers, whole
from tests.data.hostile_markdown import CASES
from tests.support.panel import PanelView
from tests.support.replies import chat_reply, chunk, sse_reply
from tests.support.scripted import ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.lab import App, NotebookPage

LOAD = "%load_ext eighty80_jupyter\nfrom eighty80_jupyter import chat"
BATCH = 60
# What stands in the transcript that neither the renderer nor the panel writes.
AUDIT = r"""() => {
    const tags = new Set(`A ABBR B BLOCKQUOTE BR CODE DD DEL DETAILS DIV DL DT EM H1 H2 H3 H4 H5 H6
        HR I INS KBD LI MARK OL P PRE Q S SAMP SMALL SPAN STRONG SUB SUMMARY SUP TABLE TBODY TD
        TFOOT TH THEAD TR U UL VAR CAPTION CITE DFN RP RT RUBY TIME WBR`.split(/\s+/));
    const names = new Set(["href", "target", "rel", "title", "open", "start", "style"]);
    const found = [];
    for (const element of document.querySelectorAll(".e80-block *, .e80-preview *")) {
        if (element.closest(".e80-code-actions") || element.matches(".e80-code")) continue;
        const where = element.outerHTML.slice(0, 200);
        const address = element.getAttribute("href") ?? element.getAttribute("xlink:href");
        if (address !== null && !/^(https?|mailto):/i.test(address)) found.push(where);
        if (element.closest("mjx-container")) {
            if (element.matches("a, script, img, iframe")) found.push(where);
            continue;
        }
        if (!tags.has(element.tagName)) found.push(where);
        for (const {name, value} of element.attributes) {
            if (!names.has(name) || /url|expression|position|background/i.test(
                name === "style" ? value : "")) found.push(`${name}: ${where}`);
        }
    }
    for (const element of document.querySelectorAll(
        ".e80-source *, .e80-line *, .e80-error *, .e80-notice *, .e80-question *"
    )) found.push(element.outerHTML.slice(0, 200));
    return found;
}"""
TOUCH = """() => {
    const kinds = ["mouseover", "mouseenter", "focus", "toggle", "load", "error", "animationstart"];
    const elements = document.querySelectorAll(".e80-block *");
    for (const element of elements) {
        for (const kind of kinds) element.dispatchEvent(new Event(kind));
        if (element.closest("a, button")) continue;
        element.dispatchEvent(new MouseEvent("click", {bubbles: true, cancelable: true}));
    }
    return elements.length;
}"""


@pytest.fixture(name="elsewhere")
def _elsewhere() -> Iterator[ScriptedServer]:
    """Give the server that the hostile texts want to reach."""
    with ScriptedServer(default=chat_reply("reached")) as server:
        yield server


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_hostile_replies_in_the_panel(
    open_notebook: Callable[..., NotebookPage],
    server: ScriptedServer,
    elsewhere: ScriptedServer,
    app: App,
) -> None:
    """Answers, thoughts and prompts are harmless while they come and when they are there."""
    texts = [aimed(text, elsewhere) for text in CASES.values()]
    batches = [texts[start : start + BATCH] for start in range(0, len(texts), BATCH)]
    thoughts = [chunk({"reasoning": text + "\n\n"}) for text in texts[:BATCH]]
    last = sse_reply([*thoughts, chunk({"content": "Done."}), chunk(finish_reason="stop")])
    server.queue(*map(answers, batches), whole(texts), last)
    page = open_notebook(LOAD, "%chat --panel", "", app=app)
    page.page.evaluate(f"() => {{ {PROBE} }}")
    page.run_cell(0)
    page.run_cell(1)
    panel = PanelView(page)
    for number, batch in enumerate(batches):
        page.set_source(2, f"chat.config.n = {len(batch)}")  # more than the panel's field takes
        page.run_cell(2)
        expect(panel.field("n")).to_have_value(str(len(batch)))
        panel.send("\n".join(batch).replace("{{", "{ {"))
        expect(panel.turns).to_have_count(number + 1)
        panel.wait_done()
        expect(panel.turns.last.locator("h6", has_text="Answer")).to_have_count(len(batch))
    panel.row("n").locator("input").fill("")
    page.page.keyboard.press("Enter")
    panel.ask("all")
    expect(panel.answer(-1)).to_contain_text("Nothing more.")
    panel.ask("thoughts")
    for summary in panel.answer(-1).locator("summary").all()[:1]:
        summary.click()
    assert page.page.evaluate(AUDIT) == []
    assert page.page.evaluate(TOUCH) > 2 * len(texts)
    page.page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
    assert page.page.evaluate("window.executions") == []
    assert (page.alerts, page.foreign_requests) == ([], [])
    assert elsewhere.requests == []
