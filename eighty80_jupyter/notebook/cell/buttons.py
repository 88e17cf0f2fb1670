"""A question in a running cell, asked with buttons, where the page is heard while the cell runs."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import anywidget
from traitlets import Dict

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.cell.outputs import Output, Page
from eighty80_jupyter.notebook.cell.running_cell import running_cell
from eighty80_jupyter.notebook.cell.tool_display import pretty

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from eighty80_jupyter.api.messages import ToolCall
    from eighty80_jupyter.tools.rounds import Decision
    from eighty80_jupyter.tools.shown import AskedCall
    from eighty80_jupyter.tools.toolbox import Tool

HEARD_SECONDS = 2.0  # until a page that says nothing is taken for one that is not heard
TICK_SECONDS = 0.1  # between two looks of the waiting thread, which an interrupt must end

Answer = Literal["yes", "no", "always", "edit"]


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
    from eighty80_jupyter.tools.rounds import Decision  # noqa: PLC0415  # the first call

    given = " with these arguments" if asked.arguments else ""
    question = {
        "text": f"May {asked.name} be called{given}?",
        "arguments": [list(argument) for argument in asked.arguments],
        "detail": pretty(call.arguments),
        "cut": asked.cut,
        "always": tool.confirm is not True,
        "wrong": "",
    }
    widget = ButtonQuestion(question)
    page = Page(shell.display_pub.publish, {}, markdown=False, images=False)
    output, said = Output(page), "not answered"
    output.widget(widget.model_id, f"Run {asked.line}?")
    try:
        if not widget.wait_heard():
            said = "asked below"
            return None
        while True:
            answer, detail = widget.wait_answer()
            if answer == "edit":
                try:
                    tool.arguments(detail)
                except UsageError as error:  # the model must not hear of a slip of the user's
                    widget.question = {**question, "detail": detail, "wrong": str(error)}
                    continue
            said = answer
            return Decision(answer=answer, arguments=detail if answer == "edit" else "")
    finally:
        output.quiet(f"{question['text']} {said}")
        widget.close()


class ButtonQuestion(anywidget.AnyWidget):
    """A question with buttons: `question` has the call, and what is wrong with an edit.

    The main thread waits, and so the page's messages must be handled in another one: a subshell's.
    `heard` is set when the first has come, which the page sends as soon as it shows the question;
    `answered` with each answer. Both are events, and `answer` is set before `answered`.
    """

    _esm = Path(__file__).parent / "static" / "question.js"
    question = Dict().tag(sync=True)

    def __init__(self, question: Mapping[str, Any]) -> None:
        self.heard, self.answered = threading.Event(), threading.Event()
        self.answer: tuple[Answer, str] = ("no", "")
        super().__init__(question=dict(question))
        # See `panel.listen_where_it_is_sent`: the messages come through the page's own subshell.
        if hasattr(self.comm, "_reply_subshell_for"):
            self.comm._reply_subshell_for = None  # noqa: SLF001  # the only way to say so
        self.on_msg(self._receive)

    def wait_heard(self) -> bool:
        """Wait until the page is heard; False where it is not. Raises KeyboardInterrupt."""
        return _wait(self.heard, HEARD_SECONDS)

    def wait_answer(self) -> tuple[Answer, str]:
        """Wait for the next answer, and return it with the arguments as they stand in the box."""
        while not _wait(self.answered, None):
            pass
        self.answered.clear()
        return self.answer

    def _receive(self, _widget: Any, content: Any, _buffers: Any) -> None:
        match content:
            case {"do": "shown"}:
                self.heard.set()
            case {"do": "yes" | "no" | "always" | "edit" as answer, "detail": str(detail)}:
                self.answer = answer, detail
                self.answered.set()
            case _:
                pass  # of a later version


def _wait(event: threading.Event, seconds: float | None) -> bool:
    """Wait in steps, between which an interrupt is raised."""
    left = seconds
    while left is None or left > 0:
        if event.wait(TICK_SECONDS):
            return True
        left = None if left is None else left - TICK_SECONDS
    return False
