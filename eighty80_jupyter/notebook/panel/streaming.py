"""An answer as the panel draws it: parts, each of finished blocks and a tail, while it comes."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.api.deltas import ReasoningDelta, RefusalDelta, TextDelta, TextWasReasoning
from eighty80_jupyter.conversation.events import (
    AnswerRejected,
    CallBegan,
    CallEnded,
    CallWritten,
    RoundBegan,
    TurnEvent,
)
from eighty80_jupyter.notebook.cell.growing_text import GrowingText
from eighty80_jupyter.notebook.cell.tools.display import MOST_RESULT, Line, entries_of
from eighty80_jupyter.notebook.cell.value import coming_html, typed_html
from eighty80_jupyter.notebook.cell.views.values import answer_html, json_html, json_of
from eighty80_jupyter.notebook.markdown.render import render
from eighty80_jupyter.text import counted

if TYPE_CHECKING:
    from eighty80_jupyter.api.reply import Reply
    from eighty80_jupyter.conversation.turn import Exchange
    from eighty80_jupyter.turns.request import RunningTurn


@dataclass(slots=True)
class Part:
    """One piece of an answer: what was thought, a tool's call, or the text of one choice.

    The browser takes the fields by these names. `key` orders the parts, `fold` is the line of a
    part that is folded away (None: it is not), `blocks` and `tail` are safe HTML.
    """

    key: str
    title: str = ""
    fold: str | None = None
    blocks: list[str] = field(default_factory=list)
    tail: str = ""


class StreamingText:
    """A text that comes in pieces, and the part that shows it; `thought` names what is folded.

    Of a `typed` answer the fields are shown as they come, and never frozen.
    """

    def __init__(self, part: Part, *, thought: str, images: bool, typed: bool = False) -> None:
        self.part = part
        self._thought = thought
        self._images = images
        self._typed = typed
        self._text = GrowingText()
        self._words = 0
        self._at = 0.0  # when it was drawn
        self._anew = False  # whether what the browser has of it is no part of it any more

    @property
    def pending(self) -> bool:
        """Whether something has come that is not drawn."""
        return self._text.grown or self._anew

    def add(self, piece: str) -> None:
        """Take the next piece."""
        self._text.add(piece)
        if self._thought:
            self._words += len(piece.split())

    def take_back(self) -> str:
        """Forget all of it and begin anew; return what it was."""
        text, self._text, self._anew = self._text.whole.strip(), GrowingText(), True
        self.part.blocks.clear()
        return text

    def complete(self, text: str) -> None:
        """Take what the events had not brought."""
        self.add(text[self._text.length :])

    def draw(self, *, final: bool = False) -> dict[str, Any] | None:
        """Return what is new, as the browser takes it; None if that is not worth a drawing yet."""
        text, part, now = self._text, self.part, time.monotonic()
        if not final and not self._anew and not text.due(waited=now - self._at):
            return None
        if self._thought:
            part.fold = _thoughts(self._thought, self._words)
        references, frozen = text.references, []
        while not self._typed and (piece := text.freeze()) is not None:
            frozen.append(render(piece, allow_images=self._images, references=references))
        value = (
            json_of(text.tail) if final and not (part.blocks or frozen or self._thought) else None
        )
        if self._typed and not final:
            html, _ = coming_html(text.tail)
        elif value is not None:
            html = json_html(value, text.tail)
        else:
            html = render(
                text.tail, partial=not final, allow_images=self._images, references=references
            )
        if final and html:
            frozen.append(html)
        part.tail = "" if final else html
        part.blocks += frozen
        text.drawn()
        self._at = now
        message = {**asdict(part), "blocks": [], "freeze": frozen}
        if self._anew:
            message["anew"] = True
            self._anew = False
        return message


class StreamingCall:
    """A tool's call that runs, and the part that shows it."""

    def __init__(self, part: Part, line: Line) -> None:
        self.part = part
        self.line = line
        self._changed = True

    def end(self, event: CallEnded) -> None:
        """Take what became of it."""
        self.line.end(event)
        self._changed = True

    def draw(self, *, final: bool = False) -> dict[str, Any] | None:
        """Return what is new, as the browser takes it; None if nothing is."""
        if not self._changed and not final:
            return None
        self._changed = False
        self.part.tail = self.line.html(room=MOST_RESULT)
        return asdict(self.part)


