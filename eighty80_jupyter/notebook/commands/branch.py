"""Commands for the conversations: begin, go on with, fork, list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eighty80_jupyter.conversation.conversation import Conversation
    from eighty80_jupyter.notebook.commands.context import Desk

_PROMPT = 60  # characters of a prompt in the list


def use(desk: Desk, name: str) -> None:
    """Make a conversation the current one."""
    conversation = desk.conversations.use(name)
    desk.say(f"Going on with {conversation.name}: {turns(len(conversation))}.")


def new(desk: Desk, name: str) -> None:
    """Begin a conversation.

    One of this name that is empty, or has only what this cell asked, is taken: the cell runs again.
    """
    known = desk.conversations.get(name) if name in desk.conversations else None
    if known is not None and _is_this_cells(desk, known):
        use(desk, name)
        return
    conversation = desk.conversations.new(name or None)
    desk.say(f"The conversation {conversation.name} begins.")


def fork(desk: Desk, name: str) -> None:
    """Go on in a copy of the current conversation."""
    before = desk.conversation
    conversation = desk.conversations.fork(name or None, at=desk.values.get("at"))
    desk.say(
        f"The conversation {conversation.name} begins with {turns(len(conversation))} "
        f"of {before.name}."
    )


def overview(desk: Desk, _value: Any) -> None:
    """List the conversations."""
    from eighty80_jupyter.notebook.cell.views import table_html, table_text  # noqa: PLC0415  # late

    rows = []
    for conversation in desk.conversations.values():
        current = "* " if conversation is desk.conversation else "  "
        last = conversation[-1].source if conversation else ""
        rows.append((current + conversation.name, turns(len(conversation)), shortened(last)))
    desk.show(table_html(rows, ("conversation", "turns", "last prompt")), table_text(rows))


def conversation_in(desk: Desk) -> Conversation:
    """Return the conversation that `--in` names, begun if there is none; without it the current."""
    name = desk.values.get("in")
    if name is None:
        return desk.conversation
    name = name.strip()
    if name not in desk.conversations:
        current = desk.conversation
        conversation = desk.conversations.new(name)
        desk.conversations.use(current.name)
        desk.say(f"The conversation {conversation.name} begins.")
    return desk.conversations[name]


def turns(count: int) -> str:
    """Return a number of turns in words."""
    return f"{count:,} turn" + "s" * (count != 1)


def shortened(text: str, length: int = _PROMPT) -> str:
    """Return the first words of a text, on one line."""
    line = " ".join(text[: 4 * length].split())
    return line if len(line) <= length and len(text) <= 4 * length else line[: length - 1] + "…"


def _is_this_cells(desk: Desk, conversation: Conversation) -> bool:
    if not conversation:
        return True
    return bool(desk.cell.id) and all(turn.cell == desk.cell.id for turn in conversation)
