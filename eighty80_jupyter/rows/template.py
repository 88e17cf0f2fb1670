"""A prompt with fields, compiled once for all rows and filled for one after the other.

A name means a column of the rows first, then a variable of the notebook. What names no column is
evaluated once. What stands in the cells is data: nothing in it is evaluated, and secrets are taken
out. Texts, numbers and dates, which nearly all cells are, go a short way that calls nobody's code
and says the same as `prompt.template.compose`; all else goes that way.
"""

from __future__ import annotations

import ast
import copy
from collections import ChainMap
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from eighty80_jupyter.api.messages import Part
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.prompt.describe.base import is_inline
from eighty80_jupyter.prompt.describe.protocol import Budgets, Described, Rendered
from eighty80_jupyter.prompt.describe.registry import Description, describe
from eighty80_jupyter.prompt.parts import content
from eighty80_jupyter.prompt.template.calls import Refused
from eighty80_jupyter.prompt.template.compose import Composer, defused
from eighty80_jupyter.prompt.template.evaluate import Evaluation, names_of
from eighty80_jupyter.prompt.template.names import Foreign
from eighty80_jupyter.prompt.template.prepare import Context
from eighty80_jupyter.prompt.template.syntax import Field, Literal, quiet_parse
from eighty80_jupyter.rows.cells import NONE, PlainCells, are_inline
from eighty80_jupyter.rows.fields import ROW, is_field, parse_for, subscripts
from eighty80_jupyter.rows.frames import Chunk, Rows, is_missing
from eighty80_jupyter.text import clean

_ENDLESS = Budgets(field=10**9, message=10**9)  # a row is never cut unasked


@dataclass(slots=True)  # a frozen one takes three times as long, and there is one for each row
class Filled:
    """A prompt filled for one row: the content of its message, whether blocks of data stand in it.

    `values` are those of the fields that differ by row, to fill it anew with less of them.
    """

    content: str | tuple[Part, ...]
    has_data: bool
    values: Sequence[Any]


@dataclass(frozen=True, slots=True)
class NotFilled:
    """Why a row has no prompt: a line about the field; nothing: all that it uses is missing."""

    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Cells:
    """What a field is of a row.

    `columns` are those that it uses, `whole` says that it uses the row as one. `exact`: it is just
    the cell of the one column, or the row, and nothing is evaluated; `plain`: without a format,
    too.
    """

    columns: tuple[Hashable, ...]
    whole: bool
    exact: bool
    plain: bool


