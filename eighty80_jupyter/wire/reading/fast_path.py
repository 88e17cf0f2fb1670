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

    `text_of(data)` returns the text of a chunk that is like the one learned, else None; `learn`
    takes a chunk that brought nothing but `text`. A stream whose chunks differ in more than their
    text is given up after some attempts.
    """

    __slots__ = ("_begin", "_end", "_misses", "_prefix", "_suffix", "choice")

    def __init__(self) -> None:
        self._prefix = b"\0"  # no JSON begins like this
        self._suffix = b""
        self._begin = self._end = 0  # of the text, the latter counted from the end
        self._misses = 0
        self.choice = 0

    def text_of(self, data: bytes) -> str | None:
        """Return the text of a chunk that is like the one learned; None: decode it in full."""
        if data.startswith(self._prefix) and data.endswith(self._suffix):
            try:
                text = orjson.loads(data[self._begin : self._end])
            except ValueError:
                return None
            if type(text) is str:
                self._misses = 0
                return text
        return None

    def learn(self, data: bytes, *, choice: int, text: str) -> None:
        """Remember what stands around `text`, which is all that the chunk brought."""
        if self._misses == _MAX_MISSES or data.count(_KEY) != 1:
            return
        self._misses += 1
        found = _TEXT.search(data)
        if found is None:
            return
        try:
            exact = orjson.loads(found[1]) == text
        except ValueError:  # no UTF-8, or half a surrogate pair: it was mended on the way
            return
        if exact:
            self._begin, self._end = found.start(1), found.end(1) - len(data)
            self._prefix, self._suffix = data[: self._begin], data[self._end :]
            self.choice = choice
