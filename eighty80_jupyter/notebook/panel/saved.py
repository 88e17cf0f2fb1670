"""What of a panel is saved with the notebook: plain outputs beside the widget, kept up to date.

A widget is gone when the kernel is. The transcript beside it stays; as long as the panel lives it
is hidden (static/panel_guard.js).
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.notebook.cell.outputs import NAMESPACE, QUIET
from eighty80_jupyter.notebook.cell.summary import last_line
from eighty80_jupyter.notebook.cell.terminal_text import harmless
from eighty80_jupyter.notebook.cell.views import turn_html
from eighty80_jupyter.notebook.markdown.page_text import page_text
from eighty80_jupyter.notebook.saved.metadata import PanelPage

if TYPE_CHECKING:
    from eighty80_jupyter.conversation.branches import Conversations
    from eighty80_jupyter.conversation.conversation import Conversation
    from eighty80_jupyter.conversation.turn import Turn

SAVE_SECONDS = 0.3  # between two updates of the transcript, longer where it is large
MAX_CHARACTERS = 200_000  # of HTML: it is sent again after every turn

# Without its scripts the page draws nothing, or a red line: then this, below it, stays.
NOT_OPEN = (
    "The chat panel, as it was saved. Run this cell to open it. Where it does not open, the "
    "Jupyter server lacks what draws it: run `pip install ipywidgets anywidget` in the server's "
    "environment, which may be another than the kernel's, and reload the page."
)
# Above the transcript Jupyter shows a widget without its kernel as "model not found".
_NO_DEAD_WIDGET = (
    "<style>.jp-OutputArea-child:has(+ .jp-OutputArea-child .{name}):not(:has(.e80-panel))"
    " {{ display: none; }}</style>"
)

Publish = Callable[..., None]
Tell = Callable[..., None]


class SavedOutput:
    """An output of the panel's cell that is updated from anywhere: `name` is its class in HTML."""

    def __init__(self, name: str, publish: Publish, tell: Tell) -> None:
        self.name = name
        self._publish = publish
        self._tell = tell
        self._content: tuple[str, str, dict[str, Any]] = ("", "", {})
        self._shown = False

    def show(self, html: str, text: str, kept: Mapping[str, Any] | None = None) -> None:
        """Put it below the widget, or renew it there; `kept` is for `%chat --restore`."""
        stamp = uuid.uuid4().hex[:12]
        framed = f'<div class="e80-saved {self.name} {self.name}-{stamp}">{html}</div>'
        text, metadata = harmless(text), {NAMESPACE: dict(kept)} if kept else {}
        self._content = (framed, text, metadata)
        self._publish(
            data={"text/html": framed, "text/plain": text},
            metadata=metadata,
            transient={"display_id": self.name},
            update=self._shown,
        )
        if self._shown:
            # After a reload of the page an update finds its output no more; the browser sees that.
            self._tell("published", name=self.name, stamp=f"{self.name}-{stamp}")
        self._shown = True

    def display_again(self) -> None:
        """Put another copy of it below another view of the panel."""
        html, text, metadata = self._content
        self._publish(
            data={"text/html": html, "text/plain": text},
            metadata=metadata,
            transient={"display_id": self.name},
        )

    @property
    def shown(self) -> bool:
        """Whether it is below the widget."""
        return self._shown

    def send(self, to: Any) -> None:
        """Give the content to the view that has asked for it."""
        html, text, metadata = self._content
        self._tell("content", name=self.name, html=html, text=text, metadata=metadata, to=to)


class SavedOutputs:
    """The two outputs below a panel: the transcript, hidden while it lives, and the inserted one.

    `stale` tells that the transcript is older than the conversation: whoever changes that sets it,
    and only `renew` takes it back. The painter renews what a page may insert, or ask for, at that
    moment: `_lock` owns both outputs and what was rendered.
    """

    def __init__(self, name: str, publish: Publish, tell: Tell) -> None:
        self.publish = publish
        self.stale = False
        self._lock = threading.Lock()
        self._transcript = SavedOutput(name, publish, tell)
        self._inserted = SavedOutput(f"{name}-inserted", publish, tell)
        self._transcripts = Transcripts()
        self._page = PanelPage()
        self._next = 0.0  # when it may be renewed

    def display(self, conversations: Conversations) -> None:
        """Put both below the widget that was just shown."""
        with self._lock:
            if self._transcript.shown:
                self._transcript.display_again()
                self._inserted.display_again()
            else:
                self._show(conversations)
                self._inserted.show("", "")

    def renew(self, conversations: Conversations) -> None:
        """Bring the transcript up to date, unless that was done just before."""
        with self._lock:
            if not self._transcript.shown:
                self.stale = False
            elif time.monotonic() >= self._next:
                self.stale = False  # before it is read: a turn may end meanwhile
                self._show(conversations)

    def insert(self, conversation: Conversation) -> None:
        """Show the conversation, as it is now, below the panel."""
        title = f"Conversation {conversation.name}, {time.strftime('%Y-%m-%d %H:%M')}"
        with self._lock:
            self._inserted.show(
                self._transcripts.html(conversation, title=title),
                self._transcripts.text(conversation, title=title),
            )

    def send(self, name: str, to: Any) -> None:
        """Give the content of an output to the view that asks for it by its name."""
        with self._lock:
            for output in (self._transcript, self._inserted):
                if output.name == name:
                    output.send(to)

    def _show(self, conversations: Conversations) -> None:
        conversation = conversations.current
        html = self._transcripts.html(conversation)
        rule = _NO_DEAD_WIDGET.format(name=self._transcript.name)
        self._transcript.show(
            f"{rule}{_quiet(NOT_OPEN)}\n{html}",
            self._transcripts.text(conversation),
            self._page.of(conversations),
        )
        self._next = time.monotonic() + SAVE_SECONDS * max(1, len(html) / 30_000)


class Transcripts:
    """Renders conversations as plain outputs; what was rendered is kept for the next time."""

    def __init__(self) -> None:
        self._turns: dict[int, tuple[Turn, str]] = {}

    def html(self, conversation: Conversation, *, title: str = "") -> str:
        """Return the latest turns of a conversation, as many as may be sent."""
        parts: list[str] = []
        kept: dict[int, tuple[Turn, str]] = {}
        size = 0
        turns = list(conversation)
        for index in reversed(range(len(turns))):
            turn = turns[index]
            known = self._turns.get(id(turn))
            html = known[1] if known else turn_html(index + 1, turn)
            size += len(html)
            if parts and size > MAX_CHARACTERS:
                break
            parts.append(html)
            kept[id(turn)] = (turn, html)
        self._turns = kept
        left = len(turns) - len(parts)
        if left:
            parts.append(_quiet(f"{left} earlier turns are not shown here: %chat --history"))
        if conversation.system:
            parts.append(_quiet(f"Instruction: {conversation.system}"))
        if title:
            parts.append(_quiet(title))
        return "\n".join(reversed(parts))

    def text(self, conversation: Conversation, *, title: str = "") -> str:
        """Return the same as plain text."""
        parts = [title] if title else []
        if conversation.system:
            parts.append(f"Instruction: {conversation.system}")
        turns = list(enumerate(conversation, 1))[-len(self._turns) :] if self._turns else []
        for number, turn in turns:
            parts.append(f"{number}. You:\n{turn.source}")
            parts.append(f"Model:\n{turn.reply.text}\n[{last_line(turn.reply)}]")
        return "\n\n".join(parts)


def _quiet(text: str) -> str:
    return f'<div style="{QUIET}">{page_text(text)}</div>'
