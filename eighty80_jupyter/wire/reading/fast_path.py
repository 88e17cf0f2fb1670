"""A short cut past the JSON of a chunk that differs from the one before in its text only. No I/O.

That is nearly every chunk of a stream: the names, the model and the rest come again with each
token, and decoding them takes most of the time. The short cut is exact. Where the bytes before and
after the text are those of a chunk that was decoded in full, and what stands between is one JSON
string, the whole decodes to the same as that chunk but for that string.
"""

from __future__ import annotations

import re

import orjson

_KEY = b'"content":'
_TEXT = re.compile(_KEY + rb'\s*("(?:[^"\\]|\\.)*+")')  # RFC 8259, section 7: a string's literal
_MAX_MISSES = 16


class ChunkFastPath:
    """The bytes around the text of a chunk, and the choice that the text belongs to.

    A chunk that begins and ends as `around` says, and has a JSON string in the place that its two
    numbers give, is like the one learned. `ReplyReader` looks at that by itself, for each token. A
    stream whose chunks differ in more than their text is given up after some `misses`.
    """

    __slots__ = ("around", "choice", "misses")

    def __init__(self) -> None:
        # Begin and end of a chunk; begin of the text, and its end, counted from that of the chunk.
        self.around = (b"\0", b"", 0, 0)  # no JSON begins like this
        self.misses = 0
        self.choice = 0

    def learn(self, data: bytes, *, choice: int, text: str) -> None:
        """Remember what stands around `text`, which is all that the chunk brought."""
        if self.misses == _MAX_MISSES or data.count(_KEY) != 1:
            return
        self.misses += 1
        found = _TEXT.search(data)
        if found is None:
            return
        try:
            exact = orjson.loads(found[1]) == text
        except ValueError:  # no UTF-8, or half a surrogate pair: it was mended on the way
            return
        if exact:
            begin, end = found.start(1), found.end(1) - len(data)
            self.around = data[:begin], data[end:], begin, end
            self.choice = choice
