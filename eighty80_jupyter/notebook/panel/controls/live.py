"""Live mode in the panel: a switch at the sliders, and the answer that follows them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ipywidgets import HTML, Box, Button, Checkbox, Layout, VBox

from eighty80_jupyter.notebook.cell.pacing import Painter
from eighty80_jupyter.notebook.compare.live import LiveAnswers
from eighty80_jupyter.notebook.compare.recent import STRIP
from eighty80_jupyter.notebook.compare.variants import from_loop
from eighty80_jupyter.notebook.panel.widgets import answer_html, close_all, line_html
from eighty80_jupyter.notebook.rows.words import short
from eighty80_jupyter.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from eighty80_jupyter.notebook.compare.recent import LiveState
    from eighty80_jupyter.notebook.panel.controls.parameters import ParameterPanel
    from eighty80_jupyter.session.session import Session

_HELP = (
    "While this is on, every change of a parameter answers the last prompt again. "
    "The answer becomes the reply when the slider is let go."
)
_LABEL_LENGTH = 40


class LiveControls(VBox):  # type: ignore[misc]  # ipywidgets ships no types
    """The controls of live mode, all made once. `close` ends it; `live` is what they control.

    `parameters` are the panel's, which tell when a slider is let go. Without that news an answer is
    kept when nothing has moved for 0.6 s. `answer` is not among the children: it is shown in the
    transcript, where it takes the place of the last one.
    """

    def __init__(self, session: Session, parameters: ParameterPanel | None = None) -> None:
        self._session = session
        self._painter = Painter(self._paint, name="eighty80-panel")
        self.live = LiveAnswers(session, self._painter.wake)
        self.toggle = Checkbox(
            description="Live: answer as a slider moves",
            tooltip=_HELP,
            indent=False,
            layout=Layout(width="auto", max_width="100%"),
        )
        self.go_on = Button(description="Go on", tooltip="Switch live mode on again")
        self.meter, self.notice = HTML(), HTML()
        self.answer = HTML()
        self.strip = [Button(layout=Layout(width="auto", max_width="100%")) for _ in range(STRIP)]
        self.steps = Box(self.strip, layout=Layout(flex_flow="row wrap", grid_gap="4px"))
        for widget in (self.notice, self.go_on, self.steps, self.meter, *self.strip):
            widget.layout.display = "none"
        self.notice.add_class("e80-live-notice")
        self.steps.add_class("e80-live-strip")
        self.meter.add_class("e80-live-meter")
        self.toggle.observe(self._toggled, "value")
        self.go_on.on_click(lambda _button: self.live.go_on())
        for number, button in enumerate(self.strip):
            button.on_click(partial(self._stepped, number))
        super().__init__([self.toggle, self.notice, self.go_on, self.steps, self.meter])
        self.add_class("e80-live")
        self._ends: list[Callable[[], None]] = []
        if parameters is not None:
            self._ends.append(parameters.released.watch(lambda _name: self.live.released()))
            self._ends.append(parameters.changed.watch(self._changed))

    def close(self) -> None:
        """End live mode and close every widget."""
        for end in self._ends:
            end()
        self.live.close()
        self._painter.close()
        close_all(self.answer, *self.strip, *self.children)
        self.layout.close()
        super().close()

    def _toggled(self, change: Any) -> None:
        if change["new"] == self.live.on:
            return  # it has switched itself, and the box followed
        if change["new"]:
            self.live.switch_on()
        else:
            self.live.switch_off()

    def _changed(self, name: str) -> None:
        # The rest is heard from the settings; the instruction belongs to the conversation.
        if name == "system":
            self.live.moved(name)

    def _stepped(self, number: int, _button: Any) -> None:
        self.live.choose(number)

    def _paint(self) -> bool:
        """Bring the widgets in line with the state; only what differs is sent to the page."""
        state = from_loop(self._session, lambda: self.live.state)
        self.toggle.value = self.live.on
        self.notice.value = line_html(state.notice, status=True)
        seen = state.on or state.can_go_on
        self.meter.value = line_html(_meter(state)) if seen else ""
        _show(self.meter, seen)
        _show(self.notice, seen or bool(state.notice))
        _show(self.go_on, state.can_go_on)
        self._paint_strip(state, seen=seen)
        if not state.waiting:
            self._paint_answer(state, seen=seen)
        return False

    def _paint_answer(self, state: LiveState, *, seen: bool) -> None:
        html = ""
        if state.reply is not None and seen:
            html = answer_html(
                state.reply,
                name="Live answer",
                heading=state.label,
                streaming=state.streaming,
                allow_images=self._session.config.allow_images,
            )
        self.answer.value = html

    def _paint_strip(self, state: LiveState, *, seen: bool) -> None:
        _show(self.steps, seen)
        for number, button in enumerate(self.strip):
            there = number < len(state.answers)
            _show(button, there)
            if there:
                label = state.answers[number].label
                mark = "✓ " if number == state.shown else ""
                button.description = mark + short(label, _LABEL_LENGTH)
                button.tooltip = f"Make this answer the reply: {label}"


def _show(widget: Any, there: bool) -> None:  # noqa: FBT001  # what is shown, and whether
    widget.layout.display = None if there else "none"


def _meter(state: LiveState) -> str:
    requests = f"{state.requests:,} of {counted(state.limit, 'request')}"
    about = "about " if state.about else ""
    return f"{requests} · {about}{counted(state.tokens, 'token')} of answers"
