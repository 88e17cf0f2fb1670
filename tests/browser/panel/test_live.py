"""Live mode and answers side by side, in the panel of a real notebook."""

from __future__ import annotations

import re
import threading
import time
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from eighty80_jupyter.notebook.compare.live import DEBOUNCE
from tests.support.lab import DARK
from tests.support.replies import Gate, Reply, sse_reply, stream_reply, text_chunks
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Locator

    from tests.support.lab import App, NotebookPage
    from tests.support.scripted import ScriptedServer
    from tests.support.wire import Request

LOAD = "%load_ext eighty80_jupyter"
ASK = "%chat How warm?"
SHOW = "from eighty80_jupyter import chat\n%chat --panel"
MOVES = 60
TEXT = """\
At **{} degrees** the median is the middle value.

```python
statistics.median([1, 2, 100])
```
"""


def say_temperature(request: Request) -> Reply | None:
    """Answer every chat request with the temperature in words."""
    if request.method != "POST":
        return None
    return stream_reply(TEXT.format(request.json.get("temperature")))


def temperatures(server: ScriptedServer) -> list[float | None]:
    """Return the temperatures that were asked for."""
    return [r.json.get("temperature") for r in server.requests if r.method == "POST"]


def open_view(page: NotebookPage, name: str) -> Locator:
    """Go to a view of the panel with the keyboard, and return the panel."""
    panel = page.page.locator(".e80-panel")
    panel.get_by_role("tab", name=name).focus()
    page.page.keyboard.press("Enter")
    return panel


def switch_on(page: NotebookPage) -> Locator:
    """Switch live mode on with the keyboard, and return the panel."""
    panel = page.page.locator(".e80-panel")
    live = panel.get_by_role("checkbox", name="Live")
    expect(live).to_have_count(1)
    live.focus()
    page.page.keyboard.press("Space")
    expect(panel.locator(".e80-live").get_by_role("status")).to_contain_text("Move a slider")
    return panel


