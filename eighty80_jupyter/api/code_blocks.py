"""The fenced blocks of code in a Markdown text.

Source: CommonMark 0.31, 4.5 "Fenced code blocks". markdown-it-py reads.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.token import Token

    Rule = Callable[[StateBlock, int, int, bool], bool]

DEPTH = 32  # levels of lists, items and quotes; what is deeper is text


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """A block of code: its text, each line with its end, and the language in lower case.

    `language` is the first word behind the fence, empty where there is none. `closed` tells whether
    the fence is closed; a reply that was cut ends within its last block.
    """

    language: str
    text: str
    closed: bool = True

    def __str__(self) -> str:
        return self.text


def code_blocks(text: str) -> list[CodeBlock]:
    """Return the fenced blocks of code in `text`, in order; those of a list or a quote too."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = count_lines(text)
    return [
        CodeBlock(
            language_of(info_of(token)),
            token.content,
            closed=is_closed(token) or end_of(token) < lines,
        )
        for token in _reader().parse(text)
        if token.type == "fence"
    ]


def commonmark() -> MarkdownIt:
    """Return a new reader of CommonMark in which no text is lost, however deep it is nested.

    By itself markdown-it-py leaves out what is nested too deep.
    """
    from markdown_it import MarkdownIt  # noqa: PLC0415  # the first reply
    from markdown_it.rules_block import blockquote, list_block  # noqa: PLC0415  # the same

    reader = MarkdownIt("commonmark", {"maxNesting": 3 * DEPTH})
    interrupted = ["paragraph", "reference", "blockquote"]
    reader.block.ruler.at("blockquote", _bounded(blockquote), {"alt": [*interrupted, "list"]})
    reader.block.ruler.at("list", _bounded(list_block), {"alt": interrupted})
    return reader


def _bounded(rule: Rule) -> Rule:
    def bounded(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: FBT001  markdown-it-py's
        return state.level < DEPTH and rule(state, start, end, silent)

    return bounded


@functools.cache
def _reader() -> MarkdownIt:
    return commonmark().disable("inline")


def count_lines(text: str) -> int:
    """Return how many lines `text` has, as the tokens count them."""
    return text.count("\n") + (not text.endswith("\n"))


def end_of(token: Token) -> int:
    """Return the number of the line behind a block."""
    return token.map[1] if token.map else 0


def is_closed(fence: Token) -> bool:
    """Tell whether a block of code has its closing fence."""
    first, end = fence.map or (0, 0)
    return end - first - 1 > (count_lines(fence.content) if fence.content else 0)


def info_of(fence: Token) -> str:
    """Return what stands behind the opening fence."""
    from markdown_it.common.utils import unescapeAll  # noqa: PLC0415  # the first reply

    return unescapeAll(fence.info).strip()


def language_of(info: str) -> str:
    """Return the language that a fence's info string names: its first word, lower case."""
    words = info.split(maxsplit=1)
    return words[0].strip("{}.").lower() if words else ""
