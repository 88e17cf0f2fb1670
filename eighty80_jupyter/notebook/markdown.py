"""From a model's Markdown to safe HTML."""

from __future__ import annotations

import html
import threading

import markdown
import nh3

_state = threading.local()


def escape(text: str) -> str:
    """Escape `text` for use between tags or inside a quoted attribute."""
    return html.escape(text)


def render(text: str, *, partial: bool = False, allow_images: bool = False) -> str:
    """Return `text` as a fragment of safe HTML, without a wrapping element."""
    del partial, allow_images
    converter = getattr(_state, "converter", None)
    if converter is None:
        converter = _state.converter = markdown.Markdown(
            extensions=["pymdownx.extra", "pymdownx.tilde"], tab_length=2
        )
    converter.reset()
    return nh3.clean(
        converter.convert(text),
        tags=nh3.ALLOWED_TAGS - {"img"},
        attributes={"a": {"href"}, "ol": {"start"}},
        url_schemes={"http", "https", "mailto"},
    )


class Splitter:
    """Cut a growing text into pieces that can be drawn once and for all."""

    def __init__(self) -> None:
        self.tail = ""

    def feed(self, text: str) -> None:
        """Take the next piece of the stream."""
        self.tail += text

    def freeze(self, at_least: int) -> str | None:
        """Return the Markdown of the next piece to freeze, or None when there is none yet."""
        del at_least
        return None
