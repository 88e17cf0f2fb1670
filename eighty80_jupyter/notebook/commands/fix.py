"""What `--fix` sends: the last exception, and the code of the cell that raised it."""

from __future__ import annotations

import linecache
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.prompt.describe.files import is_cell
from eighty80_jupyter.text import counted

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_ASK = (
    "This code failed. Explain the error in a sentence or two, then show the whole corrected code "
    "in one block."
)
LEFT_OUT = "# … "  # begins a line that stands for lines that are not sent
_LINES = 60  # of a long cell, around the line that failed
_ERROR, _FAILED, _CALLED = "_err", "failing_cell", "called_cell"
_TIMED = "<timed exec>"  # what `%%time` runs; of IPython 8 its traceback has nothing of the cell


@dataclass(frozen=True, slots=True)
class FailedCell:
    """The `source` of a cell as it was typed, and its lines from `start` to `end` that are sent."""

    source: str
    start: int
    end: int

    @property
    def sent(self) -> str:
        """What is sent of it: of a long cell the lines around the one that failed."""
        lines = self.source.split("\n")
        above = [_left_out(self.start)] if self.start else []
        below = [_left_out(left)] if (left := len(lines) - self.end) else []
        return "\n".join([*above, *lines[self.start : self.end], *below])

    @property
    def parts(self) -> list[str]:
        """What each line stands for that is sent: itself, or lines that are left out."""
        lines = self.source.split("\n")
        above, below = lines[: self.start], lines[self.end :]
        kept = lines[self.start : self.end]
        return ["\n".join(part) for part in (above, *([line] for line in kept), below) if part]


def failure_prompt(
    failure: BaseException | None, words: str, typed: Mapping[str, str] | None = None
) -> tuple[str, dict[str, Any]]:
    """Return the prompt, and the values of its own fields. Raises UsageError without an error.

    `words` are the user's own, which stand in place of the usual request. `typed` gives cells as
    they were typed by what Python made of them: `%%time` is a call of a function there.
    """
    if failure is None:
        raise UsageError("there is no error to fix: no cell of this kernel has failed yet")
    values: dict[str, Any] = {_ERROR: failure}
    lines = [words.strip() or _ASK, "", f"The error: {{{{{_ERROR}}}}}"]
    texts = {"The code": _FAILED, "The code of the cell that it called": _CALLED}
    for (text, name), place in zip(texts.items(), _places(failure), strict=False):
        if cell := _cell(*place, typed or {}):
            values[name] = cell.sent
            lines.append(f"{text}: {{{{{name}}}}}")
    return "\n".join(lines), values


def failed_cells(failure: BaseException, shell: InteractiveShell) -> list[FailedCell]:
    """Return the cell that failed, and the one that it called."""
    typed = typed_cells(shell)
    return [cell for place in _places(failure) if (cell := _cell(*place, typed))]


def typed_cells(shell: InteractiveShell) -> dict[str, str]:
    """Return the cells as they were typed, by what Python made of them."""
    history = getattr(shell, "history_manager", None)
    if history is None:
        return {}
    pairs = zip(history.input_hist_parsed, history.input_hist_raw, strict=False)
    typed = {made.rstrip(): raw.rstrip() for made, raw in pairs if made != raw}
    timed = [raw.rstrip() for raw in history.input_hist_raw if raw.split()[:1] == ["%%time"]]
    return typed | {_TIMED: timed[-1]} if timed else typed


def _cell(file: str, number: int, typed: Mapping[str, str]) -> FailedCell | None:
    """Return a cell, of which what is sent has line `number`; None where it has no text."""
    lines = [line.rstrip("\n") for line in linecache.getlines(file)]
    while lines and not lines[-1].strip():
        del lines[-1]
    made = file if file == _TIMED else "\n".join(lines).rstrip()
    if (source := typed.get(made)) is not None:
        lines = source.split("\n")
    if not any(lines):
        return None
    start = min(max(number - 1 - _LINES // 2, 0), max(len(lines) - _LINES, 0))
    return FailedCell("\n".join(lines), start, min(start + _LINES, len(lines)))


def _left_out(count: int) -> str:
    return f"{LEFT_OUT}{counted(count, 'line')} left out"


def _places(failure: BaseException) -> list[tuple[str, int]]:
    """Return file and line of the cell that failed, and of the innermost cell if it is another.

    Of a file of the user's the error itself shows the lines around the place.
    """
    if isinstance(failure, SyntaxError) and failure.filename and is_cell(failure.filename):
        return [(failure.filename, failure.lineno or 1)]
    cells: list[tuple[str, int]] = []
    trace: types.TracebackType | None = failure.__traceback__
    for _ in range(5_000):
        if trace is None:
            break
        file = trace.tb_frame.f_code.co_filename
        if is_cell(file):
            cells.append((file, trace.tb_lineno))
        elif file == _TIMED and not cells:
            cells.append((file, trace.tb_lineno + 1))  # the magic's own line stands above
        trace = trace.tb_next
    # The same cell may come several times: its own line, then those of its functions.
    first = [place for place in cells if place[0] == cells[0][0]]
    last = [cells[-1]] if cells and cells[-1][0] != cells[0][0] else []
    return [*first[-1:], *last]
