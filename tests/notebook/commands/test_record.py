"""A notebook that was recorded gives the same outputs in a kernel without a server or a key."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.kernel import KernelSession
from tests.support.replies import sse_reply, stream_reply, tool_call, tool_chunks
from tests.support.scripted import ScriptedServer

KEY = "sk-of-the-record-0123456789"
CELLS = (
    "data = [{'name': 'x' * 40, 'n': n} for n in range(60)]",
    "%%chat -t 0.3\nExplain {{data}} **briefly**",
    "@chat.tool(safe=True)\ndef add(a: int, b: int) -> int:\n    return a + b",
    "%%chat --tools add\nAdd 1 and 2",
    "chat.ask('aside', once=True).text",
)


def _outputs(kernel: KernelSession) -> list[str]:
    """Run the cells and return what each shows.

    Ids of a page are others every time, and so is the time of a tool, which runs anew.
    """
    shown = []
    for cell in CELLS:
        result = kernel.run(cell)
        assert result.ok, result.error
        told = f"{result.data('text/html')}{result.data()}{result.stdout}"
        told = re.sub(r"\d+ ms|tools [\d.]+ s", "TIME", told)
        shown.append(re.sub(r"[0-9a-f]{8,}", "ID", told))
    return shown


@pytest.mark.slow
@pytest.mark.parametrize("only", ["", " --only"])
def test_a_recorded_notebook_gives_the_same_outputs(
    kernel: Callable[..., KernelSession], server: ScriptedServer, tmp_path: Path, only: str
) -> None:
    """Prompts with data, tools and Python calls show the same, seconds among it, unsent."""
    server.queue(
        stream_reply("It is *a table*."),
        sse_reply(tool_chunks(tool_call("add", {"a": 1, "b": 2}))),
        stream_reply("It is 3."),
        stream_reply("Aside."),
    )
    load = "%load_ext eighty80_jupyter\nfrom eighty80_jupyter import chat\n"
    path = tmp_path / "study.jsonl"
    env = {"_8080_API_URL": server.url, "_8080_API_KEY": KEY}
    first = _outputs(kernel(env=env, startup=f"{load}%chat --record {path}"))
    assert KEY not in path.read_text()
    sent = len(server.requests)
    other = kernel(env={"_8080_API_URL": "https://api.example.org"}, startup=load)
    said = other.run(f"%chat --replay {path}{only}")
    assert "4 of them" in said.stdout
    assert _outputs(other) == first
    assert "It is 3." in first[3]
    assert len(server.requests) == sent
    missing = other.run("%%chat --once\nSomething else")
    assert not missing.ok
    expected = "UsageError: this request is not in" if only else "MissingKeyError: no API key"
    assert expected in str(missing.error)
    assert "by the server again" in other.run("%chat --replay off").stdout
    assert other.run(f"%chat --record {tmp_path / 'more.jsonl'}").ok
    assert "no file any more" in other.run("%chat --record off").stdout
    ended = other.run("import os\nprint(chat.config.record, os.path.exists('off'))")
    assert ended.stdout == "None False\n"
    refused = other.run(f"%chat --replay {tmp_path / 'none.jsonl'}")
    assert "there is no file" in str(refused.error)
