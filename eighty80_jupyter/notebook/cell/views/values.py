"""Values and JSON as a person reads them: tables of records, and trees that fold.

As Markdown they go into documents that a notebook becomes.

A model wrote every text in it: all of them pass the door for text that reaches a page.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from eighty80_jupyter.notebook.markdown.code import code_style
from eighty80_jupyter.notebook.markdown.page_text import QUIET, fold_html, page_text, quiet_html
from eighty80_jupyter.notebook.markdown.render import render
from eighty80_jupyter.notebook.markdown.source import closed, fenced, plain, table
from eighty80_jupyter.text import counted

_MOST_ROWS = 200
_DEEPEST = 4
_LEFT = "text-align: left; vertical-align: top"
_FENCED = re.compile(r"\s*```(?:json)?[ \t]*\n(.*)\n```\s*", re.DOTALL | re.IGNORECASE)
_MOST_CHARACTERS = 200_000
_MOST_NODES = 2_000
_OPEN = 3  # levels that are open at first
_INDENT = "margin-left: 1.5em"
_MONO = "font-family: var(--jp-code-font-family, monospace); overflow-wrap: anywhere"


def answer_html(text: str, *, allow_images: bool = False) -> str:
    """Return the whole text of an answer as safe HTML: JSON as JSON, else as Markdown."""
    value = json_of(text)
    return render(text, allow_images=allow_images) if value is None else json_html(value, text)


def json_of(text: str) -> Any:
    """Return the list or object that a text is, perhaps in a fence; None where it is none."""
    if len(text) > _MOST_CHARACTERS:
        return None
    found = _FENCED.fullmatch(text)
    source = found[1] if found else text
    if not source.lstrip().startswith(("{", "[")):
        return None
    try:
        value = json.loads(source)
    except (ValueError, RecursionError):
        return None
    return value if value and isinstance(value, (dict, list)) else None


def json_html(value: Any, text: str) -> str:
    """Return a list or object as HTML, with `text`, as it was written, folded below."""
    if _is_table(value):
        return f"{value_html(value)}{folded_source(text)}"
    if _count(value) > _MOST_NODES:
        return render(f"```json\n{json.dumps(value, ensure_ascii=False, indent=2)}\n```")
    return f'<div style="{_MONO}">{_tree(value, "", 0)}</div>{folded_source(text)}'


def _is_table(value: Any) -> bool:
    """Tell whether it is a list of records whose values are no lists or objects."""
    return isinstance(value, list) and all(
        isinstance(one, dict)
        and one
        and not any(isinstance(inner, (dict, list)) for inner in one.values())
        for one in value
    )


def _count(value: Any) -> int:
    if not isinstance(value, (dict, list)):
        return 1
    return 1 + sum(map(_count, value.values() if isinstance(value, dict) else value))


def _tree(value: Any, name: str, depth: int) -> str:
    """Return a value below its `name`, which is HTML; what holds others folds."""
    if not isinstance(value, (dict, list)) or not value:
        return f"<div>{name}{_leaf(value)}</div>"
    if isinstance(value, dict):
        marks, what = "{}", counted(len(value), "field")
        named = [(f"{_coloured('property', json.dumps(k, ensure_ascii=False))}: ", one)
                 for k, one in value.items()]  # fmt: skip
    else:
        marks, what = "[]", counted(len(value), "item")
        named = [("", one) for one in value]
    inner = "".join(_tree(one, key, depth + 1) for key, one in named)
    state = " open" if depth < _OPEN else ""
    return (
        f'<details{state}><summary>{name}{marks[0]} <span style="{QUIET}">{what}</span></summary>'
        f'<div style="{_INDENT}">{inner}</div><div>{marks[1]}</div></details>'
    )


def _leaf(value: Any) -> str:
    kind = "string" if isinstance(value, str) else "number"
    if value is None or isinstance(value, (bool, dict, list)):
        kind = "atom"
    return _coloured(kind, json.dumps(value, ensure_ascii=False))


def _coloured(kind: str, text: str) -> str:
    return f'<span style="{code_style(kind)}">{page_text(text)}</span>'


def value_html(value: Any) -> str:
    """Return a plain value as HTML: a table of its fields, or of records with a row each."""
    return f'<div style="overflow-x: auto">{_html(value, 0)}</div>'


def _html(value: Any, depth: int) -> str:
    if isinstance(value, dict) and value and depth < _DEEPEST:
        rows = "".join(
            f'<tr><th style="{_LEFT}">{page_text(str(name))}</th>'
            f'<td style="{_LEFT}">{_html(one, depth + 1)}</td></tr>'
            for name, one in list(value.items())[:_MOST_ROWS]
        )
        return f"<table>{rows}</table>{_more(len(value))}"
    if isinstance(value, list) and value and depth < _DEEPEST:
        if all(isinstance(one, dict) for one in value):
            return _records(value, depth)
        if not any(isinstance(one, (dict, list)) for one in value):
            return page_text(", ".join(word_of(one) for one in value[:_MOST_ROWS])) + _more(
                len(value)
            )
    if isinstance(value, (dict, list)):
        return f"<code>{page_text(json.dumps(value, ensure_ascii=False))}</code>"
    return page_text(word_of(value)).replace("\n", "<br>")


def _records(records: list[dict[str, Any]], depth: int) -> str:
    names = list(dict.fromkeys(name for one in records[:_MOST_ROWS] for name in one))
    head = "".join(f'<th style="{_LEFT}">{page_text(str(name))}</th>' for name in names)
    rows = "".join(
        "<tr>"
        + "".join(
            f'<td style="{_LEFT}">{_html(one[name], depth + 1) if name in one else ""}</td>'
            for name in names
        )
        + "</tr>"
        for one in records[:_MOST_ROWS]
    )
    return (
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{_more(len(records))}"
    )


def _more(count: int) -> str:
    if count <= _MOST_ROWS:
        return ""
    return quiet_html(f"and {count - _MOST_ROWS:,} more")


def answer_markdown(text: str) -> str:
    """Return the whole text of an answer as Markdown that ends with it, JSON as a table or code."""
    value = json_of(text)
    return closed(text) if value is None else json_markdown(value)


def json_markdown(value: Any) -> str:
    """Return a list or object as Markdown: a table of flat records, else code."""
    if _is_table(value):
        return value_markdown(value)
    return fenced(json.dumps(value, ensure_ascii=False, indent=2), "json")


def value_markdown(value: Any) -> str:
    """Return a plain value as Markdown: a table of its fields, or of records with a row each."""
    if isinstance(value, dict) and value:
        fields = list(value.items())[:_MOST_ROWS]
        pairs = [(str(name), inline_text(one)) for name, one in fields]
        return table(("field", "value"), pairs) + _more_lines(len(value))
    if isinstance(value, list) and value and all(isinstance(one, dict) and one for one in value):
        shown = value[:_MOST_ROWS]
        names = list(dict.fromkeys(name for one in shown for name in one))
        rows = [[inline_text(one[n]) if n in one else "" for n in names] for one in shown]
        return table([str(name) for name in names], rows) + _more_lines(len(value))
    return plain(inline_text(value))


def inline_text(value: Any) -> str:
    """Return a plain value as one line of text."""
    if isinstance(value, list) and not any(isinstance(one, (dict, list)) for one in value):
        return ", ".join(word_of(one) for one in value)
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    return word_of(value)


def _more_lines(count: int) -> str:
    return f"\n\n*and {count - _MOST_ROWS:,} more*" if count > _MOST_ROWS else ""


def raw_html(text: str) -> str:
    """Return a text as it is."""
    return f'<pre style="white-space: pre-wrap">{page_text(text)}</pre>'


def folded_source(text: str) -> str:
    """Return the text of an answer as the model wrote it, folded away."""
    return fold_html("as the model wrote it", raw_html(text))


def word_of(value: Any) -> str:
    """Return a value that holds no others as a word."""
    words: Mapping[Any, str] = {None: "none", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else str(value)