class RowTemplate:
    """A prompt for the rows of one source.

    Rows of which nothing is there that the prompt uses are skipped, unless `send_missing`. `short`
    tells that filling it calls nobody's code where the cells are plain ones. Raises UsageError for
    a field that cannot be filled, and for a prompt that names no column.
    """

    def __init__(
        self, text: str, rows: Rows, context: Context, *, send_missing: bool = False
    ) -> None:
        self.text = clean(text)
        self._send_missing = send_missing
        self._rows = rows
        self._context = context
        self._columns = {name for name in rows.names if isinstance(name, str)}
        self._known = self._columns | {ROW}
        self._evaluation = Evaluation(
            self.text,
            ChainMap(dict.fromkeys(self._known), dict(context.namespace)),
            last_error=context.last_error,
            first_line=context.first_line,
            clean=context.redactor or str,
        )
        self._plain = PlainCells(context.redactor)
        self._first: Filled | NotFilled | None = None  # the first row, filled beforehand
        self._pieces: list[str | int] = []  # texts, and places of fields
        self._fields: list[Field] = []  # the different ones
        self._cut()
        self._cells = [self._cells_of(field) for field in self._fields]  # None: no column in it
        if not any(self._cells):
            raise UsageError(f"the prompt names no column of the rows: {self._offered()}")
        self._varying = [place for place, cells in enumerate(self._cells) if cells is not None]
        self._values = {  # of the fields that are the same for all rows
            place: self._evaluation.value(self._fields[place])
            for place, cells in enumerate(self._cells)
            if cells is None
        }
        self._constants = {
            place: self._described(self._fields[place], value)
            for place, value in self._values.items()
        }
        self.short = context.registry is None and all(c.plain for c in self._cells if c is not None)

    @property
    def remarks(self) -> list[str]:
        """What the user should know: which variables of the notebook a column hides."""
        used = {name for field in self._fields for name in names_of(field.expression)}
        hidden = sorted(used & self._columns & set(self._context.namespace))
        return [f"{name} is the column, not the variable" for name in hidden]

    @property
    def columns(self) -> tuple[Hashable, ...]:
        """The columns that it uses, in the order of the rows; all where it uses the whole row."""
        used = [cells for cells in self._cells if cells is not None]
        if any(cells.whole for cells in used):
            return self._rows.names
        names = {name for cells in used for name in cells.columns}
        return tuple(name for name in self._rows.names if name in names)

    def missing(self, chunk: Chunk) -> list[bool]:
        """Return for each row whether all that the prompt uses of it is missing."""
        used = [cells for cells in self._cells if cells is not None]
        names = dict.fromkeys(name for cells in used for name in cells.columns)
        masks = [chunk.missing(name) for name in names]
        if any(cells.whole for cells in used):
            masks.append(chunk.missing_rows())
        return masks[0] if len(masks) == 1 else [all(row) for row in zip(*masks, strict=True)]

    def fill_short(self, chunk: Chunk) -> list[Filled | NotFilled] | None:
        """Fill it for all rows of a chunk; None where that may call somebody's code."""
        if not self.short:
            return None
        self._plain.look_around()
        columns: list[Sequence[str | Description]] = []
        for place, cells in enumerate(self._cells):
            if cells is None:
                columns.append([self._constants[place]] * chunk.count)
                continue
            if cells.whole and self._rows.names:
                return None  # a row of several cells
            values = self._column(chunk, cells)
            lost = chunk.missing_rows() if cells.whole else chunk.missing(cells.columns[0])
            texts = self._plain.texts(values, lost)
            if texts is None:
                return None
            columns.append(texts)
        skipped = self._skipped(chunk)
        rows = zip(*columns, strict=True)
        if self._constants or not all(map(are_inline, columns)):
            return [
                NotFilled()
                if skip
                else self._composed(texts, [texts[place] for place in self._varying])
                for skip, texts in zip(skipped, rows, strict=True)
            ]
        pieces = self._pieces
        joined = "".join
        # Written out: this is done for every row.
        return [
            NotFilled()
            if skip
            else Filled(
                clean(joined([one if type(one) is str else texts[one] for one in pieces])),  # type: ignore[index]  # a place
                has_data=False,
                values=texts,
            )
            for skip, texts in zip(skipped, rows, strict=True)
        ]

    def over(self, rows: Rows) -> RowTemplate:
        """Return it for some of the same rows; nothing is evaluated anew."""
        other = copy.copy(self)
        other._rows = rows  # noqa: SLF001  # its own
        return other

    def fill_first(self, chunk: Chunk) -> None:
        """Fill it for the first row, where that calls the user's code, and keep that for `fill`.

        Raises UsageError for a field that does more than compute.
        """
        if not self.short:
            (self._first,) = self.fill(chunk)

    def fill(self, chunk: Chunk) -> list[Filled | NotFilled]:
        """Fill it for all rows of a chunk; what it calls is called in this thread.

        Raises UsageError for a field that does more than compute. An interrupt passes through.
        """
        self._plain.look_around()
        filled: list[Filled | NotFilled] = []
        for number, skip in enumerate(self._skipped(chunk)):
            first = self._first if chunk.start + number == 0 else None
            if first is not None:
                filled.append(first)
                self._first = None
            else:
                filled.append(NotFilled() if skip else self._filled(chunk, number))
        return filled

    def fill_again(self, values: Sequence[Any], tokens: int) -> Filled:
        """Fill it with the `values` of a row, those of all fields together cut to so many tokens.

        Raises UsageError where they cannot be made so short.
        """
        all_values = {**self._values, **dict(zip(self._varying, values, strict=True))}
        budgets = Budgets(field=tokens, message=tokens)
        composer = self._composer(budgets)
        composer.begin()
        for piece in self._pieces:
            if isinstance(piece, str):
                composer.add(piece)
            elif all_values[piece] is NONE:
                composer.add(NONE)
            else:
                composer.insert(self._fields[piece], all_values[piece], self._evaluation.error)
        return _filled(composer.rendered(), values)

    # How it is compiled.

    def _cut(self) -> None:
        """Cut the text into texts and fields, as `prompt.template.render` does."""
        foreign = Foreign(self.text)
        evaluation = self._evaluation
        places: dict[tuple[str, str, str], int] = {}
        for piece in parse_for(self._columns, self.text):
            if isinstance(piece, Literal):
                self._pieces.append(piece.text)
                continue
            name = evaluation.unknown(piece)
            strange = name is not None or not evaluation.owned(piece)
            if (name is not None and piece.reaches) or (strange and foreign(piece)):
                self._pieces.append(piece.source)  # another language's
            elif name is not None:
                error = evaluation.no_variable(piece, name)
                raise UsageError(f"{error} The rows: {self._offered()}")
            elif piece.reaches:
                raise evaluation.refused(piece, "reaches for a name with two underscores")
            else:
                key = (piece.expression, piece.conversion, piece.options)
                if key not in places:
                    places[key] = len(self._fields)
                    self._fields.append(piece)
                self._pieces.append(places[key])

    def _cells_of(self, field: Field) -> _Cells | None:
        """Return what a field is of a row; None where it is the same for all."""
        names = [name for name in names_of(field.expression) if name in self._known]
        if not names:
            return None
        bare = not (field.conversion or field.options)
        column = self._column_of(field.expression)
        if column is not None:
            self._rows.place(column)  # refused where several columns have the name
            return _Cells((column,), whole=False, exact=True, plain=bare)
        known = self._columns - {ROW} if self._is_row(field.expression) else self._columns
        columns = tuple(dict.fromkeys(name for name in names if name in known))
        for name in columns:
            self._rows.place(name)
        whole = len(columns) < len(set(names))
        for twice in self._rows.duplicated if field.expression == ROW and whole else ():
            self._rows.place(twice)  # refused: a row is told by the names of its cells
        exact = whole and field.expression == ROW
        return _Cells(columns, whole=whole, exact=exact, plain=bare and exact)

    def _column_of(self, expression: str) -> Hashable | None:
        """Return the column whose cell an expression is: `text`, or `row["a name"]`."""
        if expression in self._columns:
            return expression
        tree = quiet_parse(expression)
        match None if tree is None else tree.body:
            case ast.Subscript(value=ast.Name(id="row"), slice=ast.Constant(value=key)):
                return key if key in self._rows.names else None
        return None

    def _is_row(self, expression: str) -> bool:
        """Tell whether `row` in an expression is the row: a column of that name comes first."""
        return ROW not in self._columns or subscripts(expression, ROW, self._rows.names)

    def _offered(self) -> str:
        """Return what the prompt could name."""
        if not self._rows.names:
            return "write {{row}} for an item"
        words = [
            name if isinstance(name, str) and is_field(name) else f"{ROW}[{name!r}]"
            for name in self._rows.names[:8]
        ]
        more = f" and {len(self._rows.names) - 8:,} more" if len(self._rows.names) > 8 else ""  # noqa: PLR2004  # as many are shown
        return f"write {', '.join(f'{{{{{word}}}}}' for word in words)}{more}"

    # How it is filled.

    def _skipped(self, chunk: Chunk) -> Sequence[bool]:
        return [False] * chunk.count if self._send_missing else self.missing(chunk)

    def _column(self, chunk: Chunk, cells: _Cells) -> Sequence[Any]:
        if cells.whole:
            return [chunk.row(number) for number in range(chunk.count)]
        return chunk.column(cells.columns[0])

    def _described(self, field: Field, value: Any) -> str | Description:
        """Return a value as it stands in the prompt, its secrets taken out."""
        own = self._context.budgets if self._cells_of(field) is None else _ENDLESS
        composer = self._composer(own)
        described = composer.described(field, value, self._evaluation.error)
        assert isinstance(described, Description)  # noqa: S101  # it is what `describe` makes
        if described.inline and described.part is None and "\n" not in described.text:
            return described.text
        return described

    def _composer(self, budgets: Budgets) -> Composer:
        context = self._context
        return Composer(
            partial(describe, registry=context.registry), context.redactor, budgets, context.key
        )

    def _filled(self, chunk: Chunk, number: int) -> Filled | NotFilled:
        values: list[Any] = []
        shown: list[str | Description] = []
        names: dict[str, Any] | None = None
        try:
            for place, (field, cells) in enumerate(zip(self._fields, self._cells, strict=True)):
                if cells is None:
                    shown.append(self._constants[place])
                    continue
                columns = cells.columns
                value: Any = None
                if columns and not cells.whole and all(chunk.missing(n)[number] for n in columns):
                    value = None
                elif cells.exact and cells.whole:
                    row = chunk.row(number)
                    value = dict(row) if self._rows.names and isinstance(row, dict) else row
                elif cells.exact:
                    value = chunk.column(columns[0])[number]
                else:
                    names = names or self._names(chunk, number)
                    here = names if not cells.whole else {**names, ROW: chunk.row(number)}
                    value = self._evaluation.value(field, here)
                if _is_nothing(value):  # no format fits it
                    values.append(NONE)
                    shown.append(NONE)
                    continue
                text = None
                if self._context.registry is None and not field.conversion:
                    text = self._plain.text(value, field.options)
                values.append(value)
                shown.append(self._described(field, value) if text is None else text)
        except UsageError as error:
            if isinstance(error.__context__, Refused):
                raise  # no row can be filled
            return NotFilled(str(error))
        finally:
            self._evaluation.calls.made.clear()
        return self._composed(shown, values)

    def _names(self, chunk: Chunk, number: int) -> dict[str, Any]:
        """Return the names that mean something of one row."""
        used = {name for field in self._fields for name in names_of(field.expression)}
        return {name: chunk.column(name)[number] for name in used & self._columns}

    def _composed(self, shown: Sequence[str | Description], values: Sequence[Any]) -> Filled:
        """Return the prompt with values in their places: texts, and what is described already."""
        texts = [one for one in shown if isinstance(one, str) and is_inline(one)]
        if len(texts) == len(shown):
            texts = [defused(text) for text in texts]
            pieces = [one if isinstance(one, str) else texts[one] for one in self._pieces]
            return Filled(clean("".join(pieces)), has_data=False, values=values)
        composer = Composer(_ready, None, _ENDLESS, self._context.key)
        composer.begin()
        for piece in self._pieces:
            if isinstance(piece, str):
                composer.add(piece)
            else:
                at = self._fields[piece]
                at = Field(at.source, at.expression, start=at.start)  # it has been formatted
                composer.insert(at, shown[piece], self._evaluation.error)
        return _filled(composer.rendered(), values)


def _is_nothing(value: Any) -> bool:
    """Tell whether an expression came to a missing value; a blank text is one."""
    return not isinstance(value, str) and is_missing(value)


def _ready(value: Any, **_: Any) -> Described:
    """Return the description of what is described already; a text is what it says."""
    if isinstance(value, Description):
        return value
    return Description(
        text=value, kind="str", summary="", cut="", inline=is_inline(value), part=None, tokens=0
    )


def _filled(rendered: Rendered, values: Sequence[Any]) -> Filled:
    pieces: list[str | Part] = []
    for section in rendered.sections:
        pieces += [section.text, *section.parts]
    return Filled(content(pieces), rendered.has_data, values)
