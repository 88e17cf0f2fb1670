"""A prompt over rows in JupyterLab: seen while it runs, stopped, saved, and from the panel."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.support.lab import DARK
from tests.support.replies import chat_reply, error_reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.lab import NotebookPage
    from tests.support.scripted import Reply, Request, ScriptedServer

SETUP = """%load_ext eighty80_jupyter
import pandas as pd
from eighty80_jupyter import chat
chat.config.max_retry_wait, chat.config.keep_answers = 0, False
texts = ["The export stops", "Please add a dark theme", "<img src=x onerror=alert(1)> $x^2$"]
tickets = pd.DataFrame({"text": [f"{text}, ticket {n}" for n in range(20) for text in texts]})"""
CELL = """%%chat --rows tickets --choices bug,feature,other --column label --into labelled
Classify: {{text}}"""


class Model:
    """Answers so many rows at once, and the rest when it is told to."""

    def __init__(self, server: ScriptedServer, first: int) -> None:
        self.go_on = threading.Event()
        self._first = first
        self._lock = threading.Lock()
        self._count = 0
        server.handler = self.answer

    def answer(self, request: Request) -> Reply | None:
        """Answer a row; that of ticket 15 which wants a theme fails."""
        if "chat/completions" not in request.path:
            return None
        with self._lock:
            self._count += 1
            wait = self._count > self._first
        if wait:
            self.go_on.wait(60)
        text = request.json["messages"][-1]["content"]
        if "theme, ticket 15" in text:
            return error_reply(500, "overloaded")
        return chat_reply("bug" if "stops" in text else "feature" if "add" in text else "other")


def test_a_run_in_a_cell(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer
) -> None:
    """The bar, the counts and the newest rows are seen; the table stays, is safe, and is saved."""
    page = open_notebook(SETUP, CELL)
    page.toggle_side_bar()
    page.run_cell(0)
    model = Model(server, first=31)
    page.run_cell(1, wait=False)
    output = page.outputs(1)
    expect(output.locator("progress")).to_have_attribute("max", "60")
    expect(output).to_contain_text("31 of 60 rows")
    expect(output).to_contain_text("at a time")
    page.screenshot("rows-running")
    model.go_on.set()
    expect(output).to_contain_text("60 rows: 59 asked, 1 failed")
    expect(output.locator("progress")).to_have_count(0)
    expect(output).to_have_count(1)
    expect(output.locator("tbody tr").filter(has_text="Please add")).not_to_have_count(0)
    output.locator("summary").click()
    expect(output.locator("details table")).to_contain_text("overloaded")
    page.wait_idle()
    page.screenshot("rows-after", whole=True)
    page.set_theme(DARK)
    page.page.set_viewport_size({"width": 620, "height": 900})
    page.screenshot("rows-after-narrow-dark")
    assert not page.alerts
    assert not page.foreign_requests
    assert output.locator("mjx-container").count() == 0
    kept = page.save()["cells"][1]["outputs"]
    assert [list(out["data"]) for out in kept] == [["text/html", "text/latex", "text/plain"]]
    assert kept[0]["data"]["text/plain"][-1].startswith("60 rows: ")
    page.end_kernel()
    page.page.reload()
    expect(page.outputs(1)).to_contain_text("60 rows: 59 asked, 1 failed")
    expect(page.outputs(1).locator("tbody tr").filter(has_text="Please add")).not_to_have_count(0)


def test_the_panels_view(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer
) -> None:
    """Rows are tried, run and stopped from the panel, and it writes the cell that does the same."""
    page = open_notebook(SETUP, "%chat --panel", "len(chat.last_run.values), 'out' in globals()")
    page.toggle_side_bar()
    page.run_cell(0)
    page.run_cell(1)
    root = page.cell(1).locator(".e80-panel")
    view = root.locator(".e80-rows")
    root.locator(".e80-tab", has_text="Rows").click()
    for label, text in {
        "Rows": "tickets", "Type": "bug|feature|other", "Column": "label", "Into": "out",
        "Prompt": "Classify: {{text}}",
    }.items():  # fmt: skip
        view.get_by_label(label, exact=True).fill(text)
    view.get_by_label("Prompt", exact=True).blur()
    model = Model(server, first=45)
    view.locator("button", has_text="Try 20").click()
    expect(view).to_contain_text("20 rows: ")
    expect(view).to_contain_text("are in out")

    run, stop = (view.locator("button", has_text=name) for name in ("Run", "Stop"))
    run.click()
    expect(view).to_contain_text("of 60 rows")
    expect(stop).to_be_enabled()
    page.screenshot("panel-rows-running")
    stop.click()
    expect(view).to_contain_text("not asked")
    expect(view).to_contain_text("only what is missing")
    expect(run).to_be_enabled()
    model.go_on.set()
    expect(view.locator("tbody td", has_text="<img src=x")).not_to_have_count(0)

    before = page.page.locator(".jp-Notebook .jp-Cell").count()
    view.locator("button", has_text="To a cell").click()
    expect(page.page.locator(".jp-Notebook .jp-Cell")).to_have_count(before + 1)
    made = page.page.evaluate(
        "window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells[2].source"
    )
    line = "%%chat --rows tickets --returns bug|feature|other --column label --into out"
    assert made == f"{line}\nClassify: {{{{text}}}}"
    page.set_theme(DARK)
    page.page.set_viewport_size({"width": 620, "height": 900})
    page.screenshot("panel-rows-narrow-dark")
    page.run_cell(3)
    expect(page.outputs(3)).to_contain_text("(60, True)")
    assert not page.alerts
    assert not page.errors
