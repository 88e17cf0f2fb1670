"""From a model's Markdown to safe HTML. A model's text is hostile.

The way of a text: markdown-it-py's tokens (`reader`, `unfinished`) -> one tree of elements (`tree`)
-> nothing but formulas for MathJax (`math`) -> nh3, an allow-list -> colours for code (`code`).
Python-Markdown is the frame: here is an extension that registers the stages.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element, ElementTree

import nh3
from markdown import Markdown
from markdown.blockparser import BlockParser
from markdown.extensions import Extension
from markdown.postprocessors import Postprocessor
from markdown.preprocessors import Preprocessor
from markdown.serializers import to_html_string
from markdown.treeprocessors import Treeprocessor
from markdown.util import Registry

from eighty80_jupyter.api.code_blocks import language_of
from eighty80_jupyter.notebook.markdown.code import highlight
from eighty80_jupyter.notebook.markdown.html import BLOCK_TAGS, INLINE_TAGS
from eighty80_jupyter.notebook.markdown.links import picture_at, web_address
from eighty80_jupyter.notebook.markdown.math import END, START, hide_from_mathjax
from eighty80_jupyter.notebook.markdown.reader import Reader, normalise
from eighty80_jupyter.notebook.markdown.stream import Splitter
from eighty80_jupyter.notebook.markdown.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Splitter", "render"]

_ALIGNMENTS = frozenset(f"text-align:{side}" for side in ("left", "center", "right"))
_ATTRIBUTES: dict[str, set[str]] = {
    "*": set(),
    "a": {"href", "target", "title"},
    "abbr": {"title"},
    "details": {"open"},
    "img": {"src", "alt", "title"},
    "ol": {"start"},
    "td": {"style"},
    "th": {"style"},
}
_CODE = re.compile(f"{START}([0-9]+){END}")


def render(
    text: str,
    *,
    partial: bool = False,
    allow_images: bool = False,
    references: Mapping[str, Any] | None = None,
) -> str:
    """Return the Markdown `text` as a fragment of safe HTML, without an element around it.

    `partial`: the text goes on, so that what is open at its end is drawn as if it were closed
    there. `allow_images`: images are loaded over http and https and shown from `data:`; else an
    image is a link that says where it leads. `references` are link definitions of earlier pieces
    of the same text (`Splitter.references`); `None`: there are none.

    Never raises, whatever the text; the time grows with its length, not faster. A formula is left
    as it is for MathJax, or shown as code if it contains links, styles or definitions.
    """
    converter = getattr(_local, "converter", None)
    if converter is None:
        converter = _local.converter = _Converter()
    return converter.render(text, partial=partial, images=allow_images, references=references or {})


# A converter for each thread: a cell and a panel may draw at the same time.
_local = threading.local()


class _Converter(Extension):
    """Python-Markdown with our reader in place of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.tree = Tree(images=False)
        self._partial = False
        self._images = False
        self._references: Mapping[str, Any] = {}
        self._reader = Reader()
        self._markdown = Markdown(extensions=[self], output_format="html")
        self._markdown.serializer = self.serialize

    def render(
        self, text: str, *, partial: bool, images: bool, references: Mapping[str, Any]
    ) -> str:
        self._partial, self._images, self._references = partial, images, references
        try:
            return self._markdown.reset().convert(text)
        finally:
            self.tree = Tree(images=False)  # the text is not kept

    def read(self, text: str) -> Element:
        """Read `text` into a new tree, and return its root."""
        self.tree = Tree(images=self._images)
        self.tree.write(self._reader.read(text, partial=self._partial, references=self._references))
        return self.tree.root

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802  Python-Markdown's name
        """Register the stages."""
        md.preprocessors, md.treeprocessors, md.postprocessors = Registry(), Registry(), Registry()
        md.preprocessors.register(_Normalise(md), "normalise", 10)
        md.parser = _Blocks(md, self)
        md.treeprocessors.register(_MathJax(md, self), "mathjax", 10)
        md.stripTopLevelTags = False
        md.postprocessors.register(_Highlight(md, self), "highlight", 10)

    def serialize(self, root: Element) -> str:
        """Return the HTML of each block, cleaned by itself: none can reach into the next."""
        cleaner = _CLEANERS[self._images]
        chunks = (cleaner.clean(to_html_string(child)).strip() for child in root)
        return "\n".join(filter(None, chunks))


def _filter(tag: str, name: str, value: str) -> str | None:
    """Let through what our own writers write, whatever else got here."""
    match tag, name:
        case "a", "href":
            return value if web_address(value) else None
        case "a", "target":
            return "_blank"
        case "img", "src":
            return value if picture_at(value) else None
        case "ol", "start":
            return value if value.isdecimal() else None
        case _, "style":
            return value if value in _ALIGNMENTS else None
    return value


# For texts whose images may be loaded, and others.
_CLEANERS = {
    images: nh3.Cleaner(
        tags=BLOCK_TAGS | INLINE_TAGS | ({"img"} if images else set()),
        attributes=_ATTRIBUTES,
        attribute_filter=_filter,
        link_rel="noopener noreferrer",
        url_schemes={"http", "https", "mailto", "data"},
    )
    for images in (False, True)
}


class _Normalise(Preprocessor):
    def run(self, lines: list[str]) -> list[str]:
        return normalise("\n".join(lines)).split("\n")


class _Blocks(BlockParser):
    def __init__(self, md: Markdown, converter: _Converter) -> None:
        super().__init__(md)
        self._converter = converter

    def parseDocument(self, lines: Iterable[str]) -> ElementTree:  # noqa: N802  not our name
        """Read the lines."""
        return ElementTree(self._converter.read("\n".join(lines)))


class _MathJax(Treeprocessor):
    def __init__(self, md: Markdown, converter: _Converter) -> None:
        super().__init__(md)
        self._converter = converter

    def run(self, root: Element) -> None:
        """Leave nothing but formulas for MathJax, and numbers in place of code."""
        tree = self._converter.tree
        hide_from_mathjax(root, tree.leaves, tree.inline_codes)
        for index, (element, _, _) in enumerate(tree.codes):
            element.text = f"{START}{index}{END}"
        for element in root.iter():
            # Python-Markdown's serializer leaves alone what looks like an entity.
            if element.text:
                element.text = element.text.replace("&", "&amp;")
            if element.tail:
                element.tail = element.tail.replace("&", "&amp;")
            for name, value in element.items():
                element.set(name, value.replace("&", "&amp;"))


class _Highlight(Postprocessor):
    def __init__(self, md: Markdown, converter: _Converter) -> None:
        super().__init__(md)
        self._converter = converter

    def run(self, text: str) -> str:
        """Put the code in, coloured, after the cleaning: its styles are ours."""
        codes = self._converter.tree.codes

        def colour(match: re.Match[str]) -> str:
            _, code, info = codes[int(match[1])]
            return highlight(code, language_of(info))

        return _CODE.sub(colour, text)
