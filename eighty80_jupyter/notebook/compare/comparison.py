"""Side by side: one prompt, answered with several values of a parameter at once. No widgets."""

from __future__ import annotations

import math
import re
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.api import request_parameters
from eighty80_jupyter.api.request_parameters import Kind
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.compare import variants
from eighty80_jupyter.session.options import TurnOptions
from eighty80_jupyter.turns.ending import exchange_of
from eighty80_jupyter.turns.feed import SessionEvent, TurnEnded, TurnEvents

if TYPE_CHECKING:
    from eighty80_jupyter.conversation.conversation import Conversation
    from eighty80_jupyter.conversation.turn import Exchange, Turn
    from eighty80_jupyter.prompt.template.prepare import PreparedPrompt
    from eighty80_jupyter.session.session import Session
    from eighty80_jupyter.turns.request import RunningTurn

MOST = 8  # values of a parameter
MOST_ANSWERS = 16  # at once, where two parameters make a grid
SAMPLES = "n samples"  # what is swept when nothing is: the same settings, some times

_NOT_SWEPT = ("n", "top_logprobs", "user")
COMPARABLE = tuple(
    name
    for name, parameter in request_parameters.PARAMETERS.items()
    if parameter.kind in (Kind.NUMBER, Kind.INTEGER, Kind.STRING) and name not in _NOT_SWEPT
)

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)"
_RANGE = re.compile(rf"\s*({_NUMBER})\s*\.\.\s*({_NUMBER})\s+step\s+({_NUMBER})\s*")


@dataclass(slots=True, eq=False)
class Column:
    """One of the answers: `heading` says what made it, `running` is its request.

    `parameters` are all that were set for it; `twin` is the number, from 0, of the first column
    with the same ones, if it is not this. `adopted` is what entered the history, if it did.
    """

    heading: str
    parameters: Mapping[str, Any]
    running: RunningTurn
    twin: int | None = None
    adopted: Exchange | None = field(default=None)


def values_of(name: str, text: str) -> list[Any]:
    """Return the values that `text` lists for a parameter: "0, 0.5, 1" or "0..1 step 0.25".

    For `SAMPLES` it is how many, and as many None come back. Raises UsageError.
    """
    if name == SAMPLES:
        if not text.strip().isdecimal() or not 1 <= int(text) <= MOST:
            raise UsageError(f"n samples takes a number from 1 to {MOST}, got {text!r}")
        return [None] * int(text)
    if name not in COMPARABLE:
        raise UsageError(request_parameters.unknown("parameter to compare", name, COMPARABLE))
    found = _RANGE.fullmatch(text)
    if found and request_parameters.PARAMETERS[name].kind is not Kind.STRING:
        texts = _steps(*map(float, found.groups()))
    else:
        texts = [part.strip() for part in text.split(",") if part.strip()]
    if not texts:
        raise UsageError(f"no values of {name}: write 0, 0.5, 1 or 0..1 step 0.25")
    # Equal values stay: whether they give equal answers is what somebody wants to see.
    values = [request_parameters.from_text(name, one) for one in texts]
    if len(values) > MOST:
        raise UsageError(f"at most {MOST} columns stand side by side, got {len(values)} values")
    return values


def _steps(first: float, last: float, step: float) -> list[str]:
    if step == 0 or (last - first) / step < 0:
        raise UsageError(f"no way from {first:g} to {last:g} in steps of {step:g}")
    count = math.floor((last - first) / step + 1e-9) + 1
    if count > MOST:
        raise UsageError(
            f"{first:g} to {last:g} in steps of {step:g} makes {count:,} values; "
            f"at most {MOST} columns stand side by side: take a larger step"
        )
    return [f"{first + step * number:.10g}" for number in range(count)]


