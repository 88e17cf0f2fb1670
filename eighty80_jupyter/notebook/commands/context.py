"""What the commands of %chat work with: the shell, the session, and the cell that runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.conversation.branches import Conversations
from eighty80_jupyter.notebook.cell.outputs import NAMESPACE

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from eighty80_jupyter.api.reply import Reply
    from eighty80_jupyter.conversation.conversation import Conversation
    from eighty80_jupyter.session.session import Session

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


@dataclass(slots=True, kw_only=True)
class CommandContext:
    """What one line of options is done with.

    `conversations` are the session's, or a copy of them where something is only tried; then nothing
    is said. `values` are the options of the line, `failure` the last exception of the user's own
    code, `reply` what has just been answered.
    """

    shell: InteractiveShell
    session: Session
    conversations: Conversations
    values: Mapping[str, Any] = field(default_factory=dict)
    cell: Cell = Cell()  # frozen
    reruns: Reruns = field(default_factory=Reruns)
    failure: BaseException | None = None
    reply: Reply | None = None
    quiet: bool = False

    @property
    def conversation(self) -> Conversation:
        """The current conversation."""
        return self.conversations.current

    def rehearsal(self) -> CommandContext:
        """Return a context with copies of the conversations, which says nothing."""
        copies = Conversations()
        for conversation in self.conversations.values():
            copies.add(conversation.fork(conversation.name))
        copies.use(self.conversation.name)
        return CommandContext(
            shell=self.shell,
            session=self.session,
            conversations=copies,
            values=self.values,
            cell=self.cell,
            reruns=self.reruns,
            failure=self.failure,
            quiet=True,
        )

    def say(self, text: str) -> None:
        """Write a line, or several."""
        from eighty80_jupyter.notebook.cell.terminal import harmless  # noqa: PLC0415  # when first used

        if not self.quiet:
            sys.stdout.write(harmless(text) + "\n")

    def note(self, text: str) -> None:
        """Write a line with which a saved page keeps how the conversation stands now."""
        from eighty80_jupyter.notebook.cell.display import has_pages  # noqa: PLC0415  # when first used
        from eighty80_jupyter.notebook.saved.metadata import state_of  # noqa: PLC0415  # the same

        if self.quiet:
            return
        if has_pages(self.shell):
            metadata = {NAMESPACE: state_of(self.conversation)}
            self.shell.display_pub.publish(data={"text/plain": text}, metadata=metadata)
        else:
            self.say(text)

    def show(self, html: str, text: str, kept: Mapping[str, Any] | None = None) -> None:
        """Show HTML, or the text where there are no pages; a saved page has what is `kept`."""
        from eighty80_jupyter.notebook.cell.display import has_pages  # noqa: PLC0415  # when first used
        from eighty80_jupyter.notebook.cell.terminal import harmless  # noqa: PLC0415  # the same

        if self.quiet:
            return
        if has_pages(self.shell):
            metadata = {NAMESPACE: dict(kept)} if kept else {}
            data = {"text/html": html, "text/plain": harmless(text)}
            self.shell.display_pub.publish(data=data, metadata=metadata)
        else:
            self.say(text)

    def put_cell(self, text: str, *, what: str) -> None:
        """Put `text` into a new cell below, not run; where that cannot be, show it and say so."""
        if self.cell.attended:
            self.shell.set_next_input(text, replace=False)
            return
        from eighty80_jupyter.notebook.cell.views import code_html  # noqa: PLC0415  # the Markdown stack

        self.say(f"This front end makes no new cell; {what} is:")
        self.show(code_html(text, "python"), text)
