"""Typed answers against a scripted server: asked for, refused, mended, given up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import pytest
from pydantic import BaseModel

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.errors import BadRequestError, ReplyFormatError, UsageError
from eighty80_jupyter.session.session import Session
from tests.support.replies import chunk, error_reply, sse_reply, stream_reply, text_chunks
from tests.support.scripted import ScriptedServer


class Person(BaseModel):
    """Somebody."""

    name: str
    born: int


ADA = '{"name": "Ada", "born": 1815}'


@pytest.fixture(name="session")
def _session(server: ScriptedServer) -> Iterator[Session]:
    environ = {"_8080_API_URL": server.url, "_8080_API_KEY": "sk-typed"}
    session = Session(ChatConfig(max_retries=0), environ=environ)
    yield session
    session.close()


def formats(server: ScriptedServer) -> list[str | None]:
    """Return the kind of response_format in each request."""
    return [(request.json.get("response_format") or {}).get("type") for request in server.requests]


def refused(words: str, status: int = 400) -> Any:
    """Answer with an error of these words."""
    return error_reply(status, words)


def test_a_value_comes_back(session: Session, server: ScriptedServer) -> None:
    """The answer is a value of the type; the schema is enforced, and told in the instruction."""
    server.queue(stream_reply(ADA))
    reply = session.ask("Who?", returns=Person)
    assert reply.value == Person(name="Ada", born=1815)
    assert reply.values == (reply.value,)
    assert (reply.attempts, reply.problems) == (1, ())
    body = server.requests[0].json
    assert body["response_format"]["json_schema"]["name"] == "Person"
    assert body["messages"][0]["role"] == "system"
    assert "born: integer" in body["messages"][0]["content"]
    assert session.conversation[-1].reply is reply


def test_the_instruction_of_the_conversation_stays(
    session: Session, server: ScriptedServer
) -> None:
    """What the answer shall be stands behind the user's own instruction, for this turn only."""
    server.queue(stream_reply(ADA), stream_reply("fine"))
    session.ask("Who?", system="Be brief.", returns=Person)
    session.ask("And now?")
    first, second = (request.json["messages"][0]["content"] for request in server.requests)
    assert first.startswith("Be brief.\n\nAnswer with one JSON value")
    assert second == "Be brief."


@pytest.mark.parametrize(
    "words",
    [
        "response_format is not supported",
        "Unknown parameter: 'response_format'",
        "json_schema is not available for this model",
        "JSON mode is not enabled for this model",
        "text.format is not supported",
        "This model does not support structured outputs",
        "failed to parse grammar",
    ],
)
def test_a_server_that_refuses_the_schema(
    session: Session, server: ScriptedServer, words: str
) -> None:
    """It is asked for plain JSON, and from then on at once; the answer is checked all the same."""
    server.queue(refused(words), stream_reply(ADA), stream_reply(ADA))
    assert session.ask("Who?", returns=Person).value == Person(name="Ada", born=1815)
    session.ask("Who?", returns=Person)
    assert formats(server) == ["json_schema", "json_object", "json_object"]


def test_a_refusal_in_the_body_of_a_success_counts(
    session: Session, server: ScriptedServer
) -> None:
    """Some answer 200, and say in the body that they do not know the format."""
    server.queue(refused("response_format is not supported", 200), stream_reply(ADA))
    assert session.ask("Who?", returns=Person).value == Person(name="Ada", born=1815)
    assert formats(server) == ["json_schema", "json_object"]


def test_a_server_that_refuses_both(session: Session, server: ScriptedServer) -> None:
    """It is asked in words only, and a choice is asked for as a bare word then."""
    server.queue(refused("no json_schema here", 422), refused("no response_format"))
    server.queue(stream_reply("Bug."), stream_reply("feature"))
    assert session.ask("Which?", returns=["bug", "feature"]).value == "bug"
    assert session.ask("Which?", returns=Literal["bug", "feature"]).value == "feature"
    assert formats(server) == ["json_schema", "json_object", None, None]
    assert "exactly one of these" in server.requests[-1].json["messages"][0]["content"]


def test_another_model_is_asked_anew(session: Session, server: ScriptedServer) -> None:
    """What one model refuses is remembered for that model only."""
    server.queue(refused("no json_schema"), stream_reply(ADA), stream_reply(ADA))
    session.ask("Who?", returns=Person)
    session.ask("Who?", returns=Person, model="another")
    assert formats(server) == ["json_schema", "json_object", "json_schema"]


def test_another_refusal_is_an_error(session: Session, server: ScriptedServer) -> None:
    """An error about something else is that error, asked once."""
    server.queue(refused("the prompt is not nice"))
    with pytest.raises(BadRequestError, match="not nice"):
        session.ask("Who?", returns=Person)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("how", "sent"), [("schema", "json_schema"), ("object", "json_object"), ("prompt", None)]
)
def test_the_setting(session: Session, server: ScriptedServer, how: str, sent: str | None) -> None:
    """`structured` says how it is asked for, and then nothing else is tried."""
    session.config.structured = how
    server.queue(stream_reply(ADA))
    assert session.ask("Who?", returns=Person).value.name == "Ada"
    assert formats(server) == [sent]


