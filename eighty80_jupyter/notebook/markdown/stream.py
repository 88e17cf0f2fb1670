"""Where a growing text can be cut: what is in front of the cut is drawn once and never again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from eighty80_jupyter.api.code_blocks import count_lines, end_of, is_closed
from eighty80_jupyter.notebook.markdown.html import write_block
from eighty80_jupyter.notebook.markdown.reader import Reader, References, normalise
from eighty80_jupyter.notebook.markdown.tree import LITERAL

if TYPE_CHECKING:
    from markdown_it.token import Token

_PATIENCE = 4  # times `at_most`, before a list or HTML is cut where that shows


@dataclass(slots=True)
class _Block:
    """The last block of the outermost level."""

    line: int = 0  # where it starts
    kind: str = ""  # "fence", "table", "list", "html", or "": closed, or of another kind
    markup: str = ""  # of a fence
    item: int = 0  # where the last item of a list starts


class Splitter:
    """Takes a text as it comes and gives it back in pieces that can be rendered by themselves.

    A piece ends where a block of the outermost level starts: never within code, a list, a table, a
    quote, a formula or HTML, nor behind a footnote's text, as these are drawn at the end. The HTML
    of the pieces and of the last tail, joined by newlines, is that of the whole text; but a link
    `[text][label]` in a piece does not know a definition that comes after the piece.

    The effort for each character is the same at the start and at the end of a text.
    """

    def __init__(self) -> None:
        self._reader: Reader | None = None
        self._text = ""
        self._new: list[str] = []  # what has come since `_text`
        self._size = 0
        self._carriage_return = False
        self._start = 0  # of the tail's last block: all in front of it is finished
        self._read = 0  # characters of the tail that the reader knows
        self._block = _Block()
        self._known: References = {}  # definitions in front of the last block
        self._latest: References = {}  # those behind

    def __repr__(self) -> str:
        """Show how much is waiting."""
        return f"<{type(self).__name__}: tail of {self._size} characters>"

    @property
    def references(self) -> References:
        """The link definitions so far; give them to `render` with each piece and the tail."""
        return self._latest | self._known

    @property
    def tail(self) -> str:
        """The Markdown that is in no piece yet."""
        if self._new:
            self._text = "".join((self._text, *self._new))
            self._new.clear()
        return self._text

    def feed(self, text: str) -> None:
        """Append `text`, which may end anywhere."""
        if self._carriage_return:
            text = "\r" + text
        self._carriage_return = text.endswith("\r")
        if self._carriage_return:
            text = text[:-1]
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        self._new.append(text)
        self._size += len(text)

    def freeze(self, at_least: int, at_most: int | None = None) -> str | None:
        """Take the next piece off the tail, if it has at least `at_least` characters.

        `None` if there is none yet; call again until it is. A block that has not ended stays in the
        tail. When that has grown longer than `at_most` characters, it is cut within the block: code
        and tables go on in the tail with the same first lines, a list with its next item, anything
        else with its next line, and a line with its next word. `at_most=None`: never do so.
        """
        too_long = at_most is not None and self._size > at_most
        if self._size < at_least and not too_long:
            return None
        patient = at_most is None or self._size <= _PATIENCE * at_most
        self._read_lines(patient=patient)
        if self._start and (too_long or self._start >= at_least):
            return self._take(self._start)
        if at_most is None or not too_long:
            return None
        return self._cut(patient=patient)

    def _read_lines(self, *, patient: bool) -> None:
        """Find the last block of the tail's complete lines; what is in front needs no more look."""
        tail = self.tail
        end = tail.rfind("\n") + 1
        # Long HTML that may wait is read again only when it has grown.
        grown = patient and self._block.kind == "html" and (self._read - self._start) // 8
        if end == self._read or end - self._read < grown:
            return
        if self._reader is None:
            self._reader = Reader()
        source = normalise(tail[self._start : end])
        tokens, definitions = self._reader.blocks(source)
        self._block = block = _last_block(tokens, source)
        self._latest = {}
        for label, definition in definitions.items():
            known = definition["map"][0] < block.line
            (self._known if known else self._latest).setdefault(label, definition)
        self._start += sum(map(len, _lines(source)[: block.line]))
        self._read = end

    def _take(self, end: int, *, prefix: str = "", new: bool = False) -> str:
        """Take the tail's start up to `end` off it; the rest starts with `prefix`.

        `new`: what is left is read anew, as a text of its own.
        """
        piece, rest = self.tail[:end], self.tail[end:]
        self._text = prefix + rest
        self._size = len(self._text)
        self._start = 0
        if new:
            self._known = self.references
            self._read, self._block, self._latest = 0, _Block(), {}
        else:
            self._read -= end
        return piece

    def _cut(self, *, patient: bool) -> str | None:
        """Cut within the tail's only block, where it does the least harm."""
        tail, block = self.tail, self._block
        end = tail.rfind("\n") + 1
        broken = 2 * (len(tail) - end) > len(tail)
        if broken:  # the last line ends at a space
            space = tail.rfind(" ", end + 1, -1) + 1
            end = space or end + (len(tail) - end) // 2 + 1
            tail = self._text = f"{tail[:end]}\n{tail[end:]}"
            end += 1
        lines = _lines(tail[:end])
        if block.kind in ("fence", "table"):
            head = 1 if block.kind == "fence" else 2
            count = len(lines) - (not broken)  # something to go on with stays
            if count <= head:
                return None
            end = sum(map(len, lines[:count]))
            piece = self._take(end, prefix="".join(lines[:head]), new=True)
            return f"{piece}{block.markup}\n" if block.kind == "fence" else piece
        if block.kind == "list" and block.item:
            return self._take(sum(map(len, lines[: block.item])), new=True)
        if not lines or (patient and block.kind in ("list", "html")):
            return None
        return self._take(end, new=True)


def _lines(text: str) -> list[str]:
    """Return the lines of a text, with their ends."""
    return [f"{line}\n" for line in text.split("\n")[:-1]]


def _last_block(tokens: list[Token], source: str) -> _Block:
    """Return the last block of the outermost level. Within HTML that is open there are none."""
    lines = source.split("\n")
    count = count_lines(source)
    block = _Block()
    opened: list[Element] = []
    behind = 0  # the line behind the last token
    notes = False
    for token in tokens:
        if token.level == 1 and token.type == "list_item_open" and block.kind == "list":
            block.item = token.map[0] - block.line if token.map else 0
        if token.level or token.nesting < 0 or token.map is None:
            continue
        if not opened and not notes:
            line = token.map[0]
            # Lines of definitions have no token, and may still become part of what follows them.
            while line > behind and lines[line - 1].strip(" \t"):
                line -= 1
            block = _Block(line, *_kind(token, open_end=end_of(token) >= count))
        notes = notes or token.type == "footnote_reference_open"
        if token.type == "html_block" and not LITERAL.match(token.content):
            opened = write_block(Element("div"), opened, token.content.rstrip("\n"))
        behind = end_of(token)
    if opened:
        block.kind = "html"
    return block


def _kind(token: Token, *, open_end: bool) -> tuple[str, str]:
    """Return the kind of a block as far as that matters for a cut, and a fence's markup."""
    match token.type:
        case "fence" if not is_closed(token):
            return "fence", token.markup
        case "table_open" if open_end:
            return "table", ""
        case "bullet_list_open" | "ordered_list_open":
            return "list", ""
        case "html_block" if open_end:
            return "html", ""
    return "", ""
