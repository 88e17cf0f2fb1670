"""What is kept of a conversation: in a saved notebook, and in what nbconvert makes of it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from markdown_it import MarkdownIt
from nbclient import NotebookClient
from nbconvert import HTMLExporter, LatexExporter, MarkdownExporter
from traitlets.config.loader import PyFileConfigLoader

from eighty80_jupyter.notebook.markdown.render import render
from eighty80_jupyter.notebook.saved import nbconvert_markdown
from tests.data.markdown_checks import faults
from tests.data.rich_reply import rich_reply
from tests.support.environment import child_environment
from tests.support.jupyter import make_notebook
from tests.support.replies import Reply, chunk, sse_reply, stream_reply, text_chunks
from tests.support.scripted import ScriptedServer
from tests.support.wire import Request

pytestmark = pytest.mark.slow

KEY = "sk-not-to-be-saved"
SECTIONS = 4
CELLS = (
    "%load_ext eighty80_jupyter\nfrom eighty80_jupyter import chat",
    "%%chat -t 0.25\nWhat is the mean?",
    "%%capture kept\n%chat A captured question",
    "kept.show()",
    "%chat -n 2 Two captured questions",
    "%chat --history",
    "panel = chat.panel()\npanel",
    "%%chat --returns 'label: str' -n 2\nA typed question",
    "%%chat --vary temperature=0,1\nSide by side",
    "rows = [{'text': 'a [b] | $c$'}, {'text': 'd_e'}]",
    "%%chat --rows rows --choices bug,feature\nClassify {{text}}",
    "%chat Records, please",
    "chat.ask('From Python')",
)
CAPTURED = "A **captured** answer."
RECORDS = '[{"city": "K\u00f6ln", "share": "5 %"}, {"city": "\\\\input{x}", "share": "$6$"}]'
COMPARED = {0: "Cold $x^2$.", 1: "Warm *y*."}  # by temperature
SETTINGS = Path(nbconvert_markdown.__file__).parent / "etc"


def by_temperature(request: Request) -> Reply | None:
    """Answer what is asked side by side, in whichever order the two requests come."""
    text = COMPARED.get(request.json.get("temperature")) if request.method == "POST" else None
    return None if text is None else stream_reply(text)


@pytest.fixture(scope="module", name="saved")
def _saved(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Give a notebook that nbclient has run, without any front end, and that was saved."""
    home: Path = tmp_path_factory.mktemp("saved")
    notebook: Any = nbformat.from_dict(make_notebook(*CELLS))  # type: ignore[no-untyped-call]  # nbformat is half typed
    thought = chunk({"reasoning": "The user wants *the mean*."})
    with ScriptedServer() as server:
        server.queue(
            sse_reply([thought, *text_chunks(rich_reply(SECTIONS))], per_second=4000),
            stream_reply(CAPTURED),
            sse_reply([part for n in range(2) for part in text_chunks(f"Answer *{n}*", index=n)]),
            sse_reply(
                [
                    part
                    for n in range(2)
                    for part in text_chunks(f'{{"label": "kind {n}"}}', index=n)
                ]
            ),
            *map(stream_reply, ('{"value": "bug"}', '{"value": "bug"}')),
            *map(stream_reply, (RECORDS, "A `script` asked.")),
        )
        server.handler = by_temperature
        env = child_environment(home, {"_8080_API_URL": server.url, "_8080_API_KEY": KEY})
        NotebookClient(notebook, timeout=100).execute(env=env, cwd=str(home))
    nbformat.validate(notebook)
    return notebook


def shown(saved: Any, cell: int) -> list[Any]:
    """Return the displays of a cell."""
    return [out for out in saved.cells[cell].outputs if out.output_type == "display_data"]


def test_html_and_source_are_saved(saved: Any) -> None:
    """Each piece is saved as safe HTML with its source beside it, and all join to the reply."""
    thought, *pieces, last = shown(saved, 1)
    assert all(set(piece.data) == {"text/html", "text/latex", "text/plain"} for piece in pieces)
    assert "".join(piece.data["text/plain"] for piece in pieces) == rich_reply(SECTIONS)
    whole = "\n".join(piece.data["text/html"] for piece in pieces)
    assert whole == render(rich_reply(SECTIONS))
    assert not faults(whole)
    assert "<details" in thought.data["text/html"]
    assert last.data["text/plain"].startswith("8080/taalas/llama3.1-8b-instruct · ")


