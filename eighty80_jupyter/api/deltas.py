"""From the chunks of a stream to deltas, and from deltas to the snapshot of a reply. No I/O.

A whole completion (`stream: false`, or a server that does not stream) goes the same way as one
chunk. Source: the chat-completions contract, "Stream", and what real servers do to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, assert_never

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
    """A piece of what the model thinks before it answers."""

    choice: int
    text: str


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
class LogprobsDelta:
    """How likely the latest tokens were, as the server wrote it."""

    choice: int
    content: list[Mapping[str, Any]]


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
    | RefusalDelta
    | ToolCallDelta
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


Event = Delta | Retrying


class MalformedChunkError(ValueError):
    """A chunk is JSON, but not the shape of a completion."""


@dataclass(slots=True)
class _Calls:
    """The tool calls of one choice: which are open, by the server's own index where it has one."""

    ids: dict[int, str] = field(default_factory=dict)
    by_index: dict[int, int] = field(default_factory=dict)
    last: int = -1

    def number(self, index: Any, call_id: str, name: str) -> int:
        """Return the number of the call that a piece belongs to.

        `index` decides where it is present, except that some servers give every call the index 0:
        another id together with a name opens another call. Without an index an id opens a call, and
        a piece without one continues the call opened last.
        """
        if isinstance(index, int):
            known = self.by_index.get(index)
            if known is None or (name and call_id and self.ids[known] not in ("", call_id)):
                known = self.by_index[index] = self._open(index)
        elif call_id and call_id not in self.ids.values():
            known = self._open()
        elif call_id:
            known = next(n for n, other in self.ids.items() if other == call_id)
        elif name or self.last < 0:
            known = self._open()
        else:
            known = self.last
        if call_id:
            self.ids[known] = call_id
        self.last = known
        return known

    def _open(self, wanted: int = 0) -> int:
        # The server's own numbers keep its order, also where they arrive as 0, 2, 1.
        number = wanted if wanted not in self.ids else max(self.ids) + 1
        self.ids[number] = ""
        return number


class ChunkDecoder:
    """Turn the chunks of one stream into deltas.

    Raises MalformedChunkError where a chunk is not an object with choices or usage; unknown fields
    and fields of an unexpected type are passed over.
    """

    __slots__ = ("_calls", "_model")

    def __init__(self) -> None:
        self._calls: dict[int, _Calls] = {}
        self._model = ""

    def decode(self, chunk: Any) -> list[Delta]:
        """Return the deltas of one chunk, in order."""
        if not isinstance(chunk, dict):
            raise MalformedChunkError(f"expected a JSON object, got {type(chunk).__name__}")
        deltas: list[Delta] = []
        choices = chunk.get("choices")
        if type(choices) is list:
            model = chunk.get("model")
            if model != self._model and type(model) is str:
                self._model = model
                deltas.append(ModelDelta(model, _text(chunk.get("id"))))
            for position, choice in enumerate(choices):
                self._choice(position, choice, deltas)
        elif choices is not None or not isinstance(chunk.get("usage"), dict):
            raise MalformedChunkError("expected choices, got " + ", ".join(list(chunk)[:5]))
        usage = chunk.get("usage")
        if type(usage) is dict:
            deltas.append(UsageDelta(Usage.from_wire(usage)))
        return deltas

    def _choice(self, position: int, choice: Any, deltas: list[Delta]) -> None:
        if not isinstance(choice, dict):
            raise MalformedChunkError(f"expected an object in choices, got {type(choice).__name__}")
        index = choice.get("index", position)
        if type(index) is not int:
            index = position
        delta = choice.get("delta")
        if delta is None:
            delta = choice.get("message")  # a whole completion
        if type(delta) is dict:
            for key in ("reasoning", "reasoning_content"):
                if thought := _text(delta.get(key)):
                    deltas.append(ReasoningDelta(index, thought))
                    break
            content = delta.get("content")
            if type(content) is list:
                content = "".join(_text(p.get("text")) for p in content if isinstance(p, dict))
            if content and type(content) is str:
                deltas.append(TextDelta(index, content))
            if refusal := _text(delta.get("refusal")):
                deltas.append(RefusalDelta(index, refusal))
            if calls := delta.get("tool_calls"):
                deltas.extend(self._tool_calls(index, calls))
        elif delta is not None:
            raise MalformedChunkError(f"expected an object as delta, got {type(delta).__name__}")
        logprobs = choice.get("logprobs")
        if isinstance(logprobs, dict) and isinstance(logprobs.get("content"), list):
            content = [entry for entry in logprobs["content"] if isinstance(entry, dict)]
            deltas.append(LogprobsDelta(index, content))
        reason = choice.get("finish_reason")
        if reason and type(reason) is str:
            deltas.append(ChoiceDone(index, reason))

    def _tool_calls(self, choice: int, calls: Any) -> Iterator[ToolCallDelta]:
        if not isinstance(calls, list):
            raise MalformedChunkError(f"expected a list of tool_calls, got {type(calls).__name__}")
        known = self._calls.setdefault(choice, _Calls())
        for call in calls:
            if not isinstance(call, dict):
                raise MalformedChunkError(f"expected an object, got {type(call).__name__}")
            function = call.get("function")
            function = function if isinstance(function, dict) else {}
            call_id, name = _text(call.get("id")), _text(function.get("name"))
            number = known.number(call.get("index"), call_id, name)
            yield ToolCallDelta(choice, number, call_id, name, _arguments(function))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _arguments(function: Mapping[str, Any]) -> str:
    arguments = function.get("arguments")
    if isinstance(arguments, (dict, list)):  # some servers send the object itself
        import json  # noqa: PLC0415  # the rare case pays for it

        return json.dumps(arguments, ensure_ascii=False)
    return _text(arguments)


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _ChoiceState:
    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    refusal: list[str] = field(default_factory=list)
    calls: dict[int, _Call] = field(default_factory=dict)
    logprobs: list[Mapping[str, Any]] = field(default_factory=list)
    finish_reason: str | None = None

    def to_choice(self, index: int) -> Choice:
        return Choice(
            index=index,
            text="".join(self.text),
            reasoning="".join(self.reasoning),
            refusal="".join(self.refusal),
            tool_calls=tuple(
                ToolCall(
                    id=call.id or f"call_{number}",
                    name=call.name,
                    arguments="".join(call.arguments),
                )
                for number, call in sorted(self.calls.items())
            ),
            finish_reason=self.finish_reason,
            logprobs=tuple(self.logprobs),
        )


class Snapshot:
    """What has accumulated of a reply. Pieces are joined only when somebody asks."""

    __slots__ = ("_choices", "id", "model", "usage")

    def __init__(self) -> None:
        self._choices: dict[int, _ChoiceState] = {}
        self.model = ""
        self.id = ""
        self.usage: Usage | None = None

    def apply(self, delta: Delta) -> None:
        """Add one delta."""
        match delta:
            case TextDelta():
                self._state(delta.choice).text.append(delta.text)
            case ReasoningDelta():
                self._state(delta.choice).reasoning.append(delta.text)
            case ToolCallDelta():
                call = self._state(delta.choice).calls.setdefault(delta.call, _Call())
                call.id = call.id or delta.id
                call.name = call.name or delta.name
                call.arguments.append(delta.arguments)
            case ChoiceDone():
                self._state(delta.choice).finish_reason = delta.finish_reason
            case UsageDelta():
                self.usage = delta.usage
            case RefusalDelta():
                self._state(delta.choice).refusal.append(delta.text)
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
