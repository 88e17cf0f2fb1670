"""The fields of a prompt for rows, whose names may be columns that are no Python."""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Collection, Hashable, Iterator

from eighty80_jupyter.prompt.template.syntax import Field, Literal, parse, quiet_parse

ROW = "row"  # the name of the whole row, where no column has it
_WORD = re.compile(r"[^\W\d]|[^\x00-\x7f]")  # a name of digits and marks only is no word


def parse_for(columns: Collection[str], text: str) -> Iterator[Literal | Field]:
    r"""Cut a prompt as `parse` does; `{{Customer Name}}` and `{{class}}` are fields, too.

    That is so where the text between the braces is the name of a column to the letter. A backslash
    before them is taken away, and they stay.
    """
    braces = _braces(columns)
    start = 0
    for piece in parse(text):
        if braces is None or not (isinstance(piece, Literal) and piece.source == piece.text):
            yield piece
        else:
            yield from _cut(piece.text, start, braces)
        start += len(piece.source)


def is_field(name: str) -> bool:
    """Tell whether `{{name}}` is a field by the rules of every prompt."""
    plain = name.isidentifier() and not keyword.iskeyword(name)
    return plain and isinstance(parse(f"{{{{{name}}}}}")[0], Field)


def subscripts(expression: str, name: str, keys: Collection[Hashable]) -> bool:
    """Tell whether an expression has `name[key]` with one of these keys written out."""
    tree = quiet_parse(expression)
    return tree is not None and any(
        isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id == name
        and isinstance(node.slice, ast.Constant)
        and node.slice.value in keys
        for node in ast.walk(tree)
    )


def _braces(columns: Collection[str]) -> re.Pattern[str] | None:
    """Return what finds braces around such names; None: there are none."""
    odd = [
        re.escape(name)
        for name in sorted(columns, key=len, reverse=True)
        if _WORD.search(name)
        and name == name.strip()
        and not set(name) & set("{}\n\r")
        and not isinstance(parse(f"{{{{{name}}}}}")[0], Field)
    ]
    if not odd:
        return None
    names = "|".join(odd)
    return re.compile(rf"(?<![\\{{$])(\\?){{{{(?!{{)[ \t]*({names})[ \t]*}}}}(?!}})")


def _cut(text: str, start: int, braces: re.Pattern[str]) -> Iterator[Literal | Field]:
    at = 0
    for found in braces.finditer(text):
        if found.start() > at:
            yield Literal(text[at : found.start()], text[at : found.start()])
        if found[1]:
            yield Literal(found[0].removeprefix("\\"), found[0])
        else:
            yield Field(found[0], f"{ROW}[{found[2]!r}]", start=start + found.start())
        at = found.end()
    if at < len(text):
        yield Literal(text[at:], text[at:])
