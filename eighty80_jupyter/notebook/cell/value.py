"""A typed answer as a person reads it: its fields as a table, records as rows; while it comes, too.

A model wrote every text in it: all of them pass the door for text that reaches a page.
"""

from __future__ import annotations

import json
from typing import Any

from eighty80_jupyter.notebook.cell.answer import Answer
from eighty80_jupyter.notebook.cell.terminal import TerminalWriter
from eighty80_jupyter.notebook.cell.views.values import (
    folded_source,
    raw_html,
    value_html,
    value_markdown,
    word_of,
)
from eighty80_jupyter.notebook.markdown.source import fenced

_WRAPPER = {"value"}  # the field of an answer that is no object by itself


def plain_value(value: Any) -> Any:
    """Return a value as JSON has it, for display; what has no such form as its text."""
    from pydantic_core import to_jsonable_python  # noqa: PLC0415  # a door: pydantic

    return to_jsonable_python(value, fallback=str, serialize_unknown=True)


def partial_value(text: str) -> Any:
    """Return what an unfinished JSON text holds so far; None where there is nothing yet."""
    from pydantic_core import from_json  # noqa: PLC0415  # a door: pydantic

    starts = [at for at in (text.find("{"), text.find("[")) if at >= 0]
    if not starts:
        return None
    try:
        value = from_json(text[min(starts) :].rstrip("`\n "), allow_partial="trailing-strings")
    except ValueError:
        return None
    return value["value"] if isinstance(value, dict) and value.keys() == _WRAPPER else value


def coming_html(text: str) -> tuple[str, str]:
    """Return an unfinished answer, its fields as far as they have come, as HTML and as text."""
    found = partial_value(text)
    return (raw_html(text), text) if found is None else (value_html(found), value_text(found))


def typed_html(value: Any, text: str) -> str:
    """Return the value of an answer as HTML, and below it, folded, how the model wrote it."""
    return f"{value_html(plain_value(value))}{folded_source(text)}"


def value_text(value: Any) -> str:
    """Return a plain value as text: a line a field, or JSON where it is nested."""
    if isinstance(value, dict) and not any(isinstance(v, (dict, list)) for v in value.values()):
        return "\n".join(f"{name}: {word_of(one)}" for name, one in value.items())
    return _json(value) if isinstance(value, (dict, list)) else word_of(value)


class ValueAnswer(Answer):
    """An answer that is a value: its fields fill as they come, the raw text is folded below."""

    value: Any = None
    valid = False

    def _draw_text(self, *, final: bool) -> None:
        html, text, markdown = self._seen(final=final)
        self._output.html(html, text, partial=not final, markdown=markdown)
        self._text.drawn()

    def _draw_whole(self, *, final: bool) -> None:
        if self._columns is None or self._number is None:
            self._draw_text(final=final)
        else:
            super()._draw_whole(final=final)

    def _seen(self, *, final: bool) -> tuple[str, str, str]:
        """Return what is shown of it by now, as HTML, as text, and in the end as Markdown."""
        text = self._text.tail
        if self.valid:
            value = plain_value(self.value)
            return typed_html(self.value, text), value_text(value), value_markdown(value)
        return (raw_html(text), text, fenced(text)) if final else (*coming_html(text), "")


class ValueTerminalWriter(TerminalWriter):
    """Write a typed answer to a terminal when it is there: half a JSON text says nothing."""

    def text(self, piece: str) -> None:
        """Wait for the whole."""

    def finish(self, reply: Any, messages: Any = (), notes: Any = (), metadata: Any = None) -> None:
        """Write the values, or the raw text where there is none, and the last line."""
        self.end()
        if reply is None:
            return
        shown = [value_text(plain_value(value)) for value in reply.values]
        for text in shown or [choice.text or choice.refusal for choice in reply.choices]:
            self._put(f"{text}\n")
        self._last_line(reply, messages, notes, metadata)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
