"""The command that saves a preset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eighty80_jupyter.notebook.commands.context import CommandContext

# What a preset takes from the line besides the parameters.
SAVED = ("system", "tools", "no_tools", "preset")


def save(context: CommandContext, name: str) -> None:
    """Save what is set, and over it what stands on the line; an address only from there."""
    session, line = context.session, context.options
    values: dict[str, Any] = {}
    if line.preset is not None:
        values |= session.presets.find(line.preset).values
    values |= line.parameters
    if line.system is not None:
        values["system"] = line.system
    if line.tools:
        names = [each.strip() for text in line.tools for each in text.split(",") if each.strip()]
        values["tools"] = "all" if "all" in names else names
    elif line.no_tools:
        values["tools"] = False
    if (line.set_ or {}).get("base_url", "default") != "default":
        values["base_url"] = session.config.base_url
    preset = session.presets.what_is_set(
        name, session.conversation, values, scrubbed=session.requests.scrubbed
    )
    path = session.presets.save(preset, secret=session.secrets)
    context.say(f"Saved the preset {name}: {preset} ({path}).")
