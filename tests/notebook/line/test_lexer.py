"""The colours of prompts in a terminal."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from IPython.terminal.ptutils import IPythonPTLexer
from prompt_toolkit.document import Document

from eighty80_jupyter.notebook.line.lexer import coloured_prompts, plain_prompts

CODE = "for x in y: pass"


class Terminal:
    """A shell of a terminal, as far as it asks for colours."""

    def _extra_prompt_options(self) -> dict[str, Any]:
        return {"lexer": IPythonPTLexer()}  # type: ignore[no-untyped-call]  # IPython's


@pytest.mark.parametrize(
    ("first", "plain"),
    [
        ("%%chat", True),
        ("%%chat -t 0", True),
        ("# why\n\n%%chat -t 0", True),
        ("\uff05\uff05chat", True),
        ("%%chatty", False),
        ("# %%chat", False),
        ("x = 1", False),
        ("x = 1\n%%chat", False),
    ],
)
def test_a_prompt_in_a_terminal_is_plain(first: str, *, plain: bool) -> None:
    """The text of %%chat is one piece without colours; that of others has those it had."""
    shell: Any = Terminal()
    document = Document(f"{first}\n{CODE}")
    last = len(document.lines) - 1
    before = shell._extra_prompt_options()["lexer"].lex_document(document)(last)
    plain_prompts(shell)
    line = shell._extra_prompt_options()["lexer"].lex_document(document)(last)
    assert line == ([("", CODE)] if plain else before)
    coloured_prompts(shell)
    assert shell._extra_prompt_options()["lexer"].lex_document(document)(last) == before


def test_a_shell_without_a_terminal_is_left_alone() -> None:
    """A kernel's shell asks for no lexer, and gets none."""
    shell: Any = SimpleNamespace()
    plain_prompts(shell)
    assert vars(shell) == {}
