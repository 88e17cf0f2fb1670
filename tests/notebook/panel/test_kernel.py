"""The panel in a real kernel whose front end sends the messages of widgets through a subshell."""

from __future__ import annotations

import json
import threading
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest

from eighty80_jupyter.notebook.cell.front_end import listen_where_it_is_sent
from tests.support.replies import Gate, chunk, sse_reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.kernel import KernelSession, Message
    from tests.support.replies import Event
    from tests.support.scripted import ScriptedServer

OPEN = """\
%load_ext eighty80_jupyter
import time
from eighty80_jupyter import chat
panel = chat.panel()
panel
"""
# Without subshells (ipykernel 6) the click waits, and so the cell must end by itself.
COMPUTE = """\
until = time.monotonic() + {seconds}
print("begun", flush=True)
while not running.done and time.monotonic() < until:
    time.sleep(0.01)
print("stopped" if running.done else "waited")
"""


class Page:
    """Stands for a page of the browser that shows the panel."""

    def __init__(self, shell: KernelSession) -> None:
        self.shell = shell
        assert shell.run(OPEN).ok
        self.comm = shell.run("print(panel.view.comm.comm_id)").stdout.strip()
        info = shell.client.kernel_info(reply=True, timeout=shell.timeout)["content"]
        self.subshells = "kernel subshells" in info.get("supported_features", ())

    def say(self, do: str, *, subshell: str | None) -> None:
        """Send what a click does, through a subshell or not."""
        data = {"method": "custom", "content": {"do": do, "view": "here"}}
        client = self.shell.client
        message = client.session.msg("comm_msg", {"comm_id": self.comm, "data": data})
        message["header"]["subshell_id"] = subshell
        client.shell_channel.send(message)

    def begin_subshell(self) -> str | None:
        """Begin a subshell; None where the kernel has none."""
        if not self.subshells:
            return None
        subshell: str = self._control("create_subshell_request")["subshell_id"]
        return subshell

    def end_subshell(self, subshell: str | None) -> None:
        """End it again."""
        if subshell is not None:
            self._control("delete_subshell_request", subshell_id=subshell)

    def wait(self, text: str, *, times: int = 1) -> None:
        """Wait until the panel has told something with this text in it so many times."""

        def told(message: Message) -> bool:
            here = message.type == "comm_msg" and message.content["comm_id"] == self.comm
            return here and text in json.dumps(message.content["data"])

        def enough() -> bool:
            results = self.shell._results.values()
            messages = [*self.shell.stray, *(m for result in results for m in result.messages)]
            return len([message for message in messages if told(message)]) >= times

        self.shell.wait_for(enough, what=f"{text!r} {times} times")

    def _control(self, kind: str, **content: Any) -> dict[str, Any]:
        client = self.shell.client
        client.control_channel.send(client.session.msg(kind, content))
        reply: dict[str, Any] = client.get_control_msg(timeout=self.shell.timeout)["content"]
        assert reply["status"] == "ok", reply
        return reply


@pytest.fixture(name="page")
def _page(server: ScriptedServer, kernel: Callable[..., KernelSession]) -> Page:
    return Page(kernel(env={"_8080_API_URL": server.url, "_8080_API_KEY": "sk-panel"}))


@pytest.mark.slow
def test_stop_does_not_wait_for_a_cell_that_began_later(page: Page, server: ScriptedServer) -> None:
    """What is drawn while a cell computes must not bring the clicks to the end of that cell."""
    first, never = threading.Event(), threading.Event()
    pieces: list[Event] = [
        chunk({"content": "One. "}),
        Gate(first),
        chunk({"content": "Two. "}),
        Gate(never),
    ]
    server.queue(sse_reply(pieces, done=False))
    subshell = page.begin_subshell()
    page.say("hello", subshell=subshell)
    page.wait("Nothing has been said")
    assert page.shell.run("running = chat.start('Go')").ok
    page.wait("One.")
    cell = page.shell.submit(COMPUTE.format(seconds=90 if page.subshells else 1))
    page.shell.wait_for(lambda: "begun" in cell.stdout, what="the cell")
    first.set()
    page.wait("Two.")
    page.say("stop", subshell=subshell)
    page.shell.finish(cell)
    assert cell.stdout.split()[1:] == ["stopped" if page.subshells else "waited"]


@pytest.mark.slow
def test_a_page_that_is_gone_takes_no_message_with_it(page: Page) -> None:
    """Another page is heard, although the last one that was had a subshell of its own."""
    gone = page.begin_subshell()
    page.say("hello", subshell=gone)
    page.wait("Nothing has been said")
    page.end_subshell(gone)
    page.say("hello", subshell=None)
    page.wait("Nothing has been said", times=2)


CONTRACT = """\
from ipykernel.comm.comm import BaseComm
from eighty80_jupyter import chat
panel = chat.panel()
named = hasattr(BaseComm, "_reply_subshell_for")
print(named, not named or panel.view.comm._reply_subshell_for is None)
"""


@pytest.mark.slow
def test_the_private_name_of_ipykernel(kernel: Callable[..., KernelSession]) -> None:
    """Where ipykernel routes messages by `_reply_subshell_for`, the panel's comms ask not to be."""
    result = kernel(env={"_8080_API_KEY": "k"}).run(CONTRACT)
    assert result.ok, result.error
    named, ours = result.stdout.split()
    assert ours == "True"
    if version("ipykernel") >= "7.4":
        assert named == "True", "the name is gone: see how ipykernel routes messages of comms now"


def test_a_comm_that_takes_no_attributes_is_left_alone() -> None:
    """Other kernels (xeus-python) have comms of their own, and no subshells: nothing is set."""

    class Comm:
        __slots__ = ()

    class Widget:
        comm = Comm()
        children = ()

    listen_where_it_is_sent(Widget())
    assert not hasattr(Widget.comm, "_reply_subshell_for")