def test_metadata_is_enough_to_read_a_conversation_back(saved: Any) -> None:
    """Every output names its turn, the last one has the messages and how they came about."""
    kept = [out.metadata["eighty80_jupyter"] for out in shown(saved, 1)]
    where = {"schema": 1, "conversation": "main", "turn": 1, "role": "assistant"}
    assert all(where.items() <= entry.items() for entry in kept)
    assert kept[-1]["messages"] == [
        {"role": "user", "content": "What is the mean?"},
        {"role": "assistant", "content": rich_reply(SECTIONS)},
    ]
    assert kept[-1]["parameters"]["temperature"] == 0.25
    assert kept[-1]["usage"]["completion_tokens"] > 0
    assert (kept[-1]["finish_reason"], kept[-1]["status"]) == ("stop", "complete")
    assert shown(saved, 3)[-1].metadata["eighty80_jupyter"]["turn"] == 2


def test_no_secret_is_saved(saved: Any) -> None:
    """Neither the key nor the server's address (which may hold credentials) is in the file."""
    text = json.dumps(saved)
    assert KEY not in text
    assert "127.0.0.1" not in text


def test_capture(saved: Any) -> None:
    """`%%capture` takes the whole reply, and its `show()` gives it back."""
    assert saved.cells[2].outputs == []
    reply, last = shown(saved, 3)
    assert reply.data["text/html"] == "<p>A <strong>captured</strong> answer.</p>"
    assert reply.data["text/plain"] == CAPTURED
    assert "tokens" in last.data["text/plain"]


def test_nothing_but_outputs_is_left(saved: Any) -> None:
    """No cell has an empty output, an error, or a piece that is there twice."""
    outputs = [out for cell in saved.cells for out in cell.outputs]
    assert {out.output_type for out in outputs[:-1]} == {"display_data"}
    sources = [out.data["text/plain"] for out in shown(saved, 1)]
    assert all(source.strip() for source in sources)
    assert len(set(sources)) == len(sources)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_as_html(saved: Any, theme: str) -> None:
    """The page has the reply once, with coloured code, formulas for MathJax, and the last line."""
    page, _ = HTMLExporter(theme=theme).from_notebook_node(saved)  # type: ignore[no-untyped-call]  # as above
    body = page.partition("<body")[2]
    own = body.partition("kept")[0]
    assert own.count("Part 3: the mean</h2>") == 1
    assert own.count("color:var(--jp-mirror-editor-keyword-color") >= SECTIONS
    assert own.count(r"\sigma^2 = \frac{1}{n}") == SECTIONS
    assert r"\( \bar{x}" in own
    assert "tokens/s" in own
    assert "MathJax" in page
    assert "captured</strong>" in body
    assert f'data-jp-theme-light="{str(theme == "light").lower()}"' in body


