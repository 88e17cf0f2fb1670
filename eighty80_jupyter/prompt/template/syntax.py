r"""The syntax of a prompt: literal text and `{{fields}}`. Pure; nothing is evaluated here.

A field is `{{expression}}`, then `!r` or `!s` if wanted, then `:options` if wanted. Anything that
is not one, by the rules below, is literal text and stays as it is to the byte.

- Exactly two braces on each side, on one line, not preceded by `\`, `{` or `$`.
- The expression is Python with at least one name: names, attributes, subscripts, slices,
  constants, arithmetic, comparisons, and/or/not, calls; tuples and lists below the top
  (`{{a, b}}` is C or JavaScript). No name or attribute begins with an underscore, but for the
  names that IPython gives; one that reaches for `x.__name__` or calls `__import__` is a field that
  is refused.
- What other languages write is left alone: `{{x | filter}}` (a pipe outside brackets), `{{- x}}`
  and `{{~x}}` (their whitespace marks), `{{range .x}}` (a space before a dot), `{{x # y}}`, and in
  a tag `style={{flex:1}}`.
- Options begin without a space and look like options: a format as in Python, one of `strftime`,
  or words (`head=20,md`); hence `{{color: 'red'}}` is no field.
- `\{{x}}` is sent as `{{x}}`, where that would have been a field. Everywhere else the backslash
  stays, and so do two of them: LaTeX loses nothing.
"""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass
from enum import Enum

MAX_LENGTH = 1000  # characters between the braces; more is text

_STRING = r"""'(?:[^'\\\n\r]|\\[^\n\r])*+'|"(?:[^"\\\n\r]|\\[^\n\r])*+\""""
OPENING = re.compile(r"(?<!\{)\{\{(?!\{)")
_SHAPE = re.compile(rf"\{{\{{((?:[^{{}}'\"\\\n\r]++|{_STRING})++)\}}\}}(?!\}})")
_TOKEN = re.compile(rf"{_STRING}|[()\[\]]|!=|:=|[!:#|]|(?<=[\w)\]])[ \t]+\.(?=[^\W\d])")
_CONVERSION = re.compile(r"!([rs])[ \t]*(?=:|$)")
_OTHER_MARKS = re.compile(r"-[ \t]|~")
_OPTIONS = re.compile(
    r"(?:[^{}'\"\s]?[<>=^])?[+-]?z?#?0?\d*[_,]?(?:\.\d+)?[A-Za-z%]?"  # of `format`
    r"|[^\s{}'\"][^{}'\"]*?%[A-Za-z][^{}'\"]*|%[A-Za-z][^{}'\"]*"  # of `strftime`
    r"|[A-Za-z_]\w*(?:=[^\s,{}'\"]*)?(?:,[ ]?[A-Za-z_]\w*(?:=[^\s,{}'\"]*)?)*"
)
TAG = re.compile(r"<[A-Za-z][^<>]*\s[\w:-]+=$")  # an attribute in a tag that is still open
_SCRIPT_VALUE = re.compile(r"[A-Za-z_]\w*|-?\d+(?:\.\d+)?")
_NAME = re.compile(r"[^\W_]\w*|_{1,3}|_\d+|_err")
_DUNDER = re.compile(r"__\w+__")

_ALLOWED = (
    ast.Expression,
    *(ast.Name, ast.Attribute, ast.Subscript, ast.Slice, ast.Constant, ast.expr_context),
    *(ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare),
    *(ast.operator, ast.unaryop, ast.boolop, ast.cmpop),
    *(ast.Call, ast.keyword, ast.Tuple, ast.List),
)


@dataclass(frozen=True, slots=True)
class Literal:
    r"""Text that is sent as it is.

    `source` is what was written, which differs from `text` for `\{{x}}` only. `refused` marks
    two braces around Python that a field must not hold (a comprehension, a private name).
    """

    text: str
    source: str
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """One `{{expression}}`.

    `source` is all of it with the braces, `conversion` is "r", "s" or empty, `options` is what
    stands after the colon, and `start` is where it begins in the prompt, in characters. `reaches`
    tells that it has an attribute with two underscores.
    """

    source: str
    expression: str
    conversion: str = ""
    options: str = ""
    start: int = 0
    reaches: bool = False


class _Verdict(Enum):
    FIELD = "a field"
    REACHES = "a field that reaches for a name with two underscores"
    REFUSED = "Python that a field must not hold"
    CONSTANT = "Python without a name"
    TEXT = "no Python"


