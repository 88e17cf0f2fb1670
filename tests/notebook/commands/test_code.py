"""Help with the notebook: the last error, the code of a reply, cells in a prompt."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import TYPE_CHECKING

import pytest

from eighty80_jupyter.api.code_blocks import code_blocks
from eighty80_jupyter.notebook.commands.code import cell_of
from eighty80_jupyter.notebook.commands.fix import FailedCell
from eighty80_jupyter.notebook.magic.correction import Correction, correction
from tests.notebook.attended import AttendedKernel, new_cells
from tests.support.replies import error_reply, stream_reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.kernel import Result
    from tests.support.scripted import ScriptedServer

pytestmark = pytest.mark.slow

CODE = "Do this:\n\n```python\nx = 41\nx += 1\n```\n\nand then\n\n```\nprint(x)\n```\n"


@pytest.fixture(name="kernel", scope="module")
def _shared_kernel() -> Iterator[AttendedKernel]:
    """Give one kernel to all tests of this file: starting one takes a second."""
    with AttendedKernel(startup="%load_ext eighty80_jupyter") as kernel:
        yield kernel


@pytest.fixture(autouse=True)
def _fresh(kernel: AttendedKernel, server: ScriptedServer) -> None:
    """Begin each test with an empty conversation, this test's server, and no error."""
    result = kernel.run(
        "from eighty80_jupyter import chat; import os, sys\n"
        f"os.environ.update(_8080_API_URL={server.url!r}, _8080_API_KEY='sk-commands')\n"
        "chat.conversation.reset(); chat.config.max_retries = 0; sys.last_value = None"
    )
    assert result.ok, result.error


def failure(result: Result) -> str:
    """Return the one line that a failed cell shows."""
    assert result.error is not None
    lines = result.error.plain.splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def prompt(server: ScriptedServer) -> str:
    """Return the text of the last user's message of the last request."""
    return str(server.requests[-1].json["messages"][-1]["content"])


def test_code_goes_into_one_new_cell(kernel: AttendedKernel, server: ScriptedServer) -> None:
    """--code puts the Python of the reply into one cell, which is not run."""
    server.queue(stream_reply(CODE))
    result = kernel.run_cell("%%chat --code\nhow?")
    assert new_cells(result) == ["x = 41\nx += 1"]
    assert "Not in the cell: a block without a language." in result.stdout
    assert kernel.run("'x' in globals()").data() == ["False"]
    server.queue(stream_reply("No code here."))
    result = kernel.run_cell("%chat --code why?")
    assert result.ok
    assert new_cells(result) == []
    assert "no block of code" in result.stdout
    assert "no block of code" in failure(kernel.run_cell("%chat --code"))
    assert new_cells(kernel.run_cell("%chat --code 1")) == ["x = 41\nx += 1"]
    blocks = kernel.run("chat.conversation[0].reply.code_blocks[0].language").data()
    assert blocks == ["'python'"]


def test_code_is_shown_where_no_cell_can_be_made(
    kernel: AttendedKernel, server: ScriptedServer
) -> None:
    """Where nobody is there to run a new cell, as in nbconvert, the code is shown instead."""
    server.queue(stream_reply(CODE))
    result = kernel.run("%%chat --code\nhow?")
    assert "This front end makes no new cell; the code is:" in result.stdout
    assert result.data()[-1] == "x = 41\nx += 1"
    assert "<pre" in result.data("text/html")[-1]
    assert new_cells(result) == []


def test_code_of_what_was_asked_once(kernel: AttendedKernel, server: ScriptedServer) -> None:
    """The code is that of the answer that has just come, though it is not in the history."""
    server.queue(stream_reply("```\nfirst\n```"), stream_reply("```\naside\n```"))
    kernel.run_cell("%chat one")
    assert new_cells(kernel.run_cell("%%chat --once --code\nquick")) == ["aside"]
    assert "has no turn 7" in failure(kernel.run("%chat --code 7"))
    assert "stands alone" in failure(kernel.run("%chat --code 3 apples"))


@pytest.mark.parametrize(
    ("text", "cell", "left"),
    [
        ("```\na\n```\n```\nb\n```", "a\n\nb", []),
        ("```py\na\n```\n```\nout\n```", "a", ["a block without a language"]),
        ("```bash\nls\n```\n```python\na\n```\n```sql\nselect\n```", "a", ["bash", "sql"]),
        ("```sh\nls\n```\n```bash\npwd\n```", "%%bash\nls\n\npwd", []),
        ("```html\n<b>\n```\n```css\nb {}\n```", "%%html\n<b>", ["css"]),
        ("```rust\nfn\n```\n```rust\nfn\n```", "", ["rust"]),
        ("```pycon\n>>> for x in y:\n...     x\n...\n1\n>>> z\n```", "for x in y:\n    x\n\nz", []),
    ],
)
def test_which_blocks_a_cell_can_hold(text: str, cell: str, left: list[str]) -> None:
    """Python is taken, else one language that has a cell magic; the others are named."""
    assert cell_of(code_blocks(text)) == (cell, left)


