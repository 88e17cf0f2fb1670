"""Typed answers of the embedded model: what its server enforces, and never a wrong value."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

import pytest
from pydantic import BaseModel, Field

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.errors import ReplyFormatError
from eighty80_jupyter.session.session import Session
from eighty80_jupyter.wire.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eighty80_jupyter.local.server import LocalServer

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

RUNS = 50


class Part(BaseModel):
    """A part in a store; nobody but the prompt knows its number."""

    colour: Literal["red", "green", "blue"]
    number: int = Field(ge=0)


@pytest.fixture(name="session")
def _session(local: LocalServer) -> Iterator[Session]:
    config = ChatConfig(base_url=local.url, api_key=Secret(local.api_key), model=local.model)
    config.max_tokens = 60
    session = Session(config, environ={})
    yield session
    session.close()


def test_its_server_enforces_a_schema(session: Session) -> None:
    """The grammar of a json_schema holds the model, whatever the prompt asks for."""
    form = {"type": "json_schema", "json_schema": {"name": "one", "schema": {"const": "qu7x"}}}
    for prompt in ("Say hello.", "Write a poem about the sea."):
        reply = session.ask(prompt, response_format=form, once=True)
        assert json.loads(reply.text) == "qu7x"


def test_its_server_enforces_bare_json(session: Session) -> None:
    """The pinned version holds the model to an object for a json_object as well."""
    for prompt in ("Say hello.", "Write a poem about the sea."):
        reply = session.ask(prompt, response_format="json_object", once=True, temperature=0)
        assert reply.text.lstrip().startswith("{")


@pytest.mark.parametrize("mode", ["schema", "prompt"])
def test_no_wrong_value(session: Session, mode: str) -> None:
    """In 50 runs a record is what the model wrote, word for word, or an error."""
    session.config.structured = mode
    session.config.repairs = 0
    valid = 0
    for seed in range(RUNS):
        colour, number = ("red", "green", "blue")[seed % 3], 100 + seed
        prompt = f"The part is {colour} and has the number {number}. Which colour, which number?"
        try:
            reply = session.ask(prompt, returns=Part, once=True, seed=seed)
        except ReplyFormatError as error:
            assert error.problems  # noqa: PT017  # either way is right
            continue
        value: Any = reply.value
        assert f'"{value.colour}"' in reply.text.lower()
        assert str(value.number) in reply.text
        assert reply.text.count(str(value.number)) == 1
        valid += 1
    assert valid >= (RUNS * 0.9 if mode == "schema" else 0)
