"""What is typed into the panel: nothing is dropped in silence, and what is wrong is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.support.panel import PanelView
from tests.support.replies import Reply, stream_reply
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.lab import NotebookPage
    from tests.support.scripted import ScriptedServer
    from tests.support.wire import Request


def say_settings(request: Request) -> Reply | None:
    """Answer with what was asked for; the same for the same."""
    if request.method != "POST":
        return None
    return stream_reply(f"T {request.json.get('temperature')}, S {request.json.get('seed')}.")


def try_fields(panel: PanelView) -> None:
    """Type what cannot be set, and what can in another form."""
    for name, typed, reason in (
        ("max_tokens", "abc", "integer"),
        ("n", "1000", "between"),
        ("top_p", "0,7", "decimal point"),
    ):
        field = panel.field(name)
        field.fill(typed)
        field.press("Tab")
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(panel.row(name).locator(".e80-wrong")).to_contain_text(reason)
        expect(field).to_have_value(typed)
        field.fill("")
        field.press("Tab")
        expect(field).to_have_attribute("aria-invalid", "false")
    panel.field("max_tokens").fill("2,000")
    panel.field("max_tokens").press("Tab")
    expect(panel.field("max_tokens")).to_have_value("2000")


def try_grid(panel: PanelView) -> None:
    """Compare two parameters, then type a value that is none."""
    panel.view("Compare")
    panel.button("+ a second parameter").click()
    first, second = panel.root.locator(".e80-axis input[type=text]").all()
    first.fill("0, 0, 1")
    second.fill("7, 8")
    panel.button("Ask side by side").click()
    columns = panel.root.locator(".e80-columns .e80-column:visible")
    expect(columns).to_have_count(6)
    expect(columns.nth(1)).to_contain_text("identical")
    expect(columns.nth(5)).to_contain_text("T 1, S 8.")
    first.fill("0, warm")
    panel.button("Ask side by side").click()
    expect(columns).to_have_count(0)
    expect(panel.root.locator(".e80-axis.e80-invalid input[type=text]")).to_have_value("0, warm")


def test_fields_preview_grid_and_names(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer
) -> None:
    """Wrong values stay, marked; errors go with their cause; a grid has all pairs; names change."""
    server.handler = say_settings
    page = open_notebook("%load_ext eighty80_jupyter\nx = 41", "%chat --panel")
    page.run_cell(0)
    page.run_cell(1)
    panel = PanelView(page)
    try_fields(panel)
    panel.box.fill("Explain {{y}}")
    panel.button("Preview").click()
    preview = panel.root.locator(".e80-preview")
    expect(panel.root.locator(".e80-main")).to_contain_text("no variable 'y'")
    panel.box.fill("Explain {{x}}")
    expect(preview).to_contain_text("Explain 41")
    expect(panel.root.locator(".e80-main")).not_to_contain_text("no variable 'y'")
    panel.send("Explain {{x}}")
    expect(panel.turns).to_have_count(1)
    panel.wait_done()
    assert server.chats[-1].json["max_completion_tokens"] == 2000
    try_grid(panel)
    panel.view("Chat")
    panel.menu("Rename")
    panel.root.get_by_placeholder("another name for this conversation").fill("study")
    panel.root.get_by_placeholder("another name for this conversation").press("Tab")
    panel.menu("Rename").click()
    chosen = panel.root.locator(".e80-bar select")
    expect(chosen).to_have_value("study")
    panel.menu("Delete").click()
    panel.menu("Really delete 1 turn?").click()
    expect(chosen).to_have_value("main")
    expect(panel.turns).to_have_count(0)
    # What is saved beside the panel follows within a second.
    wait_until(lambda: "Explain 41" not in str(page.save()["cells"][1]["outputs"]), interval=0.3)
