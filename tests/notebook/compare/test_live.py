"""Live mode against a server that counts: the newest wins, and nothing stale is ever seen."""

from __future__ import annotations

import gc
import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ipywidgets.widgets.widget import _instances

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.notebook.compare import live as live_module
from eighty80_jupyter.notebook.compare.live import ASK_FIRST, DEBOUNCE, READY
from eighty80_jupyter.notebook.compare.recent import STRIP
from eighty80_jupyter.notebook.panel.controls.live import LiveControls
from eighty80_jupyter.notebook.panel.controls.parameters import ParameterPanel
from eighty80_jupyter.session.session import Session
from eighty80_jupyter.turns.request import Place
from tests.support.kernel import KernelSession
from tests.support.replies import (
    Gate,
    Reply,
    chunk,
    error_reply,
    sse_reply,
    stream_reply,
    text_chunks,
)
from tests.support.scripted import ScriptedServer
from tests.support.waiting import wait_until
from tests.support.wire import Request

QUICK = 0.02  # how soon answers are kept in tests that do not look at that time, in seconds


@pytest.fixture(name="session")
def _session(server: ScriptedServer) -> Iterator[Session]:
    environ = {"_8080_API_URL": server.url, "_8080_API_KEY": "sk-live"}
    session = Session(ChatConfig(max_retries=0), environ=environ)
    yield session
    session.close()


@pytest.fixture(name="controls")
def _controls(session: Session) -> Iterator[LiveControls]:
    controls = LiveControls(session)
    yield controls
    controls.close()


@pytest.fixture(name="quick")
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an answer enter the history soon after it is whole."""
    monkeypatch.setattr(live_module, "SETTLE", QUICK)
    monkeypatch.setattr(live_module, "LET_GO", QUICK)


@pytest.fixture(name="slow")
def _slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no answer enter the history by itself."""
    monkeypatch.setattr(live_module, "SETTLE", 1000)


def say_temperature(request: Request) -> Reply | None:
    """Answer with the temperature in words, in pieces."""
    if request.method != "POST":
        return None
    return stream_reply(f"made at {request.json.get('temperature')} degrees")


def text_at(temperature: float) -> str:
    return f"made at {temperature} degrees"


def ask_and_switch_on(server: ScriptedServer, session: Session, controls: LiveControls) -> None:
    """Have one turn in the conversation, live mode on, and the server answer from then on."""
    server.queue(stream_reply("The first answer."))
    session.ask("How warm?")
    server.handler = say_temperature
    controls.toggle.value = True
    shows(controls.notice, READY)


def shows(widget: Any, text: str) -> None:
    wait_until(lambda: text in widget.value, what=f"{text!r} in {widget.value!r}")


def texts(session: Session, turn: int = 0) -> list[str]:
    return [a.reply.text for a in session.conversation[turn].alternatives]


def live_requests(server: ScriptedServer) -> list[Request]:
    return [r for r in server.requests if r.method == "POST"][1:]


def labels(controls: LiveControls) -> list[str]:
    return [b.description for b in controls.strip if b.layout.display != "none"]


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


def test_the_ceiling_stops_it_and_one_click_goes_on(
    server: ScriptedServer, session: Session, controls: LiveControls
) -> None:
    session.config.live_request_limit = 2
    ask_and_switch_on(server, session, controls)
    for value in (0.1, 0.2):
        session.config.temperature = value
        shows(controls.answer, text_at(value))
    session.config.temperature = 0.3
    shows(controls.notice, "stopped at 2 requests")
    wait_until(lambda: controls.toggle.value is False)
    wait_until(lambda: controls.go_on.layout.display is None)
    assert "2 of 2 requests" in controls.meter.value
    controls.go_on.click()
    shows(controls.answer, text_at(0.3))
    wait_until(lambda: controls.toggle.value and controls.go_on.layout.display == "none")
    assert "1 of 2 requests" in controls.meter.value


def test_retries_count_too(
    server: ScriptedServer, session: Session, controls: LiveControls
) -> None:
    ask_and_switch_on(server, session, controls)
    session.config.live_request_limit = 3
    session.config.max_retries = 10
    server.handler = None
    server.default = error_reply(503, "not now", headers={"retry-after": "0.01"})
    session.config.temperature = 0.5
    shows(controls.notice, "stopped at 3 requests")
    assert len(live_requests(server)) <= 4


@pytest.mark.usefixtures("slow")
def test_the_meter_says_when_it_can_only_estimate(
    server: ScriptedServer, session: Session, controls: LiveControls
) -> None:
    ask_and_switch_on(server, session, controls)
    session.config.temperature = 0.5
    shows(controls.meter, "1 of 200 requests · 5 tokens of answers")
    server.handler = None
    server.queue(sse_reply(text_chunks("two words", usage=False)))
    session.config.temperature = 0.6
    shows(controls.meter, "2 of 200 requests · about 7 tokens of answers")