class Comparison:
    """Answers one prompt several times at once, none of them kept until one is chosen.

    `changed` is called when something can be seen in `columns`, mostly on the loop thread. The rest
    may be called from any thread: under `_lock` the columns are replaced, all at once, and kept.
    """

    def __init__(self, session: Session, changed: Callable[[], None] = lambda: None) -> None:
        self.columns: tuple[Column, ...] = ()
        self.width = 0  # how many columns stand beside each other
        self._lock = threading.RLock()
        self._session = session
        self._changed = changed
        self._conversation: Conversation | None = None
        self._turn_id = ""
        self._end_watch = session.watch(self._hear)

    @property
    def running(self) -> bool:
        """Whether any column is under way."""
        return any(not column.running.done for column in self.columns)

    def start(
        self,
        name: str,
        values: Sequence[Any],
        prompt: str = "",
        *,
        second: tuple[str, Sequence[Any]] | None = None,
    ) -> None:
        """Ask with each of the values, as `values_of` gives them, instead of what ran before.

        With a `second` parameter and its values: with each pair, row by row. Without a `prompt` the
        last turn's is asked again. Raises UsageError, and then nothing is sent.
        """
        session, conversation = self._session, self._session.conversation
        turn_id, prepared = self._prompt(conversation, prompt)
        rows = [{}] if second is None else [{second[0]: value} for value in second[1]]
        if second is not None and (second[0] == name or SAMPLES in (name, second[0])):
            raise UsageError("a grid takes two different parameters, and n samples is none")
        if len(rows) * len(values) > MOST_ANSWERS:
            raise UsageError(
                f"{len(rows)} times {len(values)} are {len(rows) * len(values)} answers; "
                f"at most {MOST_ANSWERS} stand side by side"
            )
        settings = [
            ({} if name == SAMPLES else {name: value}) | row for row in rows for value in values
        ]
        parameters = [session.requests.parameters(setting) for setting in settings]
        for one in parameters:
            # Refused here, before anything is sent.
            session.requests.build(prepared, TurnOptions(tools=False, parameters=one))
        with self._lock:
            self.stop()
            self._conversation, self._turn_id = conversation, turn_id
            self.width = len(values)
            self.columns = tuple(
                Column(
                    heading=", ".join(f"{n} = {value}" for n, value in setting.items())
                    or f"sample {number + 1}",
                    parameters=one,
                    running=variants.start(session, conversation, turn_id, prepared, **one),
                    twin=twin if (twin := parameters.index(one)) < number else None,
                )
                for number, (setting, one) in enumerate(zip(settings, parameters, strict=True))
            )
        self._changed()

    def clear(self) -> None:
        """Stop, and have no columns."""
        with self._lock:
            self.stop()
            self.columns = ()
        self._changed()

    def stop(self) -> None:
        """Cancel whatever is under way; what has come stays."""
        for column in self.columns:
            if not column.running.done:
                column.running.cancel()

    def keep(self, number: int) -> str:
        """Make column `number`, from 0, the reply, and its settings the current ones.

        Where the prompt was a new one it becomes a turn. Returns what was done, in a line. Raises
        UsageError if there is nothing to keep yet.
        """
        with self._lock:
            return self._keep(self.columns[number])

    def _keep(self, column: Column) -> str:
        reply, conversation = column.running.reply, self._conversation
        if conversation is None or not column.running.done or reply is None or reply.empty:
            raise UsageError(f"there is no answer with {column.heading} to keep")
        if column.adopted is None:
            column.adopted = exchange_of(column.running, reply)
        turn = variants.adopt(self._session, conversation, self._turn_id, column.adopted)
        self._use(column.parameters)
        return self._kept(column, conversation, turn)

    def close(self) -> None:
        """Stop, and look at nothing any more."""
        self._end_watch()
        self._changed = lambda: None
        self.stop()

    def _prompt(self, conversation: Conversation, prompt: str) -> tuple[str, PreparedPrompt]:
        if prompt.strip():
            # An id that no turn has: sent after all others, and kept as a turn of its own.
            return uuid.uuid4().hex, self._session.requests.prepare(prompt, fields=True)
        last = next(iter(conversation[-1:]), None)
        if last is None:
            raise UsageError("there is no prompt yet: write one, or ask something first")
        return last.id, variants.prompt_of(last)

    def _use(self, parameters: Mapping[str, Any]) -> None:
        """Set what differs, so that whoever follows a setting hears of real changes only."""
        config, now = self._session.config, self._session.requests.parameters()
        for name in request_parameters.PARAMETERS:
            if parameters.get(name) != now.get(name):
                setattr(config, name, parameters.get(name))

    def _kept(self, column: Column, conversation: Conversation, turn: Turn) -> str:
        index = conversation.find(turn.id)
        where = "" if index is None else f" of turn {index + 1}"
        if conversation is not self._session.conversation:
            where += f" in the conversation {conversation.name}"
        return f"The answer with {column.heading} is the reply{where} now."

    def _hear(self, event: SessionEvent) -> None:
        match event:
            case TurnEvents(running, _) | TurnEnded(running):
                if any(running is column.running for column in self.columns):
                    self._changed()
            case _:
                pass
