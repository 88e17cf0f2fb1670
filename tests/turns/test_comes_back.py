"""What a server wants back with a round of calls: it is kept, saved, and sent to that one only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.conversation.events import RoundBegan
from eighty80_jupyter.session.session import Session
from eighty80_jupyter.storage.store import load, save
from eighty80_jupyter.turns.feed import TurnEvents
from tests.support.replies import (
    chunk,
    error_reply,
    sse_reply,
    stream_reply,
    tool_call,
    tool_chunks,
)
from tests.support.scripted import ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNED = {"google": {"thought_signature": "c2lnbmVk"}}
DETAILS = [{"type": "reasoning.encrypted", "data": "gAAA", "index": 0}]


@pytest.fixture(name="session")
def _session(server: ScriptedServer) -> Iterator[Session]:
    environ = {"_8080_API_URL": server.url, "_8080_API_KEY": "sk-back"}
    session = Session(ChatConfig(max_retries=0), environ=environ)
    session.tool(look, safe=True)
    yield session
    session.close()


def look(n: int) -> str:
    """Look."""
    return f"seen {n}"


def take_turn(session: Session, server: ScriptedServer) -> None:
    """Take a turn with a call, reasoning about both rounds, and all that may be wanted back."""
    call = {**tool_call("look", {"n": 1}, id="c1"), "extra_content": SIGNED}
    server.queue(
        sse_reply(
            [
                chunk({"reasoning_content": "I must "}),
                chunk({"reasoning_content": "look."}),
                chunk({"reasoning_details": DETAILS}),
                *tool_chunks(call),
            ]
        ),
        sse_reply([chunk({"reasoning_content": "Seen."}), *tool_less("Done.")]),
    )
    assert session.ask("x", tools=["look"]).text == "Done."


def tool_less(text: str) -> list[dict[str, Any]]:
    """Make the chunks of an answer."""
    return [chunk({"content": text}), chunk(finish_reason="stop")]


def messages(server: ScriptedServer, number: int = -1) -> list[dict[str, Any]]:
    """Return the messages of a request."""
    return list(server.chats[number].json["messages"])


def check(round_: dict[str, Any]) -> None:
    """Expect the round with its call as the server sent it."""
    assert round_["reasoning_content"] == "I must look."
    assert round_["reasoning_details"] == DETAILS
    assert round_["tool_calls"][0]["extra_content"] == SIGNED


def test_it_goes_back_in_the_turn_and_later(server: ScriptedServer, session: Session) -> None:
    """The next round has it, and so have later turns; the reasoning of an answer is not sent."""
    take_turn(session, server)
    check(messages(server)[1])
    server.queue(stream_reply("ok"))
    session.ask("y")
    check(messages(server)[1])
    assert messages(server)[3] == {"role": "assistant", "content": "Done."}


def test_another_server_gets_nothing_of_it(server: ScriptedServer, session: Session) -> None:
    """Fields and ids that only one server knows do not go to the next."""
    take_turn(session, server)
    with ScriptedServer() as other:
        session.config.base_url = other.url
        other.queue(stream_reply("ok"))
        session.ask("y")
        round_, result = messages(other)[1:3]
    assert set(round_) == {"role", "content", "tool_calls"}
    assert set(round_["tool_calls"][0]) == {"id", "type", "function"}
    assert round_["tool_calls"][0]["id"] == result["tool_call_id"] != "c1"
    session.config.base_url = server.url
    server.queue(stream_reply("ok"))
    session.ask("z")
    check(messages(server)[1])


def test_it_is_saved_and_loaded(server: ScriptedServer, session: Session, tmp_path: Path) -> None:
    """A conversation that was saved goes on with that server as if it had never ended."""
    take_turn(session, server)
    file = save(session.conversation, tmp_path / "talk.json")
    assert server.url not in file.read_text()
    (again,) = load(file)
    assert list(again) == list(session.conversation)
    server.queue(stream_reply("ok"))
    session.ask("y", conversation=again)
    check(messages(server)[1])


def test_ids_that_we_make_are_new_in_the_conversation(
    server: ScriptedServer, session: Session
) -> None:
    """A server without ids gets others in each turn, and in every answer to a turn."""
    call = tool_call("look", {"n": 1}, id="")
    for number in range(3):
        server.queue(sse_reply(tool_chunks(call, call)), stream_reply(f"Done {number}."))
        session.ask(f"x{number}", tools=["look"])
    calls = [c["id"] for m in messages(server) for c in m.get("tool_calls", ())]
    results = [m["tool_call_id"] for m in messages(server) if m["role"] == "tool"]
    assert calls == results
    assert len(set(calls)) == 6


def test_a_call_of_tools_that_are_only_offered_again_is_not_run(
    server: ScriptedServer, session: Session
) -> None:
    """Where a server demands the tools of earlier turns, a call that comes all the same is none."""
    take_turn(session, server)
    ran: list[int] = []

    def look(n: int) -> None:
        """Look."""
        ran.append(n)

    session.tool(look, safe=True)
    again = sse_reply(tool_chunks(tool_call("look", {"n": 2}, id="c2")))
    server.queue(error_reply(400, "tools must be defined when messages have tool calls"), again)
    reply = session.ask("y", tools=False)
    body = server.chats[-1].json
    assert body["tool_choice"] == "none"
    assert body["tools"] == [session.tools["look"].to_wire()]
    assert (ran, reply.text, reply.calls) == ([], "", ())
    server.queue(stream_reply("ok"))
    session.ask("z", tools=False)
    assert [m["content"] for m in messages(server)][-2:] == ["Done.", "z"]


def test_each_round_is_told_with_its_number(server: ScriptedServer, session: Session) -> None:
    """The last one too, in which no tools are offered any more."""
    began: list[int] = []

    def note(event: object) -> None:
        if isinstance(event, TurnEvents):
            began.extend(one.number for one in event.events if isinstance(one, RoundBegan))

    session.watch(note)
    session.config.tool_rounds = 2
    again = [sse_reply(tool_chunks(tool_call("look", {"n": n}))) for n in (1, 2)]
    server.queue(*again, stream_reply("ok"))
    assert session.ask("x", tools=["look"]).rounds == 3
    assert began == [1, 2, 3]
