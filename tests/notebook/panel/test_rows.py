"""The panel's view of rows: what it starts, shows and stops, and the cell that does the same."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.line.parser import parse
from eighty80_jupyter.notebook.panel.rows import RowsView
from eighty80_jupyter.rows.progress import Progress
from tests.notebook.rows.runs import MadeRun
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

TICKETS = pd.DataFrame({"text": ["it breaks", "hello"]})


class Made:
    """A session whose runs are made here, and the view of it."""

    def __init__(self) -> None:
        self.namespace: dict[str, Any] = {
            "tickets": TICKETS, "names": ["a"], "empty": [], "_hidden": TICKETS, "limit": 3,
            "In": ["x"],
        }  # fmt: skip
        self.started: list[tuple[Any, str, dict[str, Any]]] = []
        self.runs: list[MadeRun] = []
        self.cells: list[str] = []
        session: Any = SimpleNamespace(namespace=self.namespace, start_rows=self.start)
        self.view = RowsView(session, self.cells.append)

    def start(self, data: Any, prompt: str, **options: Any) -> MadeRun:
        """Give the next of the runs."""
        if not self.runs:
            raise UsageError("the prompt names no column")
        self.started.append((data, prompt, options))
        return self.runs.pop(0)

    def fill(self, **values: str) -> None:
        """Type into the fields."""
        for name, value in values.items():
            getattr(self.view, name).value = value

    def press(self, name: str) -> None:
        """Click a button, and wait for what it does in its thread."""
        self.view.buttons[name].click()

    def rest(self) -> None:
        """Wait until nothing runs."""
        wait_until(lambda: not self.view.buttons["Run"].disabled)


@pytest.fixture(name="made")
def _made() -> Iterator[Made]:
    made = Made()
    yield made
    made.view.close()


def whole(**more: Any) -> MadeRun:
    """Return a run that has ended well."""
    done = Progress(total=2, done=2, asked=2, state="done")
    return MadeRun(done, values=["bug", "other"], rows=["it breaks", "hello"], **more)


def test_try_and_run(made: Made) -> None:
    """Try asks twenty rows, Run all of them; the table and where the answers are stand below."""
    first, second = whole(), whole()
    vars(second)["frame"] = TICKETS.assign(label=["bug", "other"])
    made.runs = [first, second]
    made.fill(data=" tickets ", returns="bug|other", prompt="Classify: {{text}}\n")
    made.press("Try")
    made.rest()
    made.fill(column="label", into="labelled")
    made.press("Run")
    made.rest()
    assert [prompt for _, prompt, _ in made.started] == ["Classify: {{text}}"] * 2
    assert made.started[0][0] is TICKETS
    assert [options["try_rows"] for _, _, options in made.started] == [20, None]
    assert [options["column"] for _, _, options in made.started] == ["answer", "label"]
    assert made.started[0][2]["returns"] == "bug|other"
    assert ">bug</td>" in made.view.shown.value
    assert made.namespace["labelled"] is vars(second)["frame"]
    assert "are in labelled" in made.view.notice.value


def test_stop_cancels(made: Made) -> None:
    """Stop ends the run; the variable stays as it was, and the view says how to go on."""
    going = threading.Event()
    stopped = threading.Event()

    def waited(_seconds: float | None) -> None:
        going.set()
        stopped.wait(10)

    steps = [Progress(total=9, done=1)] * 50
    run = MadeRun(*steps, values=[None] * 9, waited=waited)
    made.runs = [run]
    made.fill(data="tickets", prompt="{{text}}", into="labelled")
    made.press("Run")
    assert going.wait(10)
    assert made.view.buttons["Try"].disabled
    made.view.begin()
    assert len(made.started) == 1
    assert "under way" in made.view.notice.value
    made.press("Stop")
    stopped.set()
    made.rest()
    assert run.cancelled
    assert "labelled" not in made.namespace
    assert "only what is missing" in made.view.notice.value
    assert made.view.buttons["Stop"].disabled


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "name the rows"),
        ({"data": "tickets"}, "write a prompt"),
        ({"data": "tickts", "prompt": "{{text}}"}, "Did you mean tickets?"),
        ({"data": "tickets", "prompt": "{{text}}", "into": "a b"}, "name of a variable, got a b"),
        ({"data": "tickets", "prompt": "<b>hi"}, "names no column"),
        ({"data": "tickets['<i>x']", "prompt": "x"}, "&lt;i&gt;x"),
    ],
)
def test_what_cannot_be_asked_is_said(made: Made, values: dict[str, str], told: str) -> None:
    """Each field that is missing or wrong is told in a line, and nothing is started."""
    made.fill(**values)
    made.press("Run")
    made.rest()
    assert told in made.view.notice.value
    assert not made.started


def test_the_cell_does_the_same(made: Made) -> None:
    """To a cell writes a line that is read back as what stands in the fields."""
    made.fill(
        data='tickets[tickets["text"] != "a b"]',
        returns="label: 'it''s'|\"b\", score: float",
        column="la bel",
        into="labelled",
        prompt="Classify: {{text}}\n\nIn a word.",
    )
    made.press("Cell")
    line, _, prompt = made.cells[0].partition("\n")
    options, rest = parse(line.removeprefix("%%chat "))
    assert rest == ""
    assert options.rows == made.view.data.value
    assert options.returns == made.view.returns.value
    assert (options.column, options.into) == ("la bel", "labelled")
    assert prompt == made.view.prompt.value
    made.fill(data="tickets", returns="", column="", into="", prompt="{{text}}")
    made.press("Cell")
    assert made.cells[1] == "%%chat --rows tickets\n{{text}}"
    made.fill(prompt=" ")
    made.press("Cell")
    assert len(made.cells) == 2
    assert "write a prompt" in made.view.notice.value


def test_proposed_are_frames_and_lists(made: Made) -> None:
    """The field offers the variables that have rows, when the view is shown."""
    made.view.layout.display = "none"
    made.namespace["later"] = TICKETS["text"]
    made.view.layout.display = None
    assert made.view.data.options == ("tickets", "names", "later")
