"""What live mode asks, one request at a time, what all have used, and which panel's it is."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary, ref

from eighty80_jupyter.notebook.compare import variants

if TYPE_CHECKING:
    from eighty80_jupyter.api.reply import Reply
    from eighty80_jupyter.session.session import Session
    from eighty80_jupyter.turns.request import RunningTurn

T = TypeVar("T")

_latest: WeakKeyDictionary[Session, ref[Any]] = WeakKeyDictionary()
_taking_over = threading.Lock()  # it owns `_latest`


def take_over(session: Session, one: T) -> T | None:
    """Make `one` the live mode that answers, and return the one that did.

    Two would ask, and keep an answer, twice.
    """
    with _taking_over:
        known = _latest.get(session)
        _latest[session] = ref(one)
    before: T | None = known() if known is not None else None
    return before if before is not one else None


class NewestRequest:
    """The newest request while it is out: `running`, and what made it, the `label`.

    `requests` counts all that went out, `tokens` those of their answers, exact or `about`. It
    belongs to the loop thread.
    """

    def __init__(self) -> None:
        self.running: RunningTurn | None = None
        self.label = ""
        self.reset()

    def reset(self) -> None:
        """Count anew."""
        self.requests = self.tokens = 0
        self.about = False

    @property
    def come(self) -> Reply | None:
        """What has come of it; None where nothing has, or none is out."""
        reply = None if self.running is None else variants.so_far(self.running)
        return None if reply is None or reply.empty else reply

    def sent(self, running: RunningTurn, label: str) -> None:
        """Note that it went out."""
        self.running, self.label = running, label
        self.requests += 1

    def end(self) -> None:
        """Note that it has ended, or is given up."""
        if self.running is not None:
            count, counted = variants.tokens(variants.so_far(self.running))
            self.tokens += count
            self.about |= count > 0 and not counted
            self.running = None

    def drop(self) -> None:
        """Cancel it; what comes of it from now on is not looked at."""
        running = self.running
        self.end()
        if running is not None:
            running.cancel()
