"""`--vary`: answers side by side in a cell, outside the conversation until one is kept."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.kernel import KernelSession
from tests.support.replies import Gate, Reply, chunk, error_reply, sse_reply, stream_reply
from tests.support.scripted import ScriptedServer
from tests.support.wire import Request

pytestmark = pytest.mark.slow

LOAD = "%load_ext eighty80_jupyter\nfrom eighty80_jupyter import chat"


@pytest.fixture(scope="module", name="both")
def _both(
    jupyter_home: dict[str, str],
) -> Iterator[tuple[KernelSession, ScriptedServer]]:
    with ScriptedServer() as server:
        env = {"_8080_API_URL": server.url, "_8080_API_KEY": "sk-vary-test-0123456789"}
        with KernelSession(env={**jupyter_home, **env}, startup=LOAD) as kernel:
            yield kernel, server


@pytest.fixture(name="kernel")
def _kernel(both: tuple[KernelSession, ScriptedServer]) -> KernelSession:
    kernel, server = both
    server.reset()
    kernel.run("%chat --reset")
    return kernel


@pytest.fixture(name="server")
def _server(both: tuple[KernelSession, ScriptedServer]) -> ScriptedServer:
    return both[1]


def by_parameter(name: str) -> Callable[[Request], Reply | None]:
    """Answer each request with what it was asked with, by the parameter or the last message."""

    def answer(request: Request) -> Reply | None:
        if request.method != "POST":
            return None
        asked = request.json
        return stream_reply(f"{name} {asked.get(name)}: {asked['messages'][-1]['content']}")

    return answer


def page(kernel: KernelSession, code: str) -> str:
    result = kernel.run(code)
    assert result.ok, result.error
    return "".join(result.data("text/html"))


def turns(kernel: KernelSession) -> list[list[str]]:
    code = "import json; print(json.dumps([[t.prompt, t.reply.text] for t in chat.conversation]))"
    found: list[list[str]] = json.loads(kernel.run(code).stdout)
    return found


def test_columns_stand_outside_the_conversation_until_one_is_kept(
    kernel: KernelSession, server: ScriptedServer
) -> None:
    """Each value is asked once with the history; the kept answer becomes a turn."""
    server.queue(stream_reply("before"))
    kernel.run("%%chat\nFirst")
    server.handler = by_parameter("temperature")
    shown = page(kernel, "%%chat --vary temperature=0,0.7 --into r\nSecond")
    assert "1: temperature = 0<" in shown
    assert "2: temperature = 0.7<" in shown
    asked = [request.json for request in server.chats[1:]]
    assert sorted(one["temperature"] for one in asked) == [0, 0.7]
    assert all(one["messages"][0]["content"] == "First" for one in asked)
    assert turns(kernel) == [["First", "before"]]
    assert kernel.run("print([x.text for x in r])").stdout.count("temperature") == 2
    assert "temperature 0.7: Second" in page(kernel, "%chat --keep 2")
    assert turns(kernel)[1:] == [["Second", "temperature 0.7: Second"]]
    page(kernel, "%chat --keep 1")
    assert [text for _, text in turns(kernel)][1:] == [turns(kernel)[1][1]]
    assert "temperature 0" in turns(kernel)[1][1]
    assert "0.7" not in turns(kernel)[1][1]


def test_what_is_asked_aside_is_left_nowhere(kernel: KernelSession, server: ScriptedServer) -> None:
    """Columns stay with their conversation, to be exported; with --once they do not."""
    server.handler = by_parameter("seed")
    before = "print(len(chat.conversation.comparisons))"
    first = int(kernel.run(before).stdout)
    page(kernel, "%%chat --once --vary seed=1,2\nx")
    assert int(kernel.run(before).stdout) == first
    page(kernel, "%%chat --vary seed=1,2\nx")
    assert int(kernel.run(before).stdout) == first + 1


def test_samples_of_one_setting_are_told_apart(
    kernel: KernelSession, server: ScriptedServer
) -> None:
    """Each column has the settings above it, and the number of the sample."""
    server.handler = by_parameter("seed")
    shown = page(kernel, "%%chat --once --vary prompts --vary samples=2\nx\n---\ny")
    headings = [f"prompt {p}, sample {s}" for p in (1, 2) for s in (1, 2)]
    at = [shown.index(f"{number}: {text}") for number, text in enumerate(headings, 1)]
    assert at == sorted(at)


def test_two_parameters_make_a_grid(kernel: KernelSession, server: ScriptedServer) -> None:
    """Every pair is asked, row by row; the first parameter's values stand beside each other."""
    server.handler = by_parameter("seed")
    shown = page(kernel, "%%chat --once --vary seed=1,2,3 --vary model=a,b\nx")
    made = [(r.json["model"], r.json["seed"]) for r in server.chats]
    assert sorted(made) == [(m, s) for m in "ab" for s in (1, 2, 3)]
    at = [shown.index(f"{n}: seed = {s}, model = {m}") for n, (m, s) in enumerate(sorted(made), 1)]
    assert at == sorted(at)
    assert "repeat(3, " in shown


