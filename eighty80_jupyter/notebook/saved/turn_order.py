"""The turns that a saved notebook keeps, put in order: the conversations that they were."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from eighty80_jupyter.conversation.conversation import Conversation
from eighty80_jupyter.conversation.side_by_side import SideBySide
from eighty80_jupyter.conversation.turn import Turn
from eighty80_jupyter.notebook.saved.saved_turn import SavedTurn, turn_of
from eighty80_jupyter.text import counted

MOST_TURNS = 100_000  # of a conversation that are counted: a number may come from anybody
_SHOWN = 5  # numbers of turns that are named


class SavedTurns:
    """Puts turns in order: each after the one that it followed, in place of what it replaced.

    `compared` is what was asked side by side, by the name of the conversation.
    """

    def __init__(
        self, entries: Iterable[SavedTurn], compared: Mapping[str, Sequence[SideBySide]]
    ) -> None:
        self._compared = compared
        self._turns: dict[str, list[Turn]] = {}
        self._systems: dict[str, str | None] = {}
        self._former: dict[str, tuple[str, ...]] = {}
        self._places: dict[str, SavedTurn] = {}  # by the id of a turn: what was last kept of it
        for entry in sorted(entries, key=lambda entry: entry.at):
            self._add(entry)

    @property
    def attached(self) -> int:
        """How many turns had pictures or sounds, which a page does not keep."""
        return sum(entry.attached > 0 for entry in self._places.values())

    def _add(self, entry: SavedTurn) -> None:
        """Take in a turn, or a change, which came after all that were taken in before."""
        name = entry.conversation
        turns = self._turns.pop(name, None)
        if turns is None:
            turns = self._begun_from(entry)
        self._turns[name] = turns  # at the end: the latest one
        self._systems[name] = entry.system
        self._former[name] = entry.formerly
        ids = [each.id for each in turns]
        if entry.role == "state":
            if entry.after == "" or entry.after in ids:  # else that turn is not on the page
                del turns[ids.index(entry.after) + 1 if entry.after else 0 :]
            return
        turn = turn_of(entry)
        self._places[turn.id] = entry
        if turn.id in ids:
            index = ids.index(turn.id)
            known = turns[index].alternatives
            if turn.exchange in known:  # the cell was copied, or an answer chosen again
                turns[index] = replace(turns[index], chosen=known.index(turn.exchange))
                return
            answers = (*turns[index].alternatives, turn.exchange)
            turns[index] = replace(turn, alternatives=answers, chosen=len(answers) - 1)
            return
        # What stood behind the turn that it followed had been undone by then.
        keep = entry.turn - 1
        if entry.after is not None and entry.after in ids:
            keep = ids.index(entry.after) + 1
        turns[max(keep, 0) :] = [turn]

    def conversations(self) -> list[Conversation]:
        """Return the conversations, the latest first; one that was renamed under its last name.

        Its first turns stand under the name that it had then, too, as a fork's would.
        """
        ids = {name: {turn.id for turn in turns} for name, turns in self._turns.items()}
        renamed = {
            was
            for name, names in self._former.items()
            for was in names
            if was != name and ids.get(was, {""}) <= ids[name]
        }
        made = []
        for name, turns in reversed(self._turns.items()):
            if name not in renamed:
                made.append(Conversation(name, turns, system=self._systems[name]))
                made[-1].former_names = self._former[name]
                made[-1].comparisons = tuple(self._compared.get(name, ()))
        return made

    def missing(self, conversation: Conversation) -> str:
        """Say how many turns there are of how many, and what is known of the others.

        Empty where none is missing. Each turn of a page tells its number, and which before it were
        asked in Python and stand on no page.
        """
        entries = [self._places[turn.id] for turn in conversation]
        there = {entry.turn for entry in entries}
        total = max((entry.turn for entry in entries), default=0)
        gone = [number for number in range(1, min(total, MOST_TURNS) + 1) if number not in there]
        if not gone:
            return ""
        python = {number for entry in entries for number in entry.in_python}
        asked = [number for number in gone if number in python]
        others = [number for number in gone if number not in python]
        parts = [f"{len(conversation):,} of {counted(total, 'turn')}"]
        if asked:
            parts.append(f"{_numbered(asked)} asked in Python")
        if others:
            parts.append(f"{_numbered(others)} not on the page")
        return "; ".join(parts)

    def _begun_from(self, entry: SavedTurn) -> list[Turn]:
        """Return the turns that a fork begins with: those up to the one that it followed."""
        for turns in self._turns.values():
            for index, turn in enumerate(turns):
                if entry.after and turn.id == entry.after:
                    return turns[: index + 1]
        return []


def _numbered(numbers: list[int]) -> str:
    """Return "turn 2 was", "turns 2, 3 were"; of many the first ones."""
    if len(numbers) == 1:
        return f"turn {numbers[0]:,} was"
    shown = ", ".join(f"{number:,}" for number in numbers[:_SHOWN])
    more = f" and {len(numbers) - _SHOWN:,} more" if len(numbers) > _SHOWN else ""
    return f"turns {shown}{more} were"
