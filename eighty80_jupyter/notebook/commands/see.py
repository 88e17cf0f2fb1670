"""Commands that show: the models, the conversation, a report for a bug."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eighty80_jupyter.notebook.commands.context import Desk


def models(desk: Desk, _value: Any) -> None:
    """List the server's models."""
    from eighty80_jupyter.notebook.cell.views import table_html, table_text  # noqa: PLC0415  # late

    rows = [
        (model.id, model.owned_by or model.provider or "")
        for model in desk.session.models(refresh=True)
    ]
    if rows:
        desk.show(table_html(rows, ("model", "from")), table_text(rows))
    else:
        desk.say(f"{desk.session.address} lists no models; name one with -m.")


def history(desk: Desk, which: str) -> None:
    """Show the conversation, or some of its turns."""
    from eighty80_jupyter.notebook.cell.views import (  # noqa: PLC0415  # the Markdown stack
        conversation_html,
        conversation_text,
        wanted,
    )

    conversation = desk.conversation
    shown = wanted(conversation, which)
    desk.show(conversation_html(conversation, shown), conversation_text(conversation, shown))


def where(desk: Desk) -> None:
    """Show where you stand: what `%chat` alone does."""
    from eighty80_jupyter.notebook.cell.views import status_html, status_text  # noqa: PLC0415  # late

    desk.show(status_html(desk.session), status_text(desk.session))


def report(desk: Desk, _value: Any) -> None:
    """Write what a bug report needs."""
    from eighty80_jupyter.notebook.commands.report import bug_report  # noqa: PLC0415  # seldom needed

    desk.say(bug_report(desk.shell, desk.session))
