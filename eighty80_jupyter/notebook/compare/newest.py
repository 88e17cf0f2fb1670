"""What live mode asks: the one request that is out, and what all of them have used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eighty80_jupyter.notebook.compare import variants

if TYPE_CHECKING:
    from eighty80_jupyter.api.reply import Reply
    from eighty80_jupyter.turns.request import RunningTurn


class Meter:
    """Counts what live mode has used: `requests`, and `tokens` of answers, exact or `about`."""

    def __init__(self) -> None:
        self.requests = 0
        self.tokens = 0
        self.about = False

    def count(self, running: RunningTurn) -> None:
        """Add the tokens of a request that has ended, or is given up."""
        count, counted = variants.tokens(variants.so_far(running))
        self.tokens += count
        self.about |= count > 0 and not counted


class NewestRequest:
    """The newest request while it is out: `running`, and what made it, the `label`.

    It belongs to the loop thread, as does the `meter` of all requests.
    """

    def __init__(self) -> None:
        self.running: RunningTurn | None = None
        self.label = ""
        self.meter = Meter()

    @property
    def come(self) -> Reply | None:
        """What has come of it; None where nothing has, or none is out."""
        reply = None if self.running is None else variants.so_far(self.running)
        return None if reply is None or reply.empty else reply

    def sent(self, running: RunningTurn, label: str) -> None:
        """Note that it went out."""
        self.running, self.label = running, label
        self.meter.requests += 1

    def end(self) -> None:
        """Note that it has ended, or is given up."""
        if self.running is not None:
            self.meter.count(self.running)
            self.running = None

    def drop(self) -> None:
        """Cancel it; what comes of it from now on is not looked at."""
        running = self.running
        self.end()
        if running is not None:
            running.cancel()
