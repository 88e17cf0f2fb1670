"""An answer in a widget: its HTML, and a painter that draws no oftener than the page can bear."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.notebook.cell.outputs import QUIET, folded
from eighty80_jupyter.notebook.cell.summary import last_line
from eighty80_jupyter.notebook.markdown.render import escape, render

if TYPE_CHECKING:
    from collections.abc import Callable

    from eighty80_jupyter.api.reply import Reply
    from eighty80_jupyter.session.session import Session

_log = logging.getLogger(__name__)

# 20 drawings a second, in seconds between them; a fifth of the loop thread's time; and a quarter of
# what a Jupyter server lets through (1 MB/s), in characters a second.
_SHORTEST = 0.05
_SHARE = 5
_CHARACTERS = 250_000

_HEADING = "font-weight: 600; margin: 0 0 0.3em 0; overflow-wrap: anywhere"
# Jupyter's own look for what was rendered; a widget's lines are as high as its buttons.
_RENDERED = "jp-RenderedHTMLCommon"
_BODY = "overflow-wrap: anywhere; line-height: 1.5; padding: 0"
_LINE = "overflow-wrap: anywhere; line-height: 1.5"
_ERROR = "color: var(--jp-error-color1, #b00020); overflow-wrap: anywhere"


class LoopPainter:
    """Calls `paint` on the loop thread, soon after it was asked to, and not too often.

    `paint` returns how many characters went to the page. The next drawing waits the longer the more
    there were, and the longer they took.
    """

    def __init__(self, session: Session, paint: Callable[[], int]) -> None:
        self._session = session
        self._paint = paint
        self._asked = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._next = 0.0

    def ask(self) -> None:
        """Draw once more; from any thread."""
        # What was asked of a loop that has ended never comes.
        if not self._asked or (self._loop is not None and self._loop.is_closed()):
            self._asked = True
            self._loop = self._session.on_loop(self._plan)

    def stop(self) -> None:
        """Draw no more."""
        self._paint = lambda: 0

    def _plan(self) -> None:
        wait = self._next - time.monotonic()
        if wait > 0:
            asyncio.get_running_loop().call_later(wait, self._draw)
        else:
            self._draw()

    def _draw(self) -> None:
        self._asked = False
        start = time.monotonic()
        size = 0
        try:
            size = self._paint()
        except Exception:  # noqa: BLE001  # a page that is gone must not end the loop's timers
            _log.exception("an answer could not be drawn")
        took = time.monotonic() - start
        self._next = start + max(_SHORTEST, _SHARE * took, size / _CHARACTERS)


def answer_html(
    reply: Reply | None,
    *,
    name: str,
    heading: str = "",
    streaming: bool = False,
    error: str = "",
    allow_images: bool = False,
) -> str:
    """Return an answer as safe HTML: a region called `name` for screen readers.

    `heading` stands above it, `error` and the quiet line below; None: there is no answer yet.
    """
    parts = [f'<div style="{_HEADING}">{escape(heading)}</div>'] if heading else []
    if reply is not None:
        several = len(reply.choices) > 1
        for choice in reply.choices:
            if several:
                parts.append(f'<div style="{_HEADING}">Answer {choice.index + 1}</div>')
            if choice.reasoning:
                parts.append(folded(choice.reasoning))
            text = choice.text or choice.refusal
            parts.append(render(text, partial=streaming, allow_images=allow_images))
        if not streaming and not (error and reply.empty):
            parts.append(f'<div style="{QUIET}">{escape(last_line(reply))}</div>')
    if error:
        parts.append(f'<div role="alert" style="{_ERROR}">{escape(error)}</div>')
    busy = "true" if streaming else "false"
    return (
        f'<div class="{_RENDERED}" role="region" aria-label="{escape(name)}" aria-busy="{busy}" '
        f'style="{_BODY}">{"".join(parts)}</div>'
    )


def quiet_html(text: str, *, status: bool = False) -> str:
    """Return a line in small and grey letters; a `status` is read out by screen readers."""
    role = ' role="status"' if status else ""
    return f'<div{role} style="{QUIET}; {_LINE}">{escape(text)}</div>'


def close_all(*widgets: Any) -> None:
    """Close widgets with all that belongs to them; ipywidgets leaves their insides open."""
    for widget in widgets:
        close_all(*getattr(widget, "children", ()))
        for part in ("layout", "style"):
            if hasattr(widget, part):
                getattr(widget, part).close()
        widget.close()
