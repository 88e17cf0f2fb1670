"""The client against LiteLLM's proxy, where that is installed, with a scripted server behind it.

LITELLM_PROGRAM names the program, of a `pip install 'litellm[proxy]'` in an environment of its own:
what it depends on is in the way of others.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.errors import AuthenticationError, BadRequestError
from eighty80_jupyter.session.session import Session
from eighty80_jupyter.wire.secret import Secret
from tests.support.ports import free_port
from tests.support.scripted import ScriptedServer, answer
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAM = os.environ.get("LITELLM_PROGRAM", "")
KEY = "sk-master-0123456789"
TEXT = "Hello from behind the proxy."

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(not PROGRAM, reason="LITELLM_PROGRAM names no program of LiteLLM's proxy"),
]


@pytest.fixture(name="address", scope="module")
def _address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    place: Path = tmp_path_factory.mktemp("litellm")
    port = free_port()
    with ScriptedServer(answer(TEXT)) as server:
        behind = {"model": "openai/small", "api_base": f"{server.url}/v1", "api_key": "any"}
        settings = {
            "model_list": [{"model_name": "small", "litellm_params": behind}],
            "general_settings": {"master_key": KEY},
        }
        (place / "settings.yaml").write_text(json.dumps(settings))  # which is YAML too
        command = [PROGRAM, "--config", "settings.yaml", "--host", "127.0.0.1", "--port", str(port)]
        process = subprocess.Popen(
            command,
            cwd=place,
            env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_until(lambda: _listens(port), timeout=200, what="LiteLLM's proxy")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(60)


def _listens(port: int) -> bool:
    with closing(socket.socket()) as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


def _session(address: str, *, key: str = KEY, model: str = "small") -> closing[Session]:
    config = ChatConfig(base_url=address, api_key=Secret(key), model=model)
    return closing(Session(config, environ={}))


@pytest.mark.parametrize("end", ["", "/v1", "/chat/completions", "/v1/chat/completions"])
@pytest.mark.parametrize("stream", [True, False])
def test_it_answers(address: str, end: str, stream: bool) -> None:  # noqa: FBT001  # a parameter
    """Streamed or not, at every address that its documentation shows."""
    with _session(address + end) as session:
        assert session.ask("Hello", stream=stream).text == TEXT


def test_fields_and_tools_go_through(address: str) -> None:
    """A field that nobody knows and the offer of a tool do not disturb it."""

    def weather(city: str) -> str:
        """Tell the weather."""
        return city

    with _session(address) as session:
        reply = session.ask("Hello", extra={"no_such_field": 1}, tools=[weather])
    assert reply.text == TEXT


def test_a_wrong_model(address: str) -> None:
    """Its own words are shown."""
    with _session(address, model="nope") as session, pytest.raises(BadRequestError, match="nope"):
        session.ask("Hello")


def test_a_wrong_key(address: str) -> None:
    """It says that it has no database to look for the key; we say that it is the key."""
    with (
        _session(address, key="sk-wrong-9876543210") as session,
        pytest.raises(AuthenticationError, match="_8080_API_KEY"),
    ):
        session.ask("Hello")