def drag(page: NotebookPage, slider: Locator, enough: Callable[[], bool]) -> None:
    """Drag a slider over 60 moves in about a second, from a quarter to three quarters.

    Where it is not `enough` by then, the moves go on near the end.
    """
    handle, track = slider.locator(".noUi-handle"), slider.locator(".noUi-target")
    handle.scroll_into_view_if_needed()
    grip, way = handle.bounding_box(), track.bounding_box()
    assert grip is not None
    assert way is not None
    mouse, height = page.page.mouse, grip["y"] + grip["height"] / 2
    mouse.move(grip["x"] + grip["width"] / 2, height)
    mouse.down()
    start = time.monotonic()
    move = 0
    while move < MOVES or not enough():
        part = move / (MOVES - 1) if move < MOVES else 0.9 + 0.1 * (move % 2)
        mouse.move(way["x"] + way["width"] * (0.25 + 0.5 * part), height)
        time.sleep(max(0, start + move / MOVES - time.monotonic()))
        move += 1
    mouse.move(way["x"] + way["width"] * 0.75, height)
    mouse.up()


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_a_drag_ends_with_the_right_answer(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer, app: App
) -> None:
    """Live mode goes on with the keyboard; 60 moves make few requests and one alternative."""
    server.handler = say_temperature
    page = open_notebook(
        # However long the machine holds up the drag, its values count when the slider is let go.
        f"{LOAD}\nfrom eighty80_jupyter.notebook.compare import live\nlive.SETTLE = 1000",
        ASK,
        SHOW,
        "len(chat.conversation[0].alternatives)",
        app=app,
    )
    page.run_all()
    panel = switch_on(page)
    start = time.monotonic()
    slider = panel.locator(".e80-p-temperature")
    drag(page, slider, enough=lambda: len(temperatures(server)) > 2)
    answer = panel.get_by_role("region", name="Live answer")
    expect(answer).to_contain_text("At 1.5 degrees")
    expect(panel.get_by_role("button", name="✓ temperature 1.5")).to_be_visible()
    took = time.monotonic() - start
    sent = temperatures(server)[1:]
    assert 2 <= len(sent) <= took / DEBOUNCE + 1
    assert sent[-1] == 1.5
    expect(panel.locator(".e80-transcript")).to_contain_text("At 1.5 degrees")
    expect(panel.locator(".e80-live")).to_contain_text(f"{len(sent)} of 200 requests")
    page.screenshot(f"panel-live-{app}", whole=True)
    page.run_cell(3)
    expect(page.outputs(3)).to_have_text("2")
    assert page.errors == []


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_stepping_back_with_the_keyboard(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer, app: App
) -> None:
    """The strip's buttons are reached and pressed by keyboard; arrow keys move the slider."""
    server.handler = say_temperature
    page = open_notebook(LOAD, ASK, SHOW, "print(chat.conversation[0].reply.text[:19])", app=app)
    page.run_all()
    panel = switch_on(page)
    panel.locator(".e80-p-temperature .noUi-handle").focus()
    for value in ("1.05", "1.1"):
        page.page.keyboard.press("ArrowRight")
        expect(panel.get_by_role("button", name=f"✓ temperature {value}")).to_be_visible()
    panel.get_by_role("button", name="temperature 1.05").focus()
    page.page.keyboard.press("Enter")
    answer = panel.get_by_role("region", name="Live answer")
    expect(answer).to_contain_text("At 1.05 degrees")
    expect(panel.get_by_role("button", name="✓ temperature 1.05")).to_be_visible()
    page.run_cell(3)
    expect(page.outputs(3)).to_have_text("At **1.05 degrees**")


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_columns_stream_together_and_one_is_kept(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer, app: App
) -> None:
    """All columns are half there at once; keep makes one the reply and sets its parameter."""
    server.handler = say_temperature
    page = open_notebook(
        LOAD, ASK, SHOW, "print(chat.config.temperature, chat.conversation[0].reply.text)", app=app
    )
    page.run_all()
    gate = threading.Event()

    def answer(request: Request) -> Reply | None:
        if request.method != "POST":
            return None
        pieces = text_chunks(f"first half, whole at {request.json['temperature']}", n=2)
        return sse_reply([*pieces[:2], Gate(gate), *pieces[2:]])

    server.handler = answer
    panel = open_view(page, "Compare")
    panel.get_by_label("Values").first.fill("0, 0.5, 1.25")
    page.page.keyboard.press("Tab")
    panel.get_by_role("button", name="Ask side by side").focus()
    page.page.keyboard.press("Enter")
    columns = panel.get_by_role("region", name=re.compile("temperature = "))
    expect(columns).to_have_count(3)
    for number in range(3):
        expect(columns.nth(number)).to_contain_text("first half")
        expect(columns.nth(number)).not_to_contain_text("whole at")
    keep = panel.get_by_role("button", name="Keep")
    expect(keep.nth(2)).to_be_disabled()
    gate.set()
    expect(columns.nth(2)).to_contain_text("whole at 1.25")
    wait_until(lambda: len(temperatures(server)) == 4)
    expect(keep.nth(2)).to_be_enabled()
    keep.nth(2).focus()
    page.page.keyboard.press("Enter")
    expect(panel.get_by_role("button", name="✓ Kept")).to_be_visible()
    page.screenshot(f"panel-comparison-{app}", whole=True)
    page.run_cell(3)
    expect(page.outputs(3)).to_have_text("1.25 first half, whole at 1.25")
    expect(panel.locator(".e80-p-temperature input[type=text]")).to_have_value("1.25")
    assert page.errors == []


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_narrow_and_dark(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer, app: App
) -> None:
    """At 320 px the answer stands right above the sliders, which stay where they are."""
    server.handler = say_temperature
    width = 436 if app == "lab" else 320  # JupyterLab needs some for itself
    page = open_notebook(LOAD, ASK, SHOW, viewport=(width, 900), app=app)
    if app == "lab":
        page.toggle_side_bar()
    page.run_all()
    panel = switch_on(page)
    slider = panel.locator(".e80-p-temperature .noUi-handle")
    slider.focus()
    before = slider.bounding_box()
    for value in ("1.05", "1.1"):
        page.page.keyboard.press("ArrowRight")
        expect(panel.get_by_role("button", name=f"✓ temperature {value}")).to_have_count(1)
    page.screenshot(f"panel-live-narrow-{app}")
    answer, after = (
        panel.get_by_role("region", name="Live answer").bounding_box(),
        slider.bounding_box(),
    )
    assert before is not None
    assert after is not None
    assert answer is not None
    assert abs(after["y"] - before["y"]) < 1
    assert 0 < answer["y"] < after["y"] < 900

    # Nothing is wider than the page: the columns stand beside each other, and scroll.
    page.set_theme(DARK)
    panel = open_view(page, "Compare")
    panel.get_by_label("Values").first.fill("0, 1")
    page.page.keyboard.press("Tab")
    panel.get_by_role("button", name="Ask side by side").click()
    columns = panel.get_by_role("region", name=re.compile("temperature = "))
    expect(columns.nth(1)).to_contain_text("At 1 degrees")
    page.screenshot(f"panel-comparison-narrow-{app}", whole=True)
    first, second = columns.nth(0).bounding_box(), columns.nth(1).bounding_box()
    assert first is not None
    assert second is not None
    assert second["x"] >= first["x"] + first["width"]
    assert abs(second["y"] - first["y"]) < 1
    whole = panel.bounding_box()
    assert whole is not None
    assert whole["width"] <= 320
    grid = panel.locator(".e80-columns")
    assert grid.evaluate("e => e.scrollWidth > e.clientWidth")
    assert panel.evaluate("e => e.scrollWidth - e.clientWidth") <= 1
    assert page.page.evaluate("document.documentElement.scrollWidth") <= width
