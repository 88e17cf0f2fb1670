"""A review by keyboard, and a comparison over rows, in a real page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.support.replies import Reply, chat_reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.lab import NotebookPage
    from tests.support.scripted import ScriptedServer
    from tests.support.wire import Request

SETUP = """%load_ext eighty80_jupyter
import pandas as pd
from eighty80_jupyter import chat
chat.config.keep_answers = False
frame = pd.DataFrame({"text": [f"ticket {n}: the <b>app</b> does something" for n in range(60)],
                      "y": [("feature", "bug")[n % 2] for n in range(60)]})"""
COMPARE = """c = chat.compare(frame, {"short": "s {{text}}", "long": "Please label {{text}}"},
                 returns=["bug", "feature"], truth="y")"""
REVIEW = """run = chat.rows(frame[["text"]], "s {{text}}", returns=["bug", "feature"])
review = run.review(n=4)"""


def _answer(request: Request) -> Reply | None:
    if request.method != "POST":
        return None
    prompt = request.json["messages"][-1]["content"]
    number = int(re.findall(r"ticket (\d+)", prompt)[-1])
    wrong = number % (7 if prompt.startswith("Please") else 3) == 0
    return chat_reply(("feature", "bug")[(number % 2) ^ wrong])


def test_confusion_and_review(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer
) -> None:
    """The cells of a confusion matrix open to their rows; keys label rows one after the other."""
    server.handler = _answer
    notebook = open_notebook(SETUP, COMPARE, REVIEW, "print(review.given)")
    for cell in range(3):
        notebook.run_cell(cell)
    trial = notebook.outputs(1)
    expect(trial.first).to_contain_text("66.7 %")
    trial.get_by_text("Truth and answers: short").click()
    trial.locator("td details summary").first.click()
    expect(trial.locator("td details li").first).to_contain_text("ticket")
    notebook.screenshot("comparison_rows", whole=True)
    group = notebook.outputs(2).get_by_role("group", name=re.compile("Review"))
    expect(group).to_contain_text("1 of 4")
    expect(group.locator("b")).to_have_count(0)
    group.focus()
    # A key that is pressed before the next row is there means the row that was seen, and is lost.
    for key, shown in (
        ("1", "2 of 4"),
        ("2", "3 of 4"),
        ("ArrowLeft", "2 of 4"),
        ("1", "3 of 4"),
        ("ArrowRight", "4 of 4"),
        ("2", "All 4 rows were shown · 3 labelled"),
    ):
        notebook.page.keyboard.press(key)
        expect(group).to_contain_text(shown)
    notebook.screenshot("review")
    notebook.run_cell(3)
    expect(notebook.outputs(3).first).to_contain_text(
        re.compile(r"\{\d+: 'bug', \d+: 'bug', \d+: 'feature'\}")
    )
    assert not notebook.errors
