"""What a run does: the rows, their prompt, what is asked with it, and within which limits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from eighty80_jupyter.prompt.template.render import Context
from eighty80_jupyter.rows.data.chunks import Rows
from eighty80_jupyter.rows.options import RowOptions
from eighty80_jupyter.rows.prompt.request import RowRequest
from eighty80_jupyter.rows.prompt.template import RowTemplate
from eighty80_jupyter.rows.running.limits import Limits
from eighty80_jupyter.storage.answers import Answers


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSettings:
    """What the settings say of a run.

    `context` fills the fields, `request` is what all requests have in common. `answers` are the
    kept ones, None where none are used. `most` requests are under way at a time, and `requests` in
    all unless that is asked for. `price` is that of a million tokens of prompts, and of answers.
    `made` returns what earlier runs with a prompt have put into the column of a name, None where
    there was none: such a column is made anew. `limits` are those that earlier runs have
    counted with; None: this one has its own.
    """

    context: Context
    request: RowRequest
    answers: Answers | None = None
    most: int = 64
    requests: int = 10_000
    price: tuple[float, float] | None = None
    made: Callable[[str, str], AbstractSet[Any] | None] = lambda _name, _prompt: None
    limits: Limits | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run does.

    `positions` are those of `rows` in the user's data, where only some are asked, and `of` is how
    many there are. `requests` is how many there may be in all, where rows come from a stream.
    """

    rows: Rows
    template: RowTemplate
    settings: RowSettings
    options: RowOptions
    positions: Sequence[int] | None = None
    of: int | None = None
    requests: int | None = None
