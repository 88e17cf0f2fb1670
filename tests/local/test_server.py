"""The server's process, with small programs in its place."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeAlias

import pytest

from eighty80_jupyter.errors import LocalModelError
from eighty80_jupyter.local import child, server
from eighty80_jupyter.local.server import LocalServer

Script: TypeAlias = Callable[[str], tuple[str, ...]]
IsGone: TypeAlias = Callable[[int], bool]
Parent: TypeAlias = Callable[[str], "subprocess.Popen[str]"]

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")

# The beginning and the end of every program that stands in for the child.
READ = "import json, os, signal, sys, time\nrequest = json.loads(sys.stdin.readline())\n"
ANSWER = "print(json.dumps({'url': 'http://127.0.0.1:1'}), flush=True)\n"
UNTIL_CLOSED = "sys.stdin.read()\n"


@pytest.fixture
def use(script: Script, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Run a program in the child's place."""
    return lambda body: monkeypatch.setattr(server, "CHILD", script(body))


Use: TypeAlias = Callable[[str], None]


def serve(**options: Any) -> LocalServer:
    """Start a server for a file that need not exist."""
    return LocalServer(Path("some.gguf"), model="some", n_ctx=64, **options)


def test_running_server(use: Use, is_gone: IsGone) -> None:
    """A server has an address, a name and a process, until it is closed."""
    use(READ + ANSWER + UNTIL_CLOSED)
    with serve() as running:
        assert (running.url, running.model, running.alive) == ("http://127.0.0.1:1", "some", True)
        assert repr(running) == "LocalServer(model='some', url='http://127.0.0.1:1', alive=True)"
    assert not running.alive
    assert is_gone(running.pid)
    running.close()  # no harm
    running.wait()  # nor this: it ended because it was told to


def test_key_stays_secret(use: Use, tmp_path: Path) -> None:
    """The key is another one each time, and goes to the child through the pipe only."""
    seen = tmp_path / "seen"
    use(
        f"{READ}open({str(seen)!r}, 'w').write(json.dumps([request, sys.argv, dict(os.environ)]))\n"
        + ANSWER
        + UNTIL_CLOSED
    )
    with serve() as first, serve(port=7) as second:
        request, *visible = json.loads(seen.read_text())
        assert request["api_key"] == second.api_key
        assert second.api_key not in json.dumps(visible)
        assert second.api_key not in repr(second)
        assert first.api_key != second.api_key
        assert len(second.api_key) >= 32


