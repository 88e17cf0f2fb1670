"""The streaming writers: events in, something to see out.

In a notebook a reply is drawn as HTML. Only its tail is drawn again while it grows; finished
blocks are frozen as outputs of their own. In a terminal it streams as text.
"""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, Self

from eighty80_jupyter.api.deltas import Event, ReasoningDelta, RefusalDelta, Retrying, TextDelta

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from eighty80_jupyter.api.reply import Reply

FRAME_SECONDS = 0.1  # at most ten updates a second
FREEZE_CHARACTERS = 2000

QUIET = "color: var(--jp-ui-font-color2, #757575); font-size: 85%"


class Writer(Protocol):
    """Shows a reply while it comes."""

    def take(self, events: Sequence[Event]) -> None:
        """Take what has come, and draw when it is time; called often, also with nothing."""

    def finish(self, reply: Reply | None) -> None:
        """Draw what is left, and the last line; None where there is no reply."""


def has_pages(shell: InteractiveShell) -> bool:
    """Tell whether the shell's front end shows HTML: a kernel does, a terminal does not."""
    return getattr(shell, "kernel", None) is not None


def make_writer(shell: InteractiveShell, *, choices: int = 1) -> Writer:
    """Return the writer for what the shell is seen through."""
    if has_pages(shell):
        return NotebookWriter(shell, choices=choices)
    return TerminalWriter(sys.stdout.write, choices=choices)