def parse(text: str) -> tuple[Literal | Field, ...]:
    """Cut a prompt into literal text and fields; their sources joined give `text` again."""
    pieces: list[Literal | Field] = []
    verdicts: dict[str, _Verdict] = {}
    done = position = 0

    def literal(end: int) -> None:
        if end > done:
            pieces.append(Literal(text[done:end], text[done:end]))

    while (opening := OPENING.search(text, position)) is not None:
        start = opening.start()
        field, verdict = _read(text, start, verdicts)
        if field is None or verdict is _Verdict.TEXT:
            position = opening.end()
            continue
        position = start + len(field.source)
        slashes = _slashes(text, start)
        if verdict is _Verdict.CONSTANT or slashes > 1 or text[start - 1 : start] == "$":
            continue
        if slashes == 0:
            literal(start)
            refused = verdict is _Verdict.REFUSED
            pieces.append(Literal(field.source, field.source, refused=True) if refused else field)
            done = position
        elif verdict in (_Verdict.FIELD, _Verdict.REACHES):
            literal(start - 1)
            pieces.append(Literal(field.source, "\\" + field.source))
            done = position
    literal(len(text))
    return tuple(pieces)


def split(inside: str) -> tuple[str, str, str] | None:
    """Cut what stands between the braces into expression, conversion and options.

    None where it cannot be a field, whatever the expression is.
    """
    depth = 0
    for token in _TOKEN.finditer(inside):
        kind = token[0]
        if kind in "([":
            depth += 1
        elif kind in ")]":
            depth -= 1
        elif kind == "#" or kind[-1] == "." or (depth == 0 and kind in ("|", ":=")):
            return None
        elif depth == 0 and kind in ("!", ":"):
            return _tail(inside, token.start())
    return inside.strip(" \t"), "", ""


def escaped(text: str) -> str:
    """Return the prompt that is sent as `text`: a backslash before whatever would be a field."""
    pieces = []
    for piece in parse(text):
        is_text = isinstance(piece, Literal) and piece.source == piece.text
        pieces.append(piece.source if is_text else "\\" + piece.source)
    return "".join(pieces)


def quiet_parse(expression: str) -> ast.Expression | None:
    """Return the tree of an expression, or None where it is none; warn about nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd escapes in prose are no concern of the user
        try:
            return ast.parse(expression, mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def _slashes(text: str, start: int) -> int:
    """Count the backslashes before `start`, up to two: more makes no difference."""
    before = text[max(0, start - 2) : start]
    return len(before) - len(before.rstrip("\\"))


def _read(text: str, start: int, verdicts: dict[str, _Verdict]) -> tuple[Field | None, _Verdict]:
    shape = _SHAPE.match(text, start)
    if shape is None or len(shape[1]) > MAX_LENGTH or _OTHER_MARKS.match(shape[1]):
        return None, _Verdict.TEXT
    parts = split(shape[1])
    if parts is None:
        return None, _Verdict.TEXT
    expression, conversion, options = parts
    if _SCRIPT_VALUE.fullmatch(options) and TAG.search(text[max(0, start - 200) : start]):
        return None, _Verdict.TEXT
    if expression not in verdicts:
        verdicts[expression] = _judge(expression)
    verdict = verdicts[expression]
    reaches = verdict is _Verdict.REACHES
    return Field(shape[0], expression, conversion, options, start, reaches), verdict


def _tail(inside: str, start: int) -> tuple[str, str, str] | None:
    expression, conversion, options = inside[:start], "", ""
    if inside[start] == "!":
        found = _CONVERSION.match(inside, start)
        if found is None:
            return None
        conversion, start = found[1], found.end()
    if start < len(inside):
        options = inside[start + 1 :].rstrip(" \t")
        if not options or not _OPTIONS.fullmatch(options):
            return None
    return expression.strip(" \t"), conversion, options


def _judge(expression: str) -> _Verdict:
    tree = quiet_parse(expression) if expression else None
    if tree is None:
        return _Verdict.TEXT
    nodes = list(ast.walk(tree))
    names = [node.id for node in nodes if isinstance(node, ast.Name)]
    if not names:
        return _Verdict.CONSTANT
    attributes = [node.attr for node in nodes if isinstance(node, ast.Attribute)]
    called = [node.func for node in nodes if isinstance(node, ast.Call)]
    imports = [f.id for f in called if isinstance(f, ast.Name) and f.id == "__import__"]
    allowed = (
        not isinstance(tree.body, (ast.Tuple, ast.List))
        and all(isinstance(node, _ALLOWED) for node in nodes)
        and all(_NAME.fullmatch(name) or name in imports for name in names)
        and all(_DUNDER.fullmatch(name) for name in attributes if name.startswith("_"))
        and not any(isinstance(n, ast.keyword) and n.arg is None for n in nodes)
    )
    if not allowed:
        return _Verdict.REFUSED
    return _Verdict.REACHES if any(name.startswith("_") for name in attributes) else _Verdict.FIELD
