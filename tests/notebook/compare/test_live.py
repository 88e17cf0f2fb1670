"""Live mode against a server that counts: the newest wins, and nothing stale is ever seen."""

from __future__ import annotations

import re
import threading
import time
from typing import TYPE_CHECKING

import pytest

from eighty80_jupyter.notebook.compare import live as live_module
from eighty80_jupyter.notebook.compare.live import ASK_FIRST, DEBOUNCE
from eighty80_jupyter.notebook.panel.controls.live import LiveControls
from eighty80_jupyter.notebook.panel.controls.parameters import ParameterPanel
from tests.notebook.compare.warmth import (
    QUICK,
    ask_and_switch_on,
    live_requests,
    shows,
    text_at,
    texts,
)
from tests.support.replies import (
    Gate,
    chunk,
    sse_reply,
    stream_reply,
    text_chunks,
)
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from eighty80_jupyter.session.session import Session
    from tests.support.scripted import ScriptedServer


@pytest.mark.usefixtures("slow")
def test_a_drag_ends_with_the_right_answer_and_few_requests(
    server: ScriptedServer, session: Session, controls: LiveControls
) -> None:
    """60 moves a second make no more requests than the debounce lets through."""
    ask_and_switch_on(server, session, controls)
    seen: list[str] = []
    controls.answer.observe(lambda change: seen.append(change["new"]), "value")
    start = time.monotonic()
    move = 0
    while move < 60 or len(live_requests(server)) < 3:
        move += 1
        session.config.temperature = 2 - 1 / move
        time.sleep(max(0, start + move / 60 - time.monotonic()))
    session.config.temperature = 2.0
    took = time.monotonic() - start
    controls.live.released()
    shows(controls.answer, "made at 2.0 degrees")
    wait_until(lambda: texts(session) == ["The first answer.", "made at 2.0 degrees"])
    sent = [r.json["temperature"] for r in live_requests(server)]
    assert 3 <= len(sent) <= took / DEBOUNCE + 1
    assert sent == sorted(sent)
    assert sent[-1] == 2
    wait_until(lambda: session.conversation[0].chosen == 1)
    wait_until(lambda: session.last is session.conversation[0].reply)
    shown = [float(t) for value in seen for t in re.findall("made at (.+?) degrees", value)]
    assert shown == sorted(shown)
    assert set(shown) <= set(sent)
    assert live_requests(server)[-1].json["messages"] == [{"role": "user", "content": "How warm?"}]


@pytest.mark.usefixtures("slow")
def test_what_is_stale_is_cancelled_and_never_seen(
    server: ScriptedServer, session: Session, controls: LiveControls
) -> None:
    """A newer value ends the request before it; text that comes late is not shown."""
    ask_and_switch_on(server, session, controls)
    late = threading.Event()
    pieces = text_chunks("stale, stale", n=2)
    server.handler = None
    server.queue(
        sse_reply([*pieces[:2], Gate(late), *pieces[2:]]),
        sse_reply([Gate(late), *text_chunks("the newest")]),
    )
    seen: list[str] = []
    session.config.temperature = 0.5
    shows(controls.answer, "stale,")
    session.config.temperature = 0.6
    server.wait_disconnect()
    server.wait_request(3)
    controls.answer.observe(lambda change: seen.append(change["new"]), "value")
    late.set()
    shows(controls.answer, "the newest")
    assert not [value for value in seen if "stale" in value]
    assert server.disconnects[0].during is server.requests[1]
    assert texts(session) == ["The first answer."]
    assert session.last is session.conversation[0].reply


@pytest.mark.usefixtures("slow")
def test_it_is_kept_when_the_slider_is_let_go_before_the_answer_is_whole(
    server: ScriptedServer, session: Session, controls: LiveControls
) -> None:
    ask_and_switch_on(server, session, controls)
    gate = threading.Event()
    pieces = text_chunks("slow answer", n=2)
    server.handler = None
    server.queue(sse_reply([*pieces[:2], Gate(gate), *pieces[2:]]))
    session.config.temperature = 0.5
    shows(controls.answer, "slow")
    controls.live.released()
    session.on_loop(gate.set)
    wait_until(lambda: texts(session) == ["The first answer.", "slow answer"])
    controls.live.released()
    controls.toggle.value = False
    wait_until(lambda: not controls.live._strip.fresh)
    assert len(texts(session)) == 2


