"""Save conversations and load them: one JSON file each, which several kernels may share.

    {"format": "eighty80_jupyter conversation", "schema": 1,
     "name": ..., "system": ..., "turns": [...], "branches": [...]}

Saving reads what the file holds, under a lock, and writes anew. What stood there is replaced if all
of it is in what is saved, or if this conversation saved or loaded it before and still has some of
it (a turn that was undone is gone). Anything else is another's, or another conversation, and is
kept as a branch: a conversation of its own, which `load` returns after the first.
"""

from __future__ import annotations

import hashlib
import os
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from eighty80_jupyter.conversation.branches import Conversations, free_name
from eighty80_jupyter.conversation.conversation import Conversation
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.storage.files import locked, read_file, target, write_file
from eighty80_jupyter.storage.omit import plain_without
from eighty80_jupyter.storage.serialization import (
    Record,
    from_json,
    read_conversation,
    to_json,
)
from eighty80_jupyter.text import counted
from eighty80_jupyter.wire.secret import Secrets

FORMAT = "eighty80_jupyter conversation"
SCHEMA = 1
LIMIT = 1_000_000_000  # bytes of a file

_Pieces = frozenset[bytes]
# What each conversation last wrote to a file, or read from it. An entry is the conversation's own,
# and changed by whoever saves or loads it, one at a time.
_known: weakref.WeakKeyDictionary[Conversation, dict[Path, _Pieces]] = weakref.WeakKeyDictionary()


def save(
    conversation: Conversation,
    path: str | os.PathLike[str],
    *,
    without: Iterable[str] = (),
    secret: Secrets = None,
    tell: Callable[[str], object] | None = None,
) -> Path:
    """Write a conversation to a file and return its path; see above for a file that is there.

    `without` names what is left out: `data`, `images`, `tools`. `secret` is cut out wherever it
    occurs. `tell` is called with a line if the file holds another kernel's turns too. Raises
    UsageError for a file that is no conversation, or cannot be written; it stays as it was.
    """
    file = target(path)
    own = plain_without(Record.of(conversation), without, secret)
    with locked(file):
        pieces = _pieces(own)
        known = _known.get(conversation, {}).get(file, frozenset())
        there = _held(file) if file.exists() and file.stat().st_size else []
        branches = [other for other in there if not _replaces(pieces, _pieces(other), known)]
        values = {"format": FORMAT, "schema": SCHEMA, **own}
        if branches:
            values["branches"] = branches
        write_file(file, to_json(values))
        _known.setdefault(conversation, {})[file] = pieces
    if branches and tell is not None:
        count = len(branches)
        others = "another conversation" if count == 1 else f"{count} other conversations"
        them = "it" if count == 1 else "them"
        tell(f"{file.name} holds {others} too, and keeps {them}; --load shows all.")
    return file


def load(path: str | os.PathLike[str]) -> list[Conversation]:
    """Return the conversation in a file, and after it those that others saved there.

    Their names differ. Raises UsageError for a file that is broken, of a later version or no
    conversation at all.
    """
    found: list[Conversation] = []
    for value in _parsed(path):
        try:
            conversation = read_conversation(value)
        except UsageError as error:
            raise _refused(path, str(error)) from None
        name = free_name(conversation.name, {other.name for other in found})
        if name != conversation.name:
            conversation = conversation.fork(name)
        found.append(conversation)
        _known.setdefault(conversation, {})[target(path)] = _pieces(value)
    return found


