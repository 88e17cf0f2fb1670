"""The end of a text that goes on: what is open there is read as if it were closed.

The rules do nothing but where `env["unfinished"]` says that they are in the last, open text.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

from markdown_it.token import Token

from eighty80_jupyter.api.code_blocks import count_lines, end_of, is_closed

if TYPE_CHECKING:
    from collections.abc import Callable

    from markdown_it.rules_core import StateCore
    from markdown_it.rules_inline import StateInline

HALF = "\ufdd0"  # the address of a link that is still being written; no character, so in no text

SIGN = re.compile(r"[\n\\`*_~\[\]!<&$:]")  # what is more than text within a block starts with one

_HALF_MARKERS = re.compile(r"[*_~`\\]+\Z")
_BACKTICKS = re.compile(r"`+")
# What follows the text of a link that is still being written, up to the end of the text.
_HALF_LINK = re.compile(
    r"\]\([ \t\n]*+(?:<[^<>\n]*+>?|[^\s<]*+)(?:[ \t\n]++(?:[\"'(].*+)?)?\Z", re.DOTALL
)
# A last line that says nothing yet: it may become a list, a heading, a fence, a table's second row.
_UNDECIDED = re.compile(r"[ \t>]*+(?:[-+*=#_~`|: \t]*+|[0-9]{1,9}[.)]?)\Z")
_LEAVES = ("inline", "fence", "code_block", "html_block", "hr")


def without_undecided_line(text: str, blocks: Callable[[str], tuple[list[Token], Any]]) -> str:
    """Return `text` without its last line, if that does not say yet what it will be.

    `blocks` reads blocks: within code and HTML every line says what it is.
    """
    before, end, last = text.rpartition("\n")
    if not last or not _UNDECIDED.match(last):
        return text
    leaf = _open_leaf(blocks(before + end)[0], count_lines(before + end))
    if leaf is not None and leaf.type in ("html_block", "code_block"):
        return text
    if leaf is not None and leaf.type == "fence" and not is_closed(leaf):
        return text if last.strip(" \t>").strip(leaf.markup[0]) else before
    return before + end


def _open_leaf(tokens: list[Token], lines: int) -> Token | None:
    """Return the last block that has no blocks in it, if it reaches to the text's end."""
    for token in reversed(tokens):
        if token.type in _LEAVES:
            return token if end_of(token) >= lines else None
    return None


def inline(state: StateCore) -> None:
    """Read what stands within the blocks; the last one as unfinished, if the text goes on."""
    parse, env = state.md.inline.parse, state.env
    last = _open_leaf(state.tokens, count_lines(state.src)) if env.get("partial") else None
    for token in state.tokens:
        if token.type != "inline" or not token.content:
            continue
        token.children = []
        if not SIGN.search(token.content):
            token.children = [Token("text", "", 0, content=token.content)]
            continue
        if token is last:
            env["unfinished"] = True
            text = _HALF_MARKERS.sub("", token.content)
            start = text.rfind("](")
            if start >= 0 and _HALF_LINK.match(text, start):
                parse(f"{text[:start]}]({HALF})", state.md, env, token.children)
                if any(HALF in child.attrs.values() for child in token.children):
                    continue
                token.children = []
        else:
            text, env["unfinished"] = token.content, False
        parse(text, state.md, env, token.children)


def code(state: StateInline, silent: bool) -> bool:  # noqa: FBT001  markdown-it-py's
    """Read code whose closing backticks have not come."""
    text, start = state.src, state.pos
    if not state.env.get("unfinished") or text[start] != "`":
        return False
    run = _BACKTICKS.match(text, start)
    end = run.end() if run else start
    if any(len(found[0]) == end - start for found in _BACKTICKS.finditer(text, end)):
        return False
    content = text[end : state.posMax].strip().replace("\n", " ")
    if content and not silent:
        state.push("code_inline", "code", 0).content = content
    state.pos = state.posMax
    return True


def emphasis(state: StateInline) -> None:
    """Close what has been opened, but for markers within a word: these may be anything."""
    if not state.env.get("unfinished"):
        return
    tokens, markers = state.tokens, state.delimiters
    closing: list[Token] = []
    within = False  # whether the run of markers stands behind a letter
    index = 0
    for number, marker in enumerate(markers):
        before = markers[number - 1] if number else None
        if before is None or (before.marker, before.token) != (marker.marker, marker.token - 1):
            within = marker.token > 0 and _ends_in_word(tokens[marker.token - 1])
        if number < index:
            continue
        index = number + 1
        if marker.end >= 0:
            index = marker.end
        elif marker.open and not within:
            tag = "s" if marker.marker == ord("~") else "em"
            after = markers[index] if index < len(markers) else None
            if (
                tag == "em"
                and after is not None
                and (after.end, after.marker, after.token) == (-1, marker.marker, marker.token + 1)
            ):
                tag = "strong"
                tokens[after.token].content = ""
                index += 1
            opening = tokens[marker.token]
            opening.type, opening.tag, opening.nesting, opening.content = f"{tag}_open", tag, 1, ""
            closing.append(Token(f"{tag}_close", tag, -1))
    tokens.extend(reversed(closing))


def _ends_in_word(token: Token) -> bool:
    last = token.content[-1:] if token.type.startswith("text") else ""
    return bool(last) and not (last.isspace() or unicodedata.category(last)[0] in "PS")
