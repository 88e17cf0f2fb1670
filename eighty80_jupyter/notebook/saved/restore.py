"""Read conversations back from a saved notebook: from the metadata of its outputs.

A notebook may come from anybody. What is read is checked, and becomes text and numbers only; a
prompt counts as typed only if it stands in a cell, where it can be seen.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.api import request_parameters
from eighty80_jupyter.api.messages import Message, Part, Role, ToolCall
from eighty80_jupyter.api.reply import CallRecord, Choice, Reply, Status, Usage
from eighty80_jupyter.conversation.conversation import Conversation
from eighty80_jupyter.conversation.side_by_side import SideBySide
from eighty80_jupyter.conversation.turn import Exchange, Turn
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.cell.outputs import NAMESPACE
from eighty80_jupyter.notebook.saved.metadata import comparisons_of, entries_of
from eighty80_jupyter.storage.files import read_file
from eighty80_jupyter.storage.serialization import check_name, fault, from_json, read
from eighty80_jupyter.storage.store import adopt

if TYPE_CHECKING:
    from eighty80_jupyter.conversation.branches import Conversations

SCHEMA = 1
LIMIT = 1_000_000_000  # bytes of a notebook
MOST_TURNS = 100_000  # of a conversation that are counted: a number may come from anybody
_SHOWN = 5  # numbers of turns that are named


# What is never a server's own field of these: it would take the place of what is read.
_CALL_FIELDS = frozenset({"id", "type", "function"})
_MESSAGE_FIELDS = frozenset({"role", "content", "tool_calls", "tool_call_id"})


def _extra(values: Mapping[str, Any] | None, known: frozenset[str]) -> dict[str, Any] | None:
    return {name: value for name, value in (values or {}).items() if name not in known} or None


@dataclass(frozen=True, slots=True)
class _Function:
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class _Call:
    id: str
    function: _Function
    extra: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class _Message:
    """A message in the form in which it is sent."""

    role: Role
    content: str | tuple[Part, ...] | None = None
    tool_calls: tuple[_Call, ...] = ()
    tool_call_id: str | None = None
    extra: Mapping[str, Any] | None = None

    def to_message(self) -> Message:
        calls = tuple(
            ToolCall(
                id=call.id,
                name=call.function.name,
                arguments=call.function.arguments,
                extra=_extra(call.extra, _CALL_FIELDS),
            )
            for call in self.tool_calls
        )
        extra = _extra(self.extra, _MESSAGE_FIELDS) if self.role == "assistant" else None
        return Message(self.role, self.content, calls, self.tool_call_id, extra)


@dataclass(frozen=True, slots=True, kw_only=True)
class _SavedTurn:
    """What the last output of a reply keeps; see `metadata` and `summary.reply_metadata`."""

    messages: tuple[_Message, ...] = ()
    role: str = "assistant"
    conversation: str = "main"
    turn: int = 1
    model: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    usage: Mapping[str, Any] | None = None
    finish_reason: str | None = None
    status: Status = "complete"
    seconds: float = 0.0
    calls: tuple[CallRecord, ...] = ()
    id: str = ""
    after: str | None = None
    at: float = 0.0
    source: str = ""
    has_data: bool = False
    system: str | None = None
    reasoning: str = ""
    further: tuple[Choice, ...] = ()
    attached: int = 0
    tools: tuple[str, ...] = ()
    tool_choice: str | None = None
    parallel_tool_calls: bool | None = None
    server: str = ""
    in_python: tuple[int, ...] = ()
    formerly: tuple[str, ...] = ()
    tool_seconds: float = 0.0
    rounds: int = 1
    error: str = ""
    notes: tuple[str, ...] = ()
    cell: str = ""  # what the notebook says, not what was kept


def restore(conversations: Conversations, path: str | os.PathLike[str]) -> list[str]:
    """Take the conversations of a saved notebook into a session; return a line for each.

    The one that was answered last becomes the current one. One that is there already stays as it
    is; a name that is taken is not taken away. Raises UsageError, and then nothing has changed.
    """
    kept, compared = _read(path)
    pages = _pages(kept)
    loaded = pages.conversations()
    for made in loaded:
        made.comparisons = tuple(compared.get(made.name, ()))
    missing = {made.name: told for made in loaded if (told := pages.missing(made))}
    lines = adopt(conversations, loaded, copies=False, missing=missing)
    if attached := len({entry.id for entry in kept if entry.attached}):
        turns = "1 turn" if attached == 1 else f"{attached:,} turns"
        lines.append(f"without the pictures and sounds of {turns}, which a page does not keep")
    return lines


def read_notebook(path: str | os.PathLike[str]) -> list[Conversation]:
    """Return the conversations in a notebook as it was last saved, the latest one first.

    Raises UsageError for a file that is no notebook, or has no turns, or of a later version.
    """
    return _pages(_read(path)[0]).conversations()


def conversations_of(cell: Mapping[str, Any], kept: Mapping[str, Any]) -> list[Conversation]:
    """Return the conversations that one output of a cell keeps, the latest one first.

    Raises UsageError for what cannot be read back.
    """
    own = {**cell, "outputs": [{"metadata": {NAMESPACE: kept}}]}
    turns = [_checked(entry, cell, entry.get("source", "")) for _, entry in _outputs([own])]
    made = _pages(turns).conversations()
    compared = _compared([own])
    for conversation in made:
        conversation.comparisons = tuple(compared.get(conversation.name, ()))
    return made


def _read(
    path: str | os.PathLike[str],
) -> tuple[list[_SavedTurn], dict[str, list[SideBySide]]]:
    """Return what the outputs of a notebook keep, in the order of the page. Raises UsageError.

    That are turns, and what was asked side by side in the conversation of each name.
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
            kept.append(_checked(raw, cell, typed))
        except UsageError as error:
            raise UsageError(f"{path}: reply {number} cannot be read back: {error}") from None
    if not kept:
        raise UsageError(f"{path} holds no replies of %%chat; save the notebook before the kernel")
    return kept, _compared(cells)


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


