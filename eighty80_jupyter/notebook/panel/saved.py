"""What of a panel is saved with the notebook: plain outputs beside the widget, kept up to date.

A widget is gone when the kernel is. What stands beside it stays; as long as the panel lives it
is hidden (static/panel_guard.js).
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.notebook.cell.summary import NAMESPACE
from eighty80_jupyter.notebook.cell.terminal_text import harmless
from eighty80_jupyter.notebook.compare.variants import from_loop
from eighty80_jupyter.notebook.markdown.page_text import quiet_html
from eighty80_jupyter.notebook.panel.transcript import Transcripts, coming_html, coming_text
from eighty80_jupyter.notebook.saved.metadata import MOST_KEPT, SavedPanel, turns_so_far
from eighty80_jupyter.turns.ending import turn_so_far

if TYPE_CHECKING:
    from eighty80_jupyter.conversation.turn import Turn
    from eighty80_jupyter.notebook.panel.page import Shown
    from eighty80_jupyter.session.session import Session

SAVE_SECONDS = 0.3  # between two updates of the transcript, longer where it is large
FOLLOW_SECONDS = 0.9  # between two updates of an answer that comes, for each so many characters:
FOLLOW_CHARACTERS = 30_000  # the page draws all of it anew

# Without its scripts the page draws nothing, or a red line: then this, below it, stays.
NOT_OPEN = (
    "The chat panel, as it was saved. Run this cell to open it. Where it does not open, the "
    "Jupyter server lacks what draws it: run `pip install ipywidgets anywidget` in the server's "
    "environment, which may be another than the kernel's, and reload the page."
)
# Above the transcript Jupyter shows a widget without its kernel as "model not found", and one whose
# script the server lacks as a red sign in the midst of what is left of the panel.
_NO_DEAD_WIDGET = (
    "<style>.jp-OutputArea-child:has(+ .jp-OutputArea-child .{name})"
    ":is(:not(:has(.e80-panel)), :has(.e80-main .jupyter-widgets-error-widget))"
    " {{ display: none; }}</style>"
)

_ELSEWHERE = "The conversation is saved below another panel of this notebook."

Publish = Callable[..., None]
Tell = Callable[..., None]


class SavedOutput:
    """An output of the panel's cell that is updated from anywhere: `name` is its class in HTML."""

    def __init__(self, name: str, publish: Publish, tell: Tell) -> None:
        self.name = name
        self._publish = publish
        self._tell = tell
        self._content: dict[str, Any] = {
            "data": {"text/html": "", "text/plain": ""},
            "metadata": {},
        }
        self._last: Any = None
        self.shown = False  # whether it is below the widget

    def show(
        self,
        html: str,
        text: str,
        kept: Mapping[str, Any] | None = None,
        *,
        latex: str = "",
        inserted: bool = False,
    ) -> None:
        """Put it below the widget, or renew it there; `kept` is for `%chat --restore`.

        `latex` says the same. `inserted` has the browser say whether it is there.
        """
        unchanged = self.shown and self._last == (html, text, _timeless(kept))
        if unchanged and not inserted:
            return
        self._last = html, text, _timeless(kept)
        stamp = uuid.uuid4().hex[:12]
        framed = f'<div class="e80-saved {self.name} {self.name}-{stamp}">{html}</div>'
        data = {"text/html": framed, "text/plain": harmless(text)}
        data |= {"text/latex": latex} if latex else {}
        self._content = {"data": data, "metadata": {NAMESPACE: dict(kept or {})}}
        self._publish(**self._content, transient={"display_id": self.name}, update=self.shown)
        if self.shown or inserted:
            # After a reload of the page an update finds its output no more; the browser sees that.
            told = f"{self.name}-{stamp}"
            self._tell("published", name=self.name, stamp=told, inserted=inserted)
        self.shown = True

    def display_again(self) -> None:
        """Put another copy of it below another view of the panel."""
        self._publish(**self._content, transient={"display_id": self.name})

    def send(self, to: Any) -> None:
        """Give the content to the view that has asked for it."""
        self._tell("content", name=self.name, output=self._content, to=to)


