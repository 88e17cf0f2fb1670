"""What is typed into the panel: nothing is dropped in silence, and what is wrong is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.support.panel import PanelView
from tests.support.replies import Reply, sse_reply, stream_reply, text_chunks
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.lab import NotebookPage
    from tests.support.scripted import ScriptedServer
    from tests.support.wire import Request


LOAD = """\
%load_ext eighty80_jupyter
x = 41
rows = [{"city": "Bern", "people": number} for number in range(40)]"""


def say_settings(request: Request) -> Reply | None:
    """Answer with what was asked for; the same for the same."""
    if request.method != "POST":
        return None
    text = f"T {request.json.get('temperature')}, S {request.json.get('seed')}."
    if (count := request.json.get("n", 1)) == 1:
        return stream_reply(text)
    chunks = [text_chunks(f"{text} {n}", index=n, usage=n == count - 1) for n in range(count)]
    return sse_reply([chunk for several in chunks for chunk in several])


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


def try_answers(panel: PanelView) -> None:
    """Ask for two answers about data: they stand side by side, the data fold, all is in sight."""
    panel.field("n").fill("2")
    panel.field("n").press("Tab")
    panel.ask("Two of {{rows}}")
    turn = panel.turns.last
    expect(turn.locator("h6")).to_have_text(["Answer 1", "Answer 2"])
    first, second = (part.bounding_box() for part in turn.locator(".e80-part").all())
    assert first is not None
    assert second is not None
    assert abs(first["y"] - second["y"]) < 1 < second["x"] - first["x"] - first["width"]
    data = turn.locator(".e80-data")
    expect(data.locator("pre")).to_be_hidden()
    data.locator("summary").click()
    expect(data.locator("pre")).to_contain_text("Bern")
    panel.field("n").fill("")
    panel.field("n").press("Tab")
    panel.box.fill("And of {{rows}}?")
    panel.button("Preview").click()
    expect(panel.root.locator(".e80-preview")).to_contain_text("And of")
    panel.root.scroll_into_view_if_needed()
    box = panel.root.bounding_box()
    assert box is not None
    assert box["height"] < 760  # beside the bars of JupyterLab, on a page of 900
    panel.box.fill("")
    expect(panel.root.locator(".e80-preview")).to_be_hidden()


def try_grid(panel: PanelView) -> None:
    """Compare two parameters, then type a value that is none."""
    panel.view("Compare")
    panel.root.get_by_label("Vary").select_option("seed")
    panel.button("+ a second parameter").click()
    other = panel.root.get_by_label("and", exact=True)
    expect(other).to_have_value("temperature")  # two of the same were no grid
    panel.root.get_by_label("Vary").select_option("temperature")
    other.select_option("seed")
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
    """Wrong values stay; errors go with their cause; answers and pairs stand side by side."""
    server.handler = say_settings
    page = open_notebook(LOAD, "%chat --panel")
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
    try_answers(panel)
    try_grid(panel)
    panel.view("Chat")
    panel.menu("Rename")
    panel.root.get_by_placeholder("another name for this conversation").fill("study")
    panel.root.get_by_placeholder("another name for this conversation").press("Tab")
    panel.menu("Rename").click()
    chosen = panel.root.locator(".e80-bar select")
    expect(chosen).to_have_value("study")
    panel.menu("Delete").click()
    panel.menu("Really delete 2 turns?").click()
    expect(chosen).to_have_value("main")
    expect(panel.turns).to_have_count(0)
    # What is saved beside the panel follows within a second.
    wait_until(lambda: "Explain 41" not in str(page.save()["cells"][1]["outputs"]), interval=0.3)
