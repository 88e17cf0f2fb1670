"""Where a thread's displays go in a kernel that has one place for those of all threads."""

from __future__ import annotations

import asyncio
import threading
from contextvars import copy_context
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Dict, HasTraits

from eighty80_jupyter.notebook.cell.front_end import context_of_this_cell


class Publisher(HasTraits):
    """One as ipykernel 6 has it: a header for all, and hooks of the thread that displays."""

    parent_header = Dict()

    def __init__(self, header: dict[str, str]) -> None:
        super().__init__(parent_header=header)
        self.sent: list[tuple[str, str]] = []
        self._hooks: dict[int, list[Any]] = {}

    def publish(self, data: dict[str, Any], **_: Any) -> None:
        message = {"data": data["text/plain"], "parent_header": self.parent_header}
        for hook in self._hooks.get(threading.get_ident(), ()):
            message = hook(message)
        self.sent.append((message["parent_header"]["msg_id"], message["data"]))

    def register_hook(self, hook: Any) -> None:
        self._hooks.setdefault(threading.get_ident(), []).append(hook)

    def unregister_hook(self, hook: Any) -> None:
        self._hooks[threading.get_ident()].remove(hook)


@pytest.fixture(name="publisher")
def _publisher(monkeypatch: pytest.MonkeyPatch) -> Publisher:
    publisher = Publisher({"msg_id": "panel"})
    monkeypatch.setattr(InteractiveShell.instance(), "display_pub", publisher)
    return publisher


def show(text: str, kind: str = "text/plain") -> None:
    InteractiveShell.instance().display_pub.publish(data={kind: text})


def test_a_thread_of_the_panel_shows_below_it(publisher: Publisher) -> None:
    """Also what it starts, while what the cell that runs now shows stays with that cell."""
    context = context_of_this_cell()
    publisher.parent_header = {"msg_id": "later"}

    def tool() -> None:
        show("of a tool")
        inner = threading.Thread(target=copy_context().run, args=(show, "of its thread"))
        inner.start()
        inner.join()

    thread = threading.Thread(target=context.run, args=(tool,))
    thread.start()
    thread.join()
    show("of the cell")
    assert publisher.sent == [
        ("panel", "of a tool"),
        ("panel", "of its thread"),
        ("later", "of the cell"),
    ]


def test_tasks_of_one_thread_are_told_apart(publisher: Publisher) -> None:
    """Async tools of several panels share a thread, and take turns in it."""
    first = context_of_this_cell()
    publisher.parent_header = {"msg_id": "other"}
    second = context_of_this_cell()
    publisher.parent_header = {"msg_id": "later"}

    async def tool(name: str) -> None:
        for _ in range(2):
            show(name)
            await asyncio.sleep(0)

    async def both() -> None:
        loop = asyncio.get_running_loop()
        tasks = [
            loop.create_task(tool("a"), context=first),
            loop.create_task(tool("b"), context=second),
        ]
        await asyncio.gather(*tasks)

    asyncio.run(both())
    assert publisher.sent == [("panel", "a"), ("other", "b")] * 2


def test_a_display_that_fails_leaves_nothing_behind(publisher: Publisher) -> None:
    """The next one of the same thread goes where it belongs."""
    context = context_of_this_cell()
    publisher.parent_header = {"msg_id": "later"}
    with pytest.raises(KeyError):
        context.run(show, "no plain text", "text/html")
    show("of the cell")
    assert publisher.sent == [("later", "of the cell")]