class StreamingTurn:
    """A turn that is under way: the parts of its answer grow.

    `id` is that of its turn in the conversation; `again` tells that the turn stands there already.
    """

    def __init__(self, running: RunningTurn, *, images: bool) -> None:
        self.running = running
        self.again = running.request.place.again is not None
        self.id = running.request.place.again or running.id
        self._images = images
        self._several = running.request.parameters.get("n", 1) > 1
        self._round = 1
        self._written: frozenset[str] = frozenset()  # the ids of calls that are text
        self._pieces: dict[str, StreamingText | StreamingCall] = {}

    @property
    def pending(self) -> bool:
        """Whether something has come that is not drawn."""
        pieces = self._pieces.values()
        return any(isinstance(piece, StreamingText) and piece.pending for piece in pieces)

    @property
    def parts(self) -> list[Part]:
        """What has been drawn, in order."""
        return [piece.part for _, piece in sorted(self._pieces.items())]

    def take(self, events: Iterable[TurnEvent]) -> None:
        """Collect what has come."""
        for event in events:
            match event:
                case TextDelta() | RefusalDelta():
                    self._text(event.choice).add(event.text)
                case ReasoningDelta():
                    self._text(event.choice, thought=True).add(event.text)
                case TextWasReasoning():
                    text = self._text(event.choice)
                    self._text(event.choice, thought=True).add(text.take_back())
                case AnswerRejected():
                    for piece in self._pieces.values():
                        if isinstance(piece, StreamingText):
                            piece.take_back()
                case RoundBegan():
                    self._round = event.number
                case CallWritten():
                    self._written = frozenset(call.id for call in event.calls)
                case CallBegan():
                    self._begin(event)
                case CallEnded():
                    self._end(event)

    def complete(self, reply: Reply) -> None:
        """Take what is in the reply and was in no event."""
        for choice in reply.choices:
            if choice.reasoning:
                self._text(choice.index, thought=True).complete(choice.reasoning)
            self._text(choice.index).complete(choice.text or choice.refusal)

    def draw(self, *, final: bool = False) -> list[dict[str, Any]]:
        """Return what has changed, a message for each part."""
        drawn = [piece.draw(final=final) for _, piece in sorted(self._pieces.items())]
        return [message for message in drawn if message is not None]

    def _text(self, choice: int, *, thought: bool = False) -> StreamingText:
        key = _key(choice, thought=thought, number=self._round)
        found = self._pieces.get(key)
        if isinstance(found, StreamingText):
            return found
        title, name = _names(choice, several=self._several)
        part = Part(key, fold=_thoughts(name, 0)) if thought else Part(key, title)
        name = name if thought else ""
        typed = self.running.request.typed is not None and not thought
        text = StreamingText(part, thought=name, images=self._images, typed=typed)
        self._pieces[key] = text
        return text

    def _begin(self, event: CallBegan) -> None:
        key = f"{self._round:03}-2-{len(self._pieces):04}"
        written = event.call.id in self._written
        line = Line(event.call.id, event.shown, event.call.arguments, written=written)
        self._pieces[key] = StreamingCall(Part(key), line)

    def _end(self, event: CallEnded) -> None:
        for piece in self._pieces.values():
            if isinstance(piece, StreamingCall) and piece.line.id == event.call.id:
                if not piece.line.status:
                    piece.end(event)
                return


def finished_parts(exchange: Exchange, *, images: bool) -> list[Part]:
    """Return the parts of an answer that is there: rounds with tools, thoughts, texts."""
    reply = exchange.reply
    parts: list[Part] = []
    for number, entry in enumerate(entries_of(exchange.messages, reply.calls)):
        key = f"000-{number:06}"
        if isinstance(entry, Line):
            parts.append(Part(key, tail=entry.html(room=MOST_RESULT)))
        else:
            parts.append(Part(key, blocks=[render(entry, allow_images=images)]))
    several = len(reply.choices) > 1
    for choice in reply.choices:
        title, name = _names(choice.index, several=several)
        if choice.reasoning:
            html = render(choice.reasoning, allow_images=images)
            fold = _thoughts(name, len(choice.reasoning.split()))
            parts.append(Part(_key(choice.index, thought=True), "", fold, [html]))
        if choice.index < len(reply.values):
            html = typed_html(reply.values[choice.index], choice.text)
        else:
            html = answer_html(choice.text or choice.refusal, allow_images=images)
        parts.append(Part(_key(choice.index), title, None, [html]))
    return parts


def _key(choice: int, *, thought: bool = False, number: int = 1) -> str:
    # In order: the rounds; in each the choices, what was thought before the text, and the calls.
    return f"{number:03}-1-{choice:04}-{'0' if thought else '1'}"


def _names(choice: int, *, several: bool) -> tuple[str, str]:
    """Return what stands above the text of a choice, and what its thoughts are called."""
    if not several:
        return "", "Reasoning"
    return f"Answer {choice + 1}", f"Reasoning of answer {choice + 1}"


def _thoughts(name: str, words: int) -> str:
    return f"{name} ({counted(words, 'word')})" if words else name
