"""Blocks that contain lines, not blocks: paragraphs, code, HTML, tables.

CommonMark, section 4, and GitHub's tables.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement

from eighty80_jupyter.notebook.markdown import math
from eighty80_jupyter.notebook.markdown.html import BLOCK_TAGS, INLINE_TAGS, TAG
from eighty80_jupyter.notebook.markdown.links import (
    References,
    destination_at,
    fold,
    title_at,
    unescape,
)

if TYPE_CHECKING:
    from collections.abc import Container

CODE_INDENT = 4  # columns that make code

_FENCE = re.compile(r"(`{3,})([^`]*)\Z|(~{3,})(.*)\Z", re.DOTALL)
_DELIMITER_ROW = re.compile(r"(?!-[ \t])[-:|][-:| \t]++\Z")
_DELIMITER_CELL = re.compile(r"[ \t]*(:?)-+(:?)[ \t]*\Z")
_LABEL = re.compile(r"\[((?:[^\\\[\]]|\\.){1,999}+)\]:[ \t]*\n?[ \t]*", re.DOTALL)
_AFTER_DESTINATION = re.compile(r"[ \t]*\n?[ \t]*")
_REST_OF_LINE = re.compile(r"[ \t]*(?:\n|\Z)")
_LITERAL = re.compile(
    r"<(script|style|textarea)(?=[\s>]|\Z)|<(?:!--|\?|![A-Za-z]|!\[CDATA\[)", re.IGNORECASE
)
_PRE = re.compile(r"<pre(?=[\s>]|\Z)", re.IGNORECASE)
_PRE_END = re.compile(r"</(?:pre|script|style|textarea)>", re.IGNORECASE)
_BLOCK = re.compile(r"</?([A-Za-z][A-Za-z0-9-]*)(?=\s|/?>|\Z)")
_LITERAL_ENDS = {"!--": "-->", "?": "?>", "![CDATA[": "]]>", "!": ">"}
_CELLS = 50_000  # empty cells that rows with too few of them may add


class Line:
    """What is left of a line while its containers take their markers off it."""

    __slots__ = ("column", "rest")

    def __init__(self, text: str) -> None:
        self.rest = text
        self.column = 0

    @property
    def text(self) -> str:
        """What is left, without the white space in front."""
        return self.rest.lstrip(" \t")

    @property
    def blank(self) -> bool:
        """Whether nothing but spaces and tabs is left."""
        return not self.rest.strip(" \t")

    @property
    def indent(self) -> int:
        """Columns of white space; a tab leads to the next multiple of four."""
        width = len(self.rest) - len(self.rest.lstrip(" \t"))
        if "\t" not in self.rest[:width]:
            return width
        column = self.column
        for character in self.rest[:width]:
            column += 4 - column % 4 if character == "\t" else 1
        return column - self.column

    def take(self, characters: int) -> None:
        """Take off a marker."""
        self.rest = self.rest[characters:]
        self.column += characters

    def take_quote(self) -> None:
        """Take off `>` and the space that may follow."""
        self.dedent(self.indent)
        self.take(1)
        self.dedent(1)

    def dedent(self, columns: int) -> None:
        """Take off white space, at most `columns`; a tab may be taken off in part."""
        position = taken = 0
        while taken < columns and self.rest[position : position + 1] in (" ", "\t"):
            column = self.column + taken
            taken += 4 - column % 4 if self.rest[position] == "\t" else 1
            position += 1
        self.rest = " " * (taken - columns) + self.rest[position:]
        self.column += min(taken, columns)


class Leaf:
    """An open block. `lines` is what it contains so far."""

    def __init__(self, element: Element) -> None:
        self.element = element
        self.lines: list[str] = []


class Paragraph(Leaf):
    """A paragraph, or what may still become a heading, a table or a reference.

    `formula` is the delimiter of a formula that is open at the end of the last line: the lines up
    to its end are no blocks of their own. `held` are these lines, as they came.
    """

    def __init__(self, element: Element) -> None:
        super().__init__(element)
        self.formula: str | None = None
        self.held: list[str] = []
        self.header = False  # whether the last line can be a table's header

    def add(self, text: str, *, header: bool, formulas: Container[str]) -> None:
        """Append a line. `formulas` are the delimiters that may open one."""
        self.lines.append(text.lstrip(" \t"))
        self.header = header
        self.formula = math.unclosed(text, self.formula, formulas)

    def text(self, references: References) -> str:
        """Return the Markdown within; references at its start are moved to `references`."""
        text = "\n".join(self.lines).strip(" \t")
        position = 0
        while text.startswith("[", position) and (end := _reference(text, position, references)):
            position = end
        return text[position:]


def _reference(text: str, start: int, references: References) -> int | None:
    """Read `[label]: destination "title"`; return where the next line starts, or `None`."""
    label = _LABEL.match(text, start)
    if not label or not label[1].strip():
        return None
    found = destination_at(text, label.end())
    if not found:
        return None
    destination, position = found
    title = ""
    end = _REST_OF_LINE.match(text, position)
    after = _AFTER_DESTINATION.match(text, position)
    if after and after.end() > position and (titled := title_at(text, after.end())):
        rest = _REST_OF_LINE.match(text, titled[1])
        if rest:
            title, end = titled[0], rest
    if not end:
        return None
    references.setdefault(fold(label[1]), (destination, title))
    return end.end()


class Fence(Leaf):
    """Code between fences, or up to the end of its container."""

    def __init__(self, element: Element, marker: str, info: str, indent: int) -> None:
        super().__init__(element)
        self.marker = marker
        self.info = unescape(info.strip())
        self.indent = indent
        self.cut = False  # whether the text ends within the last line

    @classmethod
    def start(cls, text: str, indent: int) -> Fence | None:
        """Return the fence that `text` opens, if it does."""
        match = _FENCE.match(text)
        if not match:
            return None
        return cls(Element("pre"), match[1] or match[3], match[2] or match[4] or "", indent)

    def closes(self, line: Line) -> bool:
        """Tell whether `line` is the closing fence."""
        text = line.rest.strip(" \t")
        return (
            line.indent < CODE_INDENT
            and text.startswith(self.marker)
            and not text.strip(self.marker[0])
        )

    @property
    def code(self) -> str:
        """The code, each line with its end."""
        return "\n".join(self.lines) + ("\n" if self.lines and not self.cut else "")


class Indented(Leaf):
    """Code that is indented by four columns."""

    @property
    def code(self) -> str:
        """The code, without the blank lines behind it."""
        while self.lines and not self.lines[-1].strip(" \t"):
            del self.lines[-1]
        return "".join(f"{line}\n" for line in self.lines)


class Html(Leaf):
    """Lines of HTML.

    `end` is what ends them; `None`: a blank line. `literal`: they are shown and take no effect.
    """

    def __init__(self, end: re.Pattern[str] | None, *, literal: bool) -> None:
        super().__init__(Element("pre"))
        self.end = end
        self.literal = literal

    @classmethod
    def start(cls, text: str, *, paragraph: bool) -> Html | None:
        """Return the block of HTML that `text` opens, if it does.

        `paragraph`: it would interrupt one, which not every kind can.
        """
        if not text.startswith("<"):
            return None
        if match := _LITERAL.match(text):
            if match[1]:
                return cls(_PRE_END, literal=True)
            start = next(
                start for start in ("!--", "?", "![CDATA[", "!") if text.startswith(start, 1)
            )
            return cls(re.compile(re.escape(_LITERAL_ENDS[start])), literal=True)
        if _PRE.match(text):
            return cls(_PRE_END, literal=False)
        match = _BLOCK.match(text)
        if match and match[1].lower() in BLOCK_TAGS:
            return cls(None, literal=False)
        match = TAG.match(text)
        alone = match and not text[match.end() :].strip() and not paragraph
        if match and alone and (match["open"] or match["close"]).lower() in INLINE_TAGS:
            return cls(None, literal=False)
        return None


class Table(Leaf):
    """A table, GitHub's kind."""

    def __init__(self, element: Element, names: list[str], alignment: list[str]) -> None:
        super().__init__(element)
        self.alignment = alignment
        self.cells: list[tuple[Element, str]] = []
        self._add(SubElement(element, "thead"), "th", names)
        self._body: Element | None = None
        self._missing = 0

    def row(self, text: str) -> bool:
        """Append a row; `False` if rows with too few cells have made the table too large."""
        cells = _cells(text)
        self._missing += max(len(self.alignment) - len(cells), 0)
        if self._missing > _CELLS:
            return False
        if self._body is None:
            self._body = SubElement(self.element, "tbody")
        self._add(self._body, "td", cells)
        return True

    def _add(self, parent: Element, tag: str, cells: list[str]) -> None:
        row = SubElement(parent, "tr")
        for index, alignment in enumerate(self.alignment):
            # JupyterLab aligns the cells of a `text/html` output to the right.
            cell = SubElement(row, tag, {"style": f"text-align:{alignment or 'left'}"})
            if index < len(cells):
                self.cells.append((cell, cells[index]))


def columns(header: str, delimiters: str) -> tuple[list[str], list[str]] | None:
    """Return the names and alignments of the columns, if the two lines start a table."""
    if "|" not in header or not _DELIMITER_ROW.match(delimiters):
        return None
    cells = delimiters.strip(" \t").split("|")
    alignment: list[str] = []
    for index, cell in enumerate(cells):
        if match := _DELIMITER_CELL.match(cell):
            left, right = match[1], match[2]
            alignment.append(
                "center" if left and right else "left" if left else "right" if right else ""
            )
        elif cell.strip(" \t") or 0 < index < len(cells) - 1:
            return None
    names = _cells(header)
    return (names, alignment) if names and len(names) == len(alignment) else None


def _cells(row: str) -> list[str]:
    r"""Split a row at its pipes; `\|` is a pipe within a cell."""
    cells = [""]
    for part in re.split(r"(\\?\|)", row.strip(" \t")):
        if part == "|":
            cells.append("")
        else:
            cells[-1] += "|" if part == "\\|" else part
    if cells and not cells[0]:
        del cells[0]
    if cells and not cells[-1]:
        del cells[-1]
    return [cell.strip(" \t") for cell in cells]
