"""Quotes that a model says it took from a row: found there, or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eighty80_jupyter.evaluation.labels import field_of, label_of
from eighty80_jupyter.rows.data.chunks import Rows
from eighty80_jupyter.rows.frames import pandas_for

_COLUMNS = ("row", "quote", "supported", "column", "start", "end")
_MARKS = "\"'\u201c\u201d\u2018\u2019\u00ab\u00bb"  # with which a model sets a quote apart
_DOTS = ("...", "\u2026")  # with which it cuts one


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """A row with the quotes from it: the text of the cell that they stand in, and where.

    `unsupported` are the quotes that stand nowhere in the row.
    """

    text: str = ""
    places: tuple[tuple[int, int], ...] = ()
    unsupported: tuple[str, ...] = ()


def find_quote(quote: str, text: str) -> tuple[int, int] | None:
    """Return where a quote stands in a text, as the start and the end of a slice; None: nowhere.

    It is looked for as it is, then without regard to case, to how many spaces and line ends there
    are, and to quotation marks and dots around it. Nothing else is guessed.
    """
    at = text.find(quote)
    if quote and at >= 0:
        return at, at + len(quote)
    wanted, _ = _folded(_bare(quote))
    folded, places = _folded(text)
    at = folded.find(wanted) if wanted else -1
    if at < 0:
        return None
    return places[at], places[at + len(wanted) - 1] + 1


def quote_places(
    rows: Rows, values: Sequence[Any], field: str
) -> tuple[list[int | None], list[int | None]]:
    """Return where the quote of each row starts and ends in a text of the row; None: nowhere.

    Of several quotes the first one counts.
    """
    starts: list[int | None] = []
    ends: list[int | None] = []
    for row, value in zip(rows.each(), values, strict=False):
        quote = next(_quotes(value, field), None)
        place = None if quote is None else _where(quote, row)
        starts.append(None if place is None else place[1])
        ends.append(None if place is None else place[2])
    return starts, ends


def quoted_row(row: Any, value: Any, field: str) -> Quoted:
    """Return the quotes in an answer as they stand in its row; those of its first quote's cell."""
    cells = row if isinstance(row, Mapping) else {None: row}
    name: Any = None
    places: list[tuple[int, int]] = []
    unsupported: list[str] = []
    for quote in _quotes(value, field):
        place = _where(quote, row)
        if place is None:
            unsupported.append(quote)
        elif not places or place[0] == name:
            name = place[0]
            places.append(place[1:])
    text = str(cells[name]) if places else ""
    return Quoted(text=text, places=tuple(sorted(places)), unsupported=tuple(unsupported))


def quote_table(rows: Rows, values: Sequence[Any], field: str) -> Any:
    """Return a DataFrame with a row for each quote. See `Run.quotes`."""
    pd = pandas_for("run.quotes")
    found: list[tuple[Any, ...]] = []
    for at, (row, value) in enumerate(zip(rows.each(), values, strict=False)):
        for quote in _quotes(value, field):
            place = _where(quote, row)
            found.append((at, quote, place is not None, *(place or (None, None, None))))
    frame = pd.DataFrame(found, columns=list(_COLUMNS))
    return frame.astype({"start": "Int64", "end": "Int64", "supported": "bool"})


def _where(quote: str, row: Any) -> tuple[Any, int, int] | None:
    """Return the cell in which a quote stands, its start and its end there; None: nowhere."""
    cells = row.items() if isinstance(row, Mapping) else [(None, row)]
    for name, cell in cells:
        if isinstance(cell, str) and (place := find_quote(quote, cell)) is not None:
            return name, *place
    return None


def _quotes(value: Any, field: str) -> Iterator[str]:
    if value is None:
        return
    inner = field_of(value, field)
    for one in inner if isinstance(inner, (list, tuple)) else [inner]:
        if isinstance(label := label_of(one), str) and label.strip():
            yield label


def _bare(quote: str) -> str:
    bare = quote.strip().strip(_MARKS).strip()
    for dots in _DOTS:
        bare = bare.removeprefix(dots).removesuffix(dots)
    return bare.strip()


def _folded(text: str) -> tuple[str, list[int]]:
    """Return a text without case, with one space for any, and where each character came from."""
    characters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        if character.isspace():
            if characters and characters[-1] != " ":
                characters.append(" ")
                places.append(place)
            continue
        for one in character.casefold():
            characters.append(one)
            places.append(place)
    return "".join(characters), places
