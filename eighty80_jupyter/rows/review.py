"""A review: some rows of a run, one at a time, which a person labels.

Half of them are drawn at random, which is what shares and accuracies may be computed from; the
others are doubtful: their samples differ, they failed, or their answer came at a second attempt.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from typing import Any

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.rows.data.chunks import Rows
from eighty80_jupyter.text import shown

MOST_LABELS = 9  # one key each


class Review:
    """Rows to be labelled, and what has been said of them. `Run.review` returns it.

    `positions` are the rows in the order in which they are shown, `choices` the labels, `at` the
    place in `positions` where the person is, `given` what has been said so far, by position.
    """

    def __init__(
        self,
        rows: Rows,
        *,
        choices: Sequence[Hashable],
        column: str,
        doubtful: Collection[int],
        count: int,
        seed: int,
        frame: Callable[[], Any],
    ) -> None:
        if not choices or len(choices) > MOST_LABELS:
            raise UsageError(
                f"a review needs 1 to {MOST_LABELS} labels, a key each, got {len(choices):,}; ask "
                "with returns=[...], or name a field of the records"
            )
        if not isinstance(count, int) or count < 1:
            raise UsageError(f"n is the number of rows to look at, got {shown(count)}")
        self.rows = rows
        self.choices = tuple(choices)
        self.column = column
        self.positions, self.drawn = _chosen(rows.length or 0, doubtful, count, seed)
        self.at = 0
        self.given: dict[int, Hashable] = {}
        self._frame = frame

    def __repr__(self) -> str:
        return (
            f"<Review: {len(self.given):,} of {len(self.positions):,} rows labelled; .frame has "
            f"them as {self.column}, .random those that were drawn at random>"
        )

    @property
    def done(self) -> bool:
        """Whether all rows have been shown."""
        return self.at >= len(self.positions)

    @property
    def labels(self) -> list[Hashable | None]:
        """A label for each row of the data, None where nobody has looked."""
        return [self.given.get(at) for at in range(self.rows.length or 0)]

    @property
    def random(self) -> list[Hashable | None]:
        """The labels of rows that were drawn at random: `run.share(truth=review.random)`.

        The doubtful ones would make every share look worse than it is.
        """
        return [self.given.get(at) if at in self.drawn else None for at in range(len(self.labels))]

    @property
    def frame(self) -> Any:
        """The frame of the run with the labels as a column; made anew each time.

        Raises UsageError for rows that are no table of pandas.
        """
        frame = self._frame()
        if not hasattr(frame, "assign"):
            raise UsageError("review.frame is for pandas; review.labels has a label for each row")
        return frame.assign(**{self.column: self.labels})

    def label(self, number: int) -> None:
        """Give the row that is shown label `number`, from 0, and go on."""
        if not self.done and 0 <= number < len(self.choices):
            self.given[self.positions[self.at]] = self.choices[number]
            self.at += 1

    def skip(self) -> None:
        """Go on without a label."""
        self.at = min(self.at + 1, len(self.positions))

    def back(self) -> None:
        """Go back to the row before."""
        self.at = max(self.at - 1, 0)

    def row(self) -> list[tuple[str, str]]:
        """Return the cells of the row that is shown, by name; empty once all have been."""
        if self.done:
            return []
        row = self.rows.row(self.positions[self.at])
        if isinstance(row, Mapping):
            return [(str(name), str(cell)) for name, cell in row.items() if name != self.column]
        return [("", str(row))]


def _chosen(
    length: int, doubtful: Collection[int], count: int, seed: int
) -> tuple[list[int], frozenset[int]]:
    """Return the rows of a review in a mixed order, and which of them were drawn at random."""
    dice = random.Random(seed)  # noqa: S311  # no secret
    count = min(count, length)
    unsure = dice.sample(sorted(doubtful), min(len(doubtful), count // 2))
    drawn = dice.sample(range(length), count - len(unsure))
    chosen = list(dict.fromkeys([*drawn, *unsure]))
    dice.shuffle(chosen)
    return chosen, frozenset(drawn)
