"""The browser harness shows a real notebook as a person sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.support.lab import DARK

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.lab import App, NotebookPage
    from tests.support.scripted import ScriptedServer

CELLS = (
    "md:# A plain notebook",
    "print('Hello, page')",
    """from IPython.display import Markdown
Markdown('**Bold**, $e^{i\\\\pi} = -1$, 漢字, 🎉\\n\\n| a | b |\\n|---|---|\\n| 1 | 2 |')""",
    "import os\nos.environ['_8080_API_URL']",
)


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_a_notebook_runs_and_is_saved(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer, app: App
) -> None:
    """Cells run in the page, their outputs are drawn and saved, nothing covers them."""
    page = open_notebook(*CELLS, app=app)
    page.run_all()
    expect(page.outputs(1)).to_have_text("Hello, page\n")
    expect(page.outputs(2).locator("strong")).to_have_text("Bold")
    expect(page.outputs(2).locator("mjx-container")).to_be_visible()
    expect(page.outputs(3)).to_contain_text(server.url)
    expect(page.page.locator(".jp-Dialog, .Toastify__toast")).to_have_count(0)
    page.screenshot(f"harness-{app}")
    page.set_theme(DARK)
    page.screenshot(f"harness-{app}-dark", whole=True)
    saved = page.save()
    assert saved["cells"][1]["outputs"][0]["text"] == ["Hello, page\n"]
    assert (page.errors, page.alerts, page.foreign_requests) == ([], [], [])


def test_a_page_tells_what_scripts_do(open_notebook: Callable[..., NotebookPage]) -> None:
    """Dialogs and requests elsewhere are noted, and no request leaves the machine."""
    page = open_notebook(
        "from IPython.display import HTML\n"
        'HTML(\'<img src="http://elsewhere.example/?q=secret" onerror="alert(1)">\')'
    )
    page.run_all()
    expect(page.outputs(0).locator("img")).to_have_count(1)
    page.page.wait_for_function("() => document.querySelector('.jp-OutputArea img').complete")
    assert set(page.foreign_requests) == {"http://elsewhere.example/?q=secret"}
    assert set(page.alerts) == {"1"}


def test_a_running_cell_is_changed_and_interrupted(
    open_notebook: Callable[..., NotebookPage],
) -> None:
    """A cell's text can be replaced, and a cell that hangs can be stopped from the page."""
    page = open_notebook("pass")
    page.set_source(0, "import time\nprint('on', flush=True)\ntime.sleep(600)")
    page.run_cell(0, wait=False)
    expect(page.outputs(0)).to_have_text("on\n")
    page.interrupt()
    page.wait_idle()
    expect(page.outputs(0).last).to_contain_text("KeyboardInterrupt")
