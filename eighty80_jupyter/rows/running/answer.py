"""What the server said to one row, and what became of it: a value, or a reason why there is none.

Nothing is sent here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.api.deltas import (
    Adapted,
    ChoiceDone,
    Delta,
    ModelDelta,
    Snapshot,
    TextDelta,
    UsageDelta,
)
from eighty80_jupyter.api.reply import Usage
from eighty80_jupyter.rows.progress import ErrorKind
from eighty80_jupyter.structured.words import unfinished

if TYPE_CHECKING:
    from eighty80_jupyter.structured.shape import Shape

_MANY = 4_096  # different answers that are remembered
_LONG = 200  # characters of one
_ONCE = (str, int, float, bool, type(None), Enum)  # values that nobody can change


@dataclass(slots=True)
class Answer:
    """The answer to one request: its raw text, and what the server told of it."""

    text: str = ""
    finish_reason: str | None = None
    refusal: str = ""
    usage: Usage | None = None
    model: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """Why an answer has no value; `mendable` says that asking again may help."""

    kind: ErrorKind
    message: str
    problems: tuple[str, ...] = ()
    mendable: bool = False


def answer_of(found: Sequence[Delta | Adapted]) -> Answer:
    """Return the answer that deltas add up to."""
    answer = Answer()
    for delta in found:
        match delta:
            case TextDelta(choice=0):
                answer.text += delta.text
            case ChoiceDone(choice=0):
                answer.finish_reason = delta.finish_reason
            case UsageDelta():
                answer.usage = delta.usage
            case ModelDelta():
                answer.model = delta.model
            case Adapted():
                answer.notes = (*answer.notes, delta.note)
            case _:
                return _in_full(found)
    return answer


def _in_full(found: Sequence[Delta | Adapted]) -> Answer:
    snapshot, notes = Snapshot(), []
    for delta in found:
        if isinstance(delta, Adapted):
            notes.append(delta.note)
        else:
            snapshot.apply(delta)
    reply = snapshot.to_reply(seconds=0, parameters={})
    choice = reply.choices[0]
    return Answer(
        text=choice.text,
        finish_reason=choice.finish_reason,
        refusal=choice.refusal,
        usage=reply.usage,
        model=reply.model,
        notes=tuple(notes),
    )


class Reader:
    """Reads answers as values of a shape; None: as texts.

    A short answer that was read once is not read again where nobody could change its value.
    """

    def __init__(self, shape: Shape | None) -> None:
        self._shape = shape
        self._known: dict[str, Any] = {}

    def read(self, text: str, ended: str | None, refusal: str = "") -> tuple[Any, Failed | None]:
        """Return the value of an answer that `ended` for a reason, or why there is none."""
        if self._shape is None:
            return _text(text, ended, refusal)
        whole = ended == "stop" and not refusal
        if whole and text in self._known:
            return self._known[text], None
        # A door: pydantic.
        from eighty80_jupyter.structured.reading import UnreadableError, read  # noqa: PLC0415

        try:
            value = read(self._shape, text, finish_reason=ended, refusal=refusal)
        except UnreadableError as error:
            kind: ErrorKind = "invalid" if error.kind == "empty" else error.kind
            return None, Failed(kind, str(error), error.problems, mendable=error.mendable)
        short = len(text) <= _LONG and len(self._known) < _MANY
        if whole and short and isinstance(value, _ONCE):
            self._known[text] = value
        return value, None


def _text(text: str, ended: str | None, refusal: str) -> tuple[str | None, Failed | None]:
    if (why := unfinished(ended, refusal)) is not None:
        return None, Failed(*why)
    if not text or text.isspace():
        return None, Failed("invalid", "the answer is empty")
    return text, None
