"""From the chunks of a stream to deltas. No I/O.

A whole completion (`stream: false`, or a server that does not stream) goes the same way as one
chunk. Source: the chat-completions contract, "Stream", and what real servers do to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eighty80_jupyter.api.call_assembly import Calls
from eighty80_jupyter.api.deltas import (
    ChoiceDone,
    Delta,
    ExtraDelta,
    LogprobsDelta,
    ModelDelta,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    UsageDelta,
)
from eighty80_jupyter.api.extra import TEXT_FIELDS, extra_of
from eighty80_jupyter.api.reply import Usage


class MalformedChunkError(ValueError):
    """A chunk is JSON, but not the shape of a completion."""


class ChunkDecoder:
    """Turn the chunks of one stream into deltas.

    `begun` and `ended` hold the indices of the choices that have been seen, and of those that have
    told why they end.
    """

    __slots__ = ("_calls", "_model", "_usage", "begun", "ended")

    def __init__(self) -> None:
        self._calls: dict[int, Calls] = {}
        self._model = ""
        self._usage: Any = None
        self.begun: set[int] = set()
        self.ended: set[int] = set()

    def decode(self, chunk: Any, deltas: list[Delta]) -> None:
        """Append the deltas of one chunk to `deltas`, in order.

        Raises MalformedChunkError where a chunk is not an object with choices or usage; the deltas
        that were found before stay. Unknown fields, and fields of an unexpected type, are passed
        over.
        """
        if type(chunk) is not dict:
            raise MalformedChunkError(f"expected a JSON object, got {_kind(chunk)}")
        choices, usage = chunk.get("choices"), chunk.get("usage")
        if type(choices) is list:
            model = chunk.get("model")
            if model != self._model and type(model) is str:
                self._model = model
                deltas.append(ModelDelta(model, _text(chunk.get("id"))))
            for position, choice in enumerate(choices):
                self._choice(position, choice, deltas)
        elif choices is not None or type(usage) is not dict:
            fields = ", ".join(list(chunk)[:5]) or "an empty object"
            raise MalformedChunkError(f"expected choices, got {fields}")
        if usage and type(usage) is dict and usage != self._usage:
            self._usage = usage  # some servers repeat it in every chunk
            deltas.append(UsageDelta(Usage.from_wire(usage)))

    def _choice(self, position: int, choice: Any, deltas: list[Delta]) -> None:
        if type(choice) is not dict:
            raise MalformedChunkError(f"expected an object in choices, got {_kind(choice)}")
        index = choice.get("index")
        if type(index) is not int:
            index = position
        self.begun.add(index)
        delta = choice.get("delta")
        if delta is not None:
            if type(delta) is not dict:
                raise MalformedChunkError(f"expected an object as delta, got {_kind(delta)}")
            content = delta.get("content")
            if type(content) is str and len(delta) == 1:
                # Nearly every chunk: a piece of text and nothing else.
                if content:
                    deltas.append(TextDelta(index, content))
            else:
                self._delta(index, delta, deltas)
        elif (message := choice.get("message")) is not None:  # a whole completion
            if type(message) is not dict:
                raise MalformedChunkError(f"expected an object as message, got {_kind(message)}")
            self._delta(index, message, deltas, whole=True)
        logprobs = choice.get("logprobs")
        if type(logprobs) is dict and type(logprobs.get("content")) is list:
            entries = [entry for entry in logprobs["content"] if type(entry) is dict]
            if entries:
                deltas.append(LogprobsDelta(index, entries))
        reason = choice.get("finish_reason")
        if reason and type(reason) is str:
            self.ended.add(index)
            deltas.append(ChoiceDone(index, reason))

    def _delta(
        self, index: int, delta: Mapping[str, Any], deltas: list[Delta], *, whole: bool = False
    ) -> None:
        source = next((name for name in TEXT_FIELDS if _text(delta.get(name))), "")
        if thought := _text(delta.get(source)) or _text(delta.get("reasoning")):
            deltas.append(ReasoningDelta(index, thought, source))
        content = delta.get("content")
        if type(content) is list:
            content = "".join(_text(part.get("text")) for part in content if type(part) is dict)
        if content and type(content) is str:
            deltas.append(TextDelta(index, content))
        if refusal := _text(delta.get("refusal")):
            deltas.append(RefusalDelta(index, refusal))
        if extra := extra_of(delta):
            deltas.append(ExtraDelta(index, extra))
        if calls := delta.get("tool_calls"):
            if type(calls) is not list:
                raise MalformedChunkError(f"expected a list of tool_calls, got {_kind(calls)}")
            known = self._calls.setdefault(index, Calls())
            for call in calls:
                piece = _tool_call(index, call, known, whole=whole)
                deltas.append(piece)
                if extra := {**extra_of(call.get("function") or {}), **extra_of(call)}:
                    deltas.append(ExtraDelta(index, extra, piece.call))
        elif type(function := delta.get("function_call")) is dict and any(function.values()):
            # What tool_calls have replaced. Some servers send both, for old clients; or an empty
            # one beside every text.
            known = self._calls.setdefault(index, Calls())
            call = {"index": 0, "function": function}
            deltas.append(_tool_call(index, call, known, whole=whole))


def _tool_call(choice: int, call: Any, known: Calls, *, whole: bool) -> ToolCallDelta:
    if type(call) is not dict:
        raise MalformedChunkError(f"expected an object in tool_calls, got {_kind(call)}")
    function = call.get("function")
    if type(function) is not dict:
        function = {}
    call_id, name = _text(call.get("id")).strip(), _text(function.get("name"))
    arguments = _arguments(function)
    if whole:
        number = known.open(call_id)
    else:
        number, name, arguments = known.take(call.get("index"), call_id, name, arguments)
    return ToolCallDelta(choice, number, call_id, name, arguments)


def _kind(value: Any) -> str:
    return "null" if value is None else type(value).__name__


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _arguments(function: Mapping[str, Any]) -> str:
    arguments = function.get("arguments")
    if isinstance(arguments, (dict, list)):  # some servers send the object itself
        import json  # noqa: PLC0415  # the rare case pays for it

        return json.dumps(arguments, ensure_ascii=False)
    return _text(arguments)
