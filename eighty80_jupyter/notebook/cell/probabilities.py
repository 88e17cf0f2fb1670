"""An answer whose tokens are shaded by how likely they were, with what else was likely.

A model wrote every text in it: all of them pass the door for text that reaches a page.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eighty80_jupyter.api.tokens import Token, tokens_of
from eighty80_jupyter.notebook.cell.answer import Answer
from eighty80_jupyter.notebook.cell.terminal import TerminalWriter
from eighty80_jupyter.notebook.markdown.page_text import QUIET, page_attribute, page_text
from eighty80_jupyter.notebook.markdown.source import closed

SURE = 0.9  # from this probability on a token is plain
NO_PROBABILITIES = "the server gave no probabilities"
_MOST = 4000  # tokens that are shaded, of which a page has some hundred bytes each
_MOST_LINES = 20  # doubtful tokens in a terminal
_DEEPEST = 0.55  # how opaque the shade of the least likely token is
_TEXT = "white-space: pre-wrap; overflow-wrap: anywhere"
# What opens is a block to browsers, and would break the line where it stands in one.
_FOLD = "display: inline-block; vertical-align: top"
_SPACES = str.maketrans({"\n": "\u21b5", "\t": "\u21e5", " ": "\u00b7"})


def shaded_html(tokens: Sequence[Token], text: str) -> str:
    """Return the text of an answer as HTML, the less likely tokens shaded.

    Each shaded one opens, by mouse or keyboard, to what else was likely; the title tells it of all.
    """
    shown = tokens[:_MOST]
    rest = text[sum(len(token.text) for token in shown) :]
    pieces = "".join(map(_token_html, shown))
    doubtful = sum(token.probability < SURE for token in shown)
    legend = (
        f"shaded: {doubtful:,} of {len(tokens):,} tokens below {SURE:.0%}; "
        "open one to see what else was likely"
    )
    return (
        f'<div style="{_TEXT}">{pieces}{page_text(rest)}</div><div style="{QUIET}">{legend}</div>'
    )


def plain_html(text: str) -> str:
    """Return a text as HTML, as it was written."""
    return f'<div style="{_TEXT}">{page_text(text)}</div>'


def shaded_text(tokens: Sequence[Token]) -> str:
    """Return the doubtful tokens of an answer as lines of text, the most doubtful ones of many."""
    doubtful = [token for token in tokens if token.probability < SURE]
    if not doubtful:
        return f"every token at {SURE:.0%} or more"
    limit = sorted(token.probability for token in doubtful)[:_MOST_LINES][-1]
    lines = [
        f"{_named(token.text)} {token.probability:.0%}"
        + (f" ({_others(token)})" if token.alternatives else "")
        for token in doubtful
        if token.probability <= limit
    ]
    more = len(doubtful) - len(lines)
    return "\n".join([*lines, f"and {more:,} more below {SURE:.0%}"] if more else lines)


def _token_html(token: Token) -> str:
    told = f"{_named(token.text)} {token.probability:.0%}"
    others = _others(token)
    told = f"{told}; {others}" if others else told
    title = page_attribute(told)
    if token.probability >= SURE:
        return f'<span title="{title}">{page_text(token.text)}</span>'
    shade = f"background: rgba(230, 126, 34, {_DEEPEST * (1 - token.probability):.2f})"
    if not others:
        return f'<span style="{shade}" title="{title}">{page_text(token.text)}</span>'
    # Ends of lines stand outside of the fold, or they would end no line of the answer.
    word = token.text.strip("\r\n")
    before, after = token.text.split(word, 1) if word else ("", token.text)
    return (
        f'{before}<details style="{_FOLD}"><summary style="display: inline; list-style: none; '
        f'cursor: pointer"><span style="{shade}" title="{title}">'
        f"{page_text(word or _named(token.text))}</span></summary>"
        f'<span style="{QUIET}">[{page_text(told)}]</span></details>{after}'
    )


def _others(token: Token) -> str:
    return ", ".join(f"{_named(text)} {likely:.0%}" for text, likely in token.alternatives)


def _named(text: str) -> str:
    return text.translate(_SPACES) or '""'


class ShadedAnswer(Answer):
    """An answer as plain text while it comes, and with its tokens shaded in the end."""

    logprobs: Sequence[Any] = ()

    def _draw_text(self, *, final: bool) -> None:
        text = self._text.tail
        tokens = tokens_of(text, self.logprobs) if final else []
        if tokens:
            self._output.html(shaded_html(tokens, text), text, markdown=closed(text))
        else:
            self._output.html(plain_html(text), text, partial=not final, markdown=closed(text))
        self._text.drawn()

    def _draw_whole(self, *, final: bool) -> None:
        self._draw_text(final=final)


class ShadedTerminalWriter(TerminalWriter):
    """Write an answer to a terminal, and below it the tokens that were doubtful."""

    def _last_line(self, reply: Any, messages: Any, notes: Any, metadata: Any) -> None:
        if tokens := tokens_of(reply.choices[0].text, reply.choices[0].logprobs):
            self._put(f"\n{shaded_text(tokens)}\n")
        super()._last_line(reply, messages, notes, metadata)
