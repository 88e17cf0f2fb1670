"""MCP servers in a real notebook: the question before one starts, their switches in the panel."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.support.mcp.use import is_running, odd
from tests.support.panel import PanelView
from tests.support.replies import chat_reply, sse_reply, tool_call, tool_chunks
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.lab import NotebookPage
    from tests.support.scripted import ScriptedServer

PATIENT = """\
from eighty80_jupyter.notebook.cell.tools import buttons
buttons.HEARD_SECONDS = 60"""
HINT = "odd calls it read-only; nobody has checked that."


def test_servers_and_switches(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer, tmp_path: Path
) -> None:
    """A command is agreed to once; the panel offers tools, ends a server, and starts it again."""
    log = tmp_path / "log"
    command = shlex.join(odd(f"log={log}"))
    page = open_notebook(
        "%load_ext eighty80_jupyter\nfrom eighty80_jupyter import chat",
        f"%chat --mcp {json.dumps(command)}",
        "@chat.tool\ndef mine(): pass",
        "%chat --panel",
        "chat.config.tools",
        f"{PATIENT}",
        "%%chat --tools odd__pid\nGo",
    )
    page.run_cell(0)
    page.run_cell(1, wait=False)
    box = page.cell(1).locator(".jp-Stdin-input")
    expect(page.cell(1).locator(".jp-OutputArea")).to_contain_text(command)
    assert not log.exists()
    page.screenshot("mcp-question")
    box.fill("y")
    box.press("Enter")
    expect(page.cell(1)).to_contain_text("The MCP server odd runs: odd__weather")
    page.wait_idle()
    ask_in_a_cell(page, server)
    page.run_cell(2)
    page.run_cell(3)
    panel = PanelView(page, 3)
    panel.button("Tools").click()
    tools = panel.root.locator(".e80-tools")
    odd_switch, pid = (tools.get_by_label(name, exact=True) for name in ("odd", "odd__pid"))
    expect(odd_switch).to_be_checked()
    expect(pid).not_to_be_checked()
    pid.check()
    tools.get_by_label("mine", exact=True).check()
    page.run_cell(4)
    expect(page.outputs(4)).to_contain_text("['odd__pid', 'mine']")

    call = sse_reply(tool_chunks(tool_call("odd__pid", {})))
    server.queue(call, chat_reply("It rains."))
    panel.send("The weather?")
    expect(panel.root.locator(".e80-consent")).to_contain_text(HINT)
    page.screenshot("mcp-panel")
    panel.button("Always").click()
    panel.wait_done()
    expect(panel.answer(-1)).to_contain_text("It rains.")
    sent = [tool["function"]["name"] for tool in server.requests[-1].json["tools"]]
    assert sent == ["odd__pid", "mine"]

    process = int(log.read_text())
    odd_switch.uncheck()
    expect(pid).to_have_count(0)
    expect(tools).to_contain_text("off")
    wait_until(lambda: not is_running(process), what="the end of the server")
    page.run_cell(4)
    expect(page.outputs(4)).to_contain_text("['mine']")
    odd_switch.check()
    expect(pid).to_be_checked()
    wait_until(lambda: len(log.read_text().split()) == 2, what="the new process")
    page.run_cell(4)
    expect(page.outputs(4)).to_contain_text("['mine', 'odd__pid']")


def ask_in_a_cell(page: NotebookPage, server: ScriptedServer) -> None:
    """Have a cell ask whether a tool may be called, and see what its server says of it."""
    server.queue(sse_reply(tool_chunks(tool_call("odd__pid", {}))), chat_reply("Seen."))
    page.run_cell(5)
    page.run_cell(6, wait=False)
    question = page.cell(6).get_by_role("group")
    expect(question).to_contain_text(HINT)
    page.screenshot("mcp-cell-question")
    question.get_by_text("Yes", exact=True).click()
    expect(page.cell(6)).to_contain_text("Seen.")
    page.wait_idle()
