"""An MCP server that behaves, made with the library: `example.py [PORT]`, stdio without one."""

from __future__ import annotations

import asyncio
import base64
import os
import sys
from typing import Any

from mcp.server.mcpserver import Context, Image, MCPServer
from mcp_types import (
    ContentBlock,
    EmbeddedResource,
    ResourceLink,
    TextContent,
    TextResourceContents,
    ToolAnnotations,
)

# A picture of one pixel.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)

server = MCPServer("example")


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
def environment() -> list[str]:
    """Return the names of the variables that this process has."""
    return sorted(os.environ)


@server.tool()
def pid() -> int:
    """Return the process of the server."""
    return os.getpid()


@server.tool()
def picture() -> Image:
    """Draw one pixel."""
    return Image(data=PNG, format="png")


@server.tool(structured_output=False)
def mixed() -> list[ContentBlock]:
    """Return a text, a resource and a link to one."""
    resource = TextResourceContents(uri="file:///notes.txt", mime_type="text/plain", text="a note")
    return [
        TextContent(text="see"),
        EmbeddedResource(resource=resource),
        ResourceLink(name="big", uri="file:///big.csv", description="all rows"),
    ]


@server.tool(structured_output=False)
def large() -> str:
    """Return 10 MB."""
    return "m" * 10_000_000


@server.tool()
def divide(a: float, b: float) -> float:
    """Divide."""
    return a / b


@server.tool()
async def sleep(seconds: float) -> str:
    """Wait."""
    await asyncio.sleep(seconds)
    return "slept"


@server.tool()
async def ask_back(ctx: Context[Any, Any], what: str) -> str:
    """Ask the client for what it does not give: sampling, elicitation or roots."""
    from mcp_types import SamplingMessage  # noqa: PLC0415  # this one only
    from pydantic import BaseModel  # noqa: PLC0415  # the same

    class Answer(BaseModel):
        name: str

    session: Any = ctx.session
    if what == "roots":
        return str(await session.list_roots())
    if what == "elicitation":
        return str(await ctx.elicit("Your password?", Answer))
    message = SamplingMessage(role="user", content=TextContent(text="hello"))
    return str(await session.create_message([message], max_tokens=5))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        server.run("streamable-http", port=int(sys.argv[1]))
    else:
        server.run()
