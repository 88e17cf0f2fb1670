"""MCP servers on the line, in a real kernel: asked about, listed, completed, ended."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.kernel import KernelSession
from tests.support.mcp.use import EXAMPLE, is_running, odd
from tests.support.replies import chat_reply, sse_reply, tool_call, tool_chunks
from tests.support.scripted import ScriptedServer
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

STARTUP = "%load_ext eighty80_jupyter\nfrom eighty80_jupyter import chat"


@pytest.fixture(scope="module", name="model")
def _model() -> Iterator[ScriptedServer]:
    with ScriptedServer() as model:
        yield model


@pytest.fixture(scope="module", name="shared")
def _shared(
    model: ScriptedServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KernelSession]:
    env = {
        "_8080_API_URL": model.url,
        "_8080_API_KEY": "sk-mcp-0123456789",
        "XDG_STATE_HOME": str(tmp_path_factory.mktemp("state")),
    }
    with KernelSession(env=env, startup=STARTUP) as kernel:
        yield kernel


def quoted(*words: str) -> str:
    """Return a command as a value on the line."""
    return json.dumps(shlex.join(words))


def test_asked_listed_and_ended(shared: KernelSession, tmp_path: Path) -> None:
    """A command is shown whole and asked about once; its server is listed, and ends when told."""
    log = tmp_path / "log"
    command = odd(f"log={log}")
    line = f"%chat --mcp {quoted(*command)}"
    refused = shared.run(line)
    assert refused.error is not None
    assert refused.error.plain.startswith("UsageError: nobody can be asked here whether")
    said_no = shared.run(line, answers=["n"])
    assert said_no.error is not None
    assert "you said no" in said_no.error.evalue
    assert not log.exists()
    started = shared.run(line, answers=["perhaps", "y"])
    assert shlex.join(command) in started.stdout
    assert "The MCP server odd runs: odd__weather, odd__crash" in started.stdout
    assert "The MCP server odd runs" in shared.run(line).stdout
    listed = shared.run("%chat --mcp-list").data("text/html")[0]
    assert ">odd<" in listed
    assert ">runs<" in listed
    assert "odd__weather(city)" in shared.run("%chat --tools-list").data("text/html")[0]
    assert shared.complete("%chat --mcp-stop o") == ["odd"]
    assert shared.complete("%%chat --tools odd__we") == ["odd__weather"]
    assert "is gone" not in shared.run("%chat --mcp-stop odd").stdout
    assert not is_running(int(log.read_text()))
    assert "There are no MCP servers" in shared.run("%chat --mcp-list").stdout
    unknown = shared.run("%chat --mcp-stop odd").error
    assert unknown is not None
    assert "unknown MCP server odd" in unknown.evalue


def test_a_slip_of_the_quotes_starts_nothing(shared: KernelSession) -> None:
    """A command without quotes is refused, and no prompt is sent."""
    error = shared.run("%chat --mcp uvx mcp-server-fetch").error
    assert error is not None
    assert "a whole command in quotes" in error.evalue


def test_a_server_and_a_prompt_in_one_cell(shared: KernelSession, model: ScriptedServer) -> None:
    """A cell may start the server whose tools it offers; tried only, it starts nothing."""
    head = f"%%chat --mcp {quoted(*odd())} --tools odd__pid"
    tried = shared.run(f"{head} --dry-run\nGo")
    assert tried.error is not None
    assert "unknown tool odd__pid" in tried.error.evalue
    assert shared.run("chat.servers.known").data() == ["{}"]
    model.queue(chat_reply("Gone."))
    result = shared.run(f"{head}\nGo", answers=["y"])
    assert result.ok, result.error
    (offered,) = model.requests[-1].json["tools"]
    assert offered["function"]["name"] == "odd__pid"
    shared.run("%chat --mcp-stop odd")


def test_hostile_server_on_the_page(shared: KernelSession) -> None:
    """What a server says of itself neither runs on a page nor is obeyed by a terminal."""
    shared.run(f"%chat --mcp {quoted(*odd('hostile'))}", answers=["y"])
    for line in ("%chat --mcp-list", "%chat --tools-list"):
        (html,) = shared.run(line).data("text/html")
        (text,) = shared.run(line).data("text/plain")
        assert "<img" not in html
        assert "\x1b" not in html + text
        assert "\u202e" not in html + text
    shared.run("%chat --mcp-stop odd")


def test_pictures_where_they_are_allowed(shared: KernelSession, model: ScriptedServer) -> None:
    """The pictures of a result are drawn where `allow_images` says so, and named elsewhere."""
    shared.run(f"%chat --mcp {quoted(*EXAMPLE)}", answers=["y"])
    started = shared.run(f"chat.mcp({list(EXAMPLE)!r}, confirm=False)")
    assert "<MCP server example: running;" in started.data()[0]
    for setting, count in (("False", 0), ("True", 1)):
        call = tool_call("example__picture", {})
        model.queue(sse_reply(tool_chunks(call)), chat_reply("Drawn."))
        shared.run(f"chat.config.allow_images = {setting}")
        result = shared.run("%%chat --tools all\nDraw")
        assert result.ok, result.error
        assert len(result.data("image/png")) == count
        assert any("[picture: image/png, 70 bytes]" in html for html in result.data("text/html"))
    shared.run("%chat --mcp-stop example")


def test_a_crash_is_one_line_in_its_cell(shared: KernelSession, model: ScriptedServer) -> None:
    """A server that ends in a call is a dim line in that cell, and the model is told."""
    command = odd()
    shared.run(f"%chat --mcp {quoted(*command)}", answers=["y"])
    shared.run(f"chat.mcp({command!r}, confirm=False)")
    model.queue(sse_reply(tool_chunks(tool_call("odd__crash", {}))), chat_reply("Sorry."))
    result = shared.run("%%chat --tools odd__crash\nDo it")
    assert result.ok, result.error
    lines = [text for text in result.data() if "has ended" in text and "last it wrote" in text]
    assert len(lines) == 1
    assert "is started again" in lines[0]
    told = model.requests[-1].json["messages"][-1]["content"]
    assert "whether it was carried out is not known" in told


def test_ends_with_the_extension(shared: KernelSession, tmp_path: Path) -> None:
    """`%unload_ext` ends the servers; loaded again, a call starts its server anew."""
    log = tmp_path / "log"
    shared.run(f"%chat --mcp {quoted(*odd(f'log={log}'))}", answers=["y"])
    shared.run("%unload_ext eighty80_jupyter")
    assert not is_running(int(log.read_text()))
    shared.run(STARTUP)
    assert "starts with the next call" in shared.run("%chat --mcp-list").data("text/html")[0]


@pytest.mark.slow
@pytest.mark.skipif("sys.platform == 'win32'", reason="there a kernel is ended otherwise")
def test_ends_with_the_kernel(kernel: Callable[..., KernelSession], tmp_path: Path) -> None:
    """A kernel that is shut down, or restarted, takes its servers along."""
    log = tmp_path / "log"
    session = kernel(env={"_8080_API_KEY": "k"}, startup=STARTUP)
    result = session.run(f"%chat --mcp {quoted(*odd(f'log={log}'))}", answers=["y"])
    assert result.ok, result.error
    session.close()
    pid = int(log.read_text())
    wait_until(lambda: not is_running(pid), what="the end of the server")
