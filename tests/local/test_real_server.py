"""The embedded model's real server, and that it ends when it should."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import pytest

from eighty80_jupyter import local
from eighty80_jupyter.errors import LocalModelError
from eighty80_jupyter.local import model, server
from eighty80_jupyter.local.server import LocalServer
from tests.support.ports import free_port

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and forks as POSIX has them")

Parent: TypeAlias = Callable[[str], "subprocess.Popen[str]"]
Until: TypeAlias = Callable[[Callable[[], bool]], None]
IsGone: TypeAlias = Callable[[int], bool]

# The beginning of a program that starts a server and tells about it.
START = """
import json, os, signal, sys
from eighty80_jupyter.local import start
server = start()
print(json.dumps({"pid": server.pid, "url": server.url, "key": server.api_key}), flush=True)
"""


@pytest.fixture(scope="module")
def running(real_model: Path) -> Iterator[LocalServer]:
    """Return a server for the default model."""
    assert real_model.exists()
    with local.start() as started:
        yield started


@pytest.fixture(scope="module")
def http(running: LocalServer) -> Iterator[httpx.Client]:
    """Return a client that knows the server's address and no key."""
    with httpx.Client(base_url=running.url, trust_env=False, timeout=60) as client:
        yield client


def ask(client: httpx.Client, text: str, key: str | None, **more: Any) -> httpx.Response:
    """Ask the default model; None is no key at all."""
    body = {"model": "smollm2-135m-instruct", "messages": [{"role": "user", "content": text}]}
    return client.post(
        "/v1/chat/completions",
        headers={} if key is None else {"Authorization": f"Bearer {key}"},
        json={**body, "max_tokens": 8, **more},
    )


def read_line(process: subprocess.Popen[str]) -> Any:
    """Return the next thing that a parent tells."""
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def address(url: str) -> tuple[str, int]:
    """Return the host and the port in a URL."""
    host, _, port = url.removeprefix("http://").partition(":")
    return host, int(port)


def is_closed(url: str) -> bool:
    """Tell whether nobody listens at a URL."""
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex(address(url)) != 0


def test_fetched_file(real_model: Path) -> None:
    """The default model is the file that is known to work."""
    assert hashlib.sha256(real_model.read_bytes()).hexdigest() == model.SMOLLM2.sha256


def test_answers(running: LocalServer, http: httpx.Client) -> None:
    """With its key the server answers a question."""
    reply = ask(http, "Say hello.", running.api_key)
    assert reply.status_code == 200
    assert reply.json()["choices"][0]["message"]["content"]


def test_streams(running: LocalServer, http: httpx.Client) -> None:
    """It streams, too, and ends as the API does."""
    reply = ask(http, "Say hello.", running.api_key, stream=True)
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.text.count("data: {") >= 2
    assert reply.text.endswith("data: [DONE]\n\n")


def test_answers_two_at_once(running: LocalServer, http: httpx.Client) -> None:
    """Two requests at once are both answered."""
    with ThreadPoolExecutor(2) as pool:
        replies = list(pool.map(lambda text: ask(http, text, running.api_key), ["Hi.", "Ho."]))
    assert [reply.status_code for reply in replies] == [200, 200]


def test_model_list(running: LocalServer, http: httpx.Client) -> None:
    """The model is listed under its name, with the context of one request."""
    reply = http.get("/v1/models", headers={"Authorization": f"Bearer {running.api_key}"})
    (listed,) = reply.json()["data"]
    assert listed["id"] == running.model == "smollm2-135m-instruct"
    assert listed["meta"]["n_ctx"] == 2048


@pytest.mark.parametrize("key", [None, "x", "null"])
def test_wrong_key(http: httpx.Client, key: str | None) -> None:
    """Without the key, or with another one, the server refuses."""
    assert ask(http, "Hi.", key).status_code == 401


@pytest.mark.parametrize("path", ["/", "/props", "/slots", "/metrics"])
def test_nothing_else_is_open(http: httpx.Client, path: str) -> None:
    """No user interface is served, and nothing about the server's state without the key."""
    assert http.get(path).status_code in {401, 404}


