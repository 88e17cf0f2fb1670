"""Ask before a tool runs: a question on the terminal, or below the cell."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

from eighty80_jupyter.errors import UsageError

if TYPE_CHECKING:
    from eighty80_jupyter.api.messages import ToolCall
    from eighty80_jupyter.tools.rounds import Decision
    from eighty80_jupyter.tools.toolbox import Tool

_CHOICES = "[y]es, [n]o, [a]lways, [e]dit"
_ANSWERS = {
    **dict.fromkeys(("y", "yes"), "yes"),
    **dict.fromkeys(("n", "no"), "no"),
    **dict.fromkeys(("a", "always"), "always"),
    **dict.fromkeys(("e", "edit"), "edit"),
}
_ATTEMPTS = 5
_LINE = 100  # characters of a call that fit beside the question

NOBODY = "not run: nobody can be asked here whether it may"
UNCLEAR = "not run: the user did not say yes"


class InputConfirmer:
    """Asks with `input()`, which a kernel sends to the front end.

    Outside a kernel it asks on a terminal only, since what comes from a pipe is no answer. Where
    nobody can type (nbconvert, papermill) a call is refused, and that is said.
    """

    def __init__(self, *, in_kernel: bool) -> None:
        self._in_kernel = in_kernel

    def confirm(self, tool: Tool, call: ToolCall, shown: str) -> Decision:
        """Return what the user says. Raises KeyboardInterrupt."""
        from eighty80_jupyter.tools.rounds import Decision  # noqa: PLC0415  # the first call

        if not self._somebody():
            return self._nobody(tool)
        question = f"Run {shown}? {_CHOICES}: "
        if len(shown) > _LINE:
            self._say(shown)
            question = f"Run it? {_CHOICES}: "
        try:
            again = question
            for _ in range(_ATTEMPTS):
                answer = _ANSWERS.get(self._ask(again).strip().lower())
                again = question if answer else f"Please type y, n, a or e. {_CHOICES}: "
                if answer == "edit":
                    arguments = self._edited(tool, call)
                    if arguments is not None:
                        return Decision(answer="edit", arguments=arguments)
                elif answer is not None:
                    return Decision(answer=answer)  # type: ignore[arg-type]  # one of the words
        except EOFError:  # Ctrl-D
            self._say("")  # the question stands on a line that nobody has ended
        except RuntimeError:  # a kernel's StdinNotImplementedError is one
            return self._nobody(tool)
        return Decision(answer="no", reason=UNCLEAR)

    def _somebody(self) -> bool:
        """Tell whether there may be somebody: only the main thread can ask in a kernel."""
        if threading.current_thread() is not threading.main_thread():
            return False
        return self._in_kernel or (sys.stdin is not None and sys.stdin.isatty())

    def _edited(self, tool: Tool, call: ToolCall) -> str | None:
        """Return other arguments that fit the tool, or None where the user wants none."""
        self._say(f"Now: {call.arguments}")
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
        from eighty80_jupyter.tools.rounds import Decision  # noqa: PLC0415  # as above

        self._say(
            f"{tool.name} was not run: nobody can be asked here. Mark it with confirm=False or "
            "safe=True if it may run unasked."
        )
        return Decision(answer="no", reason=NOBODY)

    def _ask(self, question: str) -> str:
        return input(_harmless(question))

    def _say(self, text: str) -> None:
        sys.stdout.write(_harmless(text) + "\n")
        sys.stdout.flush()


def _harmless(text: str) -> str:
    """Return a text that a terminal only shows: what it would obey is escaped."""
    from eighty80_jupyter.notebook.cell.terminal_text import writable  # noqa: PLC0415  # the first call

    if not text.isprintable():
        text = "".join(
            c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text
        )
    return writable(text)
