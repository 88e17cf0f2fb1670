"""In a terminal: the text of a prompt is no Python, and has no colours of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.notebook.line.input import is_prompt

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_OPTIONS = "_extra_prompt_options"  # what IPython's terminal asks itself before each prompt


def plain_prompts(shell: InteractiveShell) -> None:
    """Have the terminal show the text of `%%chat` without colours, where it has any."""
    coloured_prompts(shell)
    options: Callable[[], dict[str, Any]] | None = getattr(shell, _OPTIONS, None)
    if options is None:
        return

    def with_plain_prompts() -> dict[str, Any]:
        found = options()
        if "lexer" in found:
            found["lexer"] = _lexer(found["lexer"])
        return found

    setattr(shell, _OPTIONS, with_plain_prompts)


def coloured_prompts(shell: InteractiveShell) -> None:
    """Undo `plain_prompts`."""
    vars(shell).pop(_OPTIONS, None)


def _lexer(other: Any) -> Any:
    from prompt_toolkit.lexers import Lexer, SimpleLexer  # noqa: PLC0415  # a terminal has it loaded

    class ChatLexer(Lexer):
        """Leave prompts as they are, and the rest to another lexer."""

        def lex_document(self, document: Any) -> Any:
            lexer = SimpleLexer() if is_prompt(document.lines) else other
            return lexer.lex_document(document)

    return ChatLexer()
