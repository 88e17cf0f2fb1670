"""Export a conversation: to read (Markdown, HTML), to run (a notebook), to train on (JSON lines).

An export is written anew only over one that was not changed since: each carries the sum of what
follows it. JSON lines have no place for that; there the same conversation, grown, may follow.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from eighty80_jupyter.conversation.conversation import Conversation
from eighty80_jupyter.conversation.outgoing import server_mark
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.cell.summary import NAMESPACE, settings
from eighty80_jupyter.notebook.saved.asked_type import AskedType, asked_type
from eighty80_jupyter.notebook.saved.export_html import page
from eighty80_jupyter.notebook.saved.export_markdown import markdown
from eighty80_jupyter.notebook.saved.export_notebook import Beside, notebook
from eighty80_jupyter.storage.files import locked, read_file, target, write_file
from eighty80_jupyter.storage.omit import conversation_without
from eighty80_jupyter.storage.serialization import from_json, to_json
from eighty80_jupyter.storage.store import LIMIT
from eighty80_jupyter.wire.secret import Secrets, without_secret

if TYPE_CHECKING:
    from eighty80_jupyter.session.session import Session
    from eighty80_jupyter.tools.tool import Tool


# The sum of what this kernel wrote to each file.
_written: dict[Path, str] = {}
_MARK = "<!-- exported by eighty80_jupyter, sha256 "


def export_current(
    session: Session, path: str | os.PathLike[str], *, without: Iterable[str] = ()
) -> Path:
    """Export the current conversation of a session with what its settings and tools say of it."""
    return export(
        session.conversation,
        path,
        without=without,
        secret=session.secrets,
        system=session.config.system,
        tools=session.tools,
        address=session.address,
        names=session.namespace,
    )


def export(
    conversation: Conversation,
    path: str | os.PathLike[str],
    *,
    without: Iterable[str] = (),
    secret: Secrets = None,
    system: str | None = None,
    tools: Mapping[str, Tool] | None = None,
    address: str = "",
    names: Mapping[str, Any] | None = None,
) -> Path:
    """Write a conversation in the form that the suffix of `path` names, and return the path.

    `.md`, `.html`, `.ipynb`, `.jsonl`. `without` and `secret` are as for `chat.store.save`;
    `system` is the instruction of a conversation that has none of its own, `tools` are those whose
    descriptions stand beside the calls in JSON lines and above the cells that offer them, and
    `address` is that of the present server, whose name stands in the heading. `names` has the
    classes that types of answers name. The file has the mode of any new file: it is made to be
    handed on. Raises UsageError for another suffix, and for a
    file that is there and is no such export.
    """
    file = target(path)
    write, is_ours = form_of(file)
    if conversation.system is None and system:
        conversation = conversation.fork(conversation.name)
        conversation.system = system
    shown = conversation_without(conversation, without, secret)
    known = tools or {}
    described = [known[name].to_wire() for name in _tools_of(shown) if name in known]
    beside = Beside(
        heading=_heading(shown, address),
        tools=without_secret(described, secret),
        servers={
            name: str(tool.function.server.name)
            for name, tool in known.items()
            if hasattr(tool.function, "server")
        },
        types=_types(conversation, names or {}, secret) if file.suffix == ".ipynb" else {},
    )
    data = write(shown, beside)
    with locked(file):
        there = read_file(file, LIMIT) if file.exists() else b""
        if there and _written.get(file) != _sum(there) and not is_ours(there, data):
            raise UsageError(
                f"{path} is something else, or was changed since it was exported; "
                "export under another name, or remove it"
            )
        write_file(file, data, private=False)
        _written[file] = _sum(data)
    return file


def _heading(conversation: Conversation, address: str) -> list[tuple[str, str]]:
    """Return what stands above an export, each with its title; `address` is the present server's.

    A conversation keeps a mark of the servers that answered and not their names: one that the
    present address does not fit is told to be another. Parameters are those that all turns share;
    each turn names its own.
    """
    replies = [turn.reply for turn in conversation]
    models = dict.fromkeys(r.model or str(r.parameters.get("model") or "") for r in replies)
    shared = settings(replies[0].parameters) if replies else []
    for reply in replies[1:]:
        own = settings(reply.parameters)
        shared = [words for words in shared if words in own]
    facts = [
        ("Model", ", ".join(filter(None, models))),
        ("Server", _servers(conversation, address)),
        ("Date", time.strftime("%Y-%m-%d %H:%M")),
        ("Parameters", " · ".join(shared)),
    ]
    return [(title, text) for title, text in facts if text]


def _servers(conversation: Conversation, address: str) -> str:
    """Return the name of the server, and whether others answered too."""
    marks = {turn.exchange.server for turn in conversation} - {""}
    known = server_mark(address) in marks
    name = urlsplit(address).netloc if known else ""
    others = len(marks) - known
    if not others:
        return name
    what = "another server" if others == 1 else f"{others} other servers"
    return f"{name}, {what}" if name else what


def _tools_of(conversation: Conversation) -> dict[str, None]:
    """Return the names of the tools that were offered, and of those that were called."""
    names = dict.fromkeys(name for turn in conversation for name in turn.exchange.tools)
    for message in (message for turn in conversation for message in turn.messages):
        names |= dict.fromkeys(call.name for call in message.tool_calls)
    return names


def _types(
    conversation: Conversation, names: Mapping[str, Any], secret: Secrets
) -> dict[str, AskedType]:
    """Return how the types of answers are asked for, by the ids of the turns that have one."""
    found = {}
    for turn in conversation:
        if turn.reply.returns is not None:
            asked = asked_type(turn.reply.returns, names)
            found[turn.id] = AskedType(
                option=without_secret(asked.option, secret),
                classes=without_secret(asked.classes, secret),
            )
    return found


def form_of(file: Path) -> _Form:
    """Return how a file with this suffix is written. Raises UsageError for another suffix."""
    form = FORMS.get(file.suffix.lower())
    if form is None:
        raise UsageError(
            f"the suffix says what an export is: {', '.join(FORMS)}, got {file.suffix or 'none'}"
        )
    return form


def _marked(write: _Write, conversation: Conversation, beside: Beside) -> bytes:
    text = write(conversation, beside.heading).encode("utf-8", "replace")
    return f"{_MARK}{_sum(text)} -->\n".encode() + text


def _is_marked(data: bytes, _new: bytes) -> bool:
    head, _, rest = data.partition(b"\n")
    return head == f"{_MARK}{_sum(rest)} -->".encode()


def _notebook(conversation: Conversation, beside: Beside) -> bytes:
    made = notebook(conversation, beside)
    made["metadata"][NAMESPACE] = {"sha256": _cells_sum(made["cells"])}
    return to_json(made, indent=True) + b"\n"


def _is_notebook(data: bytes, _new: bytes) -> bool:
    try:
        there = from_json(data)
        known = there["metadata"][NAMESPACE]["sha256"]
        return bool(known == _cells_sum(there["cells"]))
    except (UsageError, KeyError, TypeError, AttributeError):
        return False


def _cells_sum(cells: Any) -> str:
    """Return the sum of what cells say: Jupyter sorts the names and cuts texts into lines."""
    return _sum(json.dumps(_joined(cells), sort_keys=True).encode())


def _joined(value: Any) -> Any:
    if isinstance(value, list) and value and all(isinstance(line, str) for line in value):
        return "".join(value)
    if isinstance(value, list):
        return [_joined(item) for item in value]
    if isinstance(value, dict):
        return {name: _joined(item) for name, item in value.items()}
    return value


def _lines(conversation: Conversation, beside: Beside) -> bytes:
    """Return the conversation in the form in which OpenAI's fine-tuning takes it, as one line."""
    messages = conversation.to_messages()
    if conversation.system:
        messages.insert(0, {"role": "system", "content": conversation.system})
    described = {"tools": beside.tools} if beside.tools else {}
    return to_json({"messages": messages, **described}) + b"\n"


def _is_line(data: bytes, new: bytes) -> bool:
    try:
        there, now = from_json(data), from_json(new)
        return set(there) - {"tools"} == {"messages"} and bool(
            there["messages"] == now["messages"][: len(there["messages"])]
        )
    except (UsageError, KeyError, TypeError):
        return False


def _sum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


_Write = Callable[[Conversation, Sequence[tuple[str, str]]], str]
_Form = tuple[Callable[[Conversation, Beside], bytes], Callable[[bytes, bytes], bool]]
FORMS: Mapping[str, _Form] = MappingProxyType(
    {
        ".md": (partial(_marked, markdown), _is_marked),
        ".html": (partial(_marked, page), _is_marked),
        ".ipynb": (_notebook, _is_notebook),
        ".jsonl": (_lines, _is_line),
    }
)
