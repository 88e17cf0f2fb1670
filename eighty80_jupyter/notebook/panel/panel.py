"""The panel: one widget with the conversation, a text box and the parameters.

`%chat --panel` shows one, `chat.panel()` returns one. It follows the session: whatever a cell or
another panel does shows here too, while it happens. Its own work is done in callbacks of widgets,
which return at once, and in a thread that draws (`cell.pacing`).

While a cell runs, a click reaches the kernel only where the front end sends the messages of widgets
through a subshell. Measured: with ipykernel 7.4, JupyterLab 4.6 and Notebook 7.6 do, and Send and
Stop work at once whether the cell awaits, sleeps or computes. With ipykernel 6.31 (and front ends
before JupyterLab 4.4 and Notebook 7.4) they wait for the end of the cell, even if it only awaits;
the panel says so. What streams in shows in any case.
"""

from __future__ import annotations

import uuid
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any

from ipywidgets import HBox, VBox

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.cell.front_end import context_of_this_cell, listen_where_it_is_sent
from eighty80_jupyter.notebook.cell.pacing import Painter
from eighty80_jupyter.notebook.cell.running_cell import running_cell
from eighty80_jupyter.notebook.panel.actions import Actions
from eighty80_jupyter.notebook.panel.comparison import ComparisonView
from eighty80_jupyter.notebook.panel.controls.live import LiveControls
from eighty80_jupyter.notebook.panel.controls.parameters import ParameterPanel
from eighty80_jupyter.notebook.panel.controls.tools import ToolPanel
from eighty80_jupyter.notebook.panel.keeper import OpenPanel, OpenPanels, open_panels
from eighty80_jupyter.notebook.panel.menu import ConversationBar, ConversationMenu
from eighty80_jupyter.notebook.panel.questions import Consent
from eighty80_jupyter.notebook.panel.rows import RowsView
from eighty80_jupyter.notebook.panel.saved import SavedOutputs
from eighty80_jupyter.notebook.panel.view import ChatView
from eighty80_jupyter.notebook.panel.widgets import close_all
from eighty80_jupyter.session.session import Session
from eighty80_jupyter.turns.feed import SessionEvent, TurnBegan, TurnEnded, TurnEvents

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


