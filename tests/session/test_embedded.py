"""The embedded model's server ends by itself: that is what is said, and how it starts again."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.errors import APIStreamError, ChatError, LocalModelError
from eighty80_jupyter.local import server as local_server
from eighty80_jupyter.session.session import Session
from tests.support.replies import Reply, Reset, chunk, sse_reply, stream_reply
from tests.support.scripted import ScriptedServer
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.scripted import Request

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")

# Stands for the program that serves: it says where, and lives until it is told to end.
CHILD = """
import json, sys
sys.stdin.readline()
print(json.dumps({"url": "URL"}), flush=True)
sys.stdin.read()
"""


@pytest.fixture(name="session")
def _session() -> Iterator[Session]:
    session = Session(ChatConfig(max_retries=0), environ={})
    yield session
    session.use_remote()
    session.close()


@pytest.fixture(name="use")
def _use(
    session: Session, server: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], int]:
    """Start an embedded model whose requests the scripted server answers; return its process."""
    program, model = tmp_path / "child.py", tmp_path / "my model.gguf"
    program.write_text(CHILD.replace("URL", server.url))
    model.write_bytes(b"GGUF")
    monkeypatch.setattr(local_server, "CHILD", (sys.executable, str(program)))
    monkeypatch.setattr(local_server, "require_runtime", lambda: None)
    return lambda: session.use_local(model).pid


def kill(session: Session) -> None:
    """Kill the process of the embedded model, and wait until that is known."""
    running = session.use_local(session._embedded._file)
    os.kill(running.pid, signal.SIGKILL)
    wait_until(lambda: not running.alive)


def check(error: ChatError) -> None:
    """Expect one line that says what has happened and what helps."""
    text = str(error)
    assert "the server of the embedded model was ended by SIGKILL" in text
    assert "%chat --local '" in text
    assert text.endswith("my model.gguf' starts it again")
    assert "\n" not in text


def test_a_killed_server_is_reported_as_such(
    session: Session, server: ScriptedServer, use: Callable[[], int]
) -> None:
    """Not as a wrong address; started again, it answers, and the conversation goes on."""
    pid = use()
    server.queue(stream_reply("one"), stream_reply("two"))
    assert session.ask("first").text == "one"
    kill(session)
    for ask in (lambda: session.ask("second"), session.models, lambda: session.start("second")):
        with pytest.raises(LocalModelError) as caught:
            ask()
        check(caught.value)
    assert use() != pid
    assert session.ask("second").text == "two"
    assert len(session.conversation) == 2


def test_a_server_killed_in_an_answer(
    session: Session, server: ScriptedServer, use: Callable[[], int]
) -> None:
    """What had come is kept, and the error says the same; also before anything came."""
    pid = use()

    came = [chunk({"content": "The beg"})]

    def answer(_request: Request) -> Reply:
        os.kill(pid, signal.SIGKILL)
        return sse_reply([*came, Reset()], done=False)

    server.route("POST", "/v1/chat/completions", answer)
    with pytest.raises(APIStreamError) as caught:
        session.ask("first")
    check(caught.value)
    assert caught.value.reply.text == "The beg"
    assert session.conversation[0].reply.error == str(caught.value)
    pid = use()
    came.clear()
    running = session.start("second")
    wait_until(lambda: running.done)
    assert isinstance(running.error, ChatError)
    check(running.error)


@pytest.fixture(name="other")
def _other() -> Iterator[ScriptedServer]:
    """Run the server of somebody else, which the embedded model's key is no business of."""
    with ScriptedServer() as other:
        other.default = stream_reply("from elsewhere")
        yield other


def sent(server: ScriptedServer) -> tuple[str | None, str]:
    """Return the key and the model of the last request."""
    request = server.requests[-1]
    return request.headers.get("authorization"), request.json["model"]


@pytest.mark.parametrize("key", ["sk-of-the-user", None])
def test_its_key_and_its_model_go_nowhere_else(
    session: Session,
    server: ScriptedServer,
    other: ScriptedServer,
    use: Callable[[], int],
    key: str | None,
) -> None:
    """An address that a preset or a setting names gets the user's key and model, and back again."""
    server.default = stream_reply("from here")
    session.config.api_key, session.config.model = key, "large"
    before = None if key is None else f"Bearer {key}"
    session.config.presets = {
        "there": {"base_url": other.url},
        "with a model": {"model": "theirs", "base_url": other.url},
    }
    local = []
    use()
    session.ask("one")
    own = sent(server)
    assert own[0] is not None
    assert before not in own

    session.ask("two", preset="there")
    assert sent(other) == (before, "large")
    session.ask("three", preset="with a model")
    assert sent(other) == (before, "theirs")
    session.ask("four", preset="there", model="named")
    assert sent(other) == (before, "named")
    local.append(session.is_local)

    for name, model in (("there", "large"), ("with a model", "theirs")):
        session.config.preset = name
        local.append(session.is_local)
        session.ask("five")
        assert sent(other) == (before, model)
        session.config.preset = None
        local.append(session.is_local)
        session.ask("six")
        assert sent(server) == own

    assert local == [True, False, True, False, True]

    session.config.base_url = other.url
    session.ask("seven")
    assert sent(other) == (before, "large")
    use()
    session.ask("eight")
    assert sent(server) == own
    session.use_remote()
    assert session.config.base_url == other.url
    session.ask("nine")
    assert sent(other) == (before, "large")


def test_an_address_elsewhere_needs_no_embedded_model(
    session: Session, other: ScriptedServer, use: Callable[[], int]
) -> None:
    """Where its server has ended by itself, a preset with another address still answers."""
    session.config.presets = {"there": {"base_url": other.url}}
    use()
    kill(session)
    assert session.ask("one", preset="there").text == "from elsewhere"
    with pytest.raises(LocalModelError):
        session.ask("two")
    session.config.base_url = other.url
    assert session.ask("three").text == "from elsewhere"


def test_another_server_is_not_the_embedded_one(server: ScriptedServer, session: Session) -> None:
    """Where the embedded model is not used, a broken connection is what it is."""
    session.config.base_url, session.config.api_key = server.url, "sk-other"
    server.queue(Reply((Reset(),)))
    with pytest.raises(ChatError) as caught:
        session.ask("x")
    assert "embedded" not in str(caught.value)
