"""From a prompt with fields and values to the text that is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.prompt import parts
from eighty80_jupyter.prompt.describe.protocol import (
    Budgets,
    Describe,
    Rendered,
    Section,
    is_template,
)
from eighty80_jupyter.prompt.describe.registry import Registry
from eighty80_jupyter.prompt.describe.registry import describe as describe_value
from eighty80_jupyter.prompt.secrets.redact import Redactor
from eighty80_jupyter.prompt.template.calls import Calls
from eighty80_jupyter.prompt.template.compose import Composer, FieldError
from eighty80_jupyter.prompt.template.evaluate import Evaluation
from eighty80_jupyter.prompt.template.names import Foreign, near_misses
from eighty80_jupyter.prompt.template.syntax import Field, Literal, parse
from eighty80_jupyter.text import clean


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Where fields get their values from, and how much of them is sent.

    `fields` tells whether those of a text are filled, from `namespace`. `redactor`: None leaves
    secrets in the values. `last_error` is what `_err` means. `limit` bounds a picture or sound, in
    bytes. `first_line` is the number of the prompt's first line in its cell, for errors. `key`
    makes the ids of blocks of data.
    """

    fields: bool = True
    namespace: Mapping[str, Any]
    registry: Registry | None = None
    redactor: Redactor | None = None
    budgets: Budgets = Budgets()  # noqa: RUF009  # frozen
    last_error: BaseException | None = None
    limit: int = parts.DEFAULT_LIMIT
    first_line: int = 1
    key: bytes | None = None


def render(items: Sequence[Any], context: Context, *, describe: Describe | None = None) -> Rendered:
    """Return a prompt as it is sent: a section for each text, template string and other value.

    The fields of its texts are filled from the context's namespace, then from the builtins, each
    expression evaluated once for each text. `describe` describes the values; None: as the context's
    registry has it.

    Raises UsageError for a field that cannot be filled or is too large; nothing of a text is
    evaluated if a name in it is unknown. A KeyboardInterrupt passes through.
    """
    items = [clean(item) if isinstance(item, str) else item for item in items]
    unfilled = () if context.fields else _fields(items)
    filled = [context.fields and isinstance(item, str) and "{{" in item for item in items]
    if all(isinstance(item, str) for item in items) and not any(filled):
        return Rendered(sections=tuple(Section(text=text) for text in items), unfilled=unfilled)
    describe = describe or partial(describe_value, registry=context.registry)
    redactor = context.redactor
    composer = Composer(describe, redactor, context.budgets, context.key)
    calls, left = Calls(), list[str]()
    for number, item in enumerate(items, 1):
        composer.begin()
        if not isinstance(item, str):
            value_error = _error_in(f"part {number} of the prompt", redactor)
            if is_template(item):
                _fill_template(composer, item, value_error)
            else:
                name = name_of(item, context.namespace) or f"value {number}"
                composer.insert(Field(name, name), item, value_error)
        elif filled[number - 1]:
            evaluation = Evaluation(
                item,
                context.namespace,
                last_error=context.last_error,
                first_line=context.first_line,
                clean=redactor or str,
                calls=calls,
            )
            left += _fill(composer, item, evaluation)
        else:
            composer.add(item)
    rendered = composer.rendered()
    unique = tuple(dict.fromkeys(left))
    return replace(rendered, left=unique, unfilled=unfilled, calls=tuple(calls.made))


def name_of(value: Any, namespace: Mapping[str, Any]) -> str:
    """Return the variable that holds this very value, or nothing."""
    for name, held in list(namespace.items()):
        if held is value and not name.startswith("_"):
            return name
    return ""


def _fill(composer: Composer, text: str, evaluation: Evaluation) -> list[str]:
    """Add a text with its fields filled; return what was left as it is, with the reasons."""
    pieces = parse(text)
    foreign = Foreign(text)
    left = [
        f"{miss} (not allowed in a field)" for miss in near_misses(pieces, evaluation.namespace)
    ]
    items: list[str | Field] = []
    for piece in pieces:
        if isinstance(piece, Literal):
            items.append(piece.text)
            continue
        name = evaluation.unknown(piece)
        if (name is not None or not evaluation.owned(piece)) and foreign(piece):
            items.append(piece.source)
            left.append(f"{piece.source} (no variable{f' {name!r}' if name else ''})")
        elif name is not None and piece.reaches:
            items.append(piece.source)  # other languages have names with two underscores, too
        elif name is not None:
            raise evaluation.no_variable(piece, name)
        elif piece.reaches:
            raise evaluation.refused(piece, "reaches for a name with two underscores")
        else:
            items.append(piece)
    values: dict[str, Any] = {}
    for item in items:
        if isinstance(item, Field) and item.expression not in values:
            values[item.expression] = evaluation.value(item)
    for item in items:
        if isinstance(item, str):
            composer.add(item)
        else:
            composer.insert(item, values[item.expression], evaluation.error)
    return left


def _fill_template(composer: Composer, template: Any, error: FieldError) -> None:
    """Add a template string of Python 3.14 (`string.templatelib`): t"Explain {df:head=20}".

    Its values are there already, and its texts are sent as they are.
    """
    for string, inserted in zip(template.strings, [*template.interpolations, None], strict=True):
        composer.add(string)
        if inserted is not None:
            conversion, options = inserted.conversion or "", inserted.format_spec
            written = inserted.expression + f"!{conversion}" * bool(conversion)
            written += f":{options}" * bool(options)
            expression = inserted.expression.strip()
            at = Field(f"{{{written}}}", expression, conversion, options)
            composer.insert(at, inserted.value, error)


def _error_in(place: str, redactor: Redactor | None) -> FieldError:
    def error(at: Field, what: str) -> UsageError:
        written = f"{at.source} in " if at.source.startswith("{") else ""
        text = f"{what} (in {written}{place}). Nothing was sent."
        return UsageError(text if redactor is None else redactor(text))

    return error


def _fields(items: Sequence[Any]) -> tuple[str, ...]:
    """Return the fields of the texts, as they are written, but those of another language."""
    found: dict[str, None] = {}
    for text in items:
        if isinstance(text, str) and "{{" in text:
            foreign = Foreign(text)
            found |= {
                p.source: None for p in parse(text) if isinstance(p, Field) and not foreign(p)
            }
    return tuple(found)
