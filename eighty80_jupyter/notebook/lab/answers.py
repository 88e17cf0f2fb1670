"""What is wrong with the fields of a prompt, and what would be sent for a variable."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from typing import Any

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.line.row_names import ROW, row_names
from eighty80_jupyter.prompt.describe.base import kind_of
from eighty80_jupyter.prompt.describe.custom import Registry, own_method
from eighty80_jupyter.prompt.describe.nearest import did_you_mean
from eighty80_jupyter.prompt.describe.registry import describe
from eighty80_jupyter.prompt.template.evaluate import Evaluation
from eighty80_jupyter.prompt.template.names import Foreign
from eighty80_jupyter.prompt.template.syntax import Field, Literal, parse
from eighty80_jupyter.text import counted

_COMPUTED = "Computed when it is sent."
_NOT_ALLOWED = "Python that no field may hold: it is sent as it stands."
_REACHES = "It reaches for a name with two underscores: it is refused."


def check(text: str, namespace: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong with the fields of a cell, by their source. Nothing is evaluated."""
    rows = row_names(text, namespace)
    namespace = ChainMap(dict.fromkeys(rows or ()), dict(namespace))
    evaluation, foreign = Evaluation(text, namespace), Foreign(text)
    wrong: dict[str, str] = {}
    for piece in parse(text):
        if isinstance(piece, Literal):
            if piece.refused:
                wrong[piece.source] = _NOT_ALLOWED
        elif (name := evaluation.unknown(piece)) is not None and not foreign(piece):
            if rows is None:
                continue  # it may well be a column
            wrong[piece.source] = f"No variable {name!r}.{did_you_mean(namespace, name)}"
        elif piece.reaches and not foreign(piece):
            wrong[piece.source] = _REACHES
    return wrong


def describe_field(
    source: str, namespace: Mapping[str, Any], registry: Registry | None = None, *, cell: str = ""
) -> str:
    """Return in a line what would be sent for a field of a cell; no expression is computed for it.

    What a class or a function of the user's own says of a value is left for the sending.
    """
    pieces = parse(source)
    if len(pieces) != 1 or not isinstance(pieces[0], Field):
        return ""
    field = pieces[0]
    name = field.expression
    if not name.isidentifier() or field.conversion or "image" in field.options:
        return _COMPUTED
    if name in (row_names(cell, namespace) or ()):
        return "The whole row." if name == ROW else "The value of this column in each row."
    if name not in namespace:
        return ""
    value = namespace[name]
    kind = kind_of(value)
    if own_method(value, "_repr_llm_") or (registry is not None and registry.find(value)):
        return f"{kind}, described by its own function when it is sent."
    try:
        made = describe(value, name=name, options=field.options)
    except UsageError as error:
        return str(error)
    size = counted(made.tokens, "token")
    return ", ".join(piece for piece in (made.kind, made.summary, size) if piece)
