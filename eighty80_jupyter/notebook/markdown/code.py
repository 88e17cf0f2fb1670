"""Code in colours.

The styles are inline and take their colours from JupyterLab's theme, so that they are right in
light and dark, and in what nbconvert makes of a notebook.
"""

from __future__ import annotations

import functools
import html

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Token, _TokenType
from pygments.util import ClassNotFound

_LIMIT = 30_000  # characters; a longer block stays plain

# The colours of JupyterLab's editor; the fallbacks are those of its light theme.
_COLOURS = {
    "atom": "#88f",
    "builtin": "#008000",
    "comment": "#408080",
    "def": "#00f",
    "error": "#f00",
    "keyword": "#008000",
    "meta": "#a2f",
    "number": "#080",
    "operator": "#7800c2",
    "property": "#05a",
    "string": "#ba2121",
    "string-2": "#708",
    "tag": "#170",
}
_NAMES = {
    Token.Comment: "comment",
    Token.Comment.Preproc: "meta",
    Token.Error: "error",
    Token.Generic.Deleted: "string",
    Token.Generic.Heading: "def",
    Token.Generic.Inserted: "number",
    Token.Generic.Prompt: "comment",
    Token.Generic.Subheading: "def",
    Token.Keyword: "keyword",
    Token.Keyword.Constant: "atom",
    Token.Literal.Number: "number",
    Token.Literal.String: "string",
    Token.Literal.String.Escape: "string-2",
    Token.Literal.String.Interpol: "string-2",
    Token.Literal.String.Regex: "string-2",
    Token.Name.Attribute: "property",
    Token.Name.Builtin: "builtin",
    Token.Name.Class: "def",
    Token.Name.Decorator: "meta",
    Token.Name.Exception: "builtin",
    Token.Name.Function: "def",
    Token.Name.Tag: "tag",
    Token.Operator: "operator",
    Token.Operator.Word: "keyword",
}


def code_style(name: str) -> str:
    """Return the style of what JupyterLab's editor colours by this name."""
    weight = ";font-weight:bold" if name == "keyword" else ""
    slant = ";font-style:italic" if name == "comment" else ""
    return f"color:var(--jp-mirror-editor-{name}-color,{_COLOURS[name]}){weight}{slant}"


@functools.lru_cache(maxsize=64)
def highlight(code: str, language: str) -> str:
    """Return `code` as HTML for within `<code>`.

    Plain if the language is unknown or the code longer than 30,000 characters.

    Cached, as a streamed reply is drawn ten times a second with the same blocks.
    """
    found = _lexer(language) if len(code) <= _LIMIT else None
    if found is None:
        return html.escape(code, quote=False)
    lexer = found(stripnl=False, ensurenl=False)
    pieces: list[str] = []
    size = 0
    for kind, text in lexer.get_tokens(code):
        size += len(text)
        escaped = html.escape(text, quote=False)
        style = None if text.isspace() else _style_of(kind)
        pieces.append(f'<span style="{style}">{escaped}</span>' if style else escaped)
    # A lexer that lost or added text is not trusted with the rest.
    return "".join(pieces) if size == len(code) else html.escape(code, quote=False)


@functools.lru_cache(maxsize=64)
def _lexer(language: str) -> type[Lexer] | None:
    try:
        return type(get_lexer_by_name(language)) if language else None
    except ClassNotFound:
        return None


@functools.cache
def _style_of(kind: _TokenType) -> str | None:
    while kind not in _NAMES and kind.parent is not None:
        kind = kind.parent
    return code_style(_NAMES[kind]) if kind in _NAMES else None
