"""A prompt with fields, compiled once for all rows: its texts, and what each field is of a row.

A name means a column of the rows first, then a variable of the notebook.
"""

from __future__ import annotations

import ast
import keyword
import re
from collections import ChainMap
from collections.abc import Collection, Hashable, Iterator
from dataclasses import dataclass

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.prompt.template.evaluate import Evaluation, names_of
from eighty80_jupyter.prompt.template.names import Foreign
from eighty80_jupyter.prompt.template.render import Context
from eighty80_jupyter.prompt.template.syntax import Field, Literal, parse, quiet_parse
from eighty80_jupyter.rows.data.chunks import Rows, listed

ROW = "row"  # the name of the whole row, where no column has it
_WORD = re.compile(r"[^\W\d]|[^\x00-\x7f]")  # a name of digits and marks only is no word


@dataclass(frozen=True, slots=True)
class FieldCells:
    """What a field is of a row.

    `columns` are those that it uses, `whole` says that it uses the row as one. `exact`: it is just
    the cell of the one column, or the row, and nothing is evaluated; `plain`: without a format,
    too.
    """

    columns: tuple[Hashable, ...]
    whole: bool
    exact: bool
    plain: bool


class CompiledPrompt:
    """A prompt for the rows of one source, cut up.

    `fields` are the different ones, `pieces` texts and places of fields. `cells` says of each field
    what it is of a row; None: it is the same for all. `columns` are the names that fields can use.
    Raises UsageError for a field that cannot be filled, and for a prompt that names no column.
    """

    def __init__(self, text: str, rows: Rows, context: Context) -> None:
        self.text = text
        self._rows = rows
        self._namespace = context.namespace
        self.columns = {name for name in rows.names if isinstance(name, str)}
        self._known = self.columns | {ROW}
        self.evaluation = Evaluation(
            text,
            ChainMap(dict.fromkeys(self._known), dict(context.namespace)),
            last_error=context.last_error,
            first_line=context.first_line,
            clean=context.redactor or str,
        )
        self.pieces: list[str | int] = []
        self.fields: list[Field] = []
        self._cut()
        self.cells = [self._cells_of(field) for field in self.fields]
        if not any(self.cells):
            raise UsageError(f"the prompt names no column of the rows: {self._offered()}")

    @property
    def remarks(self) -> list[str]:
        """What the user should know: which variables of the notebook a column hides."""
        used = {name for field in self.fields for name in names_of(field.expression)}
        hidden = sorted(used & self.columns & set(self._namespace))
        return [f"{name} is the column, not the variable" for name in hidden]

    def _cut(self) -> None:
        """Cut the text into texts and fields, as `prompt.template.render` does."""
        foreign = Foreign(self.text)
        evaluation = self.evaluation
        places: dict[tuple[str, str, str], int] = {}
        for piece in _parse_for(self.columns, self.text):
            if isinstance(piece, Literal):
                self.pieces.append(piece.text)
                continue
            name = evaluation.unknown(piece)
            strange = name is not None or not evaluation.owned(piece)
            if (name is not None and piece.reaches) or (strange and foreign(piece)):
                self.pieces.append(piece.source)  # another language's
            elif name is not None:
                error = evaluation.no_variable(piece, name)
                raise UsageError(f"{error} The rows: {self._offered()}")
            elif piece.reaches:
                raise evaluation.refused(piece, "reaches for a name with two underscores")
            else:
                key = (piece.expression, piece.conversion, piece.options)
                if key not in places:
                    places[key] = len(self.fields)
                    self.fields.append(piece)
                self.pieces.append(places[key])

    def _cells_of(self, field: Field) -> FieldCells | None:
        """Return what a field is of a row; None where it is the same for all."""
        names = [name for name in names_of(field.expression) if name in self._known]
        if not names:
            return None
        bare = not (field.conversion or field.options)
        column = self._column_of(field.expression)
        if column is not None:
            self._rows.place(column)  # refused where several columns have the name
            return FieldCells((column,), whole=False, exact=True, plain=bare)
        known = self.columns - {ROW} if self._is_row(field.expression) else self.columns
        columns = tuple(dict.fromkeys(name for name in names if name in known))
        for name in columns:
            self._rows.place(name)
        whole = len(columns) < len(set(names))
        for twice in self._rows.duplicated if field.expression == ROW and whole else ():
            self._rows.place(twice)  # refused: a row is told by the names of its cells
        exact = whole and field.expression == ROW
        return FieldCells(columns, whole=whole, exact=exact, plain=bare and exact)

    def _column_of(self, expression: str) -> Hashable | None:
        """Return the column whose cell an expression is: `text`, or `row["a name"]`."""
        if expression in self.columns:
            return expression
        tree = quiet_parse(expression)
        match None if tree is None else tree.body:
            case ast.Subscript(value=ast.Name(id="row"), slice=ast.Constant(value=key)):
                return key if key in self._rows.names else None
        return None

    def _is_row(self, expression: str) -> bool:
        """Tell whether `row` in an expression is the row: a column of that name comes first."""
        return ROW not in self.columns or _subscripts(expression, ROW, self._rows.names)

    def _offered(self) -> str:
        """Return what the prompt could name."""
        if not self._rows.names:
            return "write {{row}} for an item"
        words = [
            name if isinstance(name, str) and _is_field(name) else f"{ROW}[{name!r}]"
            for name in self._rows.names
        ]
        return f"write {listed([f'{{{{{word}}}}}' for word in words])}"


def _parse_for(columns: Collection[str], text: str) -> Iterator[Literal | Field]:
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


def _is_field(name: str) -> bool:
    """Tell whether `{{name}}` is a field by the rules of every prompt."""
    plain = name.isidentifier() and not keyword.iskeyword(name)
    return plain and isinstance(parse(f"{{{{{name}}}}}")[0], Field)


def _subscripts(expression: str, name: str, keys: Collection[Hashable]) -> bool:
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