def test_fix_sends_the_error_and_its_cell(kernel: AttendedKernel, server: ScriptedServer) -> None:
    """--fix describes the last error and sends the failing cell, with the user's words if any."""
    assert "no error to fix" in failure(kernel.run("%chat --fix"))
    kernel.run(
        "mine = 'ghp_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8'\n"
        "def half(x):\n    return 1 / x\n\nhalf(0)"
    )
    server.queue(stream_reply("Divide by something else."), stream_reply("In German."))
    result = kernel.run("%%chat --fix")
    assert result.ok, result.error
    text = prompt(server)
    assert text.startswith("This code failed.")
    assert "ZeroDivisionError: division by zero" in text
    assert 'name="failing_cell" type="code of a cell"' in text
    assert "def half(x):\n    return 1 / x\n\nhalf(0)" in text
    assert "ghp_A1b2" not in text
    assert "_err: ZeroDivisionError" in result.data()[-1]
    assert kernel.run("%%chat --fix\nExplain it in German.").ok
    assert prompt(server).startswith("Explain it in German.")
    assert "ZeroDivisionError" in prompt(server)


def test_fix_ends_in_a_corrected_cell(kernel: AttendedKernel, server: ScriptedServer) -> None:
    """The block most like the cell is shown as a difference, and is what --code takes."""
    failed = "password = 'hunter2'\nrows = [1, 2]\nlast = rows[2]\n'<b>$x$'"
    kernel.run(failed)
    fixed = failed.replace("hunter2", "[redacted: password]").replace("[2]", "[-1]")
    reply = f"As in\n\n```python\nx[-1]\n```\n\nso\n\n```python\n{fixed}\n```\n\n```\n2\n```\n"
    server.queue(stream_reply(reply))
    result = kernel.run_cell("%chat --fix --code")
    assert result.ok, result.error
    assert new_cells(result) == [fixed]
    lines = result.data()[-1].split("\n")
    assert [line for line in lines if line[0] in "-+"] == ["-last = rows[2]", "+last = rows[-1]"]
    html = result.data("text/html")[-1]
    assert ">-last = rows[2]</del>" in html
    assert ">+last = rows[-1]</ins>" in html
    assert "<b>" not in html
    assert "$x$" not in html
    assert "hunter2" not in html + result.data()[-1]


def test_fix_replaces_where_a_page_can(kernel: AttendedKernel, server: ScriptedServer) -> None:
    """Without a page --replace makes a new cell and says so; a saved page holds no secret twice."""
    failed = "password = 'hunter2'\nrows = [1, 2]\nlast = rows[2]"
    kernel.run_cell(failed, "cell-1")
    fixed = failed.replace("hunter2", "[redacted: password]").replace("[2]", "[-1]")
    server.default = stream_reply(f"```python\n{fixed}\n```\n")
    result = kernel.run_cell("%chat --fix --replace")
    assert new_cells(result) == [failed.replace("[2]", "[-1]")]
    assert "JupyterLab or Notebook 7" in result.stdout
    html = result.data("text/html")[-1]
    assert "hunter2" not in html
    assert html.count("data-e80") == 1
    assert "%chat --code" in html
    assert new_cells(kernel.run_cell("%chat --code")) == [fixed]
    kernel.run_cell("'$' + 1", "cell-2")
    server.default = stream_reply("```python\n'$' + '1'\n```\n")
    html = kernel.run_cell("%chat --fix").data("text/html")[-1]
    found = [json.loads(unescape(data)) for data in re.findall('data-e80="([^"]*)"', html)]
    after = "'$' + '1'"
    assert found == [{"cell": "cell-2", "before": "'$' + 1", "after": after}, {"after": after}]
    assert failure(kernel.run("%chat --replace x")).startswith("UsageError")
    server.default = stream_reply("No idea.")
    assert "nothing is replaced" in kernel.run("%chat --fix --replace").stdout


LONG = FailedCell("\n".join(f"x{n} = {n}" for n in range(68)), 5, 65)


