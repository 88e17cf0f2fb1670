"""The command that opens the panel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eighty80_jupyter.notebook.commands.context import CommandContext


def panel(context: CommandContext, _value: Any) -> None:
    """Show the panel below the cell."""
    context.session.panel().show()
