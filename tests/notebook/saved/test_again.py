"""What a saved or exported notebook asks again is what was asked, or says what differs."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eighty80_jupyter.api.messages import Message, ToolCall
from eighty80_jupyter.api.reply import CallRecord, Choice, Reply, Usage
from eighty80_jupyter.conversation.branches import Conversations
from eighty80_jupyter.conversation.conversation import Conversation
from eighty80_jupyter.conversation.turn import Exchange, Turn
from eighty80_jupyter.notebook.cell.summary import last_line, which_answer
from eighty80_jupyter.notebook.saved.export import FORMS, export
from eighty80_jupyter.notebook.saved.export_notebook import notebook as make_notebook
from eighty80_jupyter.notebook.saved.restore import read_notebook, restore
from eighty80_jupyter.storage.store import save
from tests.support.kernel import KernelSession, Result
from tests.support.replies import stream_reply
from tests.support.scripted import ScriptedServer
from tests.support.talks import plain_exchange, talk

TOOL = (
    "@chat.tool\ndef sql(query: str, limit: int = 5) -> str:\n    'Run a query.'\n    return query"
)

CLASSES = """
from dataclasses import dataclass
from enum import Enum
from pydantic import BaseModel
class Kind(Enum):
    BUG = "bug"
    OTHER = "other"
@dataclass
class Part:
    name: str
class Ticket(BaseModel):
    kind: Kind
    parts: list[Part] = []
    def secret(self): pass
"""
SCHEMA = {
    "type": "object",
    "properties": {"s": {"type": "string", "maxLength": 3}},
    "required": ["s"],
    "additionalProperties": False,
}
TYPED = (
    '{"kind": "bug", "parts": []}',
    '{"kind": "other", "parts": []}',
    '{"value": "bug"}',
    '{"value": [{"name": "p"}]}',
    '{"a b": "x", "n": 1}',
    '{"value": "q, r"}',
    '{"s": "abc"}',
)


@pytest.fixture(name="server")
def _server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


def kernel_for(server: ScriptedServer, folder: Path) -> KernelSession:
    return KernelSession(
        env={"_8080_API_URL": server.url, "_8080_API_KEY": "k"},
        cwd=folder,
        startup="%load_ext eighty80_jupyter\nfrom eighty80_jupyter import chat",
    )


def bodies(server: ScriptedServer) -> list[dict[str, Any]]:
    """Return the requests for answers, with their ids of data as they are."""
    return [json.loads(r.body) for r in server.requests if r.path.endswith("/chat/completions")]


def page(file: Path, *results: Result) -> None:
    """Save cells with their outputs, as a front end does."""
    cells: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "id": f"c{number}",
            "metadata": {},
            "execution_count": None,
            "source": result.code,
            "outputs": result.outputs,
        }
        for number, result in enumerate(results)
    ]
    made = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    file.write_text(json.dumps(made), encoding="utf-8")


@pytest.mark.slow
def test_an_exported_notebook_asks_the_same_requests(
    server: ScriptedServer, tmp_path: Path
) -> None:
    """Model, parameters, instruction, tools and the conversation's name are those of before."""
    server.queue(
        *map(stream_reply, ("ONE", "TWO", "3", "4", "5", '{"value": 6}', *TYPED) * 2),
    )
    with kernel_for(server, tmp_path) as kernel:
        for cell in (
            TOOL,
            "%chat --new 'two words'",
            "%%chat -s 'Be \"brief\".' -m tiny -t 0.3 --stop '\\n' --seed 7\nHello {{1 + 1}}",
            "%%chat --tools sql -m tiny --logit-bias '{\"5\": 2}'\nUse {{not a field}} or not",
            "%%chat -m other --raw\nand {{this}}",
            "%%chat --tools sql --tool-choice sql --no-parallel-tools -m tiny\nCall it",
            "chat.ask('In Python', logprobs=False, extra={'top_k': 5, 'who': \"it's\"}).text",
            "%%chat --returns int -m tiny\nHow many?",
            CLASSES,
            "%%chat --returns Ticket -m tiny\nIn a cell",
            "chat.ask('As a class', returns=Ticket, model='tiny').value",
            "chat.ask('As an enum', returns=Kind, model='tiny').value",
            "chat.ask('As a list', returns=list[Part], model='tiny').value",
            "chat.ask('As fields', returns={'a b': ['x', 'it is, \"y\"'], 'n': int | None}).value",
            "chat.ask('As choices', returns=['p', 'q, r']).value",
            f"chat.ask('As a schema', returns={SCHEMA}).value",
            "%chat --export talk.ipynb",
        ):
            assert (result := kernel.run(cell)).ok, result.error
    before = bodies(server)
    made = json.loads((tmp_path / "talk.ipynb").read_text(encoding="utf-8"))
    cells = [cell["source"] for cell in made["cells"] if cell["cell_type"] == "code"]
    offering, _ = (cell for cell in cells if "--tools" in cell)
    assert "# @chat.tool\n# def sql(query, limit=...):\n" in offering
    (needing,) = (cell for cell in cells if "# class Ticket" in cell)
    for lines in (
        "# class Kind(Enum):\n#     BUG = 'bug'\n#     OTHER = 'other'\n",
        "# @dataclass\n# class Part:\n#     name: str\n",
        "# class Ticket(BaseModel):\n#     kind: Kind\n#     parts: list[Part]\n%%chat",
    ):
        assert lines in needing
    assert "secret" not in needing
    with kernel_for(server, tmp_path) as kernel:
        assert kernel.run(TOOL).ok
        assert kernel.run(CLASSES).ok
        for cell in cells:
            assert (result := kernel.run(cell)).ok, (cell, result.error)
        assert kernel.run("print(chat.conversation.name)").stdout == "two words\n"
    assert bodies(server)[len(before) :] == before


