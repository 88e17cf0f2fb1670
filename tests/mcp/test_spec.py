"""What a server is: its words, its name, what is refused before anything is started."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.mcp.approvals import Approvals
from eighty80_jupyter.mcp.configuration import config_specs
from eighty80_jupyter.mcp.spec import ServerSpec, server_spec
from eighty80_jupyter.wire.secret import Secret

ENVIRON = {"TOKEN": "t-123456789012", "HOST": "example.org", "EMPTY": ""}


def spec(target: Any, **how: Any) -> ServerSpec:
    """Return the spec of a target."""
    return server_spec(target, environ=ENVIRON, **how)


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("uvx mcp-server-fetch", "fetch"),
        ("npx -y @modelcontextprotocol/server-filesystem /home/me", "filesystem"),
        ("npx some-tool@1.2.3", "some_tool"),
        ("python -m mcp_server_time", "time"),
        ("/usr/bin/python3.11 -u ./my server.py", "my"),
        ("uv run weather.py", "weather"),
        ("docker run -i --rm mcp/fetch:latest", "fetch"),
        ("mcp-server", "mcp_server"),
        (["node", "C:\\tools\\notes.js"], "notes"),
        ("https://mcp.deepwiki.com/mcp", "deepwiki"),
        ("http://127.0.0.1:8000/mcp", "local8000"),
        ("http://localhost/mcp", "local"),
        ("天気", "server"),
        ("a" * 100, "a" * 24),
    ],
)
def test_names(target: Any, name: str) -> None:
    """A server is called after the word of its command, or address, that says what it is."""
    assert spec(target).name == name


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("", "a whole command in quotes"),
        ("uvx", "a whole command in quotes"),
        ('say "hello', "a quote that is not closed"),
        ("a\0b", "null character"),
        ("ftp://example.org/mcp", "begins with https://"),
        ("http://example.org/mcp", "plain http is for servers on this machine only"),
        ("http://127.0.0.1.example.org/mcp", "plain http is for servers on this machine only"),
        ("https://me:secret@example.org/mcp", "would be shown"),
        ("https://[broken/mcp", "begins with https://"),
        ("https://example.org/a b", "begins with https://"),
        ([], "is a command such as"),
        (7, "is a command such as"),
    ],
)
def test_refused_targets(target: Any, words: str) -> None:
    """What is no command and no address that may be used is refused in one line."""
    with pytest.raises(UsageError, match=words) as caught:
        spec(target)
    assert "secret" not in str(caught.value)


def test_refused_settings() -> None:
    """Settings that do not fit say what was expected."""
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"name": "a b"}, "1 to 24 ASCII letters"),
        ({"name": ""}, "1 to 24 ASCII letters"),
        ({"env": ["TOKEN"]}, "env must be a dictionary"),
        ({"env": {"A B": "1"}}, "names of variables"),
        ({"env": {"A": None}}, "must be a text"),
        ({"env": {"A": "$MISSING"}}, "MISSING is not set"),
        ({"env": {"A": "$EMPTY"}}, "EMPTY is not set"),
        ({"headers": {"A": "1"}}, "headers goes with an address"),
        ({"tools": 7}, "tools must be a list"),
        ({"confirm": "no"}, "confirm must be"),
    ]
    for how, words in wrong:
        with pytest.raises(UsageError, match=words):
            spec("echo hello", **how)
    with pytest.raises(UsageError, match="env goes with a command"):
        spec("https://example.org/mcp", env={"A": "1"})


def test_variables() -> None:
    """Variables of the environment are filled in where they are named, and show nowhere."""
    found = spec("echo x", env={"A": "$TOKEN", "B": "at ${HOST}", "C": "${NO:-none}", "D": "5$"})
    assert {n: v.reveal() for n, v in found.env.items()} == {
        "A": "t-123456789012",
        "B": "at example.org",
        "C": "none",
        "D": "5$",
    }
    far = spec("https://example.org/mcp", headers={"Authorization": "Bearer ${TOKEN}"})
    assert far.headers["Authorization"].reveal() == "Bearer t-123456789012"
    assert "t-123456789012" not in f"{found!r}{far!r}{found.question}"


def test_own_key() -> None:
    """No server is given a key of this session: not in its words, variables, headers or address."""
    key = (Secret("sk-secret-0123456789"),)
    given: list[tuple[str, dict[str, Any]]] = [
        ("echo sk-secret-0123456789", {}),
        ("echo x", {"env": {"KEY": "$TOKEN"}}),
        ("https://example.org/mcp?key=sk-secret-0123456789", {}),
        ("https://example.org/mcp", {"headers": {"x-key": "Bearer ${TOKEN}"}}),
    ]
    for target, how in given:
        with pytest.raises(UsageError, match="would be given the API key") as caught:
            server_spec(target, environ={"TOKEN": "sk-secret-0123456789"}, secrets=key, **how)
        assert "0123456789" not in str(caught.value)


def test_question() -> None:
    """The whole command is shown, with nothing in it unseen, and where it runs."""
    found = spec(["echo", "a b", "\x1b[31mred\u202e", "w" * 5_000], env={"A": "secret-1234"})
    assert "'a b'" in found.question
    assert "\x1b" not in found.question
    assert "\u202e" not in found.question
    assert "w" * 5_000 in found.question
    assert str(Path.cwd()) in found.question
    assert "variables A" in found.question
    assert "secret-1234" not in found.question
    with pytest.raises(UsageError, match="there is no program 'no-such-program'"):
        _ = spec("no-such-program x").question


def test_approvals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An approval holds for these words, this folder and these variables, in every kernel."""
    path = tmp_path / "state" / "commands.json"
    Approvals(path).add(spec("echo x", env={"A": "secret-1234"}))
    again = Approvals(path)
    assert spec("echo x", env={"A": "secret-1234"}, name="other") in again
    assert spec("echo y", env={"A": "secret-1234"}) not in again
    assert spec("echo x", env={"A": "another"}) not in again
    assert spec("echo x", env={"A": "secret-1234", "LD_PRELOAD": "x.so"}) not in again
    assert "secret-1234" not in path.read_text()
    assert "echo" not in json.loads(path.read_text())
    (kept,) = json.loads(path.read_text()).values()
    assert (kept["server"], type(kept["at"])) == ("echo", float)
    monkeypatch.chdir(tmp_path)
    assert spec("echo x", env={"A": "secret-1234"}) not in again
    path.write_text("no JSON")
    assert spec("echo x") not in Approvals(path)


