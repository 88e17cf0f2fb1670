"""New cells in a real notebook: code and prompts that a command puts below."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.support.replies import stream_reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.lab import App, NotebookPage
    from tests.support.scripted import ScriptedServer

LOAD = "%load_ext eighty80_jupyter"
REPLY = "Try\n\n```python\nanswer = 6 * 7\n```\n\nand\n\n```python\nprint('ran ' + 'it')\n```\n"


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_code_and_prompts_come_into_new_cells(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer, app: App
) -> None:
    """--code makes one new cell that is not run; a cell that runs again answers its turn anew."""
    server.queue(stream_reply(REPLY), stream_reply("Short."))
    page = open_notebook(LOAD, "%%chat --code\nHow?", "'the last cell'", app=app)
    page.run_all()
    cells = page.page.locator(".jp-Notebook .jp-Cell")
    expect(cells).to_have_count(4)
    made = page.cell(2)
    expect(made.locator(".cm-content")).to_have_text("answer = 6 * 7print('ran ' + 'it')")
    expect(made.locator(".jp-InputPrompt")).to_have_text("[ ]:")
    expect(page.outputs(2)).to_have_count(0)
    expect(page.cell(3)).to_contain_text("the last cell")
    page.screenshot(f"new-cell-{app}")
    page.run_cell(1)
    expect(page.cell(1).locator(".jp-Cell-outputArea")).to_contain_text("turn 1, answer 2 of 2")
    assert [m["content"] for m in server.requests[1].json["messages"]] == ["How?"]
    assert page.errors == []


BROKEN = "rows = [1, 2]\n\nfor i in range(3):\n    print(rows[i])  # 😀"
FIXED = BROKEN.replace("3", "len(rows)")


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_a_corrected_cell_takes_the_place_of_the_one_that_failed(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer, app: App
) -> None:
    """Buttons and --replace change the cell that failed, unless it is edited; it can be undone."""
    server.default = stream_reply(f"Take its length.\n\n```python\n{FIXED}\n```\n")
    page = open_notebook(LOAD, BROKEN, "%chat --fix", "'end'", app=app)
    code = page.cell(1).locator(".cm-content")
    for index in range(3):
        page.run_cell(index)
    assert not page.cell(2).get_by_text("%chat --code").is_visible()
    page.screenshot(f"fix-{app}")
    page.cell(2).get_by_role("button", name="Replace cell").click()
    expect(code).to_contain_text("range(len(rows))")
    code.click()
    page.page.keyboard.press("Control+z")
    expect(code).to_contain_text("range(3)")
    page.cell(2).get_by_role("button", name="New cell").click()
    expect(page.cell(3).locator(".cm-content")).to_contain_text("range(len(rows))")
    expect(page.cell(4)).to_contain_text("end")
    page.set_source(1, BROKEN + "\n1")
    page.cell(2).get_by_role("button", name="Replaced").click()
    expect(page.cell(2)).to_contain_text("Not replaced: the cell has been edited")
    page.run_cell(1)
    page.set_source(4, "%chat --fix --replace")
    page.run_cell(4)
    expect(page.cell(4)).to_contain_text("is replaced; to undo that")
    assert page.errors == []
