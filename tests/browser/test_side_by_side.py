"""Answers side by side in a cell, and shaded tokens, as a page shows and keeps them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

from tests.support.lab import DARK
from tests.support.replies import chunk, sse_reply, stream_reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.lab import NotebookPage
    from tests.support.replies import Reply
    from tests.support.scripted import ScriptedServer
    from tests.support.wire import Request

LOAD = "%load_ext eighty80_jupyter"
WORDS = (
    ("Marie", 0.99, ()),
    (" Curie", 0.98, ()),
    (" moved", 0.97, ()),
    (" in", 0.4, ((" to", 0.35), (" there", 0.2))),
    (" 1891", 0.15, ((" 1890", 0.3), (" 1893", 0.25))),
    (".", 0.95, ()),
)


def _told() -> list[dict[str, Any]]:
    """Return a stream whose tokens have probabilities."""
    events = []
    for text, likely, others in WORDS:
        event = chunk({"content": text})
        top = [{"token": other, "logprob": math.log(p)} for other, p in others]
        entry = {"token": text, "logprob": math.log(likely), "top_logprobs": top}
        event["choices"][0]["logprobs"] = {"content": [entry]}
        events.append(event)
    return [*events, chunk({}, finish_reason="stop")]


def _answer(request: Request) -> Reply | None:
    if request.method != "POST":
        return None
    if request.json.get("logprobs"):
        return sse_reply(_told())
    warm = request.json["temperature"] > 1
    story = "A **fox** ran home. It was $x^2$ late.\n\n- quick\n- brown\n"
    return stream_reply(story.replace("fox", "badger in a hat") if warm else story)


def test_columns_and_shades(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer
) -> None:
    """Columns stand beside each other; shaded tokens stand in their line, and open by keyboard."""
    server.handler = _answer
    notebook = open_notebook(
        LOAD,
        "%%chat --vary temperature=0,0,1.5\nTell a story.",
        "%%chat --show probabilities --once\nWhen did Marie Curie move to Paris?",
        "%%chat --once --vary seed=1,2 --vary temperature=0,1.5\nTell a story.",
    )
    notebook.run_all()
    columns = notebook.outputs(1).locator("h6")
    expect(columns).to_have_count(3)
    expect(columns.nth(1)).to_have_text("2: temperature = 0, sample 2 · the same answer as 1")
    tops = {columns.nth(n).bounding_box()["y"] for n in range(3)}  # type: ignore[index]  # it is shown
    assert len(tops) == 1
    expect(notebook.outputs(1).locator("mjx-container")).to_have_count(3)
    notebook.outputs(1).locator("details summary").click()
    expect(notebook.outputs(1).locator("mark").first).to_be_visible()
    shaded = notebook.outputs(2).locator("summary")
    expect(shaded).to_have_text([" in", " 1891"], use_inner_text=False)
    tokens = notebook.outputs(2).locator("span[title]")
    lines = {tokens.nth(n).bounding_box()["y"] for n in range(len(WORDS))}  # type: ignore[index]  # the same
    assert len(lines) == 1
    shaded.nth(1).focus()
    notebook.page.keyboard.press("Enter")
    expect(notebook.outputs(2).first).to_contain_text("·1891 15%; ·1890 30%, ·1893 25%")
    boxes = [
        box for box in (h.bounding_box() for h in notebook.outputs(3).locator("h6").all()) if box
    ]
    assert len(boxes) == 4  # a grid: two beside each other, and two below them
    assert boxes[0]["y"] == boxes[1]["y"] < boxes[2]["y"] == boxes[3]["y"]
    assert boxes[0]["x"] == boxes[2]["x"] < boxes[1]["x"] == boxes[3]["x"]
    notebook.screenshot("side_by_side")
    notebook.set_theme(DARK)
    notebook.screenshot("side_by_side_dark")
    notebook.page.set_viewport_size({"width": 420, "height": 900})
    wide = notebook.page.evaluate("document.body.scrollWidth <= window.innerWidth")
    assert wide
    notebook.screenshot("side_by_side_narrow")
    saved = str(notebook.save())
    assert "the same answer as 1" in saved
    assert "·1890 30%" in saved
    assert not notebook.errors