def test_unwritable_approvals(tmp_path: Path) -> None:
    """Where nothing can be written an approval holds in this kernel."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    approvals = Approvals(blocked / "commands.json")
    approvals.add(spec("echo x"))
    assert spec("echo x") in approvals


def test_config(tmp_path: Path) -> None:
    """A configuration of other clients gives its servers, with variables filled in."""
    path = tmp_path / "mcp.json"
    servers = {
        "My Server!": {
            "command": "echo",
            "args": ["${HOST}", "${NO:-x}"],
            "env": {"A": "${TOKEN}"},
        },
        "far": {"type": "http", "url": "https://${HOST}/mcp", "headers": {"x-a": "$TOKEN"}},
        "off": {"command": "no-such", "disabled": True},
        "there": {"command": "echo", "cwd": str(tmp_path), "autoApprove": ["all"]},
    }
    path.write_text("\ufeff" + json.dumps({"mcpServers": servers}))
    mine, far, there = config_specs(path, environ=ENVIRON)
    assert (mine.name, mine.command) == ("My_Server", ("echo", "example.org", "x"))
    assert mine.env["A"].reveal() == far.headers["x-a"].reveal() == "t-123456789012"
    assert far.url == "https://example.org/mcp"
    assert (there.folder, there.confirm) == (str(tmp_path), None)
    assert config_specs({"servers": {"a": {"command": "echo"}}}, environ={})[0].name == "a"


ECHO = {"command": "echo", "args": ["x"]}
FORMS: list[dict[str, object]] = [
    {"mcpServers": {"a": ECHO}},
    {"servers": {"a": {"type": "stdio", **ECHO}}, "inputs": []},
    {"mcp": {"servers": {"a": ECHO}}},
    {"mcp": {"a": {"type": "local", "command": ["echo", "x"], "enabled": True}}},
    {"context_servers": {"a": {"source": "custom", **ECHO}}},
    {"context_servers": {"a": {"command": {"path": "echo", "args": ["x"]}}}},
    {"mcpServers": [{"name": "a", **ECHO}]},
    {"mcpServers": {"a": {"command": "echo x"}}},
    {"mcpServers": {"a": ECHO, "b": {"command": "no-such", "enabled": False}}},
]


@pytest.mark.parametrize("config", FORMS)
def test_forms_of_other_clients(config: dict[str, object]) -> None:
    """The same server, as each of the clients writes it down."""
    (found,) = config_specs(config, environ={})
    assert (found.name, found.command) == ("a", ("echo", "x"))


def test_further_words_of_other_clients(tmp_path: Path) -> None:
    """Addresses, tools that are wanted or not, comments, numbers and an editor's own variables."""
    path = tmp_path / "mcp.json"
    path.write_text(
        '{ // servers\n "mcpServers": {"a b": {"serverUrl": "https://a.org/mcp", /* all */},\n'
        '"a_b": {"httpUrl": "https://b.org//mcp", "includeTools": ["x"]},\n'
        '"c": {"command": "echo", "args": ["-p", 80, "${workspaceFolder}"], "env": {"D": true},'
        '"excludeTools": ["rm"], "disabledTools": "mv"},}}'
    )
    first, second, third = config_specs(path, environ={})
    assert (first.name, first.url) == ("a_b", "https://a.org/mcp")
    assert (second.name, second.url, second.tools) == ("a_b_2", "https://b.org//mcp", ("x",))
    assert third.command == ("echo", "-p", "80", str(Path.cwd()))
    assert third.env["D"].reveal() == "true"
    assert [name for name in ("rm", "mv", "ls") if third.wants(name)] == ["ls"]
    assert not second.wants("ls")


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("[", "is no JSON"),
        ('{"servers": {"a": {"command": "echo", "args": ["${input:key}"]}}}', "by the editor only"),
        ('{"servers": {"a": {"command": "echo", "envFile": "x.env"}}}', "envFile is not read"),
        ("[]", "an object with servers"),
        ('{"mcpServers": {}}', "got an object with mcpServers"),
        ('{"token": "secret"}', "got an object with token"),
        ('{"mcpServers": {"a": "echo"}}', 'a in .*expected an object with "command" or "url"'),
        ('{"mcpServers": {"a": {"args": ["secret"]}}}', "got an object with args"),
        ('{"mcpServers": {"a": {"command": "echo", "args": "x"}}}', "args must be a list"),
        ('{"mcpServers": {"a": {"command": ["echo"], "args": 7}}}', "args must be a list"),
        ('{"mcpServers": {"a": {"command": "echo", "excludeTools": 5}}}', "tools must be a list"),
        ('{"mcpServers": {"a": {"command": 5}}}', "expected a text, got 5"),
        ('{"mcpServers": {"a": {"command": "echo", "args": ["${NO}"]}}}', "NO is not set"),
        ('{"mcpServers": {"a": {"type": "sse", "url": "https://a.org"}}}', "SSE transport"),
        ('{"mcpServers": {"a": {"url": "http://a.org"}}}', "plain http"),
        ('{"mcpServers": {"a": {"command": "echo", "cwd": "/no/such"}}}', "no directory"),
        ('{"mcpServers": {"a": {"command": "x", "disabled": true}}}', "all servers .* disabled"),
    ],
)
def test_wrong_config(config: str, words: str, tmp_path: Path) -> None:
    """What a configuration lacks is said in one line, with the server's name and no secret."""
    path = tmp_path / "mcp.json"
    path.write_text(config)
    with pytest.raises(UsageError, match=words) as caught:
        config_specs(path, environ=ENVIRON)
    assert "secret" not in str(caught.value)
