r"""The door to a page: text of a server, a file or a person, with nothing that a page would obey.

Whatever is no Markdown of a reply goes to a page through here: nothing in it runs, is fetched, or
is read by MathJax. That looks for `$`, `\(` and `\begin` in every output, and keeps what it is told
to define for the whole page.
"""

from __future__ import annotations

import html
import re

QUIET = "color: var(--jp-ui-font-color2, #757575); font-size: 85%"

_MATHJAX = re.compile(r"[$\\]")


def page_text(text: str) -> str:
    """Return `text` as HTML for between tags; MathJax reads from tag to tag, so that it sees none.

    Not for `<title>`, in which there are no tags.
    """
    return _MATHJAX.sub(r"<span>\g<0></span>", html.escape(text))


def page_attribute(text: str) -> str:
    """Return `text` for within a quoted attribute, or a `<title>`; MathJax reads neither."""
    return html.escape(text)


def quiet_html(text: str) -> str:
    """Return a line in small and grey letters."""
    return f'<div style="{QUIET}">{page_text(text)}</div>'


def fold_html(title: str, html: str) -> str:
    """Return safe HTML that is folded away below its title."""
    summary = f'<summary style="{QUIET}">{page_text(title)}</summary>'
    return f"<details>{summary}{html}</details>"