def test_prompts_are_parted_by_lines_of_dashes(
    kernel: KernelSession, server: ScriptedServer
) -> None:
    """Each prompt has its fields filled, with a parameter they make a grid; a rule inside stays."""
    server.handler = by_parameter("temperature")
    kernel.run("word = 'tiger'")
    shown = page(kernel, "%%chat --once --vary prompts\nShort: {{word}}\n---\nLong: {{word}} ---x")
    assert "prompt 1" in shown
    sent = sorted(r.json["messages"][-1]["content"] for r in server.chats)
    assert sent == ["Long: tiger ---x", "Short: tiger"]
    page(kernel, "%%chat --once --vary temperature=0,1\na\n---\nb")
    made = [(r.json["messages"][-1]["content"], r.json["temperature"]) for r in server.chats[2:]]
    assert sorted(made) == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]


def test_equal_answers_are_marked_and_differences_shown(
    kernel: KernelSession, server: ScriptedServer
) -> None:
    """What is the same says so; words that differ are marked; hostile text stays text."""
    hostile = "<img src=x onerror=alert(1)>"

    def answer(request: Request) -> Reply | None:
        if request.method != "POST":
            return None
        return stream_reply(f"one two {hostile}" if request.json["seed"] < 3 else "one three")

    server.handler = answer
    shown = page(kernel, "%%chat --once --vary seed=1,2,3\nx")
    assert "2: seed = 2 · the same answer as 1" in shown
    assert "<mark>three</mark>" in shown
    assert "<img" not in shown


def test_failed_columns_say_why(kernel: KernelSession, server: ScriptedServer) -> None:
    """One error leaves the others; where all fail, the cell fails with the first."""

    def answer(request: Request) -> Reply | None:
        if request.method != "POST":
            return None
        bad = request.json["model"] == "bad"
        return error_reply(404, "no such model") if bad else stream_reply("fine")

    server.handler = answer
    shown = page(kernel, "%%chat --once --vary model=good,bad\nx")
    assert "fine" in shown
    assert "no such model" in shown
    failed = kernel.run("%%chat --once --vary model=bad,bad\nx")
    assert failed.error is not None
    assert failed.error.ename == "NotFoundError"


def test_an_interrupt_keeps_what_had_come(kernel: KernelSession, server: ScriptedServer) -> None:
    """The columns stay with what they had, the conversation as it was, and one can be kept."""
    gate = threading.Event()

    def answer(request: Request) -> Reply | None:
        if request.method != "POST":
            return None
        if request.json["seed"] == 1:
            return stream_reply("whole")
        return sse_reply([chunk({"content": "half of it"}), Gate(gate)])

    server.handler = answer
    running = kernel.submit("%%chat --vary seed=1,2\nx")
    kernel.wait_for(lambda: all(w in str(running.outputs) for w in ("half of it", "whole")))
    kernel.interrupt()
    kernel.finish(running)
    gate.set()
    assert running.error is not None
    assert running.error.ename == "ChatInterrupted"
    assert "half of it" in "".join(running.data("text/html"))
    assert turns(kernel) == []
    page(kernel, "%chat --keep 2")
    assert turns(kernel) == [["x", "half of it"]]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--vary temperature", "--vary takes NAME=VALUES"),
        ("--vary temperature=hot", "temperature"),
        ("--vary colour=1,2", "unknown parameter to compare colour"),
        ("--vary seed=1..100", "seed"),
        ("--vary seed=1,2 --vary seed=3,4", "two different parameters"),
        ("--vary seed=1,2 --vary top_p=0.1,1 --vary temperature=0,1", "two directions"),
        ("--vary seed=1,2,3,4,5 --vary top_p=0.1,0.2,0.3,0.4", "these are 20 answers"),
        ("--vary prompts", "there is one"),
        ("--vary seed=1,2 -n 2", "-n"),
        ("--vary seed=1,2 --tools all", "--vary and --tools do not go together"),
        ("--vary seed=1,2 --retry", "--vary and --retry do not go together"),
        ("--vary samples=0", "n samples takes a number from 1 to 8"),
    ],
)
def test_what_cannot_be_varied_is_one_line(
    kernel: KernelSession, server: ScriptedServer, line: str, said: str
) -> None:
    """What was expected is told, and nothing is sent."""
    result = kernel.run(f"%%chat {line}\nHi")
    assert result.error is not None
    assert said in result.error.evalue
    assert server.chats == []


def test_keep_without_columns_is_one_line(kernel: KernelSession, server: ScriptedServer) -> None:
    """A number that no column has is refused with those that there are."""
    server.handler = by_parameter("seed")
    page(kernel, "%%chat --once --vary samples=2\nx")
    result: Any = kernel.run("%chat --keep 3")
    assert "answers 1 to 2" in result.error.evalue