def _pages(kept: list[_SavedTurn]) -> _Pages:
    pages = _Pages()
    for entry in sorted(kept, key=lambda entry: entry.at):
        pages.add(entry)
    return pages


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


class _Pages:
    """Puts turns in order: each after the one that it followed, in place of what it replaced."""

    def __init__(self) -> None:
        self._turns: dict[str, list[Turn]] = {}
        self._systems: dict[str, str | None] = {}
        self._former: dict[str, tuple[str, ...]] = {}
        self._places: dict[str, _SavedTurn] = {}  # by the id of a turn: what was last kept of it

    def add(self, entry: _SavedTurn) -> None:
        """Take in a turn, or a change, which came after all that were taken in before."""
        name = entry.conversation
        turns = self._turns.pop(name, None)
        if turns is None:
            turns = self._begun_from(entry)
        self._turns[name] = turns  # at the end: the latest one
        self._systems[name] = entry.system
        self._former[name] = entry.formerly
        ids = [each.id for each in turns]
        if entry.role == "state":
            if entry.after == "" or entry.after in ids:  # else that turn is not on the page
                del turns[ids.index(entry.after) + 1 if entry.after else 0 :]
            return
        turn = _turn(entry)
        self._places[turn.id] = entry
        if turn.id in ids:
            index = ids.index(turn.id)
            known = turns[index].alternatives
            if turn.exchange in known:  # the cell was copied, or an answer chosen again
                turns[index] = replace(turns[index], chosen=known.index(turn.exchange))
                return
            answers = (*turns[index].alternatives, turn.exchange)
            turns[index] = replace(turn, alternatives=answers, chosen=len(answers) - 1)
            return
        # What stood behind the turn that it followed had been undone by then.
        keep = entry.turn - 1
        if entry.after is not None and entry.after in ids:
            keep = ids.index(entry.after) + 1
        turns[max(keep, 0) :] = [turn]

    def conversations(self) -> list[Conversation]:
        """Return the conversations, the latest first; one that was renamed under its last name.

        Its first turns stand under the name that it had then, too, as a fork's would.
        """
        ids = {name: {turn.id for turn in turns} for name, turns in self._turns.items()}
        renamed = {
            was
            for name, names in self._former.items()
            for was in names
            if was != name and ids.get(was, {""}) <= ids[name]
        }
        made = []
        for name, turns in reversed(self._turns.items()):
            if name not in renamed:
                made.append(Conversation(name, turns, system=self._systems[name]))
                made[-1].former_names = self._former[name]
        return made

    def missing(self, conversation: Conversation) -> str:
        """Say how many turns there are of how many, and what is known of the others.

        Empty where none is missing. Each turn of a page tells its number, and which before it were
        asked in Python and stand on no page.
        """
        entries = [self._places[turn.id] for turn in conversation]
        there = {entry.turn for entry in entries}
        total = max((entry.turn for entry in entries), default=0)
        gone = [number for number in range(1, min(total, MOST_TURNS) + 1) if number not in there]
        if not gone:
            return ""
        python = {number for entry in entries for number in entry.in_python}
        asked = [number for number in gone if number in python]
        others = [number for number in gone if number not in python]
        parts = [f"{len(conversation):,} of {total:,} turn" + "s" * (total != 1)]
        if asked:
            parts.append(f"{_numbered(asked)} asked in Python")
        if others:
            parts.append(f"{_numbered(others)} not on the page")
        return "; ".join(parts)

    def _begun_from(self, entry: _SavedTurn) -> list[Turn]:
        """Return the turns that a fork begins with: those up to the one that it followed."""
        for turns in self._turns.values():
            for index, turn in enumerate(turns):
                if entry.after and turn.id == entry.after:
                    return turns[: index + 1]
        return []


