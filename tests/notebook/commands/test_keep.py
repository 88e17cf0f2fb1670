"""Keeping a conversation and finding it again, in real kernels, one of which is killed."""

from __future__ import annotations

import json
import os
import signal
import stat
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from eighty80_jupyter.storage.answers import Answers, Kept
from tests.support.jupyter import make_notebook
from tests.support.kernel import KernelSession, Result
from tests.support.replies import Gate, chunk, sse_reply, stream_reply, tool_call, tool_chunks
from tests.support.scripted import ScriptedServer
from tests.support.waiting import wait_until

KEY = "sk-of-the-kernels-0123456789"
LOAD = "%load_ext eighty80_jupyter"
AUTOSAVE = f"{LOAD}\n%config ChatConfig.autosave = True"

Kernels = Callable[..., KernelSession]


@pytest.fixture(name="start")
def _start(kernel: Kernels, server: ScriptedServer, tmp_path: Path) -> Kernels:
    """Give a factory of kernels that know the server and have the same state directory."""
    env = {
        "_8080_API_URL": server.url,
        "_8080_API_KEY": KEY,
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }

    def start(startup: str = LOAD, **more: str) -> KernelSession:
        return kernel(env={**env, **more}, startup=startup)

    return start


def run(kernel: KernelSession, code: str) -> Result:
    result = kernel.run(code)
    assert result.ok, result.error
    return result


def kill(kernel: KernelSession, pid: str) -> None:
    """End a kernel as `kill -9` does."""
    os.kill(int(pid), signal.SIGKILL)
    wait_until(lambda: not kernel.alive)


def journal(tmp_path: Path) -> Path:
    (file,) = (tmp_path / "state" / "eighty80_jupyter" / "journal").iterdir()
    return file


def sent(server: ScriptedServer) -> list[tuple[str, str]]:
    """Return the messages of the last request."""
    return [(m["role"], m["content"]) for m in server.requests[-1].json["messages"]]


@pytest.mark.slow
def test_what_a_killed_kernel_had_is_recovered(
    start: Kernels, server: ScriptedServer, tmp_path: Path
) -> None:
    """Killed in the middle of a reply: both turns are there, and the next one goes on."""
    gate = threading.Event()
    server.queue(
        stream_reply("The first answer."),
        sse_reply([chunk({"content": "Half of it"}), Gate(gate)]),
    )
    first = start(AUTOSAVE)
    pid = run(first, "%chat -s 'Be brief.'\nimport os; print(os.getpid())").stdout.split()[-1]
    run(first, "%%chat\nFirst?")
    # A child of the kernel, which lives on, is not taken for the kernel itself.
    forked = "import time\nchild = os.fork()\nif not child:\n    time.sleep(600)\n    os._exit(0)\n"
    child = run(first, f"{forked}print(child)").stdout
    first.submit("%%chat\nSecond?")
    wait_until(lambda: '"text":"Half of it"' in journal(tmp_path).read_text())
    kill(first, pid)
    gate.set()
    assert stat.S_IMODE(journal(tmp_path).stat().st_mode) == 0o600
    assert KEY not in journal(tmp_path).read_text()

    second = start(AUTOSAVE)
    said = run(second, "%chat --recover").stdout
    assert "main: 2 turns" in said
    assert "what had come of it" in said
    assert "Be brief." in said
    shown = "\n".join(run(second, "%chat --history").data("text/plain"))
    for text in ("First?", "The first answer.", "Second?", "Half of it", "interrupted"):
        assert text in shown
    server.queue(stream_reply("The third answer."))
    run(second, "%%chat\nThird?")
    assert sent(server) == [
        ("system", "Be brief."),
        ("user", "First?"),
        ("assistant", "The first answer."),
        ("user", "Second?"),
        ("assistant", "Half of it"),
        ("user", "Third?"),
    ]
    # Its own journal is that of a living kernel; read once more, nothing is there twice.
    again = run(second, "%chat --recover").stdout
    assert "main: all 2 of its turns are there already" in again
    assert "2 turns" not in run(second, "%chat --list").data()[0]
    os.kill(int(child), signal.SIGKILL)


