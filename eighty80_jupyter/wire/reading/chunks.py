"""From the chunks of a stream to deltas. No I/O.

A whole completion (`stream: false`, or a server that does not stream) goes the same way as one
chunk. Source: the chat-completions contract, "Stream", and what real servers do to it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
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
    ToolCallDelta,
    UsageDelta,
)
from eighty80_jupyter.api.extra import extra_of, merged
from eighty80_jupyter.api.reply import Usage
from eighty80_jupyter.wire.error_bodies import is_error
from eighty80_jupyter.wire.reading.answer_text import AnswerText
from eighty80_jupyter.wire.reading.joining import JoinedText, clean, tokens_without_words
from eighty80_jupyter.wire.reading.shapes import (
    calls_of,
    choices_of,
    content_of,
    function_of,
    reasoning_of,
    text_of,
    unwrapped,
)

# A growing text: the choice, what it is, and the number of the call.
Place = tuple[int, str, int]

_CALL_SIZE = 200  # characters that an empty call counts for


class ChunkDecoder:
    """Turn the chunks of one stream into deltas.

    `choices` is the number of answers that were asked for; further ones are passed over. `words`
    are secrets that are cut out wherever they come, `split_reasoning` tells whether reasoning in
    the text is told from it.

    `begun` and `ended` hold the indices of the choices that have been seen, and of those that have
    told why they end. `error` is what a choice failed with, `size` the characters of all that came.
    `whole` tells that a whole message has come, not a piece of one.
    `only_text` is the choice and the text of a chunk that brought nothing else.
    """

    __slots__ = (
        "_brought",
        "_by_deltas",
        "_calls",
        "_extras",
        "_logprobs",
        "_model",
        "_texts",
        "_usage",
        "answers",
        "begun",
        "choices",
        "ended",
        "error",
        "only_text",
        "size",
        "split_reasoning",
        "whole",
        "words",
    )

    def __init__(
        self, *, choices: int = 1, words: Sequence[str] = (), split_reasoning: bool = True
    ) -> None:
        self.choices = choices
        self.words = words
        self.split_reasoning = split_reasoning
        self.begun: set[int] = set()
        self.ended: set[int] = set()
        self.answers: dict[int, AnswerText] = {}
        self.error: Any = None
        self.size = 0
        self.whole = False
        self.only_text: tuple[int, str] | None = None
        self._calls: dict[int, Calls] = {}
        self._texts: dict[Place, JoinedText] = {}
        self._extras: dict[tuple[int, int | None], list[Any]] = {}
        self._logprobs: dict[int, list[dict[str, Any]]] = {}  # whole: a key may span tokens
        self._model = ""
        self._usage: Any = None
        self._brought = 0
        self._by_deltas: set[int] = set()  # the choices whose text came in deltas

    def decode(self, chunk: Any, deltas: list[Delta]) -> bool:
        """Append the deltas of one chunk to `deltas`, in order.

        Return whether it was understood. Unknown fields, and fields of an unexpected type, are
        passed over.
        """
        self.only_text, self._brought = None, 0
        if type(chunk) is not dict:
            return False
        choices, usage = choices_of(chunk), chunk.get("usage")
        if choices is None and (inner := unwrapped(chunk)) is not None:
            return self.decode(inner, deltas)
        understood = False
        if type(choices) is list:
            model = chunk.get("model")
            if model != self._model and type(model) is str:
                self._model = model
                self._brought += 1
                known = clean(model, self.words)
                deltas.append(ModelDelta(known, clean(text_of(chunk.get("id")), self.words)))
            for position, choice in enumerate(choices):
                if type(choice) is dict:
                    understood = True
                    self._choice(position, choice, deltas)
        if usage and type(usage) is dict:
            understood = True
            if usage != self._usage:
                self._usage = usage  # some servers repeat it in every chunk
                self._brought += 1
                deltas.append(UsageDelta(Usage.from_wire(usage)))
        if self._brought != 1:
            self.only_text = None
        return understood

    def flush(self, deltas: list[Delta]) -> None:
        """Append what was held back; nothing more will come."""
        for place, text in self._texts.items():
            if rest := text.flush():
                deltas.append(_grown(place, rest))
        for answer in self.answers.values():
            answer.flush(deltas)
        for (index, call), pieces in self._extras.items():
            deltas.append(ExtraDelta(index, clean(_merged(pieces), self.words), call))
        self._extras.clear()
        for index, entries in self._logprobs.items():
            deltas.append(LogprobsDelta(index, tokens_without_words(entries, self.words)))
        self._logprobs.clear()

    def answer(self, index: int) -> AnswerText:
        """Return the text of a choice."""
        answer = self.answers.get(index)
        if answer is None:
            answer = AnswerText(index, self.words, split_reasoning=self.split_reasoning)
            self.answers[index] = answer
        return answer

    def _choice(self, position: int, choice: Mapping[str, Any], deltas: list[Delta]) -> None:
        index = choice.get("index")
        if type(index) is not int:
            index = position
        if not 0 <= index < self.choices:
            self._brought += 1
            return
        self.begun.add(index)
        delta, message = choice.get("delta"), choice.get("message")
        reason = choice.get("finish_reason")
        failure = choice.get("error")
        if type(delta) is dict and len(delta) == 1 and type(delta.get("content")) is str:
            # Nearly every chunk: a piece of text and nothing else.
            self._by_deltas.add(index)
            if not (reason and self.answer(index).is_all(delta["content"])):
                self._text(index, delta["content"], deltas)
        elif delta:
            failure = failure or _fields(delta).get("error")
            self._delta(index, _fields(delta), deltas, last=bool(reason))
        if message:
            self.whole = True
            failure = failure or _fields(message).get("error")
            self._delta(index, _fields(message), deltas, whole=True)
        if not (delta or message) and (text := choice.get("text")):
            self._delta(index, {"content": text}, deltas, last=bool(reason))
        logprobs = choice.get("logprobs")
        if type(logprobs) is dict and type(logprobs.get("content")) is list:
            entries = [entry for entry in logprobs["content"] if type(entry) is dict]
            if entries:
                self._brought += 1
                self.size += sum(len(str(entry)) for entry in entries)
                self._logprobs.setdefault(index, []).extend(entries)
        if reason and type(reason) is str:
            self.ended.add(index)
            self._brought += 1
            deltas.append(ChoiceDone(index, clean(reason, self.words)))
        if str(reason).lower() == "error" or is_error({"error": failure}):
            self.error = {"error": failure or "it gave no reason"}

    def _delta(
        self,
        index: int,
        delta: Mapping[str, Any],
        deltas: list[Delta],
        *,
        whole: bool = False,
        last: bool = False,
    ) -> None:
        text, thought, refusal = content_of(delta)
        if last and self.answer(index).is_all(text):
            text = ""  # a last delta that says all of it once more
        field = ""
        if not thought:
            thought, field = reasoning_of(delta)
        if whole:
            # Of what came in pieces before, a whole message has only the rest.
            text = self.answer(index).rest_of(text, pieces=index not in self._by_deltas)
            thought = "" if (index, "reasoning", 0) in self._texts else thought
        if thought:
            self.answer(index).has_reasoning()
            self._grow((index, "reasoning", 0), thought, deltas, field)
        if text:
            self._text(index, text, deltas)
            if whole:
                self.only_text = None  # what comes next may say it once more
            else:
                self._by_deltas.add(index)
        refusal = refusal or text_of(delta.get("refusal"))
        if refusal and not (whole and (index, "refusal", 0) in self._texts):
            self._grow((index, "refusal", 0), refusal, deltas)
        if extra := extra_of(delta):
            self._extra(index, None, extra, whole=whole)
        if calls := calls_of(delta):
            known = self._calls.setdefault(index, Calls())
            begun = bool(known.calls)
            for call in calls:
                if not (whole and begun and _is_known(call, known)):
                    self._call(index, call, known, deltas, whole=whole)

    def _text(self, index: int, text: str, deltas: list[Delta]) -> None:
        if text:
            self._brought += 1
            self.size += len(text)
            self.only_text = index, text
        self.answer(index).feed(text, deltas)

    def _call(
        self,
        index: int,
        call: Mapping[str, Any],
        known: Calls,
        deltas: list[Delta],
        *,
        whole: bool,
    ) -> None:
        function = function_of(call)
        call_id = clean(_string(call.get("id")).strip(), self.words)
        name, arguments = _string(function.get("name")), _arguments(function)
        if whole:
            number = known.open(call_id)
            known.calls[number].name = name
            known.calls[number].append(arguments)
        else:
            number, name, arguments = known.take(call.get("index"), call_id, name, arguments)
        if (index, "name", number) not in self._texts:
            self.size += _CALL_SIZE
        self._brought += 1
        self.size += len(name) + len(arguments)
        name = self._growing((index, "name", number)).feed(name)
        arguments = self._growing((index, "arguments", number)).feed(arguments)
        deltas.append(ToolCallDelta(index, number, call_id, name, arguments))
        if extra := {**extra_of(function), **extra_of(call)}:
            self._extra(index, number, extra)

    def _extra(
        self, index: int, call: int | None, extra: Mapping[str, Any], *, whole: bool = False
    ) -> None:
        self._brought += 1
        self.size += len(str(extra))
        pieces = self._extras.setdefault((index, call), [])
        if whole:
            # A whole message says all of it once more.
            pieces[:] = [{k: v for k, v in _merged(pieces).items() if k not in extra}]
        pieces.append(extra)

    def _growing(self, place: Place) -> JoinedText:
        text = self._texts.get(place)
        if text is None:
            text = self._texts[place] = JoinedText(self.words)
        return text

    def _grow(self, place: Place, piece: str, deltas: list[Delta], field: str = "") -> None:
        self._brought += 1
        self.size += len(piece)
        if text := self._growing(place).feed(piece):
            deltas.append(_grown(place, text, field))


def _grown(place: Place, text: str, field: str = "") -> Delta:
    index, kind, number = place
    match kind:
        case "reasoning":
            return ReasoningDelta(index, text, field)
        case "refusal":
            return RefusalDelta(index, text)
        case "name":
            return ToolCallDelta(index, number, "", text, "")
    return ToolCallDelta(index, number, "", "", text)


def _is_known(call: Mapping[str, Any], known: Calls) -> bool:
    """Tell whether a call of a whole message has come in pieces before."""
    if (call_id := _string(call.get("id")).strip()) in known.by_id and call_id:
        return True
    function = function_of(call)
    name, arguments = _string(function.get("name")), _arguments(function)
    return any(one.name == name and one.is_all(arguments) for one in known.calls.values())


def _merged(pieces: Sequence[Any]) -> Any:
    """Put pieces together, halves first: one by one, the long texts would be copied each time."""
    if len(pieces) <= 1:
        return pieces[0] if pieces else {}
    half = len(pieces) // 2
    return merged(_merged(pieces[:half]), _merged(pieces[half:]))


def _fields(value: Any) -> Mapping[str, Any]:
    """Return a delta or a message as an object; some are a mere text."""
    return value if isinstance(value, dict) else {"content": value}


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _arguments(function: Mapping[str, Any]) -> str:
    arguments = function.get("arguments")
    if isinstance(arguments, (dict, list)):  # some servers send the object itself
        return json.dumps(arguments, ensure_ascii=False)
    return _string(arguments)
