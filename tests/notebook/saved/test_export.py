"""Exports: to read, to run, to train on; safe, and never over something else."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from eighty80_jupyter.api.messages import Message, ToolCall
from eighty80_jupyter.api.reply import CallRecord, Choice, Reply
from eighty80_jupyter.conversation.conversation import Conversation
from eighty80_jupyter.conversation.turn import Exchange, Turn
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.line.parser import parse
from eighty80_jupyter.notebook.markdown.source import closed, fenced
from eighty80_jupyter.notebook.saved.export import FORMS, export
from eighty80_jupyter.notebook.saved.restore import read_notebook
from eighty80_jupyter.text import clean_json
from eighty80_jupyter.tools.tool import Tool
from eighty80_jupyter.tools.toolbox import ToolBox
from eighty80_jupyter.wire.secret import Secret
from tests.data.hostile_markdown import CASES
from tests.support.kernel import KernelSession
from tests.support.replies import stream_reply
from tests.support.scripted import ScriptedServer
from tests.support.talks import conversations, plain_exchange, plain_turn, talk

KEY = "sk-never-in-a-file-0123456789"
PICTURE = "data:image/png;base64,iVBORw0KGgo="
DATA = '<data name="df" type="DataFrame" id="0a1b2c3d">\nrows of df\n</data>'


def rich() -> Conversation:
    """Make a conversation with all that an export must show."""
    call = ToolCall(id="c1", name="get_weather", arguments='{"city": "Paris"}')
    prompt: Any = (
        {"type": "text", "text": f"What of `df`?\n\n{DATA}"},
        {"type": "image_url", "image_url": {"url": PICTURE}},
    )
    answer = Choice(text="It is **12**.", reasoning="So *much*.", finish_reason="stop")
    tools = Exchange(
        messages=(
            Message("user", prompt),
            Message("assistant", None, (call,)),
            Message("tool", "12 degrees", tool_call_id="c1"),
            Message("assistant", answer.text),
        ),
        reply=Reply(
            choices=(answer,),
            model="m",
            parameters={
                "model": "m",
                "temperature": 0.25,
                "max_completion_tokens": 50,
                "stop": ["a b", "c"],
                "logprobs": True,
                "response_format": {"type": "text"},
                "no_such": 1,
            },
            calls=(CallRecord(id="c1", name="get_weather", shown="get_weather()", status="done"),),
        ),
        has_data=True,
        source="What of {{df}}?",
    )
    made = talk(("Say <b>hi</b>", "<script>alert(1)</script>Hi"), system='Be "brief".\nAlways.')
    made.commit(Turn(alternatives=(plain_exchange("x", "y"), tools), chosen=1))
    made.commit(plain_turn("Write {{this}} as it is", f"The key is {KEY}"))
    return made


def text_of(tmp_path: Path, suffix: str, **options: Any) -> str:
    return export(rich(), tmp_path / f"talk{suffix}", **options).read_text(encoding="utf-8")


def test_markdown_has_a_heading_for_each_turn(tmp_path: Path) -> None:
    """Prompts, calls and results stand in fences, data folds, answers are the Markdown they are."""
    tokens = MarkdownIt("commonmark").parse(text_of(tmp_path, ".md"))
    headings = [tokens[at + 1].content for at, t in enumerate(tokens) if t.type == "heading_open"]
    second = (
        "2 · Model (answer 2 of 2; answer 1: another prompt, "
        "without temperature, max_tokens, stop, logprobs, response_format, no_such)"
    )
    assert headings == [
        "main",
        "Instruction",
        "1 · You",
        "1 · Model",
        "2 · You",
        second,
        "3 · You",
        "3 · Model",
    ]
    fences = [token.content for token in tokens if token.type == "fence"]
    assert fences[:5] == [
        'Be "brief".\nAlways.\n',
        "Say <b>hi</b>\n",
        "What of `df`?\n",
        f"{DATA}\n",
        "[image]\n",
    ]
    assert fences[5:7] == ['{"city": "Paris"}\n', "12 degrees\n"]
    folds = [token.content for token in tokens if token.type == "html_block"]
    assert [fold.strip() for fold in folds if "sha256" not in fold] == [
        "<details>\n<summary>df · DataFrame</summary>",
        "</details>",
    ]


@given(st.text("`~> \n-<!script#ab", max_size=60))
@example("```\nnot closed")
@example("~~~~ x\n```\n~~~")
@example("<!-- not closed")
@example("<script>\n\nx")
def test_nothing_in_a_text_reaches_beyond_it(text: str) -> None:
    """Whatever a prompt or an answer leaves open, the next heading is a heading."""
    for part in (fenced(text), closed(text)):
        tokens = MarkdownIt("commonmark").parse(f"{part}\n\n## The next\n")
        assert [token.type for token in tokens[-3:]] == [
            "heading_open",
            "inline",
            "heading_close",
        ]
        assert (tokens[-2].content, tokens[-3].level) == ("The next", 0)
    (token,) = MarkdownIt("commonmark").parse(fenced(text))
    assert token.content == f"{text}\n"


def test_the_page_is_safe_and_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    """No script, no address of another server, and the model's text made harmless."""
    page = text_of(tmp_path, ".html")
    assert "<script" not in page
    assert "<b>hi</b>" not in page
    assert "&lt;b&gt;hi&lt;/b&gt;" in page
    assert "<strong>12</strong>" in page
    assert f'src="{PICTURE}"' in page
    assert "12 degrees" in page
    assert "default-src 'none'" in page
    assert "prefers-color-scheme: dark" in page
    assert not re.search(r"""(?:src|href|url)\s*[=(]\s*["']?(?:https?:)?//""", page)


