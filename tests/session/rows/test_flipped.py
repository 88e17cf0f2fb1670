"""How many answers another prompt has changed, as a cell that runs again tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.session.session import Session
from tests.support.replies import Reply, chat_reply

if TYPE_CHECKING:
    from tests.support.scripted import ScriptedServer
    from tests.support.wire import Request


def test_another_prompt_says_what_it_changed(server: ScriptedServer) -> None:
    """Only the same cell over as many rows is compared, and only where the prompt is another."""

    def answer(request: Request) -> Reply | None:
        if request.method != "POST":
            return None
        asked = request.json["messages"][-1]["content"]
        return chat_reply("yes" if asked.startswith("really") or "a" in asked else "no")

    server.handler = answer
    session = Session(ChatConfig(keep_answers=False), environ={"_8080_API_URL": server.url})
    runs, letters = session.row_runs, ["a", "b", "c", "ab"]
    try:
        first = session.rows(letters, "Is {{row}}", returns=["yes", "no"])
        assert runs.flipped("cell-1", first) == ""
        assert runs.flipped("cell-1", first) == ""
        second = session.rows(letters, "really {{row}}", returns=["yes", "no"])
        assert runs.flipped("cell-2", second) == ""
        said = "2 of 4 answers differ from those of the prompt before"
        assert runs.flipped("cell-1", second) == said
        assert runs.flipped("cell-1", session.rows(["a"], "Is {{row}}")) == ""
    finally:
        session.close()
