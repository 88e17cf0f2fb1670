"""Whatever a server or a file writes, no output of any command has it for the page to obey."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from eighty80_jupyter.notebook.commands.registry import COMMANDS
from tests.data.markdown_checks import formulas, parse
from tests.support.kernel import KernelSession
from tests.support.replies import (
    chunk,
    error_reply,
    models_reply,
    sse_reply,
    text_chunks,
    tool_call,
    tool_chunks,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.data.markdown_checks import Node
    from tests.support.kernel import Result
    from tests.support.replies import Reply
    from tests.support.scripted import ScriptedServer

MATH = r"$\def\alpha{PWNED}x$ \(\href{http://h.test}{C}\)"
NAME = r"$\def\alpha{PWNED}x$ <img src=x onerror=pwned(1)>"  # of a conversation: it can be printed
EVIL = f"{MATH} {NAME} \x1b]52;c;AAAA\x07\x9b2J"
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")  # of IPython's tracebacks
TOOL = """
@chat.tool(confirm=False)
def look(text: str) -> str:
    "Look something up."
    if "fail" in text:
        raise ValueError(text)
    return text
"""
WIDGETS = """
import dataclasses, json, ipywidgets.widgets.widget
from eighty80_jupyter.notebook.panel.streaming import finished_parts
states = [w.get_state() for w in list(ipywidgets.widgets.widget._instances.values())]
parts = [dataclasses.asdict(part) for turn in chat.conversation
         for part in finished_parts(turn.exchange, images=False)]
