"""A text that grows while it is drawn: finished blocks are frozen, only the tail is drawn again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eighty80_jupyter.notebook.markdown.render import Splitter

if TYPE_CHECKING:
    from collections.abc import Mapping

FIRST_STEP = 16  # characters that must come before the second drawing
FREEZE_CHARACTERS = 1600
REDRAWN = 4_000  # characters a second that may be drawn again though little has come


class GrowingText:
    """A text that comes in pieces, and how much of it was drawn.

    What is drawn again and again must be small, and it must not be drawn too often: JupyterLab
    draws every update that it gets. The longer the text, the longer are its blocks and the more
    must come before it is drawn once more. Measured by `benchmarks/draw.py`.
    """

    def __init__(self) -> None:
        self._splitter = Splitter()
        self._pieces: list[str] = []
        self.length = self._drawn = 0  # characters that came, and that had come when it was drawn

    @property
    def tail(self) -> str:
        """What is in no block yet, as Markdown."""
        return self._splitter.tail

    @property
    def whole(self) -> str:
        """All that came."""
        return "".join(self._pieces)

    @property
    def references(self) -> Mapping[str, tuple[str, str]]:
        """The definitions of links so far."""
        return self._splitter.references

    @property
    def grown(self) -> bool:
        """Whether something has come since the last drawing."""
        return self.length > self._drawn

    def add(self, piece: str) -> None:
        """Take the next piece."""
        self._splitter.feed(piece)
        self._pieces.append(piece)
        self.length += len(piece)

    def complete(self, text: str) -> None:
        """Take what the pieces had not brought of the whole `text`."""
        if len(text) > self.length:
            self.add(text[self.length :])

    def due(self, *, whole: bool = False, waited: float = 0.0) -> bool:
        """Tell whether enough has come to draw it again.

        `whole`: it is drawn all over, and not its tail only. `waited` are the seconds since the
        last drawing, which count where what is drawn is not an output that is saved.
        """
        grown = self.length - self._drawn
        if not grown or not self._drawn:
            return grown > 0
        enough = self._drawn / 2 if whole else min(0.6 * self._drawn, 0.8 * self._block)
        return grown >= max(FIRST_STEP, int(enough)) or waited * REDRAWN >= len(self.tail)

    def freeze(self) -> str | None:
        """Take the next block off the tail; None if none is long enough yet."""
        return self._splitter.freeze(self._block, 2 * self._block)

    def drawn(self) -> None:
        """Note that all of it has been drawn."""
        self._drawn = self.length

    @property
    def _block(self) -> int:
        return max(FREEZE_CHARACTERS, self.length // 5)
