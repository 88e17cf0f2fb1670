"""What the tests of commands about conversations ask a kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.replies import stream_reply

if TYPE_CHECKING:
    from tests.notebook.attended import AttendedKernel
    from tests.support.kernel import Result
    from tests.support.scripted import ScriptedServer


def failure(result: Result) -> str:
    """Return the one line that a failed cell shows."""
    assert result.error is not None
    lines = result.error.plain.splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def sent(server: ScriptedServer, number: int = -1) -> list[str]:
    """Return the texts of the messages of a request."""
    return [message["content"] for message in server.requests[number].json["messages"]]


def value(kernel: AttendedKernel, expression: str) -> Any:
    """Return what an expression over `chat` prints."""
    result = kernel.run(f"from eighty80_jupyter import chat; print(({expression}))")
    assert result.ok, result.error
    return result.stdout.rstrip("\n")


def ask(kernel: AttendedKernel, server: ScriptedServer, *prompts: str) -> None:
    """Ask these prompts; each is answered with its own words in capitals."""
    for prompt in prompts:
        server.queue(stream_reply(prompt.upper()))
        result = kernel.run(f"%%chat\n{prompt}")
        assert result.ok, result.error