@pytest.fixture(scope="module", name="document")
def _document(saved: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give what the program nbconvert makes of the notebook as Markdown, with our settings."""
    file = tmp_path_factory.mktemp("document") / "saved.ipynb"
    nbformat.write(saved, file)  # type: ignore[no-untyped-call]  # as above
    env = child_environment(file.parent, {"JUPYTER_CONFIG_PATH": str(SETTINGS)})
    done = subprocess.run(
        [sys.executable, "-m", "nbconvert", "--to", "markdown", "--stdout", str(file)],
        env=env,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "rror" not in done.stderr
    return done.stdout


def test_as_markdown(document: str) -> None:
    """The document has each reply once, as the Markdown that it is, and nothing of a page."""
    text = document
    cells, _, others = " ".join(text.split()).partition("%chat --history")
    for said in (rich_reply(SECTIONS), CAPTURED, "Answer *0*", "Answer *1*"):
        assert cells.count(" ".join(said.split())) == 1  # in pieces, with empty lines between
        assert others.count(" ".join(said.split())) == 1  # in the history, and not in the panel
    assert "> **Reasoning**\n>\n> The user wants *the mean*." in text
    assert "**Answer 1**\n\nAnswer *0*" in text
    assert "| label | kind 1 |" in text
    assert "\n*8080/taalas/llama3.1-8b-instruct · " in text
    assert "**1: temperature = 0**\n\nCold $x^2$.\n\n**2: temperature = 1**\n\nWarm *y*." in text
    assert "| 0 | a &#91;b&#93; \\| \\$c\\$ | bug |\n| 1 | d_e | bug |" in text
    assert "| Köln | 5 % |\n| \\\\input\\{x\\} | \\$6\\$ |" in text
    assert text.count("A `script` asked.") == 2  # as asked in Python, and as a result
    tokens = MarkdownIt("commonmark").parse(text)
    assert not [token.content for token in tokens if token.type == "html_block"]
    assert not re.search(r"<(?:p|div|style|span|details)\b", text)


def test_what_is_not_ours_stays_as_it_is() -> None:
    """Outputs of others, and what only looks like ours, break nothing."""
    odd: list[Any] = [
        {},
        {"eighty80_jupyter": 1},
        {"eighty80_jupyter": {"role": "panel", "conversations": 3}},
        {"eighty80_jupyter": {"role": "cell", "entries": [1, {"messages": "x", "id": []}]}},
        {"eighty80_jupyter": {"markdown": 4}, "text/html": 3},
    ]
    notebook = make_notebook(*(f"n = {number}" for number in range(len(odd))))
    for cell, metadata in zip(notebook["cells"], odd, strict=True):
        data = {"text/html": "<p>theirs</p>", "text/plain": "theirs"}
        cell["outputs"] = [{"output_type": "display_data", "data": data, "metadata": metadata}]
    settings = PyFileConfigLoader("jupyter_config.py", path=str(SETTINGS)).load_config()
    exporter = MarkdownExporter(config=settings)  # type: ignore[no-untyped-call]  # as above
    text, _ = exporter.from_notebook_node(nbformat.from_dict(notebook))  # type: ignore[no-untyped-call]  # as above
    assert text.count("<p>theirs</p>") == 2
    assert text.count("theirs") == len(odd)


def test_the_settings_say_nothing_where_the_package_is_not() -> None:
    """Jupyter programs of other environments may read the file: `c` is not even looked at."""
    code = f"exec(open({str(SETTINGS / 'jupyter_config.py')!r}).read(), {{}})"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], cwd="/", check=True, timeout=60)


def test_as_latex(saved: Any) -> None:
    """The document has the reply once, as LaTeX: headings, code and formulas; and its last line."""
    text, _ = LatexExporter().from_notebook_node(saved)  # type: ignore[no-untyped-call]  # as above
    own = text.partition(r"\begin{document}")[2].partition("kept")[0]
    assert own.count("Part 3: the mean") == 1
    assert own.count("def mean(values: list[float])") == SECTIONS
    assert own.count("\\begin{Verbatim}[commandchars=\\\\\\{\\}]\ndef mean") == SECTIONS
    assert own.count(r"\sigma^2 = \frac{1}{n}") == SECTIONS
    assert "tokens/s" in own
    assert re.search(r"\\textbf\{Reasoning\}\s+The user wants \\emph\{the mean\}", own)
    body = text.partition(r"\begin{document}")[2]
    assert re.search(r"\\textbf\{Answer 1\}\s+Answer \\emph\{0\}", body)
    assert "asked in a cell, which shows it" in body
    tables = re.findall(r"\\begin\{longtable\}.*?\\end\{longtable\}", body, re.DOTALL)
    for row in (r"{label} & {kind 1}", r"{0} & {a [b] \textbar{} \$c\$} & {bug}"):
        assert [row in table for table in tables].count(True) == 1, row
    assert r"{Köln} & {5 \%}" in body
    assert r"{\textbackslash{}input\{x\}} & {\$6\$}" in body
    assert r"Cold \(x^2\)" in body
    assert body.count(r"A \texttt{script} asked.") == 2
