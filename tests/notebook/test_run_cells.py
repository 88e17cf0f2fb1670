"""Prompts that are sent along with the cells of the notebook, in a real kernel."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.run_cells import RunCells
from eighty80_jupyter.session.session import Session
from tests.notebook.attended import AttendedKernel
from tests.support.replies import stream_reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.kernel import Result
    from tests.support.scripted import ScriptedServer

pytestmark = pytest.mark.slow

NEW = "from eighty80_jupyter import chat\nchat.conversation.reset(); chat.config.cells = None"


@pytest.fixture(name="kernel", scope="module")
def _shared_kernel() -> Iterator[AttendedKernel]:
    with AttendedKernel(startup="early = [1, 2]\nearly") as kernel:
        kernel.run("%load_ext eighty80_jupyter")
        yield kernel


@pytest.fixture(name="ask")
def _ask(kernel: AttendedKernel, server: ScriptedServer) -> Any:
    """Give a function that runs a cell which asks, and returns names and texts of its blocks."""
    server.default = stream_reply("ok")
    kernel.run(
        f"import os\nos.environ.update(_8080_API_URL={server.url!r}, _8080_API_KEY='sk-cells-1')"
    )
    kernel.run(NEW)
    kernel.run("%reset -f in out")

    def ask(code: str, cell: str = "") -> tuple[Result, dict[str, str]]:
        result = kernel.run_cell(code, cell)
        assert result.ok, result.error
        content = server.requests[-1].json["messages"][-1]["content"]
        blocks = re.findall(r'<data name="([^"]+)"[^>]*>\n(.*?)\n</data>', content, re.DOTALL)
        return result, dict(blocks)

    return ask


def test_what_was_run(kernel: AttendedKernel, ask: Any) -> None:
    """Cells go along with results and errors; prompts, earlier runs and the key do not."""
    kernel.run_cell("a = 1\na", "one")
    kernel.run_cell("%chat --list", "two")
    kernel.run_cell("1 +\n1/0", "three")
    kernel.run_cell("a = 2\n\nboom()", "one")
    kernel.run_cell("key = 'sk-cells-1'\n%chat --list", "four")
    kernel.run_cell("from collections import Counter\nCounter('aab')", "five")
    result, blocks = ask("# mine\n%%chat --cells\nWhy?", "six")
    texts = list(blocks.values())
    assert [text.split("\n")[0] for text in texts if "chat." not in text][-4:] == [
        "1 +",
        "a = 2",
        "key = '[redacted: _8080_API_KEY]'",
        "from collections import Counter",
    ]
    assert "\n--- error\nNameError: name 'boom' is not defined (line 3)" in texts[-3]
    assert "--- error\nSyntaxError: " in texts[-4]
    assert "--- result (collections.Counter)" in texts[-1]
    assert re.search(r" · \d+ cells, \d+ tokens( ·|$)", result.data()[-1])
    again, blocks = ask("%%chat --cells\nAnd?", "seven")
    assert blocks == {}
    assert re.search(r" · 0 cells, \d+ sent before", again.data()[-1])


def test_numbers_and_settings(kernel: AttendedKernel, ask: Any) -> None:
    """Numbers are execution counts; a setting sends cells always; options overrule it."""
    reply = kernel.run("'first'").reply
    assert reply is not None
    number = reply["execution_count"]
    assert list(ask(f"%%chat --cells {number}\nWhy?")[1]) == [f"In[{number}]"]
    assert list(ask(f"chat.ask('Why?', cells='{number}', once=True)")[1]) == [f"In[{number}]"]
    kernel.run(f"%chat --set cells={number}")
    assert list(ask("%chat --once Why?")[1]) == [f"In[{number}]"]
    assert ask("%chat --once --no-cells Why?")[1] == {}
    assert ask("chat.ask('Why?', cells=False, once=True);")[1] == {}
    for line in (
        "--cells 900",
        "--cells=no",
        "--cells --no-cells",
        "--retry --cells",
        "--cells 5-3",
    ):
        assert "UsageError" in str(
            kernel.run(f"%%chat {line}\n").error or kernel.run(f"%%chat {line}\nWhy?").error
        ), line


def test_dry_run(kernel: AttendedKernel, ask: Any, server: ScriptedServer) -> None:
    """It shows the blocks, a row for each cell, and how many they are."""
    kernel.run("'shown'")
    before = len(server.requests)
    shown = kernel.run("%%chat --cells 1- --dry-run\nWhy?").data()[-1]
    assert "'shown'\n--- result (str)\nshown\n</data>" in shown
    assert re.search(r"cells of the notebook: \d+ cells?, \d+ tokens", shown)
    assert re.search(r"In\[\d+\] +notebook cell", shown)
    assert len(server.requests) == before
    assert ask("%chat --once Why?")[1] == {}


def test_braces_of_a_raw_prompt_stay(kernel: AttendedKernel, ask: Any) -> None:
    """A prompt that was sent raw, with cells below it, is put into a new cell as raw again."""
    kernel.run("'seen'")
    ask("%%chat --raw --cells\nWhat is {{early}}?")
    result = kernel.run_cell("%chat --edit", "edits")
    assert result.reply is not None
    assert "--raw --cells\n" in result.reply["payload"][0]["text"]


def test_plain_python_has_no_cells() -> None:
    """Where there is no notebook the option says so, and the setting waits for one."""
    session = Session(environ={"_8080_API_KEY": "sk-none"})
    session.config.cells = "all"
    with pytest.raises(UsageError, match="there are none here"):
        session.ask("Why?", cells=True)
    session.close()


class Page:
    """A shell with a history, and what a page tells of it."""

    def __init__(self, *sources: str) -> None:
        self.parent: dict[str, Any] = {"metadata": {"cellId": "here"}, "header": {"msg_id": "run"}}
        shell: Any = SimpleNamespace(
            kernel=object(),
            history_manager=SimpleNamespace(input_hist_raw=["", *sources]),
            user_ns={"Out": {1: "one"}},
            execution_count=len(sources) + 1,
            get_parent=lambda: self.parent,
        )
        self.cells = RunCells(shell)

    def ran(self, number: int, cell: str) -> None:
        info = SimpleNamespace(cell_id=cell)
        self.cells.ended(
            SimpleNamespace(
                execution_count=number, info=info, error_before_exec=None, error_in_exec=None
            )
        )


def test_the_order_of_the_page() -> None:
    """With a page, its order counts, its text is there, and what it no longer has is not.

    Where a page has given its cells other names, number and source tell which one ran.
    """
    page = Page("a", "gone", "b", "c", "late")
    for number, cell in enumerate("AGBC", 1):
        page.ran(number, cell)
    page.ran(5, "L")
    page.cells.page_is_there = True
    page.cells.page_came(
        {
            "here": "here",
            "cells": [
                {"id": "T", "markdown": True, "source": "# Title"},
                {"id": "B", "source": "edited since", "number": 3, "output": "printed"},
                {"id": "here", "source": "%%chat"},
                {"id": "A", "source": "a", "number": 2, "output": "of another run"},
                {"id": "X", "source": "c", "number": 4, "output": "seen"},
                {"id": "N", "source": "never run", "number": None},
                "nonsense",
                {"id": 7, "markdown": True, "source": None},
            ],
        }
    )
    found = page.cells()
    assert [(c.source, c.output, c.above) for c in found if c.source] == [
        ("# Title", "", True),
        ("b", "printed", True),
        ("a", "", False),
        ("c", "seen", False),
        ("late", "", True),
    ]
    assert [c.age for c in found][:3] == [3, 3, 1]


def test_what_ran_before_its_cell_was_noted() -> None:
    """The number and the source tell which cell of the page it was."""
    page = Page("a", "b")
    page.cells.page_came(
        {
            "here": "here",
            "cells": [
                {"id": "B", "source": "b", "number": 2},
                {"id": "A", "source": "a!", "number": 1},
            ],
        }
    )
    assert [c.source for c in page.cells()] == ["b"]


@pytest.mark.parametrize("data", [{}, {"cells": None}, {"cells": 3}])
def test_a_page_that_tells_nothing_of_use(data: Any) -> None:
    """What is not of the form is an error for the comm, which passes it over."""
    page = Page("a")
    with pytest.raises((KeyError, TypeError)):
        page.cells.page_came(data)
    assert [c.source for c in page.cells()] == ["a"]
