"""What stands instead of a prompt, or before one: for each option the function that does it.

A function takes the context and the option's value. It raises UsageError before it changes
anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from eighty80_jupyter.notebook.commands import (
    branch,
    code,
    correct,
    keep,
    mcp,
    see,
    settings,
)
from eighty80_jupyter.notebook.commands.context import CommandContext

Command = Callable[[CommandContext, Any], None]

# Options without a function only say more about another one.
COMMANDS: Mapping[str, Command] = MappingProxyType(
    {
        "remote": settings.remote,
        "local": settings.local,
        "mcp": mcp.start,
        "mcp_stop": mcp.stop,
        "key": settings.key,
        "set": settings.change,
        "preset_save": settings.save_preset,
        "load": keep.load,
        "restore": keep.restore,
        "recover": keep.recover,
        "use": branch.use,
        "new": branch.new,
        "fork": branch.fork,
        "list": branch.overview,
        "reset": correct.reset,
        "undo": correct.undo,
        "alternative": correct.alternative,
        "keep": correct.keep,
        "edit": correct.edit,
        "code": code.code,
        "save": keep.save,
        "export": keep.export,
        "record": keep.record,
        "replay": keep.replay,
        "forget_answers": keep.forget_answers,
        "panel": see.panel,
        "models": see.models,
        "history": see.history,
        "status": see.report,
        "tools_list": see.tools,
        "mcp_list": mcp.overview,
    }
)


def act(context: CommandContext, names: Iterable[str]) -> None:
    """Do these commands of the line, one after the other."""
    for name in names:
        command = COMMANDS.get(name)
        if command is not None:
            command(context, context.options.given[name])
