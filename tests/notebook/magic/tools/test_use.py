"""Tools in real kernels: who is asked, what interrupts, and the options of the line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.notebook.magic.tools.seeing import calls, html, kinds
from tests.support.kernel import KernelSession
from tests.support.replies import (
    sse_reply,
    stream_reply,
    text_chunks,
    tool_call,
)
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.scripted import ScriptedServer


def test_asking_in_a_cell(kernel: KernelSession, server: ScriptedServer) -> None:
    """yes, no, always and edit, typed into the front end's box."""
    delete = tool_call("delete_file", {"path": "a.txt"})
    for answers, status in [
        (["y"], "done"),
        (["what?", "No"], "refused"),
        (["e", '{"path": 3}', '{"path": "b.txt"}'], "done"),
        (["always"], "done"),
        ([], "done"),
    ]:
        kernel.questions.clear()
        server.queue(calls(delete), stream_reply("ok"))
        result = kernel.run("%%chat --tools delete_file\nDelete a.txt", answers=answers)
        assert result.ok, result.error
        assert len(kernel.questions) == len(answers)
        assert all("a.txt" in q for q in kernel.questions[:1])
        assert kernel.run("print(chat.last.calls[0].status)").stdout == f"{status}\n"
    sent = [m["content"] for m in server.requests[-1].json["messages"] if m["role"] == "tool"]
    assert "refused" in sent[1]
    assert "b.txt is gone" in sent[2]


def test_where_nobody_can_answer_a_call_is_refused(
    kernel: KernelSession, server: ScriptedServer
) -> None:
    """As under nbconvert and papermill: it is said in the cell, and to the model."""
    server.queue(calls(tool_call("delete_file", {"path": "a"})), stream_reply("I could not."))
    result = kernel.run("%%chat --tools delete_file\nDelete a")
    assert result.ok, result.error
    assert "delete_file was not run: nobody can be asked here" in result.stdout
    assert "nobody can be asked" in server.requests[-1].json["messages"][-1]["content"]
    assert "refused" in kinds(result)[0]


def test_interrupt_while_a_tool_runs(kernel: KernelSession, server: ScriptedServer) -> None:
    """The cell ends at once with one line; the turn stays, and the next one goes without it."""
    server.queue(calls(tool_call("forever", {})))
    running = kernel.submit("%%chat --tools forever\nGo")
    kernel.wait_for(lambda: "begun" in running.stdout, what="the tool")
    kernel.interrupt()
    result = kernel.finish(running)
    assert result.error is not None
    assert result.error.ename == "ChatInterrupted"
    assert len(result.error.plain.splitlines()) == 1
    assert "forever() stopped" in kinds(result)[0]
    server.queue(stream_reply("Here I am."))
    assert kernel.run("%chat Are you there?").ok
    messages = server.requests[-1].json["messages"]
    assert [m["role"] for m in messages] == ["user"]  # without an answer it is no valid history
    assert kernel.run("print(len(chat.conversation))").stdout == "2\n"


def test_interrupt_at_the_question(kernel: KernelSession, server: ScriptedServer) -> None:
    server.queue(calls(tool_call("delete_file", {"path": "a"})))
    running = kernel.submit("%%chat --tools delete_file\nGo", answers=[])
    wait_until(kernel.client.stdin_channel.msg_ready)
    kernel.interrupt()
    result = kernel.finish(running)
    kernel.client.get_stdin_msg(timeout=60)
    assert result.error is not None
    assert result.error.ename == "ChatInterrupted"
    assert kernel.run("print(len(chat.conversation))").stdout == "1\n"


