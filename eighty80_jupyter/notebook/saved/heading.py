"""What stands above an export: of which model, from which server, when, and with what set."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from eighty80_jupyter.conversation.outgoing import server_mark
from eighty80_jupyter.notebook.cell.summary import settings

if TYPE_CHECKING:
    from eighty80_jupyter.conversation.conversation import Conversation


def heading(conversation: Conversation, address: str = "") -> list[tuple[str, str]]:
    """Return what names an export, each with its title; `address` is the present server's.

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
