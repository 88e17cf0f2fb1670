"""How fast rows are asked: so many at a time, so many a minute, and not while the server pauses.

No I/O and no clock of its own: `now` is handed in, in seconds of any clock that only goes on.
"""

from __future__ import annotations

START = 8  # requests at a time, before anything is known of the server
_MINUTE = 60.0


class Bucket:
    """At most `per_minute` a minute, evenly; after a pause at most a second's worth at once.

    What is reserved is taken: whoever reserves waits as long as he is told. So in any minute there
    are at most `per_minute` and a sixtieth of that.
    """

    def __init__(self, per_minute: float) -> None:
        self._each = _MINUTE / per_minute  # seconds
        self._burst = max(0.0, 1.0 - self._each)  # one that comes is not counted in it
        self._due = 0.0  # when all that was reserved will have been paid for

    def reserve(self, now: float, amount: float = 1.0) -> float:
        """Take `amount` and return the seconds to wait before it may be used."""
        due = max(self._due, now)
        self._due = due + amount * self._each
        return max(0.0, due - self._burst - now)

    def correct(self, amount: float) -> None:
        """Take `amount` more, or give back what is negative, as it turned out."""
        self._due += amount * self._each


class Level:
    """How many requests there may be at a time: the level finds itself between 1 and `most`.

    It goes up by one for each window of that many answers without a failure, and is halved where
    the server is not up to it; the failures of requests that were sent before count once.
    """

    def __init__(self, most: int, *, start: int = START) -> None:
        self.most = most
        self.now = min(start, most)
        self._answers = 0
        self._halved = float("-inf")

    def answered(self) -> None:
        """Note an answer."""
        self._answers += 1
        if self._answers >= self.now:
            self._answers = 0
            self.now = min(self.now + 1, self.most)

    def failed(self, sent: float, now: float) -> None:
        """Note that a request that was sent then was too much."""
        self._answers = 0
        if sent >= self._halved:
            self._halved = now
            self.now = max(1, self.now // 2)


class Pause:
    """The time until which nobody sends, as the server has asked."""

    def __init__(self) -> None:
        self._until = float("-inf")

    def ask(self, now: float, seconds: float) -> None:
        """Pause for so many seconds from now, or longer where that was asked before."""
        self._until = max(self._until, now + seconds)

    def left(self, now: float) -> float:
        """Return the seconds that are left of it."""
        return max(0.0, self._until - now)


class Limits:
    """What holds for all requests, of one run or of several after each other.

    At most `most` at a time, from `start` on; `requests` and `tokens` are the buckets of a minute,
    None where there is no such limit.
    """

    def __init__(
        self,
        most: int,
        *,
        start: int | None = None,
        per_minute: int | None = None,
        tokens_per_minute: int | None = None,
    ) -> None:
        self.level = Level(most, start=START if start is None else start)
        self.pause = Pause()
        self.requests = Bucket(per_minute) if per_minute else None
        self.tokens = Bucket(tokens_per_minute) if tokens_per_minute else None
