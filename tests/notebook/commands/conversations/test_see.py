"""Seeing conversations and what would be sent, in a real kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.notebook.attended import AttendedKernel
from tests.notebook.commands.conversations.asking import ask, failure
from tests.support.replies import sse_reply, stream_reply, text_chunks

if TYPE_CHECKING:
    from tests.support.scripted import ScriptedServer


def test_a_turn_shows_itself(kernel: AttendedKernel, server: ScriptedServer) -> None:
    """A turn of the conversation is drawn as in the history; its repr is short."""
    ask(kernel, server, "one " + "more " * 200)
    shown = kernel.run("chat.conversation[-1]")
    assert "MORE MORE" in shown.data("text/html")[0]
    assert shown.data()[0].startswith("<Turn 'one more more")
    assert len(kernel.run("chat.conversation[0].alternatives").data()[0]) < 400


def test_dry_runs_of_earlier_turns(kernel: AttendedKernel, server: ScriptedServer) -> None:
    """A dry run of a retry or a continuation shows just what would be sent."""
    server.queue(stream_reply("ONE"), sse_reply(text_chunks("TWO and", finish_reason="length")))
    kernel.run("%chat first")
    kernel.run("%chat -t 0.3 second")
    shown = kernel.run("%chat --retry --dry-run").data()[0]
    assert "second" in shown
    assert '"temperature": 0.3' in shown
    assert "TWO and" not in shown
    assert "ONE" not in kernel.run("%chat --retry 1 --dry-run").data()[0]
    shown = kernel.run("%%chat --continue --dry-run").data()[0]
    assert shown.index("second") < shown.index("TWO and") < shown.index("Continue exactly")
    assert len(server.requests) == 2


def test_a_dry_run_says_what_is_left_out(kernel: AttendedKernel, server: ScriptedServer) -> None:
    """With a limit the oldest turns are not sent; the last line would say so."""
    ask(kernel, server, *("word " * 60 for _ in range(3)))
    kernel.run("%chat --set context_policy=trim context_limit=100")
    shown = kernel.run("%chat --dry-run and now?")
    note = next(line for line in shown.data()[0].split("\n") if line.startswith("not sent: "))
    assert note in shown.data("text/html")[0]
    server.queue(stream_reply("ok"))
    assert kernel.run("%chat and now?").data()[-1].endswith(note)


def test_history_is_bounded(kernel: AttendedKernel) -> None:
    """Of a long conversation the last turns are shown, quickly, with the way to see the others."""
    kernel.run(
        "from eighty80_jupyter import Turn, Reply, Choice\n"
        "from eighty80_jupyter.api.messages import Message\n"
        "from eighty80_jupyter.conversation.turn import Exchange\n"
        "def turn(n):\n"
        "    reply = Reply(choices=(Choice(text=f'answer {n}'),), model='m')\n"
        "    m = Message('user', f'question {n}'), Message('assistant', f'answer {n}')\n"
        "    return Turn(alternatives=(Exchange(messages=m, reply=reply),))\n"
        "chat.conversation.restore(map(turn, range(1, 10_001)), system='Be brief.')"
    )
    for code in ("%chat --history", "chat.conversation"):
        shown = kernel.run(code)
        html = shown.data("text/html")[0]
        assert "question 10000" in html
        assert "question 9980<" not in html
        assert "9,980 earlier turns: %chat --history 1-20" in html
        assert "Be brief." in html
        assert len(html) < 50_000
    first = kernel.run("%chat --history 1-2").data()[0]
    assert "2. You:\nquestion 2\n\nModel:\nanswer 2" in first
    assert "9,998 more: %chat --history 3-" in first
    assert "question 7777" in kernel.run("%chat --history 7777").data()[0]
    assert "has no turn 10001" in failure(kernel.run("%chat --history 10001"))
    assert "lower number first" in failure(kernel.run("%chat --history 5-2"))
    assert "10,000 turns, 20,000 messages" in kernel.run("%chat").data()[0]
