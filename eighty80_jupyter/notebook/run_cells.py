"""What was run in this kernel, for prompts that are sent along with it.

Sources and results are IPython's own history. What that does not keep is noted as cells end: which
cell of the page a run belongs to, and how it failed. The extension of JupyterLab tells more where
it is there: the order of the page, Markdown cells, and the text of outputs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from threading import Condition
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.errors import error_summary
from eighty80_jupyter.notebook.cell.running_cell import running_cell
from eighty80_jupyter.notebook.line.input import is_chat
from eighty80_jupyter.prompt.describe.files import is_cell
from eighty80_jupyter.prompt.run_cells import NOTHING, RunCell

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_ON_SHELL = "_eighty80_cells"
_PATIENCE = 0.5  # seconds for a page that is known to tell more; it does so before it runs a cell
_RECENT = 60.0  # seconds in which a change of a cell is made by a page that was not there yet
_MOST_CELLS = 5_000
_LONGEST = 100_000  # characters of a text that a page tells


@dataclass(frozen=True, slots=True, kw_only=True)
class _PageCell:
    """A cell as it stands on the page; `number` is the one in front of it, 0 for none."""

    id: str
    source: str = ""
    output: str = ""
    number: int = 0
    markdown: bool = False


@dataclass(frozen=True, slots=True)
class _Page:
    """The cells of a page in their order, as they stood when the cell `here` was sent to run."""

    here: str
    cells: tuple[_PageCell, ...]


@dataclass(frozen=True, slots=True)
class _Put:
    """The `change` of a cell that the page was asked for, at a time of the monotonic clock."""

    change: dict[str, str]
    done: Callable[[bool], None]
    at: float


class RunCells:
    """Tells the cells of a shell. Cells end in the main thread, pages may speak in any."""

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self._cells: dict[int, str] = {}  # the front end's names, by execution count
        self._errors: dict[int, str] = {}
        self._page: _Page | None = None  # under `_told`
        self._used_by = ""  # the run that has used it
        self._told = Condition()
        self.page_is_there = False  # a page of the extension has asked something
        self.tell_page: Callable[[Any], None] | None = None
        self._put: _Put | None = None  # what waits for the page's answer

    def ended(self, result: Any) -> None:
        """Note which cell has ended, and how it failed."""
        number = result.execution_count
        if number is None:
            return
        info = result.info
        cell = getattr(info, "cell_id", None) or running_cell(self._shell).id
        if cell:
            self._cells[number] = str(cell)
        error = result.error_before_exec or result.error_in_exec
        if error is not None:
            self._errors[number] = _short(error)

    def page_came(self, data: Mapping[str, Any]) -> None:
        """Take in what a page tells; what is not of its form is passed over."""
        cells = tuple(
            _PageCell(
                id=_text(each.get("id")),
                source=_text(each.get("source")),
                output=_text(each.get("output")),
                number=number if isinstance(number := each.get("number"), int) else 0,
                markdown=each.get("markdown") is True,
            )
            for each in list(data["cells"])[:_MOST_CELLS]
            if isinstance(each, dict)
        )
        with self._told:
            self._page, self._used_by = _Page(_text(data.get("here")), cells), ""
            self._told.notify_all()

    def latest(self, source: str) -> tuple[int, str]:
        """Return the number of the last run of a source, one that failed if any did, and its cell.

        0 and nothing where it has not run, or where the front end does not name its cells.
        """
        history = self._shell.history_manager
        raw = history.input_hist_raw if history is not None else []
        runs = [n for n, typed in enumerate(raw) if typed.rstrip() == source.rstrip()]
        number = max(runs, key=lambda n: (n in self._errors, n), default=0)
        return number, self._cells.get(number, "")

    def put(self, change: Mapping[str, str], done: Callable[[bool], None]) -> bool:
        """Have the page change a cell; return whether a page is there to do so.

        `done` is told whether it did, once the running cell has ended.
        """
        if not self.page_is_there or self.tell_page is None:
            return False
        self._put = _Put(dict(change), done, time.monotonic())
        self.tell_page({"put": self._put.change})
        return True

    def page_is_ready(self) -> None:
        """Have a page that has just come do what was asked of one a moment ago.

        A page that is loaded again hears nothing before it has found the kernel.
        """
        put = self._put
        if put is None or self.tell_page is None or time.monotonic() > put.at + _RECENT:
            return
        self.tell_page({"put": put.change})

    def page_has_put(self, *, done: bool) -> None:
        """Take in whether the page has changed the cell; a second page's word counts no more."""
        put, self._put = self._put, None
        if put is not None:
            put.done(done)

    def __call__(self) -> list[RunCell]:
        """Return what was run, prompts left out: in the order of the page, where that is known."""
        runs = self._runs()
        page = self._page_now()
        return runs if page is None else _as_on_page(page, runs)

    def _runs(self) -> list[RunCell]:
        history = self._shell.history_manager
        sources = list(history.input_hist_raw) if history is not None else []
        results = self._shell.user_ns.get("Out")
        results = results if isinstance(results, dict) else {}
        now = self._shell.execution_count  # that of the cell that runs, or of the next one
        return [
            RunCell(
                source=source,
                number=number,
                cell=self._cells.get(number, ""),
                result=results.get(number, NOTHING),
                error=self._errors.get(number, ""),
                age=number,
            )
            for number, source in enumerate(sources)
            if 0 < number < now and not is_chat(source)
        ]

    def _page_now(self) -> _Page | None:
        """Return the page as it is; what it says of the cell that runs is waited for."""
        cell = running_cell(self._shell)
        with self._told:
            if self.page_is_there and cell.id:
                self._told.wait_for(lambda: self._is_fresh(cell.id, cell.run), _PATIENCE)
            self._used_by = cell.run
            return self._page

    def _is_fresh(self, cell: str, run: str) -> bool:
        page = self._page
        return page is not None and page.here == cell and self._used_by in ("", run)


