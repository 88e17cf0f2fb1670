"""Naming and branching conversations, in a real kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.notebook.attended import AttendedKernel
from tests.notebook.commands.conversations.asking import ask, failure, sent, value
from tests.support.replies import stream_reply

if TYPE_CHECKING:
    from tests.support.scripted import ScriptedServer


def test_names_and_forks(kernel: AttendedKernel, server: ScriptedServer) -> None:
    """Conversations are begun, forked, used and listed by name; each sends its own turns."""
    ask(kernel, server, "one", "two")
    assert (
        "The conversation main-2 begins with 1 turn of main."
        in kernel.run("%chat --fork --at 1").stdout
    )
    ask(kernel, server, "fork")
    assert sent(server) == ["one", "ONE", "fork"]
    assert "did you mean main-2" in failure(kernel.run("%chat --use main-22"))
    server.queue(stream_reply("IDEA"))
    assert kernel.run("%%chat --new 'big ideas'\nthink").ok
    assert sent(server) == ["think"]
    assert "already" in failure(kernel.run("%chat --new main"))
    assert kernel.run("%chat --use main").stdout == "Going on with main: 2 turns.\n"
    table = kernel.run("%chat --list")
    assert "* main       2 turns  two" in table.data()[0]
    assert "  big ideas  1 turn   think" in table.data()[0]
    assert "<td" in table.data("text/html")[0]
    assert value(kernel, "len(chat['main-2']), list(chat.conversations)") == (
        "(2, ['main', 'main-2', 'big ideas'])"
    )
    assert "goes with --fork" in failure(kernel.run("%chat --at 1"))
    assert "cannot fork at turn 9" in failure(kernel.run("%chat --fork x --at 9"))
    assert value(kernel, "'x' in chat.conversations") == "False"


def test_in_another_conversation_for_one_cell(
    kernel: AttendedKernel, server: ScriptedServer
) -> None:
    """--in asks there, begins it where it is not there, and leaves the current one current."""
    ask(kernel, server, "one")
    server.queue(stream_reply("A"), stream_reply("B"))
    result = kernel.run("%%chat --in scratch\nfirst")
    assert "The conversation scratch begins." in result.stdout
    assert result.outputs[-1]["metadata"]["eighty80_jupyter"]["conversation"] == "scratch"
    assert kernel.run("%%chat --in scratch\nsecond").stdout == ""
    assert sent(server) == ["first", "A", "second"]
    assert value(kernel, "chat.conversation.name, len(chat.conversation)") == "('main', 1)"
    shown = kernel.run("%%chat --in nowhere --dry-run\nhello").data()[0]
    assert "[assistant]" not in shown
    assert value(kernel, "'nowhere' in chat.conversations") == "False"


def test_a_cell_that_begins_a_conversation_runs_again(
    kernel: AttendedKernel, server: ScriptedServer
) -> None:
    """The same cell with --new NAME goes on with what it began; another cell is refused."""
    server.queue(stream_reply("A"), stream_reply("B"))
    for _ in range(2):
        result = kernel.run_cell("%%chat --new ideas\nthink", "cell-1")
        assert result.ok, result.error
    assert value(kernel, "[len(t.alternatives) for t in chat['ideas']]") == "[2]"
    assert "already" in failure(kernel.run_cell("%%chat --new ideas\nthink", "cell-2"))


@pytest.mark.parametrize(
    "options", ["--new x", "--fork x --at 1", "--undo 2", "--reset", "--use b"]
)
def test_a_dry_run_branches_nothing(
    kernel: AttendedKernel, server: ScriptedServer, options: str
) -> None:
    """A dry run shows what would be sent after the branch, and branches nothing."""
    kernel.run("%chat --new b")
    kernel.run("%chat --use main")
    ask(kernel, server, "one", "two")
    before = value(kernel, "chat.conversations, [len(c) for c in chat.conversations.values()]")
    result = kernel.run(f"%%chat {options} --dry-run\nthree")
    assert result.ok, result.error
    assert ("ONE" in result.data()[0]) == options.startswith("--fork")
    assert "TWO" not in result.data()[0]
    assert result.stdout == ""
    after = value(kernel, "chat.conversations, [len(c) for c in chat.conversations.values()]")
    assert after == before


def test_several_commands_are_done_together_or_not(
    kernel: AttendedKernel, server: ScriptedServer
) -> None:
    """Where one of several commands cannot be done, none of them is."""
    ask(kernel, server, "one")
    assert "cannot undo 5" in failure(kernel.run("%chat --new x --undo 5"))
    assert value(kernel, "list(chat.conversations)") == "['main']"
    assert kernel.run("%chat --fork x --undo").ok
    assert value(kernel, "[(n, len(c)) for n, c in chat.conversations.items()]") == (
        "[('main', 1), ('x', 0)]"
    )