def test_options_of_the_line(kernel: KernelSession, server: ScriptedServer) -> None:
    """Off unless asked for; a setting keeps tools on, --no-tools leaves them out."""
    server.queue(*(stream_reply("ok") for _ in range(5)))
    for line in (
        "%chat a",
        "%chat --tools get_weather,slow --tools plot --tool-choice required b",
        "%chat --tools slow --no-parallel-tools c",
    ):
        assert kernel.run(line).ok
    kernel.run("%config ChatConfig.tools = 'slow'")
    assert kernel.run("%chat d").ok
    assert kernel.run("%chat --no-tools e").ok
    kernel.run("%config ChatConfig.tools = None")
    bodies = [request.json for request in server.requests]
    names = [[t["function"]["name"] for t in body.get("tools", ())] for body in bodies]
    assert names == [[], ["get_weather", "slow", "plot"], ["slow"], ["slow"], []]
    assert bodies[1]["tool_choice"] == "required"
    assert bodies[2]["parallel_tool_calls"] is False
    for line, words in [
        ("%chat --tools get_wether f", "did you mean get_weather"),
        ("%chat --tools slow --no-tools f", "do not go together"),
        ("%chat --tools slow -n 2 f", "n = 2"),
        ("%chat --tool-choice auto f", "needs tools"),
        ("%chat --reset --tools nothing f", "unknown tool"),
    ]:
        error = kernel.run(line).error
        assert error is not None
        assert words in error.plain
    assert kernel.run("print(len(chat.conversation))").stdout == "5\n"


def test_tools_list_and_dry_run(kernel: KernelSession, server: ScriptedServer) -> None:
    listed = kernel.run("%chat --tools-list").data("text/plain")[0]
    assert "get_weather(city)" in listed
    assert "Return the weather of a city." in listed
    assert "asks first" in listed
    shown = kernel.run("%chat --dry-run --tools slow hello").data("text/plain")[0]
    assert '"name": "slow"' in shown
    assert server.requests == []


def test_tools_complete(kernel: KernelSession) -> None:
    assert "get_weather" in kernel.complete("%chat --tools get_w")


def test_markdown_mode(kernel: KernelSession, server: ScriptedServer) -> None:
    """Where the front end renders Markdown, calls are HTML of ours all the same."""
    kernel.run("%config ChatConfig.output_format = 'markdown'")
    server.queue(calls(tool_call("get_weather", {"city": "<b>"})), stream_reply("*ok*"))
    result = kernel.run("%%chat --tools get_weather\nGo")
    kernel.run("%config ChatConfig.output_format = 'auto'")
    assert result.data("text/markdown") == ["*ok*"]
    assert "<b>" not in html(result)


def test_a_dry_run_shows_the_calls(kernel: KernelSession, server: ScriptedServer) -> None:
    """All that would be sent: the calls of the history too, and the tools."""
    server.queue(calls(tool_call("get_weather", {"city": "<Rome>"})), stream_reply("Mild."))
    assert kernel.run("%%chat --tools get_weather\nRome?").ok
    sent = len(server.requests)
    result = kernel.run("%%chat --tools get_weather --dry-run\nSure?")
    (text,), (page,) = result.data(), result.data("text/html")
    assert '[calls get_weather with {"city": "<Rome>"}]' in text
    assert "about 0 tokens" not in text
    assert '"tools": [{"type": "function"' in text
    assert "&lt;Rome&gt;" in page
    assert "<Rome>" not in page
    assert len(server.requests) == sent


@pytest.mark.parametrize("called", [True, False])
def test_continue_with_tools(kernel: KernelSession, server: ScriptedServer, called: bool) -> None:  # noqa: FBT001  # a case
    """What was cut stands first, then the calls, then what goes on: each piece once."""
    server.queue(sse_reply(text_chunks("One tw", finish_reason="length")))
    assert kernel.run("%%chat\nCount.").ok
    if called:
        server.queue(calls(tool_call("get_weather", {"city": "Rome"})))
    server.queue(stream_reply("o three four five"))
    result = kernel.run("%chat --continue --tools get_weather")
    assert result.ok, result.error
    shown = kinds(result)[:-1]
    if called:
        assert [shown[0], shown[-1]] == ["One tw", "o three four five"]
    else:
        assert shown == ["One two three four five"]
