"""Around the fields: what Tab completes in one, what was perhaps meant as one, and what was not."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any
from typing import Literal as OneOf

from eighty80_jupyter.prompt.template.syntax import OPENING, TAG, Field, Literal, parse, split

MANY = 10_000  # names that are looked through in one value

_IDENTIFIER = r"[^\W\d]\w*"
_KEY = r"""\[(?:'[^'\\]*'|"[^"\\]*"|-?\d+)\]"""
_CHAIN = rf"(?<![\w.)\]'\"])({_IDENTIFIER}(?:\.{_IDENTIFIER}|{_KEY})*)"
_OPEN_INSIDE = re.compile(r"""(?:[^{}'"\n]|'(?:[^'\\\n]|\\.)*+'|"(?:[^"\\\n]|\\.)*+")*+(['"]?)""")
_IN_KEY = re.compile(rf"{_CHAIN}\[(?:\[[^\[\]]*)?$")
_IN_ATTRIBUTE = re.compile(rf"{_CHAIN}\.(\w*)$")
_IN_NAME = re.compile(rf"(?<![\w.)\]'\"])((?:{_IDENTIFIER})?)$")
_SINGLE = re.compile(r"(?<![\w{}$\\^])\{([A-Za-z]\w*)\}(?!\})")

# What stands right before a field in another language; looked for in the same line.
_LATEX_ARGUMENT = re.compile(
    r"\\[A-Za-z]+\*?(?:\[[^\]\n]*\])?(?:\{[^{}\n]*\}|\{\{[^{}\n]*\}\})*(?:\{[^{}\n]*)?$"
)
_LATEX_SCRIPT = re.compile(r"(?:\\[A-Za-z]+|\\[(\[].*)[\^_]$")
_FORMAT_STRING = re.compile(
    r"""\b(?:[rR]?[fF]|[fF][rR])(?:"[^"]*|'[^']*)$|\b[a-z]+!\([^"\n]*"[^"\n]*$|\$"[^"\n]*$"""
)
_FORMAT_CALL = re.compile(r"""[^'"\n]*['"]\.format\(""")
_INITIALISER = re.compile(r"(?:=[ \t]*|[\w>\]])$")  # of C++, up to the end of the line
_STATEMENT_END = re.compile(r"[ \t]*;[ \t]*(?:$|//|/\*)")
_COMPOSITE = re.compile(r"\]\*?[A-Za-z_][\w.]*$")  # []Point{{origin}} in Go
_BIBTEX = re.compile(r"^[ \t]*@[A-Za-z]+[ \t]*\{", re.MULTILINE)
_BIBTEX_VALUE = re.compile(r"=[ \t]*$")
# Only in a template language: Jinja, Liquid, Go and Helm, Handlebars and Mustache.
_TEMPLATE = re.compile(
    r"\{%|\{\{[-~#/>!^&@.$]|[-~]\}\}|\{\{\{[\w. ]+\}\}\}|\{\{[ \t]*[.$]"
    r"|\{\{[ \t]*(?:if|else|for|each|unless|range|with|define|template|block|include)\b"
    r"|\{\{[^{}\n|]{1,200}\|[^{}\n]{1,200}\}\}"
)


@dataclass(frozen=True, slots=True)
class Partial:
    """What stands before the cursor in a field that is being written.

    `prefix` is what Tab completes and `start` where that begins in the prompt, in characters.
    `base` is the expression that it belongs to; empty for a name. `quote` opened a key.
    """

    kind: OneOf["name", "attribute", "key", "option"]
    base: str
    prefix: str
    start: int
    quote: str = ""


def field_at(text: str, cursor: int) -> Partial | None:
    """Return what can be completed at `cursor` (in characters), or None outside a field."""
    line = text[max(text.rfind("\n", 0, cursor) + 1, cursor - 1000) : cursor]
    opening = next(reversed(list(OPENING.finditer(line))), None)
    if opening is None or line[opening.start() - 1 : opening.start()] in ("\\", "$"):
        return None
    inside = line[opening.end() :]
    shape = _OPEN_INSIDE.match(inside)
    assert shape is not None  # noqa: S101  # it matches nothing at least
    if shape[1]:
        prefix, key = inside[shape.end() :], _IN_KEY.search(inside[: shape.start(1)])
        if key is None or re.search(r"[{}\\]", prefix):
            return None
        return Partial("key", key[1], prefix, cursor - len(prefix), shape[1])
    if shape.end() < len(inside):
        return None
    options = re.search(r":([\w=, -]*)$", inside)
    before = split(inside[: options.start()] + ":x") if options is not None else None
    if options is not None and before is not None and before[2]:
        prefix = re.split(r", ?", options[1])[-1]
        return Partial("option", before[0], prefix, cursor - len(prefix))
    if attribute := _IN_ATTRIBUTE.search(inside):
        return Partial("attribute", attribute[1], attribute[2], cursor - len(attribute[2]))
    if name := _IN_NAME.search(inside):
        return Partial("name", "", name[1], cursor - len(name[1]))
    return None


def completions(
    partial: Partial, namespace: Mapping[str, Any], *, options: Iterable[str] = ()
) -> list[str]:
    """Return the texts that can stand for `partial.prefix`, sorted, builtins last.

    Looks names, attributes and constant keys up in `namespace`, and calls no function. `options`
    are those that a field can have.
    """
    found: Iterable[str]
    later: Iterable[str] = ()
    if partial.kind == "option":
        found = options
    elif partial.kind == "name":
        found, later = namespace, dir(builtins) if partial.prefix else ()
    else:
        try:
            value = _looked_up(ast.parse(partial.base, mode="eval").body, namespace)
            found = dir(value) if partial.kind == "attribute" else names_in(value)[1]
        except Exception:  # noqa: BLE001  # whatever a foreign value raises, there is nothing to offer
            return []
    prefix = partial.prefix
    shown: list[str] = []
    for names in (found, later):
        fit = {n for n in names if isinstance(n, str) and n.startswith(prefix)}
        shown += sorted(n for n in fit if partial.kind == "key" or not n.startswith("_"))
    return list(dict.fromkeys(shown))


def suggestions(text: str, namespace: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the variables that a prompt without a field has in single braces: `{df}`."""
    if "{" not in text or any(isinstance(piece, Field) for piece in parse(text)):
        return ()
    names = (match[1] for match in _SINGLE.finditer(text))
    return tuple(dict.fromkeys(name for name in names if name in namespace))


def near_misses(pieces: Iterable[Literal | Field], namespace: Mapping[str, Any]) -> Iterator[str]:
    """Give the `{{...}}` that were left as text although they are Python about known variables."""
    for piece in pieces:
        if isinstance(piece, Literal) and piece.refused:
            words = re.findall(_IDENTIFIER, piece.text)
            if any(word in namespace for word in words):
                yield piece.text


class Foreign:
    """Tells whether a field of `text` with an unknown name is rather another language's.

    A field that names no variable is an error, so that a typing mistake is not sent. Only where
    it plainly stands in LaTeX, BibTeX, a template, a format string, a tag of JSX or an initialiser
    is it left as it is: such text must never break a prompt.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    def __call__(self, field: Field) -> bool:
        """Return True for what stays as it is. Looks at the same line, 300 characters each side."""
        start, end = field.start, field.start + len(field.source)
        lines = self._text[max(0, start - 300) : start]
        before = lines.rpartition("\n")[2]
        after = self._text[end : end + 300].partition("\n")[0]
        return bool(
            _LATEX_ARGUMENT.search(before)
            or _LATEX_SCRIPT.search(before)
            or (before.endswith(("^", "_")) and before.count("$") % 2)
            or _FORMAT_STRING.search(before)
            or _FORMAT_CALL.match(after)
            or TAG.search(lines)
            or (_STATEMENT_END.match(after) and _INITIALISER.search(before))
            or _COMPOSITE.search(before)
            or (_BIBTEX_VALUE.search(before) and self._bibtex)
            or self._template
        )

    @cached_property
    def _bibtex(self) -> bool:
        return _BIBTEX.search(self._text) is not None

    @cached_property
    def _template(self) -> bool:
        return _TEMPLATE.search(self._text) is not None


def names_in(value: Any) -> tuple[str, list[str]]:
    """Return what the names in a value are called, "columns" or "keys", and up to 10,000 of them.

    Raises whatever a foreign value raises.
    """
    if isinstance(value, Mapping):
        return "keys", [key for key in islice(value, MANY) if isinstance(key, str)]
    columns = getattr(value, "columns", None)
    if columns is None or callable(columns):
        return "", []
    return "columns", [name for name in islice(columns, MANY) if isinstance(name, str)]


def _looked_up(node: ast.expr, namespace: Mapping[str, Any]) -> Any:
    match node:
        case ast.Name():
            return namespace[node.id]
        case ast.Attribute():
            return getattr(_looked_up(node.value, namespace), node.attr)
        case ast.Subscript():
            return _looked_up(node.value, namespace)[ast.literal_eval(node.slice)]
    raise TypeError("an expression that is more than looking up")
