"""A history that a server refuses all the same: the line says which turn, and what helps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.errors import APIStatusError, BadRequestError
from eighty80_jupyter.session.session import Session
from tests.support.replies import (
    error_reply,
    json_reply,
    sse_reply,
    stream_reply,
    tool_call,
    tool_chunks,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.scripted import ScriptedServer


@pytest.fixture(name="session")
def _session(server: ScriptedServer) -> Iterator[Session]:
    environ = {"_8080_API_URL": server.url, "_8080_API_KEY": "sk-refusal"}
    session = Session(ChatConfig(max_retries=0, system="Be brief."), environ=environ)
    session.tool(look, safe=True)
    yield session
    session.close()


def look() -> str:
    """Look."""
    return "seen"


def talk(session: Session, server: ScriptedServer) -> None:
    """Take three turns; the second has a call, so that the requests have eight messages."""
    calls = sse_reply(tool_chunks(tool_call("look", {}, id="c77")))
    server.queue(stream_reply("one"), calls, stream_reply("two"), stream_reply("three"))
    for prompt in ("a", "b", "c"):
        session.ask(prompt, tools=["look"])


def detail(*place: Any) -> dict[str, Any]:
    """Make an error as FastAPI does."""
    return {"detail": [{"loc": ["body", "messages", *place], "msg": "wrong", "type": "x"}]}


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ({"error": {"message": "Invalid 'messages[2].content'"}}, "turn 1 of the conversation is"),
        ({"error": {"message": "messages.4: bad"}}, "turn 2 of the conversation is"),
        (
            {"error": {"message": "bad", "param": "messages.[8].role"}},
            "turn 3 of the conversation is",
        ),
        (detail(6, "content"), "turn 2 of the conversation is"),
        ({"error": {"message": "message at index 7 is empty"}}, "turn 3 of the conversation is"),
        ({"error": {"message": "no result for tool_call_id c77"}}, "turn 2 of the conversation is"),
        ({"error": {"message": "roles must alternate"}}, "turn 3 of the conversation seems to be"),
    ],
)
def test_the_turn_is_named(
    server: ScriptedServer, session: Session, body: dict[str, Any], line: str
) -> None:
    """By the place of a message, the id of a call, or else it is the last one that was sent."""
    talk(session, server)
    server.queue(json_reply(body, status=400))
    with pytest.raises(BadRequestError, match=line) as caught:
        session.ask("d")
    number = int(line.split()[1])
    undo = "--undo takes it back" if number == 3 else f"--undo {4 - number} takes back all"
    assert f"%chat --retry {number} asks that one again, {undo}" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(session.conversation) == 3


@pytest.mark.parametrize(
    "message",
    ["temperature must be below 2", "messages[0].role: no system", "messages[9]: too long"],
)
def test_what_is_not_of_the_history_is_not_blamed_on_it(
    server: ScriptedServer, session: Session, message: str
) -> None:
    """A parameter, the instruction and the present prompt are none of its turns."""
    talk(session, server)
    server.queue(error_reply(400, message), error_reply(400, message))
    with pytest.raises(APIStatusError) as caught:
        session.ask("d")
    assert "--undo" not in str(caught.value)


def test_other_errors_say_nothing_of_the_history(server: ScriptedServer, session: Session) -> None:
    """A limit of requests is not about a message, whatever its words."""
    talk(session, server)
    server.queue(error_reply(429, "too many messages"))
    with pytest.raises(APIStatusError) as caught:
        session.ask("d")
    assert "--undo" not in str(caught.value)
