"""Commands that take back, choose and edit turns."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.api import request_parameters
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.cell.views.turns import turn_html, turn_text
from eighty80_jupyter.notebook.commands.branch import SHOWN
from eighty80_jupyter.notebook.rows.words import short
from eighty80_jupyter.notebook.saved.asked import asked_again
from eighty80_jupyter.notebook.saved.export_notebook import options_of, tool_options
from eighty80_jupyter.notebook.saved.metadata import page_of
from eighty80_jupyter.prompt.template.cells import sent_cells
from eighty80_jupyter.text import counted

if TYPE_CHECKING:
    from eighty80_jupyter.conversation.conversation import Conversation
    from eighty80_jupyter.conversation.turn import Turn
    from eighty80_jupyter.notebook.commands.context import CommandContext


def reset(context: CommandContext, _value: Any) -> None:
    """Forget the conversation."""
    context.conversation.reset()
    context.note("A new conversation begins.")


def undo(context: CommandContext, count: int) -> None:
    """Take the last turns away, and say which."""
    gone = context.conversation.undo(count)
    first = len(context.conversation) + 1
    for number, turn in enumerate(gone, first):
        context.say(f"Undone: {number}. {short(turn.source, SHOWN)}")
    context.note(f"{context.conversation.name} has {counted(len(context.conversation), 'turn')}.")


def alternative(context: CommandContext, number: int) -> None:
    """Let another answer of the last turn count, or of the one that `--at` names."""
    conversation = context.conversation
    place = len(conversation) if context.options.at is None else context.options.at
    _show(context, conversation, conversation.choose(conversation.numbered(place).id, number - 1))


def keep(context: CommandContext, number: int) -> None:
    """Make one of the answers side by side the reply, and show it as the turn that it is now."""
    comparison = context.beside.latest
    count = 0 if comparison is None else len(comparison.columns)
    if comparison is None or not count:
        raise UsageError("nothing stands side by side; %%chat --vary NAME=VALUES asks")
    if not 1 <= number <= count:
        raise UsageError(f"there are answers 1 to {count} side by side, got {number}")
    turn, conversation = comparison.adopt(number - 1)
    _show(context, conversation, turn)


def edit(context: CommandContext, number: int) -> None:
    """Put a prompt into a new cell, which asks it anew in place of its turn."""
    conversation = context.conversation
    turn = conversation.numbered(number)
    source, is_raw = asked_again(turn)
    if not source.strip():
        raise UsageError("this turn has no text to edit")
    place = conversation.number_of(turn.id)
    content = turn.messages[0].content
    if not isinstance(content, str):
        context.say("Its pictures and sounds are not in the new cell: name them again.")
    options = _options(context, turn) + " --raw" * is_raw
    if turn.typed and not context.session.config.cells and sent_cells([turn.prompt]):
        options += " --cells"
    context.put_cell(f"%%chat --again {place}{options}\n{source}", what="the cell")


def _show(context: CommandContext, conversation: Conversation, turn: Turn) -> None:
    """Show a turn whose answer has changed, and have the page keep it."""
    place = conversation.number_of(turn.id)
    context.show(turn_html(place, turn), turn_text(place, turn), page_of(conversation, turn))


def _options(context: CommandContext, turn: Turn) -> str:
    """Return the options of the turn's cell: parameters and tools that are not the settings now."""
    canonical = request_parameters.canonical
    settings = {canonical(k): v for k, v in context.session.requests.parameters().items()}
    options = options_of(
        {
            name: value
            for name, value in turn.reply.parameters.items()
            if settings.get(canonical(name)) != value
        }
    )
    known, default = context.session.tools, set[str]()
    with suppress(UsageError):  # a setting may name a tool that is gone
        default = {tool.name for tool in known.select(context.session.config.tools or ())}
    offered = [name for name in turn.exchange.tools if name in known]
    asked = turn.exchange
    if set(offered) != default or asked.tool_choice or asked.parallel_tool_calls is not None:
        options += tool_options(turn, offered)
    return options
