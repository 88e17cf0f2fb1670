"""The rules that are added to markdown-it-py's, or stand in place of them.

They keep to markdown-it-py's own form: a rule of blocks gets the first line and the one behind the
last; `silent` asks whether the rule would match. Sources: CommonMark 0.31, 4 and 6; GitHub's
extensions.
"""

# ruff: noqa: FBT001  the parameters are markdown-it-py's

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from markdown_it import rules_inline as stock
from markdown_it.rules_block import html_block, reference
from mdit_py_plugins.footnote.index import footnote_def, footnote_ref

from eighty80_jupyter.notebook.markdown import math, unfinished
from eighty80_jupyter.notebook.markdown.html import BLOCK_TAGS, INLINE_TAGS

if TYPE_CHECKING:
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_core import StateCore
    from markdown_it.rules_inline import StateInline

_UNDERLINE = re.compile(r"(=++|-++)[ \t]*+\Z")
_TAG_NAME = re.compile(r"</?([A-Za-z][A-Za-z0-9-]*)")
_TAGS = BLOCK_TAGS | INLINE_TAGS | {"script", "style", "textarea"}  # the last are shown as code
_TASK = re.compile(r"\[([ xX])\](?=\s)")
_NUMBER = re.compile(r"\[\^([0-9]{1,4})\]")
_CODE_INDENT = 4  # columns


def _line(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]


def footnote(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read a footnote's text; only at the outermost level, so that none is within another."""
    return (silent or not state.level) and footnote_def(state, start, end, silent)


def definition(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read a link's definition; a footnote's text is none, and would not be shown."""
    return not _line(state, start).startswith("[^") and reference(state, start, end, silent)


def _footnote_number(state: StateInline, silent: bool) -> bool:
    """Read `[^1]`, whose text may be in a later piece; other labels need a footnote's text."""
    match = _NUMBER.match(state.src, state.pos, state.posMax)
    if match and not silent:
        state.push("footnote_ref", "", 0).meta = {"label": match[1]}
    if match:
        state.pos = match.end()
    return bool(match)


def html(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read a block of HTML, if the tag may take effect: what follows any other is Markdown."""
    match = _TAG_NAME.match(_line(state, start))
    if match and match[1].lower() not in _TAGS:
        return False
    return html_block(state, start, end, silent)


def tasks(state: StateCore) -> None:
    """Draw the boxes of task lists as characters."""
    for (item, paragraph), (_, content) in pairwise(pairwise(state.tokens)):
        if (item.type, paragraph.type) == ("list_item_open", "paragraph_open"):
            match = _TASK.match(content.content)
            if match:
                box = "☐" if match[1] == " " else "☑"
                content.content = box + content.content[match.end() :]


def plain_paragraph(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read a paragraph that starts with a letter, as most blocks do, before other rules look."""
    line = _line(state, start)
    return (
        not silent
        and line[:1].isalpha()
        and not state.is_code_block(start)
        and not (start + 1 < end and _line(state, start + 1)[:1] in tuple("|:-"))
        and paragraph(state, start, end, silent)
    )


def paragraph(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: ARG001  the same
    r"""Read a paragraph, or a heading that is underlined.

    Unlike markdown-it-py's two rules, this one lets no block start between `$$` and `$$`, or `\[`
    and `\]`. If a formula has no end, its lines are read once more without it; none of these can
    be its start then, so that the time is linear.
    """
    rules = state.md.block.ruler.getRules("paragraph")
    closed_until: dict[str, int] = state.env.setdefault("no_formula", {})
    parent, state.parentType = state.parentType, "paragraph"
    formula: str | None = None  # which one is open in front of the line
    opened, outer = start, formula  # where it was opened, and what was open there
    accepted, line, level = start, start, 0
    while line < state.lineMax and not state.isEmpty(line):
        if (
            formula is None
            and line > accepted
            and state.sCount[line] - state.blkIndent < _CODE_INDENT
        ):
            inside = state.sCount[line] >= state.blkIndent and line < end
            underline = _UNDERLINE.match(_line(state, line)) if inside else None
            if underline:
                level = 1 if underline[1][0] == "=" else 2
                break
            # A negative number is a quote's lazy line, which that rule has looked at.
            lazy = state.sCount[line] < 0
            if not lazy and any(rule(state, line, end, True) for rule in rules):  # noqa: FBT003  the same
                break
        accepted = max(accepted, line)
        allowed = [sign for sign in math.SPANNING if line >= closed_until.get(sign, 0)]
        after = math.unclosed(_line(state, line), formula, allowed)
        if after != formula:
            opened, outer, formula = line, formula, after
        line += 1
        if formula and not _continues(state, line):
            if line >= state.lineMax and state.env.get("partial"):
                break
            closed_until[formula] = line
            accepted = line = opened
            formula = outer
    state.parentType = parent
    text = "\n".join(_line(state, number) for number in range(start, line)).strip(" \t")
    state.line = line + bool(level)
    kind, tag = ("heading", f"h{level}") if level else ("paragraph", "p")
    state.push(f"{kind}_open", tag, 1).map = [start, state.line]
    content = state.push("inline", "", 0)
    content.map, content.content, content.children = [start, line], text, []
    state.push(f"{kind}_close", tag, -1)
    return True


def _continues(state: StateBlock, line: int) -> bool:
    """Tell whether `line` is one more of the block and the container that are open."""
    return (
        line < state.lineMax
        and not state.isEmpty(line)
        and state.sCount[line] >= max(state.blkIndent, 0)
    )


def inline(state: StateInline, silent: bool) -> bool:
    """Read text up to the next sign, or what the sign starts.

    By itself markdown-it-py stops at three times as many signs, and tries every rule there.
    """
    sign = unfinished.SIGN.search(state.src, state.pos, state.posMax)
    end = sign.start() if sign else state.posMax
    if sign and end == state.pos:
        return any(rule(state, silent) for rule in _INLINE[sign[0]])
    if not silent:
        state.append_pending(state.src[state.pos : end])
    state.pos = end
    return True


def _formula(state: StateInline, silent: bool) -> bool:
    text, start = state.src, state.pos
    opening = next((sign for sign in math.OPENING if text.startswith(sign, start)), None)
    if opening is None:
        return False
    found: math.Formulas | None = state.env.get("formulas")
    if found is None or found.text is not text:
        found = state.env["formulas"] = math.Formulas(text)
    end = found.end(start, opening)
    kind, content = "formula", text[start:end]
    if end is None and state.env.get("unfinished") and math.may_be_half(text, start, opening):
        # What is on the way is drawn when it is whole: nobody reads half a formula's source.
        kind, content, end = "text", "", state.posMax
    elif end is None and opening == "$$":
        kind, content, end = "text", "$$", start + 2
    if end is None:
        return False
    if not silent:
        state.push(kind, "", 0).content = content
    state.pos = end
    return True


_INLINE = {
    "\n": (stock.newline,),
    "\\": (_formula, stock.escape),
    "`": (unfinished.code, stock.backtick),
    "*": (stock.emphasis.tokenize,),
    "_": (stock.emphasis.tokenize,),
    "~": (stock.strikethrough.tokenize,),
    "[": (stock.link, _footnote_number, footnote_ref),
    "]": (),
    "!": (stock.image,),
    "<": (stock.autolink, stock.html_inline),
    "&": (stock.entity,),
    "$": (_formula,),
    ":": (stock.linkify,),
}
