"""Read a journal back: the conversations as they stood when the kernel ended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from eighty80_jupyter.api.messages import Message
from eighty80_jupyter.api.reply import Choice, Reply
from eighty80_jupyter.conversation.conversation import Conversation
from eighty80_jupyter.conversation.side_by_side import SideBySide
from eighty80_jupyter.conversation.turn import Exchange, Turn
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.storage.files import read_file, state_path
from eighty80_jupyter.storage.journal_files import FOLDER, FORMAT, SCHEMA, journals
from eighty80_jupyter.storage.serialization import (
    check_comparisons,
    check_name,
    check_turn,
    from_json,
    read,
)
from eighty80_jupyter.storage.store import LIMIT
from eighty80_jupyter.text import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What a journal holds.

    `conversations` are those with turns or comparisons, the current one first. `at` is the time of
    the last event, in seconds since the epoch. `prompts` were sent and had no answer yet. `unread`
    counts the lines that could not be read; the last one may have been cut. `earlier`: there is an
    older journal.
    """

    path: Path
    conversations: tuple[Conversation, ...]
    at: float
    prompts: tuple[str, ...] = ()
    unread: int = 0
    earlier: bool = False


def recover(number: int = 1, *, folder: Path | None = None) -> Recovered:
    """Read the latest journal of a kernel that is no more, or the `number`-th latest.

    Journals without a turn do not count. Raises UsageError if there is none.
    """
    if number < 1:
        raise UsageError(f"the journals are counted from 1, the latest one, got {number}")
    place = folder or state_path(FOLDER)
    count, problem = 0, ""
    wanted: Recovered | None = None
    for path in journals(place):
        try:
            found = read_journal(path)
        except UsageError as error:
            problem = problem or f"; {error}"
            continue
        if found.conversations or found.prompts:
            if wanted is not None:
                return replace(wanted, earlier=True)
            count += 1
            wanted = found if count == number else None
    if wanted is not None:
        return wanted
    if count:
        are = "is" if count == 1 else "are"
        raise UsageError(f"there {are} {counted(count, 'journal')} to recover from, got {number}")
    raise UsageError(
        f"there is no journal of an earlier kernel in {place}{problem}; "
        "%config ChatConfig.autosave = True begins one"
    )


def read_journal(path: Path) -> Recovered:
    """Return what a journal holds. Raises UsageError for a file that is none."""
    lines = read_file(path, LIMIT).split(b"\n")
    try:
        head = from_json(lines[0])
    except UsageError:
        head = None
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise UsageError(f"{path} is no journal of eighty80_jupyter")
    if head.get("schema") != SCHEMA:
        raise UsageError(
            f"{path} is of version {head.get('schema')}, this eighty80_jupyter knows {SCHEMA}"
        )
    replay = _Replay()
    unread = 0
    for line in lines[1:]:
        if line:
            try:
                replay.take(from_json(line))
            except UsageError:
                unread += 1
    return replay.result(path, unread)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    """A line of a journal."""

    event: Literal[
        "turns", "answers", "system", "comparisons", "current", "renamed", "deleted",
        "began", "round", "text", "thought", "ended",
    ]  # fmt: skip
    at: float = 0.0
    conversation: str = ""
    name: str = ""
    keep: int = 0
    turns: tuple[Turn, ...] = ()
    turn: str = ""
    add: tuple[Exchange, ...] = ()
    chosen: int = 0
    system: str | None = None
    comparisons: tuple[SideBySide, ...] = ()
    again: str | None = None
    join: bool = False
    cell: str = ""
    prompt: Message | None = None
    messages: tuple[Message, ...] = ()
    source: str = ""
    has_data: bool = False
    server: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    choice: int = 0
    kind: Literal["text", "reasoning"] = "text"
    text: str = ""


@dataclass(slots=True)
class _Begun:
    """A turn that has not ended, and what has come of it."""

    event: _Event
    texts: dict[tuple[int, str], str] = field(default_factory=dict)
    rounds: tuple[Message, ...] = ()  # with tools; they begin with the prompt

    def take(self, event: _Event) -> None:
        """Take what has come: a round, a piece of a text, or that all of the text was reasoning."""
        match event.event:
            case "round":
                self.rounds, self.texts = event.messages, {}
            case "thought":
                self._add(event.choice, "reasoning", self.texts.pop((event.choice, "text"), ""))
            case _:
                self._add(event.choice, event.kind, event.text)

    def _add(self, choice: int, kind: str, text: str) -> None:
        self.texts[choice, kind] = self.texts.get((choice, kind), "") + text

    def exchange(self) -> Exchange | None:
        """Return the prompt with what had come, None where nothing had."""
        event = self.event
        if event.prompt is None or not (self.rounds or any(self.texts.values())):
            return None
        choices = tuple(
            Choice(
                index=index,
                text=self.texts.get((index, "text"), ""),
                reasoning=self.texts.get((index, "reasoning"), ""),
            )
            for index in sorted({index for index, _ in self.texts} or {0})
        )
        parameters = event.parameters
        reply = Reply(
            choices=choices,
            model=str(parameters.get("model", "")),
            status="interrupted",
            parameters=parameters,
        )
        return Exchange(
            messages=(*(self.rounds or (event.prompt,)), choices[0].to_message()),
            reply=reply,
            has_data=event.has_data,
            source=event.source,
            server=event.server,
        )