@pytest.mark.parametrize(
    ("cell", "sent", "code", "whole"),
    [
        (FailedCell("a\nb", 0, 2), "a\nb", "a\nc", "a\nc"),
        (FailedCell("a\nb\nc\nd", 1, 3), "# … 1 line left out\nb\nc\n# … 1 line left out",
         "# … 1 line left out\nB\nc\n# … 1 line left out", "a\nB\nc\nd"),
        (FailedCell("a\nb\nc", 1, 3), "# … 1 line left out\nb\nc", "b\nC", None),
        (FailedCell("k = 'q'\nb", 0, 2), "k = '[redacted: k]'\nb", "k = '[redacted: k]'\nc",
         "k = 'q'\nc"),
        (FailedCell("k = 'q'\nb", 0, 2), "k = '[redacted: k]'\nb", "k = u'[redacted: k]'\nb", None),
        (FailedCell("k = 'q\nr'\nb", 0, 3), "k = '[redacted: k]'\nb", "k = '[redacted: k]'\nc",
         None),
        (LONG, LONG.sent, LONG.sent.replace("= 9", "= 8"), LONG.source.replace("= 9", "= 8")),
    ],
)  # fmt: skip
def test_a_replaced_cell_keeps_what_was_not_sent(
    cell: FailedCell, sent: str, code: str, whole: str | None
) -> None:
    """Lines that were left out and secrets stay in the cell; without a place for them: no cell."""
    assert Correction(sent, code).whole(cell) == whole


@pytest.mark.parametrize(
    ("cells", "text", "code"),
    [
        (["1 / 0"], "```\n1 / 1\n```", "1 / 1"),
        (["a = f(1)", "def f(x):\n    return y"], "```py\ndef f(x):\n    return x\n```",
         "def f(x):\n    return x"),
        (["%%time\nimport nothing\nrun()"], "```bash\npip install nothing\n```", None),
        (["half(0)"], "```\nprint('an example')\n```\n```python\nhalf(1)\n```", "half(1)"),
        (["x"], "no code", None),
        (["a\n" * 3_000], "```\n" + "a\n" * 3_000 + "```", None),
    ],
)  # fmt: skip
def test_which_block_is_the_correction(cells: list[str], text: str, code: str | None) -> None:
    """It is a whole block, like one of the cells; other code is none, and nor is what is huge."""
    found = correction(cells, code_blocks(text))
    assert (found and found.code) == code
    assert found is None or any(line.startswith("+") for line in found.lines())


def test_fix_looks_past_its_own_errors(kernel: AttendedKernel, server: ScriptedServer) -> None:
    """An error of %chat itself does not take the place of the user's own."""
    kernel.run("{}['missing key']")
    server.queue(error_reply(500, "out of order"))
    assert failure(kernel.run("%chat --fix")).startswith("ServerError")
    assert failure(kernel.run("%chat -t 9 x")).startswith("UsageError")
    server.queue(stream_reply("ok"), stream_reply("ok"))
    assert kernel.run("%chat --fix").ok
    assert "missing key" in prompt(server)
    kernel.run("%chat -t 9 x")
    assert kernel.run("%chat What is {{_err}}?").ok
    assert "missing key" in prompt(server)


def test_fix_sends_a_cell_with_a_magic_as_it_was_typed(
    kernel: AttendedKernel, server: ScriptedServer
) -> None:
    """Of `%%time` Python sees a call of a function with the cell as a text."""
    kernel.run("%%time\nx = 0\n1 / x")
    server.queue(stream_reply("Do not."))
    assert kernel.run("%chat --fix").ok
    assert "%%time\nx = 0\n1 / x\n" in prompt(server)


def test_fix_of_a_function_of_another_cell(kernel: AttendedKernel, server: ScriptedServer) -> None:
    """The cell that failed is sent, and the one that it called, each without its secrets."""
    called = "def half(x):\n    password = 'hunter2'\n    return 1 / x"
    failed = "import math\n\nx = 0\n\n\n# a comment\nhalf(x)"
    kernel.run(called)
    kernel.run(failed)
    kernel.run("y = 1")
    server.queue(stream_reply("ok"))
    result = kernel.run("%chat --fix")
    assert result.ok, result.error
    assert 'name="failing_cell" type="code of a cell"' in prompt(server)
    assert failed in prompt(server)
    assert 'name="called_cell" type="code of a cell"' in prompt(server)
    assert called.replace("hunter2", "[redacted: password]") in prompt(server)
    assert "hunter2" not in prompt(server)
    assert "called_cell: password redacted" in result.data()[-1]


