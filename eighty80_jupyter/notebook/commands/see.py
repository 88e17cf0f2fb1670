"""Commands that show: the models, the conversation, a report for a bug."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eighty80_jupyter.notebook.commands.context import CommandContext


def models(context: CommandContext, _value: Any) -> None:
    """List the server's models."""
    from eighty80_jupyter.notebook.cell.views import table_html, table_text  # noqa: PLC0415  # late

    rows = [
        (model.id, model.owned_by or model.provider or "")
        for model in context.session.models(refresh=True)
    ]
    if rows:
        context.show(table_html(rows, ("model", "from")), table_text(rows))
    else:
        context.say(f"{context.session.address} lists no models; name one with -m.")


def history(context: CommandContext, which: str) -> None:
    """Show the conversation, or some of its turns."""
    from eighty80_jupyter.notebook.cell.views import (  # noqa: PLC0415  # the Markdown stack
        conversation_html,
        conversation_text,
        wanted,
    )

    conversation = context.conversation
    shown = wanted(conversation, which)
    context.show(conversation_html(conversation, shown), conversation_text(conversation, shown))


def where(context: CommandContext) -> None:
    """Show where you stand: what `%chat` alone does."""
    from eighty80_jupyter.notebook.cell.views import status_html, status_text  # noqa: PLC0415  # late

    context.show(status_html(context.session), status_text(context.session))


def report(context: CommandContext, _value: Any) -> None:
    """Write what a bug report needs."""
    from eighty80_jupyter.notebook.commands.report import bug_report  # noqa: PLC0415  # seldom needed

    context.say(bug_report(context.shell, context.session))
