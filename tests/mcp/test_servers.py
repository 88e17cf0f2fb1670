"""Real servers over both transports: what they offer, what calls give, what they are given."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.errors import MCPServerError, UsageError
from eighty80_jupyter.mcp import connection
from eighty80_jupyter.mcp.servers import Servers
from eighty80_jupyter.mcp.spec import server_spec
from eighty80_jupyter.mcp.transport import WholeLines
from eighty80_jupyter.session.session import Session
from eighty80_jupyter.tools.result import PictureText
from eighty80_jupyter.tools.toolbox import ToolBox
from tests.support.mcp.use import EXAMPLE, User, call, example_over_http, odd
from tests.support.replies import error_reply
from tests.support.scripted import ScriptedServer

KEY = "sk-tools-0123456789"


@pytest.fixture(scope="module", params=["stdio", "http"])
def example(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Session]:
    """Give a session with the example as the server `ex`, over either transport."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        session = Session(ChatConfig())
        session.confirmer = User()
        if request.param == "stdio":
            session.mcp(EXAMPLE, name="ex")
            yield session
        else:
            with example_over_http() as (url, _):
                session.mcp(url, name="ex")
                yield session
        session.close()


def test_tools(example: Session) -> None:
    """A server's tools stand among the others, with its schema, its words and its hints."""
    tool = example.tools["ex__add"]
    assert tool.description == "Add two numbers."
    assert tool.parameters["required"] == ["a", "b"]
    assert tool.note == "ex calls it read-only; nobody has checked that."
    assert tool.asks
    assert tool.is_async
    assert set(example.servers.known["ex"].tools) == set(example.tools)
    assert example.servers.known["ex"].state == "running"


@pytest.mark.parametrize(
    ("name", "arguments", "status", "text"),
    [
        ("add", {"a": 1, "b": 2}, "done", "3"),
        ("add", {"a": "x"}, "invalid", "'b' is a required property"),
        ("picture", {}, "done", "[picture: image/png, 70 bytes]"),
        (
            "mixed",
            {},
            "done",
            "see\n[resource file:///notes.txt]\na note\n[resource big at file:///big.csv: all rows",
        ),
        ("large", {}, "done", "of 10,000,000 characters left out]"),
        ("divide", {"a": 1, "b": 0}, "failed", "ServerToolError: Error executing tool divide"),
        ("ask_back", {"what": "sampling"}, "failed", "MCPServerError: "),
        ("ask_back", {"what": "elicitation"}, "failed", "MCPServerError: "),
        ("ask_back", {"what": "roots"}, "failed", "MCPServerError: "),
        ("add", {"a": 2, "b": 2}, "done", "4"),
    ],
)
def test_results(example: Session, name: str, arguments: Any, status: str, text: str) -> None:
    """Results are described, and what a server wants of the client is refused."""
    result = call(example, f"ex__{name}", **arguments)
    assert result.status == status
    assert text in result.text


def test_pictures(example: Session) -> None:
    """The pictures of a result come with its text."""
    value = call(example, "ex__picture").value
    assert isinstance(value, PictureText)
    assert [one[:4] for one in value.pictures] == [b"\x89PNG"]


def test_side_by_side(example: Session) -> None:
    """A call that takes long holds up no other, and ends with its time."""
    result = call(example, "ex__sleep", timeout=0.3, seconds=600)
    assert (result.status, result.text) == (
        "timeout",
        "timeout: no result after 0.3 s; it was cancelled",
    )
    assert call(example, "ex__add", a=1, b=1).text == "2"


