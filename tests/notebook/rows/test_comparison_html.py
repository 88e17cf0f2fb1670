"""Variants on labelled rows as a page and a terminal show them."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from tests.support.kernel import KernelSession
from tests.support.replies import Reply, chat_reply
from tests.support.scripted import ScriptedServer
from tests.support.wire import Request

pytestmark = pytest.mark.slow

HOSTILE = "<img src=x onerror=alert(1)>"
COMPARE = f"""
import pandas as pd
frame = pd.DataFrame({{"text": [f"ticket {{n}} {HOSTILE}" for n in range(30)],
                      "y": [("feature", "bug")[n % 2] for n in range(30)]}})
found = chat.compare(frame, {{"short": "s {{{{text}}}}", "<b>long": "long {{{{text}}}}"}},
                     returns=["bug", "feature"], truth="y", keep=False)
"""


class _Page(HTMLParser):
    """Collects tags and texts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def _answer(request: Request) -> Reply | None:
    if request.method != "POST":
        return None
    prompt = request.json["messages"][-1]["content"]
    number = int(re.findall(r"ticket (\d+)", prompt)[-1])
    wrong = number % (5 if prompt.startswith("long") else 3) == 0
    return chat_reply(("feature", "bug")[(number % 2) ^ wrong])


def test_a_page_shows_scores_cells_and_rows(
    kernel: Callable[..., KernelSession], server: ScriptedServer
) -> None:
    """Scores with intervals, a confusion matrix whose cells list rows, and the rows that differ."""
    server.handler = _answer
    running = kernel(
        env={"_8080_API_URL": server.url},
        startup="%load_ext eighty80_jupyter\nfrom eighty80_jupyter import chat",
    )
    result = running.run(COMPARE)
    assert result.ok, result.error
    html = result.data("text/html")[-1]
    page = _Page(html)
    assert not page.tags & {"img", "script", "style", "b"}
    assert "66.7 % (48.8 % to 80.8 %)" in page.text
    assert "80.0 % (62.7 % to 90.5 %)" in page.text
    assert "the best" in page.text
    assert "(may be chance)" in page.text
    assert "Truth and answers: <b>long" in page.text
    assert f"3: 'ticket 3 {HOSTILE}'" in page.text
    assert "Variants differ on 12 rows" in page.text
    assert "2 variants of 30 rows · 60 answers" in page.text
    assert "accuracy 0.800 (0.627 to 0.905)" in result.data()[-1]
    shown = running.run("found")
    assert "80.0 %" in "".join(shown.data("text/html"))
