"""The streaming writer for a notebook: events in, outputs of the cell out.

A reply is cut into blocks (`growing_text`): a finished one is frozen as an output of its own, and
only the tail is drawn again, when `pacing` says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, Self

from eighty80_jupyter.api.deltas import (
    ReasoningDelta,
    RefusalDelta,
    Retrying,
    TextDelta,
    TextWasReasoning,
)
from eighty80_jupyter.conversation.events import (
    AnswerRejected,
    CallBegan,
    CallEnded,
    CallWritten,
    RoundBegan,
    TurnEvent,
    TurnGoesOn,
    TurnWaits,
)
from eighty80_jupyter.notebook.cell.answer import Answer, Columns
from eighty80_jupyter.notebook.cell.front_end import drawing
from eighty80_jupyter.notebook.cell.outputs import Output, Page
from eighty80_jupyter.notebook.cell.pacing import Pacing
from eighty80_jupyter.notebook.cell.probabilities import ShadedAnswer
from eighty80_jupyter.notebook.cell.summary import last_line, reply_metadata
from eighty80_jupyter.notebook.cell.tools.display import CallGroup, show_figures, show_pictures
from eighty80_jupyter.notebook.cell.value import ValueAnswer
from eighty80_jupyter.notebook.markdown.page_text import QUIET

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from eighty80_jupyter.api.messages import Message
    from eighty80_jupyter.api.reply import Reply
    from eighty80_jupyter.config import ChatConfig

WAIT_SECONDS = 0.1  # a wait that is shorter is not worth a line
IDLE_SECONDS = 1.5  # a stream that pauses for so long shows what it has
QUICK_DRAWINGS = 2  # after these half as many: at the chip's speed drawing is what takes the time
MAX_IDLE_DRAWINGS = 4
ROUND_OUTPUTS = 24  # from then on further rounds are drawn in the outputs of the last one

WAITS = "another turn of this conversation is under way; this one begins after it ..."


class Writer(Protocol):
    """Shows a reply while it comes."""

    def take(self, events: Sequence[TurnEvent]) -> None:
        """Take what has come, and draw when it is time; called often, also with nothing."""

    def finish(
        self,
        reply: Reply | None,
        messages: Sequence[Message] = (),
        notes: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Draw what is left, and the last line; None where there is no reply.

        `messages` are those of the turn, for the metadata of the last line, as is `metadata`,
        what else is told of it; `notes` tell what was inserted into the prompt.
        """