def test_fix_of_a_group_tells_where_each_was_raised(
    kernel: AttendedKernel, server: ScriptedServer
) -> None:
    """The trace of a group ends at the `async with`; what failed stands elsewhere."""
    kernel.run(
        "import asyncio\n\n\nasync def fetch(n):\n    return [][n]\n\n\n"
        "async with asyncio.TaskGroup() as group:\n"
        "    for n in range(2):\n        group.create_task(fetch(n))"
    )
    server.queue(stream_reply("ok"))
    assert kernel.run("%chat --fix").ok
    place = "- IndexError: list index out of range\n  at line 5 of a cell, in fetch:"
    assert prompt(server).count(f"{place}\n    >     return [][n]\n") == 2


def test_fix_of_a_syntax_error(kernel: AttendedKernel, server: ScriptedServer) -> None:
    """A cell that could not even be compiled is sent too."""
    kernel.run("a = 1\nfor x in range(3\n    print(x)")
    server.queue(stream_reply("ok"))
    assert kernel.run("%chat --fix").ok
    assert "was never closed" in prompt(server)
    assert "a = 1\nfor x in range(3" in prompt(server)


def test_fix_sends_the_part_of_a_long_cell(kernel: AttendedKernel, server: ScriptedServer) -> None:
    """Of a long cell the lines around the failing one are sent."""
    lines = [f"v{n} = {n}" for n in range(1, 501)]
    kernel.run("\n".join([*lines[:300], "1 / 0", *lines[300:]]))
    server.queue(stream_reply("ok"))
    kernel.run("%chat --fix")
    text = prompt(server)
    assert "v300 = 300\n1 / 0\nv301 = 301" in text
    assert "v1 = 1\n" not in text
    assert "lines left out" in text
    assert len(text) < 5000


def test_edit_of_a_fix_sends_the_same_again(kernel: AttendedKernel, server: ScriptedServer) -> None:
    """The cell of --edit holds what was sent, whatever has failed since."""
    kernel.run("'{{no_such_name}}' / 2")
    server.queue(stream_reply("ok"), stream_reply("ok"))
    kernel.run("%chat --fix")
    before = prompt(server)
    (cell,) = new_cells(kernel.run_cell("%chat --edit"))
    assert cell.startswith("%%chat --again 1 --raw\n")
    assert kernel.run(cell).ok
    assert prompt(server).strip() == before.strip()


def test_cells_in_a_prompt(kernel: AttendedKernel, server: ScriptedServer) -> None:
    """{{In[n]}} is a cell as code, {{Out[n]}} its result; one that is not there sends nothing."""
    first = kernel.run("total = 6 * 7\ntotal")
    assert first.reply is not None
    number = first.reply["execution_count"]
    server.queue(stream_reply("ok"))
    assert kernel.run(f"%%chat\nExplain {{{{In[{number}]}}}} and {{{{Out[{number}]}}}}.").ok
    text = prompt(server)
    assert f"Explain `In[{number}]` and 42." in text
    assert f'<data name="In[{number}]" type="code of a cell"' in text
    assert "total = 6 * 7\ntotal\n</data>" in text
    assert "Out[9999] does not exist" in failure(kernel.run("%chat {{Out[9999]}}"))
    assert "In[9999] does not exist" in failure(kernel.run("%chat {{In[9999]}}"))
    assert len(server.requests) == 1


@pytest.mark.slow
def test_a_dataframe_of_the_turns(kernel: AttendedKernel, server: ScriptedServer) -> None:
    """`to_dataframe` has a row for each message; without pandas one line says what is missing."""
    server.queue(stream_reply("ONE"), stream_reply("TWO"))
    kernel.run("%%chat -t 0.5\none")
    kernel.run("%chat two")
    result = kernel.run(
        "frame = chat.conversation.to_dataframe()\n"
        "print(list(frame.columns)); print(frame.turn.tolist(), frame.role.tolist())\n"
        "print(frame.text.tolist(), frame.parameters[1]['temperature'], frame.tokens[1] > 0)\n"
        "print(frame.tokens.isna().tolist(), frame.seconds.max() > 0, len(chat.conversation))"
    )
    assert result.ok, result.error
    assert result.stdout.splitlines() == [
        "['turn', 'role', 'text', 'model', 'parameters', 'tokens', 'seconds']",
        "[1, 1, 2, 2] ['user', 'assistant', 'user', 'assistant']",
        "['one', 'ONE', 'two', 'TWO'] 0.5 True",
        "[True, False, True, False] True 2",
    ]
    missing = kernel.run(
        "import sys, unittest.mock\n"
        "with unittest.mock.patch.dict(sys.modules, {'pandas': None}):\n"
        "    chat.conversation.to_dataframe()"
    )
    assert failure(missing).startswith("UsageError: a DataFrame needs pandas")
    empty = kernel.run("chat.conversation.reset(); print(len(chat.conversation.to_dataframe()))")
    assert empty.stdout == "0\n"
