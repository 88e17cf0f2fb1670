"""A question in a running cell, asked with buttons, where the page is heard while the cell runs."""

from __future__ import annotations

import queue
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import anywidget
from traitlets import Dict

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.cell.browser_module import browser_module
from eighty80_jupyter.notebook.cell.front_end import listen_where_it_is_sent
from eighty80_jupyter.notebook.cell.outputs import Output, Page
from eighty80_jupyter.notebook.cell.running_cell import running_cell
from eighty80_jupyter.notebook.cell.tools.display import pretty
from eighty80_jupyter.tools.executor import Decision
from eighty80_jupyter.tools.shown import AskedCall, visible_lines

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from eighty80_jupyter.api.messages import ToolCall
    from eighty80_jupyter.tools.tool import Tool

HEARD_SECONDS = 2.0  # until a page that says nothing is taken for one that is not heard
TICK_SECONDS = 0.1  # between two looks of the waiting thread, which an interrupt must end

Said = Literal["shown", "yes", "no", "always", "edit"]


def may_be_heard(shell: InteractiveShell) -> bool:
    """Tell whether a page may be heard while its cell runs; whether it is shows when it is asked.

    That takes a kernel with subshells, and a front end that names its cells, as those with widgets
    do.
    """
    kernel = getattr(shell, "kernel", None)
    features = getattr(kernel, "kernel_info", {}).get("supported_features", ())
    cell = running_cell(shell)
    return "kernel subshells" in features and bool(cell.id) and cell.attended


def ask(shell: InteractiveShell, tool: Tool, call: ToolCall, asked: AskedCall) -> Decision | None:
    """Ask with buttons below the running cell; None where the page is not heard.

    Whatever happens, also an interrupt, a plain line takes the place of the question.
    """
    question = {
        "text": asked.question,
        "arguments": [list(argument) for argument in asked.arguments],
        "detail": pretty(call.arguments),
        "cut": asked.cut,
        "always": tool.confirm is not True,
        "note": visible_lines(tool.note),
        "wrong": "",
        "heard": "",
    }
    widget = ButtonQuestion(question)
    page = Page(shell.display_pub.publish)
    output, said = Output(page), "not answered"
    output.widget(widget.model_id, f"Run {asked.line}?")
    try:
        message = widget.wait(HEARD_SECONDS)
        if message is None:
            said = "asked below"
            return None
        while True:
            message_id, answer, detail = message
            if answer == "shown":  # the second half of the round trip: now its buttons work
                widget.question = {**widget.question, "heard": message_id}
            elif answer == "edit" and (wrong := _wrong(tool, detail)):
                widget.question = {
                    **question,
                    "detail": detail,
                    "wrong": wrong,
                    "heard": message_id,
                }
            else:
                said = answer
                return Decision(answer=answer, arguments=detail if answer == "edit" else "")
            while (message := widget.wait(TICK_SECONDS)) is None:
                pass
    finally:
        output.quiet(f"{asked.question} {said}")
        widget.close()


def _wrong(tool: Tool, arguments: str) -> str:
    """Return what is wrong with edited arguments: the model must not hear of the user's slip."""
    try:
        tool.arguments(arguments)
    except UsageError as error:
        return str(error)
    return ""


class ButtonQuestion(anywidget.AnyWidget):
    """A question with buttons: `question` has the call, and what is wrong with an edit.

    The main thread waits, and so the page's messages must be handled in another one: a subshell's.
    A message may be lost on its way (one that is sent before the front end has its subshell waits
    until the cell has ended), and so may a change of `question`. So the page sends each message,
    under an id of its own, again and again until `question` changes, and when one arrives again
    `question` is sent again.
    """

    _esm = browser_module(Path(__file__).parent / "static" / "question.js")
    question = Dict().tag(sync=True)

    def __init__(self, question: Mapping[str, Any]) -> None:
        self._messages: queue.SimpleQueue[tuple[str, Said, str]] = queue.SimpleQueue()
        self._seen: set[str] = set()
        super().__init__(question=dict(question))
        listen_where_it_is_sent(self)
        self.on_msg(self._receive)

    def wait(self, seconds: float) -> tuple[str, Said, str] | None:
        """Return the next message, each once: its id, what was said, the arguments in the box.

        None where none comes within `seconds`. Raises KeyboardInterrupt.
        """
        for _ in range(max(1, round(seconds / TICK_SECONDS))):
            try:
                return self._messages.get(timeout=TICK_SECONDS)
            except queue.Empty:
                continue
        return None

    def _receive(self, _widget: Any, content: Any, _buffers: Any) -> None:
        match content:
            case {"id": str(message_id)} if message_id in self._seen:
                self.send_state("question")
            case {
                "id": str(message_id),
                "do": "shown" | "yes" | "no" | "always" | "edit" as said,
                "detail": str(detail),
            }:
                self._seen.add(message_id)
                self._messages.put((message_id, said, detail))
            case _:
                pass  # of a later version
