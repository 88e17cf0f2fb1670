"""Where a growing text can be cut: what is in front of the cut is drawn once and never again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eighty80_jupyter.notebook.markdown.blocks import Document
from eighty80_jupyter.notebook.markdown.leaves import Fence, Table

if TYPE_CHECKING:
    from eighty80_jupyter.notebook.markdown.links import References

_PATIENCE = 4  # times `at_most`, before a list or HTML is cut where that shows


class Splitter:
    """Takes a text as it comes and gives it back in pieces that can be rendered by themselves.

    A piece ends where a block of the outermost level starts: never within code, a list, a table, a
    quote, a formula or HTML. The HTML of the pieces and of the last tail, joined by newlines, is
    that of the whole text; but a link `[text][label]` in a piece does not know a definition that
    comes after the piece.

    The effort for each character is the same at the start and at the end of a text.
    """

    def __init__(self) -> None:
        self._document = Document({})
        self._prefix = ""  # what the tail repeats of a block that was cut
        self._lines: list[str] = []  # those of the tail, with their ends
        self._rest: list[str] = []  # the line that has not ended yet
        self._size = 0
        self._carriage_return = False

    def __repr__(self) -> str:
        """Show how much is waiting."""
        return f"<{type(self).__name__}: tail of {self._size} characters>"

    @property
    def references(self) -> References:
        """The link definitions so far; give them to `render` with each piece and the tail."""
        return self._document.references

    @property
    def tail(self) -> str:
        """The Markdown that is in no piece yet."""
        return "".join((self._prefix, *self._lines, *self._rest))

    def feed(self, text: str) -> None:
        """Append `text`, which may end anywhere."""
        if self._carriage_return:
            text = "\r" + text
        self._carriage_return = text.endswith("\r")
        if self._carriage_return:
            text = text[:-1]
        *lines, rest = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for line in lines:
            self._end_line(line)
        if rest:
            self._rest.append(rest)
            self._size += len(rest)

    def freeze(self, at_least: int, at_most: int | None = None) -> str | None:
        """Take the next piece off the tail, if it has at least `at_least` characters.

        `None` if there is none yet; call again until it is. A block that has not ended stays in the
        tail. When that has grown longer than `at_most` characters, it is cut within the block: code
        and tables go on in the tail with the same first lines, a list with its next item, anything
        else with its next line, and a line with its next word. `at_most=None`: never do so.
        """
        starts = self._document.starts
        count = starts[-1] - self._first if starts else 0
        too_long = at_most is not None and self._size > at_most
        if count > 0 and (too_long or self._length(count) >= at_least):
            return self._take(count)
        if at_most is None or not too_long:
            return None
        return self._cut(patient=self._size <= _PATIENCE * at_most)

    @property
    def _first(self) -> int:
        """The number of the tail's first line."""
        return self._document.lines - len(self._lines)

    def _length(self, count: int) -> int:
        return len(self._prefix) + sum(map(len, self._lines[:count]))

    def _end_line(self, end: str) -> None:
        line = "".join((*self._rest, end))
        self._rest.clear()
        self._size += len(end) + 1
        self._lines.append(line + "\n")
        self._document.feed(line)

    def _take(self, count: int, prefix: str = "") -> str:
        """Take `count` lines off the tail, which then starts with `prefix`."""
        piece = "".join((self._prefix, *self._lines[:count]))
        del self._lines[:count]
        self._size += len(prefix) - len(piece)
        self._prefix = prefix
        self._document.forget()
        return piece

    def _cut(self, *, patient: bool) -> str | None:
        """Cut within the tail's only block, where it does the least harm."""
        broken = 2 * sum(map(len, self._rest)) > self._size
        if broken:
            self._break_line()
        count = len(self._lines) - (not broken)  # something to go on with stays
        document, leaf = self._document, self._document.leaf
        outermost = document.outermost
        if not outermost and isinstance(leaf, (Fence, Table)):
            head = 0 if self._prefix else 1 if isinstance(leaf, Fence) else 2
            if count <= head:
                return None
            prefix = self._prefix or "".join(self._lines[:head])
            leaf.lines.clear()
            return self._take(count, prefix) + (
                f"{leaf.marker}\n" if isinstance(leaf, Fence) else ""
            )
        if outermost == "list" and document.item > self._first:
            return self._take(document.item - self._first)
        if not self._lines or (patient and outermost in ("list", "html")):
            return None
        piece = self._take(len(self._lines))
        self._document = Document(document.references)
        return piece

    def _break_line(self) -> None:
        """End the last line at a space."""
        text = "".join(self._rest)
        end = text.rfind(" ", 1, -1) + 1 or len(text) // 2 + 1
        self._rest = [text[:end]]
        self._end_line("")
        self._rest = [text[end:]]
