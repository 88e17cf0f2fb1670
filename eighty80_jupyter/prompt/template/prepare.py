"""A prompt of any form, ready to be sent: fields filled, values described, pictures encoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.api.messages import Part
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.prompt import parts
from eighty80_jupyter.prompt.describe.protocol import (
    Budgets,
    FieldReport,
    Rendered,
    Section,
    is_template,
)
from eighty80_jupyter.prompt.describe.registry import describe
from eighty80_jupyter.prompt.template.names import Foreign, suggestions
from eighty80_jupyter.prompt.template.render import render
from eighty80_jupyter.prompt.template.syntax import Field, parse
from eighty80_jupyter.text import clean

if TYPE_CHECKING:
    # All that describes values is brought in by the first prompt that has a field.
    from eighty80_jupyter.prompt.describe.registry import Registry
    from eighty80_jupyter.prompt.secrets.redact import Redactor


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedPrompt:
    """What is sent for a prompt.

    `content` is the content of the user's message. `fields` has one report for each field,
    `has_data` tells whether any stands as a block of data, `left` are the `{{...}}` that stayed as
    they are, each with the reason, `unfilled` the fields in text that is not evaluated, `hints` the
    variables that stand in single braces, `calls` what was called to fill the fields. `source` is
    the text as it was typed; empty where it could not be asked again so. `cells` has a report for
    each cell of the notebook that is sent along, `cells_note` says how many they are.
    """

    content: str | tuple[Part, ...]
    fields: tuple[FieldReport, ...] = ()
    has_data: bool = False
    left: tuple[str, ...] = ()
    unfilled: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    source: str = ""
    cells: tuple[FieldReport, ...] = ()
    cells_note: str = ""

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
        notes += [self.cells_note] if self.cells_note else []
        return notes + [
            f"{c.expression}: {name} redacted" for c in self.cells for name in c.redacted
        ]


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

    def render(self, items: Sequence[Any]) -> Rendered:
        """Fill the fields of texts, and describe other values. Raises UsageError."""
        items = [clean(item) if isinstance(item, str) else item for item in items]
        texts = [item for item in items if isinstance(item, str)]
        if len(texts) == len(items) and not (self.fields and any("{{" in text for text in texts)):
            sections = tuple(Section(text=text) for text in texts)
            return Rendered(sections=sections, unfilled=() if self.fields else _fields(texts))
        rendered = render(
            items,
            self.namespace,
            describe=partial(describe, registry=self.registry),
            fields=self.fields,
            redactor=self.redactor,
            budgets=self.budgets,
            last_error=self.last_error,
            first_line=self.first_line,
            key=self.key,
        )
        return rendered if self.fields else replace(rendered, unfilled=_fields(texts))


def prepare(prompt: Any, context: Context) -> PreparedPrompt:
    """Return what is sent for `prompt`: a text, a template string, a picture, or a list.

    Pictures, sounds and parts in the form in which they are sent stand beside the text; any other
    value in a list is described as a field with it is. Raises UsageError for what cannot be sent.
    """
    single = not isinstance(prompt, Sequence) or isinstance(prompt, (str, bytes, bytearray))
    items = [prompt] if single else list(prompt)
    attached = [_attached(item, context.limit) for item in items]
    if single and attached == [None] and not (isinstance(prompt, str) or is_template(prompt)):
        raise UsageError(
            "a prompt is a text, or a list of texts, pictures, sounds and values; got a "
            f"{type(prompt).__name__}: hand it over with a text, as in ['Explain', value]"
        )
    told = [item for item, part in zip(items, attached, strict=True) if part is None]
    rendered = context.render(told)
    sections = iter(rendered.sections)
    content: list[str | Part] = []
    for part in attached:
        if part is None:
            section = next(sections)
            content += [section.text, *section.parts]
        else:
            content.append(part)
    texts = [clean(item) for item in told if isinstance(item, str)]
    prepared = PreparedPrompt(
        content=parts.content(content),
        fields=rendered.fields,
        has_data=rendered.has_data,
        left=rendered.left,
        unfilled=rendered.unfilled,
        calls=rendered.calls,
        source="\n".join(texts) if len(texts) == len(told) else "",
    )
    if context.fields:
        hints = [hint for text in texts for hint in suggestions(text, context.namespace)]
        return replace(prepared, hints=tuple(hints))
    if "{{" in prepared.source and prepared.source != prepared.content:
        return replace(prepared, source="")  # asked again as it was typed, it would be filled
    return prepared


def _attached(item: Any, limit: int) -> Part | None:
    """Return the part for a picture, a sound or a ready part; None for what goes into the text."""
    if isinstance(item, str) or is_template(item):
        return None
    return parts.attachment(item, limit=limit)


def _fields(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the fields of texts, as they are written, but those of another language."""
    found: dict[str, None] = {}
    for text in texts:
        if "{{" in text:
            foreign = Foreign(text)
            found |= {
                p.source: None for p in parse(text) if isinstance(p, Field) and not foreign(p)
            }
    return tuple(found)
