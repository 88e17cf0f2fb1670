"""What a run does: the rows, their prompt, what is asked with it, and within which limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eighty80_jupyter.rows.data.chunks import Rows
from eighty80_jupyter.rows.options import RowOptions
from eighty80_jupyter.rows.prompt.request import RowRequest
from eighty80_jupyter.rows.prompt.template import RowTemplate
from eighty80_jupyter.rows.running.limits import Limits
from eighty80_jupyter.storage.answers import Answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run does.

    `positions` are those of `rows` in the user's data, where only some are asked, and `of` is how
    many there are. `answers` are the kept ones, None where none are used; `most` is how many
    requests there may be at a time, and `requests` how many in all, where rows come from a stream.
    `limits` are those that runs before this one have counted with; None: it has its own. `price` is
    that of a million tokens, of prompts and of answers.
    """

    rows: Rows
    template: RowTemplate
    request: RowRequest
    options: RowOptions
    positions: Sequence[int] | None = None
    of: int | None = None
    answers: Answers | None = None
    most: int = 64
    requests: int | None = None
    limits: Limits | None = None
    price: tuple[float, float] | None = None
