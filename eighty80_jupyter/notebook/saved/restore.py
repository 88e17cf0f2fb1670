"""Read conversations back from a saved notebook: from the metadata of its outputs.

A notebook may come from anybody. What is read is checked, and becomes text and numbers only; a
prompt counts as typed only if it stands in a cell, where it can be seen.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.conversation.conversation import Conversation
from eighty80_jupyter.conversation.side_by_side import SideBySide
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.cell.summary import NAMESPACE, SCHEMA
from eighty80_jupyter.notebook.saved.metadata import comparisons_of, entries_of
from eighty80_jupyter.notebook.saved.saved_turn import checked
from eighty80_jupyter.notebook.saved.turn_order import SavedTurns
from eighty80_jupyter.storage.files import read_file
from eighty80_jupyter.storage.serialization import from_json, read
from eighty80_jupyter.storage.store import LIMIT, adopt
from eighty80_jupyter.text import counted

if TYPE_CHECKING:
    from eighty80_jupyter.conversation.branches import Conversations


def restore(conversations: Conversations, path: str | os.PathLike[str]) -> list[str]:
    """Take the conversations of a saved notebook into a session; return a line for each.

    The one that was answered last becomes the current one. One that is there already stays as it
    is; a name that is taken is not taken away. Raises UsageError, and then nothing has changed.
    """
    turns = read_notebook(path)
    loaded = turns.conversations()
    missing = {made.name: told for made in loaded if (told := turns.missing(made))}
    lines = adopt(conversations, loaded, copies=False, missing=missing)
    if turns.attached:
        attached = counted(turns.attached, "turn")
        lines.append(f"without the pictures and sounds of {attached}, which a page does not keep")
    return lines


def read_notebook(path: str | os.PathLike[str]) -> SavedTurns:
    """Return the turns that the outputs of a notebook keep.

    Raises UsageError for a file that is no notebook, or has no turns, or of a later version.
    """
    try:
        notebook = from_json(read_file(path, LIMIT))
    except UsageError as error:
        raise UsageError(f"cannot restore from {path}: {error}") from None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise UsageError(f"{path} is no notebook: it has no cells")
    # One prompt stands in one cell, and counts where the page shows it.
    typed = "\0".join(_text(cell.get("source")) for cell in cells if not _is_hidden(cell))
    kept = []
    for number, (cell, raw) in enumerate(_outputs(cells), 1):
        try:
            kept.append(checked(raw, cell, typed))
        except UsageError as error:
            raise UsageError(f"{path}: reply {number} cannot be read back: {error}") from None
    if not kept:
        raise UsageError(f"{path} holds no replies of %%chat; save the notebook before the kernel")
    return SavedTurns(kept, _compared(cells))


def conversations_of(cell: Mapping[str, Any], kept: Mapping[str, Any]) -> list[Conversation]:
    """Return the conversations that one output of a cell keeps, the latest one first.

    Raises UsageError for what cannot be read back.
    """
    own = {**cell, "outputs": [{"metadata": {NAMESPACE: kept}}]}
    turns = [checked(entry, cell, entry.get("source", "")) for _, entry in _outputs([own])]
    return SavedTurns(turns, _compared([own])).conversations()


def own_notebook(namespace: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> Path:
    """Return the notebook that this kernel belongs to, as Jupyter or VS Code tell it.

    Raises UsageError where nobody tells.
    """
    told = [namespace.get("__vsc_ipynb_file__"), environ.get("JPY_SESSION_NAME")]
    for name in told:
        if isinstance(name, str) and name.endswith(".ipynb"):
            # With real-time collaboration it begins with the name of a drive.
            path = Path(name.removeprefix("RTC:"))
            for candidate in (path, Path(path.name)):
                with suppress(OSError, ValueError):
                    if candidate.is_file():
                        return candidate
    raise UsageError(
        "Jupyter does not tell which notebook this is, or it was renamed or never saved; name it: "
        "%chat --restore NOTEBOOK.ipynb"
    )


def _compared(cells: list[dict[str, Any]]) -> dict[str, list[SideBySide]]:
    """Return what was asked side by side; what cannot be read was only looked at."""
    found: dict[str, list[SideBySide]] = {}
    for _, kept in _own_outputs(cells):
        for name, value in comparisons_of(kept):
            with suppress(UsageError):
                one = read(SideBySide, value)
                if one.is_whole and one not in found.setdefault(name, []):
                    found[name].append(one)
    return found


def _outputs(cells: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Give what outputs keep of turns, with their cells, in the order of the page."""
    for cell, kept in _own_outputs(cells):
        schema = kept.get("schema")
        if isinstance(schema, int) and schema > SCHEMA:
            raise UsageError(
                f"the notebook was written by a later eighty80_jupyter (version {schema} of "
                f"its outputs, this one knows {SCHEMA}); upgrade it"
            )
        for entry in entries_of(kept):
            said = entry.get("messages") or entry.get("role") == "state"
            if said and "conversation" in entry:
                yield cell, entry


def _own_outputs(cells: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Give what outputs of ours keep, with their cells."""
    for cell in cells:
        outputs = cell.get("outputs")
        for output in outputs if isinstance(outputs, list) else ():
            metadata = output.get("metadata") if isinstance(output, dict) else None
            entry_metadata = metadata.get(NAMESPACE) if isinstance(metadata, dict) else None
            if isinstance(entry_metadata, dict):
                yield cell, entry_metadata


def _is_hidden(cell: Mapping[str, Any]) -> bool:
    """Tell whether the page does not show what is typed in a cell."""
    metadata = cell.get("metadata")
    settings = metadata.get("jupyter") if isinstance(metadata, dict) else None
    return isinstance(settings, dict) and bool(settings.get("source_hidden"))


def _text(source: Any) -> str:
    if isinstance(source, list):
        return "".join(part for part in source if isinstance(part, str))
    return source if isinstance(source, str) else ""