def test_environment(use: Use, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The child gets where things lie and which processors to use, and none of the user's keys."""
    keys = ("_8080_API_KEY", "OPENAI_API_KEY", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "LLAMA_API_KEY")
    for name in (*keys, "CUDA_VISIBLE_DEVICES", "GGML_LOG", "LC_ALL"):
        monkeypatch.setenv(name, "C.UTF-8")
    seen = tmp_path / "seen"
    write = f"open({str(seen)!r}, 'w').write(json.dumps(dict(os.environ)))\n"
    use(READ + write + ANSWER + UNTIL_CLOSED)
    with serve():
        given = json.loads(seen.read_text())
    assert not set(given) & set(keys)
    assert {"PATH", "CUDA_VISIBLE_DEVICES", "GGML_LOG", "LC_ALL"} <= set(given)
    assert given["PATH"] == os.environ["PATH"]


def test_request(use: Use, tmp_path: Path) -> None:
    """The child is told the file's absolute path, and the port and context that were asked for."""
    seen = tmp_path / "seen"
    use(f"{READ}open({str(seen)!r}, 'w').write(json.dumps(request))\n" + ANSWER + UNTIL_CLOSED)
    with serve(port=7):
        request = json.loads(seen.read_text())
    assert request["path"] == str(Path.cwd() / "some.gguf")
    assert (request["model"], request["port"], request["n_ctx"]) == ("some", 7, 64)


def test_other_output_is_passed_over(use: Use) -> None:
    """What the user's environment prints when Python starts is not taken for the answer."""
    use("print('Welcome!')\n" + READ + ANSWER + UNTIL_CLOSED)
    with serve() as running:
        assert running.alive


def test_failure_with_a_log(use: Use) -> None:
    """The error quotes what the runtime said, each line once and without its time stamp."""
    use(
        READ
        + "sys.stderr.write('0.00.005.771 E gguf: no header\\n' * 9 + '0.00.006.1 E srv: bye\\n')\n"
        "sys.exit(3)"
    )
    with pytest.raises(LocalModelError) as caught:
        serve()
    assert str(caught.value) == (
        "The server of the embedded model ended with status 3; gguf: no header; srv: bye. Check "
        "the model file, the port and the free memory, then start it again."
    )


def test_failure_with_a_long_log(use: Use) -> None:
    """Of a long log, the end is looked at, and little of it quoted."""
    use(READ + "sys.stderr.write(''.join(f'line {n}\\n' for n in range(9999)))\nsys.exit(3)")
    with pytest.raises(LocalModelError, match=r"; line 9998\. Check") as caught:
        serve()
    assert len(str(caught.value)) < 300


def test_failure_that_the_child_explains(use: Use) -> None:
    """What the child has to say to the user is the error."""
    use(READ + "print(json.dumps({'error': 'Do this.'}), flush=True)\n")
    with pytest.raises(LocalModelError, match=r"^Do this\.$"):
        serve()


def test_child_that_reads_nothing(use: Use) -> None:
    """A child that ends before it has read its request is the same kind of error."""
    use("import os, sys\nos.close(0)\nsys.exit(4)")
    with pytest.raises(LocalModelError, match="ended with status 4"):
        serve()


@posix
def test_failure_by_a_signal(use: Use) -> None:
    """A child that the system ends (no memory, no such instruction) is reported with the reason."""
    use(READ + "os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(LocalModelError, match=r"was ended by SIGKILL.*free memory"):
        serve()


@posix
def test_failure_later(use: Use) -> None:
    """A server that ends by itself is no longer alive, and waiting for it says why."""
    use(READ + ANSWER + "sys.stdin.read(1)\nsys.stderr.write('out of it')\nsys.exit(5)")
    with serve() as running:
        assert running._process.stdin is not None
        running._process.stdin.write(b"x")
        with pytest.raises(LocalModelError, match="ended with status 5; out of it"):
            running.wait()
        assert not running.alive


@posix
def test_loading_takes_too_long(use: Use, is_gone: IsGone, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that never gets ready is killed after the time allowed."""
    monkeypatch.setattr(server, "_CLOSE_SECONDS", 0.1)
    started: list[subprocess.Popen[bytes]] = []
    spawn = server._spawn

    def spawn_and_note(log: int) -> subprocess.Popen[bytes]:
        started.append(spawn(log))
        return started[-1]

    monkeypatch.setattr(server, "_spawn", spawn_and_note)
    use(f"{READ}time.sleep(600)")
    with pytest.raises(LocalModelError, match="was not ready after 1 s"):
        serve(timeout=1)
    assert is_gone(started[0].pid)


@posix
def test_interrupted_start(use: Use, tmp_path: Path, is_gone: IsGone) -> None:
    """An interrupt while the model loads leaves no process."""
    pid_file = tmp_path / "pid"
    use(
        f"{READ}open({str(pid_file)!r}, 'w').write(str(os.getpid()))\n"
        "os.kill(os.getppid(), signal.SIGINT)\n" + UNTIL_CLOSED
    )
    with pytest.raises(KeyboardInterrupt):
        serve()
    assert is_gone(int(pid_file.read_text()))


def test_end_of_the_process_waits_for_its_server(parent: Parent, script: Script) -> None:
    """A process that ends without closing its server closes it then, and waits for its end."""
    command = script(f"{READ}{ANSWER}{UNTIL_CLOSED}time.sleep(0.5)\nopen(__file__ + '.end', 'w')")
    process = parent(
        "from pathlib import Path\nfrom eighty80_jupyter.local import server\n"
        f"server.CHILD = {command!r}\nserver._CLOSE_SECONDS = 60\n"
        "running = server.LocalServer(Path('some.gguf'), model='some', n_ctx=64)"
    )
    assert process.wait(60) == 0
    assert Path(f"{command[-1]}.end").exists()


@posix
def test_child_that_does_not_end(
    use: Use, monkeypatch: pytest.MonkeyPatch, is_gone: IsGone
) -> None:
    """A child that ignores the order to end is killed."""
    monkeypatch.setattr(server, "_CLOSE_SECONDS", 0.1)
    use(READ + ANSWER + "time.sleep(600)")
    running = serve()
    running.close()
    assert is_gone(running.pid)


def test_python_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """When no process can be started, the error says with what it was tried."""
    monkeypatch.setattr(server, "CHILD", ("/no/such/program",))
    with pytest.raises(LocalModelError, match="cannot be started with"):
        serve()


@posix
def test_fork_does_not_own_the_server(use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process forked from the owner, closing does nothing."""
    use(READ + ANSWER + UNTIL_CLOSED)
    with serve() as running:
        with monkeypatch.context() as forked:
            forked.setattr(os, "getpid", lambda: 1)
            running.close()
            assert not running.alive
        assert running.alive


@pytest.mark.parametrize(("cores", "expected"), [(1, 1), (2, 1), (8, 7)])
def test_threads(monkeypatch: pytest.MonkeyPatch, cores: int, expected: int) -> None:
    """One of the cores that this process may use stays free, where the system can tell them."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    assert server.threads() == expected
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert server.threads() == expected


def test_threads_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system does not know its cores, one thread is used."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert server.threads() == 1


def test_missing_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without xllamacpp the error says how to install it and what to do where that fails."""
    found = {"pip": "a pip"}
    monkeypatch.setattr("importlib.util.find_spec", found.get)
    words = r"pip install 'eighty80-jupyter\[local\]'.*no wheel.*8080_API_URL"
    with pytest.raises(LocalModelError, match=f"installed: {words}"):
        server.require_runtime()
    found.clear()  # as in an environment that uv has made
    with pytest.raises(LocalModelError, match=f"installed: uv {words}"):
        server.require_runtime()


def test_runtime_that_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """A runtime that the child cannot import is an error that says so."""
    # -S: no site-packages, hence no xllamacpp.
    monkeypatch.setattr(server, "CHILD", (sys.executable, "-S", *server.CHILD[1:]))
    with pytest.raises(LocalModelError, match=r"cannot be imported.*eighty80-jupyter\[local\]"):
        serve()


REQUEST = {
    "path": "/a.gguf",
    "model": "a",
    "api_key": "the key",
    "port": 0,
    "n_ctx": 100,
    "n_parallel": 2,
    "n_threads": 3,
}


def runtime_params(**more: Any) -> SimpleNamespace:
    """Return what stands in for the runtime's parameters."""
    return SimpleNamespace(
        model=SimpleNamespace(),
        cpuparams=SimpleNamespace(),
        cpuparams_batch=SimpleNamespace(),
        **more,
    )


def test_settings_of_the_runtime() -> None:
    """The runtime gets the key, loopback, no origin, and the context of each request."""
    params = child.configure(runtime_params(cors_origins="*", hostnames=["0.0.0.0"]), REQUEST)
    assert params.api_keys == ["the key"]
    assert params.hostnames == ["127.0.0.1"]
    assert params.cors_origins == ""
    assert params.cors_credentials is False
    assert params.n_ctx == 200
    assert params.model_alias == {"a"}
    assert params.cpuparams.n_threads == params.cpuparams_batch.n_threads == 3


def test_settings_of_an_older_runtime() -> None:
    """A runtime with one host name instead of many is told the same."""
    params = child.configure(runtime_params(cors_origins="*", hostname="0.0.0.0"), REQUEST)
    assert params.hostname == "127.0.0.1"


def test_runtime_that_is_too_old() -> None:
    """A runtime that cannot be told to keep web pages out is refused."""
    with pytest.raises(child.UnusableRuntimeError, match="pip install -U xllamacpp"):
        child.configure(runtime_params(hostname="127.0.0.1"), REQUEST)


def test_runtime_that_listens_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A runtime that does not listen on loopback is refused."""
    fake = SimpleNamespace(
        CommonParams=lambda: runtime_params(cors_origins="*"),
        Server=lambda _: SimpleNamespace(listening_address="http://0.0.0.0:8080"),
    )
    monkeypatch.setitem(sys.modules, "xllamacpp", fake)
    with pytest.raises(child.UnusableRuntimeError, match=r"127\.0\.0\.1 only, got http://0\.0"):
        child.serve(REQUEST)
