"""Turns in the panel without a browser: what it tells the browser, and what it does when told."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from eighty80_jupyter.errors import ChatInterrupted
from tests.support.replies import (
    Gate,
    chunk,
    error_reply,
    sse_reply,
    stream_reply,
    text_chunks,
)
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from eighty80_jupyter.session.session import Session
    from tests.notebook.panel.hearing import Browser
    from tests.support.scripted import ScriptedServer


def test_a_turn_grows_and_ends(
    open_panel: Callable[[], Browser], session: Session, server: ScriptedServer
) -> None:
    """What streams in shows before its end, also to a late view, and the end is the whole."""
    gate = threading.Event()
    text = "A **bold** word.\n\n" * 300
    pieces = text_chunks(text, n=20)
    thought = chunk({"reasoning": "Let me think."})
    server.queue(sse_reply([thought, *pieces[:15], Gate(gate), *pieces[15:]]))
    browser = open_panel()
    browser.say("send", text="Go", again=None)
    assert browser.last("sent") == {"text": "Go", "to": "here"}
    wait_until(lambda: browser.order and "<strong>bold" in browser.html(), what="the beginning")
    late = open_panel()
    gate.set()
    for view in (browser, late):
        wait_until(partial(view.done, 1), what="the end")
        assert view.html().count("<strong>bold</strong>") == 300
        assert "Reasoning (3 words)" in view.html()
        assert view.turns[view.order[0]]["text"] == text
        assert "tokens/s" in view.turns[view.order[0]]["line"]
    assert session.conversation[0].source == "Go"
    grown = [c for op, c in browser.heard if op == "grow"]
    assert sum(len(c["tail"]) for c in grown) < 20 * 6000


def test_cells_and_panels_agree(
    open_panel: Callable[[], Browser], session: Session, server: ScriptedServer
) -> None:
    """Whoever makes, changes or takes away a turn: all panels show the same."""
    one, two = open_panel(), open_panel()
    server.queue(*(stream_reply(f"Answer {n}.") for n in range(1, 6)))
    session.ask("From a cell")
    two.say("send", text="From a panel")
    wait_until(lambda: one.done(2) and two.done(2), what="two turns")
    one.say("retry", turn=one.order[0])
    wait_until(lambda: "Answer 3." in two.html(0) and two.done(2), what="the alternative")
    assert (two.turns[two.order[0]]["alternatives"], two.turns[two.order[0]]["chosen"]) == (2, 1)
    two.say("choose", turn=one.order[0], alternative=0)
    wait_until(lambda: "Answer 1." in one.html(0), what="the first answer")
    session.conversation.undo()
    wait_until(lambda: one.done(1) and two.done(1), what="the undo")
    session.conversations.new("other")
    wait_until(lambda: one.done(0) and two.panel.bar.menu.value == "other", what="the other")
    two.panel.bar.menu.value = "main"
    wait_until(lambda: one.done(1) and two.done(1), what="the first conversation")
    assert session.conversation.name == "main"
    assert one.order == two.order == [turn.id for turn in session.conversation]


def test_what_is_not_kept_does_not_show(
    open_panel: Callable[[], Browser], session: Session, server: ScriptedServer
) -> None:
    """A turn aside, as live mode makes them, and one of another conversation stay out."""
    from eighty80_jupyter.turns.request import Place  # noqa: PLC0415 - as the library does

    browser = open_panel()
    session.conversations.add(session.conversation.fork("aside"))
    session.conversations.use("main")
    server.queue(*(stream_reply(t) for t in ("Aside.", "Elsewhere.", "Here.")))
    session.ask("x", place=Place(keep=False))
    session.ask("y", conversation="aside")
    session.ask("z")
    wait_until(lambda: browser.done(1), what="the turn")
    assert "Here." in browser.html()
    assert [turn["source"] for turn in browser.turns.values()] == ["z"]
    assert "Aside." not in str(browser.heard)


def test_stop_and_failures(open_panel: Callable[[], Browser], server: ScriptedServer) -> None:
    """Stop keeps what had come; where nothing had, or a request fails, the text comes back."""
    gate = threading.Event()
    browser = open_panel()
    server.queue(sse_reply([*text_chunks("Half of it", n=1)[:2], Gate(gate)], done=False))
    browser.say("send", text="One")
    wait_until(lambda: browser.order and "Half" in browser.html(), what="the beginning")
    browser.say("stop")
    wait_until(lambda: browser.done(1), what="the end")
    assert "interrupted" in browser.turns[browser.order[0]]["line"]
    server.queue(sse_reply([Gate(gate)], done=False))
    browser.say("send", text="Two")
    wait_until(lambda: len(browser.order) == 2, what="the second turn")
    wait_until(lambda: server.queued == 0, what="the request")  # or the next one gets its reply
    browser.say("stop")
    wait_until(lambda: browser.done(1), what="its end")
    wait_until(lambda: "refill" in [op for op, _ in browser.heard], what="the text")
    assert browser.last("refill") == {"text": "Two", "to": "here"}
    server.queue(error_reply(400, "not like this"))
    browser.say("send", text="Three")
    wait_until(lambda: browser.last("refill")["text"] == "Three", what="the text")
    assert "not like this" in browser.last("notice")["text"]
    browser.say("send", text="{{nothing}}")  # no namespace: it is text
    browser.panel.session.namespace = {}
    browser.say("send", text="{{missing}}")
    assert "missing" in browser.last("notice")["text"]
    gate.set()


def test_a_turn_that_fails_at_once_gives_the_text_back_after_it_was_taken(
    open_panel: Callable[[], Browser], server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What clears the text box must not come behind what fills it again."""
    browser = open_panel()
    actions = browser.panel.actions
    tell = actions._tell

    def slowly(op: str, **content: Any) -> None:
        if op == "sent":
            time.sleep(0.3)  # the failure has come long before
        tell(op, **content)

    monkeypatch.setattr(actions, "_tell", slowly)
    server.queue(error_reply(400, "not like this"))
    browser.say("send", text="One")
    wait_until(lambda: "refill" in [op for op, _ in browser.heard], what="the text")
    told = [op for op, _ in browser.heard if op in ("sent", "refill")]
    assert told == ["sent", "refill"]