print("STATES" + json.dumps([states, parts], default=str))
"""


@pytest.fixture(name="kernel")
def _kernel(server: ScriptedServer, tmp_path: Path) -> Iterator[KernelSession]:
    server.route("GET", "/v1/models", models_reply(EVIL, "other"))
    env = {"_8080_API_URL": server.url, "_8080_API_KEY": "sk-pages"}
    with KernelSession(env=env, cwd=tmp_path) as kernel:
        kernel.run("%load_ext eighty80_jupyter\nfrom eighty80_jupyter import chat\n" + TOOL)
        kernel.run("chat.config.max_retries = 1; chat.config.tools = 'all'")
        yield kernel


def renamed(reply: Mapping[str, Any]) -> dict[str, Any]:
    """Return a chunk that comes from a model with a hostile name."""
    return {**reply, "model": EVIL, "id": EVIL, "system_fingerprint": EVIL}


def answer() -> Reply:
    """Return a reply that is hostile wherever it can be."""
    chunks = [chunk({"reasoning": EVIL}), *text_chunks(f"Text {EVIL}\n\n```{EVIL}\n{EVIL}\n```\n")]
    return sse_reply([renamed(c) for c in [*chunks[:-1], chunk(finish_reason=EVIL)]])


def walk(node: Node) -> Iterator[Node]:
    """Give all elements of a tree."""
    for child in node[2]:
        if not isinstance(child, str):
            yield child
            yield from walk(child)


def check_html(html: str) -> None:
    """Check that nothing in it runs, is fetched or is typeset."""
    assert formulas(html) == []
    tree = parse(re.sub(r"<style>.*?</style>", "", html))
    for tag, attributes, _ in walk(tree):
        assert tag not in ("img", "script", "iframe", "object", "svg", "style")
        assert not [name for name in attributes if name.startswith("on")]


def check(result: Result, *, ok: bool = True) -> str:
    """Check all that a cell has shown; return it."""
    assert result.ok is ok, result.error
    seen = result.stdout + result.stderr
    pages = ""
    for output in result.outputs:
        data = output.get("data", {})
        assert set(data) <= {
            "text/html",
            "text/latex",
            "text/plain",
            "application/vnd.jupyter.widget-view+json",
        }
        assert "\\def" not in data.get("text/latex", "")
        if "text/html" in data:
            check_html(data["text/html"])
            pages += data["text/html"]
        seen += data.get("text/plain", "")
    if result.error is not None:
        seen += COLOURS.sub("", result.error.traceback)
    assert not CONTROLS.search(seen)
    return seen + pages


# What else there is: the line, the answers that it takes, and whether it ends well.
OTHERS = (
    ("%%chat --vary samples=2 --once\nagain", 2, True),
    ("%chat --keep 1", 0, True),
    ("%chat --record $x$.jsonl", 0, True),
    ("%%chat --once\nrecorded", 1, True),
    ("%chat --replay $x$.jsonl --only", 0, True),
    ("%%chat --once\nnot recorded", 0, False),
    ("%chat --set replay=default record=default", 0, True),
    ("%chat --forget-answers", 0, True),
    (f"%chat --preset-save kept --system '{MATH}'", 0, True),
    (f"%chat --preset-save '{MATH}'", 0, False),
    (f"%chat --mcp '{MATH}'", 0, False),
    ("%chat --mcp-list", 0, True),
    (f"%chat --mcp-stop '{MATH}'", 0, False),
)


@pytest.mark.slow
def test_no_command_shows_what_a_page_would_obey(
    kernel: KernelSession, server: ScriptedServer, tmp_path: Path
) -> None:
    """Names, models, errors, tools and texts are shown as text by every command of the line."""
    walked: set[str] = set()

    def run(line: str, *replies: Reply, ok: bool = True) -> str:
        server.queue(*replies)
        walked.update(option.replace("-", "_") for option in re.findall(r"(?<=--)[a-z-]+", line))
        return check(kernel.run(line), ok=ok)

    (tmp_path / "$x$.txt").write_text(MATH)
    assert "PWNED" in run("%chat --models")
    assert "PWNED" in run(f"%chat --new='{NAME}'")
    assert "PWNED" in run(f"%%chat --system '{MATH}' -m '{MATH}'\n{NAME}", answer())
    run("%%chat\nagain", error_reply(503, EVIL), answer())  # a note, and the quiet line
    run("%%chat\nagain", error_reply(400, EVIL, code=EVIL, type=EVIL), ok=False)
    run("%%chat\nagain", error_reply(401, EVIL), ok=False)
    run("%%chat -n 2 --no-tools\nagain", answer())
    looks = [tool_call("look", {"text": text}) for text in (EVIL, f"fail {EVIL}")]
    for call in (*looks, tool_call(EVIL, {}), tool_call("look", EVIL)):
        calls = sse_reply([renamed(c) for c in tool_chunks(call)])
        run("%%chat\ncall", calls, answer())
    run(
        "%%chat\ncut",
        sse_reply([renamed(chunk({"content": EVIL})), {"error": {"message": EVIL}}]),
        ok=False,
    )
    run(f"%%chat --dry-run\n{NAME}")
    run(f"%chat --fork='{MATH}'")
    run("%%chat\nonce more", answer())
    for line in (
        "--status",
        "--history",
        "--history 1-2",
        "--list",
        "--tools-list",
        "--set",
        f"--set system='{MATH}'",
        "--set",
        "--code",
        "--edit 1",
        "--save kept.json",
        "--export page.html",
        "--export page.md",
        "--export page.ipynb",
        "--status",
    ):
        run(f"%chat {line}")
    run("%chat --retry", answer())
    run("%chat --alternative 1")
    run("%chat --undo")
    run("%chat --load kept.json")
    run("%chat --restore page.ipynb")
    run("%chat --recover", ok=False)  # no kernel of this test has been killed
    run("%chat --list")
    run(f"%chat --use='{MATH}'")
    run("%chat --use=nothing", ok=False)
    run("%chat --status")
    for line, replies, ok in OTHERS:
        run(line, *(answer() for _ in range(replies)), ok=ok)
    for line in ("chat.conversation", "chat.conversation[0]", "chat.conversation[0].reply", "chat"):
        run(line)
    run("%chat --panel")
    listed = kernel.run(WIDGETS)
    assert listed.ok, listed.error
    states, parts = json.loads(listed.stdout.partition("STATES")[2])
    for state in states:
        assert state.get("_view_name") != "LabelView"
        assert "$" not in str(state.get("description", ""))
        if state.get("_view_name") in ("HTMLView", "HTMLMathView"):
            check_html(state["value"])
    assert parts
    for part in parts:
        for html in (*part["blocks"], part["tail"]):
            check_html(html)
    run("%chat --reset")
    run("%chat --remote")
    # A key is never there; the model of the machine has no fields of a server.
    assert set(COMMANDS) - walked <= {"key", "local"}


@pytest.mark.slow
def test_no_export_holds_what_a_page_would_obey(
    kernel: KernelSession, server: ScriptedServer, tmp_path: Path
) -> None:
    """A page, a notebook and a document that are made of a conversation are as harmless."""
    server.queue(answer())
    check(kernel.run(f"%chat --new='{NAME}'"))
    check(kernel.run(f"%%chat\n{NAME}"))
    for name in ("a.html", "a.md", "a.ipynb"):
        check(kernel.run(f"%chat --export {name}"))
    html = (tmp_path / "a.html").read_text()
    check_html(
        re.sub(
            r"(?s)<style>.*?</style>|<title>.*?</title>|<!doctype html>|<!--.*?-->|<meta [^>]*>",
            "",
            html,
        )
    )
    for cell in json.loads((tmp_path / "a.ipynb").read_text())["cells"]:
        for output in cell.get("outputs", ()):
            check_html(output["data"]["text/html"])
    prose = re.sub(r"```.*?```", "", (tmp_path / "a.md").read_text(), flags=re.DOTALL)
    assert "PWNED" in prose
    assert not re.search(r"(?<!\\)\\(?:def|href)", prose)
