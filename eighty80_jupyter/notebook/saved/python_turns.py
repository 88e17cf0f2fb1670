"""What turns asked in Python leave in a cell: one quiet folded output that grows."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Any
from weakref import ref

from eighty80_jupyter.notebook.cell.front_end import is_console
from eighty80_jupyter.notebook.cell.outputs import Output, Page
from eighty80_jupyter.notebook.cell.running_cell import running_cell
from eighty80_jupyter.notebook.cell.summary import SCHEMA
from eighty80_jupyter.notebook.cell.views.turns import turn_html
from eighty80_jupyter.notebook.markdown.latex import latex
from eighty80_jupyter.notebook.markdown.page_text import fold_html
from eighty80_jupyter.notebook.saved.export_markdown import turn_markdown
from eighty80_jupyter.notebook.saved.metadata import page_of
from eighty80_jupyter.text import counted

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from eighty80_jupyter.api.reply import Reply
    from eighty80_jupyter.conversation.conversation import Conversation
    from eighty80_jupyter.session.session import Session
    from eighty80_jupyter.turns.request import RunningTurn

REDRAW_SECONDS = 0.3  # between two drawings of one cell's output
MOST_CHARACTERS = 100_000  # of one output: it is sent again with every drawing


class PythonTurns:
    """Keeps turns asked in Python in the outputs of a shell's cells, for people and --restore.

    The first turn of a cell is drawn at once, those that follow soon, and all of them when the cell
    ends. What is asked in another thread, or begun and not waited for, has no cell: it is shown in
    the first that ends after it has; until then nothing of it is kept alive but what its
    conversation holds. All but `add_late` is used in the main thread; what waits is a deque, which
    any thread may add to.
    """

    def __init__(self, shell: InteractiveShell, session: Session) -> None:
        self._shell = shell
        self._session = session
        self._run = ""
        self._late: deque[tuple[ref[RunningTurn], ref[Conversation], str]] = deque()
        self._begin()

    def add_late(self, running: RunningTurn) -> None:
        """Take in a turn that may end at any time."""
        if running.request.place.keep and self._session.config.show_asked:
            turn_id = running.request.place.again or running.id
            self._late.append((ref(running), ref(running.conversation), turn_id))

    def add(self, running: RunningTurn) -> None:
        """Take in a turn that has ended."""
        if threading.current_thread() is not threading.main_thread():
            self.add_late(running)
            return
        run = self._cell()
        if not run:
            return
        if run != self._run or self._size > MOST_CHARACTERS:
            self._finish()
            self._run = run
        place = running.request.place
        taken = place.keep and self._take(
            running.conversation, place.again or running.id, running.reply
        )
        if taken and time.monotonic() >= self._next:
            self._draw()

    def finish(self) -> None:
        """Draw what is not drawn yet, and begin anew: the cell has ended."""
        self._finish()
        waiting = [self._late.popleft() for _ in range(len(self._late))]
        self._title = "asked in Python"
        for late in waiting:
            running, conversation, turn_id = late[0](), late[1](), late[2]
            if running is not None and not running.done:
                self._late.append(late)
            elif conversation is not None and turn_id not in self._session.on_page:
                self._take(conversation, turn_id)
        self._finish()

    def _finish(self) -> None:
        if self._stale:
            self._draw()
        self._begin()

    def _take(self, conversation: Conversation, turn_id: str, reply: Reply | None = None) -> bool:
        """Take in a turn that stands in its conversation, with this reply; tell whether it does."""
        turn = conversation.turn(turn_id)
        if turn is None or (reply is not None and turn.reply is not reply):
            return False
        number = conversation.number_of(turn_id)
        entry = page_of(conversation, turn)
        html = turn_html(number, turn)
        self._entries.append(entry)
        self._parts.append(html)
        self._latex.append(latex("\n\n".join(turn_markdown(number, turn))))
        self._size += 2 * len(html)
        self._names[conversation.name] += 1
        self._session.on_page.add(turn_id)
        if cell := running_cell(self._shell).place:
            self._session.in_cells.setdefault(cell, {})[turn_id] = turn.reply
        self._stale = True
        return True

    def _begin(self) -> None:
        publish = self._shell.display_pub.publish
        self._page = Page(publish, latex=not is_console(self._shell))
        self._output = Output(self._page)
        self._title = "chat.ask"
        self._entries: list[dict[str, Any]] = []
        self._parts: list[str] = []
        self._latex: list[str] = []
        self._names: Counter[str] = Counter()
        self._size = 0
        self._stale = False
        self._next = 0.0

    def _cell(self) -> str:
        """Return this run of the cell that runs, where one does and it shall show something."""
        if not self._session.config.show_asked:
            return ""
        asked: Any = getattr(self._shell, "get_parent", dict)() or {}
        if asked.get("header", {}).get("msg_type") != "execute_request":
            return ""
        return running_cell(self._shell).run

    def _draw(self) -> None:
        told = (f"{counted(number, 'turn')} of {name}" for name, number in self._names.items())
        title = f"{self._title}: {', '.join(told)}"
        self._page.metadata = {"schema": SCHEMA, "role": "cell", "entries": list(self._entries)}
        html = fold_html(title, "".join(self._parts))
        self._output.html(html, title, latex="\n\n".join(self._latex))
        self._stale = False
        self._next = time.monotonic() + REDRAW_SECONDS
