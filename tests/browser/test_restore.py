"""A kernel that was killed under a real page: it goes on where the page stands."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.support.replies import stream_reply
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.lab import App, NotebookPage
    from tests.support.scripted import ScriptedServer


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_a_killed_kernel_goes_on_where_the_saved_page_stands(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer, app: App
) -> None:
    """Jupyter tells the kernel its notebook, whose outputs hold the conversation.

    A cell that runs again right after its turn answers that turn anew, in the new kernel too.
    """
    server.queue(*(stream_reply(f"answer {number}") for number in range(1, 5)))
    page = open_notebook(
        "%load_ext eighty80_jupyter\nimport os; print('pid', os.getpid())",
        "%%chat -s 'Be brief.'\nOne?",
        "%%chat\nTwo?",
        "%load_ext eighty80_jupyter\n%chat --restore",
        "%chat Three?",
        app=app,
    )
    for index in range(3):
        page.run_cell(index)
    expect(page.outputs(2).first).to_contain_text("answer 2")
    pid = int(page.outputs(0).inner_text().split()[-1])
    page.save()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: _is_restarted(page, pid), timeout=100, interval=0.1)
    page.wait_idle()
    page.close_dialogs()
    page.run_cell(3)
    expect(page.outputs(3)).to_contain_text(f"Restored from {page.path.name} as it was last saved")
    expect(page.outputs(3)).to_contain_text("main: 2 turns")
    page.run_cell(2)
    page.run_cell(4)
    messages = server.chats[-1].json["messages"]
    assert [(message["role"], message["content"]) for message in messages] == [
        ("system", "Be brief."),
        ("user", "One?"),
        ("assistant", "answer 1"),
        ("user", "Two?"),
        ("assistant", "answer 3"),
        ("user", "Three?"),
    ]


def _is_restarted(page: NotebookPage, pid: int) -> bool:
    """Tell whether Jupyter has started another kernel in place of the one that was killed."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        states = {kernel["execution_state"] for kernel in page.server.api("GET", "api/kernels")}
        return "idle" in states and "restarting" not in states
    return False
