"""The streaming writers for a terminal: plain text, or Markdown where rich is installed."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.api.deltas import (
    ReasoningDelta,
    RefusalDelta,
    Retrying,
    TextDelta,
    TextWasReasoning,
)
from eighty80_jupyter.conversation.events import (
    CallBegan,
    CallEnded,
    CallWritten,
    RoundBegan,
    TurnEvent,
)
from eighty80_jupyter.notebook.cell.pacing import Pacing
from eighty80_jupyter.notebook.cell.summary import last_line, reply_metadata
from eighty80_jupyter.notebook.cell.terminal_text import harmless
from eighty80_jupyter.notebook.cell.tools.display import Line
from eighty80_jupyter.notebook.markdown.render import Splitter

if TYPE_CHECKING:
    from eighty80_jupyter.api.messages import Message
    from eighty80_jupyter.api.reply import Reply


LastLine = Callable[[str, dict[str, Any]], None]


class TerminalWriter:
    """Write a reply as it comes; what is written is never taken back.

    Only one answer can stream; further ones are written below it at the end, as is the last line.
    `end_with` shows that line and its metadata, for a kernel's saved page; None: writes it.
    """

    def __init__(self, write: Callable[[str], Any], end_with: LastLine | None = None) -> None:
        self._write = write
        self._end_with = end_with
        self._written = 0
        self._thinking = False
        self._line_open = False

    def take(self, events: Sequence[TurnEvent]) -> None:
        """Write the text of the first answer."""
        for event in events:
            match event:
                case TextDelta(choice=0) | RefusalDelta(choice=0):
                    if self._thinking:
                        self._put("\n\n")
                        self._thinking = False
                    self._written += len(event.text)
                    self.text(event.text)
                case ReasoningDelta(choice=0):
                    if not self._thinking and not self._written:
                        self._put("Reasoning: ")
                        self._thinking = True
                    self._put(event.text)
                case TextWasReasoning(choice=0):
                    self._end_round()
                    self._put("[what stands above was reasoning]\n")
                case Retrying():
                    self._put(f"{event.error} - trying again in {event.seconds:.1f} s\n")
                case RoundBegan():
                    self._end_round()
                case CallWritten():
                    self._end_round()
                    self._put("[the model wrote a call as text]\n")
                case CallBegan():
                    self._end_round()
                    self._put(f"[{event.shown} ...]\n")
                case CallEnded():
                    self._put(f"[{ended_line(event)}]\n")
        self.tick()

    def finish(
        self,
        reply: Reply | None,
        messages: Sequence[Message] = (),
        notes: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Write what is missing, the other answers, and the last line."""
        if reply is None:
            self.end()
            return
        first, *others = reply.choices
        self.text((first.text or first.refusal)[self._written :])
        if reply.status == "interrupted":
            self._line_open = True  # a terminal writes ^C where the cursor stands
        self.end()
        for choice in others:
            self._put(f"\nAnswer {choice.index + 1}\n")
            self.text(choice.text or choice.refusal)
            self.end()
        self._last_line(reply, messages, notes, metadata)

    def _last_line(
        self,
        reply: Reply,
        messages: Sequence[Message],
        notes: Sequence[str],
        metadata: Mapping[str, Any] | None,
    ) -> None:
        if self._end_with is None:
            self._put(f"[{last_line(reply, notes)}]\n")
        sys.stdout.flush()
        if self._end_with is not None:
            self._end_with(
                last_line(reply, notes), reply_metadata(reply, messages) | dict(metadata or {})
            )

    def _end_round(self) -> None:
        """End what was written in a round, so that what follows begins a line."""
        self.end()
        self._written = 0
        self._thinking = False

    def text(self, piece: str) -> None:
        """Take a piece of an answer."""
        self._put(piece)

    def tick(self) -> None:
        """Show what has been taken."""
        sys.stdout.flush()

    def end(self) -> None:
        """End an answer, so that what follows begins a line."""
        if self._line_open:
            self._put("\n")

    def _put(self, text: str) -> None:
        if text:
            self._write(harmless(text))
            self._line_open = not text.endswith("\n")


class RichWriter(TerminalWriter):
    """Write a reply as Markdown with rich: a finished block is printed and stays as it is.

    Below it the block that grows is drawn anew, as far as it fits the screen, until it is finished.
    """

    def __init__(self, write: Callable[[str], Any]) -> None:
        super().__init__(write)
        from rich.console import Console  # noqa: PLC0415  # only where it is installed

        self._console = Console()
        self._new_splitter = Splitter
        self._splitter = Splitter()
        self._live: Any = None
        self._pacing = Pacing()

    def text(self, piece: str) -> None:
        """Take a piece of an answer."""
        self._splitter.feed(harmless(piece))

    def tick(self) -> None:
        """Print the blocks that are finished, and draw the one that grows."""
        if not self._splitter.tail or self._pacing.wait:
            return
        began = time.monotonic()
        while (block := self._splitter.freeze(1)) is not None:
            self._print(block)
        self._draw(self._splitter.tail)
        self._pacing.drawn(began)

    def end(self) -> None:
        """Print what is left."""
        if self._splitter.tail.strip():
            self._print(self._splitter.tail)
        self._stop()
        self._splitter = self._new_splitter()
        super().end()

    @property
    def _width(self) -> int:
        """The columns that are written: a ^C behind them must not begin another line."""
        return max(1, int(self._console.width) - len("^C"))

    def _print(self, text: str) -> None:
        from rich.markdown import Markdown  # noqa: PLC0415  # as above

        self._stop()
        super().end()
        self._console.print(Markdown(text), width=self._width)

    def _draw(self, text: str) -> None:
        from rich.live import Live  # noqa: PLC0415  # as above
        from rich.markdown import Markdown  # noqa: PLC0415  # as above
        from rich.segment import Segment, Segments  # noqa: PLC0415  # as above

        if not text.strip():
            return
        options = self._console.options.update_width(self._width)
        lines = self._console.render_lines(Markdown(text), options, pad=False)
        room = max(1, self._console.size.height - 2)
        shown = Segments([s for line in lines[-room:] for s in (*line, Segment.line())][:-1])
        if self._live is None:
            self._live = Live(shown, console=self._console, transient=True, auto_refresh=False)
            self._live.start()
        self._live.update(shown, refresh=True)

    def _stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
            self._line_open = False  # it has cleared its lines, and the ^C behind them


def ended_line(event: CallEnded) -> str:
    """Return what became of a call, on one line."""
    call = event.call
    line = Line(call.id, event.shown, call.arguments, event.status, event.text, event.seconds)
    return line.plain(room=120)


def make_terminal_writer() -> TerminalWriter:
    """Return the writer for the standard output: rich's on a terminal, where it is installed."""
    from importlib.util import find_spec  # noqa: PLC0415  # once a turn

    speaks = (sys.stdout.encoding or "").lower().startswith("utf")  # rich's dots and lines
    if sys.stdout.isatty() and speaks and find_spec("rich") is not None:
        return RichWriter(sys.stdout.write)
    return TerminalWriter(sys.stdout.write)
