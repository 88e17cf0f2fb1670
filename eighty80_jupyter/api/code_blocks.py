"""The fenced blocks of code in a Markdown text.

Source: CommonMark 0.31, 4.5 "Fenced code blocks" and 5 "Container blocks". Lists and quotes are
read as far as their markers and indentation say where a fence stands; nothing else is parsed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_OPENING = re.compile(r"( {0,3})(?:(`{3,})([^`\n]*)|(~{3,})([^\n]*))\Z")
_QUOTE = re.compile(r" {0,3}> ?")
_ITEM = re.compile(r"( {0,3})((?:[-+*]|[0-9]{1,9}[.)])(?:[ \t]{1,4}(?=\S)|[ \t]))")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_DEEPEST = 50  # containers within each other


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
    blocks: list[CodeBlock] = []
    fence: _Fence | None = None
    containers: list[int] = []  # columns of an item's content, or 0 for a quote
    for raw in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        rest, within = _inside(raw, containers)
        if fence is not None and within >= fence.depth:
            if fence.closes(rest):
                blocks.append(fence.block(closed=True))
                fence = None
            else:
                fence.add(rest)
            continue
        if fence is not None:  # its list or quote has ended, and the fence with it
            blocks.append(fence.block(closed=True))
            fence = None
        if rest.strip():
            del containers[within:]
            rest = _begin(rest, containers)
        if opening := _OPENING.match(rest.rstrip()):
            fence = _Fence(opening, len(containers))
    if fence is not None:
        blocks.append(fence.block(closed=False))
    return blocks


class _Fence:
    """A fence that is open, and the lines since."""

    def __init__(self, opening: re.Match[str], depth: int) -> None:
        self.depth = depth  # containers that it stands in
        self._indent = len(opening[1])
        self._marker = opening[2] or opening[4]
        self._info = opening[3] or opening[5] or ""
        self._lines: list[str] = []

    def closes(self, line: str) -> bool:
        """Tell whether `line` is the closing fence."""
        marks = line.strip(" ")
        return (
            len(line) - len(line.lstrip(" ")) < 4  # noqa: PLR2004  # four columns make code of it
            and len(marks) >= len(self._marker)
            and not marks.strip(self._marker[0])
        )

    def add(self, line: str) -> None:
        """Take a line, without the indentation of the fence."""
        spaces = len(line) - len(line.lstrip(" "))
        self._lines.append(line[min(spaces, self._indent) :])

    def block(self, *, closed: bool) -> CodeBlock:
        """Return the block; the text of one that is cut ends where it was cut."""
        words = _ESCAPED.sub(r"\1", self._info.strip()).split(maxsplit=1)
        language = words[0].strip("{}.").lower() if words else ""
        end = "\n" if closed and self._lines else ""
        return CodeBlock(language, "\n".join(self._lines) + end, closed)


def _inside(line: str, containers: list[int]) -> tuple[str, int]:
    """Take off the markers of the open containers; return the rest, and how many go on."""
    for number, indent in enumerate(containers):
        if indent == 0:
            quote = _QUOTE.match(line)
            if quote is None:
                return line, number
            line = line[quote.end() :]
        elif not line.strip():
            line = ""
        else:
            rest = _dedented(line, indent)
            if rest is None:
                return line, number
            line = rest
    return line, len(containers)


def _dedented(line: str, columns: int) -> str | None:
    """Return `line` without so many columns of white space; None if it has fewer."""
    taken = place = 0
    while taken < columns and line[place : place + 1] in (" ", "\t"):
        taken += 4 - taken % 4 if line[place] == "\t" else 1
        place += 1
    return None if taken < columns else " " * (taken - columns) + line[place:]


def _begin(line: str, containers: list[int]) -> str:
    """Take off the markers of containers that begin here, and keep them; return the rest."""
    while len(containers) < _DEEPEST:
        if quote := _QUOTE.match(line):
            containers.append(0)
            line = line[quote.end() :]
        elif item := _ITEM.match(line):
            containers.append(len(item[0].expandtabs(4)))
            line = line[item.end() :]
        else:
            break
    return line
