"""What IPython must be told to read `%chat` and `%%chat` as they are meant."""

from __future__ import annotations

import re
from collections.abc import Callable
from tokenize import TokenInfo

from IPython.core.getipython import get_ipython
from IPython.core.inputtransformer2 import EscapedCommand, MagicAssign
from IPython.core.magic import MAGIC_NO_VAR_EXPAND_ATTR, MagicAlias

from eighty80_jupyter.notebook.line.options import BY_FLAG

NAME = "chat"
REPLY = "chat_reply"  # what `x = %chat ...` calls: it returns the reply, which `%chat` has shown
# No-break and wide spaces are white space; these are not, and nobody sees them.
UNSEEN = "\ufeff\u200b\u200c\u200d\u200e\u200f\u2060\u00ad"
_GONE = dict.fromkeys(map(ord, UNSEEN))
_GAP = rf"[^\S\r\n]|[{UNSEEN}]"
_CELL = re.compile(
    rf"(?:{_GAP})*[%\uff05]{{2}}(?P<name>\w+)(?P<gap>(?:{_GAP}|\s)*)(?P<rest>.*)", re.DOTALL
)
_LINE = re.compile(
    rf"(?P<before>(?:{_GAP})*(?:\w[^\s=]*[ \t]*=[ \t]*)?)(?:{_GAP})*%(?P<name>\w+)(?:{_GAP})+(?=\S)"
)
_COMMENT = re.compile(rf"(?:{_GAP})*(?:#.*)?\s*$", re.DOTALL)
DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"


def names() -> set[str]:
    """Return the names of the magic: its own, and those that `%alias_magic` gave it.

    An alias is told what the magic itself says of its line: `{x}` and `$x` stay as they are.
    """
    known = {NAME}
    manager = getattr(get_ipython(), "magics_manager", None)
    for magics in manager.magics.values() if manager is not None else ():
        for name, magic in magics.items():
            if isinstance(magic, MagicAlias) and magic.magic_name == NAME:
                setattr(magic, MAGIC_NO_VAR_EXPAND_ATTR, True)
                known.add(name)
    return known


def plain_chat(lines: list[str]) -> list[str]:
    """Read `%%chat` below comments and beside what nobody sees, and `%chat` beside that.

    `%%chat --continue` with nothing below it is read as `%chat`; IPython would refuse it.
    """
    first, found = _first_line(lines)
    if found:
        rest, below = found["rest"].strip().lstrip(UNSEEN), lines[first + 1 :]
        if not found["gap"] and rest:
            return lines  # %%chat?
        if _stands_alone(rest) and not any(line.strip() for line in below):
            return [f"%{found['name']} {rest}\n"]
        return [f"%%{found['name']} {rest}".rstrip() + "\n", *below]
    if lines and lines[0].startswith("%%"):
        return lines
    return [_LINE.sub(_plain, line, count=1) if "%" in line else line for line in lines]


def _first_line(lines: list[str]) -> tuple[int, re.Match[str] | None]:
    """Find the first line that is more than a comment, and what of it makes the cell a prompt."""
    first = next((n for n, line in enumerate(lines) if not _COMMENT.match(line)), len(lines))
    found = _CELL.match(lines[first]) if first < len(lines) else None
    return first, found if found and found["name"] in names() else None


def is_prompt(lines: list[str]) -> bool:
    """Tell whether a cell of these lines begins with `%%chat`, at most below comments."""
    return _first_line(lines)[1] is not None


def is_chat(source: str) -> bool:
    """Tell whether a cell is a prompt, or nothing but lines of `%chat`."""
    if is_prompt(source.splitlines()):
        return True
    lines = [line for line in source.splitlines() if not _COMMENT.match(line)]
    return bool(lines) and all(
        (line := _LINE.match(each + " ;")) is not None and line["name"] in names() for each in lines
    )


def _stands_alone(rest: str) -> bool:
    """Whether a line begins with options, and one of them does something without a prompt.

    What goes with it (`--continue --dry-run`, `--retry -t 0.3`) needs none of its own; where it
    does not fit, the line says so as `%chat` does.
    """
    flags = [word.partition("=")[0] for word in rest.split()]
    options = [BY_FLAG[flag] for flag in flags if flag in BY_FLAG]
    return rest.startswith("-") and any(
        option.alone or option.asks or option.name == "system" for option in options
    )


def _plain(found: re.Match[str]) -> str:
    """Return what stands before a prompt, with spaces only."""
    if found["name"] not in names():
        return found[0]
    before = re.sub(r"[^\S \t]", "", found["before"].translate(_GONE))
    return f"{before}%{found['name']} "


def _is_chat(line: list[TokenInfo], start: int) -> bool:
    words = [token.string for token in line[start : start + 2]]
    return len(words) > 1 and words[0] == "%" and words[1] in names()


class ChatCommand(EscapedCommand):
    """Read `%chat WHAT?` as a prompt; IPython would take the question mark for a call for help."""

    priority = 4  # before HelpEnd, which has 5

    @classmethod
    def find(cls, tokens_by_line: list[list[TokenInfo]]) -> ChatCommand | None:
        """Find the first line `%chat` with something after it that is more than `?`."""
        for line in tokens_by_line:
            words = [token for token in line if token.string.strip()]
            if _is_chat(words, 0) and words[0].line[words[1].end[1] :].strip().strip("?"):
                return cls(words[0].start)
        return None


class ChatAssign(MagicAssign):
    """Read `x = %chat WHAT` as a call that returns the reply.

    IPython sorts the transformers by the column where they begin, which is 0 for this one;
    `column` is where the magic does.
    """

    column = 0

    priority = 4  # before HelpEnd, which begins with the name that is assigned to

    @classmethod
    def find(cls, tokens_by_line: list[list[TokenInfo]]) -> ChatAssign | None:
        """Find the first assignment, where it is one of `%chat`."""
        search: Callable[..., ChatAssign | None] = super().find  # IPython has no types here
        found = search(tokens_by_line)
        if found is None:
            return None
        place = (found.start_line + 1, found.start_col)
        for line in tokens_by_line:
            for number, token in enumerate(line):
                if token.start == place and _is_chat(line, number):
                    found.column, found.start_col = found.start_col, 0
                    return found
        return None

    def transform(self, lines: list[str]) -> list[str]:
        """Return the lines with the call in place of the magic."""
        self.start_col = self.column
        made: list[str] = super().transform(lines)
        for name in names():
            made[self.start_line] = made[self.start_line].replace(
                f"run_line_magic({name!r}, ", f"run_line_magic({REPLY!r}, ", 1
            )
        return made
