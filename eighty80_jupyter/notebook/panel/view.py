"""The widget of the panel that is our own: transcript, text box, keys. Its JavaScript is in static.

What goes to the browser as HTML was made by `notebook.markdown`; all else gets there as text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anywidget
from ipywidgets import HTML, widget_serialization
from traitlets import Bool, Dict, Instance, Unicode

from eighty80_jupyter.notebook.cell.browser_module import browser_module

_STATIC = Path(__file__).parent / "static"
_SCRIPTS = (
    "panel_dom.js",
    "panel_transcript.js",
    "panel_composer.js",
    "panel_guard.js",
    "panel.js",
)

Handler = Callable[[Mapping[str, Any]], None]


class ChatView(anywidget.AnyWidget):
    """The transcript and the text box.

    `handle` is called with every message of the browser, in the kernel's thread for widgets.
    `panel_id` is the model of the whole panel, `static_class` the class of the saved transcript
    that is hidden while the panel lives, unless it was `inserted`, `tips` the help for each
    parameter by its name, `run` the run of the cell that opened the panel, `page` the page of the
    browser where that was, `draft` what stands in the text box, `live` the answer of live mode,
    which takes the place of the last one.
    """

    _esm = browser_module(*(_STATIC / name for name in _SCRIPTS))
    _css = (_STATIC / "panel.css").read_text(encoding="utf-8")
    panel_id = Unicode().tag(sync=True)
    static_class = Unicode().tag(sync=True)
    inserted = Bool().tag(sync=True)
    tips = Dict().tag(sync=True)
    run = Unicode().tag(sync=True)
    page = Unicode().tag(sync=True)
    draft = Unicode().tag(sync=True)
    live = Instance(HTML, allow_none=True).tag(sync=True, **widget_serialization)

    handle: Handler | None = None

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.on_msg(self._receive)

    def tell(self, op: str, **content: Any) -> None:
        """Send a message to every view of this widget; nothing once it is closed."""
        if self.comm is not None:
            self.send({"op": op, **content})

    def close(self) -> None:
        """Close the widget in the browser and forget who listens."""
        self.handle = None
        super().close()

    def _receive(self, _widget: Any, content: Any, _buffers: Any) -> None:
        if self.handle is not None and isinstance(content, dict):
            self.handle(content)
