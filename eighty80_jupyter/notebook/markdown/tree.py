"""From the reader's tokens to a tree of elements, in which nothing is HTML of the text's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement

from eighty80_jupyter.api.code_blocks import DEPTH, info_of
from eighty80_jupyter.notebook.markdown import math
from eighty80_jupyter.notebook.markdown.html import TAG, Writer, write_block
from eighty80_jupyter.notebook.markdown.links import image_label, link_to, picture_at
from eighty80_jupyter.notebook.markdown.unfinished import HALF

if TYPE_CHECKING:
    from markdown_it.token import Token

LITERAL = re.compile(r"\s*<(?:(?:script|style|textarea)(?=[\s>])|[!?])", re.IGNORECASE)


class Tree:
    """Grows by `write`; then `root` has the blocks, and the rest says what is where in it."""

    def __init__(self, *, images: bool) -> None:
        self.root = Element("div")
        self.codes: list[tuple[Element, str, str]] = []  # element, code, info string
        self.leaves: set[Element] = set()  # those whose text was Markdown
        self.inline_codes: set[Element] = set()
        self._images = images
        # What is open, innermost last, and whether a raw tag has opened it.
        self._open: list[tuple[Element, bool]] = [(self.root, False)]
        self._notes = Element("div")
        self._label = ""  # that the next text of a footnote starts with

    def write(self, tokens: list[Token]) -> None:
        """Write a whole text; footnotes come last, whatever they stood in front of."""
        for token in tokens:
            self._block(token)
        if len(self._notes):
            self.root.append(self._notes)

    def _block(self, token: Token) -> None:
        match token.type:
            case "inline":
                self._leaf(self._open[-1][0], token)
            case "fence" | "code_block":
                self._code(token.content, info_of(token))
            case "html_block" if LITERAL.match(token.content):
                self._code(token.content, "html")
            case "html_block":
                self._html(token.content)
            case "hr":
                SubElement(self._open[-1][0], "hr")
            case "footnote_reference_open":
                if not len(self._notes):
                    SubElement(self._notes, "hr")
                self._open.append((SubElement(self._notes, "div"), False))
                self._label = token.meta["label"]
            case "footnote_reference_close":
                note = self._close()
                if self._label:  # it has no text at all
                    Writer(note).leaf("sup", self._label)
                    self._label = ""
            case _ if token.nesting > 0:
                element = SubElement(self._open[-1][0], token.tag, _attributes(token))
                if token.hidden:
                    _unwrap(element)
                self._open.append((element, False))
            case _ if token.nesting < 0:
                self._close()

    def _close(self) -> Element:
        """Close the innermost block, and the tags that it has left open."""
        while True:
            element, raw = self._open.pop()
            if not raw:
                return element

    def _code(self, code: str, info: str) -> None:
        pre = SubElement(self._open[-1][0], "pre")
        self.codes.append((SubElement(pre, "code"), code, info))

    def _html(self, source: str) -> None:
        opened: list[Element] = []
        while self._open[-1][1]:
            opened.insert(0, self._open.pop()[0])
        parent = self._open[-1][0]
        if parent is self.root and not opened:
            parent = SubElement(parent, "div")
            _unwrap(parent)
        for element in write_block(parent, opened, source.rstrip("\n")):
            if len(self._open) >= DEPTH:
                break
            self._open.append((element, True))

    def _leaf(self, element: Element, token: Token) -> None:
        self.leaves.add(element)
        writer = Writer(element)
        if self._label:
            writer.leaf("sup", self._label)
            writer.text(" ")
            self._label = ""
        opened: list[Element | None] = []
        for child in token.children or ():
            self._inline(writer, child, opened)
        writer.flush()

    def _inline(self, writer: Writer, token: Token, opened: list[Element | None]) -> None:
        """Write a token; `opened` are the elements that tokens have opened and none has closed."""
        match token.type:
            case "text":
                writer.text(token.content)
            case "softbreak":
                writer.text("\n")
            case "hardbreak":
                writer.leaf("br")
            case "formula" if math.is_safe(token.content):
                writer.text(f"{math.START}{token.content}{math.END}")
            case "formula" | "code_inline":
                code = writer.leaf("code", token.content)
                if code is not None:
                    self.inline_codes.add(code)
            case "footnote_ref":
                writer.leaf("sup", token.meta["label"])
            case "html_inline" if tag := TAG.fullmatch(token.content):
                writer.tag(tag)
            case "html_inline":
                writer.text(token.content)
            case "image":
                inside = any(element is not None and element.tag == "a" for element in opened)
                self._image(writer, token, inside=inside)
            case "link_open":
                opened.append(writer.open("a", link_to(*_target(token, "href"))))
            case _ if token.nesting > 0:
                opened.append(writer.open(token.tag, {}))
            case _ if token.nesting < 0:
                writer.close(opened.pop())

    def _image(self, writer: Writer, token: Token, *, inside: bool) -> None:
        """Write an image, or what stands for it; `inside` a link that is only text."""
        source, title = _target(token, "src")
        alt = _text(token.children or [])
        picture = picture_at(source) if self._images else None
        if picture:
            attributes = {"src": picture, "alt": alt} | ({"title": title} if title else {})
            writer.close(writer.open("img", attributes))
            return
        link = link_to(source, title)
        element = writer.open("a", link) if "href" in link and not inside else None
        writer.text(image_label(alt, source))
        writer.close(element)


def _attributes(token: Token) -> dict[str, str]:
    if token.tag in ("td", "th"):
        # JupyterLab aligns the cells of a `text/html` output to the right.
        return {"style": str(token.attrs.get("style", "text-align:left"))}
    return {"start": str(token.attrs["start"])} if "start" in token.attrs else {}


def _target(token: Token, name: str) -> tuple[str, str]:
    """Return where a link or an image leads, and its title."""
    destination = str(token.attrs.get(name, ""))
    return "" if destination == HALF else destination, str(token.attrs.get("title", ""))


def _text(tokens: list[Token]) -> str:
    return "".join(
        _text(token.children) if token.children else token.content or "\n" * (token.tag == "br")
        for token in tokens
    )


def _unwrap(element: Element) -> None:
    """Leave what is within `element`, and no tag around it, in the HTML."""
    element.tag = None  # type: ignore[assignment]  # so says Python-Markdown's serializer
