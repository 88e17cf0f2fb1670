"""Side by side in the panel: what to compare, and the answers in columns as they stream."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ipywidgets import (
    HTML,
    Box,
    Dropdown,
    GridBox,
    HBox,
    HTMLMath,
    Text,
    Textarea,
    ToggleButton,
    VBox,
)

from eighty80_jupyter.errors import ChatError, one_line
from eighty80_jupyter.notebook.cell.pacing import Painter
from eighty80_jupyter.notebook.compare.comparison import Comparison
from eighty80_jupyter.notebook.compare.differences import differing_html, summary, twin_mark
from eighty80_jupyter.notebook.compare.grid import (
    COMPARABLE,
    MOST,
    MOST_ANSWERS,
    SAMPLES,
    values_of,
)
from eighty80_jupyter.notebook.panel.widgets import (
    answer_html,
    button,
    close_all,
    line_html,
    wrong_html,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from eighty80_jupyter.api.reply import Reply
    from eighty80_jupyter.notebook.compare.comparison import Column
    from eighty80_jupyter.session.session import Session

# What is proposed for a parameter; empty where that depends on the server.
_PROPOSED = {
    SAMPLES: "3",
    "temperature": "0, 0.7, 1.4",
    "top_p": "0.1, 0.5, 1",
    "frequency_penalty": "0, 1, 2",
    "presence_penalty": "0, 1, 2",
    "max_tokens": "50, 200",
    "seed": "1, 1, 2",
    "reasoning_effort": "low, high",
}


class ComparisonView(VBox):  # type: ignore[misc]  # ipywidgets ships no types
    """The controls and columns of a comparison, all made once. `comparison` is what they control.

    The values belong to their parameter: whoever comes back to one finds what was typed for it.
    `close` stops what runs.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._painter = Painter(self._paint, name="eighty80-panel")
        self.comparison = Comparison(session, self._painter.wake)
        self.first, self.second = _Axis(session, "Vary"), _Axis(session, "and")
        self.parameter, self.values = self.first.parameter, self.first.values
        self.second.parameter.value = "seed"
        self.second.layout.display = "none"
        self.another = button("+ a second parameter", "Compare in a grid", self._turn_second)
        self.differences = ToggleButton(
            description="Show differences", tooltip="Mark what differs from the first answer"
        )
        self.prompt = Textarea(
            description="Prompt", placeholder="The last prompt, or write another one", rows=2
        )
        self.run = button(
            "Ask side by side", "Send all requests at once", self._run, icon="columns"
        )
        self.run.add_class("e80-primary")
        self.stop = button("Stop", "Stop all columns", self.comparison.stop, icon="stop")
        self.stop.disabled = True
        self.notice, self.summary = HTML(), HTML()
        self.columns = [_ColumnView(partial(self._keep, number)) for number in range(MOST_ANSWERS)]
        self.grid = GridBox([column.box for column in self.columns])
        self.grid.layout.display = "none"
        self.grid.add_class("e80-columns")
        self.buttons = Box([self.run, self.stop])
        self.differences.add_class("e80-button")
        row = HBox([self.first, self.second, self.another, self.differences, self.buttons])
        for box in (row, self.buttons):
            box.add_class("e80-row")
        self.differences.observe(lambda _change: self._painter.wake(), "value")
        super().__init__([row, self.prompt, self.notice, self.grid, self.summary])
        self.add_class("e80-comparison")
        self.add_class("e80-form")
        self.add_class("e80-parameter")

    def close(self) -> None:
        """Stop what runs and close every widget."""
        self.comparison.close()
        self._painter.close()
        close_all(*self.children)
        self.layout.close()
        super().close()

    def _turn_second(self) -> None:
        """Show the second parameter, or take it away."""
        there = self.second.layout.display == "none"
        if there and self.second.parameter.value == self.parameter.value:
            other = "temperature" if self.parameter.value == "seed" else "seed"
            self.second.parameter.value = other  # two of the same are no grid
        self.second.layout.display = None if there else "none"
        self.another.description = "only one parameter" if there else "+ a second parameter"

    def _run(self) -> None:
        name = str(self.parameter.value)
        second = None
        self.first.mark(wrong=False)
        self.second.mark(wrong=False)
        axis: _Axis | None = self.first
        try:
            values = self.first.read()
            if self.second.layout.display != "none":
                axis = self.second
                second = (str(self.second.parameter.value), self.second.read())
            axis = None
            self.comparison.start(name, values, self.prompt.value, second=second)
        except ChatError as error:
            # What stood there was no answer to this.
            self.comparison.clear()
            if axis is not None:
                axis.mark(wrong=True)
            self.notice.value = wrong_html(str(error))
            return
        seed = self._session.config.seed
        same = name == SAMPLES and seed is not None
        self._say(f"The seed is {seed}: the samples may all be the same." if same else "")

    def _keep(self, number: int) -> None:
        try:
            self._say(self.comparison.keep(number))
        except ChatError as error:
            self.notice.value = wrong_html(str(error))
        self._painter.wake()

    def _say(self, text: str) -> None:
        self.notice.value = line_html(text, status=True)

    def _paint(self) -> bool:
        columns = self.comparison.columns
        replies = self.comparison.replies(columns)
        self.grid.layout.display = None if columns else "none"
        width = max(1, self.comparison.width)
        self.grid.layout.grid_template_columns = f"repeat({width}, minmax(14rem, 1fr))"
        running = self.comparison.running
        self.stop.disabled = not running
        images = self._session.config.allow_images
        against = replies[0].text if replies and self.differences.value else None
        for number, view in enumerate(self.columns):
            if number < len(columns):
                column = columns[number]
                mark = twin_mark(column, replies[number], columns, replies)
                view.paint(column, replies[number], mark=mark, against=against, allow_images=images)
            else:
                view.clear()
        whole = bool(columns) and not running
        self.summary.value = line_html(summary(replies)) if whole else ""
        return False


