"""The kernel's side of prompt cells."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.notebook import run_cells
from eighty80_jupyter.notebook.lab import comm as lab
from eighty80_jupyter.notebook.lab.answers import check, describe_field
from eighty80_jupyter.notebook.lab.table import STATIC, static_table
from eighty80_jupyter.notebook.run_cells import run_cells_of
from eighty80_jupyter.prompt.describe.custom import Registry


class Loud:
    """A value of which every look must stay without effect."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def _repr_llm_(self) -> str:
        self.asked.append("_repr_llm_")
        return "mine"

    def __call__(self) -> str:
        self.asked.append("called")
        return "called"


@pytest.fixture(name="ask")
def _ask(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give a function that sends data to the comm and returns what it answers."""
    sent: list[Any] = []
    made = SimpleNamespace(send=sent.append, close=lambda: None, handle_msg=None)
    monkeypatch.setattr("comm.create_comm", lambda **_: made)
    monkeypatch.setattr(
        "comm.get_comm_manager", lambda: SimpleNamespace(register_comm=lambda _: None)
    )
    shell: Any = SimpleNamespace(user_ns={"xs": [1, 2], "loud": Loud(), "key": "sk-secret-value"})
    config = ChatConfig()
    lab.open_comm(shell, lambda: None, config)

    def ask(data: Any) -> Any:
        sent.clear()
        made.handle_msg({"content": {"data": data}})
        return sent[0] if sent else None

    ask.shell, ask.config = shell, config  # type: ignore[attr-defined]  # for the tests
    return ask


def test_the_table_of_the_page_is_that_of_the_kernel() -> None:
    """What the page knows without a kernel is what the table of options says.

    If it is not: python -m eighty80_jupyter.notebook.lab.table
    """
    assert STATIC.read_text(encoding="utf-8") == static_table()


def test_the_extension_stays_small() -> None:
    """What every page of JupyterLab loads, of every notebook, has less than 15,000 bytes."""
    extension = STATIC.parents[1]
    assert sum(path.stat().st_size for path in extension.rglob("*") if path.is_file()) < 15_000


def test_answers(ask: Any) -> None:
    """The page learns options, wrong fields, and types and sizes, but no value."""
    table = ask({"ask": "table"})
    assert "history" in table["options"]["[0-9]+(?:-[0-9]*)?"].split()
    assert "h" in table["options"][""].split()
    wrong = ask({"ask": "check", "text": "{{xs}} {{x}} {{loud()}}"})
    assert list(wrong["wrong"]) == ["{{x}}"]
    assert ask({"ask": "describe", "text": "{{key}}"}) == {"text": "str, 5 tokens"}


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "check",
        {"ask": "eval", "text": "{{xs}}"},
        {"ask": "check", "text": 7},
        {"ask": "check", "text": "{" * 200_000},
        {"ask": "describe"},
        {"ask": ["check"], "text": {}},
        {"ask": "page"},
        {"ask": "page", "cells": 7},
    ],
)
def test_hostile_messages_have_no_answer(ask: Any, data: Any) -> None:
    """What is no question of ours is passed over, and the next one is answered."""
    assert ask(data) is None
    assert ask({"ask": "check", "text": ""}) == {"wrong": {}}


def test_a_page_tells_of_itself(ask: Any) -> None:
    """What it tells is kept without an answer; the table says whether every prompt wants it."""
    assert ask({"ask": "table"})["cells"] is False
    ask.config.cells = "above"
    assert ask({"ask": "table"})["cells"] is True
    cells = [{"id": "a", "markdown": True, "source": "# A"}]
    assert ask({"ask": "page", "here": "b", "cells": cells}) is None
    kept = run_cells_of(ask.shell)
    assert kept.page_is_there
    page = kept._page
    assert page is not None
    assert [cell.source for cell in page.cells] == ["# A"]


def test_a_page_that_comes_late_changes_the_cell(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was asked of a page before it was loaded again is asked once more, but not later on."""
    done: list[bool] = []
    cells, change = run_cells_of(ask.shell), {"cell": "a", "before": "1", "after": "2"}
    assert not cells.put(change, done.append)
    ask({"ask": "check", "text": ""})
    assert cells.put(change, done.append)
    assert ask({"ask": "ready"}) == {"put": change}
    for answer in (True, False):  # the second page that was there has nothing to do
        ask({"ask": "put", "done": answer})
    assert done == [True]
    assert ask({"ask": "ready"}) is None
    assert cells.put(change, done.append)
    monkeypatch.setattr(run_cells, "_RECENT", -1)
    assert ask({"ask": "ready"}) is None


def test_nothing_is_run() -> None:
    """Neither checking nor describing calls, or asks a value's own methods."""
    loud = Loud()
    names = {"loud": loud, "xs": [1]}
    assert check("{{loud()}} {{loud}} {{xs[loud()]}}", names) == {}
    assert describe_field("{{loud()}}", names) == "Computed when it is sent."
    assert "by its own function" in describe_field("{{loud}}", names)
    registry = Registry()
    registry.register(list, lambda _: loud())
    assert "by its own function" in describe_field("{{xs}}", names, registry)
    assert describe_field("{{missing}}", names) == describe_field("text", names) == ""
    assert loud.asked == []


def test_wrong_fields_say_why() -> None:
    """Unknown names come with the nearest, and what is sent as it stands is said."""
    found = check("{{dff}} {{[x for x in df]}} {{df.__class__}} {{df}} {{1}}", {"df": 1})
    assert found["{{dff}}"] == "No variable 'dff'. Did you mean df?"
    assert "sent as it stands" in found["{{[x for x in df]}}"]
    assert "refused" in found["{{df.__class__}}"]
    assert len(found) == 3
