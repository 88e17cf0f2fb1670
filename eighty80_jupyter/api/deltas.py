"""The deltas of a reply, and the snapshot that they add up to. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, assert_never

from eighty80_jupyter.api.extra import Extra, merged
from eighty80_jupyter.api.messages import ToolCall
from eighty80_jupyter.api.reply import Choice, Reply, Status, Usage

# Deltas are values, though not frozen: making a frozen one takes three times as long, and there is
# one for every token.


@dataclass(slots=True)
class TextDelta:
    """A piece of the answer's text."""

    choice: int
    text: str


@dataclass(slots=True)
class ReasoningDelta:
    """A piece of what the model thinks before it answers.

    `field` is the name under which it came, where the server may want it back under that.
    """

    choice: int
    text: str
    field: str = ""


@dataclass(slots=True)
class TextWasReasoning:
    """All text of the answer so far was reasoning: a tag has come that ends it."""

    choice: int


@dataclass(slots=True)
class RefusalDelta:
    """A piece of the text with which the model refuses."""

    choice: int
    text: str


@dataclass(slots=True)
class ToolCallDelta:
    """A piece of a tool call. `call` numbers the calls of one choice; the rest is what is new."""

    choice: int
    call: int
    id: str
    name: str
    arguments: str


@dataclass(slots=True)
class ExtraDelta:
    """Fields that the server may want back: of the call numbered `call`, or of the answer (None).

    `fields` are pieces, added to what came before by `api.extra.merged`.
    """

    choice: int
    fields: Extra
    call: int | None = None


@dataclass(slots=True)
class LogprobsDelta:
    """How likely the latest tokens were, as the server wrote it."""

    choice: int
    content: Sequence[Mapping[str, Any]]


@dataclass(slots=True)
class ChoiceDone:
    """One choice has ended."""

    choice: int
    finish_reason: str


@dataclass(slots=True)
class UsageDelta:
    """The server's counts so far; the last one stands."""

    usage: Usage


@dataclass(slots=True)
class ModelDelta:
    """Which model answers, and the server's name for the completion."""

    model: str
    id: str


Delta = (
    TextDelta
    | ReasoningDelta
    | TextWasReasoning
    | RefusalDelta
    | ToolCallDelta
    | ExtraDelta
    | LogprobsDelta
    | ChoiceDone
    | UsageDelta
    | ModelDelta
)


@dataclass(frozen=True, slots=True)
class Retrying:
    """The client waits `seconds` before another attempt, because of `error`."""

    seconds: float
    error: str


@dataclass(frozen=True, slots=True)
class Adapted:
    """The request was changed for this server; `note` says how, for the reply's last line."""

    note: str


@dataclass(frozen=True, slots=True)
class Took:
    """The request took this many `seconds`, by a record that it stands in."""

    seconds: float


Event = Delta | Retrying | Adapted | Took


_PIECES = 1024


class _Text:
    """A text that grows by pieces; they are joined when somebody asks, and now and then.

    A small string takes ten times the memory of its characters.
    """

    __slots__ = ("_blocks", "_pieces")

    def __init__(self) -> None:
        self._blocks: list[str] = []
        self._pieces: list[str] = []

    def append(self, piece: str) -> None:
        self._pieces.append(piece)
        if len(self._pieces) >= _PIECES:
            self._blocks.append("".join(self._pieces))
            self._pieces.clear()

    def __bool__(self) -> bool:
        return bool(self._pieces or self._blocks)

    def __str__(self) -> str:
        return "".join((*self._blocks, *self._pieces))


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: _Text = field(default_factory=_Text)
    extra: Extra | None = None


@dataclass(slots=True)
class _ChoiceState:
    text: _Text = field(default_factory=_Text)
    reasoning: _Text = field(default_factory=_Text)
    refusal: _Text = field(default_factory=_Text)
    calls: dict[int, _Call] = field(default_factory=dict)
    logprobs: list[Mapping[str, Any]] = field(default_factory=list)
    finish_reason: str | None = None
    extra: Extra | None = None
    reasoning_field: str = ""

    def to_choice(self, index: int) -> Choice:
        extra = self.extra
        if self.reasoning_field:
            extra = {self.reasoning_field: str(self.reasoning), **(extra or {})}
        return Choice(
            index=index,
            text=str(self.text),
            reasoning=str(self.reasoning),
            refusal=str(self.refusal),
            tool_calls=tuple(
                ToolCall(
                    id=call.id or f"call_{number}",
                    name=call.name,
                    arguments=str(call.arguments),
                    extra=call.extra,
                )
                for number, call in sorted(self.calls.items())
            ),
            finish_reason=self.finish_reason,
            logprobs=tuple(self.logprobs),
            extra=extra,
        )


class Snapshot:
    """What has accumulated of a reply. Pieces are joined only when somebody asks."""

    __slots__ = ("_choices", "id", "model", "usage")

    def __init__(self) -> None:
        self._choices: dict[int, _ChoiceState] = {}
        self.model = ""
        self.id = ""
        self.usage: Usage | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing of an answer has come."""
        return not self._choices

    def apply(self, delta: Delta) -> None:
        """Add one delta."""
        match delta:
            case TextDelta():
                self._state(delta.choice).text.append(delta.text)
            case ReasoningDelta():
                state = self._state(delta.choice)
                state.reasoning.append(delta.text)
                if delta.field:
                    state.reasoning_field = delta.field
            case ToolCallDelta():
                call = self._state(delta.choice).calls.setdefault(delta.call, _Call())
                call.id = call.id or delta.id
                call.name += delta.name
                call.arguments.append(delta.arguments)
            case ChoiceDone():
                self._state(delta.choice).finish_reason = delta.finish_reason
            case UsageDelta():
                self.usage = delta.usage
            case RefusalDelta():
                self._state(delta.choice).refusal.append(delta.text)
            case TextWasReasoning():
                state = self._state(delta.choice)
                state.reasoning.append(str(state.text).strip())
                state.text = _Text()
            case ExtraDelta():
                state = self._state(delta.choice)
                of = state if delta.call is None else state.calls.setdefault(delta.call, _Call())
                of.extra = merged(of.extra, delta.fields)
            case LogprobsDelta():
                self._state(delta.choice).logprobs.extend(delta.content)
            case ModelDelta():
                self.model = delta.model
                self.id = self.id or delta.id
            case _:
                assert_never(delta)

    def to_reply(
        self,
        *,
        seconds: float,
        parameters: Mapping[str, Any],
        status: Status = "complete",
        error: str = "",
    ) -> Reply:
        """Return the reply as it stands, its choices in the order of their index."""
        choices = tuple(s.to_choice(index) for index, s in sorted(self._choices.items()))
        return Reply(
            choices=choices or (Choice(),),
            model=self.model,
            id=self.id,
            usage=self.usage,
            seconds=seconds,
            status=status,
            error=error,
            parameters=parameters,
        )

    def _state(self, choice: int) -> _ChoiceState:
        state = self._choices.get(choice)
        if state is None:
            state = self._choices[choice] = _ChoiceState()
        return state
