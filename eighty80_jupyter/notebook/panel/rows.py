"""The panel's view *Rows*: which rows, what is asked of each, and how the run stands."""

from __future__ import annotations

import keyword
import random
import re
import shlex
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ipywidgets import HTML, Box, Combobox, HBox, Text, Textarea, ToggleButton, VBox

from eighty80_jupyter import loading
from eighty80_jupyter.errors import ChatError, UsageError, one_line
from eighty80_jupyter.notebook.panel.bench import BENCH_ROWS, Bench
from eighty80_jupyter.notebook.panel.widgets import (
    button,
    close_all,
    line_html,
    rendered,
    wrong_html,
)
from eighty80_jupyter.notebook.rows.display import FRAME_SECONDS
from eighty80_jupyter.notebook.rows.html import progress_html, run_html
from eighty80_jupyter.notebook.rows.source import rows_named
from eighty80_jupyter.session.rows.runs import ROOM

if TYPE_CHECKING:
    from eighty80_jupyter.rows.run import Run
    from eighty80_jupyter.session.session import Session

TRY_ROWS = 20
_MOST_NAMES = 50  # variables that are proposed
_PLAIN = re.compile(r"[\w%.,:|=-]+(?:\(\d*\))?")  # what a line takes without quotes


class RowsView(VBox):  # type: ignore[misc]  # ipywidgets ships no types
    """The controls of a run over rows, and the run below them, all made once.

    `put_cell` puts a text into a new cell below the panel. A run goes on in a thread of its own;
    `close` stops it.
    """

    def __init__(self, session: Session, put_cell: Callable[[str], None]) -> None:
        self._session = session
        self._put_cell = put_cell
        self._lock = threading.Lock()  # of `_thread` and `_run`
        self._thread: threading.Thread | None = None
        self._run: Run | None = None
        self._stopped = threading.Event()
        self.data = Combobox(
            description="Rows", placeholder="a frame or a list", ensure_option=False,
            tooltip="A variable, or what is computed of one: tickets[tickets.open]",
        )  # fmt: skip
        self.returns = Text(
            description="Type", placeholder="bug|feature|other",
            tooltip="The answers, such as bug|feature|other, or label: bug|feature, score: float; "
            "empty: a text",
        )  # fmt: skip
        self.column = Text(
            description="Column", placeholder="answer",
            tooltip="The name of the new column, and of those of a record before their fields",
        )  # fmt: skip
        self.into = Text(
            description="Into", placeholder="a new variable",
            tooltip="The variable that gets the rows with their answers",
        )  # fmt: skip
        self.prompt = Textarea(
            description="Prompt", placeholder="Classify: {{text}}", rows=3,
            tooltip='{{column}} is the value of the row, {{row["any name"]}} as well, {{row}} the '
            "item of a list",
        )  # fmt: skip
        self.buttons = {
            "Try": button(
                f"Try {TRY_ROWS}",
                f"Ask for {TRY_ROWS} rows, spread over all",
                lambda: self.begin(try_rows=TRY_ROWS),
                icon="flask",
            ),
            "Run": button("Run", "Ask for every row", self.begin, icon="play"),
            "Stop": button(
                "Stop", "Ask for no more rows; what is answered is kept", self.stop, icon="stop"
            ),
            "Type": ToggleButton(
                description="As I type",
                icon="keyboard-o",
                tooltip=f"Ask {BENCH_ROWS} rows again whenever the prompt rests, and show what "
                "has changed",
            ),
            "Cell": button(
                "To a cell", "Put this into a new cell below the panel, not run", self._to_cell
            ),
        }
        self.buttons["Run"].add_class("e80-primary")
        self.buttons["Stop"].disabled = True
        self.notice, self.shown = HTML(), HTML()
        self.shown.add_class("e80-run")
        self.bench = Bench(
            self._begin_bench, self._show_bench, lambda: session.config.live_request_limit
        )
        self.buttons["Type"].observe(lambda change: self.bench.turn(on=change["new"]), "value")
        for field in (self.prompt, self.returns, self.data):
            field.observe(lambda _change: self.bench.typed(), "value")
        fields = HBox([self.data, self.returns, self.column, self.into])
        row = Box(list(self.buttons.values()))
        for box in (fields, row):
            box.add_class("e80-row")
        super().__init__([fields, self.prompt, row, self.notice, self.shown])
        for name in ("e80-form", "e80-parameter", "e80-rows"):
            self.add_class(name)
        self.layout.observe(lambda _change: self.propose(), "display")  # it is shown, or no more

    def propose(self) -> None:
        """Offer the variables that have rows."""
        names = self._session.namespace or {}
        found = [name for name, value in list(names.items()) if has_rows(name, value)]
        self.data.options = tuple(found[:_MOST_NAMES])

    def begin(self, *, try_rows: int | None = None) -> None:
        """Start a run in a thread; returns at once."""
        with self._lock:
            if self._thread is not None:
                self._say("A run is under way; Stop ends it.")
                return
            self._thread = threading.Thread(
                target=self._work, args=(try_rows,), name="eighty80-panel-rows", daemon=True
            )
        self._stopped.clear()
        self._busy(busy=True)
        self._say("")
        self._thread.start()

    def _begin_bench(self) -> tuple[Run, Sequence[int]]:
        """Begin a run over some rows with the prompt as it stands. Raises UsageError."""
        self._check()
        loading.require(*ROOM)
        from eighty80_jupyter.rows.frames import open_rows  # noqa: PLC0415  # a door: rows

        rows = open_rows(rows_named(self.data.value, self._session.namespace or {}))
        length = rows.length or 0
        # The same rows for every prompt: `try_rows` would take others.
        chosen = random.Random(length).sample(range(length), min(length, BENCH_ROWS))  # noqa: S311  # no secret
        return self._start(rows.take(sorted(chosen))), sorted(chosen)

    def _start(self, rows: Any, **options: Any) -> Run:
        return self._session.start_rows(
            rows,
            self.prompt.value.strip(),
            returns=self.returns.value.strip() or None,
            column=self.column.value.strip() or "answer",
            **options,
        )

    def _show_bench(self, html: str) -> None:
        self.shown.value = rendered(html)
        if self.buttons["Type"].value and not self.bench.on:
            self.buttons["Type"].value = False

    def stop(self) -> None:
        """Ask for no more rows."""
        self._stopped.set()
        with self._lock:
            run = self._run
        if run is not None:
            run.cancel()

    def close(self) -> None:
        """Stop what runs and close every widget."""
        self.bench.close()
        self.stop()
        close_all(*self.children)
        self.layout.close()
        super().close()

    def source(self) -> str:
        """Return the cell that does the same. Raises UsageError."""
        self._check()
        words = ["%%chat", "--rows", self.data.value.strip()]
        for option, field in (
            ("--returns", self.returns),
            ("--column", self.column),
            ("--into", self.into),
        ):
            if field.value.strip():
                words += [option, field.value.strip()]
        return f"{' '.join(map(_quoted, words))}\n{self.prompt.value.strip()}"

    def _to_cell(self) -> None:
        try:
            self._put_cell(self.source())
            self._say("It is in a new cell below the panel, or else on the clipboard.")
        except UsageError as error:
            self.notice.value = wrong_html(str(error))

    def _check(self) -> None:
        if not self.data.value.strip():
            raise UsageError("name the rows: a variable with a frame or a list")
        if not self.prompt.value.strip():
            raise UsageError("write a prompt that names a column, such as Classify: {{text}}")
        into = self.into.value.strip()
        if into and (not into.isidentifier() or keyword.iskeyword(into)):
            raise UsageError(f"Into needs the name of a variable, got {into}")

    def _work(self, try_rows: int | None) -> None:
        """Do a run from its begin to its end, in a thread of its own."""
        try:
            self._follow(try_rows)
        except ChatError as error:
            self.notice.value = wrong_html(str(error))
        except Exception as error:  # noqa: BLE001  # of the user's data; nobody else would be told
            self.notice.value = wrong_html(one_line(error))
        finally:
            with self._lock:
                self._thread = self._run = None
            self._busy(busy=False)

    def _follow(self, try_rows: int | None) -> None:
        self._check()
        loading.require(*loading.CLIENT)
        names = self._session.namespace or {}
        run = self._start(rows_named(self.data.value, names), try_rows=try_rows)
        with self._lock:
            self._run = run
        if self._stopped.is_set():  # before there was anything to stop
            run.cancel()
        while not run.wait(FRAME_SECONDS):
            self.shown.value = rendered(progress_html(run.progress()))
        self.shown.value = rendered(run_html(run))
        self._keep(run, names)

    def _keep(self, run: Run, names: Mapping[str, Any]) -> None:
        """Put the rows with their answers into the variable, where the run went to its end."""
        into = self.into.value.strip()
        if run.progress().state != "done":
            self._say("Run asks only what is missing; chat.last_run.frame is what there is.")
        elif into and isinstance(names, dict):
            names[into] = run.frame
            self._say(f"The rows with their answers are in {into}.")
        else:
            self._say("The rows with their answers are in chat.last_run.frame.")

    def _busy(self, *, busy: bool) -> None:
        for name in ("Try", "Run"):
            self.buttons[name].disabled = busy
        self.buttons["Stop"].disabled = not busy

    def _say(self, text: str) -> None:
        self.notice.value = line_html(text, status=True) if text else ""


def has_rows(name: str, value: Any) -> bool:
    """Tell whether a variable is worth proposing: a frame, or a list of anything.

    Nothing of the value is computed.
    """
    if name.startswith("_") or name in ("In", "Out"):
        return False
    if isinstance(value, list):
        return bool(value)
    kind = type(value)
    return kind.__name__ in ("DataFrame", "Series", "Table", "RecordBatch", "DuckDBPyRelation")


def _quoted(word: str) -> str:
    """Return a word of a line as the parser reads it back."""
    return word if _PLAIN.fullmatch(word) else shlex.quote(word)
