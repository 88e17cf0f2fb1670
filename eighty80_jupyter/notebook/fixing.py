"""What `--fix` sends: the last exception, and the code of the cell that raised it."""

from __future__ import annotations

import linecache
import types
from collections.abc import Mapping
from typing import Any

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.prompt.describe_files import is_cell, is_users

_ASK = "This code failed. Explain the error in a sentence or two, then show the corrected code."
_LINES = 60  # of a long cell, around the line that failed
_ERROR, _CODE = "_err", "failing_cell"


def failure_prompt(
    failure: BaseException | None, words: str, typed: Mapping[str, str] | None = None
) -> tuple[str, dict[str, Any]]:
    """Return the prompt, and the values of its own fields. Raises UsageError without an error.

    `words` are the user's own, which stand in place of the usual request. `typed` gives cells as
    they were typed by what Python made of them: `%%time` is a call of a function there.
    """
    if failure is None:
        raise UsageError("there is no error to fix: no cell of this kernel has failed yet")
    code = failing_code(failure, typed or {})
    values: dict[str, Any] = {_ERROR: failure}
    lines = [words.strip() or _ASK, "", f"The error: {{{{{_ERROR}}}}}"]
    if code:
        values[_CODE] = code
        lines.append(f"The code: {{{{{_CODE}}}}}")
    return "\n".join(lines), values


def failing_code(failure: BaseException, typed: Mapping[str, str]) -> str:
    """Return the source of the cell, or of the user's function, that the exception came from.

    Of a long one the lines around the place are returned. Empty if there is no source.
    """
    file, number = _place(failure)
    lines = [line.rstrip("\n") for line in linecache.getlines(file)] if file else []
    while lines and not lines[-1].strip():
        del lines[-1]
    if is_cell(file) and (source := typed.get("\n".join(lines).rstrip())) is not None:
        lines = source.split("\n")
    if not is_cell(file) and not isinstance(failure, SyntaxError):
        return ""  # a file of the user's: the error itself shows the lines around the place
    if len(lines) <= _LINES:
        return "\n".join(lines)
    start = min(max(number - 1 - _LINES // 2, 0), len(lines) - _LINES)
    kept = lines[start : start + _LINES]
    above = [f"# … {start} lines left out"] if start else []
    left = len(lines) - start - _LINES
    below = [f"# … {left} lines left out"] if left else []
    return "\n".join([*above, *kept, *below])


def _place(failure: BaseException) -> tuple[str, int]:
    """Return the file and the line: of the innermost cell, else of the innermost user's file."""
    if isinstance(failure, SyntaxError) and failure.filename and is_cell(failure.filename):
        return failure.filename, failure.lineno or 1
    found = ("", 1)
    trace: types.TracebackType | None = failure.__traceback__
    for _ in range(5_000):
        if trace is None:
            break
        file = trace.tb_frame.f_code.co_filename
        if is_cell(file) or (is_users(file) and not is_cell(found[0])):
            found = file, trace.tb_lineno
        trace = trace.tb_next
    return found
