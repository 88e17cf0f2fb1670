"""From a prompt with fields to the text that is sent. What comes out is in `prompt.rendered`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.prompt.describe.protocol import Budgets, Describe, Rendered
from eighty80_jupyter.prompt.secrets.redact import Redactor
from eighty80_jupyter.prompt.template.compose import Composer
from eighty80_jupyter.prompt.template.evaluate import Evaluation
from eighty80_jupyter.prompt.template.names import Foreign, near_misses
from eighty80_jupyter.prompt.template.syntax import Field, Literal, parse


class Interpolation(Protocol):
    """What is needed of `string.templatelib.Interpolation` (Python 3.14)."""

    @property
    def value(self) -> Any:
        """What was inserted."""

    @property
    def expression(self) -> str:
        """What was written."""

    @property
    def conversion(self) -> str | None:
        """Return "r", "s", "a" or None."""

    @property
    def format_spec(self) -> str:
        """The options; may be empty."""


class Template(Protocol):
    """What is needed of `string.templatelib.Template` (Python 3.14)."""

    @property
    def strings(self) -> Sequence[str]:
        """The texts around the interpolations."""

    @property
    def interpolations(self) -> Sequence[Interpolation]:
        """One fewer than there are texts."""


def render(
    text: str,
    namespace: Mapping[str, Any],
    *,
    describe: Describe,
    redactor: Redactor | None = None,
    budgets: Budgets = Budgets(),  # noqa: B008  # frozen
    last_error: BaseException | None = None,
    first_line: int = 1,
    block_id: str | None = None,
) -> Rendered:
    """Return the prompt `text` with its fields filled from `namespace`, then from the builtins.

    Each expression is evaluated once. `redactor` takes secrets out of the values (None: they
    stay). `last_error` is what `_err` means. `first_line` is the number of the prompt's first line
    in its cell. `block_id` marks the blocks of data (None: random for each message).

    Raises UsageError for a field that cannot be filled or is too large; nothing is evaluated if a
    name is unknown. A KeyboardInterrupt passes through.
    """
    evaluation = Evaluation(
        text,
        namespace,
        last_error=last_error,
        first_line=first_line,
        clean=redactor or str,
    )
    pieces = parse(text)
    foreign = Foreign(text)
    left = [f"{miss} (not allowed in a field)" for miss in near_misses(pieces, namespace)]
    items: list[str | Field] = []
    for piece in pieces:
        if isinstance(piece, Literal):
            items.append(piece.text)
            continue
        name = evaluation.unknown(piece)
        if (name is not None or not evaluation.owned(piece)) and foreign(piece):
            items.append(piece.source)
            left.append(f"{piece.source} (no variable{f' {name!r}' if name else ''})")
        elif name is not None:
            raise evaluation.no_variable(piece, name)
        else:
            items.append(piece)
    values: dict[str, Any] = {}
    for item in items:
        if isinstance(item, Field) and item.expression not in values:
            values[item.expression] = evaluation.value(item)
    composer = Composer(describe, redactor, budgets, evaluation.error)
    for item in items:
        composer.add(item, None if isinstance(item, str) else values[item.expression])
    return composer.rendered(block_id, left=tuple(dict.fromkeys(left)))


def render_template(
    template: Template,
    *,
    describe: Describe,
    redactor: Redactor | None = None,
    budgets: Budgets = Budgets(),  # noqa: B008  # frozen
    block_id: str | None = None,
) -> Rendered:
    """Return what a template string of Python 3.14 stands for: t"Explain {df:head=20}".

    Its values are there already, and its texts are sent as they are. See `render`.
    """

    def error(at: Field, what: str) -> UsageError:
        text = f"{what} (in {at.source} of the template). Nothing was sent."
        return UsageError(text if redactor is None else redactor(text))

    composer = Composer(describe, redactor, budgets, error)
    for string, inserted in zip(template.strings, [*template.interpolations, None], strict=True):
        composer.add(string)
        if inserted is not None:
            conversion, options = inserted.conversion or "", inserted.format_spec
            written = inserted.expression + f"!{conversion}" * bool(conversion)
            written += f":{options}" * bool(options)
            expression = inserted.expression.strip()
            composer.add(Field(f"{{{written}}}", expression, conversion, options), inserted.value)
    return composer.rendered(block_id)
