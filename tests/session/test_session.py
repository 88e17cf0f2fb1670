"""A session in plain Python: one conversation, real requests to a scripted server."""

from __future__ import annotations

import base64
import threading
from typing import TYPE_CHECKING

import pytest

from eighty80_jupyter.api.deltas import TextDelta
from eighty80_jupyter.config import DEFAULT_MODEL, ChatConfig
from eighty80_jupyter.errors import (
    APIStreamError,
    AuthenticationError,
    BadRequestError,
    MissingKeyError,
    ReplyFormatError,
    UsageError,
)
from eighty80_jupyter.session.session import Session
from eighty80_jupyter.wire import client
from tests.support.replies import (
    Close,
    chat_reply,
    chunk,
    error_reply,
    http_reply,
    json_reply,
    models_reply,
    sse_reply,
    stream_reply,
    text_chunks,
    tool_call,
    tool_chunks,
)
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eighty80_jupyter.conversation.events import TurnEvent
    from tests.support.replies import Reply
    from tests.support.scripted import ScriptedServer

KEY = "sk-session-test"


@pytest.fixture(name="session")
def _session(server: ScriptedServer) -> Iterator[Session]:
    session = Session(ChatConfig(max_retries=0), environ=_environment(server))
    yield session
    session.close()


def _environment(server: ScriptedServer) -> dict[str, str]:
    return {"_8080_API_URL": server.url, "_8080_API_KEY": KEY}


