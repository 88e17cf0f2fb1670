"""What the commands of %chat work with: the shell, the session, and the cell that runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.notebook.cell.front_end import has_pages, is_console
from eighty80_jupyter.notebook.cell.running_cell import Cell, Reruns
from eighty80_jupyter.notebook.cell.summary import NAMESPACE
from eighty80_jupyter.notebook.cell.terminal_text import harmless
from eighty80_jupyter.notebook.cell.views.turns import code_html, table_html, table_text
from eighty80_jupyter.notebook.commands.calling import CallingNames
from eighty80_jupyter.notebook.compare.side_by_side import LatestComparison
from eighty80_jupyter.notebook.line.options import LineOptions
from eighty80_jupyter.notebook.markdown.latex import latex
from eighty80_jupyter.notebook.saved.metadata import state_of

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from eighty80_jupyter.api.reply import Reply
    from eighty80_jupyter.conversation.branches import Conversations
    from eighty80_jupyter.conversation.conversation import Conversation
    from eighty80_jupyter.session.session import Session


@dataclass(slots=True)
class Corrected:
    """The corrected code that the `reply` to `--fix` has."""

    reply: Reply | None = None
    code: str = ""


@dataclass(slots=True, kw_only=True)
class CommandContext:
    """What one line of options is done with.

    `conversations` are the session's, or a copy of them where something is only tried; then nothing
    is said. `options` are those of the line, `beside` is what `--vary` has put side by side,
    `failure` the last exception of the user's own code, `names` what the function that calls the
    magic sees, `reply` what has just been answered, `corrected` what `--fix` found last.
    """

    shell: InteractiveShell
    session: Session
    conversations: Conversations
    options: LineOptions = field(default_factory=LineOptions)
    cell: Cell = field(default_factory=Cell)
    reruns: Reruns = field(default_factory=Reruns)
    beside: LatestComparison = field(default_factory=LatestComparison)
    failure: BaseException | None = None
    names: CallingNames = field(default_factory=CallingNames)
    reply: Reply | None = None
    corrected: Corrected = field(default_factory=Corrected)
    quiet: bool = False

    @property
    def conversation(self) -> Conversation:
        """The current conversation."""
        return self.conversations.current

    def rehearsal(self) -> CommandContext:
        """Return a context with copies of the conversations, which says nothing."""
        return replace(self, conversations=copy(self.conversations), quiet=True)

    def say(self, text: str) -> None:
        """Write a line, or several."""
        if not self.quiet:
            sys.stdout.write(harmless(text) + "\n")

    def note(self, text: str) -> None:
        """Write a line with which a saved page keeps how the conversation stands now."""
        if self.quiet:
            return
        if has_pages(self.shell):
            metadata = {NAMESPACE: state_of(self.conversation)}
            self.shell.display_pub.publish(data={"text/plain": harmless(text)}, metadata=metadata)
        else:
            self.say(text)

    def show(
        self, html: str, text: str, kept: Mapping[str, Any] | None = None, *, markdown: str = ""
    ) -> None:
        """Show HTML, or the text where there are no pages; a saved page has what is `kept`.

        `markdown` says the same for a document that the notebook becomes.
        """
        if self.quiet:
            return
        if has_pages(self.shell):
            said = {"markdown": markdown} if markdown else {}
            metadata = {NAMESPACE: {**(kept or {}), **said}}  # it is ours: nbconvert is told
            data = {"text/html": html, "text/plain": harmless(text)}
            if markdown and not is_console(self.shell):
                data["text/latex"] = latex(markdown)
            self.shell.display_pub.publish(data=data, metadata=metadata)
        else:
            self.say(text)

    def table(self, rows: Sequence[Sequence[str]], heads: Sequence[str] = ()) -> None:
        """Show rows as a table; without heads the first column names the others."""
        self.show(table_html(rows, heads), table_text(rows))

    def put_cell(self, text: str, *, what: str) -> None:
        """Put `text` into a new cell below, not run; where that cannot be, show it and say so."""
        if self.cell.attended:
            self.shell.set_next_input(text, replace=False)
            return
        self.say(f"This front end makes no new cell; {what} is:")
        self.show(code_html(text, "python"), text)