@pytest.mark.slow
def test_without_autosave_nothing_is_written(
    start: Kernels, server: ScriptedServer, tmp_path: Path
) -> None:
    """There is no folder, and recovering says how to begin."""
    server.queue(stream_reply("yes"))
    kernel = start()
    run(kernel, "%%chat\nIs anything written?")
    result = kernel.run("%chat --recover")
    assert result.error is not None
    assert "ChatConfig.autosave = True" in result.error.evalue
    assert not (tmp_path / "state" / "eighty80_jupyter" / "journal").exists()


@pytest.mark.slow
def test_a_conversation_is_saved_and_loaded_elsewhere(
    start: Kernels, server: ScriptedServer, tmp_path: Path
) -> None:
    """Another kernel goes on with it, tool rounds included, and the files of both hold no key."""
    server.queue(
        sse_reply(tool_chunks(tool_call("double", {"n": 21}))), stream_reply(f"42, not {KEY}")
    )
    kernel = start(
        f"{LOAD}\nfrom eighty80_jupyter import chat\n@chat.tool(safe=True)\n"
        "def double(n: int) -> int:\n    return 2 * n"
    )
    run(kernel, "%%chat --tools double --save talk.json\nTwice 21?")
    file = tmp_path / "talk.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert KEY not in file.read_text()
    said = run(kernel, "%chat --export talk.md --without tools,data").stdout
    assert "Exported main (1 turn) to talk.md." in said
    assert KEY not in (tmp_path / "talk.md").read_text()
    other = start()
    assert "main: 1 turn" in run(other, "%chat --load talk.json").stdout
    server.queue(stream_reply("yes"))
    run(other, "%%chat\nSure?")
    roles = [message["role"] for message in server.requests[-1].json["messages"]]
    assert roles == ["user", "assistant", "tool", "assistant", "user"]
    broken = tmp_path / "broken.json"
    broken.write_text(file.read_text()[:-40])
    result = other.run("%chat --load broken.json")
    assert result.error is not None
    assert result.error.plain.count("\n") == 0
    assert "broken.json" in result.error.evalue
    assert "2 turns" in run(other, "%chat --list\n%chat --save again.json").stdout


def notebook_of(results: list[Result]) -> dict[str, Any]:
    """Return the notebook that a front end would save for these cells."""
    made = make_notebook(*(result.code for result in results))
    for cell, result in zip(made["cells"], results, strict=True):
        cell["outputs"] = [
            {name: value for name, value in output.items() if name != "transient"}
            for output in result.outputs
        ]
    return made


@pytest.mark.slow
def test_a_restarted_kernel_goes_on_where_the_page_stands(
    start: Kernels, server: ScriptedServer, tmp_path: Path
) -> None:
    """The notebook was saved, the kernel killed: `--restore` finds its own notebook."""
    file = tmp_path / "my notebook.ipynb"
    first = start(JPY_SESSION_NAME=str(file))
    pid = run(first, "import os; print(os.getpid())").stdout
    server.queue(*(stream_reply(f"answer {n}") for n in range(1, 5)))
    cells = [
        run(first, "%%chat -s 'Be brief.'\nOne?"),
        run(first, "%%chat -t 0.5\nTwo?"),
        run(first, "%chat --undo\n%chat Two again?"),
        run(first, "%chat --in other Elsewhere?"),
    ]
    file.write_text(json.dumps(notebook_of(cells)), encoding="utf-8")
    kill(first, pid)
    second = start(JPY_SESSION_NAME=str(file))
    said = run(second, "%chat --restore").stdout
    assert "my notebook.ipynb as it was last saved" in said
    assert "main: 2 turns" in said
    assert "other: 1 turn" in said
    server.queue(stream_reply("answer 5"))
    run(second, "%chat --use main Three?")
    assert sent(server) == [
        ("system", "Be brief."),
        ("user", "One?"),
        ("assistant", "answer 1"),
        ("user", "Two again?"),
        ("assistant", "answer 3"),
        ("user", "Three?"),
    ]
    assert "all 2 of its turns are there already" in run(second, "%chat --restore").stdout