def test_first_request_is_the_contract(server: ScriptedServer, session: Session) -> None:
    """A first request holds model, message and the streaming fields, and nothing unset."""
    server.queue(stream_reply("Hello."))
    reply = session.ask("Hi {x} $5")
    assert reply.text == "Hello."
    assert reply.finish_reason == "stop"
    assert reply.usage is not None
    assert server.requests[0].json == {
        "model": DEFAULT_MODEL,
        "messages": [{"role": "user", "content": "Hi {x} $5"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_three_asks_are_one_conversation(
    server: ScriptedServer, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every request carries the history, over one connection."""
    monkeypatch.setattr(client, "_DRAIN_SECONDS", 60.0)  # however slow the server is
    for text in ("one", "two", "three"):
        server.queue(stream_reply(text))
        session.ask(f"say {text}")
    assert [m["content"] for m in server.requests[2].json["messages"]] == [
        *("say one", "one", "say two", "two"),
        "say three",
    ]
    assert server.connections == 1
    assert len(session.conversation) == 3
    assert session.conversation[-1].prompt == "say three"
    assert [turn.reply.text for turn in session.conversation] == ["one", "two", "three"]


def test_parameters_are_sent_under_their_wire_names(
    server: ScriptedServer, session: Session
) -> None:
    """A keyword holds for one turn, a setting until changed; max_tokens has another wire name."""
    server.queue(stream_reply("a"), stream_reply("b"))
    session.config.temperature = 0.5
    session.ask("x", max_tokens=5, stop="END", extra={"top_k": 3}, temperature=0)
    session.ask("y")
    first, second = (request.json for request in server.requests)
    assert (first["max_completion_tokens"], first["stop"]) == (5, ["END"])
    assert (first["top_k"], first["temperature"]) == (3, 0)
    assert second["temperature"] == 0.5
    assert not {"max_completion_tokens", "stop", "top_k", "max_tokens"} & second.keys()


def test_instruction_stays_until_changed(server: ScriptedServer, session: Session) -> None:
    """`system` stands first in every request from then on, until another or an empty one."""
    for _ in range(4):
        server.queue(stream_reply("ok"))
    session.config.system = "default"
    session.ask("a")
    session.ask("b", system="Be brief.")
    session.config.system_role = "developer"
    session.ask("c")
    session.ask("d", system="")
    heads = [request.json["messages"][0] for request in server.requests]
    assert heads == [
        {"role": "system", "content": "default"},
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "a"},
    ]


def test_events_reach_the_listener_in_the_asking_thread(
    server: ScriptedServer, session: Session
) -> None:
    """The listener sees every piece, in order, in the thread that asked."""
    server.queue(stream_reply("one two three", tokens_per_second=1000))
    seen: list[TurnEvent] = []
    threads = set()

    def listen(events: list[TurnEvent]) -> None:
        threads.add(threading.current_thread())
        seen.extend(events)

    reply = session.ask("x", listen=listen)
    assert threads == {threading.current_thread()}
    assert "".join(e.text for e in seen if isinstance(e, TextDelta)) == reply.text


def test_not_streamed(server: ScriptedServer, session: Session) -> None:
    """Without streaming the body says so by silence, and one JSON object is the reply."""
    server.queue(chat_reply("whole"))
    assert session.ask("x", stream=False).text == "whole"
    assert not {"stream", "stream_options"} & server.requests[0].json.keys()


@pytest.mark.parametrize("prompt", ["", "  \n ", None, 5])
def test_unusable_prompts_send_nothing(
    server: ScriptedServer, session: Session, prompt: str
) -> None:
    """An empty prompt, or what is no text, is refused before anything is sent."""
    with pytest.raises(UsageError, match="prompt"):
        session.ask(prompt)
    assert not server.requests


def test_bad_parameter_sends_nothing(server: ScriptedServer, session: Session) -> None:
    """A value out of bounds, or an unknown name, is refused before anything is sent."""
    with pytest.raises(UsageError, match=r"temperature must be between 0 and 2, got 3"):
        session.ask("x", temperature=3)
    with pytest.raises(UsageError, match=r"unknown parameter temprature; did you mean"):
        session.ask("x", temprature=1)
    assert not server.requests


def test_missing_key(server: ScriptedServer) -> None:
    """Without a key one line names the variable, %chat --key and %chat --local."""
    session = Session(environ={"_8080_API_URL": "https://far.example"})
    with pytest.raises(MissingKeyError, match=r"_8080_API_KEY.*%chat --key.*%chat --local"):
        session.ask("x")
    session.config.base_url = server.url
    session.set_key("typed-in")
    server.queue(stream_reply("ok"))
    assert session.ask("x").text == "ok"
    session.close()


def test_failure_leaves_the_conversation_alone(server: ScriptedServer, session: Session) -> None:
    """After an error without a reply the conversation is as it was, its instruction too."""
    server.queue(stream_reply("ok"), error_reply(401, "bad key"), error_reply(400, "bad"))
    session.ask("a")
    with pytest.raises(AuthenticationError) as caught:
        session.ask("b", system="new")
    assert caught.value.reply is None
    with pytest.raises(BadRequestError):
        session.ask("c")
    assert len(session.conversation) == 1
    assert session.conversation.system is None


def test_broken_reply_is_kept(server: ScriptedServer, session: Session) -> None:
    """What had come before a stream broke is in the error and in the conversation, marked."""
    server.queue(sse_reply([*text_chunks("one two three four", n=4)[:3], Close()], done=False))
    with pytest.raises(APIStreamError) as caught:
        session.ask("a")
    reply = caught.value.reply
    assert reply is not None
    assert reply.status == "error"
    assert "one two three four".startswith(reply.text)
    assert reply.text
    assert session.conversation[-1].reply == reply
    server.queue(stream_reply("fine"))
    assert session.ask("b").text == "fine"
    assert server.requests[-1].json["messages"][1]["content"] == reply.text


def test_several_choices(server: ScriptedServer, session: Session) -> None:
    """With n = 2 both answers are on the reply, and the first one is remembered."""
    events = [
        chunk({"content": "a1"}, index=0),
        chunk({"content": "b1"}, index=1),
        chunk({"content": "a2"}, index=0),
        chunk({}, index=1, finish_reason="stop"),
        chunk({}, index=0, finish_reason="length"),
    ]
    server.queue(sse_reply(events))
    reply = session.ask("x", n=2)
    assert [(c.text, c.finish_reason) for c in reply.choices] == [
        ("a1a2", "length"),
        ("b1", "stop"),
    ]
    assert session.conversation.to_messages()[-1]["content"] == "a1a2"


def test_close_and_go_on(server: ScriptedServer, session: Session) -> None:
    """A closed session opens again for the next request; no thread is left after closing."""
    server.queue(stream_reply("a"), stream_reply("b"))
    session.ask("x")
    session.close()
    wait_until(lambda: not [t for t in threading.enumerate() if t.name == "eighty80-loop"])
    session.ask("y")
    assert len(session.conversation) == 2


def test_repr_shows_no_key(session: Session) -> None:
    """The session's repr names the address and the conversation, never the key."""
    assert KEY not in repr(session)
    assert KEY not in repr(vars(session.config))


def test_picture_in_a_prompt(server: ScriptedServer, session: Session) -> None:
    """A list with a picture is sent as parts, and the history says where it was."""
    server.queue(stream_reply("A dot."), stream_reply("Yes."))
    png = base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNgAAAAAgAB4iG8MwAAAABJRU5ErkJggg=="
    )
    session.ask(["What is this?", png])
    text, picture = server.requests[0].json["messages"][0]["content"]
    assert text == {"type": "text", "text": "What is this?"}
    assert picture["image_url"]["url"].startswith("data:image/png;base64,iVBOR")
    session.ask("Sure?")
    assert server.requests[1].json["messages"][0]["content"] == [text, picture]
    assert session.conversation[0].prompt == "What is this?\n[image]"


def test_models_are_listed_once(server: ScriptedServer, session: Session) -> None:
    """The list of models is asked for once, and again on demand."""
    server.route("GET", "/v1/models", models_reply("a", "b"))
    assert [model.id for model in session.models()] == ["a", "b"]
    assert [model.id for model in session.models()] == ["a", "b"]
    assert len(server.requests) == 1
    server.route("GET", "/v1/models", models_reply("c"))
    assert [model.id for model in session.models(refresh=True)] == ["c"]


@pytest.mark.parametrize(
    ("answer", "ids"),
    [
        (http_reply(b""), []),
        (json_reply(None), []),
        (json_reply({"object": "list"}), []),
        (json_reply({"data": [{"id": "x"}, {"name": "y"}, "z", 5, {"id": 7}]}), ["x", "y", "z"]),
        (json_reply(["a"]), ["a"]),
        (json_reply({"data": [{"id": "x", "owned_by": 3, "created": "now"}]}), ["x"]),
    ],
)
def test_odd_lists_of_models(
    server: ScriptedServer, session: Session, answer: Reply, ids: list[str]
) -> None:
    """A server that answers oddly breaks nothing: what has a name is listed."""
    server.route("GET", "/v1/models", answer)
    assert [model.id for model in session.models()] == ids


SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


@pytest.mark.parametrize(
    ("text", "problem"),
    [('{"a": 1}', None), ('{"a": "x"}', "does not fit the schema at a"), ("Sure!", "is no JSON")],
)
def test_reply_in_a_form(
    server: ScriptedServer, session: Session, text: str, problem: str | None
) -> None:
    """The reply to a json_schema is checked, whatever the server promised."""
    server.queue(stream_reply(text))
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
    reply = session.ask("x", response_format=form)
    assert server.requests[0].json["response_format"] == form
    assert reply.well_formed is (problem is None)
    if problem is None:
        assert reply.json() == {"a": 1}
    else:
        with pytest.raises(ReplyFormatError, match=problem):
            reply.json()


def test_estimates_learn_from_the_server(server: ScriptedServer, session: Session) -> None:
    """What the server counts for a first prompt corrects the estimate, and the budgets with it."""
    text = "word " * 400
    assert session.requests.calibration.tokens(text) == 400
    server.queue(chat_reply("ok", usage={"prompt_tokens": 600, "completion_tokens": 1}))
    session.ask(text, stream=False)
    assert session.requests.calibration.tokens(text) == 600
    server.queue(chat_reply("ok", usage={"prompt_tokens": 9999, "completion_tokens": 1}))
    session.ask("and now?", stream=False)
    assert session.requests.calibration.tokens(text) == 600


def test_calls_that_nobody_asked_for(server: ScriptedServer, session: Session) -> None:
    """A tool call without a tool stays on the reply; the turn is not sent, and later ones are."""
    server.queue(sse_reply(tool_chunks(tool_call("f", {"x": 1}))), stream_reply("ok"))
    reply = session.ask("x")
    assert reply.choices[0].tool_calls[0].name == "f"
    session.ask("y")
    assert server.requests[1].json["messages"] == [{"role": "user", "content": "y"}]
    assert [turn.is_sent for turn in session.conversation] == [False, True]