def test_hostile_answers_are_harmless_on_the_page(
    tmp_path: Path, subtests: pytest.Subtests
) -> None:
    """What a model writes, as a prompt, an answer or a name, is text."""
    for case, text in CASES.items():
        with subtests.test(case):
            page = export(talk((text, text)), tmp_path / f"{case}.html").read_text("utf-8")
            seen = Elements()
            seen.feed(page.partition("<body>")[2])
            assert {tag for tag, _ in seen.elements}.isdisjoint(FORBIDDEN)
            for name, value in (pair for _, pairs in seen.elements for pair in pairs):
                assert not name.startswith("on")
                assert name not in ("href", "src") or re.match("https?:|mailto:", value or "")


FORBIDDEN = {"script", "iframe", "object", "embed", "form", "svg", "style", "link"}


class Elements(HTMLParser):
    """Collects all elements of a page with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, list[tuple[str, str | None]]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, attrs))


def test_the_notebook_is_valid_and_has_the_cells_that_ask(tmp_path: Path) -> None:
    """The extension, the instruction, and each prompt as it was typed, with its parameters."""
    file = export(rich(), tmp_path / "talk.ipynb")
    notebook: Any = nbformat.read(file, as_version=4)  # type: ignore[no-untyped-call]  # half typed
    nbformat.validate(notebook)
    heading, *cells = notebook.cells
    assert heading.cell_type == "markdown"
    sources = [cell.source for cell in cells]
    assert sources[0] == "%load_ext eighty80_jupyter"
    assert sources[1].endswith("chat.conversation.system = 'Be \"brief\".\\nAlways.'")
    assert sources[2] == "%%chat\nSay <b>hi</b>"
    options, prompt = sources[3].split("\n")
    assert prompt == "What of {{df}}?"
    assert parse(options.removeprefix("%%chat"))[0].given == {
        "model": "m",  # the turns have several
        "temperature": 0.25,
        "max_tokens": 50,
        "stop": ["a b", "c"],
        "logprobs": True,
        "response_format": {"type": "text"},
        "extra": {"no_such": 1},
    }
    assert sources[4] == "%%chat --raw\nWrite {{this}} as it is"
    html = [out.data["text/html"] for out in cells[3].outputs if "data" in out]
    assert any(r"\textbf{12}" in out.data.get("text/latex", "") for out in cells[3].outputs)
    assert any("<strong>12</strong>" in text for text in html)
    calls = next(text for text in html if "get_weather()" in text)
    assert "Paris" in calls
    assert "12 degrees" in calls


def test_the_notebook_says_what_its_cells_cannot_bring(tmp_path: Path) -> None:
    """A tool of an MCP server is told by its server, and cells that went along are told of."""

    class OfServer:
        server = SimpleNamespace(name="weather")

        def __call__(self, **_: Any) -> str:
            return ""

    name = "weather__get"
    tool = Tool(name=name, parameters={"type": "object"}, function=OfServer())
    cell = '<data name="cell 3" type="notebook cell" id="0a1b2c3d">\nx = 1\n</data>'
    asked = plain_exchange(f"Go on\n\n{cell}", "Yes.")
    exchange = replace(asked, source="Go on", tools=(name,), has_data=True)
    made = Conversation("main", [Turn(alternatives=(exchange,))])
    file = export(made, tmp_path / "talk.ipynb", tools={name: tool})
    *_, source = (cell["source"] for cell in json.loads(file.read_text())["cells"])
    assert source.splitlines() == [
        "# Run first, as in the notebook that asked:",
        "# the MCP server weather (%chat --mcp), which has weather__get",
        "# Cells of the notebook that asked went along; --cells sends those of this one.",
        "%%chat --tools weather__get",
        "Go on",
    ]


def test_an_exported_notebook_can_be_restored(tmp_path: Path) -> None:
    """The turns, the instruction and what was typed are those of the conversation."""
    (read,) = read_notebook(export(rich(), tmp_path / "talk.ipynb")).conversations()
    made = rich()
    assert read.system == made.system
    assert [turn.reply.text for turn in read] == [turn.reply.text for turn in made]
    assert [turn.source for turn in read] == [turn.source for turn in made]
    assert [m["role"] for m in read.to_messages()] == [m["role"] for m in made.to_messages()]
    assert read[1].reply.calls == made[1].reply.calls


@pytest.mark.slow
def test_an_exported_notebook_runs(tmp_path: Path, server: ScriptedServer) -> None:
    """Its cells ask the same again, with the same instruction and parameters."""
    made = talk(("One?", "1"), ("Two {{x}}?", "2"), name="my talk", system="Be brief.\nNow.")
    file = export(made, tmp_path / "talk.ipynb")
    server.queue(stream_reply("1"), stream_reply("2"))
    env = {"_8080_API_URL": server.url, "_8080_API_KEY": "k"}
    with KernelSession(env=env, cwd=tmp_path) as kernel:
        for cell in json.loads(file.read_text())["cells"][1:]:
            assert (result := kernel.run(cell["source"])).ok, result.error
    last = server.requests[-1].json["messages"]
    assert [(m["role"], m["content"]) for m in last] == [
        ("system", "Be brief.\nNow."),
        ("user", "One?"),
        ("assistant", "1"),
        ("user", "Two {{x}}?"),
    ]


def test_json_lines_are_what_fine_tuning_takes(tmp_path: Path) -> None:
    """One line: the instruction, prompts, calls in the form of the wire, results, answers."""
    text = text_of(tmp_path, ".jsonl")
    assert text.count("\n") == 1
    messages = json.loads(text)["messages"]
    assert messages[0] == {"role": "system", "content": 'Be "brief".\nAlways.'}
    assert [m["role"] for m in messages[3:7]] == ["user", "assistant", "tool", "assistant"]
    assert messages[4]["tool_calls"][0]["function"]["name"] == "get_weather"
    file = export(talk(("a", "1")), tmp_path / "other.jsonl", system="From the settings.")
    assert json.loads(file.read_text())["messages"][0]["content"] == "From the settings."
    assert set(json.loads(file.read_text())) == {"messages"}


def test_json_lines_describe_the_tools_that_are_called(tmp_path: Path) -> None:
    """Those that the conversation knows, and that are still there; nothing is trained without."""
    tools = ToolBox()

    @tools.tool
    def get_weather(city: str) -> str:
        """Tell the weather."""
        return city

    @tools.tool
    def other() -> None:
        """Do nothing."""

    made = rich()
    file = export(made, tmp_path / "talk.jsonl", tools=tools)
    assert json.loads(file.read_text())["tools"] == [tools["get_weather"].to_wire()]
    made.commit(plain_turn("and", "so on"))
    export(made, file)
    assert "tools" not in json.loads(file.read_text())


@pytest.mark.parametrize("suffix", FORMS)
def test_half_a_surrogate_pair_breaks_no_export(tmp_path: Path, suffix: str) -> None:
    """Programs of others read and write these files as UTF-8."""
    file = export(talk(("half \ud83d", "\udcff x")), tmp_path / f"talk{suffix}")
    text = file.read_text(encoding="utf-8")
    assert "half \ufffd" in text
    assert "\\ud" not in text


@pytest.mark.parametrize("suffix", FORMS)
def test_data_pictures_results_and_the_key_can_be_left_out(tmp_path: Path, suffix: str) -> None:
    """What is not to be shared is in no form of export."""
    text = text_of(tmp_path, suffix, without=("data,images,tools",), secret=Secret(KEY))
    for word in ("rows of df", "iVBORw0KGgo", "12 degrees", KEY):
        assert word not in text
    assert "[redacted: API key]" in text.replace("\\[", "[")
    assert "data left out: df" in text


@pytest.mark.parametrize("suffix", FORMS)
def test_the_key_is_cut_out_of_what_stands_beside_the_turns(tmp_path: Path, suffix: str) -> None:
    """The instruction of the settings and the descriptions of tools are written, too."""
    tools = ToolBox()

    @tools.tool
    def get_weather(city: str, key: str = KEY) -> str:
        """Tell the weather."""
        return city + key

    made, file = rich(), tmp_path / f"talk{suffix}"
    made.system = None
    export(made, file, secret=Secret(KEY), system=f"Be brief. {KEY}", tools=tools)
    text = file.read_text()
    assert "Be brief" in text
    assert KEY not in text
    assert made.system is None


@pytest.mark.parametrize("suffix", FORMS)
def test_an_export_replaces_itself_and_nothing_else(tmp_path: Path, suffix: str) -> None:
    """Again over its own file is fine; over one that was changed or is another's it is not."""
    made = talk(("a", "1"))
    file = export(made, tmp_path / f"talk{suffix}")
    made.commit(plain_turn("b", "2"))
    export(made, file)
    assert "b" in file.read_text()
    changed = file.read_text().replace("a", "my own words", 1) + "more"
    for content in (changed, "# My thesis\n", '{"cells": []}', "{}"):
        file.write_text(content)
        with pytest.raises(UsageError, match="export under another name"):
            export(made, file)
        assert file.read_text() == content
    assert [path.name for path in tmp_path.iterdir()] == [f"talk{suffix}"]