@pytest.mark.slow
def test_a_restored_turn_is_not_asked_otherwise(server: ScriptedServer, tmp_path: Path) -> None:
    """A tool that is not there, or another server, is told, and sent only with --anyway."""
    server.queue(stream_reply("ONE"))
    with kernel_for(server, tmp_path) as kernel:
        assert kernel.run(TOOL).ok
        result = kernel.run("%%chat --tools sql -t 0.3\nHello")
        assert result.ok, result.error
        page(tmp_path / "page.ipynb", result)
    with ScriptedServer() as other, kernel_for(other, tmp_path) as kernel:
        assert kernel.run("%chat --restore page.ipynb").ok
        for line in ("%chat --retry", "%chat --retry --dry-run"):
            error = kernel.run(line).error
            assert error is not None
            assert error.ename == "UsageError"
            assert "tool sql is not defined here" in error.evalue
            assert f"another server than {other.url}" in error.evalue
        assert bodies(other) == []
        other.queue(stream_reply("TWO"), stream_reply("THREE"))
        result = kernel.run("%chat --retry --anyway")
        assert result.ok, result.error
        assert bodies(other)[0]["temperature"] == 0.3
        # This kernel has asked it by now, and the line says which tools there shall be.
        assert kernel.run("%chat --retry").ok


@pytest.mark.slow
def test_a_typed_turn_is_asked_again_typed(server: ScriptedServer, tmp_path: Path) -> None:
    """--retry asks for the type of the turn, and its value is there."""
    server.queue(*[stream_reply(f'{{"value": {number}}}') for number in (3, 4)])
    with kernel_for(server, tmp_path) as kernel:
        assert (result := kernel.run("%%chat --returns int\nHow many?")).ok, result.error
        assert (result := kernel.run("%chat --retry --into n")).ok, result.error
        assert kernel.run("print(n)").stdout == "4\n"
    first, second = bodies(server)
    assert first["response_format"] == second["response_format"]


@pytest.mark.slow
def test_a_turn_that_was_asked_in_python_is_missed(server: ScriptedServer, tmp_path: Path) -> None:
    """What stands on no page is counted, and named by its number."""
    server.queue(*[stream_reply(text) for text in ("ONE", "TWO", "THREE")])
    with kernel_for(server, tmp_path) as kernel:
        assert kernel.run("chat.config.show_asked = False").ok
        in_thread = "import threading\nt = threading.Thread(target=chat.ask, args=('a',))"
        assert kernel.run(f"{in_thread}\nt.start()\nt.join()").ok
        results = [kernel.run("%chat b"), kernel.run("%chat c")]
        page(tmp_path / "page.ipynb", *results)
        page(tmp_path / "less.ipynb", results[1])
    assert restore(Conversations(), tmp_path / "page.ipynb") == [
        "main: 2 of 3 turns; turn 1 was asked in Python"
    ]
    assert restore(Conversations(), tmp_path / "less.ipynb") == [
        "main: 1 of 3 turns; turn 1 was asked in Python; turn 2 was not on the page"
    ]


