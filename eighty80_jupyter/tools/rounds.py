"""The rounds of a turn with tools: what is offered, what was called, what answers each call.

After every step, an interrupt or an error the messages of the rounds are a valid history: each
assistant message with calls is followed by exactly one result for each of them.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from eighty80_jupyter.api.deltas import Snapshot
from eighty80_jupyter.api.extra import Extra
from eighty80_jupyter.api.messages import Message, ToolCall
from eighty80_jupyter.api.reply import CallRecord, Choice, Stopped, Usage
from eighty80_jupyter.conversation.events import CallBegan, CallEnded, CallWritten, TurnEvent
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.text import with_texts
from eighty80_jupyter.tools.arguments import parsed
from eighty80_jupyter.tools.call import ToolResult, not_run
from eighty80_jupyter.tools.offer import ToolOffer
from eighty80_jupyter.tools.shown import shown_call
from eighty80_jupyter.tools.written import written_calls

MOST_REPEATS = 3  # of the same call with the same arguments in one turn
MOST_CALLS = 128  # of one round; OpenAI offers as many tools at most

NOT_RUN = "not run: something else failed before it"
INTERRUPTED = "not finished: the user interrupted the turn"
_LEFT = f"not run: at most {MOST_CALLS} are in one round"
REPEATED = (
    "not run: the same call with the same arguments was made before in this turn; "
    "answer with what you have"
)


# Runs calls, somewhere, and hands each result over as it is there.
RunCalls = Callable[[Sequence[ToolCall], Callable[[ToolResult], None]], Awaitable[None]]


@dataclass(slots=True, eq=False)
class Round:
    """A round that ended in calls: what the model said, the calls, and the results by their ids.

    `extra` is what the server wants back with what the model said.
    `written` tells that the model wrote the calls as text, `left` counts those beyond `MOST_CALLS`,
    which are neither run nor kept. A function gets the arguments as the model wrote them; the
    history and the page have them as `redactor` leaves them.
    """

    number: int
    text: str | None
    calls: tuple[ToolCall, ...]
    usage: Usage | None = None
    extra: Extra | None = None
    written: bool = False
    left: int = 0
    redactor: Callable[[str], str] | None = field(default=None, compare=False, repr=False)
    results: dict[str, ToolResult] = field(default_factory=dict)

    def answer(self, result: ToolResult) -> None:
        """Take in the result of one of the calls; the first one counts, from whatever thread."""
        self.results.setdefault(result.call.id, result)

    def close(self) -> None:
        """Answer the calls that have no result: the user interrupted them."""
        for call in self.calls:
            self.answer(not_run(call, "stopped", INTERRUPTED))

    @property
    def note(self) -> str:
        """What the user should know of it; empty: nothing."""
        if not self.left:
            return ""
        return f"{self.left + len(self.calls):,} calls at once, {self.left:,} of them {_LEFT}"

    def messages(self) -> list[Message]:
        """Return the round as the history has it, as far as there are results."""
        results = [
            self.results[call.id].to_message() for call in self.calls if call.id in self.results
        ]
        if self.left and results:
            told = f"{results[-1].content}\n[{self.left:,} further calls were {_LEFT}]"
            results[-1] = replace(results[-1], content=told)
        calls = tuple(
            replace(call, arguments=redacted(carried(call.arguments), self.redactor))
            for call in self.calls
        )
        return [Message("assistant", self.text, calls, extra=self.extra), *results]

    def records(self) -> list[CallRecord]:
        """Return what became of the calls so far, in their order."""
        return [
            CallRecord(
                id=call.id,
                name=call.name,
                shown=shown_call(call.name, redacted(result.call.arguments, self.redactor)),
                status=result.status,
                seconds=round(result.seconds, 4),
                round=self.number,
                written=self.written,
            )
            for call in self.calls
            if (result := self.results.get(call.id)) is not None
        ]


def calls_of(choice: Choice, names: Sequence[str]) -> tuple[tuple[ToolCall, ...], str | None]:
    """Return the calls of an answer; where it wrote them as text, what it said before them.

    What has neither name nor arguments is no call where there is more: there are servers that send
    such with a text.
    """
    calls = tuple(c for c in choice.tool_calls if c.name.strip() or c.arguments.strip())
    if calls or (choice.tool_calls and not choice.text.strip()):
        return calls or choice.tool_calls, None
    written = written_calls(choice.text, names)
    return ((), None) if written is None else (tuple(written.calls), written.said)


def tidied(calls: Iterable[ToolCall], taken: Iterable[str]) -> tuple[ToolCall, ...]:
    """Return the calls as a history can carry them.

    Each gets an id of its own in the conversation, whose ids so far are `taken`, where it has none
    or another's: one of nine letters and digits, which the strictest servers take. A name that no
    server takes is mended.
    """
    used = set(taken)
    result = []
    for call in calls:
        call_id = call.id
        number = len(used) + 1
        while not call_id or call_id in used:
            call_id = f"call{number:05}"
            number += 1
        used.add(call_id)
        # Source: OpenAI's "function calling": 1 to 64 letters, digits, `_` or `-`.
        name = re.sub(r"[^A-Za-z0-9_-]", "_", call.name.strip())[:64] or "unnamed"
        result.append(replace(call, id=call_id, name=name))
    return tuple(result)


def redacted(arguments: str, redactor: Callable[[str], str] | None) -> str:
    """Return the JSON text of arguments without secrets; it stays JSON, if it was."""
    if redactor is None or (text := redactor(arguments)) == arguments:
        return arguments
    try:
        json.loads(text)
    except (ValueError, RecursionError):  # what was taken out went over the end of a value
        with suppress(UsageError, RecursionError):
            return json.dumps(with_texts(parsed(arguments), redactor), ensure_ascii=False)
    return text


def carried(arguments: str) -> str:
    """Return arguments as a history can carry them: the JSON text of an object.

    There are servers that read them, and refuse a whole conversation for one that is none. What the
    model wrote instead is told by the result.
    """
    try:
        if isinstance(json.loads(arguments), dict):
            return arguments
    except (ValueError, RecursionError):
        pass
    try:
        return json.dumps(parsed(arguments))
    except UsageError:
        return "{}"


class ToolLoop:
    """What happens between the rounds of one turn.

    `rounds` are those that ended in calls; it adds to them. `taken` are the ids of the calls that
    the conversation holds. It belongs to the loop thread, and so does what is in it.
    """

    def __init__(
        self,
        offer: ToolOffer,
        rounds: list[Round],
        emit: Callable[[Sequence[TurnEvent]], None],
        run_calls: RunCalls,
        taken: Iterable[str] = (),
    ) -> None:
        self._offer = offer
        self._rounds = rounds
        self._emit = emit
        self._run_calls = run_calls
        self._taken = frozenset(taken)
        self._counts: Counter[tuple[str, str]] = Counter()

    @property
    def number(self) -> int:
        """The number of the round that comes next, or is under way, from 1."""
        return len(self._rounds) + 1

    def take(self, snapshot: Snapshot) -> Round | None:
        """Return the round that a snapshot holds if it ended in calls; None: it is the answer."""
        choice = snapshot.to_reply(seconds=0, parameters={}).choices[0]
        calls, before = calls_of(choice, self._offer.names)
        written = before is not None
        if not calls or self._offer.choice == "none":
            return None
        taken = {call.id for done in self._rounds for call in done.calls} | self._taken
        left = max(0, len(calls) - MOST_CALLS)
        calls = tidied(calls[:MOST_CALLS], taken)
        said = choice.text or choice.refusal if before is None else before
        text = said if said.strip() else None
        called = Round(
            self.number,
            text,
            calls,
            snapshot.usage,
            choice.extra,
            written=written,
            left=left,
            redactor=self._offer.redactor,
        )
        self._rounds.append(called)
        return called

    async def answer(self, called: Round) -> Stopped:
        """Have the calls of a round answered, and return why there shall be no more, if so."""
        if called.written:
            self._emit([CallWritten(called.calls, called.text or "")])
        repeated = [call for call in called.calls if self._too_often(call)]
        for call in repeated:
            called.answer(not_run(call, "stopped", REPEATED))
        if wanted := [call for call in called.calls if call not in repeated]:
            await self._run_calls(wanted, called.answer)
            for call in wanted:
                called.answer(not_run(call, "failed", NOT_RUN))  # where there is no result
        for call in repeated:
            shown = shown_call(call.name, call.arguments)
            self._emit([CallBegan(call, shown), CallEnded(call, shown, "stopped", REPEATED)])
        if repeated:
            return "repeated"
        return "rounds" if called.number >= self._offer.rounds else ""

    def _too_often(self, call: ToolCall) -> bool:
        """Count a call, and tell whether it was made `MOST_REPEATS` times with these arguments."""
        try:
            key = json.dumps(parsed(call.arguments), sort_keys=True)
        except (UsageError, RecursionError):
            key = call.arguments
        self._counts[call.name, key] += 1
        return self._counts[call.name, key] >= MOST_REPEATS
