"""What a model calls, and what a cell then shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.replies import chunk, sse_reply, tool_chunks, usage_of

if TYPE_CHECKING:
    from tests.support.kernel import Result
    from tests.support.replies import Reply

TOOLS = '''
import asyncio, os, sys, threading, time
from eighty80_jupyter import chat

@chat.tool(safe=True)
def get_weather(city: str) -> dict:
    """Return the weather of a city."""
    print(f"looking at {city}")
    return {"city": city, "degrees": 21}

@chat.tool
def delete_file(path: str) -> str:
    """Delete a file."""
    return f"{path} is gone"

@chat.tool(confirm=False)
async def slow(n: int) -> int:
    sys.stdout.write(f"slow {n}\\n")  # at once: threads write side by side
    while not os.path.exists(os.environ["GO_ON"]):
        await asyncio.sleep(0.01)
    return n

@chat.tool(safe=True)
def plot(n: int) -> str:
    import matplotlib.pyplot as plt
    plt.plot(range(n))
    return "drawn"

@chat.tool(confirm=False)
def forever() -> None:
    print("begun")
    time.sleep(600)
'''


def calls(*wanted: dict[str, Any], usage: bool = True) -> Reply:
    """Answer with tool calls."""
    more = [chunk(usage=usage_of("x" * 40))] if usage else []
    return sse_reply([*tool_chunks(*wanted), *more])


def kinds(result: Result) -> list[str]:
    """Return what stands where in the cell: the stream's name, or the text beside the HTML."""
    found = [out.get("name") or out.get("data", {}).get("text/plain") for out in result.outputs]
    return [kind or "" for kind in found]


def html(result: Result) -> str:
    """Return all HTML of the cell."""
    return "\n".join(result.data("text/html"))