class SavedOutputs:
    """The two outputs below a panel, hidden while it lives: the transcript, and what is coming.

    Only the second is written again while an answer comes. Once it is inserted the transcript
    stays in sight. `stale` tells that the transcript is older than the conversation: whoever
    changes that sets it, and only `renew` takes it back. The painter renews what a page may insert,
    or ask for, at that moment: `_lock` owns both outputs and what was rendered. Where `keeps` says
    no, another panel of the session has the conversation, and here stands a line.
    """

    def __init__(
        self,
        session: Session,
        name: str,
        publish: Publish,
        tell: Tell,
    ) -> None:
        self.publish = publish
        self.stale = False
        self.keeps: Callable[[], bool] = lambda: True
        self._session = session
        self._lock = threading.Lock()
        self._transcript = SavedOutput(name, publish, tell)
        self._coming = SavedOutput(f"{name}-coming", publish, tell)
        self._transcripts = Transcripts(session.stands_in_cell)
        self._page = SavedPanel()
        self._inserted = ""  # when it was
        self._next = 0.0  # when it may be renewed
        self._is_coming = False  # something stands in `_coming`
        self._next_coming = 0.0
        self._followed = 0  # the last drawing that `_coming` has

    def display(self) -> None:
        """Put both below the widget that was just shown."""
        with self._lock:
            if self._transcript.shown:
                self._transcript.display_again()
                self._coming.display_again()
            else:
                self._show()
                self._coming.show("", "")

    @property
    def behind(self) -> bool:
        """Whether a turn may have ended since, which one output has not, or the other has yet."""
        return self.stale or self._is_coming

    def renew(self, *, now: bool = False) -> None:
        """Bring the transcript up to date: `now`, or unless that was done just before."""
        with self._lock:
            if not self._transcript.shown:
                self.stale = False
            elif now or time.monotonic() >= self._next:
                self.stale = False  # before it is read: a turn may end meanwhile
                self._show()

    def follow(self, drawing: int, under_way: Callable[[], list[Shown]]) -> bool:
        """Keep what is under way as of a drawing; return whether that has to wait.

        Nothing is taken away before the transcript has it.
        """
        with self._lock:  # the end of a cell does it too, and what was read first is written first
            if self._followed == drawing or not self._coming.shown:
                return False
            shown = under_way() if self.keeps() else []
            if self.stale or (shown and time.monotonic() < self._next_coming):
                return True
            turns = [from_loop(self._session, partial(turn_so_far, one.running)) for one in shown]
            self._followed = drawing
            size = self._show_coming(shown, turns)
            self._next_coming = time.monotonic() + FOLLOW_SECONDS * max(1, size / FOLLOW_CHARACTERS)
        return False

    def insert(self) -> None:
        """Show the transcript below the panel from now on."""
        with self._lock:
            self._inserted = time.strftime("%Y-%m-%d %H:%M")
            self._show(inserted=True)

    def send(self, name: str, to: Any) -> None:
        """Give the content of an output to the view that asks for it by its name."""
        with self._lock:
            for output in (self._transcript, self._coming):
                if output.name == name:
                    output.send(to)

    def _show(self, *, inserted: bool = False) -> None:
        conversations = self._session.conversations
        conversation, name = conversations.current, self._transcript.name
        title = f"Conversation {conversation.name}, inserted {self._inserted}"
        title = title if self._inserted else ""
        note = f'<div class="{name}-note">{quiet_html(NOT_OPEN)}</div>'
        above = f"{_NO_DEAD_WIDGET.format(name=name)}{note}\n"
        if not self.keeps():
            self._transcript.show(above + quiet_html(_ELSEWHERE), _ELSEWHERE)
            return
        html = self._transcripts.html(conversation, title=title)
        self._transcript.show(
            above + html,
            self._transcripts.text(conversation, title=title),
            self._page.of(conversations),
            latex=self._transcripts.latex(conversation),
            inserted=inserted,
        )
        self._next = time.monotonic() + min(1.0, SAVE_SECONDS * max(1, len(html) / 30_000))

    def _show_coming(self, shown: Sequence[Shown], turns: Sequence[Turn]) -> int:
        """Show turns that are under way, of which a cell shows some; return the characters."""
        self._is_coming = bool(turns)
        if not turns:
            self._coming.show("", "")
            return 0
        kept = turns_so_far(shown[0].running.conversation, turns)
        kept = kept if len(json.dumps(kept)) < MOST_KEPT else {}
        html = "\n".join(map(coming_html, shown))
        text = "\n\n".join(map(coming_text, (one.number for one in shown), turns))
        self._coming.show(html, text, kept)
        return len(html) + 2 * len(text)


def _timeless(kept: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what is kept without the time, which changes where nothing else does."""
    return {name: value for name, value in (kept or {}).items() if name != "at"}
