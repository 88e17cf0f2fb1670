"""The blocks of data that stand in messages already sent: found again, and left out."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

# As `prompt.compose` writes them; nothing in a value can look like the end of one.
_BLOCK = re.compile(
    r'<data name="(?P<name>[^"\n]*)" type="(?P<kind>[^"\n]*)" id="[0-9a-f]+">\n'
    r"(?P<content>.*?)</data>",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataBlock:
    """A block of data in a message: `text` is the whole, `content` what stands between its marks.

    `name` and `kind` are the attributes.
    """

    name: str
    kind: str
    content: str
    text: str


def pieces(text: str) -> Iterator[str | DataBlock]:
    """Give the blocks of data in a message, and the texts between them, in order."""
    end = 0
    for found in _BLOCK.finditer(text):
        if found.start() > end:
            yield text[end : found.start()]
        name, kind = (html.unescape(found[word]) for word in ("name", "kind"))
        yield DataBlock(name=name, kind=kind, content=found["content"], text=found[0])
        end = found.end()
    if end < len(text):
        yield text[end:]


def without_data(text: str) -> str:
    """Return `text` with every block of data replaced by a line that names what stood there."""
    return _BLOCK.sub(lambda block: f"[data left out: {html.unescape(block['name'])}]", text)