def _as_on_page(page: _Page, runs: list[RunCell]) -> list[RunCell]:
    """Return the runs in the order of the page, with its Markdown cells and outputs.

    What was run since the page has told of itself comes last; cells that it no longer has are out.
    """
    of_cell: dict[str, list[RunCell]] = {}
    by_number = {run.number: run for run in runs}
    for run in runs:
        if run.cell:
            of_cell.setdefault(run.cell, []).append(run)
    found: list[RunCell] = []
    above = True
    for cell in page.cells:
        if cell.id == page.here:
            above = False
        elif cell.markdown:
            found.append(RunCell(source=cell.source, cell=cell.id, above=above))
        else:
            mine = of_cell.get(cell.id, [])
            same = by_number.get(cell.number)
            if not mine and same is not None and same.source.strip() == cell.source.strip():
                mine = [same]  # it ran before anybody noted its cell
            found += [
                replace(run, above=above, output=cell.output if run.number == cell.number else "")
                for run in mine
            ]
    on_page = {run.number for run in found}
    newest = max((cell.number for cell in page.cells), default=0)
    found += [run for run in runs if run.number > newest and run.number not in on_page]
    return _with_ages(found)


def _with_ages(cells: Iterable[RunCell]) -> list[RunCell]:
    """Let a Markdown cell be as old as the code below it, or above it where there is none."""
    aged: list[RunCell] = []
    age = 0
    for cell in reversed(list(cells)):
        age = cell.age or age
        aged.append(cell if cell.number else replace(cell, age=age))
    last = next((cell.age for cell in aged if cell.age), 0)
    return [cell if cell.age else replace(cell, age=last) for cell in reversed(aged)]


def _short(error: BaseException) -> str:
    """Return type and text of an error, and the line of the cell where it came up."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if is_cell(trace.tb_frame.f_code.co_filename):
            line = trace.tb_lineno
        trace = trace.tb_next
    if isinstance(error, SyntaxError):
        line = error.lineno or 0
    return error_summary(error) + (f" (line {line})" if line else "")


def _text(value: Any) -> str:
    return value[:_LONGEST] if isinstance(value, str) else ""


def run_cells_of(shell: InteractiveShell) -> RunCells:
    """Return what tells the cells of a shell, made on the first call; it outlives a reload."""
    known: RunCells | None = getattr(shell, _ON_SHELL, None)
    if known is None:
        known = RunCells(shell)
        setattr(shell, _ON_SHELL, known)
    return known


def note_cells(shell: InteractiveShell, *, on: bool) -> None:
    """Note the cells that end from now on, or no longer."""
    cells = run_cells_of(shell)
    if cells.ended in shell.events.callbacks["post_run_cell"]:
        shell.events.unregister("post_run_cell", cells.ended)
    if on:
        shell.events.register("post_run_cell", cells.ended)
