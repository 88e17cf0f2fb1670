"""Which of a session's open panels keeps the conversation in the notebook: one, and not each.

It is the one whose transcript was inserted, else the one that a page has shown last; one in a cell
before one in a side bar, which no notebook holds. A page tells which it shows: a panel whose cell
was deleted keeps nothing, and another takes its place.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from eighty80_jupyter.session.session import Session


@dataclass(slots=True, eq=False)
class OpenPanel:
    """A panel: whether a cell holds it, and what pages have told.

    `changed` is called when another one keeps the conversation. `views` are those of the latest
    `page` that has shown it, `shown` counts up; 0: it is on none.
    """

    changed: Callable[[], None]
    in_cell: bool = False
    inserted: bool = False
    shown: int = 0
    page: str = ""
    views: set[str] = field(default_factory=set)


class OpenPanels:
    """The open panels of a session; pages tell in any thread, and `_lock` owns all of it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._panels: list[OpenPanel] = []
        self._count = 0

    def keeps(self, panel: OpenPanel) -> bool:
        """Tell whether a panel keeps the conversation; all do as long as no page shows any."""
        with self._lock:
            keeper = self._keeper()
        return keeper is None or keeper is panel

    def add(self, panel: OpenPanel) -> None:
        """Note a panel that was opened."""
        with self._lock:
            self._panels.append(panel)

    def remove(self, panel: OpenPanel) -> None:
        """Forget a panel that is closed."""
        self._change(lambda: self._panels.remove(panel))

    def insert(self, panel: OpenPanel) -> None:
        """Note that the transcript of a panel is to be seen."""

        def note() -> None:
            for each in self._panels:
                each.inserted = each is panel

        self._change(note)

    def seen(self, panel: OpenPanel, view: str, page: str) -> None:
        """Note that a page shows a panel in a view."""

        def note() -> None:
            if page != panel.page:  # what was on another page went with it
                panel.page = page
                panel.views.clear()
            panel.views.add(view)
            self._count += 1
            panel.shown = self._count

        self._change(note)

    def gone(self, panel: OpenPanel, view: str) -> None:
        """Note that a view was taken from its page."""

        def note() -> None:
            panel.views.discard(view)
            if not panel.views:
                panel.shown = 0

        self._change(note)

    def _keeper(self) -> OpenPanel | None:
        shown = [panel for panel in self._panels if panel.shown]
        return max(shown, key=lambda p: (p.inserted, p.in_cell, p.shown), default=None)

    def _change(self, do: Callable[[], None]) -> None:
        with self._lock:
            before = self._keeper()
            do()
            after = self._keeper()
            panels = list(self._panels) if before is not after else []
        for panel in panels:
            panel.changed()


_open: WeakKeyDictionary[Session, OpenPanels] = WeakKeyDictionary()


def open_panels(session: Session) -> OpenPanels:
    """Return the open panels of a session."""
    return _open.setdefault(session, OpenPanels())
