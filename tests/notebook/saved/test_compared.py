"""What was asked side by side is part of the transcript, wherever that is read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pytest

from eighty80_jupyter.conversation.branches import Conversations
from eighty80_jupyter.conversation.conversation import Conversation
from eighty80_jupyter.notebook.cell.views.turns import conversation_html, conversation_text
from eighty80_jupyter.notebook.compare.comparison import Comparison
from eighty80_jupyter.notebook.panel.transcript import Transcripts
from eighty80_jupyter.notebook.saved.export import export
from eighty80_jupyter.notebook.saved.metadata import SavedPanel
from eighty80_jupyter.notebook.saved.restore import restore
from eighty80_jupyter.session.session import Session
from eighty80_jupyter.storage.store import load, save
from tests.support.jupyter import make_notebook
from tests.support.replies import Reply, error_reply, stream_reply
from tests.support.scripted import Request, ScriptedServer
from tests.support.waiting import wait_until

SETTINGS = ("temperature = 0.2", "temperature = 0.9", "temperature = 1.5")


@pytest.fixture(name="server", scope="module")
def _server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


@pytest.fixture(name="talk", scope="module")
def _talk(server: ScriptedServer) -> Iterator[Conversation]:
    """Give a conversation in which three answers stood side by side; the last one failed."""
    with closing(Session(environ={"_8080_API_URL": server.url, "_8080_API_KEY": "k"})) as session:
        server.queue(stream_reply("An answer."))
        session.ask("What <b> is it?")

        def reply(request: Request) -> Reply:
            temperature = request.json["temperature"]
            if temperature > 1:
                return error_reply(400, "too warm")
            return stream_reply(f"It is *{temperature}*.")

        server.route("POST", "/v1/chat/completions", reply)
        comparison = Comparison(session)
        comparison.start("temperature", [0.2, 0.9, 1.5])
        wait_until(lambda: session.conversation.comparisons, what="the columns")
        comparison.close()
        yield session.conversation


def test_columns_stand_behind_their_turn(talk: Conversation) -> None:
    """In the history and in the saved transcript: the settings, the answers, the error; once."""
    transcripts = Transcripts()
    for html in (conversation_html(talk), transcripts.html(talk)):
        assert html.index("An answer.") < html.index(SETTINGS[0])
        for words in (*SETTINGS, "It is <em>0.2</em>.", "It is <em>0.9</em>.", "too warm"):
            assert html.count(words) == 1
        assert "What &lt;b&gt; is it?" in html
    for text in (conversation_text(talk), transcripts.text(talk)):
        assert all(text.count(f"{setting}:\n") == 1 for setting in SETTINGS)
        assert text.count("What <b> is it?") == 1


@pytest.mark.parametrize("suffix", [".md", ".html", ".ipynb"])
def test_exports_have_the_columns(talk: Conversation, tmp_path: Path, suffix: str) -> None:
    """Each answer with its setting; and a notebook that asks nothing of them again."""
    text = export(talk, tmp_path / f"talk{suffix}").read_text(encoding="utf-8")
    assert all(words in text for words in (*SETTINGS, "too warm"))
    assert "It is *0.2*." in text if suffix == ".md" else "It is <em>0.2</em>." in text
    if suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        assert [cell["source"].startswith("#") for cell in cells[-2:]] == [False, True]


def test_an_export_is_valid_whatever_a_turn_is_called(talk: Conversation, tmp_path: Path) -> None:
    """A turn of another program may have any id; those of cells are as nbformat wants them."""
    odd = Conversation("odd", [replace(talk[0], id="one turn/ä")])
    odd.comparisons = tuple(replace(one, after="one turn/ä") for one in talk.comparisons)
    file = export(odd, tmp_path / "odd.ipynb")
    notebook: Any = nbformat.read(file, as_version=4)  # type: ignore[no-untyped-call]  # half typed
    nbformat.validate(notebook)
    assert SETTINGS[0] in str(notebook.cells[-1].outputs)


def test_columns_come_back(talk: Conversation, tmp_path: Path) -> None:
    """From a saved file, and from the notebook whose panel showed them; not from where they go."""
    assert load(save(talk, tmp_path / "talk.json"))[0].comparisons == talk.comparisons
    talks = Conversations()
    talks.add(talk.fork("study"))
    page = make_notebook("%chat --panel")
    kept = {"eighty80_jupyter": SavedPanel().of(talks)}
    page["cells"][0]["outputs"] = [{"output_type": "display_data", "data": {}, "metadata": kept}]
    (tmp_path / "page.ipynb").write_text(json.dumps(page), encoding="utf-8")
    again = Conversations()
    restore(again, tmp_path / "page.ipynb")
    (found,) = again["study"].comparisons
    assert [answer.heading for answer in found.answers] == list(SETTINGS)
    assert [answer.reply.text for answer in found.answers][:2] == ["It is *0.2*.", "It is *0.9*."]
    assert talk.fork("begin", at=0).comparisons == ()
    again["study"].reset()
    assert again["study"].comparisons == ()
