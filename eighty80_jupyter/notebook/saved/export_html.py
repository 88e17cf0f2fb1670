"""A conversation as a page of its own: no scripts, nothing from elsewhere, light and dark."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.notebook.cell.summary import which_answer
from eighty80_jupyter.notebook.cell.tools.display import entries_html, entries_of
from eighty80_jupyter.notebook.cell.views.prompts import prompt_html
from eighty80_jupyter.notebook.cell.views.turns import comparisons_html, reply_html
from eighty80_jupyter.notebook.markdown.page_text import page_attribute, page_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eighty80_jupyter.api.messages import Message
    from eighty80_jupyter.conversation.conversation import Conversation
    from eighty80_jupyter.conversation.turn import Turn

_PICTURE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]+")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_DARK = {
    "ui-font-color2": "#a0a0a0",
    "border-color1": "#616161",
    "border-color2": "#616161",
    "error-color1": "#ff8a80",
    "mirror-editor-atom-color": "#9ecbff",
    "mirror-editor-builtin-color": "#7bd88f",
    "mirror-editor-comment-color": "#86a7a7",
    "mirror-editor-def-color": "#79b8ff",
    "mirror-editor-error-color": "#ff8a80",
    "mirror-editor-keyword-color": "#7bd88f",
    "mirror-editor-meta-color": "#d8a6ff",
    "mirror-editor-number-color": "#8fd18f",
    "mirror-editor-operator-color": "#d8a6ff",
    "mirror-editor-property-color": "#79b8ff",
    "mirror-editor-string-color": "#ff9a8d",
    "mirror-editor-string-2-color": "#e0a3ff",
    "mirror-editor-tag-color": "#7bd88f",
}
_STYLE = """
:root { color-scheme: light dark; }
body { max-width: 50rem; margin: 2rem auto; padding: 0 1rem; line-height: 1.5;
  font-family: system-ui, sans-serif; background: #fff; color: #1a1a1a; overflow-wrap: break-word; }
h1, h2 { line-height: 1.2; }
ul.head { list-style: none; padding: 0; opacity: 0.7; font-size: 0.9rem; }
h2.who { font-size: 1rem; margin: 2rem 0 0.5rem; opacity: 0.7; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; }
.typed { border-left: 3px solid #8886; padding-left: 0.8rem; margin: 0; }
table { border-collapse: collapse; }
td, th { border: 1px solid #8886; padding: 0.2rem 0.5rem; }
img { max-width: 100%; }
"""


def page(conversation: Conversation, heading: Sequence[tuple[str, str]] = ()) -> str:
    """Return a whole page, with the `heading` below its title.

    Formulas stand as they were written: there is nothing to set them.
    """
    parts = comparisons_html(conversation, None)
    for number, turn in enumerate(conversation, 1):
        parts += [_turn(number, turn), *comparisons_html(conversation, turn)]
    if conversation.system:
        parts.insert(0, f'<h2 class="who">Instruction</h2>{_typed(conversation.system)}')
    if heading:
        facts = "".join(f"<li>{title}: {page_text(text)}</li>" for title, text in heading)
        parts.insert(0, f'<ul class="head">{facts}</ul>')
    dark = "".join(f"--jp-{name}: {colour}; " for name, colour in _DARK.items())
    name = conversation.name
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="generator" content="eighty80_jupyter">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{page_attribute(name)}</title>\n"
        f"<style>{_STYLE}@media (prefers-color-scheme: dark) {{\n"
        f"body {{ background: #1a1a1a; color: #e4e4e4; }}\n:root {{ {dark}}}\n}}\n</style>\n"
        f"</head>\n<body>\n<h1>{page_text(name)}</h1>\n" + "\n".join(parts) + "\n</body>\n</html>\n"
    )


def _turn(number: int, turn: Turn) -> str:
    which = f" (answer {which_answer(turn)})" if len(turn.alternatives) > 1 else ""
    entries = entries_of(turn.messages, turn.reply.calls)
    calls = entries_html(entries) if entries else ""
    return (
        f'<section>\n<h2 class="who">{number} · You</h2>'
        f"{_typed(turn.prompt)}{_pictures(turn.messages[0])}\n"
        f'<h2 class="who">{number} · Model{page_text(which)}</h2>{calls}\n'
        f"{reply_html(turn.reply)}\n</section>"
    )


def _typed(text: str) -> str:
    return f'<div class="typed">{prompt_html(text, "font-family: inherit; margin: 0")}</div>'


def _pictures(message: Message) -> str:
    """Return the pictures that were sent, those that lie in the message itself."""
    parts: Any = message.content if isinstance(message.content, tuple) else ()
    addresses = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    return "".join(
        f'<p><img alt="picture" src="{address}"></p>'
        for address in addresses
        if _PICTURE.fullmatch(address)
    )
