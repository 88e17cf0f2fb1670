"""A conversation as a table of pandas, which need not be there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.errors import UsageError

if TYPE_CHECKING:
    from eighty80_jupyter.conversation.turn import Turn

COLUMNS = ("turn", "role", "text", "model", "parameters", "tokens", "seconds")


def rows(turns: Iterable[Turn]) -> list[tuple[Any, ...]]:
    """Return a row for each message of the chosen alternatives, as `COLUMNS` name its cells.

    Only an answer has a model, parameters, tokens (those that the model wrote) and seconds; what is
    not known is None.
    """
    found: list[tuple[Any, ...]] = []
    for number, turn in enumerate(turns, 1):
        reply = turn.reply
        tokens = reply.usage.completion_tokens if reply.usage is not None else None
        model = reply.model or reply.parameters.get("model")
        last = len(turn.messages) - 1
        for place, message in enumerate(turn.messages):
            of_reply = (model, dict(reply.parameters), tokens, reply.seconds)
            known = of_reply if place == last else (None,) * len(of_reply)
            found.append((number, message.role, message.text, *known))
    return found


def to_dataframe(turns: Iterable[Turn]) -> Any:
    """Return the rows as a DataFrame. Raises UsageError where pandas is not installed."""
    try:
        import pandas as pd  # noqa: PLC0415  # optional, and slow to import
    except ImportError:
        raise UsageError(
            "a DataFrame needs pandas, which is not installed; "
            "iterating over the conversation gives its turns"
        ) from None
    frame = pd.DataFrame(rows(turns), columns=list(COLUMNS))
    return frame.astype({"turn": "int64", "tokens": "Int64", "seconds": "float64"})
