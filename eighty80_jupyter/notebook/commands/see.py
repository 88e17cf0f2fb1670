"""Commands that show: the panel, the models, the conversation, the tools, a report for a bug."""

from __future__ import annotations

from typing import Any

from eighty80_jupyter.notebook.cell.views.turns import (
    conversation_html,
    conversation_text,
    status_html,
    status_text,
    table_html,
    table_text,
    wanted,
)
from eighty80_jupyter.notebook.commands.context import CommandContext
from eighty80_jupyter.notebook.commands.report import bug_report
from eighty80_jupyter.notebook.saved.export_markdown import turns_markdown
from eighty80_jupyter.tools.tool import Tool


def models(context: CommandContext, _value: Any) -> None:
    """List the server's models."""
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
    conversation = context.conversation
    shown = wanted(conversation, which)
    context.show(
        conversation_html(conversation, shown),
        conversation_text(conversation, shown),
        markdown=turns_markdown(conversation, shown),
    )


def panel(context: CommandContext, _value: Any) -> None:
    """Show the panel below the cell."""
    context.session.panel().show()


def where(context: CommandContext) -> None:
    """Show where you stand: what `%chat` alone does."""
    context.show(status_html(context.session), status_text(context.session))


def report(context: CommandContext, _value: Any) -> None:
    """Write what a bug report needs."""
    context.say(bug_report(context.shell, context.session))


def tools(context: CommandContext, _value: Any) -> None:
    """List the tools that prompts can offer."""
    known = context.session.tools
    if not known:
        context.say("There are no tools. Write @chat.tool above a function to make it one.")
        return
    rows = [(_signature(t), t.description.split("\n")[0], _traits(t)) for t in known.values()]
    context.show(table_html(rows, ("tool", "what it does", "how it runs")), table_text(rows))


def _signature(tool: Tool) -> str:
    required = set(tool.parameters.get("required", ()))
    names = tool.parameters.get("properties", {})
    return f"{tool.name}({', '.join(n if n in required else f'[{n}]' for n in names)})"


def _traits(tool: Tool) -> str:
    traits = ["safe"] if tool.safe else []
    traits.append("asks first" if tool.asks else "runs unasked")
    if tool.is_async:
        traits.append("async")
    if tool.main_thread:
        traits.append("in cells only")
    if tool.timeout is not None:
        traits.append(f"at most {tool.timeout:g} s")
    return ", ".join(traits)
