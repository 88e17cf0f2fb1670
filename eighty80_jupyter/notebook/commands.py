"""What stands instead of a prompt, or before one: for each option the function that does it.

A function takes the desk and the option's value. It raises UsageError before it changes anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from eighty80_jupyter.notebook import (
    commands_branch,
    commands_correct,
    commands_keep,
    commands_notebook,
    commands_panel,
    commands_see,
    commands_set,
    commands_tools,
)
from eighty80_jupyter.notebook.desk import Desk

Command = Callable[[Desk, Any], None]

# Options without a function only say more about another one.
COMMANDS: Mapping[str, Command] = MappingProxyType(
    {
        "remote": commands_set.remote,
        "local": commands_set.local,
        "key": commands_set.key,
        "set": commands_set.change,
        "load": commands_keep.load,
        "restore": commands_keep.restore,
        "recover": commands_keep.recover,
        "use": commands_branch.use,
        "new": commands_branch.new,
        "fork": commands_branch.fork,
        "list": commands_branch.overview,
        "reset": commands_correct.reset,
        "undo": commands_correct.undo,
        "alternative": commands_correct.alternative,
        "edit": commands_correct.edit,
        "code": commands_notebook.code,
        "save": commands_keep.save,
        "export": commands_keep.export,
        "panel": commands_panel.panel,
        "models": commands_see.models,
        "history": commands_see.history,
        "status": commands_see.report,
        "tools_list": commands_tools.tools_list,
    }
)


def act(desk: Desk, names: Iterable[str]) -> None:
    """Do these commands of the line, one after the other."""
    for name in names:
        command = COMMANDS.get(name)
        if command is not None:
            command(desk, desk.values[name])
