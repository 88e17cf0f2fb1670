"""A prompt with fields, compiled once for all rows: its texts, and what each field is of a row.

A name means a column of the rows first, then a variable of the notebook.
"""

from __future__ import annotations

import ast
from collections import ChainMap
from collections.abc import Hashable
from dataclasses import dataclass

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.prompt.template.evaluate import Evaluation, names_of
from eighty80_jupyter.prompt.template.names import Foreign
from eighty80_jupyter.prompt.template.render import Context
from eighty80_jupyter.prompt.template.syntax import Field, Literal, quiet_parse
from eighty80_jupyter.rows.data.chunks import Rows, listed
from eighty80_jupyter.rows.prompt.fields import ROW, is_field, parse_for, subscripts


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
        for piece in parse_for(self.columns, self.text):
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
        return ROW not in self.columns or subscripts(expression, ROW, self._rows.names)

    def _offered(self) -> str:
        """Return what the prompt could name."""
        if not self._rows.names:
            return "write {{row}} for an item"
        words = [
            name if isinstance(name, str) and is_field(name) else f"{ROW}[{name!r}]"
            for name in self._rows.names
        ]
        return f"write {listed([f'{{{{{word}}}}}' for word in words])}"
