"""The streaming writer for a notebook: events in, outputs of the cell out.

JupyterLab draws every update that it gets, one after the other, so what is drawn again and again
must be small, and there must be few updates. A reply is therefore cut into blocks: a finished one
is frozen as an output of its own, only the tail is drawn again, and the more has been drawn, the
more must come before it is drawn once more. Measured by `benchmarks/draw.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, Self

from eighty80_jupyter.api.deltas import Event, ReasoningDelta, RefusalDelta, Retrying, TextDelta
from eighty80_jupyter.notebook.outputs import QUIET, Output, Page, folded
from eighty80_jupyter.notebook.summary import last_line

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from eighty80_jupyter.api.messages import Message
    from eighty80_jupyter.api.reply import Reply

FRAME_SECONDS = 0.1  # at most ten updates a second
IDLE_SECONDS = 1.5  # a stream that pauses for so long shows what it has
QUICK_DRAWINGS = 2  # after these half as many: at the chip's speed drawing is what takes the time
FIRST_STEP = 16  # characters that must come before the second drawing
FREEZE_CHARACTERS = 1600
MAX_OUTPUTS = 20  # JupyterLab hides what comes after 50, and a cell may hold several replies
MAX_IDLE_DRAWINGS = 4

SCHEMA = 1


class Writer(Protocol):
    """Shows a reply while it comes."""

    def take(self, events: Sequence[Event]) -> None:
        """Take what has come, and draw when it is time; called often, also with nothing."""

    def finish(
        self,
        reply: Reply | None,
        messages: Sequence[Message] = (),
        notes: Sequence[str] = (),
    ) -> None:
        """Draw what is left, and the last line; None where there is no reply.

        `messages` are those of the turn, for the metadata of the last line; `notes` tell what was
        inserted into the prompt.
        """


def has_pages(shell: InteractiveShell) -> bool:
    """Tell whether the shell's front end shows HTML: a kernel does, a terminal does not."""
    return getattr(shell, "kernel", None) is not None


