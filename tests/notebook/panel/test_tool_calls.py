"""Tools in the panel: what it asks, and what becomes of the answer."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.replies import (
    sse_reply,
    stream_reply,
    tool_call,
    tool_chunks,
)
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from eighty80_jupyter.session.session import Session
    from tests.notebook.panel.hearing import Browser
    from tests.support.scripted import ScriptedServer


def test_tools_ask_in_the_panel(
    open_panel: Callable[[], Browser], session: Session, server: ScriptedServer
) -> None:
    """A tool waits for the answer in the panel; its arguments can be edited; Stop says no."""
    called: list[int] = []

    @session.tool(confirm=True)
    def double(number: int) -> int:
        """Double a number."""
        called.append(number)
        return 2 * number

    session.config.tools = "all"
    browser = open_panel()
    call = sse_reply(tool_chunks(tool_call("double", {"number": 4})))
    server.queue(call, stream_reply("It is 10."), call)
    browser.say("send", text="Double 4")
    asked = question(browser)
    assert "double" in asked["question"]
    browser.say("answer", key=asked["key"], answer="yes", detail=asked["detail"].replace("4", "5"))
    wait_until(lambda: browser.done(1), what="the answer")
    assert called == [5]
    assert "It is 10." in browser.html()
    assert re.search(r"double.*<details|<details.*double", browser.html(), re.DOTALL)
    browser.say("send", text="Again")
    wait_until(lambda: browser.panel.actions.page.consent is not None, what="the question")
    browser.say("stop")
    wait_until(lambda: not browser.panel.actions.page.running, what="the end")
    assert called == [5]


def question(browser: Browser) -> dict[str, Any]:
    """Wait for a question in the panel and return it."""

    def asked() -> dict[str, Any] | None:
        told = (content for op, content in reversed(browser.heard) if op == "consent")
        return next((content["consent"] for content in told), None)

    told = wait_until(asked, what="the question")
    assert told is not None
    return told


@pytest.mark.parametrize("answer", ["yes", "always"])
def test_a_slip_in_edited_arguments_is_not_the_models(
    open_panel: Callable[[], Browser], session: Session, server: ScriptedServer, answer: str
) -> None:
    """What does not fit is asked about again as it was typed, with what is wrong; then it runs."""
    called: list[int] = []

    @session.tool
    def double(number: int) -> int:
        """Double a number."""
        called.append(number)
        return 2 * number

    session.config.tools = "all"
    browser = open_panel()
    server.queue(
        sse_reply(tool_chunks(tool_call("double", {"number": 4}))), stream_reply("It is 10.")
    )
    browser.say("send", text="Double 4")
    first = question(browser)
    browser.say("answer", key=first["key"], answer=answer, detail='{"number": "five"}')
    wait_until(lambda: question(browser)["key"] != first["key"], what="the next question")
    second = question(browser)
    assert "number should be a valid integer" in second["question"]
    assert second["detail"] == '{"number": "five"}'
    browser.say("answer", key=second["key"], answer=answer, detail='{"number": 5}')
    wait_until(lambda: browser.done(1), what="the answer")
    assert called == [5]
    result = server.chats[-1].json["messages"][-1]["content"]
    assert result == "[the user changed the arguments: double(number=5)]\n10"


def test_stop_at_a_question_asks_no_other(
    open_panel: Callable[[], Browser], session: Session, server: ScriptedServer
) -> None:
    """Calls that would run side by side are asked about one by one; none runs, none stays."""
    called: list[int] = []

    @session.tool
    async def double(number: int) -> int:
        """Double a number."""
        called.append(number)
        return 2 * number

    session.config.tools = "all"
    browser = open_panel()
    wanted = [tool_call("double", {"number": n}, id=f"c{n}") for n in range(4)]
    server.queue(sse_reply(tool_chunks(*wanted)))
    browser.say("send", text="Double all")
    first = question(browser)
    browser.say("answer", key=first["key"], answer="yes", detail=first["detail"])
    wait_until(lambda: question(browser)["key"] != first["key"], what="the next question")
    browser.say("stop")
    wait_until(lambda: not browser.panel.actions.page.running, what="the end")
    worker = [t for t in threading.enumerate() if t.name == "eighty80-tools"]
    wait_until(lambda: not any(t.is_alive() for t in worker), what="the end of the calls")
    assert browser.panel.actions.page.consent is None
    assert called == []


def test_retry_offers_the_tools_of_its_turn(
    open_panel: Callable[[], Browser], session: Session, server: ScriptedServer
) -> None:
    """A turn that a cell asked with tools is asked again with them."""

    @session.tool(safe=True)
    def double(number: int) -> int:
        """Double a number."""
        return 2 * number

    browser = open_panel()
    server.queue(stream_reply("Eight."), stream_reply("It is 8."))
    session.ask("Double 4", tools=["double"])
    browser.say("retry", turn=session.conversation[0].id)
    wait_until(lambda: len(session.conversation[0].alternatives) == 2, what="the answer")
    offered = server.chats[1].json["tools"]
    assert [tool["function"]["name"] for tool in offered] == ["double"]
