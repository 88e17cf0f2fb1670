"""Markdown that is written for a document: texts, fences, tables, and a model's own Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence

from eighty80_jupyter.notebook.markdown.math import without_commands

# An underscore within a word and the like mean nothing, and may stand in an address.
_SPECIAL = re.compile(
    r"[\\`*{}\[\]<>#|!$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|~(?=~)|(?<=~)~|&(?=#?\w+;)|^[-+=~]"
)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
# What begins HTML that goes on until a mark of its own, or to the end of the document.
_OPENS = re.compile(
    r"( {0,3})<(?=!--|\?|![a-z]|!\[cdata\[|(?:script|pre|style|textarea)\b)", re.IGNORECASE
)

_BACKQUOTES = re.compile("`+")


def plain(text: str) -> str:
    r"""Return a text on one line, with nothing in it that Markdown reads.

    Square brackets are entities: `\[` opens a formula for MathJax.
    """
    return _SPECIAL.sub(_escaped, " ".join(text.split()))


def fenced(text: str, language: str = "text") -> str:
    """Return a text in a fence that nothing in it can close."""
    longest = max(map(len, _BACKQUOTES.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def closed(text: str) -> str:
    """Return Markdown in which nothing stays open at the end."""
    lines: list[str] = []
    fence = ""
    for line in text.split("\n"):
        match = _FENCE.match(line)
        if fence:
            ends = match and match[1].startswith(fence) and not match[2].strip()
            fence = "" if ends else fence
        elif match and not (match[1][0] == "`" and "`" in match[2]):
            fence = match[1]
        else:
            line = without_commands(_OPENS.sub(r"\1\\<", line))  # noqa: PLW2901  # made harmless
        lines.append(line)
    return "\n".join([*lines, fence] if fence else lines)


def quoted(text: str) -> str:
    """Return Markdown as a quotation."""
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of plain texts below their heads, which may be empty."""
    if not rows:
        return ""
    lines = [heads, ["---"] * len(heads), *([plain(cell) for cell in row] for row in rows)]
    lines[0] = [plain(head) for head in heads]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    return f"&#{ord(character)};" if character in "[]" else f"\\{character}"
