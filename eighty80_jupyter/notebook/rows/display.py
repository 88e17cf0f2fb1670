"""Follow a run over rows, or a comparison, to its end: one output that is updated, or lines.

The caller's thread waits for the run and draws in between, so that an interrupt reaches it.
"""

from __future__ import annotations

import shutil
import sys
import time
import weakref
from typing import TYPE_CHECKING, TextIO

from eighty80_jupyter.notebook.cell.front_end import drawing, has_pages, is_console
from eighty80_jupyter.notebook.cell.outputs import Output, Page
from eighty80_jupyter.notebook.cell.terminal_text import harmless
from eighty80_jupyter.notebook.markdown.page_text import quiet_html
from eighty80_jupyter.notebook.markdown.source import plain
from eighty80_jupyter.notebook.rows.comparison_html import (
    comparison_html,
    comparison_markdown,
    comparison_text,
)
from eighty80_jupyter.notebook.rows.html import progress_html, run_html
from eighty80_jupyter.notebook.rows.text import end_lines, run_markdown, run_text
from eighty80_jupyter.notebook.rows.values import ShownRun, Waited
from eighty80_jupyter.notebook.rows.words import line_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

    from eighty80_jupyter.config import ChatConfig
    from eighty80_jupyter.rows.comparison import RowComparison

FRAME_SECONDS = 0.25  # at most four drawings a second
FIRST_SECONDS = 0.1  # a run that is quicker is drawn once
SHARE = 20  # and at most a twentieth of the time: the thread that draws also fills the prompts
END_SECONDS = 0.3  # for a run that was cancelled to say so
_ABOVE = "the run above: .frame, .values, .errors, .counts, .usage"


class RunDisplay:
    """Shows the runs of one shell where they are waited for, and where they are a cell's result."""

    def __init__(
        self, shell: InteractiveShell, config: ChatConfig, running_cell: Callable[[], str]
    ) -> None:
        self._shell = shell
        self._config = config
        self._running_cell = running_cell
        self._followed: weakref.WeakKeyDictionary[ShownRun, str] = weakref.WeakKeyDictionary()

    def follow(self, run: ShownRun) -> None:
        """Wait for the run and show how it stands. An interrupt cancels it, and is raised."""
        if drawing(self._shell, self._config) == "text":
            live = has_pages(self._shell) or sys.stdout.isatty()
            follow_in_terminal(run, sys.stdout, live=live)
            return

        def coming() -> tuple[str, str]:
            progress = run.progress()
            return progress_html(progress), line_of(progress)

        def ended() -> tuple[str, str, str]:
            self._followed[run] = self._running_cell()
            return run_html(run), run_text(run), run_markdown(run)

        _follow_on_page(self._shell, self._config, run, coming, ended)

    def result_html(self, run: ShownRun) -> str:
        """Return a run that is a cell's result; one that the cell has followed stands above."""
        if self._followed.get(run) != self._running_cell():
            return run_html(run)
        return quiet_html(_ABOVE)

    def result_markdown(self, run: ShownRun) -> str:
        """Return the same as Markdown."""
        if self._followed.get(run) != self._running_cell():
            return run_markdown(run)
        return f"*{plain(_ABOVE)}*"


def follow_comparison(
    shell: InteractiveShell, config: ChatConfig, comparison: RowComparison
) -> None:
    """Wait for a comparison and show how it stands. An interrupt stops it, and is raised."""

    def coming() -> tuple[str, str]:
        return comparison_html(comparison), comparison_text(comparison)

    if drawing(shell, config) == "text":
        try:
            watch(comparison, lambda: None)
        finally:
            sys.stdout.write(harmless(comparison_text(comparison)) + "\n")
        return
    _follow_on_page(
        shell, config, comparison, coming, lambda: (*coming(), comparison_markdown(comparison))
    )


def _follow_on_page(
    shell: InteractiveShell,
    config: ChatConfig,
    waited: Waited,
    coming: Callable[[], tuple[str, str]],
    ended: Callable[[], tuple[str, str, str]],
) -> None:
    """Wait with one output: meanwhile HTML and text say how it stands, in the end Markdown too."""
    live = drawing(shell, config) == "updates"
    page = Page(shell.display_pub.publish, live=live, latex=not is_console(shell))
    output = Output(page)
    try:
        watch(waited, lambda: output.html(*coming()))
    finally:
        html, text, markdown = ended()
        output.html(html, text, markdown=markdown)
        page.release()


def follow_in_terminal(run: ShownRun, out: TextIO, *, live: bool) -> None:
    """Wait for the run with one line that says how it stands; where nobody sees it, at the end."""
    width = 0

    def draw() -> None:
        nonlocal width
        line = harmless(line_of(run.progress()))[: shutil.get_terminal_size().columns - 1]
        out.write("\r" + line.ljust(width))
        out.flush()
        width = len(line)

    try:
        watch(run, draw if live else lambda: None)
    finally:
        if width:
            out.write("\r" + " " * width + "\r")
        out.write("".join(f"{harmless(line)}\n" for line in end_lines(run)))
        out.flush()


def watch(run: Waited, draw: Callable[[], None]) -> None:
    """Draw until the run has ended; an interrupt cancels it, and is raised."""
    pause = FIRST_SECONDS
    try:
        while not run.wait(pause):
            began = time.monotonic()
            draw()
            pause = max(FRAME_SECONDS, SHARE * (time.monotonic() - began))
    except KeyboardInterrupt:
        run.cancel()
        run.wait(END_SECONDS)
        raise
