"""markdown-it-py as our reader: CommonMark and what models write beside it.

That is GitHub's tables, strikethrough, task lists and footnotes, bare addresses, and formulas.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from linkify_it import LinkifyIt
from mdit_py_plugins.footnote import footnote_plugin

from eighty80_jupyter.api.code_blocks import commonmark
from eighty80_jupyter.notebook.markdown import math, rules, unfinished

if TYPE_CHECKING:
    from collections.abc import Mapping

    from linkify_it.main import Match
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

# The link definitions of a text, as markdown-it-py keeps them: label -> address, title, lines.
References = dict[str, Any]

_FORBIDDEN = re.compile(f"[\x00{math.START}{math.END}\ud800-\udfff]")
_PART_OF_ADDRESS = re.compile(r"://|@|www\.|mailto:", re.IGNORECASE)
_ADDRESS = 2000  # characters of one that starts with `www.`


def normalise(text: str) -> str:
    """Return `text` with plain line ends, and without characters that mean something here."""
    return _FORBIDDEN.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


class Reader:
    """Reads normalised texts into markdown-it-py's tokens. Not to be shared between threads."""

    def __init__(self) -> None:
        self._markdown = _markdown()

    def read(self, text: str, *, partial: bool, references: Mapping[str, Any]) -> list[Token]:
        """Return the tokens of `text`; `partial`: it goes on, and is read as if closed there."""
        if partial:
            text = unfinished.without_undecided_line(text, self.blocks)
        env: dict[str, Any] = {"references": dict(references), "partial": partial}
        return self._markdown.parse(text, env)

    def blocks(self, text: str) -> tuple[list[Token], References]:
        """Return the tokens of the blocks of a text that goes on, and its link definitions."""
        env: dict[str, Any] = {"references": {}, "partial": True}
        return self._markdown.block.parse(text, self._markdown, env, []) or [], env["references"]


class _Addresses(LinkifyIt):  # type: ignore[misc]  # it ships no types
    def pretest(self, text: str) -> bool:
        """Tell whether `text` may contain an address; many times quicker than by itself."""
        return bool(_PART_OF_ADDRESS.search(text))


def _markdown() -> MarkdownIt:
    markdown = commonmark().enable(["table", "strikethrough", "linkify"])
    markdown.options["linkify"] = True
    # Without `fuzzy_link` file names such as `main.py` are no hosts in Paraguay.
    markdown.linkify = _Addresses(options={"fuzzy_link": False})
    for scheme in ("ftp:", "//"):
        markdown.linkify.add(scheme, None)
    markdown.linkify.add("www.", {"validate": _www, "normalize": _to_http})
    markdown.normalizeLink = _as_written  # type: ignore[assignment, method-assign]  # made to be set
    markdown.normalizeLinkText = _as_written  # type: ignore[assignment, method-assign]  # the same

    footnote_plugin(markdown, inline=False, move_to_end=False)
    block, inline, core = markdown.block.ruler, markdown.inline.ruler, markdown.core.ruler
    block.at("footnote_def", rules.footnote, {"alt": ["paragraph", "reference"]})
    block.at("reference", rules.definition)
    block.at("html_block", rules.html, {"alt": ["paragraph", "reference", "blockquote"]})
    block.before("table", "plain_paragraph", rules.plain_paragraph)
    block.at("paragraph", rules.paragraph)
    block.disable("lheading")  # `paragraph` reads these headings, too
    inline.at("text", rules.inline)
    inline.enableOnly("text")  # which asks the others
    markdown.inline.ruler2.after("emphasis", "half_emphasis", unfinished.emphasis)
    core.before("inline", "tasks", rules.tasks)
    core.at("inline", unfinished.inline)
    return markdown


def _as_written(address: str) -> str:
    """Return an address as it was written; `web_address` looks at it."""
    return address


def _www(linkify: LinkifyIt, text: str, start: int) -> int:
    """Return how long the address is that goes on behind `www.`; 0 if there is none."""
    front = "http://www."
    found = linkify.match_at_start(front + text[start : start + _ADDRESS])
    return found.last_index - len(front) if found else 0


def _to_http(_: LinkifyIt, match: Match) -> None:
    match.url = f"http://{match.url}"
