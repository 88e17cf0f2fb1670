r"""Formulas: where they are, which may be typeset, and how to keep MathJax off everything else.

JupyterLab, Notebook and nbconvert let MathJax look for `$…$`, `$$…$$`, `\(…\)`, `\[…\]` and
`\begin{…}` in the text of an output. It sees one string from tag to tag (only `<br>` joins), so a
`<span>` around a dollar hides it. The search for a formula's end is MathJax's own (FindTeX.ts,
`findEnd`), so that what is checked here is what is typeset there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

if TYPE_CHECKING:
    from collections.abc import Container

# Around a formula in the tree's text until `hide_from_mathjax` has run. No input contains these.
START, END = "\x02", "\x03"

# Longest first. Those that span may go on over several lines that look like lists or headings.
OPENING = ("$$", "$", "\\(", "\\[")
SPANNING = ("$$", "\\[")

_CLOSING = {"$": "$", "$$": "$$", "\\(": "\\)", "\\[": "\\]"}
_ENDS = {
    opening: re.compile(re.escape(closing) + r"|\\[^\n\r\u2028\u2029]|[{}]")
    for opening, closing in _CLOSING.items()
}
_LIMIT = 5_000  # characters of one formula
_HALF = 150  # of one that opens with a single dollar and is not closed yet
_DEPTH = 50  # braces within braces
# Links, styles, classes, ids, code of its own, and everything that defines or assembles further
# commands: MathJax keeps definitions for the whole page.
_UNSAFE = re.compile(
    r"\\(?:href|url|style|class|cssId|data|unicode|bbox|mmlToken|includegraphics|require|html\w*"
    r"|texttip|mathtip|toggle|[egx]?def|let|futurelet|global|csname|expandafter|catcode|special"
    r"|input|include|setOptions|mathtoolsset|usetagform|definecolor|Newextarrow"
    r"|(?:new|renew|provide)(?!line(?![A-Za-z]))[A-Za-z]+|Declare[A-Za-z]+)(?![A-Za-z])"
)
_CODE_OR_UNSAFE = re.compile(rf"((`+)(?!`).*?(?<!`)\2(?!`))|{_UNSAFE.pattern}")
# What takes a length; and what takes a number without a unit, in parts of an em.
_SIZING = re.compile(
    r"\\(?:rule|Rule|Space|[hvm]space|[hvm]skip|m?kern|raise|raisebox|lower|moveleft|moveright"
    r"|above|abovewithdelims|genfrac|minCDarrowwidth|minCDarrowheight)(?![A-Za-z])"
    r"|\\(?:\\|cr(?![A-Za-z]))\s*\*?\s*\["
)
_UNITLESS = re.compile(r"\\(?:uproot|leftroot|skew)\s*\{?\s*[-+]?[0-9]{3}")
_LENGTH = re.compile(r"([.,][0-9]+|[0-9]+(?:[.,][0-9]*)?)\s*(em|ex|p[txc]|in|[cm]m|mu)")
_EMS = {
    "em": 1.0, "ex": 0.43, "pt": 0.1, "px": 0.1, "pc": 1.2, "in": 7.2, "cm": 2.9, "mm": 0.29,
    "mu": 1 / 18,
}  # fmt: skip
_ROOM = 50.0  # em: what the lengths of a formula may come to
# What starts a formula, an environment, a reference or an escape for MathJax.
_WATCHED = re.compile(
    rf"{START}([^{END}]*){END}|\$|\\(?=[\\$()\[\]{START}]|begin|end|(?:eq)?ref|[a-z]*\Z)"
)
_OPENING = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)|\\.|\$\$", re.DOTALL)


class Formulas:
    """Finds the formulas of one text; the effort is bounded by the text's length."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._steps = 1000 + 2 * len(text)

    def end(self, start: int, opening: str) -> int | None:
        """Return where the formula that opens at `start` ends, or `None` if there is none."""
        text, depth = self.text, 0
        begin = start + len(opening)
        closing = _CLOSING[opening]
        if opening == "$" and text[begin : begin + 1].isspace():
            return None
        for match in _ENDS[opening].finditer(text, begin, begin + _LIMIT):
            self._steps -= 1
            if self._steps < 0:
                return None
            found = match[0]
            if found == closing and not depth:
                inside = text[begin : match.start()]
                if not inside.strip() or START in inside:
                    return None
                after = text[match.end() : match.end() + 1]
                # As in pandoc: `$5 and $6` is no formula. Nor is what has code in it.
                if opening == "$" and (
                    inside[-1].isspace() or (after.isascii() and after.isdigit()) or "`" in inside
                ):
                    return None
                return match.end()
            if found == "{":
                depth += 1
                if depth > _DEPTH:
                    return None
            elif found == "}":
                depth = max(depth - 1, 0)
        return None


