"""A conversation in a real notebook, as a person sees it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.support.replies import Gate, chunk, sse_reply, stream_reply, text_chunks

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Locator

    from tests.support.lab import App, NotebookPage
    from tests.support.scripted import ScriptedServer

LOAD = "%load_ext eighty80_jupyter"
ANSWER = """\
The **median** is the middle value, the *mean* the sum over the count:

1. Sort the values.
2. Take the middle one.

```python
import statistics

statistics.median([1, 2, 100])  # 2
```

| | mean | median |
|---|---|---|
| `1, 2, 100` | 34.3 | 2 |
"""


def area(page: NotebookPage, index: int) -> Locator:
    """Return all that a cell shows below itself."""
    return page.cell(index).locator(".jp-Cell-outputArea")


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_a_conversation_is_on_the_page(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer, app: App
) -> None:
    """Run all shows every reply as rendered Markdown under its cell, with a quiet last line."""
    server.queue(stream_reply(ANSWER), stream_reply("When outliers would mislead."))
    page = open_notebook(
        LOAD,
        "%%chat -t 0.2\nExplain the median, with an example.",
        "%chat And when is it the better choice?",
        "%chat",
        app=app,
    )
    page.run_all()
    first = area(page, 1)
    expect(first.locator("strong")).to_have_text("median")
    expect(first.locator("ol > li")).to_have_count(2)
    expect(first.locator("pre")).to_contain_text("statistics.median([1, 2, 100])")
    expect(first.locator("table td").nth(1)).to_have_text("34.3")
    expect(first).to_contain_text("tokens/s")
    expect(area(page, 2)).to_contain_text("When outliers would mislead.")
    expect(area(page, 3)).to_contain_text("2 turns")
    page.screenshot(f"conversation-{app}")
    messages = server.requests[1].json["messages"]
    assert [m["role"] for m in messages] == ["user", "assistant", "user"]
    assert page.errors == []


def test_reply_is_seen_while_it_comes(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer
) -> None:
    """The first words are on the page before the last ones have been sent."""
    gate = threading.Event()
    pieces = text_chunks("first second third", n=3)
    server.queue(sse_reply([*pieces[:2], Gate(gate), *pieces[2:]]))
    page = open_notebook(LOAD, "%chat hello")
    page.run_all(wait=False)
    expect(area(page, 1)).to_contain_text("first")
    assert "third" not in area(page, 1).inner_text()
    gate.set()
    expect(area(page, 1)).to_contain_text("first second third")
    page.wait_idle()


def test_interrupt_stops_run_all(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer
) -> None:
    """The stop button keeps the partial reply on the page, with one line, and ends the run."""
    gate = threading.Event()
    server.queue(sse_reply([*text_chunks("The beginning", n=1)[:2], Gate(gate)], done=False))
    page = open_notebook(LOAD, "%chat hello", "print('next ' + 'cell')")
    page.run_all(wait=False)
    expect(area(page, 1)).to_contain_text("The beginning")
    page.interrupt()
    page.wait_idle()
    gate.set()
    expect(area(page, 1)).to_contain_text("The beginning")
    expect(area(page, 1)).to_contain_text("ChatInterrupted: interrupted; what had come is kept")
    expect(page.page.get_by_text("next cell", exact=True)).to_have_count(0)
    page.screenshot("interrupted")


def test_model_text_runs_nothing(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer
) -> None:
    """A script, a handler and a remote image in a reply neither run nor fetch."""
    server.queue(
        stream_reply(
            "<script>alert(1)</script><img src='http://elsewhere.example/?q=1' onerror='alert(2)'>"
            "\n\n![x](http://elsewhere.example/?q=2) <a href='javascript:alert(3)'>click</a> end"
        )
    )
    page = open_notebook(LOAD, "%chat hello")
    page.run_all()
    expect(area(page, 1)).to_contain_text("end")
    assert (page.alerts, page.foreign_requests) == ([], [])


def test_several_answers_and_reasoning(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer
) -> None:
    """Answers stand one below the other; what the model thought is folded away."""
    events = [
        chunk({"reasoning": "Hidden thoughts."}, index=0),
        chunk({"content": "Alpha"}, index=0),
        chunk({"content": "Beta"}, index=1),
        chunk({}, index=0, finish_reason="stop"),
        chunk({}, index=1, finish_reason="length"),
    ]
    server.queue(sse_reply(events))
    page = open_notebook(LOAD, "%chat -n 2 hello")
    page.run_all()
    output = area(page, 1)
    expect(output.locator("h6")).to_have_text(["Answer 1", "Answer 2"])
    expect(output.locator("details")).to_contain_text("Reasoning")
    expect(output.get_by_text("Hidden thoughts.")).not_to_be_visible()
    page.screenshot("answers")
