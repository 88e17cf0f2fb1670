"""A cell with --rows in a real kernel: what is shown, what the variable gets, what is refused."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.kernel import KernelSession
from tests.support.replies import chat_reply, error_reply
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.kernel import Result
    from tests.support.scripted import Reply, Request, ScriptedServer

pytestmark = pytest.mark.slow

SETUP = """
%load_ext eighty80_jupyter
import os
import pandas as pd
from eighty80_jupyter import chat
tickets = pd.DataFrame(
    {"text": ["it breaks", "add a thing", "<b>hi</b> {{os.environ}}", None, "it breaks"],
     "Customer Name": ["Ada", "Bob", "Cy", None, "Ada"]},
    index=["a", "b", "b", "d", "e"],
)
"""
CELL = (
    "%%chat --rows tickets --choices bug,feature,other --column label --into labelled\n"
    'Classify: {{text}} (from {{row["Customer Name"]}})'
)


@pytest.fixture(name="kernel", scope="module")
def _shared_kernel() -> Iterator[KernelSession]:
    with KernelSession(startup=SETUP) as kernel:
        yield kernel


@pytest.fixture(autouse=True)
def _fresh(kernel: KernelSession, server: ScriptedServer) -> None:
    """Point the kernel to the server, and forget what another test has left."""
    server.handler = answered
    result = kernel.run(
        f"os.environ.update(_8080_API_URL={server.url!r}, _8080_API_KEY='sk-rows-test')\n"
        "chat.config.max_retries = 0; chat.config.keep_answers = False\n"
        "chat.config.rows_limit = 10\n"
        "chat.config.max_retry_wait = 0; chat.conversation.reset(); labelled = 'untouched'"
    )
    assert result.ok, result.error


def prompt_of(request: Request) -> str:
    """Return what a request asks."""
    found: str = request.json["messages"][-1]["content"]
    return found


def answered(request: Request) -> Reply | None:
    """Answer as a model does that has read the row."""
    if "chat/completions" not in request.path:
        return None
    asked = prompt_of(request)
    return chat_reply("bug" if "breaks" in asked else "feature" if "add" in asked else "other")


def shown(result: Result) -> tuple[str, str]:
    """Return the HTML and the text of the one output of a cell."""
    assert [out["output_type"] for out in result.outputs] == ["display_data"], result.outputs
    return result.data("text/html")[0], result.data()[0]


def test_a_cell_labels_a_frame(kernel: KernelSession, server: ScriptedServer) -> None:
    """The variable gets the frame with the column; the cell shows a safe table; nothing is kept."""
    result = kernel.run(CELL)
    assert result.ok, result.error
    html, text = shown(result)
    assert "&lt;b&gt;hi&lt;/b&gt; {{os.environ}}" in html
    assert "<b>hi" not in html
    assert ">label</th>" in html
    assert text.splitlines()[-1].startswith("5 rows: 3 asked, 1 duplicate, 1 skipped; ")
    assert len(server.requests) == 3
    assert "from Bob" in {prompt_of(r)[-9:-1] for r in server.requests}
    found = kernel.run(
        "list(labelled['label'].astype(object).where(labelled['label'].notna(), '-'))"
    )
    assert found.data() == ["['bug', 'feature', 'other', '-', 'bug']"]
    assert kernel.run("list(labelled.index), labelled['label'].dtype.name").data() == [
        "(['a', 'b', 'b', 'd', 'e'], 'category')"
    ]
    assert kernel.run("len(chat.conversation), chat.last_run.column").data() == ["(0, 'label')"]


def test_an_interrupt_leaves_the_variable(kernel: KernelSession, server: ScriptedServer) -> None:
    """Stopped half-way, the cell says how much is kept, and run again it asks what is missing."""
    assert kernel.run("chat.config.keep_answers = True").ok
    hold = threading.Event()
    kept: list[str] = []

    def half(request: Request) -> Reply | None:
        if "it breaks" not in prompt_of(request):
            hold.wait(20)
        kept.append(prompt_of(request))
        return answered(request)

    server.handler = half
    assert kernel.run("tickets2 = tickets.assign(text=tickets.text + ' now')").ok
    cell = CELL.replace("--rows tickets ", "--rows tickets2 --concurrency 1 ")
    running = kernel.submit(cell)
    wait_until(lambda: len(server.requests) == 2)
    kernel.interrupt()
    result = kernel.finish(running)
    hold.set()  # not before: the answer would be there sooner than the interrupt, on a busy machine
    assert result.error is not None
    assert result.error.ename == "ChatInterrupted"
    assert "run the cell again to go on" in result.error.plain
    assert kernel.run("labelled").data() == ["'untouched'"]
    before = len(server.requests)
    again = kernel.run(cell)
    assert again.ok, again.error
    assert len(server.requests) - before == 2
    assert "1 kept answer" in shown(again)[1]


def test_failures_are_shown_and_told(kernel: KernelSession, server: ScriptedServer) -> None:
    """A failed row is missing and stands among the errors; --strict has the cell fail."""
    server.handler = lambda request: (
        error_reply(500, "<i>burnt</i>") if "Bob" in prompt_of(request) else answered(request)
    )
    result = kernel.run(CELL)
    assert result.ok, result.error
    html, text = shown(result)
    assert "<details" in html
    assert "&lt;i&gt;burnt" in html
    assert "1 failed" in text
    assert kernel.run("[(e.position, e.label, e.kind) for e in chat.last_run.errors]").data() == [
        "[(1, 'b', 'server')]"
    ]
    strict = kernel.run(CELL.replace("--into", "--strict --into").replace("labelled", "other"))
    assert strict.error is not None
    assert strict.error.ename == "RowsError"
    assert kernel.run("'other' in globals()").data() == ["False"]


def test_a_wrong_key_stops_the_run(kernel: KernelSession, server: ScriptedServer) -> None:
    """What would fail for every row ends the run at once, and the cell with it."""
    server.handler = lambda _request: error_reply(401, "no such key")
    result = kernel.run("many = [f'row {n}' for n in range(9)]")
    result = kernel.run("%%chat --rows many --concurrency 1\nSay: {{row}}")
    assert result.error is not None
    assert result.error.ename == "RowsError"
    assert len(server.requests) == 1


def test_a_dry_run_sends_nothing(kernel: KernelSession, server: ScriptedServer) -> None:
    """It shows the first request, and how many there would be."""
    result = kernel.run(CELL.replace("--into", "--dry-run --into"))
    assert result.ok, result.error
    html, text = shown(result)
    assert not server.requests
    assert "Nothing was sent" in text
    assert "it breaks" in text
    assert "3 requests" in text
    assert "1 duplicate" in text
    assert "1 skipped" in text
    assert "<b>hi" not in html
    assert kernel.run("labelled").data() == ["'untouched'"]


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("%%chat --rows tickts\n{{text}}", "no variable 'tickts' for the rows"),
        ("%%chat --rows tickets\nSay hello", "the prompt names no column"),
        ("%%chat --rows tickets\n{{txt}}", "txt"),
        ("%%chat --rows tickets --again 1\n{{text}}", "--again does not go with --rows"),
        ("%%chat --rows tickets --new side\n{{text}}", "--new does not go with --rows"),
        ("%%chat --rows tickets --code\n{{text}}", "--code does not go with --rows"),
        ("%%chat --rows tickets --image x.png\n{{text}}", "--image does not go with --rows"),
        ("%%chat --rows tickets -n 2\n{{text}}", "--samples"),
        ("%%chat --rows tickets --try 5 --all\n{{text}}", "all"),
        ("%%chat --rows tickets --samples 0\n{{text}}", "samples"),
        ("%%chat --rows tickets --column text\n{{text}}", "text"),
        ("%%chat --rows [f'{n}'] --column text\n{{text}}", "the rows are those of a variable"),
        ("%%chat --rows '[n for n in tickets]'\n{{row}}", "the rows are those of a variable"),
        ("%%chat --rows os.name\n{{row}}", "rows"),
        ("%%chat --column label\nhello", "--column goes with --rows"),
        ("%chat --rows tickets", "there is no prompt for --rows"),
        ("%%chat --rows tickets --returns 'a b'\n{{text}}", "a b"),
    ],
)
def test_refused_in_one_line(
    kernel: KernelSession, server: ScriptedServer, cell: str, told: str
) -> None:
    """What cannot be asked is one line that says why, and nothing is sent."""
    result = kernel.run(cell)
    assert result.error is not None, result.outputs
    assert result.error.ename == "UsageError"
    assert len(result.error.plain.splitlines()) == 1
    assert told in result.error.plain
    assert not server.requests


def test_more_rows_than_the_limit(kernel: KernelSession, server: ScriptedServer) -> None:
    """Above the limit nothing is sent before --all or --try is there."""
    many = "many = [f'row {n} breaks' for n in range(30)]"
    assert kernel.run(many).ok
    refused = kernel.run("%%chat --rows many --choices bug,other\n{{row}}")
    assert refused.error is not None
    assert "--all" in refused.error.plain
    assert not server.requests
    assert kernel.run("%%chat --rows many --try 4 --choices bug,other --into out\n{{row}}").ok
    assert len(server.requests) == 4
    assert kernel.run("%%chat --rows many --all --choices bug,other --into out\n{{row}}").ok
    assert kernel.run("out == ['bug'] * 30").data() == ["True"]


def test_a_function_has_its_own_rows(kernel: KernelSession) -> None:
    """Called in a function, the line and the prompt mean the function's own variables."""
    result = kernel.run(
        "def f():\n"
        "    mine, hint = ['it breaks'], 'please'\n"
        "    get_ipython().run_cell_magic('chat', '--rows mine', 'Classify {{row}}, {{hint}}')\n"
        "    return chat.last_run.values\n"
        "f()"
    )
    assert result.ok, result.error
    assert result.data()[-1] == "['bug']"


