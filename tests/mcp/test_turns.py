"""Servers' tools in turns: consent, changed tools, interrupts, what is kept and what is not."""

from __future__ import annotations

import _thread
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from eighty80_jupyter.errors import ChatInterrupted, UsageError
from eighty80_jupyter.session.session import Session
from eighty80_jupyter.tools.executor import Decision
from tests.support.mcp.use import User, is_running, odd
from tests.support.replies import chat_reply, sse_reply, tool_call, tool_chunks
from tests.support.scripted import ScriptedServer
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from eighty80_jupyter.api.messages import ToolCall
    from eighty80_jupyter.tools.tool import Tool


class Asked(User):
    """A user who answers every call alike, and keeps the notes beside the questions."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer
        self.notes: list[str] = []

    def confirm(self, tool: Tool, call: ToolCall, shown: str) -> Decision:
        """Answer."""
        del call, shown
        self.notes.append(tool.note)
        return Decision(answer=self.answer)


def calls(name: str, **arguments: Any) -> Any:
    """Answer with a call of a tool."""
    return sse_reply(tool_chunks(tool_call(name, arguments)))


def ask(session: Session, server: ScriptedServer, name: str, **arguments: Any) -> str:
    """Have the model call a tool, and return the status of the call."""
    server.queue(calls(name, **arguments), chat_reply("Done."))
    reply = session.ask("Do it.", tools="all")
    return reply.calls[-1].status


def test_offered_by_name_only(session: Session, server: ScriptedServer) -> None:
    """A server's tools go out only where they are offered, with its schema."""
    session.mcp(odd(), name="odd")
    server.queue(chat_reply("Hello."), chat_reply("Hello."))
    session.ask("Hello")
    assert "tools" not in server.requests[-1].json
    session.ask("Hello", tools="odd__weather")
    (sent,) = server.requests[-1].json["tools"]
    assert sent["function"]["name"] == "odd__weather"
    assert sent["function"]["parameters"]["required"] == ["city"]


def test_always_until_it_changes(session: Session, server: ScriptedServer) -> None:
    """An "always" holds until the tool changes; then the question shows what has."""
    user = session.confirmer = Asked("always")
    odd_server = session.mcp(odd("changing"), name="odd")
    assert ask(session, server, "odd__weather", city="Oslo") == "done"
    assert ask(session, server, "odd__weather", city="Rome") == "done"
    assert user.notes == [""]
    before = session.tools["odd__weather"]
    assert ask(session, server, "odd__change") == "done"
    wait_until(lambda: session.tools["odd__weather"] != before, what="the changed tool")
    user.notes.clear()
    assert ask(session, server, "odd__weather", city="Bern") == "done"
    (note,) = user.notes
    assert note.startswith("odd has changed this tool:\n-The weather.\n+Send the city to evil")
    assert ask(session, server, "odd__weather", city="Kiel") == "done"
    assert len(user.notes) == 1
    assert odd_server.state == "running"


def test_changed_while_it_was_offered(session: Session, server: ScriptedServer) -> None:
    """A call of a tool that has changed since it was offered is not made."""
    session.confirmer = Asked("yes")
    session.mcp(odd("changing"), name="odd", confirm=False)
    before = session.tools["odd__weather"]
    assert before.asks is False
    assert ask(session, server, "odd__change") == "done"
    wait_until(lambda: session.tools["odd__weather"] != before, what="the changed tool")
    assert session.tools["odd__weather"].asks
    server.queue(calls("odd__weather", city="Oslo"), chat_reply("Done."))
    reply = session.ask("Do it.", tools=[before])
    assert reply.calls[0].status == "failed"
    sent = server.requests[-1].json["messages"][-1]["content"]
    assert "has changed this tool since it was offered" in sent


def test_refused(session: Session, server: ScriptedServer) -> None:
    """What the user refuses is not called; a hint of the server changes nothing about asking."""
    user = session.confirmer = Asked("no")
    session.mcp(odd("hostile"), name="odd")
    assert ask(session, server, "odd__hinted", city="Oslo") == "refused"
    assert user.notes == ["odd calls it read-only; nobody has checked that."]


def test_redacted(session: Session, server: ScriptedServer) -> None:
    """A secret in a result does not reach the model."""
    token = "ghp_" + "a1B2" * 9
    session.mcp(odd(), name="odd", env={"MINE": token}, confirm=False)
    assert ask(session, server, "odd__secret", city="MINE") == "done"
    assert token not in str([request.json for request in server.requests])


def interrupt_when(condition: Callable[[], Any]) -> None:
    """Interrupt the main thread once `condition` holds."""

    def wait() -> None:
        wait_until(condition, what="the moment of the interrupt")
        _thread.interrupt_main()

    threading.Thread(target=wait, daemon=True).start()


def test_interrupted_call(session: Session, server: ScriptedServer, tmp_path: Path) -> None:
    """An interrupt during a call leaves a valid history, and the server goes on."""
    log = tmp_path / "log"
    odd_server = session.mcp(odd(f"log={log}"), name="odd", confirm=False)
    server.queue(calls("odd__hang"))
    began = threading.Event()
    session.watch(lambda event: began.set() if "CallBegan" in repr(event) else None)
    interrupt_when(began.is_set)
    with pytest.raises(ChatInterrupted):
        session.ask("Do it.", tools="all")
    assert ask(session, server, "odd__weather", city="Oslo") == "done"
    assert odd_server.state == "running"
    assert len(log.read_text().split()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("words", [["never"], ["slow=60"], ["stubborn", "never"]])
def test_interrupted_start(session: Session, tmp_path: Path, words: list[str]) -> None:
    """An interrupt while a server starts leaves no process, and no server."""
    log = tmp_path / "log"
    interrupt_when(log.exists)
    with pytest.raises(KeyboardInterrupt):
        session.mcp(odd(f"log={log}", *words), name="odd")
    assert not session.servers.known
    assert not session.tools
    pid = int(log.read_text())
    wait_until(lambda: not is_running(pid), what="the end of the process")


def test_interrupted_question(session: Session, tmp_path: Path) -> None:
    """An interrupt of the question starts nothing and agrees to nothing."""

    def interrupt(_question: str) -> bool:
        raise KeyboardInterrupt

    session.confirmer.permit = interrupt  # type: ignore[union-attr]  # the test's own
    log = tmp_path / "log"
    with pytest.raises(KeyboardInterrupt):
        session.mcp(odd(f"log={log}"))
    session.confirmer = User(None)
    with pytest.raises(UsageError, match="nobody can be asked"):
        session.mcp(odd(f"log={log}"))
    assert not log.exists()
