"""The rows that a line or the panel names: a variable, or what a field of a prompt could be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.prompt.describe.nearest import did_you_mean
from eighty80_jupyter.prompt.template.evaluate import Evaluation
from eighty80_jupyter.prompt.template.syntax import Field, parse
from eighty80_jupyter.text import shown


def rows_named(expression: str, names: Mapping[str, Any]) -> Any:
    """Return what `expression` stands for. Raises UsageError.

    It computes as a field does, and does no more: `tickets`, `tickets[tickets.open]`,
    `tickets.head(100)`.
    """
    expression = expression.strip()
    if expression in names:
        return names[expression]
    if expression.isidentifier():
        hint = did_you_mean(names, expression)
        raise UsageError(f"no variable {expression!r} for the rows. Nothing was sent.{hint}")
    text = f"{{{{{expression}}}}}"
    pieces = parse(text)
    field = pieces[0] if len(pieces) == 1 else None
    if not isinstance(field, Field) or field.expression != expression:
        raise UsageError(
            f"the rows are those of a variable, such as tickets or tickets.head(100), got "
            f"{shown(expression)}. Nothing was sent."
        )
    evaluation = Evaluation(text, names)
    missing = evaluation.unknown(field)
    if missing is not None:
        raise evaluation.no_variable(field, missing)
    return evaluation.value(field)
