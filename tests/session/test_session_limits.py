"""Conversations that grow longer than the model takes, against a server with a limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.errors import ContextLengthError, ServerError
from eighty80_jupyter.prompt.tokens import estimate
from eighty80_jupyter.session.options import TurnOptions
from eighty80_jupyter.session.session import Session
from tests.support.replies import Reply, error_reply, stream_reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.scripted import Request, ScriptedServer

LONG = "word " * 60  # tokens


@pytest.fixture(name="make")
def _make(server: ScriptedServer) -> Iterator[Callable[..., Session]]:
    made: list[Session] = []

    def make(**settings: Any) -> Session:
        environ = {"_8080_API_URL": server.url, "_8080_API_KEY": "sk-limits"}
        made.append(Session(ChatConfig(max_retries=0, **settings), environ=environ))
        return made[-1]

    yield make
    for session in made:
        session.close()


def size(request: Request) -> int:
    """Return what the server counts for a request."""
    return sum(estimate(str(m["content"])) for m in request.json["messages"])


def limited(limit: int, *, named: bool = True) -> Callable[[Request], Reply]:
    """Return a server that refuses more than `limit` tokens, and names the limit or does not."""

    def handler(request: Request) -> Reply:
        if size(request) > limit:
            said = f"This model's maximum context length is {limit} tokens." if named else "sorry"
            return error_reply(400, said, code="context_length_exceeded")
        if "Summarize" in request.json["messages"][0]["content"]:
            return stream_reply("They spoke of words.")
        return stream_reply(f"I see. {LONG}")

    return handler


def serve(server: ScriptedServer, handler: Callable[[Request], Reply]) -> None:
    """Let `handler` answer all chat completions."""
    server.route("POST", "/v1/chat/completions", handler)


def test_an_unknown_limit_is_learned_from_the_error_and_the_turn_goes_on_trimmed(
    server: ScriptedServer, make: Callable[..., Session]
) -> None:
    serve(server, limited(500))
    session = make(context_policy="trim", system="Be kind.")
    for number in range(8):
        reply = session.ask(f"Question {number}: {LONG}")
    assert reply.status == "complete"
    assert len(session.conversation) == 8
    assert reply.notes[0].startswith("not sent: ")
    refused = [r for r in server.requests if size(r) > 500]
    assert len(refused) == 1  # remembered from then on
    last = server.requests[-1].json["messages"]
    assert last[0]["content"] == "Be kind."
    assert [m["role"] for m in last[1:]] == ["user", "assistant"] * ((len(last) - 2) // 2) + [
        "user"
    ]
    assert last[-1]["content"].startswith("Question 7")


def test_a_server_that_does_not_name_its_limit(
    server: ScriptedServer, make: Callable[..., Session]
) -> None:
    serve(server, limited(400, named=False))
    session = make(context_policy="trim")
    for number in range(6):
        assert session.ask(f"Question {number}: {LONG}").status == "complete"


def test_with_the_policy_error_nothing_is_dropped_and_nothing_is_lost(
    server: ScriptedServer, make: Callable[..., Session]
) -> None:
    serve(server, limited(300))
    session = make()
    session.ask(f"One: {LONG}")
    session.ask(f"Two: {LONG}")
    with pytest.raises(ContextLengthError, match=r"context_policy = 'trim'") as caught:
        session.ask(f"Three: {LONG}")
    assert caught.value.limit == 300
    assert [turn.prompt[:3] for turn in session.conversation] == ["One", "Two"]
    session.config.context_policy = "trim"
    assert session.ask(f"Three: {LONG}").notes


def test_a_limit_of_the_users_own_refuses_before_anything_is_sent(
    server: ScriptedServer, make: Callable[..., Session]
) -> None:
    serve(server, limited(10_000))
    session = make(context_limit={"small": 200}, model="small")
    session.ask(f"One: {LONG}")
    with pytest.raises(ContextLengthError, match="the conversation takes about"):
        session.ask(f"Two: {LONG}")
    assert len(server.requests) == 1
    assert session.ask(f"Two: {LONG}", model="large").status == "complete"
    session.config.context_policy = "trim"
    with pytest.raises(ContextLengthError, match="the prompt with its instruction takes"):
        session.ask(LONG * 20)
    assert len(session.conversation) == 2


def test_what_would_be_dropped_is_condensed_once_and_the_summary_is_sent(
    server: ScriptedServer, make: Callable[..., Session]
) -> None:
    serve(server, limited(700))
    session = make(context_policy="summarize", context_limit=700)
    notes = [session.ask(f"Question {number}: {LONG}").notes for number in range(7)]
    assert notes[0] == ()
    assert any("sent as a summary: " in note for found in notes for note in found)
    asked = [r for r in server.requests if "Summarize" in r.json["messages"][0]["content"]]
    assert 1 <= len(asked) <= 3
    sent = server.requests[-1].json["messages"]
    assert sent[0]["content"] == "Summary of our conversation so far:\n\nThey spoke of words."
    assert [m["role"] for m in sent] == ["user", "assistant"] * (len(sent) // 2) + ["user"]
    assert max(map(size, server.requests)) <= 700
    assert len(session.conversation) == 7  # the history itself is whole


def test_a_summary_of_turns_that_changed_is_made_anew(
    server: ScriptedServer, make: Callable[..., Session]
) -> None:
    serve(server, limited(700))
    session = make(context_policy="summarize", context_limit=700)
    for number in range(6):
        session.ask(f"Question {number}: {LONG}")
    assert session.conversation.summary is not None
    session.conversation.restore(session.conversation.turns()[1:], system=None)
    before = len(server.requests)
    session.ask(f"More: {LONG}")
    asked = [r.json["messages"][0]["content"] for r in server.requests[before:]]
    assert any("Summarize" in text for text in asked)


def test_an_error_while_condensing_leaves_everything_as_it_was(
    server: ScriptedServer, make: Callable[..., Session]
) -> None:
    def handler(request: Request) -> Reply:
        if "Summarize" in request.json["messages"][0]["content"]:
            return error_reply(500, "out of order")
        return stream_reply(LONG)

    serve(server, handler)
    session = make(context_policy="summarize", context_limit=500)

    def talk() -> None:
        for number in range(8):
            session.ask(f"Question {number}: {LONG}")

    with pytest.raises(ServerError, match="out of order"):
        talk()
    count = len(session.conversation)
    assert 0 < count < 8
    session.config.context_policy = "trim"
    session.ask("And now?")
    assert len(session.conversation) == count + 1


@pytest.mark.slow
@pytest.mark.parametrize("summary", ["", "blah " * 3000])
def test_a_summary_that_is_none_or_too_long_stops_nothing(
    server: ScriptedServer, make: Callable[..., Session], summary: str
) -> None:
    """Of a long one the beginning is sent; without one it is said that the turns are not sent."""
    usual = limited(700)

    def handler(request: Request) -> Reply:
        if "Summarize" in request.json["messages"][0]["content"]:
            return stream_reply(summary, tokens_per_second=1e6)
        return usual(request)

    serve(server, handler)
    session = make(context_policy="summarize", context_limit=700)
    notes = [session.ask(f"Question {number}: {LONG}").notes for number in range(9)]
    said = "sent as a summary: " if summary else "not sent: "
    assert notes[-1][0].startswith(said)
    assert max(map(size, server.requests)) <= 700
    first = server.requests[-1].json["messages"][0]["content"]
    assert first.startswith("Summary of our conversation so far:" if summary else "Question")


def test_a_limit_that_is_learned_while_condensing(
    server: ScriptedServer, make: Callable[..., Session]
) -> None:
    """What is to be condensed may be too long itself: then it is done in smaller pieces."""
    serve(server, limited(4000))
    session = make(context_policy="summarize", context_limit=4000)
    for number in range(24):
        session.ask(f"Question {number}: {LONG}")
    assert session.conversation.summary is None
    serve(server, limited(700))  # less than it was told
    reply = session.ask(" ".join(f"At last {number}: {LONG}" for number in range(4)))
    session.config.context_limit = 2000
    reply = session.ask("And now?")
    assert reply.notes[0].startswith("sent as a summary: ")
    assert size(server.requests[-1]) <= 700


@pytest.mark.parametrize("policy", ["trim", "summarize"])
def test_what_would_be_sent_is_what_is_sent(
    server: ScriptedServer, make: Callable[..., Session], policy: str
) -> None:
    """The preview says what is left out, and shows the summary that is there."""
    serve(server, limited(10_000))
    session = make(context_policy=policy, context_limit=700)
    for number in range(7):
        session.ask(f"Question {number}: {LONG}")
    seen = set()
    for number in range(6):
        prepared = session.requests.prepare(f"Then {number}: {LONG}")
        shown = session.requests.outgoing(prepared, session.conversation, TurnOptions())
        reply = session.ask(prepared)
        seen.add(shown.note.partition(":")[0])
        if shown.note.startswith("condensed by the model first"):
            assert reply.notes[0].startswith("sent as a summary: ")
        else:
            assert reply.notes == (shown.note,)
            sent = server.requests[-1].json["messages"]
            assert [message.to_wire() for message in shown.messages] == sent
    summaries = {"condensed by the model first", "sent as a summary"}
    assert seen == ({"not sent"} if policy == "trim" else summaries)