class Panel(VBox):  # type: ignore[misc]  # untyped
    """The panel of a session; shown when it is displayed, and ended by `close`.

    `publish` puts an output into the cell that shows it, as `display_pub.publish` of a shell does;
    `in_cell`: that is one of a notebook.
    """

    ended = True  # until it has begun: ipywidgets calls `close` on what was never finished too

    def __init__(
        self, session: Session, *, publish: Callable[..., None], in_cell: bool = False
    ) -> None:
        name = f"e80-static-{uuid.uuid4().hex[:12]}"
        self.session = session
        self.view = ChatView(static_class=name)
        self.saved = SavedOutputs(session, name, publish, self.view.tell)
        self.actions = Actions(session, self.view.tell, self.saved, began=self.wake)
        self.menu = ConversationMenu(session, self.actions)
        self.view.handle = self.actions.receive
        self.parameters = parameters = ParameterPanel(session)
        self.actions.returns = lambda: parameters.returns
        self.view.tips = {name: c.tooltip for name, c in self.parameters.controls.items()}
        self.actions.greeted = self.parameters.fetch_models
        self.actions.released = self.parameters.release
        self.live = LiveControls(session, self.parameters)
        self.actions.inserted = self._insert
        self.actions.pressed = lambda _name: self.live.live.pressed()
        self.view.live = self.live.answer
        self.comparison = ComparisonView(session)
        tell = self.view.tell
        self.rows = RowsView(session, lambda text: tell("cell", code=text, id=uuid.uuid4().hex))
        self.tools = ToolPanel(session, self.wake)
        side = VBox([self.live, self.parameters, self.tools])
        side.add_class("e80-side")
        main = VBox([self.view])
        main.add_class("e80-main")
        chat = HBox([main, side])
        chat.add_class("e80-body")
        views = {"Chat": chat, "Compare": self.comparison, "Rows": self.rows}
        self.bar = ConversationBar(session, self.actions, self.menu, views)
        super().__init__([self.bar, self.menu, *views.values()])
        self.add_class("e80-panel")
        self.view.panel_id = self.model_id
        listen_where_it_is_sent(self)
        # Weak: what the session holds must not keep a panel alive that nobody has any more.
        this = weakref.ref(self)
        self.painter = Painter(
            lambda: (panel := this()) is not None and panel.paint(), name="eighty80-panel"
        )

        def watch(event: SessionEvent) -> None:
            panel = this()
            if panel is not None:
                panel.actions.page.note(event)
                if isinstance(event, TurnEvents):
                    panel.actions.show_figures(event)
                else:
                    panel.saved.stale = panel.tools.stale = True
                panel.painter.wake(now=isinstance(event, (TurnBegan, TurnEnded)))

        self._panels, self._open = self._among_others(in_cell=in_cell)
        self.unwatch = session.watch(watch)
        self.ended = False

    def _among_others(self, *, in_cell: bool) -> tuple[OpenPanels, OpenPanel]:
        """Take a place among the open panels, of which one keeps the conversation."""
        this = weakref.ref(self)  # as above

        def renew() -> None:
            panel = this()
            if panel is not None:
                panel.saved.stale = True
                panel.painter.wake()

        panels, mine = open_panels(self.session), OpenPanel(renew, in_cell=in_cell)
        panels.add(mine)
        self.saved.keeps = lambda: panels.keeps(mine)
        self.actions.seen = lambda view, page: panels.seen(mine, view, page)
        self.actions.gone = lambda view: panels.gone(mine, view)
        return panels, mine

    def _insert(self) -> None:
        self.view.inserted = True  # the saved transcript is in sight from now on
        self._panels.insert(self._open)

    def wake(self) -> None:
        """Have what is new drawn soon; from any thread."""
        self.painter.wake()

    def paint(self) -> bool:
        """Draw what is new, in the painter's thread; return whether there is more to come."""
        again = self.actions.page.paint()
        self.tools.refresh()
        if self.saved.stale:
            self.bar.refresh()
            self.parameters.refresh()
            self.saved.renew()
        late = self.saved.follow(self.actions.page.drawings, self.actions.page.under_way)
        return again or late or self.saved.stale

    def finish(self) -> None:
        """Bring what is saved up to date, as a cell ends.

        A program that runs a notebook saves it then, and waits for no painter.
        """
        if self.ended or not self.saved.behind:
            return
        page = self.actions.page
        page.paint()
        if self.saved.stale:
            self.saved.renew(now=True)
        self.saved.follow(page.drawings, page.under_way)
        self.wake()  # for the rest

    def confirm(self, question: str, detail: str = "") -> Future[Consent]:
        """Ask in the panel whether something may be done, with Yes, No and Always.

        `detail` can be edited before the answer. To be called from any thread but the kernel's own,
        which must stay free for the answer. Closing the panel answers no.
        """
        return self.actions.questions.ask(question, detail)

    def close(self) -> None:
        """End the panel: it disappears, follows nothing and can be forgotten."""
        if self.ended:
            return
        self.ended = True
        self.unwatch()
        self._panels.remove(self._open)
        self.painter.close()
        self.actions.close()
        close_all(*self.children)
        self.layout.close()
        super().close()

    def __repr__(self) -> str:
        # That of ipywidgets spells out every button.
        state = "closed" if self.ended else repr(self.session.conversation)
        return f"<Panel: {state}>"

    def show(self) -> None:
        """Show the panel, and below it the transcript that is saved with the notebook.

        Raises UsageError where it is closed.
        """
        if self.ended:
            raise UsageError("this panel is closed; %chat --panel opens another one")
        data = {**self._repr_mimebundle_(), "text/plain": "The chat panel (%chat --panel)"}
        self.saved.publish(data=data, metadata={})
        self.actions.context = context_of_this_cell()
        self.saved.display()

    def _ipython_display_(self, **_: Any) -> None:
        self.show()


# For each session the panels by the cell that opened them, and its run.
_Opened = dict[str, tuple[str, weakref.ref[Panel]]]
_opened: weakref.WeakKeyDictionary[Session, _Opened] = weakref.WeakKeyDictionary()


def _finish(opened: _Opened, _result: object) -> None:
    """Have the panels of a session be up to date as a cell ends."""
    for _, known in tuple(opened.values()):
        panel = known()
        if panel is not None:
            panel.finish()


def open_panel(shell: InteractiveShell, session: Session) -> Panel:
    """Return a panel for a shell; a cell that is run again ends the panel that it had opened.

    Raises UsageError where there is no notebook.
    """
    if getattr(shell, "kernel", None) is None:
        raise UsageError("a panel needs a notebook; in a terminal use %chat")
    cell = running_cell(shell)
    if session not in _opened:
        _opened[session] = {}
        shell.events.register("post_run_cell", partial(_finish, _opened[session]))
    opened = _opened[session]
    run, known = opened.get(cell.id, ("", None))
    earlier = known() if known is not None else None
    if cell.id and run != cell.run and earlier is not None:
        earlier.close()
    panel = Panel(session, publish=shell.display_pub.publish, in_cell=bool(cell.id))
    panel.view.run = cell.run
    opened[cell.id] = (cell.run, weakref.ref(panel))
    return panel
