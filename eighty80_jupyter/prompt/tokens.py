"""An estimate of the tokens in a text, without a tokenizer.

It is made for byte-pair vocabularies of 50,000 to 200,000 entries. How far it is off depends on the
server's own vocabulary, so callers correct it by the ratio to the server's `usage.prompt_tokens`.
"""

from __future__ import annotations

import math
import re

# Texts longer than this, in characters, are estimated from samples of themselves.
WHOLE = 400_000

_TELLING = 150  # tokens; of less, the frame that a server puts around each message is too much
_SAMPLES = 40
_SAMPLE_LENGTH = 5_000

# A run of more than 40 letters and digits comes first: it is a key, a hash or base64, and no word.
_PIECES = re.compile(
    r"[^\W_]{41,}|[^\W\d_]+|\d{1,3}|[^\w\s]+|_+|\s*\n\s*|\s{2,}",
)
_LONG_RUN = 40
_SHORT_WORD = 7
_PAIR = 2


class Calibration:
    """How far the estimate is off for the server in use, learned from what it counted.

    `ratio` is the server's tokens over the estimated ones.
    """

    def __init__(self) -> None:
        self.ratio = 1.0
        self._learned = False

    def learn(self, estimated: int, counted: int) -> None:
        """Take in one pair of counts; the latest weigh most. Short texts tell nothing."""
        if estimated < _TELLING:
            return
        seen = min(max(counted / estimated, 0.5), 2.0)
        self.ratio = (self.ratio + seen) / 2 if self._learned else seen
        self._learned = True

    def tokens(self, text: str) -> int:
        """Return about how many tokens the server will count for `text`."""
        return math.ceil(estimate(text) * self.ratio)


def estimate(text: str) -> int:
    """Return about how many tokens `text` has, rounded up.

    The time is linear in the length up to `WHOLE` characters. Of a longer text, 40 pieces of 5,000
    characters, evenly spread, stand for all of it.
    """
    if len(text) <= WHOLE:
        return math.ceil(_count(text) - 1e-9)
    step = (len(text) - _SAMPLE_LENGTH) / (_SAMPLES - 1)
    starts = (round(step * number) for number in range(_SAMPLES))
    counted = sum(_count(text[start : start + _SAMPLE_LENGTH]) for start in starts)
    return math.ceil(counted * len(text) / (_SAMPLES * _SAMPLE_LENGTH))


def _count(text: str) -> float:
    total = 0.0
    for piece in _PIECES.findall(text):
        length = len(piece)
        first = piece[0]
        if length == 1 and first < "\x80":
            total += 1
        elif first.isalnum():
            total += _word(piece, length)
        elif first == "_" or first.isspace() or length <= _PAIR:
            total += 1
        else:
            total += -(-length // 3)
    return total


def _word(piece: str, length: int) -> float:
    if length > _LONG_RUN:
        return length / 1.4
    if not piece.isascii():
        # A run of up to three digits is one token in any script.
        return 1 if piece[0].isdecimal() else 0.8 * length
    return 1 if length <= _SHORT_WORD else 1 + (length - 1) // 8
