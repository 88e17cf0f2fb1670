"""A prompt of any form, ready to be sent: fields filled, pictures and sounds encoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.api.messages import Part
from eighty80_jupyter.prompt import parts
from eighty80_jupyter.prompt.describe.protocol import Budgets, FieldReport, Rendered, is_template

if TYPE_CHECKING:
    # All that describes values is brought in by the first prompt that has a field.
    from eighty80_jupyter.prompt.describe.registry import Registry
    from eighty80_jupyter.prompt.secrets.redact import Redactor


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedPrompt:
    """What is sent for a prompt.

    `content` is the content of the user's message. `fields` has one report for each field,
    `has_data` tells whether any stands as a block of data, `left` are the `{{...}}` that stayed as
    they are, each with the reason, and `hints` the variables that stand in single braces. `source`
    is the text as it was typed.
    """

    content: str | tuple[Part, ...]
    fields: tuple[FieldReport, ...] = ()
    has_data: bool = False
    left: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    source: str = ""

    @property
    def notes(self) -> list[str]:
        """What was inserted, in a few words each, for the last line below a reply."""
        notes = []
        for field in self.fields:
            if not field.inline:
                words = [field.summary] if field.summary else []
                notes.append(
                    f"{field.expression}: " + ", ".join([*words, f"{field.tokens:,} tokens"])
                )
            notes += [f"{field.expression}: {name} redacted" for name in field.redacted]
        return notes


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Where fields get their values from, and how much of them is sent.

    `namespace`: None leaves all text as it is. `redactor`: None leaves secrets in the values.
    `last_error` is what `_err` means. `limit` bounds a picture or sound, in bytes. `first_line` is
    the number of the prompt's first line in its cell, for errors.
    """

    namespace: Mapping[str, Any] | None = None
    registry: Registry | None = None
    redactor: Redactor | None = None
    budgets: Budgets = Budgets()  # noqa: RUF009  # frozen
    last_error: BaseException | None = None
    limit: int = parts.DEFAULT_LIMIT
    first_line: int = 1

    def render(self, text: Any) -> Rendered:
        """Fill the fields of a text, or of a template string of Python 3.14. Raises UsageError."""
        plain = isinstance(text, str) and (self.namespace is None or "{{" not in text)
        if plain:
            return Rendered(text=text)
        from eighty80_jupyter.prompt.describe.registry import describe  # noqa: PLC0415  # see above
        from eighty80_jupyter.prompt.template.render import render, render_template  # noqa: PLC0415  # same

        describer = partial(describe, registry=self.registry)
        if self.namespace is None or not isinstance(text, str):
            return render_template(
                text, describe=describer, redactor=self.redactor, budgets=self.budgets
            )
        return render(
            text,
            self.namespace,
            describe=describer,
            redactor=self.redactor,
            budgets=self.budgets,
            last_error=self.last_error,
            first_line=self.first_line,
        )


def prepare(prompt: Any, context: Context) -> PreparedPrompt:
    """Return what is sent for `prompt`: a text, a template string, or a list of texts and parts.

    Raises UsageError for what cannot be sent.
    """
    single = not isinstance(prompt, Sequence) or isinstance(prompt, (str, bytes, bytearray))
    done: list[Rendered] = []
    items: list[Any] = []
    hints: tuple[str, ...] = ()
    typed: list[str] = []
    for item in [prompt] if single else prompt:
        if isinstance(item, str) or is_template(item):
            rendered = context.render(item)
            done.append(rendered)
            items += [rendered.text, *rendered.parts]
            if isinstance(item, str):
                typed.append(item)
            if isinstance(item, str) and context.namespace is not None and "{" in item:
                from eighty80_jupyter.prompt.template.names import suggestions  # noqa: PLC0415  # see above

                hints += suggestions(item, context.namespace)
        else:
            items.append(item)
    return PreparedPrompt(
        content=parts.content(items, limit=context.limit),
        fields=tuple(field for rendered in done for field in rendered.fields),
        has_data=any(rendered.has_data for rendered in done),
        left=tuple(text for rendered in done for text in rendered.left),
        hints=hints,
        source="\n".join(typed),
    )