def test_errors_show_a_line_and_end_it_when_they_repeat(
    server: ScriptedServer, session: Session, controls: LiveControls
) -> None:
    ask_and_switch_on(server, session, controls)
    server.handler = None
    server.default = error_reply(429, "slow down")
    session.config.temperature = 0.1
    shows(controls.notice, "RateLimitError: ")
    shows(controls.notice, "slow down")
    assert controls.toggle.value is True
    for failures in (2, 3):
        session.config.temperature = failures / 10
        wait_until(lambda count=failures: controls.live._failures == count)  # type: ignore[misc]
    shows(controls.notice, "off after 3 failures in a row")
    wait_until(lambda: controls.toggle.value is False)
    session.config.temperature = 0.4
    assert len(live_requests(server)) == 3
    assert texts(session) == ["The first answer."]


@pytest.mark.usefixtures("slow")
def test_a_failure_brings_the_last_whole_answer_back(
    server: ScriptedServer, session: Session, controls: LiveControls
) -> None:
    ask_and_switch_on(server, session, controls)
    session.config.temperature = 0.1
    shows(controls.answer, text_at(0.1))
    server.handler = None
    error: dict[str, Any] = {"error": {"message": "the chip is gone"}}
    gate = threading.Event()
    server.queue(sse_reply([*text_chunks("half an", n=1)[:2], Gate(gate), error]))
    session.config.temperature = 0.2
    shows(controls.answer, "half an")
    gate.set()
    shows(controls.notice, "the chip is gone")
    shows(controls.answer, text_at(0.1))


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


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_nothing_leaks_over_200_changes(
    server: ScriptedServer, session: Session, controls: LiveControls
) -> None:
    ask_and_switch_on(server, session, controls)
    session.config.live_request_limit = 1000
    session.config.temperature = 0.001
    wait_until(lambda: len(texts(session)) == 2)
    threads, widgets = threading.active_count(), len(_instances)
    for step in range(2, 202):
        session.config.temperature = step / 1000
        if step % 20 == 0:
            wait_until(lambda step=step: text_at(step / 1000) in controls.answer.value)  # type: ignore[misc]
    shows(controls.answer, text_at(0.201))
    gc.collect()
    assert threading.active_count() <= threads
    assert len(_instances) == widgets
    assert len(controls.live._strip.answers) == STRIP
    wait_until(lambda: server.open_connections <= 1)


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


def test_close_ends_everything(server: ScriptedServer, session: Session) -> None:
    before = len(_instances)
    controls = LiveControls(session)
    ask_and_switch_on(server, session, controls)
    server.handler = None
    server.queue(sse_reply([*text_chunks("never whole")[:3], Gate(threading.Event())]))
    session.config.temperature = 0.5
    shows(controls.answer, "never")
    controls.close()
    server.wait_disconnect()
    session.config.temperature = 0.6
    assert len(_instances) == before
    assert len(live_requests(server)) == 1


def test_it_goes_on_after_the_connections_were_closed(
    server: ScriptedServer, session: Session, controls: LiveControls
) -> None:
    """Timers die with the loop that they were set on; the next change starts another."""
    ask_and_switch_on(server, session, controls)
    session.config.temperature = 0.5
    session.close()
    session.config.temperature = 0.6
    shows(controls.answer, text_at(0.6))


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


SHOW = """\
import threading, time
from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.notebook.panel.controls.live import LiveControls
from eighty80_jupyter.session.session import Session
session = Session(ChatConfig())
session.ask("How warm?")
before = threading.active_count()
controls = LiveControls(session)
"""
COMPUTE = """\
session.config.temperature = 0.5
until = time.time() + 60
while "made at 0.5 degrees" not in controls.answer.value and time.time() < until:
    sum(range(1000))
"""


@pytest.mark.slow
def test_it_follows_while_a_cell_computes(
    server: ScriptedServer, kernel: Callable[..., KernelSession]
) -> None:
    """In a real kernel the page ticks the box, and gets the answer before the cell has ended."""
    server.handler = say_temperature
    shell = kernel(env={"_8080_API_URL": server.url, "_8080_API_KEY": "sk-live"})
    assert shell.run(SHOW).ok
    told = shell.run("print(controls.toggle.comm.comm_id, controls.answer.comm.comm_id)").stdout
    toggle, answer = told.split()
    data = {"method": "update", "state": {"value": True}, "buffer_paths": []}
    content = {"comm_id": toggle, "data": data}
    shell.client.shell_channel.send(shell.client.session.msg("comm_msg", content))
    computing = shell.finish(shell.submit(COMPUTE), timeout=100)
    assert computing.ok
    shell.run("controls.live.switch_off()\ncontrols.close()")
    updates = [
        message
        for message in (*computing.messages, *shell.stray)
        if message.type == "comm_msg" and message.content["comm_id"] == answer
    ]
    drawn = [str(message.content["data"].get("state", {}).get("value")) for message in updates]
    assert any("made at 0.5 degrees" in value for value in drawn)
    ended = next(m.at for m in reversed(computing.messages) if m.type == "status")
    assert min(m.at for m in updates) < ended
    assert shell.run("print(threading.active_count() - before)").stdout.strip() == "0"


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