class NotebookWriter:
    """Draw a reply into the outputs of the running cell.

    One answer is drawn as frozen blocks and a tail. Several stand one below the other under small
    headings, each as one output, since no output can be put between others. `markdown` sends the
    text as `text/markdown` for the front end to render. `metadata` goes with every output.
    """

    def __init__(
        self,
        publish: Callable[..., None],
        *,
        choices: int = 1,
        allow_images: bool = False,
        markdown: bool = False,
        metadata: Mapping[str, Any] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now = now
        self._page = Page(publish, dict(metadata or {}), markdown=markdown, images=allow_images)
        self._several = choices > 1
        self._answers: list[_Answer] = []
        self._note = Output(self._page)
        self._due = self._last_event = 0.0
        self._idle_drawings = self._drawings = 0

    def take(self, events: Sequence[Event]) -> None:
        """Collect the pieces; draw at most every `FRAME_SECONDS`, and where enough has come."""
        for event in events:
            match event:
                case TextDelta() | RefusalDelta():
                    self._answer(event.choice).add_text(event.text)
                case ReasoningDelta():
                    self._answer(event.choice).add_thought(event.text)
                case Retrying():
                    self._note.quiet(f"{event.error} - trying again in {event.seconds:.1f} s")
        now = self._now()
        if events:
            self._last_event = now
        if now < self._due:
            return
        idle = now - self._last_event >= IDLE_SECONDS and self._idle_drawings < MAX_IDLE_DRAWINGS
        drawn = [answer.draw(now=idle) for answer in self._answers]
        if any(drawn):
            self._drawings += 1
            frames = 1 if self._drawings <= QUICK_DRAWINGS else 2
            self._due = self._now() + frames * FRAME_SECONDS
            self._idle_drawings += idle

    def finish(
        self,
        reply: Reply | None,
        messages: Sequence[Message] = (),
        notes: Sequence[str] = (),
    ) -> None:
        """Draw the end of the reply and the quiet line below it."""
        if reply is None:
            return
        for choice in reply.choices:
            answer = self._answer(choice.index)
            answer.complete(choice.text or choice.refusal, choice.reasoning)
        for answer in self._answers:
            answer.draw(final=True)
        self._page.metadata.update(reply_metadata(reply, messages))
        Output(self._page).quiet(last_line(reply, notes))

    def _answer(self, index: int) -> _Answer:
        while len(self._answers) <= index:
            number = len(self._answers) + 1 if self._several else None
            self._answers.append(_Answer(self._page, number))
        return self._answers[index]


class _Answer:
    """One answer on the page: what was thought, frozen blocks, and the tail.

    `number` is None where it is the only one.
    """

    def __init__(self, page: Page, number: int | None) -> None:
        from eighty80_jupyter.notebook.markdown import Splitter  # noqa: PLC0415  # the first reply

        self._page = page
        self._number = number
        self._splitter = Splitter()
        self._thoughts: list[str] = []
        self._thought_output = Output(page)
        self._output = Output(page)
        self._outputs = 1
        self._length = self._drawn = 0  # characters of the text, and of it at the last drawing
        self._thought_length = self._thought_drawn = 0

    def add_text(self, piece: str) -> None:
        self._splitter.feed(piece)
        self._length += len(piece)

    def add_thought(self, piece: str) -> None:
        self._thoughts.append(piece)
        self._thought_length += len(piece)

    def complete(self, text: str, reasoning: str) -> None:
        """Take what the events had not brought yet, as after an interrupt."""
        if len(reasoning) > self._thought_length:
            self.add_thought(reasoning[self._thought_length :])
        if len(text) > self._length:
            self.add_text(text[self._length :])

    def draw(self, *, now: bool = False, final: bool = False) -> bool:
        """Draw what has changed, if enough has; in any case `now`. Return whether it has drawn."""
        grown = self._thought_length - self._thought_drawn
        step = max(FIRST_STEP, self._thought_drawn // 2) if self._thought_drawn else 1
        thought = grown > 0 and (now or final or grown >= step)
        grown = self._length - self._drawn
        text = grown > 0 and (now or final or grown >= self._step())
        if final:
            thought, text = bool(self._thoughts), self._length > 0
        if self._number is not None:
            if thought or text or not self._output.shown:
                self._draw_whole(final=final)
                return True
            return False
        if thought:
            self._draw_thoughts()
        if text:
            self._draw_text(final=final)
        return thought or text

    def _step(self) -> int:
        """Return how many characters must come before the text is drawn again."""
        if not self._drawn:
            return 1
        if self._number is not None or self._outputs >= MAX_OUTPUTS:
            return max(FIRST_STEP, self._drawn // 2)
        return max(FIRST_STEP, int(min(0.6 * self._drawn, 0.8 * self._block())))

    def _block(self) -> int:
        """Return how long a piece must be to be frozen: the longer the text, the longer."""
        return max(FREEZE_CHARACTERS, self._length // 5)

    def _draw_text(self, *, final: bool) -> None:
        references = self._splitter.references
        while self._outputs < MAX_OUTPUTS:
            block = self._block()
            frozen = self._splitter.freeze(block, 2 * block)
            if frozen is None:
                break
            self._output.markdown(frozen, references=references)
            self._output = Output(self._page)
            self._outputs += 1
        tail = self._splitter.tail
        if tail:
            self._output.markdown(tail, references=references, partial=not final)
        self._drawn = self._length

    def _draw_thoughts(self) -> None:
        thoughts = "".join(self._thoughts)
        self._thought_output.html(
            folded(thoughts, images=self._page.images), f"Reasoning: {thoughts}"
        )
        self._thought_drawn = self._thought_length

    def _draw_whole(self, *, final: bool) -> None:
        text, thoughts = self._splitter.tail, "".join(self._thoughts)
        above = f"<h6>Answer {self._number}</h6>"
        if thoughts:
            above += folded(thoughts, images=self._page.images)
        named = f"Answer {self._number}: {text}"
        self._output.markdown(text, above=above, partial=not final, plain=named)
        self._drawn, self._thought_drawn = self._length, self._thought_length


def reply_metadata(reply: Reply, messages: Sequence[Message]) -> dict[str, Any]:
    """Return what the last line's output keeps of a turn, so that it can be read back.

    Pictures and sounds stand as their names: the notebook would grow by all of them.
    """
    return {
        "messages": [replace(m, content=m.text).to_wire() for m in messages],
        "model": reply.model or reply.parameters.get("model", ""),
        "parameters": dict(reply.parameters),
        "usage": reply.usage.to_dict() if reply.usage else None,
        "finish_reason": reply.finish_reason,
        "status": reply.status,
        "seconds": round(reply.seconds, 4),
    }


class Progress:
    """A bar for bytes that arrive: `progress(done, total)`. It shows nothing if never called."""

    def __init__(self, shell: InteractiveShell, title: str) -> None:
        self._page = Page(shell.display_pub.publish, {}, markdown=False, images=False)
        self._in_terminal = not has_pages(shell)
        self._title = title
        self._output = Output(self._page)
        self._due = 0.0
        self._line = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._line and self._in_terminal:
            print()  # noqa: T201  # ends the line of the bar

    def __call__(self, done: int, total: int) -> None:
        """Draw the bar, at most every `FRAME_SECONDS`, and always when it is full."""
        if time.monotonic() < self._due and done < total:
            return
        self._due = time.monotonic() + FRAME_SECONDS
        self._line = f"{self._title}: {done / 1e6:.0f} of {total / 1e6:.0f} MB"
        if self._in_terminal:
            print("\r" + self._line, end="", flush=True)  # noqa: T201  # it is the bar
        else:
            bar = f'<progress max="{total}" value="{done}" style="width: 20em"></progress>'
            self._output.html(f'{bar} <span style="{QUIET}">{self._line}</span>', self._line)