def adopt(
    conversations: Conversations,
    loaded: Sequence[Conversation],
    *,
    copies: bool = True,
    missing: Mapping[str, str] = MappingProxyType({}),
) -> list[str]:
    """Take conversations into a session and go on with the first; return a line for each.

    One keeps its name if that is free, or if the conversation of that name is empty or the same.
    Else it gets a free one. Without `copies` one is also left out if all of its turns are in the
    conversation of that name, which may have gone on. `missing` says by its name what of one there
    is, where that is not all.
    """
    lines = []
    for conversation in reversed(loaded):
        name = conversation.name
        # Its `get` knows no missing name: that is an error of the user's.
        there = conversations[name] if name in conversations else None  # noqa: SIM401
        if there is None:
            taken = conversations.add(conversation)
        elif _is_empty(there):
            there.restore(conversation.turns(), system=conversation.system)
            there.summary = conversation.summary
            there.comparisons = conversation.comparisons
            there.former_names = conversation.former_names
            _hand_on(conversation, there)
            taken = conversations.use(name)
        elif Record.of(there) == Record.of(conversation):
            taken = conversations.use(name)
        elif not copies and _is_in(conversation, there):
            conversations.use(name)
            lines.append(f"{name}: all {len(conversation):,} of its turns are there already")
            continue
        else:
            taken = conversations.add(conversation.fork(conversations.free_name(name)))
            _hand_on(conversation, taken)
        turns = counted(len(taken), "turn")
        why = "" if taken.name == name else f" (there is another {name})"
        lines.append(f"{taken.name}: {missing.get(name, turns)}{why}")
    return lines[::-1]


def _held(file: Path) -> list[Any]:
    """Return the conversations of a file that is to be written again."""
    try:
        values = _parsed(file)
        for value in values:
            _pieces(value)
    except UsageError as error:
        raise UsageError(f"{error}; nothing was written, save under another name") from None
    except (KeyError, TypeError, AttributeError):
        raise UsageError(
            f"{file} is not a whole conversation; nothing was written, save under another name"
        ) from None
    return values


def _parsed(path: str | os.PathLike[str]) -> list[Any]:
    """Return the conversations of a file as plain values, not checked any further."""
    data = read_file(path, LIMIT)
    try:
        values = from_json(data)
    except UsageError as error:
        raise _refused(path, str(error)) from None
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise _refused(path, "it is no conversation that %chat --save wrote")
    schema = values.get("schema")
    if not isinstance(schema, int) or schema < 1:
        raise _refused(path, "it does not say its version")
    if schema > SCHEMA:
        raise _refused(
            path,
            f"it is of version {schema}, and this eighty80_jupyter knows {SCHEMA}; upgrade it",
        )
    branches = values.get("branches", [])
    if not isinstance(branches, list):
        raise _refused(path, "its branches are no list")
    names = (each.name for each in fields(Record))
    head = {name: values[name] for name in names if name in values}
    return [head, *branches]


def _refused(path: str | os.PathLike[str], why: str) -> UsageError:
    return UsageError(f"{path} cannot be read as a conversation: {why}")


def _pieces(values: Mapping[str, Any]) -> _Pieces:
    """Return a mark for all that must not be lost: the instruction, each answer, comparisons."""
    marks = {
        _mark(turn.get("id", ""), alternative)
        for turn in values.get("turns", ())
        for alternative in turn["alternatives"]
    }
    marks |= {_mark("comparison", one) for one in values.get("comparisons", ())}
    if values.get("system"):
        marks.add(_mark("system", values["system"]))
    return frozenset(marks)


def _replaces(new: _Pieces, old: _Pieces, known: _Pieces) -> bool:
    return old <= new or (bool(old & new) and old <= new | known)


def _mark(name: str, value: Any) -> bytes:
    return hashlib.blake2b(to_json([name, value]), digest_size=16).digest()


def _hand_on(loaded: Conversation, taken: Conversation) -> None:
    """Remember what a file holds for the conversation that took the place of a loaded one."""
    if loaded in _known:
        _known[taken] = _known[loaded]


def _is_empty(conversation: Conversation) -> bool:
    return not (len(conversation) or conversation.system or conversation.comparisons)


def _is_in(conversation: Conversation, other: Conversation) -> bool:
    """Tell whether all turns of a conversation are in another; comparisons alone never are."""
    if not len(conversation):
        return not conversation.comparisons
    return all(other.find(turn.id) is not None for turn in conversation)
