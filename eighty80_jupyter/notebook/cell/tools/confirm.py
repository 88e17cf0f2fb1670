"""Ask before a tool runs: a question on the terminal, or below the cell."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.cell.terminal_text import writable
from eighty80_jupyter.tools.executor import Decision
from eighty80_jupyter.tools.shown import AskedCall, asked_call, visible_json, visible_lines

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from eighty80_jupyter.api.messages import ToolCall
    from eighty80_jupyter.tools.tool import Tool

_WORDS = {
    "yes": "[y]es",
    "no": "[n]o",
    "always": "[a]lways",
    "edit": "[e]dit",
    "show all": "[s]how all",
}
_ATTEMPTS = 5
_LINE = 100  # characters of a call that fit beside the question

NOBODY = "not run: nobody can be asked here whether it may"
UNCLEAR = "not run: the user did not say yes"


class InputConfirmer:
    """Asks with buttons where the page of the running `shell` is heard, else with `input()`.

    Outside a kernel it asks on a terminal only, since what comes from a pipe is no answer. Where
    nobody can type (nbconvert, papermill) a call is refused, and that is said.
    """

    def __init__(self, *, in_kernel: bool, shell: InteractiveShell | None = None) -> None:
        self._in_kernel = in_kernel
        self._shell = shell  # None: once a page was not heard, or where there is none

    def confirm(self, tool: Tool, call: ToolCall, shown: str) -> Decision:  # noqa: ARG002  # `call` says more
        """Return what the user says. Raises KeyboardInterrupt."""
        if not self._somebody():
            return self._nobody(tool)
        try:
            return self._decision(tool, call)
        except EOFError:  # Ctrl-D
            self._say("")  # the question stands on a line that nobody has ended
        except RuntimeError:  # a kernel's StdinNotImplementedError is one
            return self._nobody(tool)
        return Decision(answer="no", reason=UNCLEAR)

    def permit(self, question: str) -> bool | None:
        """Return whether the user says yes to something else; None where nobody can be asked.

        Raises KeyboardInterrupt.
        """
        if not self._somebody():
            return None
        try:
            self._say(question)
            for _ in range(_ATTEMPTS):
                typed = self._ask("[y]es, [n]o: ").strip().lower()
                if typed in ("y", "yes", "n", "no"):
                    return typed[0] == "y"
        except EOFError:
            self._say("")
        except RuntimeError:  # as above
            return None
        return False

    def _decision(self, tool: Tool, call: ToolCall) -> Decision:
        """Ask until the answer is one; raises EOFError and what `input` raises."""
        asked = asked_call(call.name, call.arguments)
        if (decision := self._by_buttons(tool, call, asked)) is not None:
            return decision
        words = dict(_WORDS)
        if tool.confirm is True:
            del words["always"]  # it is asked about in any case
        if not asked.cut:
            del words["show all"]
        if tool.note:
            self._say(tool.note)
        beside = len(asked.line) <= _LINE
        if not beside:
            self._say(asked.lines)
        run = f"Run {asked.line if beside else 'it'}? "
        again = ""
        for _ in range(_ATTEMPTS):
            typed = self._ask(f"{again or run}{', '.join(words.values())}: ").strip().lower()
            answer = (
                next((w for w in words if typed in (w, w[0], *w.split())), None) if typed else None
            )
            again = ""
            match answer:
                case "show all":
                    self._say(asked_call(call.name, call.arguments, whole=True).lines)
                    del words["show all"]
                    run = "Run it? "
                case "edit":
                    arguments = self._edited(tool, call)
                    if arguments is not None:
                        return Decision(answer="edit", arguments=arguments)
                case "yes" | "no" | "always":
                    return Decision(answer=answer)
                case _:
                    *others, last = [word[0] for word in words]
                    again = f"Please type {', '.join(others)} or {last}. "
        return Decision(answer="no", reason=UNCLEAR)

    def _by_buttons(self, tool: Tool, call: ToolCall, asked: AskedCall) -> Decision | None:
        """Return what was clicked; None where the page is not heard, which is tried once."""
        if self._shell is None:
            return None
        try:
            from eighty80_jupyter.notebook.cell.tools import buttons  # noqa: PLC0415  # a door: ipywidgets
        except ImportError:
            return None
        if not buttons.may_be_heard(self._shell):
            return None
        decision = buttons.ask(self._shell, tool, call, asked)
        if decision is None:
            self._shell = None
        return decision

    def _somebody(self) -> bool:
        """Tell whether there may be somebody: only the main thread can ask in a kernel."""
        if threading.current_thread() is not threading.main_thread():
            return False
        return self._in_kernel or (sys.stdin is not None and sys.stdin.isatty())

    def _edited(self, tool: Tool, call: ToolCall) -> str | None:
        """Return other arguments that fit the tool, or None where the user wants none."""
        self._say(f"Now: {visible_json(call.arguments)}")
        for _ in range(_ATTEMPTS):
            text = self._ask("Arguments as JSON (empty: leave them): ").strip()
            if not text:
                return None
            try:
                tool.arguments(text)
            except UsageError as error:
                self._say(str(error))
            else:
                return text
        return None

    def _nobody(self, tool: Tool) -> Decision:
        how = "Mark it with confirm=False or safe=True"
        if hasattr(tool.function, "server"):
            how = "Start its server with chat.mcp(..., confirm=False)"
        self._say(
            f"{tool.name} was not run: nobody can be asked here. {how} if it may run unasked."
        )
        return Decision(answer="no", reason=NOBODY)

    def _ask(self, question: str) -> str:
        return input(_harmless(question))

    def _say(self, text: str) -> None:
        sys.stdout.write(_harmless(text) + "\n")
        sys.stdout.flush()


def _harmless(text: str) -> str:
    """Return a text that a terminal only shows: what it would obey, or hide, is escaped."""
    return writable(visible_lines(text))
