"""Tools with a real server: the embedded model, made to call by an enforced form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pytest

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.session.session import Session
from eighty80_jupyter.wire.secret import Secret
from tests.support.valid import check_history

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eighty80_jupyter.local.server import LocalServer

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


@pytest.fixture(name="session")
def _session(local: LocalServer) -> Iterator[Session]:
    config = ChatConfig(base_url=local.url, api_key=Secret(local.api_key), model=local.model)
    config.max_tokens = 80
    config.temperature = 0
    session = Session(config, environ={})
    yield session
    check_history(session.conversation)
    session.close()


def call_of(session: Session, name: str) -> dict[str, Any]:
    """Return the form of a reply that calls a tool, with the tool's own schema."""
    schema = {
        "type": "object",
        "properties": {
            "name": {"const": name},
            "parameters": {**session.tools[name].parameters, "additionalProperties": False},
        },
        "required": ["name", "parameters"],
        "additionalProperties": False,
    }
    return {"type": "json_schema", "json_schema": {"name": "call", "schema": schema}}


@pytest.mark.parametrize("stream", [True, False])
def test_an_enforced_call_is_run_and_answered(session: Session, stream: bool) -> None:  # noqa: FBT001  # a case
    """The model's own arguments fit the schema, the tool runs, and the server takes its result."""
    seen: list[tuple[str, int]] = []

    @session.tool(safe=True)
    def weather(city: Literal["Paris", "Rome"], days: Literal[1, 2, 3]) -> dict[str, object]:
        """Return the weather of a city."""
        seen.append((city, days))
        return {"city": city, "degrees": 21}

    session.config.tool_rounds = 1
    reply = session.ask(
        "What is the weather in Paris?",
        tools="weather",
        response_format=call_of(session, "weather"),
        stream=stream,
    )
    assert len(seen) == 1
    assert seen[0][0] in ("Paris", "Rome")
    assert seen[0][1] in (1, 2, 3)
    assert (reply.rounds, [c.status for c in reply.calls]) == (2, ["done"])
    assert reply.usage is not None
    later = session.ask("So how many degrees are there? Answer with the number.")
    assert "21" in later.text


def test_a_model_that_calls_for_ever_is_stopped(session: Session) -> None:
    """At temperature 0 an enforced call is the same each time: the third one ends the loop."""

    @session.tool(safe=True)
    def now(zone: Literal["UTC"]) -> str:
        """Return the time."""
        return f"12:00 {zone}"

    reply = session.ask("What time is it?", tools="now", response_format=call_of(session, "now"))
    assert reply.stopped == "repeated"
    assert [c.status for c in reply.calls] == ["done", "done", "stopped"]
