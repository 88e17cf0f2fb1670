"""The prompt bench: rows are asked again as a prompt is edited, and what has changed is shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.notebook.panel.rows import RowsView
from eighty80_jupyter.session.session import Session
from tests.support.replies import Reply, chat_reply
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.scripted import ScriptedServer
    from tests.support.wire import Request

pytestmark = pytest.mark.slow


@pytest.fixture(name="view")
def _view(server: ScriptedServer) -> Iterator[RowsView]:
    """Give the view of a session whose model answers by the words of the prompt."""

    def answer(request: Request) -> Reply | None:
        if request.method != "POST":
            return None
        asked = request.json["messages"][-1]["content"]
        number = int(re.findall(r"\d+", asked)[-1])
        return chat_reply("<b>even" if number % (3 if "third" in asked else 2) == 0 else "odd")

    server.handler = answer
    config = ChatConfig(keep_answers=False, live_request_limit=250)
    session = Session(config, environ={"_8080_API_URL": server.url})
    names: dict[str, Any] = {"frame": pd.DataFrame({"text": [f"row {n}" for n in range(300)]})}
    session.namespace = names
    view = RowsView(session, lambda _text: None)
    view.data.value, view.prompt.value = "frame", "every second: {{text}}"
    yield view
    view.close()
    session.close()


def test_an_edit_is_asked_again_and_flips_stand_first(
    view: RowsView, server: ScriptedServer
) -> None:
    """A hundred rows are asked at once and after an edit; what differs is counted and marked."""
    view.buttons["Type"].value = True
    wait_until(lambda: "100 rows" in view.shown.value)
    assert len(server.chats) == 100
    assert "<mark>" not in view.shown.value
    assert "<b>" not in view.shown.value
    view.prompt.value = "every third: {{te"
    view.prompt.value = "every third: {{text}}"
    wait_until(lambda: "answers differ from those before" in view.shown.value)
    assert len(server.chats) == 200
    flips = re.findall(r"<del>(.*?)</del> <mark>(.*?)</mark>", view.shown.value)
    assert len(flips) == 20
    assert {before != now for before, now in flips} == {True}
    told = re.findall(r"(\d+) answers differ", view.shown.value)
    assert 30 < int(told[0]) < 70


def test_it_stops_where_the_limit_is(view: RowsView, server: ScriptedServer) -> None:
    """No more requests are sent by themselves than the setting allows, until it is said again."""
    view.buttons["Type"].value = True
    wait_until(lambda: "100 of 250 requests" in view.shown.value)
    view.prompt.value = "third {{text}}"
    wait_until(lambda: "200 of 250 requests" in view.shown.value)
    view.prompt.value = "third, again {{text}}"
    wait_until(lambda: "turn it on again" in view.shown.value)
    assert not view.buttons["Type"].value
    assert len(server.chats) == 200


def test_what_cannot_be_asked_is_a_line(view: RowsView, server: ScriptedServer) -> None:
    """Half a field, or no rows, is said where the answers stood, and typing on goes on."""
    view.buttons["Type"].value = True
    wait_until(lambda: "100 rows" in view.shown.value)
    view.prompt.value = "no column at all"
    wait_until(lambda: "column" in view.shown.value)
    assert len(server.chats) == 100
    view.prompt.value = "third {{text}}"
    wait_until(lambda: "200 of 250 requests" in view.shown.value)
