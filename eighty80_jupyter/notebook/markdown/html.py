"""HTML inside Markdown: which tags pass, how they nest, and how a tree grows.

As on GitHub, harmless tags that a model writes into its text take effect, without their attributes.
Every other tag is shown as it was written: a reader of `<MyComponent>` or `<script>` must see it.
"""

from __future__ import annotations

import html
import itertools
import re
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement

from eighty80_jupyter.notebook.markdown.links import web_address

if TYPE_CHECKING:
    from collections.abc import Mapping

BLOCK_TAGS = frozenset(
    "article blockquote caption dd details div dl dt figcaption figure h1 h2 h3 h4 h5 h6 hr "  # noqa: SIM905  one name a line would be no easier to read
    "li ol p section summary table tbody td tfoot th thead tr ul".split()
)
# No `wbr`: MathJax looks through it, and `\<wbr>(` would open a formula.
INLINE_TAGS = frozenset(
    "a abbr b bdi br cite code del dfn em i ins kbd mark pre q rp rt ruby s samp small span "  # noqa: SIM905  the same
    "strong sub sup u var".split()
)
VOID_TAGS = frozenset({"br", "hr"})
# These stay open over blank lines, so that Markdown can stand between the tags.
SPANNING_TAGS = BLOCK_TAGS - VOID_TAGS - {"caption", "figcaption", "summary"}

TAG = re.compile(
    r"""<(?:
        (?P<open>[A-Za-z][A-Za-z0-9-]*+)
        (?P<attributes>(?:\s++[A-Za-z_:][A-Za-z0-9:._-]*+
            (?:\s*+=\s*+(?:[^"'=<>`\x00-\x20]++|'[^']*+'|"[^"]*+"))?+)*+)
        \s*+/?+
      | /(?P<close>[A-Za-z][A-Za-z0-9-]*+)\s*+
    )>""",
    re.VERBOSE,
)
_ATTRIBUTE = re.compile(
    r"""([A-Za-z_:][A-Za-z0-9:._-]*+)\s*+=\s*+(?:([^"'=<>`\x00-\x20]++)|'([^']*+)'|"([^"]*+)")"""
)
_DEPTH = 40  # elements within elements; deeper ones are left out, their text stays


def attributes_of(tag: str, source: str) -> dict[str, str] | None:
    """Return what is kept of a raw tag's attributes, or `None` if the tag must not take effect."""
    found = {
        name.lower(): html.unescape(bare or single or double)
        for name, bare, single, double in _ATTRIBUTE.findall(source)
    }
    if tag == "a":
        href = web_address(found.get("href", ""))
        return {"href": href, "target": "_blank"} if href else None
    if tag == "ol" and re.fullmatch(r"[0-9]{1,9}", found.get("start", "")):
        return {"start": found["start"]}
    if tag == "details" and re.search(r"\sopen(?![\w-])", source):
        return {"open": "open"}
    if tag == "abbr" and "title" in found:
        return {"title": found["title"]}
    return {}


class Writer:
    """Writes text and elements at the growing end of a tree; whatever it is told, the tree nests.

    `opened` are the elements that raw tags opened before and that a raw tag may close now.
    """

    def __init__(self, root: Element, opened: list[Element] | None = None) -> None:
        self._stack: list[tuple[Element, bool]] = [(root, False)]
        self._stack += [(element, True) for element in opened or ()]
        self._pending: list[str] = []

    @property
    def opened(self) -> list[Element]:
        """The elements that are open below the root, outermost first."""
        return [element for element, _ in self._stack[1:]]

    def text(self, text: str) -> None:
        """Append `text`."""
        self._pending.append(text)

    def flush(self) -> None:
        """Move the text that was held back into the tree."""
        if not self._pending:
            return
        text = "".join(self._pending)
        self._pending.clear()
        parent = self._stack[-1][0]
        if len(parent):
            parent[-1].tail = (parent[-1].tail or "") + text
        else:
            parent.text = (parent.text or "") + text

    def leaf(self, tag: str, text: str | None = None) -> Element | None:
        """Append an element that nothing is written into later."""
        element = self.open(tag, {})
        if element is not None:
            element.text = text
            self.close(element)
        elif text:
            self.text(text)
        return element

    def open(self, tag: str, attributes: Mapping[str, str], *, raw: bool = False) -> Element | None:
        """Open an element; `None` if elements already nest too deep."""
        if len(self._stack) > _DEPTH:
            return None
        self.flush()
        element = SubElement(self._stack[-1][0], tag, dict(attributes))
        self._stack.append((element, raw))
        return element

    def close(self, element: Element | None) -> None:
        """Close `element` and what is still open within; nothing happens if it is not open."""
        for position, (candidate, _) in enumerate(self._stack):
            if candidate is element and position:
                self.flush()
                del self._stack[position:]
                return

    def close_raw(self, tag: str) -> bool:
        """Close the innermost element that a raw tag opened as `tag`; `False` if there is none."""
        for element, raw in reversed(self._stack):
            if raw and element.tag == tag:
                self.close(element)
                return True
        return False

    def tag(self, match: re.Match[str]) -> None:
        """Write a raw tag: as an element if it may take effect, else as text."""
        name = (match["open"] or match["close"]).lower()
        if name in BLOCK_TAGS or name in INLINE_TAGS:
            if match["close"]:
                if name not in VOID_TAGS and self.close_raw(name):
                    return
            else:
                attributes = attributes_of(name, match["attributes"])
                if attributes is not None:
                    element = self.open(name, attributes, raw=True)
                    if name in VOID_TAGS:
                        self.close(element)
                    if element is not None:
                        return
        self.text(match[0])

    def html(self, source: str) -> None:
        """Write a block of HTML: tags, and text that is not Markdown."""
        position = 0
        for match in TAG.finditer(source):
            self.text(html.unescape(source[position : match.start()]))
            self.tag(match)
            position = match.end()
        self.text(html.unescape(source[position:]))
        self.flush()


def write_block(parent: Element, opened: list[Element], source: str) -> list[Element]:
    """Write a block of HTML into `parent`; return what it leaves open, outermost first.

    `opened` are the elements below `parent` that earlier blocks have left open.
    """
    writer = Writer(parent, opened)
    writer.html(source)
    return list(itertools.takewhile(lambda element: element.tag in SPANNING_TAGS, writer.opened))