class _Axis(HBox):  # type: ignore[misc]  # the same
    """A parameter to compare, and its values, which are kept for each parameter."""

    def __init__(self, session: Session, title: str) -> None:
        self._session = session
        self._typed: dict[str, str] = {}
        self._name = "temperature"
        self.parameter = Dropdown(
            options=(*COMPARABLE, SAMPLES), value=self._name, description=title
        )
        self.values = Text(description="Values", value=_PROPOSED[self._name])
        self.parameter.observe(self._changed, "value")
        super().__init__([self.parameter, self.values])
        self.add_class("e80-axis")
        self._hint()

    def read(self) -> list[Any]:
        """Return the values. Raises UsageError."""
        return values_of(str(self.parameter.value), self.values.value)

    def mark(self, *, wrong: bool) -> None:
        """Mark the field as one that cannot be read, or take the mark away."""
        if wrong:
            self.add_class("e80-invalid")
        else:
            self.remove_class("e80-invalid")

    def _changed(self, _change: object) -> None:
        self._typed[self._name] = self.values.value
        self._name = str(self.parameter.value)
        proposed = _PROPOSED.get(self._name, "")
        if self._name == "model":
            proposed = str(self._session.config.model)
        self.values.value = self._typed.get(self._name, proposed)
        self.mark(wrong=False)
        self._hint()

    def _hint(self) -> None:
        hint = _PROPOSED.get(self._name) or "one, another"
        if self._name in ("temperature", "top_p"):
            hint += " or 0..1 step 0.25"
        self.values.placeholder = hint
        how_many = self._name == SAMPLES
        self.values.tooltip = f"How many, 1 to {MOST}" if how_many else f"Such as {hint}"


class _ColumnView:
    """One column: the answer, which scrolls, and a button to keep it."""

    def __init__(self, keep: Callable[[], None]) -> None:
        self.answer = HTMLMath(tabbable=True)  # which sets formulas
        self.answer.add_class("e80-column-answer")
        self.keep = button("Keep", "", keep)
        self.keep.disabled = True
        self.box = VBox([self.answer, self.keep])
        self.box.layout.display = "none"
        self.box.add_class("e80-column")

    def clear(self) -> None:
        """Show nothing."""
        self.box.layout.display = "none"
        self.answer.value = ""

    def paint(
        self, column: Column, reply: Reply, *, mark: str, against: str | None, allow_images: bool
    ) -> None:
        """Show a column, of which `reply` has come, or how it differs from the text `against`."""
        self.box.layout.display = None
        running = column.running
        marked = None if against is None or reply.empty else differing_html(against, reply.text)
        self.answer.value = answer_html(
            reply if running.done or not reply.empty else None,
            name=column.heading,
            heading=f"{column.heading}{mark}",
            streaming=not running.done,
            error=one_line(running.error) if running.error is not None else "",
            allow_images=allow_images,
            instead=marked,
        )
        self.keep.disabled = not running.done or reply.empty
        self.keep.description = "Keep" if column.adopted is None else "✓ Kept"
        self.keep.tooltip = f"Make the answer with {column.heading} the reply, and set this"
