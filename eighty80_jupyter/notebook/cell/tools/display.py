"""How tool calls look: a line while one runs, folded with arguments and result when it is done.

All of it is text of a model, or of whatever a tool has read: it is escaped, and bounded.
"""

from __future__ import annotations

import base64
import contextvars
import json
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from IPython.display import display

from eighty80_jupyter.conversation.events import CallBegan, CallEnded
from eighty80_jupyter.notebook.cell.outputs import QUOTED, Output, Page
from eighty80_jupyter.notebook.cell.pacing import FRAME_SECONDS, Painter
from eighty80_jupyter.notebook.cell.terminal_text import harmless
from eighty80_jupyter.notebook.markdown.page_text import QUIET, page_text
from eighty80_jupyter.notebook.markdown.render import render
from eighty80_jupyter.prompt.parts import picture_kind
from eighty80_jupyter.tools.result import PictureText
from eighty80_jupyter.tools.shown import shown_call, visible_json

if TYPE_CHECKING:
    from eighty80_jupyter.api.messages import Message
    from eighty80_jupyter.api.reply import CallRecord

TICK_SECONDS = 0.5  # between two drawings where only the seconds have changed
HEAVY = 20_000  # characters; while calls come, more than this is not drawn again and again
MOST_ARGUMENTS = 2_000  # characters that are shown
MOST_RESULT = 6_000
ALL_RESULTS = 60_000

_WORDS = {
    "failed": "failed",
    "refused": "refused",
    "unknown": "no such tool",
    "invalid": "the arguments do not fit",
    "timeout": "took too long",
    "stopped": "stopped",
}
_PRE = (
    "white-space: pre-wrap; word-break: normal; overflow-wrap: anywhere; "
    "margin: 0.2em 0 0.6em 0; font-size: 85%; "
    "max-height: 24em; overflow-y: auto"
)


@dataclass(slots=True)
class Line:
    """One call: as it is shown, and what became of it. Without a `status` it still runs."""

    id: str
    shown: str
    arguments: str
    status: str = ""
    text: str = ""
    seconds: float = 0.0
    written: bool = False

    def end(self, event: CallEnded) -> None:
        """Take in what became of it."""
        self.shown, self.arguments = event.shown, event.call.arguments
        self.status, self.text, self.seconds = event.status, event.text, event.seconds

    def facts(self) -> str:
        """Return the line's end: how long it took, and what went wrong."""
        parts = ["written as text"] if self.written else []
        if not self.status:
            long = self.seconds >= FRAME_SECONDS
            return " · ".join([*parts, f"... {_time(self.seconds)}" if long else "..."])
        if self.status != "done":
            parts.append(_WORDS.get(self.status, self.status))
        if self.seconds or self.status == "done":
            parts.append(_time(self.seconds))
        return " · ".join(parts)

    def html(self, *, room: int) -> str:
        """Return the line, folded over what went in and came out; 0 for `room`: the line only."""
        # JupyterLab's formulas leave code alone.
        line = f"<code>{page_text(self.shown)}</code> {page_text(self.facts())}"
        if not self.status or not room:
            return f'<div style="{QUIET}">{line}</div>'
        arguments = page_text(cut(pretty(self.arguments), min(room, MOST_ARGUMENTS)))
        result = page_text(cut(self.text, room))
        return (
            f'<details><summary style="{QUIET}">{line}</summary><div style="{QUOTED}">'
            f'<div style="{QUIET}">Arguments</div><pre style="{_PRE}">{arguments}</pre>'
            f'<div style="{QUIET}">Result, as the model reads it</div>'
            f'<pre style="{_PRE}">{result}</pre></div></details>'
        )

    def plain(self, *, room: int = 200) -> str:
        """Return the call as one line of plain text, with the beginning of its result.

        A front end that shows no HTML is a terminal, which would obey control characters.
        """
        result = harmless(cut(" ".join(self.text.split()), room, note="…"))
        return f"{self.shown} {self.facts()}" + (f": {result}" if result else "")


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 0.1 else f"{max(1, round(seconds * 1000))} ms"  # noqa: PLR2004  # as people read it


