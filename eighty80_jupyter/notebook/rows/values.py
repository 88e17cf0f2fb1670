"""What pages and terminals show of a run: answers as the text of one cell, cells as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from eighty80_jupyter.notebook.cell.views.values import word_of
from eighty80_jupyter.notebook.markdown.page_text import page_text
from eighty80_jupyter.notebook.rows.words import short

if TYPE_CHECKING:
    from eighty80_jupyter.rows.progress import Progress, RowError
    from eighty80_jupyter.rows.quotes import Quoted

SHOWN_ROWS = 20  # of a run that has ended
_HEAD_CHARACTERS = 60
_MOST_FIELDS = 12


class Waited(Protocol):
    """What can be waited for, and stopped."""

    def wait(self, timeout: float | None = None) -> bool:
        """Return whether it has ended, at the latest after so many seconds."""

    def cancel(self) -> None:
        """Ask for nothing more."""


class ShownRun(Waited, Protocol):
    """What is shown of a run."""

    @property
    def column(self) -> str:
        """The name of the column with the answers."""

    @property
    def errors(self) -> Sequence[RowError]:
        """The rows that failed."""

    def progress(self) -> Progress:
        """Return how it stands."""

    def quoted(self, count: int) -> Mapping[int, Quoted]:
        """Return, by position, the quotes from the first rows; empty where nothing is quoted."""

    def first(self, count: int) -> Sequence[tuple[int, str, Any]]:
        """Return the position, the shortened text and the answer of the first rows."""


def text_of(value: Any) -> str:
    """Return a plain value as the text of one cell."""
    if isinstance(value, list):
        return ", ".join(text_of(one) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{name}: {text_of(one)}" for name, one in value.items())
    return word_of(value)


def fields_of(values: Iterable[Any]) -> list[str]:
    """Return the names of the fields where all answers are records; else none."""
    there = [value for value in values if value is not None]
    if not there or not all(isinstance(value, dict) for value in there):
        return []
    return list(dict.fromkeys(str(name) for value in there for name in value))[:_MOST_FIELDS]


def table_html(heads: Iterable[str], rows: Iterable[str], style: str) -> str:
    """Return a table that scrolls where it is wide: heads, which are text, and rows of HTML."""
    head = "".join(
        f'<th style="{style}">{page_text(short(name, _HEAD_CHARACTERS))}</th>' for name in heads
    )
    return (
        f'<div style="overflow-x: auto"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
