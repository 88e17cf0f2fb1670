"""The outputs of a cell that show a reply: made once, then updated in place."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from eighty80_jupyter.notebook.cell.summary import NAMESPACE
from eighty80_jupyter.notebook.cell.terminal_text import harmless
from eighty80_jupyter.notebook.markdown.latex import latex as typeset
from eighty80_jupyter.notebook.markdown.page_text import QUIET, page_text, quiet_html
from eighty80_jupyter.notebook.markdown.render import render
from eighty80_jupyter.text import counted

QUOTED = "border-left: 3px solid var(--jp-border-color1, #bdbdbd); padding-left: 0.8em"
_COLUMNS = (
    "display: grid; gap: 0 1.5em; "
    "grid-template-columns: repeat(auto-fit, minmax(min(100%, 18em), 1fr))"
)


class Page:
    """What all outputs of one reply share.

    `metadata` goes with each. `markdown`: Markdown is shown as such; `images` are allowed in it.
    Where the page is not `live`, as the front end may ignore updates, every output comes once.
    `latex`: what is final has LaTeX beside the HTML, for a notebook that becomes a PDF.
    """

    def __init__(
        self,
        publish: Callable[..., None],
        metadata: Mapping[str, Any] = MappingProxyType({}),
        *,
        markdown: bool = False,
        images: bool = False,
        live: bool = True,
        latex: bool = False,
    ) -> None:
        self._publish = publish
        self.metadata = dict(metadata)
        self.markdown = markdown
        self.images = images
        self.live = live
        self.latex = latex
        self.count = 0  # outputs that are shown
        self._held: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}

    def show(
        self, name: str, data: dict[str, Any], metadata: dict[str, Any], *, update: bool
    ) -> None:
        """Make the output `name`, or update it; where the page is not live, at `release`."""
        self.count += not update
        if self.live:
            self._send(name, data, metadata, update=update)
        else:
            self._held[name] = data, metadata

    def release(self) -> None:
        """Show what was held back, each output as it is now; what became empty is none."""
        held, self._held = self._held, {}
        for name, (data, metadata) in held.items():
            if any(data.values()):
                self._send(name, data, metadata, update=False)

    def _send(
        self, name: str, data: dict[str, Any], metadata: dict[str, Any], *, update: bool
    ) -> None:
        self._publish(data=data, metadata=metadata, transient={"display_id": name}, update=update)


class Output:
    """One output of the cell, made when first shown and updated in place afterwards."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._id = uuid.uuid4().hex
        self._last: dict[str, Any] = {}

    @property
    def shown(self) -> bool:
        """Whether it is on the page."""
        return bool(self._last)

    def markdown(
        self,
        text: str,
        *,
        above: str = "",
        partial: bool = False,
        references: Mapping[str, tuple[str, str]] | None = None,
        title: str = "",
    ) -> None:
        """Show Markdown, with the HTML `above` it; beside it the source, below its `title`."""
        plain = f"{title}: {text}" if title else text
        if self._page.markdown:
            source = f"{above}\n\n{text}" if above else text
            self._show({"text/markdown": source, "text/plain": plain})
            return
        html = render(text, partial=partial, allow_images=self._page.images, references=references)
        if partial and self.shown:
            # The source and the metadata go along with the first drawing and the last: all would
            # double. The first is all that a front end has which ignores updates.
            self._show({"text/html": above + html}, {})
            return
        data = {"text/html": above + html, "text/plain": plain}
        if self._page.latex and not partial:
            heading = f"**{title}**\n\n" if title else ""
            data["text/latex"] = typeset(heading + text, references=references)
        self._show(data)

    def html(
        self, html: str, text: str, *, partial: bool = False, markdown: str = "", latex: str = ""
    ) -> None:
        """Show HTML of ours, with `text` beside it for where there is none.

        A `partial` drawing after the first goes without the text and the metadata, which the last
        one brings. `markdown`, in which nothing stays open, says the same for a document that the
        notebook becomes, and so does `latex`, which is made of it where it is not given.
        """
        if partial and self.shown:
            self._show({"text/html": html}, {})
            return
        data = {"text/html": html, "text/plain": text}
        if partial:
            markdown = latex = ""
        if markdown and not latex and self._page.latex:
            latex = typeset(markdown)
        data |= {"text/latex": latex} if latex and self._page.latex else {}
        self._show(data, markdown=markdown)

    def widget(self, model_id: str, text: str) -> None:
        """Show a widget, with `text` beside it for where there are none."""
        view = {"model_id": model_id, "version_major": 2, "version_minor": 0}
        self._show({"application/vnd.jupyter.widget-view+json": view, "text/plain": text})

    def quiet(self, text: str) -> None:
        """Show a line in small and grey letters."""
        self.html(quiet_html(text), text)

    def _show(
        self, data: dict[str, Any], metadata: dict[str, Any] | None = None, *, markdown: str = ""
    ) -> None:
        if "text/plain" in data:  # what a front end without HTML prints, which is a terminal
            data["text/plain"] = harmless(data["text/plain"])
        if data == self._last and not markdown:
            return
        if metadata is None:
            kept = self._page.metadata | ({"markdown": markdown} if markdown else {})
            metadata = {NAMESPACE: kept} if kept else {}
        self._page.show(self._id, data, metadata, update=self.shown)
        self._last = data


def columns_html(columns: Sequence[tuple[str, str]]) -> str:
    """Return pieces of HTML, each below its title, side by side where the page is wide enough."""
    parts = "".join(
        f'<div style="min-width: 0; overflow-x: auto"><h6>{page_text(title)}</h6>{html}</div>'
        for title, html in columns
    )
    return f'<div style="{_COLUMNS}">{parts}</div>'


def folded(thoughts: str, *, images: bool = False) -> str:
    """Return what a model thought, closed up, as HTML.

    It is closed from the start: an open one would push the answer down and then let it jump up.
    """
    words = counted(len(thoughts.split()), "word")
    return (
        f'<details style="margin-bottom: 0.5em"><summary style="{QUIET}">'
        f'Reasoning ({words})</summary><div style="{QUOTED}">'
        f"{render(thoughts, allow_images=images)}</div></details>"
    )
