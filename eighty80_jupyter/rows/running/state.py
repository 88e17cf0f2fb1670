"""What a run has come to: answers, errors, counts; and the rates of its last seconds.

Changed on the loop thread only; other threads read.
"""

from __future__ import annotations

import copy
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal

from eighty80_jupyter.api.reply import Usage
from eighty80_jupyter.evaluation.labels import field_of, plain_value
from eighty80_jupyter.rows.progress import Progress, RowError, State

if TYPE_CHECKING:
    from eighty80_jupyter.structured.shape import Shape

How = Literal["asked", "kept", "duplicate"]

_WINDOW = 10.0  # seconds by which the rest is foretold
_EACH = 0.25  # seconds between two looks
_NEWEST = 5
_FIRST = 20  # rows, and failures, that a display gets
_LABELS = 50  # different answers; with more of them they are no labels
_SHOWN = 80  # characters
_UNCHANGEABLE = (str, int, float, bool, type(None), Enum)


class RunState:
    """The answers of a run by their place: the row, times the samples of each, and the sample.

    `values` are None where there is none (yet). `total` is None where a stream does not tell.
    `position` tells the row of a place as the user counts. `level` and `pause` say how many are
    asked at a time, and for how long none is.
    """

    def __init__(
        self, total: int | None, shape: Shape | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.total = total
        self.samples = 1  # answers to a row
        self.values: list[Any] = [None] * (total or 0)
        self.done = bytearray(total or 0)
        self.errors: dict[int, RowError] = {}
        self.first: dict[int, Sequence[Any]] = {}
        self.counts: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.mended = self.cut = 0
        self.unsure: set[int] = set()  # places whose answer could be read at a second attempt only
        self.prompt_tokens = self.completion_tokens = self.tokens = 0
        self.state: State = "running"
        self.note = ""
        self.remarks: dict[str, None] = {}
        self.price: tuple[float, float] | None = None  # of a million tokens: prompts, answers
        self.position: Callable[[int], int] = lambda place: place
        self.level: Callable[[], int] = lambda: 0
        self.pause: Callable[[], float] = lambda: 0.0
        self._clock = clock
        self._started = clock()
        self._seconds: float | None = None  # once it has ended
        self._looks: deque[tuple[float, int, int]] = deque([(self._started, 0, 0)])
        self._newest: deque[tuple[int, Sequence[Any], Any]] = deque(maxlen=_NEWEST)
        self._label = _label_of(shape)
        self._labels: Counter[str] = Counter()

    def grow(self, count: int) -> None:
        """Make room for so many more places, of a stream."""
        more = count - len(self.values)
        self.values.extend([None] * more)
        self.done.extend(bytes(more))

    def begun(self, place: int, row: Sequence[Any]) -> None:
        """Note what a place is asked about."""
        if len(self.first) < _FIRST:
            self.first[place] = row

    def answered(self, place: int, value: Any, how: How, row: Sequence[Any] = ()) -> None:
        """Take in the answer of a place; it has none yet."""
        self.values[place] = value
        self.counts[how] += 1
        self.done[place] = 1
        self._newest.appendleft((place, row, value))
        if self._label is not None:
            self._count(value)
        self._look()

    def answered_many(self, answers: Sequence[tuple[int, Any, Sequence[Any]]], how: How) -> None:
        """Take in the answers of many places, each with what the place is about."""
        for place, value, _ in answers:
            self.values[place] = value
            self.done[place] = 1
            if self._label is not None:
                self._count(value)
        self.counts[how] += len(answers)
        self._newest.extendleft((place, row, value) for place, value, row in answers[-_NEWEST:])
        self._look()

    def missed(self, place: int, error: RowError) -> None:
        """Take in that a place gets no answer."""
        self.errors[place] = error
        self.failed[error.kind] += 1
        self.counts["failed"] += 1
        self.done[place] = 1
        self._look()

    def skipped(self, place: int) -> None:
        """Take in that there is nothing to ask."""
        self.counts["skipped"] += 1
        self.done[place] = 1

    def copied(self, place: int, first: int) -> None:
        """Give a place the answer of another one, which was asked the same."""
        value = self.values[first]
        if not isinstance(value, _UNCHANGEABLE):
            value = copy.deepcopy(value)
        self.answered(place, value, "duplicate")

    def used(self, usages: Iterable[Usage]) -> None:
        """Count the tokens of requests."""
        for usage in usages:
            prompt, completion = usage.prompt_tokens or 0, usage.completion_tokens or 0
            self.prompt_tokens += prompt
            self.completion_tokens += completion
            self.tokens += usage.total_tokens or prompt + completion

    def end(self, state: State, note: str = "") -> None:
        """Note how it has ended."""
        if self._seconds is None:
            self._seconds = self._clock() - self._started
            self.state, self.note = state, note

    def progress(self) -> Progress:
        """Return how it stands, from any thread."""
        now = self._clock()
        ended = self._seconds is not None
        seconds = self._seconds if self._seconds is not None else now - self._started
        counts = dict(self.counts)  # at once: the loop thread goes on
        done = sum(counts.values())
        rate = tokens = 0.0
        remaining = None
        if ended:
            rate, tokens = (n / seconds if seconds > 0 else 0.0 for n in (done, self.tokens))
        else:
            looks = list(self._looks)
            then, before, spent = next((x for x in looks if x[0] >= now - _WINDOW), looks[-1])
            if now > then:
                rate = (done - before) / (now - then)
                tokens = (self.tokens - spent) / (now - then)
            if self.total is not None and rate > 0:
                remaining = (self.total - done) / rate
        total = self.total
        if ended and total is None:
            total = len(self.values)
        return Progress(
            samples=self.samples,
            total=total,
            done=done,
            asked=counts.get("asked", 0),
            from_kept=counts.get("kept", 0),
            duplicates=counts.get("duplicate", 0),
            skipped=counts.get("skipped", 0),
            not_asked=total - done if ended and total is not None else 0,
            second_attempt=self.mended,
            failed=dict(self.failed),
            tokens=self.tokens,
            cost=self._cost(),
            seconds=seconds,
            rows_per_second=rate,
            tokens_per_second=tokens,
            remaining=remaining,
            concurrency=self.level(),
            pause=0.0 if ended else self.pause(),
            labels=dict(self._labels.most_common()) if self._label is not None else {},
            newest=tuple(
                (self.position(place), of_row(row), shortened(value))
                for place, row, value in list(self._newest)
            ),
            state=self.state,
            note=self.note,
            remarks=self._remarks(),
            failures=tuple(list(self.errors.values())[:_FIRST]),
        )

    def _cost(self) -> float | None:
        if self.price is None:
            return None
        prompt, answer = self.price
        return (self.prompt_tokens * prompt + self.completion_tokens * answer) / 1e6

    def _remarks(self) -> tuple[str, ...]:
        cut = f"{self.cut:,} cut to fit" if self.cut else ""
        return tuple(filter(None, (cut, *self.remarks)))

    def _count(self, value: Any) -> None:
        assert self._label is not None  # noqa: S101  # the caller has looked
        label = self._label(value)
        if label is None:
            return
        self._labels[label] += 1
        if len(self._labels) > _LABELS:
            self._label = None

    def _look(self) -> None:
        now = self._clock()
        if now - self._looks[-1][0] >= _EACH:
            self._looks.append((now, sum(self.counts.values()), self.tokens))
            while self._looks[0][0] < now - _WINDOW:
                self._looks.popleft()


def of_row(values: Sequence[Any]) -> str:
    """Return what a row was asked about on a short line."""
    return shortened(" \u00b7 ".join(map(shortened, values)))


def shortened(value: Any) -> str:
    """Return a value on a short line."""
    if isinstance(value, Enum):
        value = value.value
    text = " ".join(str(value)[: 4 * _SHOWN].split())
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _label_of(shape: Shape | None) -> Callable[[Any], str | None] | None:
    """Return what finds the label of an answer: the answer, or the first choice in a record."""
    if shape is None:
        return None
    if shape.choices or shape.scalar is bool:
        return _written
    fields = shape.schema.get("properties", {})
    name = next((n for n, one in fields.items() if isinstance(one, dict) and "enum" in one), None)
    if name is None:
        return None
    return lambda value: _written(field_of(value, name))


def _written(value: Any) -> str | None:
    return None if value is None else str(plain_value(value))
