"""A typed answer within a turn: asked for, read, and asked for again where it cannot be read.

Imports pydantic; to be imported when a typed answer is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from eighty80_jupyter.api.deltas import Snapshot
from eighty80_jupyter.api.messages import Message
from eighty80_jupyter.conversation.events import AnswerRejected
from eighty80_jupyter.errors import APIStatusError, APIStreamError
from eighty80_jupyter.structured.reading import UnreadableError

if TYPE_CHECKING:
    from eighty80_jupyter.turns.request import Emit, RunningTurn


class AskRound(Protocol):
    """Sends one request of a turn and takes in what answers it, in the turn's snapshot."""

    async def __call__(
        self, fields: dict[str, Any], *, form: str, correction: Sequence[Message]
    ) -> None:
        """Send it with these `fields`; `form` is told in the instruction, `correction` last."""


async def take_typed_answer(
    running: RunningTurn, ask: AskRound, emit: Emit, *, already: bool
) -> None:
    """Ask for an answer of the type, until one can be read or the attempts are used up.

    Values, attempts and problems are kept in `running`. `already` says that an answer is there,
    which has to be read first. What could not be read, and the request to mend it, are sent along,
    and stay out of the conversation. Raises APIError.
    """
    typed = running.request.typed
    assert typed is not None  # noqa: S101  # the caller has looked
    mode = typed.modes[0]
    correction: Sequence[Message] = ()
    while True:
        if not already:
            try:
                form = typed.instruction(mode)
                await ask(typed.fields(mode), form=form, correction=correction)
            except (APIStatusError, APIStreamError) as error:
                simpler = typed.after(mode, error) if running.snapshot.empty else None
                if simpler is None:
                    raise
                mode = simpler
                typed.remember(mode)
                continue
        already = False
        choices = running.snapshot.to_reply(seconds=0, parameters={}).choices
        try:
            running.values, running.problems = typed.read(choices), ()
        except UnreadableError as error:
            running.problems = error.problems
            if running.attempts > typed.repairs or not error.mendable:
                return
            correction = typed.correction(choices[0].text, error.problems, mode)
        else:
            return
        if running.snapshot.usage is not None:
            running.rejected.append(running.snapshot.usage)
        running.attempts += 1
        running.snapshot = Snapshot()
        emit([AnswerRejected(running.attempts)])
