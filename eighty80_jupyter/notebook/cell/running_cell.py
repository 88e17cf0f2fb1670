"""The cell that runs, as far as the front end tells, and the turns that it answered before."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from eighty80_jupyter.conversation.conversation import Conversation

_DUMB = ("dumb", "unknown")  # for prompt_toolkit, too


@dataclass(frozen=True, slots=True)
class Cell:
    """The cell that runs, as far as the front end tells.

    `id` is the front end's name for the cell (JupyterLab, Notebook 7 and VS Code have one), `run`
    names this one run of it. `attended` tells whether somebody is there to run a new cell.
    """

    id: str = ""
    run: str = ""
    attended: bool = False

    @property
    def place(self) -> str:
        """What names the place of its outputs, where that is known; else nothing.

        A cell without an id may be this one or another when it runs again, if somebody is there.
        """
        return self.id or ("" if self.attended else self.run)


def running_cell(shell: InteractiveShell) -> Cell:
    """Return the cell that the shell runs at present."""
    if getattr(shell, "kernel", None) is None:
        return Cell(attended=_has_next_prompt(shell))
    asked: Any = getattr(shell, "get_parent", dict)() or {}
    return Cell(
        id=str(asked.get("metadata", {}).get("cellId") or ""),
        run=str(asked.get("header", {}).get("msg_id", "")),
        # nbconvert, papermill and Voila run notebooks where nobody can type, and say so.
        attended=bool(asked.get("content", {}).get("allow_stdin")),
    )


def _has_next_prompt(shell: Any) -> bool:
    """Tell whether a terminal can begin its next prompt with a text, for all to see."""
    if getattr(shell, "simple_prompt", True):
        return False  # it has only `input`, or it is no terminal
    if os.environ.get("TERM", "").lower() in _DUMB:
        return False  # the text would be there, but not shown
    # `ipython -c` and `ipython file.ipy` ask nothing.
    return bool(getattr(getattr(shell, "parent", None), "interact", True))


class Reruns:
    """Which turns a cell answers anew when it runs again right after them, in their order."""

    def __init__(self) -> None:
        self._run = ""
        self._turns: dict[str, list[str]] = {}

    def next(self, conversation: Conversation, cell: Cell, *, take: bool = True) -> str | None:
        """Return the id of the turn that the next prompt of the cell belongs to; None: a new one.

        `take` marks it as answered, so that the next prompt of the same run gets the one after it.
        """
        if not cell.id or not cell.run:
            return None
        if cell.run != self._run:
            self._run, self._turns = cell.run, {}
        turns = self._turns.get(conversation.name)
        if turns is None:
            turns = self._turns[conversation.name] = _at_the_end(conversation, cell.id)
        while turns:
            turn_id = turns.pop(0) if take else turns[0]
            if conversation.find(turn_id) is not None:
                return turn_id
            if not take:
                return None
        return None


def _at_the_end(conversation: Conversation, cell_id: str) -> list[str]:
    """Return the ids of the last turns that all come from the cell."""
    found: list[str] = []
    for number in range(len(conversation), 0, -1):
        turn = conversation[number - 1]
        if turn.cell != cell_id:
            break
        found.insert(0, turn.id)
    return found
