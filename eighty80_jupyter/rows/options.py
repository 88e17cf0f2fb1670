"""What can be said about one run over rows: the record that a cell and `Session.rows` share."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.text import shown

Missing = Literal["skip", "send", "error"]
TooLong = Literal["error", "cut"]

_COUNTS = ("try_rows", "samples", "concurrency", "per_minute", "tokens_per_minute")
_FLAGS = ("all", "fresh", "strict", "errors", "allow_secrets")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowOptions:
    """The options of a run over rows, checked.

    `returns` is the type of each answer, as `Session.ask` takes it; None: a text. `column` names
    the new column, and is the prefix of the columns of a record. `system` is the instruction
    message; None: that of the settings. `parameters` are those of the requests. `try_rows` asks so
    many rows only, `all` as many as there are; without either, more requests than
    `ChatConfig.rows_limit` are refused. `fresh` uses no kept answer, `keep` False keeps none; None:
    what `ChatConfig.keep_answers` says. `samples` asks each row so often.

    `concurrency` is the most requests at a time, `per_minute` and `tokens_per_minute` the most in a
    minute, `max_total_tokens` what all may take; None: no limit but that of the settings. `missing`
    says what becomes of a row without any value that the prompt uses, `too_long` of one that the
    model does not take. `strict` says that one failed row is a failure of the whole. `errors` adds
    a column `<column>_error`. `quote` names a field of the answers that quotes the row: the columns
    `<column>_<field>_start` and `_end` say where it stands in the text, missing where it is made
    up. `allow_secrets` leaves secrets in the values.
    """

    returns: Any = None
    column: str = "answer"
    system: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    try_rows: int | None = None
    all: bool = False
    fresh: bool = False
    keep: bool | None = None
    samples: int = 1
    concurrency: int | None = None
    per_minute: int | None = None
    tokens_per_minute: int | None = None
    max_total_tokens: int | None = None
    missing: Missing = "skip"
    too_long: TooLong = "error"
    strict: bool = False
    errors: bool = False
    quote: str | None = None
    allow_secrets: bool = False

    def __post_init__(self) -> None:
        """Check the options. Raises UsageError."""
        for name in (*_COUNTS, "max_total_tokens"):
            value = getattr(self, name)
            if value is None and name != "samples":
                continue
            object.__setattr__(self, name, whole_number(name, value))
        for name in _FLAGS:
            if not isinstance(getattr(self, name), bool):
                got = shown(getattr(self, name))
                raise UsageError(f"{name} must be True or False, got {got}")
        for name, words in (("missing", get_args(Missing)), ("too_long", get_args(TooLong))):
            one_of(name, getattr(self, name), words)
        if not isinstance(self.column, str) or not self.column.strip():
            raise UsageError(f"column must be a name, got {shown(self.column)}")
        if self.quote is not None and (not isinstance(self.quote, str) or not self.quote.strip()):
            raise UsageError(f"quote must name a field of the answers, got {shown(self.quote)}")
        if self.quote is not None and self.samples > 1:
            raise UsageError("quote takes one answer for each row, so it does not go with samples")
        if self.try_rows is not None and self.all:
            raise UsageError("try_rows asks some of the rows and all asks all; give one of them")

    @classmethod
    def of(cls, options: RowOptions | None, keywords: Mapping[str, Any]) -> RowOptions:
        """Return the record that keywords stand for; names that are no option are parameters.

        Raises UsageError where there are `options` too.
        """
        if options is not None and not keywords:
            return options
        if options is not None:
            raise UsageError(f"options and {next(iter(keywords))} do not go together")
        known = option_names()
        parameters = dict(keywords.get("parameters") or {})
        parameters |= {k: v for k, v in keywords.items() if k not in (*known, "parameters")}
        named = {k: v for k, v in keywords.items() if k in known}
        return cls(**named, parameters=parameters)


def whole_number(name: str, value: Any) -> int:
    """Return a number that counts something. Raises UsageError for what is none, and below 1."""
    if type(value) is bool or not hasattr(value, "__index__") or value < 1:
        raise UsageError(f"{name} must be a whole number of at least 1, got {shown(value)}")
    return int(value)


def one_of(name: str, value: Any, words: Sequence[str]) -> None:
    """Refuse a word that is none of these. Raises UsageError."""
    if value not in words:
        raise UsageError(f"{name} must be {' or '.join(words)}, got {shown(value)}")


def option_names() -> tuple[str, ...]:
    """Return the names of all options but `parameters`."""
    return tuple(f.name for f in dataclasses.fields(RowOptions) if f.name != "parameters")