def test_an_answer_is_mended(session: Session, server: ScriptedServer) -> None:
    """The model is told what is wrong; the conversation holds the prompt and the last answer."""
    server.queue(sse_reply(text_chunks('{"name": "Ada"}', usage={"completion_tokens": 5})))
    server.queue(sse_reply(text_chunks(ADA, usage={"completion_tokens": 7})))
    reply = session.ask("Who?", returns=Person)
    assert reply.value == Person(name="Ada", born=1815)
    assert reply.attempts == 2
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 12
    told = server.requests[1].json["messages"]
    assert [message["role"] for message in told] == ["system", "user", "assistant", "user"]
    assert told[2]["content"] == '{"name": "Ada"}'
    assert "born: Field required" in told[3]["content"]
    assert [m.role for m in session.conversation[-1].messages] == ["user", "assistant"]
    server.queue(stream_reply("ok"))
    session.ask("And?")
    assert "cannot be used" not in str(server.requests[-1].json)


@pytest.mark.parametrize("repairs", [0, 1, 3])
def test_it_is_given_up(session: Session, server: ScriptedServer, repairs: int) -> None:
    """After `repairs` more attempts it is an error that has all; the turn is kept, and marked."""
    session.config.repairs = repairs
    server.queue(*(stream_reply(f"attempt {n}") for n in range(repairs + 1)))
    with pytest.raises(ReplyFormatError) as caught:
        session.ask("Who?", returns=Person)
    error = caught.value
    assert error.text == f"attempt {repairs}"
    assert error.attempts == repairs + 1 == len(server.requests)
    assert error.problems == ("there is no JSON in the answer",)
    assert "\n" not in str(error)
    assert error.reply is session.conversation[-1].reply
    assert error.reply.problems == error.problems
    assert error.reply.value is None


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (sse_reply(text_chunks(ADA, finish_reason="length")), "max_tokens"),
        (stream_reply('{"name": "Ada", "born": 18'), "cut off"),
    ],
)
def test_what_was_cut_is_not_asked_again(
    session: Session, server: ScriptedServer, reply: Any, says: str
) -> None:
    """A limit would cut it again: it is an error at once, which names the limit."""
    server.queue(reply)
    with pytest.raises(ReplyFormatError, match=says):
        session.ask("Who?", returns=Person)
    assert len(server.requests) == 1


def test_several_answers(session: Session, server: ScriptedServer) -> None:
    """With `n` there are as many values."""
    chunks = [
        {"choices": [{"index": i, "delta": {"content": word}, "finish_reason": "stop"}]}
        for i, word in enumerate(["bug", "feature"])
    ]
    session.config.structured = "prompt"
    server.queue(sse_reply(chunks))
    reply = session.ask("Which?", returns=["bug", "feature"], n=2)
    assert reply.values == ("bug", "feature")


def test_with_tools_the_last_answer_is_typed(session: Session, server: ScriptedServer) -> None:
    """Calls are made as ever; the answer after them is read, and mended where it must be."""

    @session.tool(safe=True)
    def born(name: str) -> int:
        """Return a year of birth."""
        return 1815 if name else 0

    call = {"index": 0, "id": "c1", "function": {"name": "born", "arguments": '{"name": "Ada"}'}}
    server.queue(sse_reply([chunk({"tool_calls": [call]}, finish_reason="tool_calls")]))
    server.queue(stream_reply("She was born in 1815."), stream_reply(ADA))
    reply = session.ask("Who?", tools=[born], returns=Person)
    assert reply.value == Person(name="Ada", born=1815)
    assert len(reply.calls) == 1
    assert formats(server) == [None, None, "json_schema"]
    assert all("born: integer" in str(request.json["messages"][0]) for request in server.requests)
    assert (
        "tools" not in server.requests[2].json
        or server.requests[2].json.get("tool_choice") == "none"
    )


def test_a_type_as_response_format(session: Session, server: ScriptedServer) -> None:
    """`response_format=Person` is the same as `returns=Person`; both are refused."""
    server.queue(stream_reply(ADA))
    assert session.ask("Who?", response_format=Person).value == Person(name="Ada", born=1815)
    with pytest.raises(UsageError, match="both say"):
        session.ask("Who?", returns=Person, response_format={"type": "json_object"})
    with pytest.raises(UsageError, match="has no JSON Schema"):
        session.ask("Who?", returns=object)
    assert len(server.requests) == 1


def test_a_json_schema_as_response_format_stays(session: Session, server: ScriptedServer) -> None:
    """The wire's own form goes out as it is, and the reply is a text."""
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
    server.queue(stream_reply("{}"))
    reply = session.ask("Who?", response_format=form)
    assert server.requests[0].json["response_format"] == form
    assert reply.value is None
    assert reply.json() == {}


def test_names_of_the_notebook(session: Session, server: ScriptedServer) -> None:
    """A text names the classes of the notebook."""
    session.namespace = {"Person": Person}
    server.queue(stream_reply(f"[{ADA}]"))
    assert session.ask("Who?", returns="list[Person]").value == [Person(name="Ada", born=1815)]