@pytest.mark.slow
def test_stop_ends_a_turn_of_a_cell(
    open_panel: Callable[[], Browser], session: Session, server: ScriptedServer
) -> None:
    """Stop in the panel interrupts the cell that asks, and what had come is kept."""
    gate = threading.Event()
    browser = open_panel()
    server.queue(sse_reply([*text_chunks("Half of it", n=1)[:2], Gate(gate)], done=False))
    with ThreadPoolExecutor() as pool:
        cell = pool.submit(session.ask, "From a cell")
        wait_until(lambda: browser.order and "Half" in browser.html(), what="the beginning")
        browser.say("stop")
        with pytest.raises(ChatInterrupted, match="what had come is kept"):
            cell.result(60)
    gate.set()
    assert session.conversation[0].reply.text == "Half of it"


def test_the_last_turn_is_left_alone_while_an_answer_comes(
    open_panel: Callable[[], Browser], session: Session, server: ScriptedServer
) -> None:
    """Undo and Retry mean the answer that comes, not the one above it; what waits has a number."""
    gate = threading.Event()
    browser = open_panel()
    buttons = {**browser.panel.bar.buttons, **browser.panel.menu.buttons}
    server.queue(stream_reply("One."), sse_reply([*text_chunks("Two."), Gate(gate)]))
    server.queue(stream_reply("Three."))
    session.ask("a")
    browser.say("send", text="b")
    wait_until(lambda: len(browser.order) == 2 and "Two" in browser.html(), what="the second")
    browser.say("send", text="c")
    wait_until(lambda: len(browser.order) == 3, what="the third, which waits")
    assert [browser.turns[turn_id]["number"] for turn_id in browser.order] == [1, 2, 3]
    for name in ("Undo", "Retry", "Delete", "Delete"):
        buttons[name].click()
    assert list(session.conversations) == ["main"]
    for name in ("Undo", "Retry"):
        buttons[name].click()
        assert "an answer is being written" in browser.last("notice")["text"]
    assert len(session.conversation) == 1
    gate.set()
    wait_until(lambda: browser.done(3), what="the end")
    buttons["Undo"].click()
    wait_until(lambda: browser.done(2), what="the undo")
    assert [turn.source for turn in session.conversation] == ["a", "b"]


