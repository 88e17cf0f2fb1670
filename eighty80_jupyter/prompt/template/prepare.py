"""A prompt of any form, ready to be sent: fields filled, values described, pictures encoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from eighty80_jupyter.api.messages import Part
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.prompt import parts
from eighty80_jupyter.prompt.describe.protocol import FieldReport, is_template
from eighty80_jupyter.prompt.template.names import suggestions
from eighty80_jupyter.prompt.template.render import Context, render
from eighty80_jupyter.text import clean, counted


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
                words.append(counted(field.tokens, "token"))
                notes.append(f"{field.expression}: {', '.join(words)}")
            notes += [f"{field.expression}: {name} redacted" for name in field.redacted]
        notes += [self.cells_note] if self.cells_note else []
        return notes + [
            f"{c.expression}: {name} redacted" for c in self.cells for name in c.redacted
        ]


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
    rendered = render(told, context)
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