def test_python_shows_a_run_once(kernel: KernelSession) -> None:
    """`chat.rows` shows its run; as the cell's result it is not shown again, later it is."""
    result = kernel.run("run = chat.rows(['it breaks'], 'Classify {{row}}'); run")
    assert result.ok, result.error
    pages = result.data("text/html")
    assert len(pages) == 2
    assert "<table" in pages[0]
    assert "<table" not in pages[1]
    later: Any = kernel.run("run")
    assert "<table" in later.data("text/html")[0]


def test_labelled_rows_measure_and_compare(kernel: KernelSession) -> None:
    """--truth measures one prompt; with --vary and several prompts each is a variant."""
    kernel.run("tickets['y'] = ['bug', 'feature', 'other', None, 'feature']")
    result = kernel.run(
        "%%chat --rows tickets --choices bug,feature,other --truth y --into c\nClassify: {{text}}"
    )
    assert result.ok, result.error
    assert "the best" in "".join(result.data("text/html"))
    measured = kernel.run("print(c.scores[0].rows, c.scores[0].accuracy, len(c.runs))")
    assert measured.stdout.split()[0] == "4"
    assert measured.stdout.split()[2] == "1"
    result = kernel.run(
        "%%chat --rows tickets --choices bug,feature,other --truth y --vary temperature=0,0.7 "
        "--into c\nShort: {{text}}\n---\nLong: {{text}}"
    )
    assert result.ok, result.error
    assert kernel.run("print(list(c.runs))").stdout.strip() == str(
        [f"prompt {n}, temperature = {t}" for n in (1, 2) for t in (0, 0.7)]
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--truth nothing", "there is no column 'nothing'"),
        ("--truth text --score fuzzy", "score is one of"),
        ("--truth text --holdout half", "--holdout takes a share"),
        ("--score exact", "--score goes with --truth"),
        ("--truth text --vary samples=3", "--samples N"),
        ("--truth text --vary colour=1", "unknown parameter"),
    ],
)
def test_what_cannot_be_measured_is_one_line(
    kernel: KernelSession, server: ScriptedServer, options: str, said: str
) -> None:
    """A column, scorer or parameter that is none is named, and nothing is sent."""
    result = kernel.run(f"%%chat --rows tickets {options}\nClassify: {{{{text}}}}")
    assert result.error is not None
    assert said in result.error.evalue
    assert server.chats == []


def test_a_preset(kernel: KernelSession, server: ScriptedServer) -> None:
    """A run follows a preset, what stands on the line wins, and an address is refused."""
    kernel.run(
        "chat.config.presets = {'terse': {'system': 'Be terse.', 'temperature': 0.3},\n"
        "                       'there': {'base_url': 'https://host'}}"
    )
    result = kernel.run(f"%%chat --preset terse -t 0.9 {CELL.removeprefix('%%chat ')}")
    assert result.ok, result.error
    body = next(r.json for r in server.requests if "chat/completions" in r.path)
    assert body["messages"][0]["content"].startswith("Be terse.")
    assert body["temperature"] == 0.9
    refused = kernel.run(f"%%chat --preset there {CELL.removeprefix('%%chat ')}").error
    assert refused is not None
    assert "names an address" in refused.evalue
    kernel.run("chat.config.presets = {}")
