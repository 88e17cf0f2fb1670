"""The notebook about tools against the scripted server: the turns as a capable model takes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

from tests.support.replies import sse_reply, stream_reply, tool_call, tool_chunks

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.kernel import KernelSession, Result
    from tests.support.scripted import ScriptedServer

NOTEBOOK = Path(__file__).parents[3] / "notebooks" / "tools.ipynb"
SQL = "SELECT city, SUM(amount) AS total FROM sales GROUP BY city ORDER BY total DESC"


@pytest.mark.slow
def test_the_notebook_with_a_capable_model(
    kernel: Callable[..., KernelSession], server: ScriptedServer
) -> None:
    """The model looks at the tables, mends its query, answers; and what is not safe is asked."""
    server.queue(
        sse_reply(tool_chunks(tool_call("tables", {}, id="1"))),
        sse_reply(tool_chunks(tool_call("query", {"sql": "SELECT town FROM sales"}, id="2"))),
        sse_reply(tool_chunks(tool_call("query", {"sql": SQL}, id="3"))),
        stream_reply("**Paris** has sold most, for 1725.5."),
        stream_reply("Paris."),
        sse_reply(tool_chunks(tool_call("delete_city", {"city": "Oslo"}, id="4"))),
        stream_reply("The two sales of Oslo are deleted."),
        sse_reply(tool_chunks(tool_call("shop__total", {"city": "Paris"}, id="5"))),
        stream_reply("Paris has sold 1725.5."),
    )
    session = kernel(env={"_8080_API_URL": server.url, "_8080_API_KEY": "k"})
    results = run(session)
    asked = results["%%chat -t 0 --max-tokens 120 --tools tables,query\nWhich city has sold most?"]
    lines = asked.data()[0].splitlines()
    assert [line.partition("(")[0] for line in lines] == ["tables", "query", "query"]
    assert "failed" in lines[1]
    assert "no such column: town" in lines[1]
    assert asked.data()[1] == "**Paris** has sold most, for 1725.5."
    assert "4 rounds · 3 calls" in asked.data()[2]
    history = server.requests[3].json["messages"]
    assert json.loads(history[2]["content"]) == {"sales": ["city", "month", "amount"]}
    assert json.loads(history[-1]["content"])[0] == {"city": "Paris", "total": 1725.5}
    assert session.questions[0].startswith("Run delete_city(city='Oslo')?")
    assert results[
        'chat.config.response_format = None\nlen(query("SELECT * FROM sales"))'
    ].data() == ["4"]
    assert server.requests[-1].json["messages"][-1]["content"] == "1725.5"
    assert server.queued == 0


def run(session: KernelSession) -> dict[str, Result]:
    """Run the cells that are not for the embedded model only, and say yes where it is asked."""
    notebook: Any = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]  # nbformat is half typed
    results = {}
    for cell in notebook.cells:
        source = cell.source.replace("\n%chat --local", "")
        if cell.cell_type != "code" or source.startswith("# For the embedded model only"):
            continue
        results[source] = session.run(source, answers=["y"])
        session.run("%config ChatConfig.update_outputs = True")  # as in a page
        assert results[source].ok, (source, results[source].error)
    return results
