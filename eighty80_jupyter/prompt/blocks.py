"""The blocks of data that stand in messages already sent: found again, and left out."""

from __future__ import annotations

import html
import re

# As `prompt.compose` writes them; nothing in a value can look like the end of one.
_BLOCK = re.compile(
    r'<data name="(?P<name>[^"\n]*)" type="[^"\n]*" id="[0-9a-f]+">\n.*?</data>', re.DOTALL
)


def without_data(text: str) -> str:
    """Return `text` with every block of data replaced by a line that names what stood there."""
    return _BLOCK.sub(lambda block: f"[data left out: {html.unescape(block['name'])}]", text)
