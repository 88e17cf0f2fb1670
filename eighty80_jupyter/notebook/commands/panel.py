"""The command that opens the panel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eighty80_jupyter.notebook.commands.context import Desk


def panel(desk: Desk, _value: Any) -> None:
    """Show the panel below the cell."""
    desk.session.panel().show()