@pytest.mark.parametrize("suffix", FORMS)
def test_an_export_of_less_replaces_what_this_kernel_wrote(tmp_path: Path, suffix: str) -> None:
    """After an undo too: only what was changed by others is kept."""
    made = talk(("a", "1"), ("b", "2"))
    file = export(made, tmp_path / f"talk{suffix}")
    made.undo()
    made.commit(plain_turn("other", "3"))
    export(made, file)
    assert "other" in file.read_text()


def test_a_notebook_that_jupyter_saved_as_it_was_is_written_anew(tmp_path: Path) -> None:
    """Jupyter sorts names and cuts texts into lines; one that was run or edited is kept."""
    file = export(rich(), tmp_path / "talk.ipynb")
    notebook: Any = nbformat.read(file, as_version=4)  # type: ignore[no-untyped-call]  # half typed
    nbformat.write(notebook, file)  # type: ignore[no-untyped-call]  # half typed
    export(rich(), file)
    notebook.cells[1].source += "# edited"
    nbformat.write(notebook, file)  # type: ignore[no-untyped-call]  # half typed
    with pytest.raises(UsageError, match="was changed since it was exported"):
        export(rich(), file)


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    """The four are named."""
    for name in ("talk.pdf", "talk"):
        with pytest.raises(UsageError, match=r"\.md, \.html, \.ipynb, \.jsonl"):
            export(talk(("a", "1")), tmp_path / name)


@pytest.mark.slow
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)
@given(made=conversations())
def test_every_conversation_can_be_exported(tmp_path: Path, made: Conversation) -> None:
    """Whatever is in it; the notebook is valid, and what it restores says the same."""
    for suffix in FORMS:
        file = tmp_path / f"talk{suffix}"
        file.unlink(missing_ok=True)
        export(made, file)
        export(made, file)
    notebook: Any = nbformat.read(tmp_path / "talk.ipynb", as_version=4)  # type: ignore[no-untyped-call]  # half typed
    nbformat.validate(notebook)
    if len(made):
        (read,) = read_notebook(tmp_path / "talk.ipynb").conversations()
        # A notebook is UTF-8, which cannot hold half a surrogate pair.
        texts = [clean_json(message.text) for turn in made for message in turn.messages]
        assert [message.text for turn in read for message in turn.messages] == texts
        assert [turn.id for turn in read] == [turn.id for turn in made]
