"""Half a surrogate pair in every place where text comes in, in a real kernel."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.kernel import KernelSession
from tests.support.replies import sse_reply, stream_reply, tool_call, tool_chunks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.scripted import ScriptedServer

pytestmark = pytest.mark.slow

SETUP = """
%load_ext eighty80_jupyter
import os
from eighty80_jupyter import chat
import pandas as pd
bad = "half \\ud800 of \\udcff it"
shell = get_ipython()
frame = pd.DataFrame([[bad], ["b"]], columns=pd.Index([bad], dtype=object), dtype=object)
frame_of = {bad: [bad] * 40, "n": 1}
class Odd:
    def __repr__(self):
        return bad
    __str__ = __repr__
odd = Odd()
@chat.tool(safe=True)
def look() -> str:
    \"\"\"Look.\"\"\"
    return bad
"""


@pytest.fixture(name="kernel", scope="module")
def _shared_kernel() -> Iterator[KernelSession]:
    with KernelSession(startup=SETUP) as kernel:
        yield kernel


@pytest.fixture(autouse=True)
def _fresh(kernel: KernelSession, server: ScriptedServer) -> None:
    result = kernel.run(
        f"os.environ.update(_8080_API_URL={server.url!r}, _8080_API_KEY='sk-odd-text-test')\n"
        "chat.conversation.reset(); chat.conversation.system = None; chat.config.max_retries = 0"
    )
    assert result.ok, result.error


ENTRIES = {
    "prompt": "shell.run_line_magic('chat', bad)",
    "cell": "shell.run_cell_magic('chat', '', bad)",
    "system": "shell.run_cell_magic('chat', f'--system \"{bad}\"', 'hello')",
    "stop": "shell.run_cell_magic('chat', f'--stop \"{bad}\"', 'hello')",
    "value": "shell.run_cell_magic('chat', '', 'x {{bad}}')",
    "value in quotes": "shell.run_cell_magic('chat', '', 'x {{bad!r}}')",
    "frame": "shell.run_cell_magic('chat', '', 'x {{frame}}')",
    "frame as csv": "shell.run_cell_magic('chat', '', 'x {{frame:csv}}')",
    "dictionary": "shell.run_cell_magic('chat', '', 'x {{frame_of}}')",
    "object": "shell.run_cell_magic('chat', '', 'x {{odd}}')",
    "python": "chat.ask(bad)",
    "python system": "chat.ask('hello', system=bad)",
    "python parameters": "chat.ask('hello', stop=[bad], user=bad)",
    "parts": "chat.ask([bad, frame, bad])",
    "conversation": "chat.conversation.system = bad; chat.ask('hello')",
    "setting": "chat.config.system = bad; chat.ask('hello'); chat.config.system = None",
    "part": "chat.ask([{'type': 'text', 'text': bad}])",
}


@pytest.mark.parametrize("name", ENTRIES)
def test_what_is_sent_is_text(
    kernel: KernelSession, server: ScriptedServer, tmp_path: Path, name: str
) -> None:
    """The request is JSON without half a pair, the cell ends well, and all goes on from there."""
    server.queue(stream_reply("ok"), stream_reply("ok"))
    result = kernel.run(ENTRIES[name])
    assert result.ok, result.error
    text = json.dumps(server.requests[-1].json, ensure_ascii=False)
    text.encode()
    assert "half \ufffd of \ufffd it" in text or "half \\\\ud800 of" in text  # a repr
    for command in (
        "%chat --history",
        "%chat --dry-run again",
        f"%chat --export {tmp_path / 'talk.md'}",
        f"%chat --export {tmp_path / 'talk.html'}",
        f"%chat --export {tmp_path / 'talk.ipynb'}",
        f"%chat --save {tmp_path / 'talk.json'}",
        f"%chat --load {tmp_path / 'talk.json'}",
        "%chat and then",
        "panel = chat.panel(); panel.close()",
    ):
        done = kernel.run(command)
        assert done.ok, (command, done.error)
        assert not done.stderr, (command, done.stderr)


def test_tool_results_and_names(kernel: KernelSession, server: ScriptedServer) -> None:
    """A tool's result goes back as text; a name that is none is refused in one line."""
    server.queue(sse_reply(tool_chunks(tool_call("look", {}))), stream_reply("ok"))
    result = kernel.run("%chat --tools look what is there?")
    assert result.ok, result.error
    assert server.requests[-1].json["messages"][-1]["content"] == "half \ufffd of \ufffd it"
    for line in ("--new", "--fork", "--use", "--in"):
        refused = kernel.run(f"shell.run_line_magic('chat', f'{line} \"{{bad}}\"')")
        assert refused.error is not None
        assert "\n" not in refused.error.plain.strip()


def test_file_names(kernel: KernelSession, server: ScriptedServer, tmp_path: Path) -> None:
    """A file whose name is no text can be written and read, and is named in a line."""
    server.queue(stream_reply("ok"), stream_reply("ok"))
    kernel.run("%chat hello")
    kernel.run(f"name = {str(tmp_path)!r} + '/' + os.fsdecode(b'f\\xff')")
    for line in ("--save", "--load"):
        result = kernel.run(f"shell.run_line_magic('chat', f'{line} {{name}}.json')")
        assert result.ok, result.error
    missing = kernel.run("shell.run_line_magic('chat', f'--load {name}')")
    assert missing.error is not None
    assert "there is no file" in missing.error.plain
    assert kernel.run("%chat still here").ok
