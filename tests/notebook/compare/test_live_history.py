"""Live answers and the conversation: stepping back, sending, and what changes meanwhile."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from eighty80_jupyter.notebook.compare.live import ASK_FIRST, READY
from eighty80_jupyter.notebook.compare.recent import STRIP
from eighty80_jupyter.notebook.panel.controls.live import LiveControls
from eighty80_jupyter.turns.request import Place
from tests.notebook.compare.warmth import (
    ask_and_switch_on,
    labels,
    live_requests,
    say_temperature,
    shows,
    text_at,
    texts,
)
from tests.support.replies import (
    Gate,
    sse_reply,
    stream_reply,
    text_chunks,
)
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from eighty80_jupyter.session.session import Session
    from tests.support.scripted import ScriptedServer


@pytest.mark.usefixtures("quick")
def test_the_strip_steps_back_through_the_last_eight(
    server: ScriptedServer, session: Session, controls: LiveControls
) -> None:
    ask_and_switch_on(server, session, controls)
    for step in range(1, 11):
        session.config.temperature = step / 10
        wait_until(lambda step=step: texts(session)[-1] == text_at(step / 10))  # type: ignore[misc]
    wait_until(lambda: labels(controls)[-1:] == ["✓ temperature 1.0"])
    assert labels(controls)[0] == "temperature 0.3"
    assert len(labels(controls)) == STRIP
    controls.strip[1].click()
    shows(controls.answer, text_at(0.4))
    wait_until(lambda: labels(controls)[1] == "✓ temperature 0.4")
    assert session.conversation[0].reply.text == text_at(0.4)
    assert len(texts(session)) == 11  # it was one of them already


@pytest.mark.usefixtures("slow")
def test_stepping_back_keeps_an_answer_that_was_not_kept(
    server: ScriptedServer, session: Session, controls: LiveControls
) -> None:
    ask_and_switch_on(server, session, controls)
    for value in (0.1, 0.2):
        session.config.temperature = value
        shows(controls.answer, text_at(value))
    wait_until(lambda: len(labels(controls)) == 2)
    controls.strip[0].click()
    wait_until(lambda: texts(session) == ["The first answer.", text_at(0.1)])
    shows(controls.answer, text_at(0.1))


def test_back_where_it_began_asks_nothing(
    server: ScriptedServer, session: Session, controls: LiveControls
) -> None:
    ask_and_switch_on(server, session, controls)
    held, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        go_on.wait(60)

    session.on_loop(hold)
    assert held.wait(60)
    session.config.temperature = 0.5
    session.config.temperature = None  # for the loop thread at the same moment
    go_on.set()
    shows(controls.answer, "The first answer.")
    assert live_requests(server) == []


@pytest.mark.parametrize("how", ["reset", "undo", "new"])
def test_another_conversation_meanwhile_ends_the_request(
    server: ScriptedServer, session: Session, controls: LiveControls, how: str
) -> None:
    """What was asked of a turn that is gone neither shows nor brings the turn back."""
    ask_and_switch_on(server, session, controls)
    server.handler = None
    server.queue(sse_reply([*text_chunks("of the old one")[:3], Gate(threading.Event())]))
    session.config.temperature = 0.5
    shows(controls.answer, "of the")
    match how:
        case "reset":
            session.conversation.reset()
        case "undo":
            session.conversation.undo()
        case _:
            session.conversations.new("other")
    server.wait_disconnect()
    shows(controls.notice, ASK_FIRST)
    wait_until(lambda: controls.answer.value == "")
    assert len(session.conversation) == 0
    assert sum(len(t.alternatives) for t in session["main"]) == (1 if how == "new" else 0)


def test_a_send_goes_out_with_the_answer_on_show(
    server: ScriptedServer, session: Session, controls: LiveControls
) -> None:
    """Whoever goes on talks about what stands on the page, kept by then or not."""
    ask_and_switch_on(server, session, controls)
    session.config.temperature = 0.5
    shows(controls.answer, "tokens/s")
    session.ask("And why?")
    sent = server.requests[-1].json["messages"]
    assert [m["content"] for m in sent] == ["How warm?", text_at(0.5), "And why?"]
    assert texts(session, 0) == ["The first answer.", text_at(0.5)]


def test_a_send_cancels_and_moves_meanwhile_are_answered_afterwards(
    server: ScriptedServer, session: Session, controls: LiveControls
) -> None:
    ask_and_switch_on(server, session, controls)
    gate = threading.Event()
    server.handler = None
    server.queue(
        sse_reply([*text_chunks("never whole")[:3], Gate(threading.Event())]),
        stream_reply("The second answer.").after(Gate(gate)),
    )
    session.config.temperature = 0.5
    shows(controls.answer, "never")
    running = session.start("And why?")
    server.wait_disconnect()
    server.wait_request(3)
    session.config.temperature = 0.7
    shows(controls.notice, "under way")
    server.handler = say_temperature
    gate.set()
    shows(controls.answer, text_at(0.7))
    assert running.reply is not None
    sent = server.requests[-1].json["messages"]
    assert [m["content"] for m in sent] == ["How warm?", "The first answer.", "And why?"]
    wait_until(lambda: texts(session, 1) == ["The second answer.", text_at(0.7)])
    assert texts(session, 0) == ["The first answer."]


@pytest.mark.usefixtures("slow")
def test_an_alternative_chosen_elsewhere_stands(
    server: ScriptedServer, session: Session, controls: LiveControls
) -> None:
    server.queue(stream_reply("The other first answer."))
    ask = session.ask
    ask_and_switch_on(server, session, controls)
    turn = session.conversation[0]
    ask("How warm?", place=Place(again=turn.id), temperature=1.5)
    session.config.temperature = 0.5
    shows(controls.answer, text_at(0.5))
    session.conversation.choose(turn.id, 0)
    wait_until(lambda: controls.answer.value == "")
    controls.toggle.value = False
    wait_until(lambda: controls.live.on is False)
    assert session.conversation[0].chosen == 0
    assert len(texts(session)) == 2


@pytest.mark.usefixtures("quick")
def test_one_panel_at_a_time_is_live(
    server: ScriptedServer, session: Session, controls: LiveControls
) -> None:
    """A move is answered once, and kept once, in the panel that was switched on last."""
    other = LiveControls(session)
    try:
        ask_and_switch_on(server, session, other)
        controls.toggle.value = True
        shows(controls.notice, READY)
        shows(other.notice, "another panel")
        wait_until(lambda: other.toggle.value is False)
        session.config.temperature = 0.5
        shows(controls.answer, text_at(0.5))
        wait_until(lambda: texts(session) == ["The first answer.", text_at(0.5)])
        other.toggle.value = True
        shows(other.notice, READY)
        session.config.temperature = 0.6
        shows(other.answer, text_at(0.6))
        wait_until(lambda: texts(session)[1:] == [text_at(0.5), text_at(0.6)])
        assert len(live_requests(server)) == 2
    finally:
        other.close()
