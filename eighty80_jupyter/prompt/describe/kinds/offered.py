"""What an object offers to a notebook's page: Markdown, plain text, LaTeX, or HTML without tags."""

from __future__ import annotations

import html.parser
from functools import partial
from typing import Any

from eighty80_jupyter.prompt.describe.base import Request
from eighty80_jupyter.prompt.describe.custom import own_method

_LONGEST = 500_000  # characters of HTML that are read
_HIDDEN = {"style", "script", "head", "svg", "button", "template"}
_LINES = {
    *("p", "div", "tr", "li", "table", "ul", "ol", "pre", "br", "dl", "dt", "details", "summary"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "thead", "tbody", "section", "article"),
}
_ARGUMENTS: dict[str, dict[str, None]] = {
    "_repr_mimebundle_": {"include": None, "exclude": None}  # they have no defaults everywhere
}
_CELLS = {"td", "th", "dd"}


def markdown(value: Any, request: Request) -> str | None:
    """Return the Markdown of an object; None where it has none, or fails."""
    return _offered(value, request, "_repr_markdown_")


def text(value: Any, request: Request) -> str | None:
    """Return what else an object shows on a page; None where that is nothing."""
    for name in ("_repr_mimebundle_", "_repr_latex_", "_repr_html_"):
        found = _offered(value, request, name)
        if found is not None and found.strip():
            return found.strip()
    return None


def _offered(value: Any, request: Request, name: str) -> str | None:
    method = own_method(value, name)
    if method is None:
        return None
    try:
        found = request.time_limit.call(partial(method, **_ARGUMENTS.get(name, {})))
    except Exception:  # noqa: BLE001  # a foreign method may raise anything; then the next
        return None
    found = found[0] if isinstance(found, tuple) and found else found
    kind = "text/html" if name == "_repr_html_" else "text/plain"
    if isinstance(found, dict):
        kinds = ("text/markdown", "text/plain", "text/html")
        kind = next((kind for kind in kinds if isinstance(found.get(kind), str)), "")
        found = found.get(kind)
    if not isinstance(found, str):
        return None
    return _without_tags(found) if kind == "text/html" else found


def _without_tags(source: str) -> str:
    reader = _Reader()
    reader.feed(source[:_LONGEST])
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.pieces).splitlines())
    return "\n".join(line.removesuffix(" |") for line in lines if line.strip(" |"))


class _Reader(html.parser.HTMLParser):
    """Collects what is to be read: cells with bars between them, blocks on lines of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:  # noqa: ARG002  # of the base class
        if tag in _LINES:
            self.pieces.append("\n")
        self._hidden += tag in _HIDDEN

    def handle_endtag(self, tag: str) -> None:
        if tag in _HIDDEN:
            self._hidden = max(self._hidden - 1, 0)
        elif tag in _CELLS:
            self.pieces.append(" | ")
        elif tag in _LINES:
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.pieces.append(" ".join(data.splitlines()))