@pytest.mark.usefixtures("quick")
def test_a_rest_on_the_way_keeps_nothing(
    server: ScriptedServer, session: Session, controls: LiveControls
) -> None:
    """However long a slider is held, only the answer at which it is let go enters the history."""
    ask_and_switch_on(server, session, controls)
    controls.live.pressed()
    for temperature in (0.5, 0.6, 0.7):
        session.config.temperature = temperature
        shows(controls.answer, "tokens/s")  # it is whole
        shows(controls.answer, text_at(temperature))
    controls.live.released()
    wait_until(lambda: texts(session) == ["The first answer.", text_at(0.7)])


def test_without_news_of_the_mouse_it_is_kept_after_a_while(
    server: ScriptedServer, session: Session, controls: LiveControls
) -> None:
    ask_and_switch_on(server, session, controls)
    start = time.monotonic()
    session.config.temperature = 0.5
    wait_until(lambda: texts(session) == ["The first answer.", text_at(0.5)])
    assert time.monotonic() - start > DEBOUNCE + live_module.SETTLE - 0.05


def test_there_must_be_a_prompt(
    server: ScriptedServer, session: Session, controls: LiveControls
) -> None:
    controls.toggle.value = True
    shows(controls.notice, ASK_FIRST)
    session.config.temperature = 0.5
    server.queue(stream_reply("Now there is one."))
    session.ask("Hello")
    wait_until(lambda: ASK_FIRST not in controls.notice.value)
    assert live_requests(server) == []


def test_off_cancels_what_runs(
    server: ScriptedServer, session: Session, controls: LiveControls
) -> None:
    ask_and_switch_on(server, session, controls)
    server.handler = None
    server.queue(sse_reply([*text_chunks("never whole")[:3], Gate(threading.Event())]))
    session.config.temperature = 0.5
    shows(controls.answer, "never")
    controls.toggle.value = False
    assert server.wait_disconnect().during is server.requests[-1]
    wait_until(lambda: controls.answer.value == "" and controls.notice.value.count("></div>"))
    session.config.temperature = 0.6
    assert len(live_requests(server)) == 1
    assert texts(session) == ["The first answer."]


@pytest.mark.usefixtures("slow")
def test_off_and_on_again_at_once_is_on(
    server: ScriptedServer, session: Session, controls: LiveControls
) -> None:
    ask_and_switch_on(server, session, controls)
    controls.toggle.value = False
    controls.toggle.value = True
    session.config.temperature = 0.5
    shows(controls.answer, text_at(0.5))
    assert controls.toggle.value is True


def test_a_hostile_answer_is_made_safe(
    server: ScriptedServer, session: Session, controls: LiveControls
) -> None:
    ask_and_switch_on(server, session, controls)
    server.handler = None
    server.queue(stream_reply("<img src=x onerror=alert(1)> <script>alert(2)</script> **end**"))
    seen: list[str] = []
    controls.answer.observe(lambda change: seen.append(change["new"]), "value")
    session.config.user = "<b onclick='alert(3)'>"
    shows(controls.answer, "<strong>end</strong>")
    for value in seen:
        assert not any(bad in value for bad in ("<img", "<script", "<b onclick"))


def test_chunks_are_drawn_while_they_come(
    server: ScriptedServer, session: Session, controls: LiveControls
) -> None:
    ask_and_switch_on(server, session, controls)
    gate = threading.Event()
    server.handler = None
    server.queue(sse_reply([chunk({"content": "begun"}), Gate(gate), chunk({"content": ", done"})]))
    session.config.temperature = 0.5
    shows(controls.answer, "begun")
    assert 'aria-busy="true"' in controls.answer.value
    assert 'aria-label="Live answer"' in controls.answer.value
    gate.set()
    shows(controls.answer, "begun, done")
    wait_until(lambda: 'aria-busy="false"' in controls.answer.value)


@pytest.mark.usefixtures("slow")
def test_the_panels_parameters_tell_more(
    server: ScriptedServer, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slider that is let go ends the wait; the instruction of the conversation counts too."""
    monkeypatch.setattr(live_module, "LET_GO", QUICK)
    parameters = ParameterPanel(session)
    controls = LiveControls(session, parameters)
    ask_and_switch_on(server, session, controls)
    parameters.controls["temperature"].value = 0.5
    shows(controls.answer, text_at(0.5))
    parameters.release("temperature")
    wait_until(lambda: texts(session) == ["The first answer.", text_at(0.5)])
    parameters.controls["system"].value = "Be brief."
    wait_until(lambda: len(live_requests(server)) == 2)
    assert live_requests(server)[1].json["messages"][0]["content"] == "Be brief."
    shows(controls.answer, "instruction Be brief., temperature 0.5")
    controls.close()
    parameters.close()
