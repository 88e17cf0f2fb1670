"""Commands for the conversations: begin, go on with, fork, list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.rows.words import short
from eighty80_jupyter.text import counted

if TYPE_CHECKING:
    from eighty80_jupyter.conversation.conversation import Conversation
    from eighty80_jupyter.notebook.commands.context import CommandContext

SHOWN = 60  # characters of a prompt in the list


def use(context: CommandContext, name: str) -> None:
    """Make a conversation the current one."""
    _check_whole(context, "--use", name)
    conversation = context.conversations.use(name)
    context.say(f"Going on with {conversation.name}: {counted(len(conversation), 'turn')}.")


def new(context: CommandContext, name: str) -> None:
    """Begin a conversation.

    One of this name that is empty, or has only what this cell asked, is taken: the cell runs again.
    """
    known = context.conversations.get(name) if name in context.conversations else None
    if known is not None and _is_this_cells(context, known):
        use(context, name)
        return
    conversation = context.conversations.new(name or None)
    context.say(f"The conversation {conversation.name} begins.")


def fork(context: CommandContext, name: str) -> None:
    """Go on in a copy of the current conversation."""
    before = context.conversation
    conversation = context.conversations.fork(name or None, at=context.options.at)
    context.say(
        f"The conversation {conversation.name} begins with {counted(len(conversation), 'turn')} "
        f"of {before.name}."
    )


def overview(context: CommandContext, _value: Any) -> None:
    """List the conversations."""
    rows = []
    for conversation in context.conversations.values():
        current = "* " if conversation is context.conversation else "  "
        last = conversation[-1].source if conversation else ""
        size = counted(len(conversation), "turn")
        rows.append((current + conversation.name, size, short(last, SHOWN)))
    context.table(rows, ("conversation", "turns", "last prompt"))


def conversation_in(context: CommandContext) -> Conversation:
    """Return the conversation that `--in` names, begun if there is none; without it the current."""
    if context.options.in_ is None:
        return context.conversation
    name = context.options.in_.strip()
    _check_whole(context, "--in", name)
    if name not in context.conversations:
        current = context.conversation
        conversation = context.conversations.new(name)
        context.conversations.use(current.name)
        context.say(f"The conversation {conversation.name} begins.")
    return context.conversations[name]


def _check_whole(context: CommandContext, option: str, name: str) -> None:
    """Refuse the first word of a name that has several. Raises UsageError."""
    known = context.conversations
    if name not in known and (longer := [n for n in known if n.startswith(f"{name} ")]):
        raise UsageError(
            f"there is no conversation {name}; a name of several words stands in quotes: "
            f'{option} "{longer[0]}"'
        )


def _is_this_cells(context: CommandContext, conversation: Conversation) -> bool:
    if not conversation:
        return True
    return bool(context.cell.id) and all(turn.cell == context.cell.id for turn in conversation)
