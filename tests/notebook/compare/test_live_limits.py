"""Live mode ends: at its ceiling, at errors, at its close; and leaves nothing."""

from __future__ import annotations

import gc
import threading
from typing import TYPE_CHECKING, Any

import pytest
from ipywidgets.widgets.widget import _instances

from eighty80_jupyter.notebook.compare.recent import STRIP
from eighty80_jupyter.notebook.panel.controls.live import LiveControls
from tests.notebook.compare.warmth import (
    ask_and_switch_on,
    live_requests,
    say_temperature,
    shows,
    text_at,
    texts,
)
from tests.support.replies import (
    Gate,
    error_reply,
    sse_reply,
    text_chunks,
)
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from eighty80_jupyter.session.session import Session
    from tests.support.kernel import KernelSession
    from tests.support.scripted import ScriptedServer


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
