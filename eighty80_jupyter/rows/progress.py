"""How far a run over rows has come: a value that displays draw, and its last line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from eighty80_jupyter.text import counted

# Why a row has no answer: not of the type, ended by the limit of tokens, refused, longer than the
# model takes, a failure of the server or on the way to it, silence, a field that cannot be filled.
ErrorKind = Literal["invalid", "cut", "refused", "too long", "server", "timeout", "field"]
State = Literal["running", "done", "interrupted", "stopped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowError:
    """A row that has no answer.

    `position` counts from 0, `label` is the row's label in the index of its frame (None for lists).
    `message` is one line that says what went wrong, `text` what the model wrote, if anything,
    `attempts` how often it was asked.
    """

    position: int
    label: Any = None
    kind: ErrorKind
    message: str
    text: str = ""
    attempts: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A run over rows as it stands.

    `total` is the number of rows, each as often as it is asked with `samples`, None where a stream
    does not tell. `done` rows are through, each counted once: `asked` and answered, answered
    `from_kept` answers or as `duplicates` of others, `skipped` as nothing of them was there, or
    `failed`, by kind. `not_asked` are those that a run which ended early has not come to.
    `second_attempt` counts those of the asked whose answer could be read only after asking again.

    `seconds` is the time so far, `remaining` the rest as the last 10 s tell it, None where that is
    not known, and so are the rates a second. `tokens` is what the server counted, and `cost` what
    they cost, None where no price is set. `concurrency` is the most requests at a time for now,
    `pause` the seconds for which the server wants none. `labels` counts the answers where few are
    different. `newest` are up to 5 rows, the latest first: position, the row and the answer,
    shortened. `note` says in a line why a run has stopped, `remarks` what else the user should
    know. `failures` are the first ones.
    """

    total: int | None = None
    samples: int = 1
    done: int = 0
    asked: int = 0
    from_kept: int = 0
    duplicates: int = 0
    skipped: int = 0
    not_asked: int = 0
    second_attempt: int = 0
    failed: Mapping[str, int] = field(default_factory=dict)
    tokens: int = 0
    cost: float | None = None
    seconds: float = 0.0
    rows_per_second: float = 0.0
    tokens_per_second: float = 0.0
    remaining: float | None = None
    concurrency: int = 0
    pause: float = 0.0
    labels: Mapping[str, int] = field(default_factory=dict)
    newest: tuple[tuple[int, str, str], ...] = ()
    state: State = "running"
    note: str = ""
    remarks: tuple[str, ...] = ()
    failures: tuple[RowError, ...] = ()

    @property
    def rows(self) -> int:
        """The number of rows that are known of, each once."""
        asked = self.done + self.not_asked if self.total is None else self.total
        return asked // self.samples

    def last_line(self) -> str:
        """Return the whole in one line: counts, tokens, time, and what else should be known."""
        counts = ", ".join(self._counts())
        line = counted(self.rows, "row")
        if self.samples > 1:
            line += f", {self.samples:,} samples each"
        line += f": {counts}" if counts else ""
        cost = "" if self.cost is None else f" (cost {self.cost:.2g})"
        line += f"; {told_tokens(self.tokens)}{cost} in {told_seconds(self.seconds)}"
        if self.asked and self.seconds > 0:
            line += f" ({_rate(self.asked / self.seconds)} rows/s)"
        said = [self.note, *self.remarks]
        return "; ".join([line, *(text for text in said if text)])

    def _counts(self) -> Iterator[str]:
        if self.asked or not self.done:
            yield f"{self.asked:,} asked"
        if self.from_kept:
            yield counted(self.from_kept, "kept answer")
        if self.duplicates:
            yield counted(self.duplicates, "duplicate")
        if self.skipped:
            yield f"{self.skipped:,} skipped"
        if failed := sum(self.failed.values()):
            yield f"{failed:,} failed"
        if self.not_asked:
            yield f"{self.not_asked:,} not asked"
        if self.second_attempt:
            yield f"{self.second_attempt:,} at a second attempt"


def told_tokens(number: float) -> str:
    """Return a number of tokens in words."""
    number = round(number)
    if number >= 1_000_000:  # noqa: PLR2004  # millions
        return f"{number / 1e6:.1f}M tokens"
    return f"{number / 1e3:.0f}k tokens" if number >= 10_000 else counted(number, "token")  # noqa: PLR2004  # thousands


def told_seconds(seconds: float) -> str:
    """Return a time in words."""
    if seconds < 60:  # noqa: PLR2004  # a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def _rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"  # noqa: PLR2004  # small ones need a digit more