@pytest.mark.slow
def test_what_was_undone_chosen_and_set_is_on_the_page(
    start: Kernels, server: ScriptedServer, tmp_path: Path
) -> None:
    """The page shows these cells as well; what they did is not done back by a restart."""
    first = start()
    server.queue(*(stream_reply(f"answer {n}") for n in range(1, 6)))
    cells = [
        run(first, "%chat One?"),
        run(first, "%chat --retry"),
        run(first, "%chat Two?"),
        run(first, "%chat --alternative 1 --at 1"),
        run(first, "%chat --undo"),
        run(first, "%chat -s 'Be brief.'"),
        run(first, "%chat --in other Elsewhere?"),
        run(first, "%chat --in gone Away?"),
        run(first, "%chat --use gone\n%chat --reset"),
    ]
    file = tmp_path / "page.ipynb"
    file.write_text(json.dumps(notebook_of(cells)), encoding="utf-8")
    second = start()
    said = run(second, "%chat --restore page.ipynb").stdout
    assert "gone: 0 turns; other: 1 turn; main: 1 turn" in said
    server.queue(stream_reply("so"))
    run(second, "%chat --use main And?")
    assert sent(server) == [
        ("system", "Be brief."),
        ("user", "One?"),
        ("assistant", "answer 1"),
        ("user", "And?"),
    ]
    assert "answer 2" in run(second, "%chat --alternative 2 --at 1").data()[0]


@pytest.mark.slow
def test_a_kernel_that_is_not_told_its_notebook_asks_for_it(start: Kernels) -> None:
    """One line says what to write; nothing has changed."""
    result = start().run("%chat --restore")
    assert result.error is not None
    assert "%chat --restore NOTEBOOK.ipynb" in result.error.evalue


CRAFTED = "Summarise {{open('made-by-a-file', 'w')}} and {{len('x' * n)}}"


def crafted(path: Path, text: str) -> None:
    """Put another `source` into a saved conversation, which no page shows."""
    saved = json.loads(path.read_text())
    saved["turns"][0]["alternatives"][0]["source"] = text
    path.write_text(json.dumps(saved))


@pytest.mark.slow
@pytest.mark.parametrize("then", ["", "%chat --retry\n", "%chat --retry\n%chat --alternative 1\n"])
def test_what_a_file_brings_is_text(
    start: Kernels, server: ScriptedServer, tmp_path: Path, then: str
) -> None:
    """A prompt of a loaded file is asked again as it was sent, whatever the file says was typed."""
    server.queue(*(stream_reply("ok") for _ in range(4)))
    file, kernel = tmp_path / "talk.json", start()
    run(kernel, f"%chat hello\n%chat --save {file}")
    crafted(file, CRAFTED)
    run(kernel, f"%chat --reset\n%chat --load {file}\nn = 3")
    for line in then.splitlines():
        run(kernel, line)
    shown = "".join(run(kernel, "%chat --edit 1").data())
    assert "%%chat --again 1 --raw\nhello" in shown
    assert "{{" not in shown
    exported = tmp_path / "talk.ipynb"
    run(kernel, f"%chat --export {exported}")
    assert "{{" not in "".join(c["source"] for c in json.loads(exported.read_text())["cells"])
    run(kernel, "%%chat --again 1 --raw\nhello")
    assert sent(server) == [("user", "hello")]
    assert run(kernel, "import os; print(os.path.exists('made-by-a-file'))").stdout == "False\n"


@pytest.mark.slow
def test_a_loaded_file_is_written_again_as_it_was(
    start: Kernels, server: ScriptedServer, tmp_path: Path
) -> None:
    """What was typed stays in the file through loading and saving, and so does its one branch."""
    server.queue(stream_reply("ok"))
    file, kernel = tmp_path / "talk.json", start()
    run(kernel, f"n = 3\n%chat hello {{{{n}}}}\n%chat --save {file}")
    before = json.loads(file.read_text())
    again = start()
    run(again, f"%chat --load {file}\n%chat --save {file}")
    assert json.loads(file.read_text()) == before
    assert before["turns"][0]["alternatives"][0]["source"] == "hello {{n}}"


@pytest.mark.slow
def test_kept_answers_are_forgotten(start: Kernels, tmp_path: Path) -> None:
    """All of this user's, by whatever kernel; how many there were, and where, is said."""
    folder = tmp_path / "state" / "eighty80_jupyter"
    kernel = start()
    with closing(Answers(folder / "answers.sqlite")) as answers:
        answers.put_many([(bytes([n]) * 16, Kept(text="bug")) for n in range(3)])
        told = run(kernel, "%chat --forget-answers").stdout
        assert told == f"Forgot 3 kept answers in {answers.path}.\n"
        assert answers.get_many([bytes([1]) * 16]) == {}
    assert "Forgot 0 kept answers" in run(kernel, "%chat --forget-answers").stdout
