"""What is open while lines are read, and the tree that grows below it.

Containers (quotes, lists, their items, HTML that spans blocks) are a stack; the innermost may have
an open leaf. A new block closes what its line does not continue.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from xml.etree.ElementTree import Element, SubElement

from eighty80_jupyter.notebook.markdown.html import SPANNING_TAGS, Writer
from eighty80_jupyter.notebook.markdown.leaves import Fence, Html, Indented, Leaf, Paragraph, Table

if TYPE_CHECKING:
    from eighty80_jupyter.notebook.markdown.links import References

DEPTH = 32  # containers within containers; what is deeper stays text
_Leaf = TypeVar("_Leaf", bound=Leaf)


@dataclass(slots=True, eq=False)
class Container:
    """An open block that contains blocks."""

    kind: str  # "document", "quote", "list", "item", "html"
    element: Element
    indent: int = 0  # of an item's content, in columns
    marker: str = ""  # a list's bullet or delimiter
    loose: bool = False  # whether blank lines stand between a list's items or their blocks


class Tree:
    """The blocks so far. `references` are those of earlier text, and get those of this text."""

    def __init__(self, references: References) -> None:
        self.root = Element("div")
        self.references = references
        self.texts: list[tuple[Element, str]] = []  # Markdown that is to be written into an element
        self.codes: list[tuple[Element, str, str]] = []  # element, code, info string
        self.starts: list[int] = []  # lines at which a block of the outermost level started
        self.lines = 0  # how many were read
        self.leaf: Leaf | None = None
        self.open = [Container("document", self.root)]
        self.blank: int | None = None  # if the last line was blank: within how many quotes

    @property
    def outermost(self) -> str:
        """The kind of the container that is open at the outermost level, "" if none is."""
        return self.open[1].kind if len(self.open) > 1 else ""

    @property
    def quotes(self) -> int:
        """How many quotes are open."""
        return sum(container.kind == "quote" for container in self.open)

    def forget(self) -> None:
        """Drop the results so far. What is open stays open."""
        for results in (self.texts, self.codes, self.starts):
            results.clear()
        del self.root[:-1]

    def place(self, matched: int, marker: str = "", *, back: int = 0) -> Container:
        """Close all but the first `matched` containers; return the one for a new block.

        `marker` is that of a list's item. The block started `back` lines ago.
        """
        self.close_to(matched)
        if self.open[-1].kind == "list" and self.open[-1].marker != marker:
            self._pop()
        parent = self.open[-1]
        if len(parent.element) and self.blank == self.quotes:
            parent.loose = True
            if parent.kind == "item":
                self.open[-2].loose = True
        if len(self.open) == 1:
            self.starts.append(self.lines - back)
        return parent

    def begin(self, leaf: _Leaf, matched: int, *, back: int = 0) -> _Leaf:
        """Open `leaf` in the place for a new block, and return it."""
        self.place(matched, back=back).element.append(leaf.element)
        self.leaf = leaf
        return leaf

    def close_to(self, count: int) -> None:
        """Close the leaf, and all but the first `count` containers."""
        within = count >= len(self.open)
        self.close_leaf()  # HTML may open and close containers
        while not within and len(self.open) > max(count, 1):
            self._pop()

    def close_leaf(self) -> None:
        """Close the leaf, if one is open."""
        leaf, self.leaf = self.leaf, None
        match leaf:
            case Paragraph():
                text = leaf.text(self.references)
                if text:
                    self.texts.append((leaf.element, text))
                else:  # it had nothing but references
                    del self.open[-1].element[-1]
            case Fence() | Indented():
                info = leaf.info if isinstance(leaf, Fence) else ""
                self.codes.append((SubElement(leaf.element, "code"), leaf.code, info))
            case Table():
                self.texts += leaf.cells
            case Html(literal=True):
                pre = SubElement(self.open[-1].element, "pre")
                self.codes.append((SubElement(pre, "code"), "\n".join((*leaf.lines, "")), "html"))
            case Html():
                self._write_html("\n".join(leaf.lines))

    def _write_html(self, source: str) -> None:
        spanning: list[Element] = []
        while self.open[-1].kind == "html":
            spanning.insert(0, self.open.pop().element)
        parent = self.open[-1].element
        if parent is self.root and not spanning:
            parent = SubElement(parent, "div")
            _unwrap(parent)
        writer = Writer(parent, spanning)
        writer.html(source)
        for element in writer.opened:
            if element.tag not in SPANNING_TAGS or len(self.open) >= DEPTH:
                break
            self.open.append(Container("html", element))

    def _pop(self) -> None:
        container = self.open.pop()
        if container.kind != "list" or container.loose:
            return
        for item in container.element:
            unwrapped = False
            for child in item:
                # Never two in a row: their texts would run into one.
                unwrapped = child.tag == "p" and not unwrapped
                if unwrapped:
                    _unwrap(child)


def _unwrap(element: Element) -> None:
    """Leave what is within `element`, and no tag around it, in the HTML."""
    element.tag = None  # type: ignore[assignment]  # so says Python-Markdown's serializer