def test_prompts_of_others_are_not_shown(running: LocalServer, http: httpx.Client) -> None:
    """Even with the key, nobody sees what the server is working on."""
    reply = http.get("/slots", headers={"Authorization": f"Bearer {running.api_key}"})
    assert reply.status_code == 501


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:8888"])
@pytest.mark.parametrize("method", ["OPTIONS", "POST", "GET"])
def test_no_web_page_may_read(
    running: LocalServer, http: httpx.Client, origin: str, method: str
) -> None:
    """No page in a browser is allowed to read answers, whatever its origin."""
    reply = http.request(
        method,
        "/v1/chat/completions" if method != "GET" else "/health",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Authorization": f"Bearer {running.api_key}",
        },
        json={"messages": [], "max_tokens": 1} if method == "POST" else None,
    )
    assert reply.headers.get("access-control-allow-origin", "") == ""
    assert reply.headers.get("access-control-allow-credentials", "false") == "false"


@pytest.mark.skipif(sys.platform != "linux", reason="reads the tables of Linux")
def test_listens_on_loopback_only(running: LocalServer) -> None:
    """The port is open on 127.0.0.1 and on no other address."""
    _, port = address(running.url)
    rows = [
        row.split()
        for table in ("tcp", "tcp6")
        for row in Path("/proc/net", table).read_text().splitlines()[1:]
    ]
    listening = [row[1] for row in rows if row[3] == "0A" and row[1].endswith(f":{port:04X}")]
    assert listening == [f"0100007F:{port:04X}"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads the tables of Linux")
def test_command_line_shows_no_key(running: LocalServer) -> None:
    """Neither the arguments nor the environment of the process contain the key."""
    for name in ("cmdline", "environ"):
        assert running.api_key.encode() not in Path(f"/proc/{running.pid}/{name}").read_bytes()


def test_close(real_model: Path, is_gone: IsGone, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing ends the process, by itself and not by a signal, and frees the port."""
    monkeypatch.setattr(server, "_CLOSE_SECONDS", 60.0)  # however busy the machine is
    started = local.start(real_model)
    assert not is_closed(started.url)
    started.close()
    assert started._process.returncode == 0
    assert is_gone(started.pid)
    assert is_closed(started.url)


def test_own_file_and_port(real_model: Path) -> None:
    """A file of the user's own is served under its name, on the port that was asked for."""
    port = free_port()
    with local.start(real_model, port=port) as started:
        assert started.url == f"http://127.0.0.1:{port}"
        assert started.model == real_model.stem


def test_context_is_limited_to_what_the_model_knows(real_model: Path) -> None:
    """Asking for more context than the model was trained for gives that of its training."""
    with server.LocalServer(real_model, model="m", n_ctx=10_000) as started:
        headers = {"Authorization": f"Bearer {started.api_key}"}
        url = f"{started.url}/v1/models"
        reply = httpx.get(url, headers=headers, trust_env=False, timeout=60)
    assert reply.json()["data"][0]["meta"]["n_ctx"] == 8192


def test_damaged_file(real_model: Path, tmp_path: Path) -> None:
    """A file that ends too early is an error that quotes the runtime."""
    path = tmp_path / "half.gguf"
    with real_model.open("rb") as file:
        path.write_bytes(file.read(5_000_000))
    with pytest.raises(LocalModelError, match="model is corrupted or incomplete"):
        local.start(path)


@pytest.mark.usefixtures("real_model")
def test_port_in_use() -> None:
    """A port that is taken is an error that says so."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LocalModelError, match=f"couldn't bind .*{port}"):
            local.start(port=port)


@posix
@pytest.mark.usefixtures("real_model")
def test_ends_when_the_parent_is_killed(parent: Parent, until: Until, is_gone: IsGone) -> None:
    """After SIGKILL of the process that started it, the server is gone."""
    process = parent(f"{START}sys.stdin.read()")
    told = read_line(process)
    assert not is_closed(told["url"])
    process.kill()
    until(lambda: is_gone(told["pid"]) and is_closed(told["url"]))


@posix
@pytest.mark.usefixtures("real_model")
def test_ends_when_the_parent_ends(parent: Parent, is_gone: IsGone) -> None:
    """The normal end of the process that started it closes it, and waits for that."""
    process = parent(START)
    told = read_line(process)
    assert process.wait(60) == 0
    assert is_gone(told["pid"])


@posix
@pytest.mark.usefixtures("real_model")
def test_fork_does_not_keep_it_alive(parent: Parent, until: Until, is_gone: IsGone) -> None:
    """A process that the parent has forked lives on, with the pipe; the server does not."""
    process = parent(
        f"{START}forked = os.fork()\n"
        "if forked: print(json.dumps(forked), flush=True)\n"
        "sys.stdin.read()"
    )
    told, forked = read_line(process), read_line(process)
    process.kill()
    until(lambda: is_gone(told["pid"]))
    assert not is_gone(forked)


@posix
@pytest.mark.usefixtures("real_model")
def test_fork_that_ends_does_not_end_it(parent: Parent) -> None:
    """A forked process that ends in the normal way, with its exit handlers, closes nothing."""
    process = parent(
        f"{START}forked = os.fork()\n"
        "if not forked: sys.exit(0)\n"
        "os.waitpid(forked, 0)\nprint(json.dumps(server.alive), flush=True)\nsys.stdin.read()"
    )
    told = read_line(process)
    assert read_line(process) is True
    assert httpx.get(f"{told['url']}/health", trust_env=False, timeout=60).status_code == 200


@posix
@pytest.mark.usefixtures("real_model")
def test_interrupt_does_not_end_it(parent: Parent) -> None:
    """An interrupt of the kernel, which goes to its process group, does not reach the server."""
    # A handler from the beginning: the interrupt may come as soon as the line is out.
    process = parent(
        "import signal\n"
        "signal.signal(signal.SIGINT, lambda *_: os.write(1, b'%r\\n' % int(server.alive)))"
        f"{START}sys.stdin.read()"
    )
    told = read_line(process)
    os.killpg(process.pid, signal.SIGINT)
    assert read_line(process) == 1
    assert os.getsid(told["pid"]) != os.getsid(process.pid)
    with httpx.Client(base_url=told["url"], trust_env=False, timeout=60) as client:
        assert ask(client, "Hi.", told["key"]).status_code == 200


@posix
@pytest.mark.usefixtures("real_model")
def test_ends_when_killed_while_it_answers(parent: Parent, until: Until, is_gone: IsGone) -> None:
    """A long answer under way does not keep the server alive."""
    process = parent(f"{START}sys.stdin.read()")
    told = read_line(process)
    body = {
        "stream": True,
        "ignore_eos": True,
        "max_tokens": 1500,
        "messages": [{"role": "user", "content": "Tell me a story."}],
    }
    with httpx.stream(
        "POST",
        f"{told['url']}/v1/chat/completions",
        json=body,
        headers={"Authorization": f"Bearer {told['key']}"},
        trust_env=False,
        timeout=60,
    ) as reply:
        next(reply.iter_lines())
        process.kill()
        until(lambda: is_gone(told["pid"]))


@posix
@pytest.mark.usefixtures("real_model")
def test_program() -> None:
    """`python -m eighty80_jupyter.local` serves until Ctrl-C and then ends with status 0."""
    with subprocess.Popen(
        [sys.executable, "-m", "eighty80_jupyter.local"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(model.__file__).parents[2],
    ) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            url = process.stdout.readline().strip().removeprefix("export _8080_API_URL=")
            key = process.stdout.readline().strip().removeprefix("export _8080_API_KEY=")
            with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
                assert ask(client, "Hi.", key).status_code == 200
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, said.strip()) == (0, "")
    assert is_closed(url)
