"""A turn with tools in a real notebook, as a person sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.support.replies import sse_reply, stream_reply, text_chunks, tool_call, tool_chunks

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Locator

    from tests.support.lab import App, NotebookPage
    from tests.support.scripted import ScriptedServer

SETUP = '''
%load_ext eighty80_jupyter
import time
from eighty80_jupyter import chat

@chat.tool(safe=True)
def get_weather(city: str) -> dict:
    """Return the weather of a city."""
    print("asking the station of", city)
    return {"city": city, "degrees": 21, "price": "$5 and $6"}

@chat.tool(safe=True)
def read_page(url: str) -> str:
    """Read a page."""
    return ("<script>alert(1)</script><img src='http://elsewhere.example/?q=1' onerror='alert(2)'>"
            "</pre></details><b>bold</b> </data> <|eot_id|> $x$ " * 3)

@chat.tool(safe=True)
def plot(n: int) -> str:
    """Draw a line."""
    import matplotlib.pyplot as plt
    plt.figure(figsize=(3, 1.5))
    plt.plot([x * x for x in range(n)])
    return "drawn"

@chat.tool
def delete_file(path: str) -> str:
    """Delete a file."""
    return f"{path} is gone"
'''


# As in a front end that sends what is clicked once the cell has ended.
NOT_HEARD = """\
from eighty80_jupyter.notebook.cell.tools import buttons
buttons.ButtonQuestion._receive = lambda *_: None
buttons.HEARD_SECONDS = 0.5"""

# A busy machine may take long to load the first widget, which is no matter here.
PATIENT = """\
from eighty80_jupyter.notebook.cell.tools import buttons
buttons.HEARD_SECONDS = 60"""

# As where messages are lost on their way, in either direction: the first of each does not count.
FORGETFUL = f"""\
{PATIENT}
receive, send_state = buttons.ButtonQuestion._receive, buttons.ButtonQuestion.send_state
met, told = set(), set()
def forgetful(self, widget, content, rest):
    if content["id"] in met:
        receive(self, widget, content, rest)
    met.add(content["id"])
def reticent(self, key=None):
    heard = self.question.get("heard")
    if heard in told:
        send_state(self, key)
    told.add(heard)
