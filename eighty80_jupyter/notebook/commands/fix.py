"""What `--fix` sends: the last exception, and the code of the cell that raised it."""

from __future__ import annotations

import linecache
import types
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.prompt.describe.files import is_cell

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_ASK = (
    "This code failed. Explain the error in a sentence or two, then show the whole corrected code "
    "in one block."
)
_LINES = 60  # of a long cell, around the line that failed
_ERROR, _FAILED, _CALLED = "_err", "failing_cell", "called_cell"


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
        if code := _source(*place, typed or {}):
            values[name] = code
            lines.append(f"{text}: {{{{{name}}}}}")
    return "\n".join(lines), values


def failed_cells(failure: BaseException, shell: InteractiveShell) -> list[str]:
    """Return the code of the cell that failed, and of the one that it called, as it was sent."""
    typed = typed_cells(shell)
    return [code for place in _places(failure) if (code := _source(*place, typed))]


def typed_cells(shell: InteractiveShell) -> dict[str, str]:
    """Return the cells as they were typed, by what Python made of them."""
    history = getattr(shell, "history_manager", None)
    if history is None:
        return {}
    pairs = zip(history.input_hist_parsed, history.input_hist_raw, strict=False)
    return {made.rstrip(): raw.rstrip() for made, raw in pairs if made != raw}


def _source(file: str, number: int, typed: Mapping[str, str]) -> str:
    """Return the source of a cell; of a long one the lines around line `number`."""
    lines = [line.rstrip("\n") for line in linecache.getlines(file)]
    while lines and not lines[-1].strip():
        del lines[-1]
    if (source := typed.get("\n".join(lines).rstrip())) is not None:
        lines = source.split("\n")
    if len(lines) <= _LINES:
        return "\n".join(lines)
    start = min(max(number - 1 - _LINES // 2, 0), len(lines) - _LINES)
    kept = lines[start : start + _LINES]
    above = [f"# … {start} lines left out"] if start else []
    left = len(lines) - start - _LINES
    below = [f"# … {left} lines left out"] if left else []
    return "\n".join([*above, *kept, *below])


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
        trace = trace.tb_next
    # The same cell may come several times: its own line, then those of its functions.
    first = [place for place in cells if place[0] == cells[0][0]]
    last = [cells[-1]] if cells and cells[-1][0] != cells[0][0] else []
    return [*first[-1:], *last]
