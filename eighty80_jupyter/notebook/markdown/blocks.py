"""From lines to a tree of blocks, a line at a time.

CommonMark's appendix, "Phase 1: block structure", with GitHub's tables and formulas of several
lines. A line first takes the markers of the containers that it continues, then starts new blocks,
and what is left is text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement

from eighty80_jupyter.notebook.markdown.leaves import (
    CODE_INDENT,
    Fence,
    Html,
    Indented,
    Leaf,
    Line,
    Paragraph,
    Table,
    columns,
)
from eighty80_jupyter.notebook.markdown.math import SPANNING
from eighty80_jupyter.notebook.markdown.tree import DEPTH, Container, Tree

if TYPE_CHECKING:
    from eighty80_jupyter.notebook.markdown.links import References

_HEADING = re.compile(r"(#{1,6})(?=[ \t]|\Z)")
_UNDERLINE = re.compile(r"(=++|-++)[ \t]*+\Z")
_RULE = re.compile(r"(?:(?:\*[ \t]*+){3,}+|(?:-[ \t]*+){3,}+|(?:_[ \t]*+){3,}+)\Z")
_ITEM = re.compile(r"([-+*]|([0-9]{1,9})[.)])(?=[ \t]|\Z)")
_PADDING = 4  # columns at most between an item's marker and its content
# A last line that says nothing yet: it may become a list, a heading, a fence, a table's second row.
_UNDECIDED = re.compile(r"[ \t>]*+(?:[-+*=#_~`|: \t]*+|[0-9]{1,9}[.)]?)\Z")


class Document(Tree):
    """Reads lines with `feed`, then `close`; the results are the tree's public attributes."""

    def __init__(self, references: References) -> None:
        super().__init__(references)
        self.unfinished: Element | None = None  # the element whose text was open at the end
        self.item = 0  # the line at which the last item of a list of the outermost level started
        self._heading: Element | None = None  # that the last line was
        self._no_formula: dict[str, int] = {}  # delimiter -> the first line that it may open one at

    def feed(self, text: str) -> None:
        """Read one line, without its end."""
        line = Line(text)
        matched = self._match(line)
        within = matched == len(self.open)
        leaf = self.leaf
        if isinstance(leaf, Paragraph) and leaf.formula:
            if not within or line.blank:
                self._give_up_formula(leaf)
                self.feed(text)
                return
            before = leaf.formula
            leaf.held.append(text)
            leaf.add(line.rest, header=leaf.header, formulas=self._formulas())
            if leaf.formula != before:
                leaf.held.clear()
        else:
            self._heading = None
            blank = line.blank
            if not (within and leaf and self._continue(leaf, line)):
                self._start_blocks(line, matched)
            elif isinstance(leaf, (Fence, Html)):
                blank = False
            self.blank = self.quotes if blank else None
        self.lines += 1

    def close(self, *, partial: bool = False, cut: bool = False) -> None:
        """End the document.

        `partial`: the text goes on, so its last element is `unfinished`. `cut`: the last line had
        no end.
        """
        while isinstance(self.leaf, Paragraph) and self.leaf.formula and not partial:
            self._give_up_formula(self.leaf)
        leaf, first = self.leaf, len(self.texts)
        if isinstance(leaf, Fence):
            leaf.cut = cut
        self.close_to(0)
        if partial and isinstance(leaf, (Paragraph, Table)) and len(self.texts) > first:
            self.unfinished = self.texts[-1][0]
        elif partial:
            self.unfinished = self._heading

    def undecided(self, text: str) -> bool:
        """Tell whether `text`, the start of the next line, does not say yet what that will be."""
        if isinstance(self.leaf, Fence):
            return not text.strip(" \t>").strip(self.leaf.marker[0])
        return not isinstance(self.leaf, (Html, Indented)) and bool(_UNDECIDED.match(text))

    def _match(self, line: Line) -> int:
        """Take off the markers of the containers that `line` continues; return how many do."""
        for index, container in enumerate(self.open):
            if container.kind == "quote":
                if line.indent >= CODE_INDENT or not line.text.startswith(">"):
                    return index
                line.take_quote()
            elif container.kind == "item":
                if line.blank:
                    if not len(container.element) and self.leaf is None:
                        return index
                elif line.indent < container.indent:
                    return index
                line.dedent(container.indent)
        return len(self.open)

    def _continue(self, leaf: Leaf, line: Line) -> bool:
        """Give `line` to the open leaf if no other block can start there."""
        match leaf:
            case Fence() if leaf.closes(line):
                self.close_leaf()
            case Fence():
                line.dedent(leaf.indent)
                leaf.lines.append(line.rest)
            case Indented() if line.blank or line.indent >= CODE_INDENT:
                line.dedent(CODE_INDENT)
                leaf.lines.append(line.rest)
            case Html() if leaf.end or not line.blank:
                leaf.lines.append(line.rest)
                if leaf.end and leaf.end.search(line.rest):
                    self.close_leaf()
            case _:
                return False
        return True

    def _start_blocks(self, line: Line, matched: int) -> None:
        """Start the blocks that `line` starts, and add the rest to a paragraph or a table."""
        within = matched == len(self.open)
        leaf = self.leaf
        while not line.blank:
            paragraph = leaf if isinstance(leaf, Paragraph) else None
            if line.indent >= CODE_INDENT:
                if paragraph is None:
                    line.dedent(CODE_INDENT)
                    self.begin(Indented(Element("pre")), matched).lines.append(line.rest)
                    return
                break
            text = line.text
            interrupted = paragraph if within else None
            if interrupted and (
                self._table(interrupted, text) or self._underline(interrupted, text)
            ):
                return
            if self._start_leaf(text, line.indent, matched, paragraph=paragraph is not None):
                return
            if text[0] == ">" and len(self.open) < DEPTH:
                parent = self.place(matched)
                line.take_quote()
                self.open.append(Container("quote", SubElement(parent.element, "blockquote")))
            elif not self._start_item(line, matched, paragraph=interrupted is not None):
                break
            matched, leaf, within = len(self.open), None, True
        if line.blank:
            self.close_to(matched)
        elif not (isinstance(leaf, Table) and within and leaf.row(line.rest)):
            if not isinstance(leaf, Paragraph):
                leaf, within = self.begin(Paragraph(Element("p")), matched), True
            header = within and line.indent < CODE_INDENT
            leaf.add(line.rest, header=header, formulas=self._formulas() if within else ())

    def _start_leaf(self, text: str, indent: int, matched: int, *, paragraph: bool) -> bool:
        """Start a heading, a fence, a rule or HTML if that is what `text` is."""
        if match := _HEADING.match(text):
            content = text[match.end() :].strip(" \t")
            stripped = content.rstrip("#")
            if not stripped or stripped[-1] in " \t":
                content = stripped.rstrip(" \t")
            parent = self.place(matched)
            self._heading = SubElement(parent.element, f"h{len(match[1])}")
            self.texts.append((self._heading, content))
        elif text[0] in "`~" and (fence := Fence.start(text, indent)):
            self.begin(fence, matched)
        elif text[0] in "*-_" and _RULE.match(text):
            SubElement(self.place(matched).element, "hr")
        elif text[0] == "<" and (html := Html.start(text, paragraph=paragraph)):
            self.place(matched)
            self.leaf = html
            html.lines.append(" " * indent + text)
            if html.end and html.end.search(text):
                self.close_leaf()
        else:
            return False
        return True

    def _start_item(self, line: Line, matched: int, *, paragraph: bool) -> bool:
        """Start a list's item if `line` is one; `paragraph`: only one that can interrupt that."""
        match = _ITEM.match(line.text)
        if not match or len(self.open) + 1 >= DEPTH:
            return False
        empty = not match.string[match.end() :].strip(" \t")
        if paragraph and (empty or (match[2] and int(match[2]) != 1)):
            return False
        indent = line.indent
        line.dedent(indent)
        line.take(len(match[0]))
        padding = 1 if empty or line.indent > _PADDING else line.indent
        line.dedent(padding)
        parent = self.place(matched, match[1][-1])
        if parent.kind != "list":
            start = {"start": str(int(match[2]))} if match[2] and int(match[2]) != 1 else {}
            element = SubElement(parent.element, "ol" if match[2] else "ul", start)
            parent = Container("list", element, marker=match[1][-1])
            self.open.append(parent)
        if parent is self.open[1]:
            self.item = self.lines
        item = SubElement(parent.element, "li")
        self.open.append(Container("item", item, indent=indent + len(match[0]) + padding))
        return True

    def _table(self, paragraph: Paragraph, text: str) -> bool:
        """Turn the paragraph's last line into a table's header if `text` is the row below that."""
        found = columns(paragraph.lines[-1], text) if paragraph.header else None
        if found is None:
            return False
        del paragraph.lines[-1]
        if paragraph.lines:
            self.begin(Table(Element("table"), *found), len(self.open), back=1)
        else:
            paragraph.element.tag = "table"
            self.leaf = Table(paragraph.element, *found)
        return True

    def _underline(self, paragraph: Paragraph, text: str) -> bool:
        """Turn the paragraph into a heading if `text` underlines it."""
        match = _UNDERLINE.match(text)
        if not match:
            return False
        content = paragraph.text(self.references)
        if not content:
            paragraph.lines.clear()
            return False
        self._heading = paragraph.element
        self._heading.tag = "h1" if match[1][0] == "=" else "h2"
        self.texts.append((self._heading, content))
        self.leaf = None
        return True

    def _formulas(self) -> list[str]:
        """Return the delimiters that may open a formula of several lines here."""
        return [opening for opening in SPANNING if self.lines >= self._no_formula.get(opening, 0)]

    def _give_up_formula(self, paragraph: Paragraph) -> None:
        """Read the lines again that were taken for a formula's: it has no end."""
        held, paragraph.held = paragraph.held, []
        del paragraph.lines[len(paragraph.lines) - len(held) :]
        # None of these lines closes it, so that none needs to be tried as its start.
        self._no_formula[paragraph.formula or ""] = self.lines
        paragraph.formula = None
        self.lines -= len(held)
        for text in held:
            self.feed(text)