def may_be_half(text: str, start: int, opening: str) -> bool:
    """Tell whether what `opening` opens at `start` is a formula on its way, up to the text's end.

    A dollar may be a price, or a shell's variable: it is believed for a short while only.
    """
    if opening != "$":
        return len(text) - start <= _LIMIT
    if len(text) - start > _HALF:
        return False
    rest = text[start + 1 :]
    return not (rest[:1].isspace() or rest[:1].isdigit() or "`" in rest or "$" in rest)


def is_safe(formula: str) -> bool:
    """Tell whether MathJax may typeset `formula`: no links, styles, definitions, huge boxes."""
    return not _UNSAFE.search(formula) and not _is_huge(formula)


def _is_huge(formula: str) -> bool:
    """Tell whether commands that move, leave room or draw boxes could reach beyond a formula.

    All its lengths count together, as they can stand within each other.
    """
    if _UNITLESS.search(formula):
        return True
    if not _SIZING.search(formula):
        return False
    lengths = (
        float(number.replace(",", ".")) * _EMS[unit] for number, unit in _LENGTH.findall(formula)
    )
    return sum(lengths) > _ROOM


def without_commands(line: str) -> str:
    """Return a line of Markdown in which no formula links or defines; elsewhere it looks the same.

    Before such a command a second backslash stands: in text that is one, in a formula a new line.
    """
    return _CODE_OR_UNSAFE.sub(lambda match: match[0] if match[1] else f"\\{match[0]}", line)


def unclosed(line: str, opening: str | None, allowed: Container[str]) -> str | None:
    r"""Return which of `$$` and `\[` is open after `line`; `opening` is open before it.

    Only those in `allowed` open here.
    """
    if "$$" not in line and "\\" not in line:
        return opening
    for match in _OPENING.finditer(line):
        found = match[0]
        if opening is None:
            if found in SPANNING and found in allowed:
                opening = found
        elif found == _CLOSING[opening]:
            opening = None
    return opening


def hide_from_mathjax(root: Element, leaves: set[Element], codes: set[Element]) -> None:
    """Put a `<span>` around what is text for us and would start a formula for MathJax.

    `leaves` are the elements whose text was Markdown. A single dollar in one of them is left alone:
    there is nothing that it could pair with. Text elsewhere is HTML's, and has no formulas. `codes`
    are elements that contain nothing but code: MathJax skips them.
    """
    stack = [(root, True)]
    while stack:
        element, dollars = stack.pop()
        if element in codes:
            continue
        if element in leaves:
            dollars = _dollars(element, codes) > 1
        stack.extend((child, dollars) for child in element)
        _hide(element, dollars=dollars)


def _dollars(leaf: Element, codes: set[Element]) -> int:
    """Count the dollars that MathJax sees in `leaf`."""
    count = 0
    for element in leaf.iter():
        if element not in codes:
            count += (element.text or "").count("$")
        if element is not leaf:
            count += (element.tail or "").count("$")
    return count


def _hide(element: Element, *, dollars: bool) -> None:
    """Do so in the text that stands directly in `element`."""
    children = list(element)
    element.text, spans = _split(element.text, dollars=dollars)
    grown = spans
    for child in children:
        child.tail, spans = _split(child.tail, dollars=dollars)
        grown += [child, *spans]
    if len(grown) > len(children):
        element[:] = grown


def _split(text: str | None, *, dollars: bool) -> tuple[str | None, list[Element]]:
    """Return the text before the first `<span>` that is needed, and the spans with their tails."""
    if not text or not ("$" in text or "\\" in text or START in text):
        return text, []
    spans: list[Element] = []
    parts = [""]
    position = 0
    for match in _WATCHED.finditer(text):
        if match[0] == "$" and not dollars:
            continue
        parts[-1] += text[position : match.start()]
        position = match.end()
        if match[1] is not None:
            parts[-1] += match[1]
        else:
            span = Element("span")
            span.text = match[0]
            spans.append(span)
            parts.append("")
    parts[-1] += text[position:]
    for span, tail in zip(spans, parts[1:], strict=True):
        span.tail = tail
    return parts[0], spans