def test_environment(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process gets the least that it needs, what is named for it, and never our key."""
    monkeypatch.setenv("_8080_API_KEY", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    session.mcp(odd(), name="odd", env={"MINE": "this"})
    assert call(session, "odd__secret", city="MINE").text == "this"
    for name in ("_8080_API_KEY", "AWS_SECRET_ACCESS_KEY", "PYTHONPATH"):
        assert "empty text" in call(session, "odd__secret", city=name).text
    assert call(session, "odd__secret", city="PATH").text != ""


def test_hostile_listing(session: Session) -> None:
    """Names, descriptions and schemas of all kinds harm neither the list nor its neighbours."""
    server = session.mcp(odd("hostile"), name="odd")
    assert len(server.tools) == 13
    assert len(server.omitted) == 9
    for tool in session.tools.values():
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", tool.name)
        sent = json.dumps(tool.to_wire(), ensure_ascii=False)
        assert sent.isprintable()
        assert "<|im_end|>" not in sent
        assert len(sent) < 5_000
    result = call(session, "odd__regex", pattern="a" * 40 + "!")
    assert result.status == "done"
    assert call(session, "odd__half").text.startswith("half")


def test_many_tools(session: Session) -> None:
    """More tools than a model's server takes are left out, and it is said; `tools` chooses."""
    server = session.mcp(odd("many"), name="odd")
    assert len(server.tools) == 128
    assert server.omitted == ("72 more than 128",)
    chosen = session.mcp(odd("many"), name="odd", tools=["tool150", "tool3"])
    assert chosen.tools == ("odd__tool3", "odd__tool150")
    assert len(session.tools) == 2
    with pytest.raises(MCPServerError, match="the MCP server odd has no tool 'tool_3'"):
        session.mcp(odd("many"), name="odd", tools=["tool3", "tool_3"])
    assert not session.tools


def test_odd_results(session: Session) -> None:
    """A large result is cut, one that is none fails, an error of the tool is told."""
    session.mcp(odd("garbage"), name="odd")
    large = call(session, "odd__large")
    assert large.status == "done"
    assert len(large.text) < 30_000
    assert "of 10,000,000 characters left out" in large.text
    wrong = call(session, "odd__wrong")
    assert (wrong.status, wrong.text) == (
        "failed",
        "MCPServerError: the server's answer is no result of a tool (1 errors)",
    )
    assert call(session, "odd__error").text.startswith("ServerToolError: no such city")
    assert call(session, "odd__surrogate").text == "half \ufffd"
    assert call(session, "odd__weather", city="Oslo").text == 'weather: {"city": "Oslo"}'


def test_answers_beyond_the_protocol(session: Session) -> None:
    """Parts of a new kind cost no other, and an answer that is no message is not waited for."""
    session.mcp(odd(), name="odd")
    assert call(session, "odd__parts").text == "[video\\x1b[31m]\nplain\n[int]\nafter"
    assert call(session, "odd__list").text == '{"result":[1,2]}'
    failed = call(session, "odd__none")
    assert (failed.status, failed.text) == (
        "failed",
        "MCPServerError: the server's answer is no message of the protocol",
    )
    assert call(session, "odd__weather", city="Oslo").status == "done"


@pytest.mark.parametrize("size", [1, 3, 1_000])
def test_output_is_read_in_whole_lines(size: int) -> None:
    """Whatever the pieces, each text that is given out ends with a line; the rest comes at last."""
    data = '{}\n{"a": "é😀"}\n\nx'.encode()

    async def read() -> list[str]:
        sender, receiver = anyio.create_memory_object_stream[bytes](len(data))
        for at in range(0, len(data), size):
            sender.send_nowait(data[at : at + size])
        sender.close()
        with receiver:
            return [text async for text in WholeLines(receiver)]

    texts = asyncio.run(read())
    assert "".join(texts) == data.decode()
    assert all(text.endswith("\n") for text in texts[:-1])


def test_a_line_without_end_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message has a greatest size, and a long one below it is read in time that is linear."""
    monkeypatch.setattr("eighty80_jupyter.mcp.transport.LARGEST", 10_000)

    async def read(count: int) -> list[str]:
        sender, receiver = anyio.create_memory_object_stream[bytes](count)
        for _ in range(count):
            sender.send_nowait(b"x" * 1_000)
        sender.close()
        with receiver:
            return [text async for text in WholeLines(receiver)]

    assert list(map(len, asyncio.run(read(10)))) == [10_000]
    with pytest.raises(anyio.BrokenResourceError):
        asyncio.run(read(11))


def test_asked_for_something(session: Session) -> None:
    """A server of the older protocol that asks for our model, a form or folders is refused."""
    session.mcp(odd(), name="odd")
    answers = json.loads(call(session, "odd__ask").text)
    assert [answer["id"].partition("/")[0] for answer in answers] == [
        "sampling",
        "elicitation",
        "roots",
    ]
    assert all("not supported" in answer["error"]["message"] for answer in answers)
    assert call(session, "odd__weather", city="x").status == "done"


def test_given_secrets(session: Session) -> None:
    """What a server was given as a variable does not come back in its results."""
    session.mcp(odd(), name="odd", env={"TOKEN": "plain-words-and-1"})
    assert call(session, "odd__secret", city="TOKEN").text == "[redacted: API key]"


def test_two_servers(session: Session) -> None:
    """Servers with the same tools do not meet, nor does a function of the same name."""

    @session.tool(name="b__weather")
    def mine() -> str:
        """Be the user's own."""
        return "mine"

    session.mcp(odd(), name="a")
    session.mcp(odd(), name="b")
    assert {"a__weather", "b__weather", "b__weather_2"} <= set(session.tools)
    assert session.tools["b__weather"].function is mine
    session.servers.stop("b")
    assert "b__weather_2" not in session.tools
    assert session.tools["b__weather"].function is mine
    assert call(session, "a__weather", city="x").status == "done"
    with pytest.raises(UsageError, match="did you mean a"):
        session.servers.stop("aa")


def test_names_by_themselves(session: Session) -> None:
    """The same command again is the server that runs; another one gets a name of its own."""
    first = session.mcp(odd())
    assert first.name == "odd"
    assert session.mcp(odd()) is first
    again = session.mcp(odd(), tools=["pid"])
    assert (again.name, again.tools) == ("odd", ("odd__pid",))
    assert first.state == "off"
    second = session.mcp(odd("many"))
    assert second.name == "odd2"
    assert set(session.servers.known) == {"odd", "odd2"}
    session.mcp(odd("many"), name="odd")
    assert again.state == "off"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["exit"],
            r"ended before it had said .*; the last it wrote: line 10 .*line 29",
        ),
        (["never"], r"did not answer within 2 s$"),
        (["slow=30"], r"did not answer within 2 s$"),
    ],
)
def test_no_start(
    session: Session, monkeypatch: pytest.MonkeyPatch, words: list[str], told: str
) -> None:
    """A server that does not start leaves one line with its last words, and nothing else."""
    monkeypatch.setattr(connection, "START_SECONDS", 2.0)
    with pytest.raises(MCPServerError, match=told) as caught:
        session.mcp(odd(*words), name="odd")
    assert "\x1b" not in str(caught.value)
    assert not session.servers.known
    assert not session.tools