def test_an_edit_stays_in_its_conversation(
    open_panel: Callable[[], Browser], session: Session, server: ScriptedServer
) -> None:
    """A prompt that is edited is sent in the place of its turn, or not at all."""
    browser = open_panel()
    server.queue(stream_reply("One."), stream_reply("Two."))
    session.ask("a")
    turn_id = session.conversation[0].id
    session.conversations.new("other")
    for do, told, where in (("send", "notice", "text"), ("preview", "preview", "error")):
        browser.say(do, text="edited", again=turn_id)
        assert "not in this conversation" in browser.last(told)[where]
    assert len(server.chats) == 1
    session.conversations.use("main")
    browser.say("send", text="edited", again=turn_id)
    wait_until(lambda: len(session["main"][0].alternatives) == 2, what="the answer")
    assert len(session["other"]) == 0


def test_a_failure_in_another_conversation_is_told(
    open_panel: Callable[[], Browser], session: Session, server: ScriptedServer
) -> None:
    """Whoever went on elsewhere hears that the prompt was not answered, and gets it back."""
    gate = threading.Event()
    browser = open_panel()
    server.queue(error_reply(400, "not like this").after(Gate(gate)))
    browser.say("send", text="One")
    wait_until(lambda: len(browser.order) == 1, what="the turn")
    session.conversations.new("other")
    wait_until(lambda: browser.done(0), what="the other")
    gate.set()
    wait_until(lambda: "refill" in [op for op, _ in browser.heard], what="the text")
    assert browser.last("refill")["text"] == "One"
    assert browser.last("notice")["text"].startswith("In the conversation main: ")
    assert not browser.panel.actions._begun


def test_thoughts_say_whose_they_are(
    open_panel: Callable[[], Browser], session: Session, server: ScriptedServer
) -> None:
    """They stand above the title of their answer, and must not seem to belong to the one before."""
    gate = threading.Event()
    browser = open_panel()
    pieces = [
        chunk({"reasoning": "Let me think.", "content": "Yes."}, finish_reason="stop", index=index)
        for index in (0, 1)
    ]
    server.queue(sse_reply([*pieces, Gate(gate)]))
    session.config.n = 2
    browser.say("send", text="Is it?")
    wait_until(lambda: browser.order and "Answer 2" in browser.html(), what="the answers")
    late = open_panel()
    folds = ["Reasoning of answer 1 (3 words)", "Reasoning of answer 2 (3 words)"]

    def seen(view: Browser) -> list[str]:
        parts = view.turns[view.order[0]]["parts"]
        return [part["fold"] for _, part in sorted(parts.items()) if part["fold"]]

    assert seen(browser) == folds
    gate.set()
    wait_until(lambda: browser.done(1), what="the end")
    late.say("hello")
    assert seen(browser) == seen(late) == folds


def test_text_that_was_reasoning_is_folded(
    open_panel: Callable[[], Browser], server: ScriptedServer
) -> None:
    """A tag that ends reasoning makes a fold of what stood there as the answer."""
    gate, end = threading.Event(), threading.Event()
    browser = open_panel()
    pieces = [chunk({"content": "Let me think." + " Hm.\n\n" * 2000})]
    rest = [chunk({"content": "\n</think>\n\nYes."}, finish_reason="stop")]
    server.queue(sse_reply([*pieces, Gate(gate), *rest, Gate(end)]))
    browser.say("send", text="Is it?")
    wait_until(lambda: browser.order and "Let me think" in browser.html(), what="the text")
    gate.set()
    wait_until(lambda: "Yes." in browser.html(), what="the answer")
    parts = browser.turns[browser.order[0]]["parts"]
    assert [part["fold"] for _, part in sorted(parts.items())] == ["Reasoning (2,003 words)", None]
    thought, answer = ("".join([*p["blocks"], p["tail"]]) for _, p in sorted(parts.items()))
    assert "Let me think" in thought
    assert "Hm." not in answer
    end.set()
    wait_until(lambda: browser.done(1), what="the end")
