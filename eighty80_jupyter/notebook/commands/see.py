"""Commands that show: the panel, the models, the conversation, the tools, a report for a bug."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from traitlets import Bool, CaselessStrEnum, Float, Integer

from eighty80_jupyter.api.request_parameters import PARAMETERS, Kind
from eighty80_jupyter.notebook.cell.front_end import has_pages, is_console
from eighty80_jupyter.notebook.cell.running_cell import running_cell
from eighty80_jupyter.notebook.cell.views.turns import (
    conversation_html,
    conversation_text,
    status_rows,
    wanted,
)
from eighty80_jupyter.notebook.commands.context import CommandContext
from eighty80_jupyter.notebook.commands.settings import changed
from eighty80_jupyter.notebook.saved.export_markdown import turns_markdown
from eighty80_jupyter.tools.tool import Tool

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from eighty80_jupyter.config import ChatConfig
    from eighty80_jupyter.session.session import Session

_PACKAGES = (
    "eighty80_jupyter", "ipython", "ipykernel", "traitlets", "jupyterlab", "notebook",
    "jupyter_client", "httpx", "aiohttp", "markdown", "nh3", "ipywidgets",
    "anywidget", "xllamacpp",
)  # fmt: skip
_NUMBERS = (Kind.NUMBER, Kind.INTEGER, Kind.FLAG)


def models(context: CommandContext, _value: Any) -> None:
    """List the server's models."""
    rows = [
        (model.id, model.owned_by or model.provider or "")
        for model in context.session.models(refresh=True)
    ]
    if rows:
        context.table(rows, ("model", "from"))
    else:
        context.say(f"{context.session.address} lists no models; name one with -m.")


def history(context: CommandContext, which: str) -> None:
    """Show the conversation, or some of its turns."""
    conversation = context.conversation
    shown = wanted(conversation, which)
    context.show(
        conversation_html(conversation, shown),
        conversation_text(conversation, shown),
        markdown="\n\n".join(turns_markdown(conversation, shown)),
    )


def panel(context: CommandContext, _value: Any) -> None:
    """Show the panel below the cell."""
    context.session.panel().show()


def where(context: CommandContext) -> None:
    """Show where you stand: what `%chat` alone does."""
    context.table(status_rows(context.session))


def report(context: CommandContext, _value: Any) -> None:
    """Write what a bug report needs."""
    context.say(_bug_report(context.shell, context.session))


def tools(context: CommandContext, _value: Any) -> None:
    """List the tools that prompts can offer."""
    known = context.session.tools
    if not known:
        context.say("There are no tools. Write @chat.tool above a function to make it one.")
        return
    rows = [(_signature(t), t.description.split("\n")[0], _traits(t)) for t in known.values()]
    context.table(rows, ("tool", "what it does", "how it runs"))


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


def _bug_report(shell: InteractiveShell, session: Session) -> str:
    """Return versions, front end, server and settings; no key, and no words of the user's."""
    turns = len(session.conversation)
    lines = [
        f"python: {platform.python_version()} ({platform.python_implementation()})",
        f"system: {platform.system()} {platform.release()} ({platform.machine()})",
        *_versions(),
        f"front end: {_front_end(shell)}",
        f"server: {session.address}{' (the embedded model)' if session.is_local else ''}",
        f"key: {session.key_source}",
        f"conversations: {len(session.conversations)}; turns of the current one: {turns}",
    ]
    settings = [f"  {name} = {_value(session.config, name)}" for name in changed(session.config)]
    return "\n".join([*lines, "settings that are not the default:", *(settings or ["  none"])])


def _versions() -> list[str]:
    lines = []
    for package in _PACKAGES:
        try:
            lines.append(f"{package}: {version(package)}")
        except PackageNotFoundError:  # it may be in another environment, as Jupyter mostly is
            continue
    return lines


def _front_end(shell: InteractiveShell) -> str:
    """Return what is known of it; a front end does not say its name."""
    if not has_pages(shell):
        simple = getattr(shell, "simple_prompt", False)
        return "a terminal" + (" with a simple prompt" if simple else "")
    hints = {
        "VS Code": "VSCODE_PID" in os.environ,
        "Colab": "google.colab" in sys.modules,
        "a Jupyter server": "JPY_SESSION_NAME" in os.environ,
    }
    cell = running_cell(shell)
    hints["a console"] = is_console(shell)
    facts = [name for name, found in hints.items() if found] or ["unknown"]
    facts.append("cells have ids" if cell.id else "cells have no ids")
    facts.append("somebody can type" if cell.attended else "nobody can type")
    return f"a kernel ({type(shell).__name__}); " + ", ".join(facts)


def _value(config: ChatConfig, name: str) -> str:
    """Return a setting's value where it cannot hold the user's own words."""
    trait = config.traits()[name]
    plain = isinstance(trait, (Bool, CaselessStrEnum, Float, Integer)) or (
        name in PARAMETERS and PARAMETERS[name].kind in _NUMBERS
    )
    return str(getattr(config, name)) if plain or name == "model" else "(set, not shown)"