@dataclass(slots=True)
class _Held:
    """A conversation, as far as the journal has been read."""

    turns: list[Turn] = field(default_factory=list)
    system: str | None = None
    comparisons: tuple[SideBySide, ...] = ()


class _Replay:
    """Does again what a journal tells."""

    def __init__(self) -> None:
        self._held: defaultdict[str, _Held] = defaultdict(_Held)
        self._begun: dict[str, _Begun] = {}
        self._current = ""
        self._at = 0.0

    def take(self, values: Any) -> None:
        """Do one event. Raises UsageError for one that cannot be."""
        event = read(_Event, values)
        if event.conversation:
            check_name(event.conversation)
        match event.event:
            case "turns":
                for turn in event.turns:
                    check_turn(turn, "a turn")
                self._held[event.conversation].turns[max(event.keep, 0) :] = event.turns
            case "answers":
                self._answer(event.conversation, event.turn, event.add, event.chosen)
            case "system":
                self._held[event.conversation].system = event.system
            case "comparisons":
                check_comparisons(event.comparisons)
                held = self._held[event.conversation]
                kept = held.comparisons[-event.keep :] if event.keep > 0 else ()
                held.comparisons = (*kept, *event.comparisons)
            case "current":
                self._current = event.conversation
            case "renamed":
                self._rename(event.conversation, event.name)
            case "deleted":
                self._held.pop(event.conversation, None)
                self._begun = {
                    turn: begun
                    for turn, begun in self._begun.items()
                    if begun.event.conversation != event.conversation
                }
            case "began":
                self._begun[event.turn] = _Begun(event)
            case "round" | "thought" | "text":
                if event.turn in self._begun:
                    self._begun[event.turn].take(event)
            case "ended":
                self._begun.pop(event.turn, None)
        self._at = max(self._at, event.at)

    def _rename(self, name: str, new: str) -> None:
        check_name(new)
        renamed = {new if key == name else key: held for key, held in self._held.items()}
        self._held = defaultdict(_Held, renamed)
        if self._current == name:
            self._current = new
        for begun in self._begun.values():
            if begun.event.conversation == name:
                begun.event = replace(begun.event, conversation=new)

    def result(self, path: Path, unread: int) -> Recovered:
        """Return the conversations; turns that had not ended come last, as interrupted."""
        prompts = []
        for begun in self._begun.values():
            event, exchange = begun.event, begun.exchange()
            if exchange is not None:
                try:
                    self._add(event, exchange)
                except UsageError:
                    unread += 1
            elif event.prompt is not None:
                prompts.append(event.source or event.prompt.text)
        found = []
        for name in sorted(self._held, key=lambda name: name != self._current):
            held = self._held[name]
            if held.turns or held.comparisons:
                made = Conversation(name, _once(held.turns), system=held.system)
                made.comparisons = held.comparisons
                found.append(made)
        return Recovered(
            path=path,
            conversations=tuple(found),
            at=self._at,
            prompts=tuple(prompts),
            unread=unread,
        )

    def _add(self, event: _Event, exchange: Exchange) -> None:
        name, turn_id = event.conversation, event.again or event.turn
        turns = self._held[name].turns
        old = next((turn for turn in turns if turn.id == turn_id), None)
        if old is not None:
            # It was committed, and only the line that says so is missing; or it was asked again.
            if event.again is not None:
                whole = old.exchange.joined(exchange) if event.join else exchange
                self._answer(name, turn_id, (whole,), len(old.alternatives))
        else:
            turn = Turn(alternatives=(exchange,), id=turn_id, cell=event.cell)
            check_turn(turn, "a turn")
            turns.append(turn)

    def _answer(self, name: str, turn_id: str, add: tuple[Exchange, ...], chosen: int) -> None:
        turns = self._held[name].turns
        for index, old in enumerate(turns):
            if old.id == turn_id:
                turn = replace(old, alternatives=(*old.alternatives, *add), chosen=chosen)
                check_turn(turn, "a turn")
                turns[index] = turn


def _once(turns: list[Turn]) -> list[Turn]:
    """Return the turns, those that stand twice only once; a line may have been lost."""
    return list({turn.id: turn for turn in turns}.values())