def test_what_a_server_wants_back_is_kept(tmp_path: Path) -> None:
    """Signatures and reasoning of rounds with calls come back, as does the server's mark."""
    call = ToolCall(id="c1", name="look", arguments="{}", extra={"thought_signature": "S"})
    exchange = Exchange(
        messages=(
            Message("user", "q"),
            Message("assistant", None, (call,), extra={"reasoning_content": "hm"}),
            Message("tool", "r", tool_call_id="c1"),
            Message("assistant", "a", extra={"reasoning_details": [{"data": "x"}]}),
        ),
        reply=Reply(
            choices=(Choice(text="a", finish_reason="stop"),),
            model="m",
            rounds=2,
            calls=(CallRecord(id="c1", name="look", shown="look()", status="done"),),
            tool_seconds=1.5,
        ),
        source="q",
        tools=("look",),
        server="0123456789abcdef",
    )
    file = tmp_path / "page.ipynb"
    made = Conversation("main", [Turn(alternatives=(exchange,))])
    file.write_text(json.dumps(make_notebook(made)), encoding="utf-8")
    (read_back,) = read_notebook(file).conversations()
    assert read_back[0].exchange == exchange
    assert read_back[0].messages[1].extra == {"reasoning_content": "hm"}
    assert read_back[0].messages[1].tool_calls[0].extra == {"thought_signature": "S"}
    assert read_back[0].messages[3].extra == {"reasoning_details": [{"data": "x"}]}


@pytest.mark.parametrize("suffix", [".md", ".html", ".ipynb"])
def test_an_export_names_where_it_comes_from(tmp_path: Path, suffix: str) -> None:
    """Model, date and shared parameters stand above; the file is as readable as any new one."""
    made = talk(("q", "a"))
    reply = Reply(model="tiny-1", parameters={"temperature": 0.25, "model": "tiny"})
    made.restore(
        [Turn(alternatives=(Exchange(messages=t.messages, reply=reply),)) for t in made],
        system=None,
    )
    file = export(made, tmp_path / f"talk{suffix}")
    text = file.read_text(encoding="utf-8")
    for words in ("Model: tiny-1", "Date: 2", "Parameters: temperature 0.25"):
        assert words in text
    plain = tmp_path / "plain"
    plain.touch()
    assert stat.S_IMODE(file.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
    assert stat.S_IMODE(save(made, tmp_path / "talk.json").stat().st_mode) == 0o600
    assert suffix in FORMS


def test_the_last_line_names_what_was_set() -> None:
    """Parameters stand with their values, and the user's yes is no time of the model."""
    reply = Reply(
        model="m",
        parameters={"model": "m", "temperature": 1.45, "seed": 7, "max_completion_tokens": 9},
        usage=Usage(completion_tokens=200),
        seconds=123.5,
        tool_seconds=123.4,
        calls=(CallRecord(id="1", name="f", shown="f()", status="done", seconds=2.0),),
    )
    line = last_line(reply)
    assert line.startswith("m · temperature 1.45 · seed 7 · max_tokens 9 · 1 round · 1 call · ")
    assert "0.10 s · 2,000 tokens/s · tools 2.00 s · waited 121.4 s for your answer" in line


def test_alternatives_name_their_differences() -> None:
    """Each other answer says what it was asked with instead."""
    first, second = (
        Exchange(
            messages=plain_exchange("q", "a").messages,
            reply=Reply(model="m", parameters={"temperature": value}),
        )
        for value in (0.2, 0.9)
    )
    turn = Turn(alternatives=(first, second, plain_exchange("other", "b")), chosen=1)
    assert which_answer(turn).startswith("2 of 3; answer 1: temperature 0.2; answer 3: another pro")
