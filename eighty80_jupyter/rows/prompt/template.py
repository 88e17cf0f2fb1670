"""A prompt with fields, filled for one row after the other.

What names no column is evaluated once. What stands in the cells is data: nothing in it is
evaluated, and secrets are taken out. Texts, numbers and dates, which nearly all cells are, go a
short way that calls nobody's code and says the same as `prompt.template.compose`; all else goes
that way.
"""

from __future__ import annotations

import copy
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from eighty80_jupyter.api.messages import Part
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.prompt.describe.base import is_inline
from eighty80_jupyter.prompt.describe.protocol import Budgets, Description, Rendered
from eighty80_jupyter.prompt.describe.registry import describe
from eighty80_jupyter.prompt.parts import content
from eighty80_jupyter.prompt.template.calls import Refused
from eighty80_jupyter.prompt.template.compose import Composer, defused
from eighty80_jupyter.prompt.template.evaluate import names_of
from eighty80_jupyter.prompt.template.render import Context
from eighty80_jupyter.prompt.template.syntax import Field
from eighty80_jupyter.rows.data.chunks import Chunk, Rows
from eighty80_jupyter.rows.data.missing import is_missing
from eighty80_jupyter.rows.prompt.cells import NONE, PlainCells, are_inline
from eighty80_jupyter.rows.prompt.compiled import ROW, CompiledPrompt, FieldCells
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


class RowTemplate:
    """A prompt for the rows of one source.

    Rows of which nothing is there that the prompt uses are skipped, unless `send_missing`. `short`
    tells that filling it calls nobody's code where the cells are plain ones. `remarks` are what
    the user should know. Raises UsageError as `CompiledPrompt` does.
    """

    def __init__(
        self, text: str, rows: Rows, context: Context, *, send_missing: bool = False
    ) -> None:
        prompt = CompiledPrompt(clean(text), rows, context)
        self.text = prompt.text
        self._send_missing = send_missing
        self._rows = rows
        self._context = context
        self._evaluation = prompt.evaluation
        self._pieces, self._fields, self._cells = prompt.pieces, prompt.fields, prompt.cells
        self._columns, self.remarks = prompt.columns, prompt.remarks
        self._plain = PlainCells(context.redactor)
        self._first: Filled | NotFilled | None = None  # the first row, filled beforehand
        self._varying = [place for place, cells in enumerate(self._cells) if cells is not None]
        self._values = {  # of the fields that are the same for all rows
            place: self._evaluation.value(self._fields[place])
            for place, cells in enumerate(self._cells)
            if cells is None
        }
        self._constants = {
            place: self._described(self._fields[place], value, context.budgets)
            for place, value in self._values.items()
        }
        self._used = [cells for cells in self._cells if cells is not None]
        self.short = context.registry is None and all(cells.plain for cells in self._used)

    @property
    def columns(self) -> tuple[Hashable, ...]:
        """The columns that it uses, in the order of the rows; all where it uses the whole row."""
        if any(cells.whole for cells in self._used):
            return self._rows.names
        names = {name for cells in self._used for name in cells.columns}
        return tuple(name for name in self._rows.names if name in names)

    def missing(self, chunk: Chunk) -> list[bool]:
        """Return for each row whether all that the prompt uses of it is missing."""
        names = dict.fromkeys(name for cells in self._used for name in cells.columns)
        masks = [chunk.missing(name) for name in names]
        if any(cells.whole for cells in self._used):
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

    def _skipped(self, chunk: Chunk) -> Sequence[bool]:
        return [False] * chunk.count if self._send_missing else self.missing(chunk)

    def _column(self, chunk: Chunk, cells: FieldCells) -> Sequence[Any]:
        if cells.whole:
            return [chunk.row(number) for number in range(chunk.count)]
        return chunk.column(cells.columns[0])

    def _described(self, field: Field, value: Any, budgets: Budgets) -> str | Description:
        """Return a value as it stands in the prompt, its secrets taken out."""
        described = self._composer(budgets).described(field, value, self._evaluation.error)
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
                shown.append(self._described(field, value, _ENDLESS) if text is None else text)
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


def _ready(value: Any, **_: Any) -> Description:
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
