"""What the panel's widgets share: an answer as HTML, folds, and who has set a value."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from ipywidgets import Button, Layout, VBox

from eighty80_jupyter.notebook.cell.outputs import folded
from eighty80_jupyter.notebook.cell.summary import last_line
from eighty80_jupyter.notebook.cell.views.values import answer_html as whole_html
from eighty80_jupyter.notebook.markdown.page_text import QUIET, page_attribute, page_text
from eighty80_jupyter.notebook.markdown.render import render

if TYPE_CHECKING:
    from eighty80_jupyter.api.reply import Reply

_HEADING = "font-weight: 600; margin: 0 0 0.3em 0; overflow-wrap: anywhere"
# Jupyter's own look for what was rendered; a widget's lines are as high as its buttons.
_RENDERED = "jp-RenderedHTMLCommon"
_BODY = "overflow-wrap: anywhere; line-height: 1.5; padding: 0"
_LINE = "overflow-wrap: anywhere; line-height: 1.5"
_ERROR = "color: var(--jp-error-color1, #b00020); overflow-wrap: anywhere"


def answer_html(
    reply: Reply | None,
    *,
    name: str,
    heading: str = "",
    streaming: bool = False,
    error: str = "",
    allow_images: bool = False,
    instead: str | None = None,
) -> str:
    """Return an answer as safe HTML: a region called `name` for screen readers.

    `heading` stands above it, `error` and the quiet line below; None: there is no answer yet. Safe
    HTML may stand `instead` of what was said.
    """
    parts = [f'<div style="{_HEADING}">{page_text(heading)}</div>'] if heading else []
    if reply is not None:
        several = len(reply.choices) > 1
        parts.append(instead or "")
        for choice in reply.choices if instead is None else ():
            if several:
                parts.append(f'<div style="{_HEADING}">Answer {choice.index + 1}</div>')
            if choice.reasoning:
                parts.append(folded(choice.reasoning))
            text = choice.text or choice.refusal
            shown = partial(render, partial=True) if streaming else whole_html
            parts.append(shown(text, allow_images=allow_images))
        if not streaming and not (error and reply.empty):
            parts.append(line_html(last_line(reply)))
    if error:
        parts.append(f'<div role="alert" style="{_ERROR}">{page_text(error)}</div>')
    busy = "true" if streaming else "false"
    return (
        f'<div class="{_RENDERED}" role="region" aria-label="{page_attribute(name)}" '
        f'aria-busy="{busy}" style="{_BODY}">{"".join(parts)}</div>'
    )


def rendered(html: str) -> str:
    """Return safe HTML as Jupyter shows what was rendered."""
    return f'<div class="{_RENDERED}" style="{_BODY}">{html}</div>'


def line_html(text: str, *, status: bool = False) -> str:
    """Return a line in small and grey letters; a `status` is read out by screen readers."""
    role = ' role="status"' if status else ""
    return f'<div{role} style="{QUIET}; {_LINE}">{page_text(text)}</div>'


def wrong_html(text: str) -> str:
    """Return a line that says what is wrong; screen readers read it out at once."""
    return f'<div role="alert" style="{_ERROR}; {_LINE}">{page_text(text)}</div>'


def button(text: str, title: str, click: Callable[[], object], *, icon: str = "") -> Any:
    """Return a button in the panel's look."""
    made = Button(description=text, tooltip=title, icon=icon)
    made.on_click(lambda _button: click())
    made.add_class("e80-button")
    return made


def close_all(*widgets: Any) -> None:
    """Close widgets with all that belongs to them; ipywidgets leaves their insides open."""
    for widget in widgets:
        close_all(*getattr(widget, "children", ()))
        for part in ("layout", "style"):
            if hasattr(widget, part):
                getattr(widget, part).close()
        widget.close()


class Setting:
    """Tells a widget's observers that the program sets the value, in this thread, and no person.

    with setting.values():
        slider.value = 1.0      # an observer sees `setting.active`
    """

    def __init__(self) -> None:
        self._local = threading.local()

    @property
    def active(self) -> bool:
        """Whether this thread is within `with setting.values():`."""
        return getattr(self._local, "depth", 0) > 0

    @contextmanager
    def values(self) -> Iterator[None]:
        """Mark what this thread does inside as the program's."""
        self._local.depth = getattr(self._local, "depth", 0) + 1
        try:
            yield
        finally:
            self._local.depth -= 1


class Fold(VBox):  # type: ignore[misc]  # ipywidgets ships no types
    """A button named `title`, and below it the `part`, hidden until the button is pressed.

    The titles of an ipywidgets Accordion cannot be focused; a button can.
    """

    def __init__(self, title: str, part: Any) -> None:
        self.title = title
        self.part = part
        self.button = Button(
            description=title,
            icon="caret-right",
            tooltip=f"Show: {title}",
            layout=Layout(width="auto", align_self="flex-start"),
        )
        self.button.on_click(lambda _button: self.turn())
        part.layout.display = "none"
        super().__init__([self.button, part])
        self.add_class("e80-fold")  # by which the browser tells whether it is open

    def turn(self) -> None:
        """Show what is hidden, or hide what is shown."""
        hidden = self.part.layout.display == "none"
        self.part.layout.display = None if hidden else "none"
        self.button.icon = "caret-down" if hidden else "caret-right"
        self.button.tooltip = f"{'Hide' if hidden else 'Show'}: {self.title}"