class CallGroup:
    """Calls in one output, and what the model said between them where that is drawn there.

    While a call runs, a painter draws the seconds: what runs may be in the way of everything else.
    `_lock` owns the entries and their output.
    """

    def __init__(self, page: Page, now: Callable[[], float]) -> None:
        self._page = page
        self._now = now
        self._output = Output(page)
        self._entries: list[Line | str] = []
        self._began: dict[str, float] = {}
        self._drawn = 0.0
        self._changed = False
        self._lock = threading.RLock()
        run = contextvars.copy_context().run  # which tells the kernel whose output it is
        self._painter = Painter(lambda: run(self.tick), name="eighty80-seconds")

    def begin(self, event: CallBegan, *, written: bool) -> None:
        """Add a call. The first one is shown at once: what it prints comes below."""
        line = Line(event.call.id, event.shown, event.call.arguments, written=written)
        with self._lock:
            self._entries.append(line)
            self._began[line.id] = self._now()
            self._changed = True
            if not self._output.shown:
                self._draw()
        self._painter.wake()

    def end(self, event: CallEnded) -> None:
        """Take in what became of a call."""
        with self._lock:
            self._began.pop(event.call.id, None)
            for line in self._lines():
                if line.id == event.call.id and not line.status:
                    line.end(event)
                    self._changed = True

    def add_text(self, text: str) -> None:
        """Add what the model said between calls."""
        with self._lock:
            self._entries.append(text)
            self._changed = True

    def tick(self) -> bool:
        """Draw again if something has changed, or the seconds have; tell whether calls run."""
        with self._lock:
            wait = self._now() - self._drawn
            due = self._changed or (self._began and wait >= TICK_SECONDS)
            if due and wait >= FRAME_SECONDS:
                self._draw()
            return bool(self._began)

    def finish(self) -> None:
        """Draw for the last time: what still ran has no result any more."""
        self._painter.close()
        with self._lock:
            for line in self._lines():
                if not line.status:
                    line.status = "stopped"
            self._began.clear()
            self._draw(final=True)

    def _draw(self, *, final: bool = False) -> None:
        """Draw all calls; under the lock."""
        now = self._drawn = self._now()
        for line in self._lines():
            if line.id in self._began:
                line.seconds = now - self._began[line.id]
        room = max(200, min(MOST_RESULT, ALL_RESULTS // max(1, len(self._entries))))
        weight = sum(min(len(line.text) + len(line.arguments), room) for line in self._lines())
        if not final and weight > HEAVY:
            room = 0
        self._output.html(entries_html(self._entries, room), entries_text(self._entries))
        self._changed = False

    def _lines(self) -> list[Line]:
        return [entry for entry in self._entries if isinstance(entry, Line)]


def entries_html(entries: Iterable[Line | str], room: int = MOST_RESULT) -> str:
    """Return calls, and texts between them, as HTML."""
    return "".join(e.html(room=room) if isinstance(e, Line) else render(e) for e in entries)


def entries_text(entries: Iterable[Line | str]) -> str:
    """Return the same as plain text."""
    return "\n".join(entry.plain() if isinstance(entry, Line) else entry for entry in entries)


def entries_of(messages: Sequence[Message], records: Sequence[CallRecord] = ()) -> list[Line | str]:
    """Return the rounds of a turn: its calls with their results, and what was said between.

    `messages` are those of the turn, from the prompt on; the answer at their end is left out.
    """
    known = {record.id: record for record in records}
    results = {m.tool_call_id: m.text for m in messages if m.role == "tool"}
    entries: list[Line | str] = []
    for message in messages:
        if not message.tool_calls:
            continue
        if message.text:
            entries.append(message.text)
        for call in message.tool_calls:
            record = known.get(call.id)
            text = results.get(call.id, "")
            entries.append(
                Line(
                    id=call.id,
                    shown=record.shown if record else shown_call(call.name, call.arguments),
                    arguments=call.arguments,
                    status=record.status if record else "done" if call.id in results else "",
                    text=text,
                    seconds=record.seconds if record else 0.0,
                    written=record.written if record else False,
                )
            )
    return entries


def pretty(arguments: str) -> str:
    """Return JSON text with line ends; what is none stays as it is. Nothing in it is unseen."""
    with suppress(ValueError, RecursionError):
        arguments = json.dumps(json.loads(arguments), indent=2, ensure_ascii=False)
    return visible_json(arguments)


def cut(text: str, most: int, *, note: str = "") -> str:
    """Return the beginning of a text, with a note of how much is missing."""
    if len(text) <= most:
        return text
    return text[:most] + (note or f"\n… {len(text) - most:,} characters more")


def open_figures() -> list[Any]:
    """Return the figures of pyplot that are not shown yet."""
    helpers = sys.modules.get("matplotlib._pylab_helpers")
    if helpers is None:
        return []
    return [manager.canvas.figure for manager in helpers.Gcf.get_all_fig_managers()]


def show_figures(value: Any, others: Sequence[Any] = ()) -> None:
    """Show the figures that a tool has drawn, and the one that it returned.

    The inline backend of a kernel would do it at the end of the cell, below the answer. `others`
    are figures that are somebody else's.
    """
    backend = sys.modules.get("matplotlib_inline.backend_inline")
    figures = sys.modules.get("matplotlib.figure")
    managed = open_figures()
    drawn = [figure for figure in managed if figure not in others]
    if backend is not None and drawn == managed != []:
        backend.flush_figures()
    elif backend is not None and drawn:
        for figure in drawn:
            display(figure)  # type: ignore[no-untyped-call]  # IPython's
            sys.modules["matplotlib.pyplot"].close(figure)
    if figures is None or not isinstance(value, figures.Figure):
        return
    if backend is None or not any(value is figure for figure in drawn):
        display(value)  # type: ignore[no-untyped-call]  # IPython's


def show_pictures(value: Any) -> None:
    """Show the pictures that an MCP server's tool has sent; what is none by its bytes is not."""
    pictures = value.pictures if isinstance(value, PictureText) else ()
    for data in pictures:
        kind = picture_kind(data)
        if kind is not None:
            text = f"<picture: image/{kind}, {len(data):,} bytes>"
            encoded = base64.b64encode(data).decode("ascii")
            shown = {f"image/{kind}": encoded, "text/plain": text}
            display(shown, raw=True)  # type: ignore[no-untyped-call]  # IPython's