class NotebookWriter:
    """Draw a reply into the outputs of the running cell.

    One choice is drawn as frozen blocks and a tail. Several stand one below the other under small
    headings, each as one output, since outputs cannot be put between others.
    """

    def __init__(
        self,
        shell: InteractiveShell,
        *,
        choices: int = 1,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shell = shell
        self._now = now
        self._choices: list[_Choice] = []
        self._several = choices > 1
        self._note = _Output(shell)
        self._due = 0.0
        self._dirty = False

    def take(self, events: Sequence[Event]) -> None:
        """Collect the pieces; draw at most every `FRAME_SECONDS`."""
        for event in events:
            match event:
                case TextDelta() | RefusalDelta():
                    self._choice(event.choice).text(event.text)
                case ReasoningDelta():
                    self._choice(event.choice).thought(event.text)
                case Retrying():
                    wait = f"{event.seconds:.1f} s"
                    self._note.quiet(f"{event.error} - trying again in {wait}")
                    continue
                case _:
                    continue
            self._dirty = True
        if self._dirty and self._now() >= self._due:
            self._draw(final=False)
            self._due = self._now() + FRAME_SECONDS

    def finish(self, reply: Reply | None) -> None:
        """Draw the end of the reply and the quiet line below it."""
        if reply is None:
            return
        for choice in reply.choices:
            self._choice(choice.index).complete(choice.text or choice.refusal, choice.reasoning)
        self._draw(final=True)
        _Output(self._shell).quiet(" · ".join(facts(reply)))

    def _choice(self, index: int) -> _Choice:
        while len(self._choices) <= index:
            self._choices.append(_Choice(self._shell, len(self._choices), several=self._several))
        return self._choices[index]

    def _draw(self, *, final: bool) -> None:
        for choice in self._choices:
            choice.draw(final=final)
        self._dirty = False


class _Choice:
    """One answer on the page: what was thought, frozen blocks, and the tail."""

    def __init__(self, shell: InteractiveShell, index: int, *, several: bool) -> None:
        from eighty80_jupyter.notebook.markdown import Splitter  # noqa: PLC0415  # the first reply

        self._shell = shell
        self._heading = f"<h6>Answer {index + 1}</h6>" if several else ""
        self._several = several
        self._splitter = Splitter()
        self._thoughts: list[str] = []
        self._thought_output = _Output(shell)
        self._tail_output = _Output(shell)
        self._length = self._thought_length = 0
        self._text_dirty = self._thought_dirty = False

    def text(self, piece: str) -> None:
        self._splitter.feed(piece)
        self._length += len(piece)
        self._text_dirty = True

    def thought(self, piece: str) -> None:
        self._thoughts.append(piece)
        self._thought_length += len(piece)
        self._thought_dirty = True

    def complete(self, text: str, reasoning: str) -> None:
        """Take what the events had not brought yet, as after an interrupt."""
        if len(reasoning) > self._thought_length:
            self.thought(reasoning[self._thought_length :])
        if len(text) > self._length:
            self.text(text[self._length :])

    def draw(self, *, final: bool) -> None:
        from eighty80_jupyter.notebook.markdown import render  # noqa: PLC0415  # the first reply

        if self._thought_dirty or (final and self._thoughts):
            self._draw_thoughts(opened=not final and not self._length)
        if self._several and not self._length:
            # Its place: an output cannot be put above those of the answers that began earlier.
            self._tail_output.show(self._heading, "")
        if not self._text_dirty and not (final and self._length):
            return
        while not self._several:
            at_least = max(FREEZE_CHARACTERS, self._length // 20)
            frozen = self._splitter.freeze(at_least)
            if frozen is None:
                break
            self._tail_output.show(self._heading + render(frozen), frozen)
            self._heading = ""
            self._tail_output = _Output(self._shell)
        tail = self._splitter.tail
        if tail:
            self._tail_output.show(self._heading + render(tail, partial=not final), tail)
        self._text_dirty = False

    def _draw_thoughts(self, *, opened: bool) -> None:
        from eighty80_jupyter.notebook.markdown import render  # noqa: PLC0415  # the first reply

        text = "".join(self._thoughts)
        self._thought_output.show(
            f"<details{' open' if opened else ''}><summary style='{QUIET}'>Reasoning</summary>"
            f"{render(text, partial=opened)}</details>",
            text,
        )
        self._thought_dirty = False


class _Output:
    """One output of the cell, made when first shown and updated in place afterwards."""

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self._id = uuid.uuid4().hex
        self._shown: str | None = None

    def show(self, html: str, text: str) -> None:
        if html == self._shown:
            return
        self._shell.display_pub.publish(
            data={"text/html": html, "text/plain": text},
            transient={"display_id": self._id},
            update=self._shown is not None,
        )
        self._shown = html

    def quiet(self, text: str) -> None:
        from eighty80_jupyter.notebook.markdown import escape  # noqa: PLC0415  # the first reply

        self.show(f'<div style="{QUIET}">{escape(text)}</div>', text)


class TerminalWriter:
    """Write a reply to a terminal as it comes.

    Only one answer can stream; further ones are written below it at the end, as is the last line.
    """

    def __init__(self, write: Callable[[str], Any], *, choices: int = 1) -> None:
        self._write = write
        self._several = choices > 1
        self._written = 0
        self._thinking = False
        self._line_open = False

    def take(self, events: Sequence[Event]) -> None:
        """Write the text of the first answer."""
        for event in events:
            match event:
                case TextDelta(choice=0) | RefusalDelta(choice=0):
                    if self._thinking:
                        self._put("\n\n")
                        self._thinking = False
                    self._put(event.text)
                    self._written += len(event.text)
                case ReasoningDelta(choice=0):
                    if not self._thinking and not self._written:
                        self._put("Reasoning: ")
                        self._thinking = True
                    self._put(event.text)
                case Retrying():
                    self._put(f"{event.error} - trying again in {event.seconds:.1f} s\n")
        sys.stdout.flush()

    def finish(self, reply: Reply | None) -> None:
        """Write what is missing, the other answers, and the last line."""
        if reply is None:
            return
        first, *others = reply.choices
        self._put((first.text or first.refusal)[self._written :])
        for choice in others:
            self._end_line()
            self._put(f"\nAnswer {choice.index + 1}\n{choice.text or choice.refusal}")
        self._end_line()
        self._put(f"[{' · '.join(facts(reply))}]\n")
        sys.stdout.flush()

    def _put(self, text: str) -> None:
        if text:
            self._write(text)
            self._line_open = not text.endswith("\n")

    def _end_line(self) -> None:
        if self._line_open:
            self._put("\n")


def facts(reply: Reply) -> list[str]:
    """Return the parts of the last line: model, tokens, seconds, rates, and how it ended."""
    parts = [reply.model or str(reply.parameters.get("model", ""))]
    usage = reply.usage
    if usage is not None and usage.completion_tokens is not None:
        parts.append(_count(usage.completion_tokens, "token"))
    parts.append(f"{reply.seconds:.2f} s" if reply.seconds < 10 else f"{reply.seconds:.1f} s")  # noqa: PLR2004  # three digits
    if reply.tokens_per_second:
        parts.append(f"{_rate(reply.tokens_per_second)} tokens/s")
    if usage is not None and usage.decode_rate:
        parts.append(f"{_rate(usage.decode_rate)} tokens/s on the chip")
    if reply.status == "interrupted":
        parts.append("interrupted")
    elif reply.status == "error":
        parts.append("broken off")
    elif reply.finish_reason == "length":
        parts.append("cut at the length limit (length)")
    elif reply.finish_reason not in ("stop", None):
        parts.append(f"stopped: {reply.finish_reason}")
    return [part for part in parts if part]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"  # noqa: PLR2004  # two digits


class Progress:
    """A bar for bytes that arrive: `progress(done, total)`. It shows nothing if never called."""

    def __init__(self, shell: InteractiveShell, title: str) -> None:
        self._shell = shell
        self._title = title
        self._output = _Output(shell)
        self._due = 0.0
        self._line = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._line and not has_pages(self._shell):
            sys.stdout.write("\n")

    def __call__(self, done: int, total: int) -> None:
        """Draw the bar, at most every `FRAME_SECONDS`, and always when it is full."""
        if time.monotonic() < self._due and done < total:
            return
        self._due = time.monotonic() + FRAME_SECONDS
        self._line = f"{self._title}: {done / 1e6:.0f} of {total / 1e6:.0f} MB"
        if has_pages(self._shell):
            bar = f'<progress max="{total}" value="{done}" style="width: 20em"></progress>'
            self._output.show(f'{bar} <span style="{QUIET}">{self._line}</span>', self._line)
        else:
            sys.stdout.write("\r" + self._line)
            sys.stdout.flush()
