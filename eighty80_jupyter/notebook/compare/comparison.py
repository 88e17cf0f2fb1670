"""Side by side: one prompt, answered with several values of a parameter at once. No widgets."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.api import request_parameters
from eighty80_jupyter.conversation.side_by_side import Answer, SideBySide
from eighty80_jupyter.errors import UsageError, one_line
from eighty80_jupyter.notebook.compare import variants
from eighty80_jupyter.notebook.compare.grid import Variant, grid
from eighty80_jupyter.notebook.compare.variants import from_loop
from eighty80_jupyter.session.options import TurnOptions
from eighty80_jupyter.turns.ending import exchange_of
from eighty80_jupyter.turns.feed import SessionEvent, TurnEnded, TurnEvents

if TYPE_CHECKING:
    from eighty80_jupyter.api.reply import Reply
    from eighty80_jupyter.conversation.conversation import Conversation
    from eighty80_jupyter.conversation.turn import Exchange, Turn
    from eighty80_jupyter.prompt.template.prepare import PreparedPrompt
    from eighty80_jupyter.session.session import Session
    from eighty80_jupyter.turns.request import RunningTurn


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


@dataclass(slots=True, eq=False)
class _Asked:
    """Columns that were asked together, and where they stand; `noted`: they are left nowhere else.

    All but the last is as it was made.
    """

    columns: tuple[Column, ...] = ()
    conversation: Conversation | None = None
    turn_id: str = ""
    noted: bool = True


class Comparison:
    """Answers one prompt several times at once, none of them kept until one is chosen.

    `changed` is called when something can be seen in `columns`, mostly on the loop thread. The rest
    may be called from any thread: under `_lock` the columns are replaced, all at once, and kept.
    The loop thread takes `_noting` only, which owns whether the columns were noted.
    """

    def __init__(self, session: Session, changed: Callable[[], None] = lambda: None) -> None:
        self.width = 0  # how many columns stand beside each other
        self._lock = threading.RLock()
        self._session = session
        self._changed = changed
        self._noting = threading.Lock()
        self._asked = _Asked()
        self._end_watch = session.watch(self._hear)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns, in order."""
        return self._asked.columns

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
        conversation = self._session.conversation
        turn_id, prepared = self._prompt(conversation, prompt)
        axes = [(name, values)] if second is None else [(name, values), second]
        self.ask(
            grid([prepared], axes), width=len(values), conversation=conversation, turn_id=turn_id
        )

    def ask(
        self,
        asked: Sequence[Variant],
        *,
        width: int,
        conversation: Conversation,
        turn_id: str = "",
        history: bool = True,
        options: TurnOptions = TurnOptions(),  # noqa: B008  # frozen
    ) -> None:
        """Ask each variant, `width` beside each other, instead of what ran before.

        They stand where the turn `turn_id` does; without one, behind all others. `history` says
        whether what stands before is sent. `options` hold for all. Raises UsageError, and then
        nothing is sent.
        """
        session = self._session
        parameters = [
            session.requests.parameters({**options.parameters, **variant.setting})
            for variant in asked
        ]
        made = [
            (variant.prompt.content, one) for variant, one in zip(asked, parameters, strict=True)
        ]
        for variant, one in zip(asked, parameters, strict=True):
            # Refused here, before anything is sent.
            session.requests.build(variant.prompt, replace(options, tools=False, parameters=one))
        headings = _headings([variant.heading for variant in asked])
        # An id that no turn has: sent after all others, and kept as a turn of its own.
        turn_id = turn_id or uuid.uuid4().hex
        with self._lock:
            self._replace_soon()
            self.width = width
            columns = tuple(
                Column(
                    heading=headings[number],
                    parameters=one,
                    running=variants.start(
                        session,
                        conversation,
                        turn_id,
                        variant.prompt,
                        options=options,
                        history=history,
                        **one,
                    ),
                    twin=twin if (twin := made.index(made[number])) < number else None,
                )
                for number, (variant, one) in enumerate(zip(asked, parameters, strict=True))
            )
            # What is asked aside is left nowhere.
            self._asked = _Asked(columns, conversation, turn_id, noted=not history)
        self._note()  # a quick server has answered already
        self._changed()

    def replies(self, columns: Sequence[Column]) -> list[Reply]:
        """Return what has come of each of the columns by now."""
        return from_loop(self._session, lambda: [variants.so_far(c.running) for c in columns])

    def clear(self) -> None:
        """Stop, and have no columns."""
        with self._lock:
            self._replace_soon()
            self._asked = _Asked()
        self._changed()

    def _replace_soon(self) -> None:
        """Stop the columns that are there; what had not ended by itself is left nowhere."""
        with self._noting:
            self._asked.noted = True
        self.stop()

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
            column = self.columns[number]
            turn, conversation = self._adopt(column)
            self._use(column.parameters)
            return self._kept(column, conversation, turn)

    def adopt(self, number: int) -> tuple[Turn, Conversation]:
        """Make column `number`, from 0, the reply; return its turn, and where that stands.

        Raises UsageError if there is nothing to keep yet.
        """
        with self._lock:
            return self._adopt(self.columns[number])

    def _adopt(self, column: Column) -> tuple[Turn, Conversation]:
        reply, conversation = column.running.reply, self._asked.conversation
        if conversation is None or not column.running.done or reply is None or reply.empty:
            raise UsageError(f"there is no answer with {column.heading} to keep")
        if column.adopted is None:
            column.adopted = exchange_of(column.running, reply)
        turn = variants.adopt(self._session, conversation, self._asked.turn_id, column.adopted)
        return turn, conversation

    def close(self) -> None:
        """Stop, and look at nothing any more."""
        self._end_watch()
        self._changed = lambda: None
        self.stop()

    def _prompt(self, conversation: Conversation, prompt: str) -> tuple[str, PreparedPrompt]:
        if prompt.strip():
            return "", self._session.requests.prepare(prompt, fields=True)
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

    def _note(self) -> None:
        """Leave what has ended in the conversation, to be read there later."""
        asked = self._asked
        conversation, columns = asked.conversation, asked.columns
        if conversation is None or any(not column.running.done for column in columns):
            return
        with self._noting:
            noted, asked.noted = asked.noted, True
        if noted:
            return
        prompts = [column.running.request.prompt.text for column in columns]
        answers = tuple(
            Answer(
                heading=column.heading,
                reply=_ended(column.running),
                prompt="" if prompt == prompts[0] else prompt,
            )
            for column, prompt in zip(columns, prompts, strict=True)
        )
        if all(answer.reply.empty for answer in answers):
            return
        last = conversation.turn(asked.turn_id) or next(iter(conversation[-1:]), None)
        after = "" if last is None else last.id
        conversation.add_comparison(SideBySide(prompt=prompts[0], after=after, answers=answers))

    def _hear(self, event: SessionEvent) -> None:
        match event:
            case TurnEvents(running, _) | TurnEnded(running):
                if any(running is column.running for column in self.columns):
                    self._note()
                    self._changed()
            case _:
                pass


def _ended(running: RunningTurn) -> Reply:
    """Return what a column shows at its end: an answer, or why there is none."""
    reply = variants.so_far(running)
    if running.error is None or reply.error:
        return reply
    return replace(reply, status="error", error=one_line(running.error))


def _headings(named: Sequence[str]) -> list[str]:
    """Return the heading of each column: where several have one name, their numbers behind it."""
    seen: Counter[str] = Counter()
    headings = []
    for name in named:
        seen[name] += 1
        alone = name and named.count(name) == 1
        words = [name] if alone else [name, f"sample {seen[name]}"]
        headings.append(", ".join(filter(None, words)))
    return headings
