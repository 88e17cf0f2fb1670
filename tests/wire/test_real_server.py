"""The client against a real server: llama.cpp with the embedded model."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from eighty80_jupyter.api.deltas import TextDelta
from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.errors import AuthenticationError, ContextLengthError
from eighty80_jupyter.session.session import Session
from eighty80_jupyter.wire.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eighty80_jupyter.conversation.events import TurnEvent
    from eighty80_jupyter.local.server import LocalServer

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


class StopAskingError(Exception):
    """Raised by a listener that has seen enough."""


@pytest.fixture(name="session")
def _session(local: LocalServer) -> Iterator[Session]:
    config = ChatConfig(base_url=local.url, api_key=Secret(local.api_key), model=local.model)
    config.max_tokens = 16
    config.temperature = 0
    session = Session(config, environ={})
    yield session
    session.close()


def test_streamed_and_whole_are_the_same(session: Session) -> None:
    """With temperature 0 a streamed reply and a whole one are equal, and usage comes with both."""
    streamed = session.ask("Name a colour.")
    session.conversation.reset()
    whole = session.ask("Name a colour.", stream=False)
    assert streamed.text == whole.text != ""
    assert streamed.finish_reason == whole.finish_reason
    for reply in (streamed, whole):
        assert reply.usage is not None
        assert reply.usage.prompt_tokens
        assert reply.usage.completion_tokens


def test_a_conversation_goes_on(session: Session) -> None:
    """The history reaches the model: a second turn has more prompt tokens than the first."""
    first = session.ask("My name is Ada.", system="You are brief.")
    second = session.ask("What is my name?")
    assert first.usage is not None
    assert second.usage is not None
    assert (second.usage.prompt_tokens or 0) > (first.usage.prompt_tokens or 0)


def test_the_limit_and_the_seed(session: Session) -> None:
    """max_tokens ends the reply with `length`; the same seed gives the same words."""
    replies = []
    for _ in range(2):
        session.conversation.reset()
        replies.append(session.ask("Tell a story.", max_tokens=5, temperature=1.0, seed=7))
    assert [reply.finish_reason for reply in replies] == ["length", "length"]
    assert replies[0].text == replies[1].text


def test_several_choices(session: Session) -> None:
    """With n = 2 there are two answers, both streamed."""
    reply = session.ask("Name an animal.", n=2, temperature=1.0, seed=1, max_tokens=8)
    assert [choice.index for choice in reply.choices] == [0, 1]
    assert all(choice.text for choice in reply.choices)


def test_a_schema_is_kept(session: Session) -> None:
    """A json_schema gives JSON of that schema."""
    schema = {"type": "object", "properties": {"n": {"enum": [1, 2]}}, "required": ["n"]}
    reply = session.ask(
        "Give a number.",
        response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": schema}},
        max_tokens=30,
    )
    assert reply.json()["n"] in (1, 2)


def test_logprobs_are_kept(session: Session) -> None:
    """With logprobs each token comes with its likelihood."""
    reply = session.ask("Say hi.", logprobs=True, top_logprobs=2, max_tokens=4)
    entries = reply.choices[0].logprobs
    assert len(entries) >= 3
    assert all(entry["logprob"] <= 0 for entry in entries)


def test_models(session: Session, local: LocalServer) -> None:
    """The server lists its model under the name that it is served as."""
    assert local.model in [model.id for model in session.models()]


def test_a_wrong_key(session: Session) -> None:
    """A wrong key is told as such, and the conversation stays empty."""
    session.set_key("wrong")
    with pytest.raises(AuthenticationError):
        session.ask("Hi")
    assert len(session.conversation) == 0


def test_too_long(session: Session) -> None:
    """A prompt beyond the context is told with the limit that the server reports."""
    with pytest.raises(ContextLengthError) as caught:
        session.ask("word " * 4000)
    assert caught.value.limit == 2048
    assert "2,048" in str(caught.value)


def test_stopping_early_leaves_the_server_free(session: Session) -> None:
    """A reply that nobody waits for any more is given up, and the next is answered."""

    def listen(events: list[TurnEvent]) -> None:
        if any(isinstance(event, TextDelta) for event in events):
            raise StopAskingError

    with suppress(StopAskingError):
        session.ask("Count to a thousand.", max_tokens=500, listen=listen)
    assert session.conversation[-1].reply.status == "interrupted"
    assert session.ask("Say hi.").text
