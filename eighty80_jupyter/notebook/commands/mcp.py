"""Commands for MCP servers: start one, end one, list them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eighty80_jupyter.notebook.commands.context import CommandContext

if TYPE_CHECKING:
    from eighty80_jupyter.mcp.server import Server

_STATES = {
    "running": "runs",
    "stopped": "starts with the next call",
    "ended": "has ended; --mcp starts it",
    "off": "is switched off",
}


def start(context: CommandContext, target: str) -> None:
    """Start a server, or all of a configuration, and say which tools there are now."""
    servers = context.session.servers
    if target.strip().endswith(".json") and " " not in target.strip():
        started = servers.start(config=target.strip())
    else:
        started = [servers.start(target)]
    for server in started:
        tools = ", ".join(server.tools) or "no tools"
        context.say(f"The MCP server {server.name} runs: {tools}.")
        for left in server.omitted:
            context.say(f"Left out: {left}.")


def stop(context: CommandContext, name: str) -> None:
    """End a server."""
    context.session.servers.stop(name)
    context.say(f"The MCP server {name} has ended, and its tools are gone.")


def overview(context: CommandContext, _value: Any) -> None:
    """List the servers."""
    known = context.session.servers.known
    if not known:
        context.say('There are no MCP servers. %chat --mcp "COMMAND" starts one.')
        return
    rows = [(s.name, s.target, _STATES[s.state], _tools(s)) for s in known.values()]
    context.table(rows, ("MCP server", "command or address", "state", "tools"))


def _tools(server: Server) -> str:
    left = [f"left out: {one}" for one in server.omitted]
    return "; ".join([", ".join(server.tools) or "none", *left])
