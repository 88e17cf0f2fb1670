"""A question whose answer says the temperature it was asked with, and live mode over it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eighty80_jupyter.notebook.compare.live import READY
from tests.support.replies import (
    Reply,
    stream_reply,
)
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from eighty80_jupyter.notebook.panel.controls.live import LiveControls
    from eighty80_jupyter.session.session import Session
    from tests.support.scripted import ScriptedServer
    from tests.support.wire import Request

QUICK = 0.02  # how soon answers are kept in tests that do not look at that time, in seconds


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