def test_slow_start(session: Session) -> None:
    """A server that takes its time is waited for."""
    session.mcp(odd("slow=1.5"), name="odd")
    assert call(session, "odd__weather", city="x").status == "done"


def test_no_address(session: Session, server: ScriptedServer) -> None:
    """An address that nobody listens at, or that is no MCP server, is one line."""
    with pytest.raises(MCPServerError, match="could not be reached"):
        session.mcp("http://127.0.0.1:9/mcp")
    for status, words in ((401, "status 401 .headers="), (500, "status 500")):
        server.route("POST", "/mcp", error_reply(status, "no"))
        with pytest.raises(MCPServerError, match=words):
            session.mcp(f"{server.url}/mcp", headers={"Authorization": "Bearer t-0123456789"})
    assert server.requests[0].headers["authorization"] == "Bearer t-0123456789"
    assert all(KEY not in str(request.headers) for request in server.requests)
    assert not session.servers.known


def test_config(session: Session, tmp_path: Path) -> None:
    """All servers of a configuration start; those that do not are named, and the others run."""
    path = tmp_path / "mcp.json"
    commands = {"one": odd(), "two": odd("exit"), "three": odd("many")}
    servers = {name: {"command": c[0], "args": c[1:]} for name, c in commands.items()}
    path.write_text(json.dumps({"mcpServers": servers}))
    with pytest.raises(MCPServerError, match=r"^the MCP server two \(.*ended before"):
        session.mcp(config=path)
    assert list(session.servers.known) == ["one", "three"]
    del servers["two"]
    running = session.servers.known["one"]
    found = session.mcp(config={"mcpServers": servers}, confirm=None)
    assert [server.name for server in found] == ["one", "three"]
    assert found[0] is running
    with pytest.raises(UsageError, match="stand in the configuration"):
        session.mcp(config=path, name="x")  # type: ignore[call-overload]  # the test
    with pytest.raises(UsageError, match="give a command or an address"):
        session.mcp()  # type: ignore[call-overload]  # the test


def test_asked_once(make_session: Callable[..., Session], tmp_path: Path) -> None:
    """A command is asked about once, by all kernels; a no, and nobody, start nothing."""
    log = tmp_path / "log"
    command = odd(f"log={log}")
    for said, words in ((None, "nobody can be asked here"), (False, "you said no")):
        session = make_session(said=said)
        with pytest.raises(UsageError, match=words):
            session.mcp(command)
        assert not log.exists()
    yes, nobody = make_session(said=True), make_session(said=None)
    for session in (yes, nobody):
        assert session.mcp(command).state == "running"
    assert isinstance(yes.confirmer, User)
    assert [question.split("\n")[1].strip() for question in yes.confirmer.asked] == [
        f"{command[0]} -S {command[2]} log={log}"
    ]


class _Loop:
    """Runs what is to be run at once, and then what another thread does meanwhile."""

    def __init__(self) -> None:
        self.meanwhile: Callable[[], object] | None = None

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        asyncio.run(coroutine)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()


def test_threads_that_start_one_name_leave_one_server() -> None:
    """Whoever comes last ends the others, also one that came while it waited for an end."""
    loop: Any = _Loop()
    servers = Servers(ToolBox(), loop, say=print, environ={})
    spec = server_spec(EXAMPLE, name="ex", environ={}, secrets=())
    others = [servers._add(spec)]
    loop.meanwhile = lambda: others.append(servers._add(spec))
    last = servers._add(spec)
    assert servers.known == {"ex": last}
    assert [other._withdrawn for other in others] == [True, True]
    assert not last._withdrawn
