"""Side by side in the panel: what to compare, and the answers in columns as they stream."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ipywidgets import HTML, Box, Button, Dropdown, GridBox, Layout, Text, Textarea, VBox

from eighty80_jupyter.errors import ChatError, one_line
from eighty80_jupyter.notebook.cell.pacing import Painter
from eighty80_jupyter.notebook.compare import variants
from eighty80_jupyter.notebook.compare.comparison import (
    COMPARABLE,
    MOST,
    SAMPLES,
    Comparison,
    values_of,
)
from eighty80_jupyter.notebook.panel.widgets import (
    answer_html,
    close_all,
    from_loop,
    quiet_html,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from eighty80_jupyter.api.reply import Reply
    from eighty80_jupyter.notebook.compare.comparison import Column
    from eighty80_jupyter.session.session import Session

_HINTS = {
    SAMPLES: "3",
    "model": "one, another",
    "reasoning_effort": "low, high",
    "max_tokens": "50, 200",
    "seed": "1, 2, 3",
}
# As many columns as fit, each at least 16 rem wide, or as wide as the panel where that is less.
_COLUMNS = "repeat(auto-fit, minmax(min(16rem, 100%), 1fr))"


class ComparisonView(VBox):  # type: ignore[misc]  # ipywidgets ships no types
    """The controls and columns of a comparison, all made once. `comparison` is what they control.

    `prompt` returns the text to ask, such as the panel's composer's; an empty one means the last
    turn's. Without it the view has a field of its own. `close` stops what runs.
    """

    def __init__(self, session: Session, prompt: Callable[[], str] | None = None) -> None:
        self._session = session
        self._painter = Painter(self._paint, name="eighty80-panel")
        self.comparison = Comparison(session, self._painter.wake)
        style = {"description_width": "6em"}
        self.parameter = Dropdown(
            options=(*COMPARABLE, SAMPLES),
            value="temperature",
            description="Compare",
            style=style,
            layout=Layout(width="auto"),
        )
        self.values = Text(description="Values", style=style, layout=Layout(width="auto"))
        fields = [self.parameter, self.values]
        if prompt is None:
            self.prompt = Textarea(
                description="Prompt",
                placeholder="The last prompt, or write another one",
                style=style,
                layout=Layout(width="auto"),
            )
            fields.append(self.prompt)
        self._prompt = prompt or (lambda: str(self.prompt.value))
        self.run = Button(
            description="Ask side by side", tooltip="Send all requests at once", icon="columns"
        )
        self.stop = Button(description="Stop", tooltip="Stop all columns", icon="stop")
        self.stop.disabled = True
        self.notice = HTML()
        self.columns = [_ColumnView(partial(self._keep, number)) for number in range(MOST)]
        self.grid = GridBox(
            [column.box for column in self.columns],
            layout=Layout(
                grid_template_columns=_COLUMNS, grid_gap="8px", width="100%", display="none"
            ),
        )
        self.buttons = Box(
            [self.run, self.stop], layout=Layout(flex_flow="row wrap", grid_gap="4px")
        )
        self._hint()
        self.parameter.observe(lambda _change: self._hint(), "value")
        self.run.on_click(lambda _button: self._run())
        self.stop.on_click(lambda _button: self.comparison.stop())
        super().__init__([*fields, self.buttons, self.notice, self.grid])
        self.add_class("e80-comparison")

    def close(self) -> None:
        """Stop what runs and close every widget."""
        self.comparison.close()
        self._painter.close()
        for column in self.columns:
            close_all(column.answer, column.keep, column.box)
        close_all(self.run, self.stop, *self.children)
        self.layout.close()
        super().close()

    def _hint(self) -> None:
        hint = _HINTS.get(str(self.parameter.value), "0, 0.5, 1 or 0..1 step 0.25")
        self.values.placeholder = hint
        how_many = self.parameter.value == SAMPLES
        self.values.tooltip = f"How many, 1 to {MOST}" if how_many else f"Such as {hint}"

    def _run(self) -> None:
        name = str(self.parameter.value)
        try:
            self.comparison.start(name, values_of(name, self.values.value), self._prompt())
        except ChatError as error:
            self._say(str(error))
            return
        seed = self._session.config.seed
        same = name == SAMPLES and seed is not None
        self._say(f"The seed is {seed}: the samples may all be the same." if same else "")

    def _keep(self, number: int) -> None:
        try:
            self._say(self.comparison.keep(number))
        except ChatError as error:
            self._say(str(error))
        self._painter.wake()

    def _say(self, text: str) -> None:
        self.notice.value = quiet_html(text, status=True)

    def _paint(self) -> bool:
        columns = self.comparison.columns
        replies = from_loop(self._session, lambda: [variants.so_far(c.running) for c in columns])
        self.grid.layout.display = None if columns else "none"
        self.stop.disabled = not self.comparison.running
        images = self._session.config.allow_images
        for number, view in enumerate(self.columns):
            if number < len(columns):
                view.paint(columns[number], replies[number], allow_images=images)
            else:
                view.clear()
        return False


class _ColumnView:
    """One column: the answer, which scrolls, and a button to keep it."""

    def __init__(self, keep: Callable[[], None]) -> None:
        self.answer = HTML(
            layout=Layout(max_height="24em", overflow="auto", width="auto"), tabbable=True
        )
        self.keep = Button(
            description="Keep", disabled=True, layout=Layout(width="auto", max_width="100%")
        )
        self.keep.on_click(lambda _button: keep())
        self.box = VBox(
            [self.answer, self.keep],
            layout=Layout(
                border="1px solid var(--jp-border-color2, #bdbdbd)",
                padding="8px",
                min_width="0",
                justify_content="space-between",
                display="none",
            ),
        )

    def clear(self) -> None:
        """Show nothing."""
        self.box.layout.display = "none"
        self.answer.value = ""

    def paint(self, column: Column, reply: Reply, *, allow_images: bool) -> None:
        """Show a column, of which `reply` has come."""
        self.box.layout.display = None
        running = column.running
        html = answer_html(
            reply if running.done or not reply.empty else None,
            name=column.heading,
            heading=column.heading,
            streaming=not running.done,
            error=one_line(running.error) if running.error is not None else "",
            allow_images=allow_images,
        )
        self.keep.disabled = not running.done or reply.empty
        self.keep.description = "Keep" if column.adopted is None else "✓ Kept"
        self.keep.tooltip = f"Make the answer with {column.heading} the reply, and set this"
        self.answer.value = html
