"""Nothing that a model writes runs or fetches anything in a real browser.

Every hostile text of `tests/data/hostile_markdown.py` goes the real way: from the server, in two
halves with a drawing in between, through `%chat`, onto the page. The hosts in it are a server that
notes every request, and whatever would run calls `pwned`.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any, cast

import pytest
from playwright.sync_api import expect

from tests.data.hostile_markdown import CASES
from tests.support.lab import NotebookPage, make_notebook
from tests.support.replies import (
    Wait,
    chat_reply,
    chunk,
    error_reply,
    models_reply,
    sse_reply,
    text_chunks,
)
from tests.support.scripted import ScriptedServer
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

    from tests.support.lab import App, JupyterServer
    from tests.support.replies import Event, Reply

LOAD = "%load_ext eighty80_jupyter"
BATCH = 30  # answers of one cell: JupyterLab hides what comes after 50 outputs
TALL = (1280, 12_000)  # so that JupyterLab draws the cells that are far down
SOME = 10  # texts of a widget: a kernel drops what is beyond a thousand messages of one cell
END = "Nothing more."

PROBE = """
window.executions = [];
window.pwned = (...what) => { window.executions.push(what.join()); };
for (const name of ["alert", "confirm", "prompt", "open"]) {
    window[name] = (...what) => { window.executions.push(`${name} ${what}`); };
}
"""
# What stands in the outputs that our renderer never writes; formulas are MathJax's own elements.
AUDIT = r"""() => {
    const tags = new Set(`A ABBR B BLOCKQUOTE BR CODE DD DEL DETAILS DIV DL DT EM H1 H2 H3 H4 H5 H6
        HR I INS KBD LI MARK OL P PRE Q S SAMP SMALL SPAN STRONG SUB SUMMARY SUP TABLE TBODY TD
        TFOOT TH THEAD TR U UL VAR CAPTION CITE DFN RP RT RUBY TIME WBR`.split(/\s+/));
    const names = new Set(["href", "target", "rel", "title", "open", "start", "style"]);
    const found = [];
    for (const element of document.querySelectorAll(
        ".jp-RenderedHTMLCommon *, .widget-html-content *, .widget-htmlmath-content *"
    )) {
        if (element.matches("span.numbering-entry:empty")) continue;  // JupyterLab's contents
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
    return found;
}"""
TRUSTED = """() => [...new Set(window.jupyterapp.shell.currentWidget.content.widgets
    .filter(cell => cell.model.sharedModel.outputs?.length).map(cell => cell.model.trusted))]"""
# Whatever waits for a person: nothing of it may be there.
TOUCH = """() => {
    const kinds = ["mouseover", "mouseenter", "pointerdown", "mousedown", "focus", "toggle", "load",
        "error", "animationstart", "beforetoggle", "slotchange"];
    const elements = document.querySelectorAll(".jp-OutputArea-output *");
    for (const element of elements) {
        for (const kind of kinds) element.dispatchEvent(new Event(kind));
        if (element.closest("a")) continue;
        element.dispatchEvent(new MouseEvent("click", {bubbles: true, cancelable: true}));
    }
    return elements.length;
}"""


@pytest.fixture(name="elsewhere")
def _elsewhere() -> Iterator[ScriptedServer]:
    """Give the server that the hostile texts want to reach."""
    with ScriptedServer(default=chat_reply("reached")) as server:
        server.route("GET", "/v1/models", chat_reply("reached"))
        yield server


class Watched:
    """A browser whose pages note whatever runs, from their beginning."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    def new_page(self, **settings: Any) -> Page:
        """Open a page, as `Browser.new_page` does."""
        page = self._browser.new_page(**settings)
        page.add_init_script(PROBE)
        return page


@pytest.fixture(name="open_watched")
def _open_watched(
    browser: Browser,
    jupyter: Callable[[App], JupyterServer],
    server: ScriptedServer,  # noqa: ARG001 - empty before the first cell runs
) -> Iterator[Callable[..., NotebookPage]]:
    """Give a function that opens a notebook under watch: `open_watched(notebook, "a.ipynb")`."""
    with contextlib.ExitStack() as stack:

        def open_(notebook: dict[str, Any], name: str) -> NotebookPage:
            watched = cast("Browser", Watched(browser))
            page = NotebookPage.open(watched, jupyter("lab"), notebook, name=name, viewport=TALL)
            stack.callback(page.close)
            return page

        yield open_


def aimed(text: str, server: ScriptedServer) -> str:
    """Return the text with `server` for every host in it."""
    for host in ("evil.test", "x.test", "bank.test"):
        text = text.replace(f"https://{host}", server.url).replace(
            host, server.url.removeprefix("http://")
        )
    return text.replace("\ud83d", "").replace("\udc00", "")  # JSON cannot carry these


def answers(texts: list[str]) -> Reply:
    """Return a reply with one answer for each text, cut in the middle, where a drawing happens."""
    halves: list[list[Event]] = [
        [chunk({"content": half}, index=n) for n, half in enumerate(part)]
        for part in zip(*((t[: len(t) // 2], t[len(t) // 2 :]) for t in texts), strict=True)
    ]
    ends: list[Event] = [chunk(finish_reason="stop", index=n) for n in range(len(texts))]
    return sse_reply([*halves[0], Wait(0.2), *halves[1], *ends], per_packet=1000)


def whole(texts: list[str]) -> Reply:
    """Return a reply with one long answer in pieces, which is frozen piece by piece."""
    text = "\n\n".join(texts) + f"\n\n{END}"
    pieces = [text[start : start + 500] for start in range(0, len(text), 500)]
    return sse_reply([chunk({"content": p}) for p in pieces] + [chunk(finish_reason="stop")])


def assert_harmless(page: NotebookPage, elsewhere: ScriptedServer, *, at_least: int) -> None:
    """Check that nothing has run or been fetched, also when everything is touched."""
    assert page.page.evaluate(AUDIT) == []
    assert page.page.evaluate(TOUCH) >= at_least
    page.page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
    assert page.page.evaluate("window.executions") == []
    assert (page.alerts, page.foreign_requests) == ([], [])
    assert elsewhere.requests == []


def shown(page: NotebookPage, answers: int = 0) -> None:
    """Wait until the last answer of all cells is drawn, and formulas are typeset."""
    page.page.wait_for_function("document.querySelectorAll('mjx-container').length > 10")
    expect(page.page.locator(".jp-OutputArea-output h6", has_text="Answer")).to_have_count(answers)
    expect(page.page.locator(".jp-Notebook")).to_contain_text(END)


def test_hostile_replies(
    open_watched: Callable[..., NotebookPage], server: ScriptedServer, elsewhere: ScriptedServer
) -> None:
    """Hostile replies are harmless as they come, when opened again, and in a foreign notebook."""
    texts = [aimed(text, elsewhere) for text in CASES.values()]
    assert len(set(texts)) >= 200
    batches = [texts[start : start + BATCH] for start in range(0, len(texts), BATCH)]
    server.queue(*map(answers, batches), whole(texts))
    cells = [f"%chat -n {len(batch)} --reset x" for batch in batches]
    page = open_watched(make_notebook(LOAD, *cells, "%chat --reset x"), "hostile.ipynb")
    page.run_all(timeout=100)
    shown(page, len(texts))
    assert_harmless(page, elsewhere, at_least=2 * len(texts))
    saved = page.save()
    outputs = [out for cell in saved["cells"] for out in cell["outputs"]]
    html = "".join("".join(out.get("data", {}).get("text/html", "")) for out in outputs)
    assert html.count(">Answer ") >= len(texts)

    page = open_watched(saved, "hostile.ipynb")
    assert page.page.evaluate(TRUSTED) == [True]
    shown(page, len(texts))
    assert_harmless(page, elsewhere, at_least=2 * len(texts))

    # What was not run here is not trusted: JupyterLab cleans it once more.
    saved["metadata"]["from"] = "elsewhere"
    page = open_watched(saved, "stranger.ipynb")
    assert page.page.evaluate(TRUSTED) == [False]
    shown(page, len(texts))
    assert_harmless(page, elsewhere, at_least=2 * len(texts))


def test_hostile_text_in_widgets(
    open_watched: Callable[..., NotebookPage], elsewhere: ScriptedServer
) -> None:
    """In widgets the same texts are harmless; and the probes see what is not."""
    texts = [aimed(text, elsewhere) for text in CASES.values()]
    notebook = make_notebook(
        "import json, ipywidgets\nfrom eighty80_jupyter.notebook.markdown.render import render",
        "texts = json.load(open('hostile.json'))\n"
        f"some = [texts[at:at + {SOME}] for at in range(0, len(texts), {SOME})]\n"
        "pages = [''.join(map(render, part)) for part in some]\n"
        "ipywidgets.VBox(list(map(ipywidgets.HTML, pages)))",
        "ipywidgets.VBox(list(map(ipywidgets.HTMLMath, pages)))",
        f"ipywidgets.HTML('{END}')",
        f"""ipywidgets.HTML('<img src="{elsewhere.url}/p.png" onerror="pwned(1)">')""",
    )
    page = open_watched(notebook, "widgets.ipynb")
    (page.server.root / "hostile.json").write_text(json.dumps(texts), encoding="utf-8")
    for cell in range(4):
        page.run_cell(cell)
    shown(page)
    widgets = -(-len(texts) // SOME)
    expect(page.page.locator(".widget-html-content")).to_have_count(widgets + 1)
    expect(page.page.locator(".widget-htmlmath-content")).to_have_count(widgets)
    assert_harmless(page, elsewhere, at_least=2 * len(texts))

    page.run_cell(4)
    page.page.wait_for_function("window.executions.length > 0")
    wait_until(lambda: elsewhere.requests, what="the request of the raw image")
    assert page.foreign_requests == [f"{elsewhere.url}/p.png"]
    assert page.page.evaluate(AUDIT) != []


def test_what_a_server_calls_itself_defines_nothing(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer
) -> None:
    r"""Real MathJax finds `\def` in no name, error, list or export, and typesets what was meant."""
    name = r"$\def\alpha{PWNED}x$ $\href{http://h.test}{CLICK}$"
    server.route("GET", "/v1/models", models_reply(name))
    huge = r"A letter $\alpha$, and $\rule{9999em}{9999em}$."
    server.queue(
        error_reply(503, name),
        sse_reply([{**part, "model": name} for part in text_chunks(huge)]),
    )
    page = open_notebook(
        f"{LOAD}\nfrom eighty80_jupyter import chat\nchat.config.max_retries = 1",
        "%chat --models",
        r"%chat --new='$\def\alpha{PWNED}x$'",
        f"%%chat --system '{name}'\n{name}",
        "%chat --status",
        "%chat --history",
        "%chat --list",
        f"%%chat --dry-run\n{name}",
        "%chat --panel",
        r"md:Here $\alpha$ is a letter.",
    )
    page.run_all(timeout=100)
    answer = page.cell(3).locator(".jp-Cell-outputArea")
    expect(answer.locator("mjx-container")).to_have_count(1)
    expect(answer).to_contain_text(r"\rule{9999em}{9999em}")
    expect(page.cell(9).locator("mjx-container")).to_have_count(1)
    letters = page.page.locator("mjx-container").evaluate_all(
        "all => all.map(one => one.textContent)"
    )
    assert letters
    assert not [text for text in letters if "PWNED" in text or "CLICK" in text]
    assert page.page.locator("mjx-container a, a[href*='h.test']").count() == 0