def _numbered(numbers: list[int]) -> str:
    """Return "turn 2 was", "turns 2, 3 were"; of many the first ones."""
    if len(numbers) == 1:
        return f"turn {numbers[0]:,} was"
    shown = ", ".join(f"{number:,}" for number in numbers[:_SHOWN])
    more = f" and {len(numbers) - _SHOWN:,} more" if len(numbers) > _SHOWN else ""
    return f"turns {shown}{more} were"


def _messages(entry: _SavedTurn) -> tuple[Message, ...]:
    return tuple(message.to_message() for message in entry.messages)


def _turn(entry: _SavedTurn) -> Turn:
    messages = _messages(entry)
    first = Choice(
        text=messages[-1].text, reasoning=entry.reasoning, finish_reason=entry.finish_reason
    )
    reply = Reply(
        choices=(first, *entry.further),
        model=entry.model,
        usage=None if entry.usage is None else Usage.from_wire(entry.usage),
        seconds=entry.seconds,
        status=entry.status,
        error=entry.error,
        parameters=entry.parameters,
        notes=entry.notes,
        rounds=entry.rounds,
        calls=entry.calls,
        tool_seconds=entry.tool_seconds,
    )
    exchange = Exchange(
        messages=messages,
        reply=reply,
        has_data=entry.has_data,
        source=entry.source,
        tools=entry.tools,
        tool_choice=entry.tool_choice,
        parallel_tool_calls=entry.parallel_tool_calls,
        server=entry.server[:100],
    )
    if entry.id:
        return Turn(alternatives=(exchange,), id=entry.id, cell=entry.cell)
    return Turn(alternatives=(exchange,), cell=entry.cell)


def _checked(raw: Mapping[str, Any], cell: Mapping[str, Any], typed: str) -> _SavedTurn:
    """Return what was kept of a turn, with nothing in it that could do anything."""
    entry = read(_SavedTurn, {**raw, "cell": str(cell.get("id", ""))[:100]})
    check_name(entry.conversation)
    entry = replace(
        entry,
        id=entry.id[:100],
        source=entry.source if "\0" not in entry.source and entry.source in typed else "",
        parameters=_parameters(entry.parameters),
    )
    # Before anything looks into the messages: they may be of any shape.
    said = Exchange(messages=_messages(entry), reply=Reply())
    if entry.role != "state" and (wrong := fault(said)):
        raise UsageError(f"turn {entry.turn} {wrong}")
    return entry


def _parameters(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that are known, with values that can be."""
    kept = {}
    for name, value in values.items():
        known = request_parameters.canonical(name)
        if known in request_parameters.PARAMETERS and known != "extra":
            with suppress(UsageError):
                kept[name] = request_parameters.check(known, value)
    return kept


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