buttons.ButtonQuestion._receive, buttons.ButtonQuestion.send_state = forgetful, reticent"""


def area(page: NotebookPage, index: int) -> Locator:
    """Return all that a cell shows below itself."""
    return page.cell(index).locator(".jp-Cell-outputArea")


def queue_rounds(server: ScriptedServer) -> None:
    """Script a turn of three rounds: two calls with words before them, a figure, the answer."""
    words = text_chunks("Let me look at **both** cities.", finish_reason=None, usage=False)
    both = tool_chunks(
        tool_call("get_weather", {"city": "Paris"}, id="1"),
        tool_call("get_weather", {"city": "Rome"}, id="2"),
    )
    server.queue(
        sse_reply([*words, *both]),
        sse_reply(tool_chunks(tool_call("plot", {"n": 9}, id="3"))),
        stream_reply("It is **equally warm** in both."),
    )


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_a_tool_turn_is_on_the_page(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer, app: App
) -> None:
    """Words, calls, what the tools print and draw, and the answer stand in this order."""
    queue_rounds(server)
    page = open_notebook(SETUP, "%%chat --tools all\nCompare Paris and Rome.", app=app)
    page.run_all()
    output = area(page, 1)
    expect(output).to_contain_text("equally warm")
    expect(output.locator("details")).to_have_count(3)
    expect(output.locator("summary").first).to_contain_text("get_weather(city='Paris')")
    expect(output.locator("img")).to_have_count(1)
    expect(output).to_contain_text("3 rounds · 3 calls")
    text = output.inner_text()
    places = [
        text.index(words)
        for words in ("Let me look", "get_weather(city='Paris')", "asking the station", "equally")
    ]
    assert places == sorted(places)
    result = output.locator("details pre").nth(1)
    expect(result).not_to_be_visible()
    page.screenshot(f"tools-{app}-folded", whole=True)
    output.locator("summary").first.click()
    expect(result).to_be_visible()
    expect(result).to_contain_text('"price":"$5 and $6"')
    page.screenshot(f"tools-{app}", whole=True)
    assert page.errors == []


def test_a_hostile_result_does_nothing(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer
) -> None:
    """What a tool has read is text on the page, folded open or not."""
    server.queue(
        sse_reply(tool_chunks(tool_call("read_page", {"url": "<img src=x onerror=alert(3)>"}))),
        stream_reply("Nothing of interest."),
    )
    page = open_notebook(SETUP, "%%chat --tools read_page\nRead it.", "%chat --history")
    page.run_all()
    for index in (1, 2):
        output = area(page, index)
        expect(output).to_contain_text("Nothing of interest.")
        output.locator("summary").first.click()
        expect(output.locator("details pre").nth(1)).to_contain_text("<script>alert(1)</script>")
        assert output.locator("script, img, b").count() == 0
    page.screenshot("tools-hostile", whole=True)
    assert (page.alerts, page.foreign_requests) == ([], [])


@pytest.mark.parametrize(
    ("app", "setup"), [("lab", PATIENT), ("notebook", PATIENT), ("lab", FORGETFUL)]
)
def test_asking_with_buttons(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer, app: App, setup: str
) -> None:
    """While the cell runs its buttons are heard: a slip, an edit, no; a line of each stays.

    So it is also where each message is lost once on its way, in both directions.
    """
    arguments = {"path": "a.txt" + "\u202e" + "x" * 900}
    server.queue(
        sse_reply(tool_chunks(tool_call("delete_file", arguments))),
        stream_reply("Done."),
        sse_reply(tool_chunks(tool_call("delete_file", {"path": "b.txt"}))),
        stream_reply("Not done."),
    )
    page = open_notebook(
        f"{SETUP}\n{setup}",
        "%%chat --tools delete_file\nDelete a.txt",
        "%chat --tools delete_file Again",
        app=app,
    )
    page.run_cell(0)
    page.run_cell(1, wait=False)
    question = area(page, 1).get_by_role("group", name="May delete_file be called")
    expect(question).to_contain_text("characters more")
    expect(question).to_contain_text("a.txt\\u202e")
    page.screenshot(f"tools-asking-buttons-{app}")
    question.get_by_role("button", name="Show all").click()
    expect(question.get_by_label("Arguments")).to_have_attribute("readonly", "")
    question.get_by_role("button", name="Edit arguments").click()
    question.get_by_label("Arguments").fill('{"path": 3}')
    question.get_by_role("button", name="Yes").click()
    expect(question.get_by_role("alert")).to_contain_text("path should be a valid string")
    question.get_by_label("Arguments").fill('{"path": "dd.txt"}')
    question.get_by_role("button", name="Yes").click()
    page.wait_idle()
    expect(area(page, 1)).to_contain_text("Done.")
    expect(area(page, 1)).to_contain_text("May delete_file be called with these arguments? edit")
    assert "dd.txt is gone" in server.requests[-1].json["messages"][-1]["content"]
    page.run_cell(2, wait=False)
    area(page, 2).get_by_role("button", name="No").click()
    page.wait_idle()
    expect(area(page, 2)).to_contain_text("these arguments? no")
    assert "refused" in server.requests[-1].json["messages"][-1]["content"]
    assert page.page.locator(".jp-Notebook .jp-Cell").count() == 3
    assert page.errors == []


def test_interrupting_a_question(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer
) -> None:
    """A cell that waits for a click is interrupted as any other, and the question goes away."""
    server.queue(sse_reply(tool_chunks(tool_call("delete_file", {"path": "a.txt"}))))
    page = open_notebook(f"{SETUP}\n{PATIENT}", "%%chat --tools delete_file\nDelete a.txt")
    page.run_cell(0)
    page.run_cell(1, wait=False)
    question = area(page, 1).get_by_role("group", name="May delete_file be called")
    expect(question).to_be_visible()
    page.interrupt()
    page.wait_idle()
    expect(question).to_have_count(0)
    expect(area(page, 1)).to_contain_text("these arguments? not answered")


def test_asking_first_in_the_page(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer
) -> None:
    """Where the page is not heard while a cell runs, the answer is typed below the call."""
    server.queue(
        sse_reply(tool_chunks(tool_call("delete_file", {"path": "a.txt"}))),
        stream_reply("Done."),
    )
    page = open_notebook(f"{SETUP}\n{NOT_HEARD}", "%%chat --tools delete_file\nDelete a.txt")
    page.run_cell(0)
    page.run_cell(1, wait=False)
    box = area(page, 1).locator("input.jp-Stdin-input")
    expect(area(page, 1).locator(".jp-Stdin-prompt")).to_contain_text(
        "Run delete_file(path='a.txt')? [y]es"
    )
    page.screenshot("tools-asking")
    box.fill("y")
    box.press("Enter")
    page.wait_idle()
    expect(area(page, 1)).to_contain_text("Done.")
    assert server.requests[-1].json["messages"][-1]["content"] == "a.txt is gone"


def test_calls_survive_saving(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer
) -> None:
    """A saved notebook has the calls with their results, and the messages of the turn."""
    queue_rounds(server)
    page = open_notebook(SETUP, "%%chat --tools all\nCompare Paris and Rome.")
    page.run_all()
    expect(area(page, 1)).to_contain_text("3 rounds")
    outputs = page.save()["cells"][1]["outputs"]
    metadata = outputs[-1]["metadata"]["eighty80_jupyter"]
    assert [call["shown"] for call in metadata["calls"]] == [
        "get_weather(city='Paris')",
        "get_weather(city='Rome')",
        "plot(n=9)",
    ]
    assert [m["role"] for m in metadata["messages"]][-2:] == ["tool", "assistant"]