class NotebookWriter:
    """Draw a reply into the outputs of the running cell.

    One answer is drawn as frozen blocks and a tail. Several stand in columns under small headings,
    as one output; as Markdown one below the other, each as an output. `markdown`
    sends the text as `text/markdown` for the front end to render. `metadata` goes with every
    output. `typed` shows the answer as a value, `shaded` its tokens by their probability. Where it
    is not `live`, every output comes once, at the end. `latex` adds LaTeX to the final outputs.

    The calls of a round stand in one output below what the model said before them, and those of
    the next round with them, unless it said something in between.
    """

    def __init__(
        self,
        publish: Callable[..., None],
        *,
        choices: int = 1,
        allow_images: bool = False,
        markdown: bool = False,
        metadata: Mapping[str, Any] | None = None,
        typed: bool = False,
        shaded: bool = False,
        live: bool = True,
        latex: bool = False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now = now
        self._page = Page(
            publish,
            metadata or {},
            markdown=markdown,
            images=allow_images,
            live=live,
            latex=latex,
        )
        self._several = choices > 1
        self._kind = ValueAnswer if typed else ShadedAnswer if shaded else Answer
        self._columns = Columns(self._page)
        plain = self._kind is Answer and not markdown
        self._beside = self._several and (plain or self._kind is ValueAnswer)
        self._answers: list[Answer] = []
        self._calls: CallGroup | None = None
        self._written: frozenset[str] = frozenset()
        self._note = Output(self._page)
        self._waits_since: float | None = None
        self._retried: list[str] = []
        self._pacing = Pacing(now)
        self._last_event = 0.0
        self._idle_drawings = self._drawings = 0

    def take(self, events: Sequence[TurnEvent]) -> None:
        """Collect the pieces; draw as often as the pacing allows, and where enough has come."""
        for event in events:
            match event:
                case TextDelta() | RefusalDelta():
                    self._answer(event.choice).add_text(event.text)
                case ReasoningDelta():
                    self._answer(event.choice).add_thought(event.text)
                case TextWasReasoning():
                    self._answer(event.choice).text_was_thought()
                case Retrying():
                    self._retried.append(event.error)
                    self._note.quiet(f"{event.error} - trying again in {event.seconds:.1f} s")
                case TurnWaits():
                    self._waits_since = self._now()
                case TurnGoesOn():
                    self._end_wait()
                case RoundBegan() | AnswerRejected() | CallWritten() | CallBegan() | CallEnded():
                    self._take_round_event(event)
        now = self._now()
        if self._waits_since is not None and now - self._waits_since >= WAIT_SECONDS:
            self._note.quiet(WAITS)
        if events:
            self._last_event = now
        if self._pacing.wait:
            return
        if self._calls is not None:
            self._calls.tick()
        idle = now - self._last_event >= IDLE_SECONDS and self._idle_drawings < MAX_IDLE_DRAWINGS
        drawn = [answer.draw(now=idle) for answer in self._answers]
        if any(drawn):
            self._columns.draw()
            self._drawings += 1
            self._pacing.drawn(now, frames=1 if self._drawings <= QUICK_DRAWINGS else 2)
            self._idle_drawings += idle

    def finish(
        self,
        reply: Reply | None,
        messages: Sequence[Message] = (),
        notes: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Draw the end of the reply and the quiet line below it."""
        try:
            self._finish(reply, messages, notes, metadata)
        finally:
            self._page.release()

    def _finish(
        self,
        reply: Reply | None,
        messages: Sequence[Message],
        notes: Sequence[str],
        metadata: Mapping[str, Any] | None,
    ) -> None:
        self._end_wait()
        if self._calls is not None:
            self._calls.finish()
        if self._retried:
            count = len(self._retried)  # what is saved must not say that it goes on
            self._note.quiet(f"attempts that failed before: {count} ({self._retried[-1]})")
        if reply is None:
            return
        if any(answer.used_again for answer in self._answers):
            # What the tools have shown stands below these outputs, and the answer belongs last.
            for answer in self._answers:
                answer.restart()
            self._answers = []
        for choice in reply.choices:
            answer = self._answer(choice.index)
            answer.complete(choice.text or choice.refusal, choice.reasoning)
        for answer, value in zip(self._answers, reply.values, strict=False):
            if isinstance(answer, ValueAnswer):
                answer.value, answer.valid = value, True
        for answer, choice in zip(self._answers, reply.choices, strict=False):
            if isinstance(answer, ShadedAnswer):
                answer.logprobs = choice.logprobs
        for answer in self._answers:
            answer.draw(final=True)
        self._columns.draw(final=True)
        self._page.metadata.update(reply_metadata(reply, messages))
        self._page.metadata.update(metadata or {})
        Output(self._page).quiet(last_line(reply, notes))

    def _end_wait(self) -> None:
        if self._note.shown and self._waits_since is not None:
            seconds = self._now() - self._waits_since
            self._note.quiet(f"waited {seconds:.1f} s for another turn of this conversation")
        self._waits_since = None

    def _take_round_event(
        self, event: RoundBegan | AnswerRejected | CallWritten | CallBegan | CallEnded
    ) -> None:
        match event:
            case AnswerRejected():
                for answer in self._answers:
                    answer.again()
            case RoundBegan():
                self._begin_round()
            case CallWritten():
                self._written = frozenset(call.id for call in event.calls)
                for answer in self._answers:
                    answer.withdraw(event.said)
            case CallBegan():
                self._group().begin(event, written=event.call.id in self._written)
            case CallEnded():
                if self._calls is not None:
                    self._calls.end(event)
                show_figures(event.value)
                if self._page.images:
                    show_pictures(event.value)

    def _group(self) -> CallGroup:
        """Return the output for the calls of this round, below what was said before them."""
        for answer in self._answers:
            answer.draw(final=True)
        said = any(answer.shown for answer in self._answers)
        if self._calls is None or (said and self._page.count < ROUND_OUTPUTS):
            if self._calls is not None:
                self._calls.finish()
            self._calls = CallGroup(self._page, self._now)
            self._answers = []
        return self._calls

    def _begin_round(self) -> None:
        if self._calls is not None and self._page.count >= ROUND_OUTPUTS:
            for answer in self._answers:
                if said := answer.restart():
                    self._calls.add_text(said)
        else:
            for answer in self._answers:
                answer.draw(final=True)
            self._answers = []

    def _answer(self, index: int) -> Answer:
        while len(self._answers) <= index:
            number = len(self._answers) + 1 if self._several else None
            columns = self._columns if self._beside else None
            self._answers.append(self._kind(self._page, number, columns))
        return self._answers[index]


class Progress:
    """A bar for bytes that arrive: `progress(done, total)`. It shows nothing if never called."""

    def __init__(self, shell: InteractiveShell, config: ChatConfig, title: str) -> None:
        self._page = Page(shell.display_pub.publish)
        self._in_terminal = drawing(shell, config) != "updates"
        self._title = title
        self._output = Output(self._page)
        self._pacing = Pacing()
        self._line = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._line and self._in_terminal:
            print()  # noqa: T201  # ends the line of the bar

    def __call__(self, done: int, total: int) -> None:
        """Draw the bar as often as the pacing allows, and always when it is full."""
        if self._pacing.wait and done < total:
            return
        self._pacing.drawn(time.monotonic())
        self._line = f"{self._title}: {done / 1e6:.0f} of {total / 1e6:.0f} MB"
        if self._in_terminal:
            print("\r" + self._line, end="", flush=True)  # noqa: T201  # it is the bar
        else:
            bar = f'<progress max="{total}" value="{done}" style="width: 20em"></progress>'
            self._output.html(f'{bar} <span style="{QUIET}">{self._line}</span>', self._line)
