"""Colour `%%chat` cells as JupyterLab shows them: options, fields, and prose."""

from __future__ import annotations

from typing import Any

from pygments.lexer import inherit
from pygments.lexers.python import PythonLexer
from pygments.token import Comment, Keyword, Name, String, Text
from sphinx.application import Sphinx


class ChatLexer(PythonLexer):
    """Cells of a notebook: a prompt below `%%chat`, lines of `%chat` and other magics, Python."""

    name = "Cells with %%chat"
    aliases = ["chat", "ipython"]  # noqa: RUF012  # Pygments reads it from the class

    tokens = {  # noqa: RUF012  # the same
        "root": [
            (r"^%%chat\b", Keyword, ("prompt", "line")),
            (r"^%\w+|%chat\b", Keyword, "line"),
            inherit,
        ],
        "line": [
            (r"\n", Text, "#pop"),
            (r"(?<=\s)--?[A-Za-z][\w-]*", Name.Attribute),
            (r'"[^"\n]*"', String),
            (r"\{\{[^{}\n]*\}\}", Name.Variable),
            (r"(?<=\s)#.*", Comment),
            (r"[^\n]", Text),
        ],
        "prompt": [
            (r"\{\{[^{}\n]*\}\}", Name.Variable),
            (r"[^{]+", Text),
            (r"\{", Text),
        ],
    }


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx of the lexer."""
    for name in ChatLexer.aliases:
        app.add_lexer(name, ChatLexer)
    return {"parallel_read_safe": True}
