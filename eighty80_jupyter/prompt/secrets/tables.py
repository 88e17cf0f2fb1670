"""Secrets that the head of a column gives away, or the name beside them: tables, lists of pairs.

A table is a line of names, two or more of them or one below `as CSV:`, and the lines after it that
have as many cells, in CSV or with bars between them, or whose cells end where the names do, as
pandas prints them. What a description says of a column tells its most frequent values, and a
dictionary of lists holds columns, too. Each line is looked at once: the time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from eighty80_jupyter.prompt.secrets.named import Span, kind_of, looks_secret
from eighty80_jupyter.prompt.secrets.placeholders import is_name, is_placeholder

_WORDS = ("pass", "kennwort", "pw", "secret", "key", "token")
_SHORT = ("token", "tokens")
_LONGEST = 2_000  # characters of a line of names
_BARS = "|\u2502\u2503\u2506\u2551"  # of Markdown, and those that polars, DuckDB and rich draw
_CELL = {
    sign: re.compile(rf'"(?:[^"]|"")*"|[^{re.escape(sign)}"][^{re.escape(sign)}]*|')
    for sign in ",;\t"
} | {_BARS: re.compile(rf"(?:[^{_BARS}\\]|\\.?)*")}
_FILLED = re.compile(r"\S(?:.*\S)?")
_RULE = re.compile(r"(?=.*[=\u2500-\u257f-]{2})[\s|+:=\u2500-\u257f-]*")  # below the names
_COLUMNS = re.compile(r"\S(?: ?\S)*")  # what two blanks part
_WORD = re.compile(r"""(?![a-z]+(?:_[a-z0-9]+)+$)[^\s\"'(){}\[\];=,]{1,200}""")  # and no name
_NAME = re.compile(r'"?[\w .:/%()\[\]*`-]{0,60}"?')
_TWO = re.compile(r"""\"?([\w.-]{1,40})\"?,(\"[^\"]{1,200}\"|[^\s\"'(){}\[\];=,]{1,200})""")
_COLUMN = re.compile(r"[A-Za-z]+(?:_[A-Za-z0-9]+)+")  # another name, in a line of two
_LABEL = re.compile(r"as CSV:\s*\Z")
_QUOTED = r"""([\"'])((?:(?!\1)[^\\\n]){1,60})\1"""
# ('password', 'x'), {'name': 'password', 'value': 'x'}, and {"index": "password", "0": "x"}
_PAIR = re.compile(
    r"""(?:(?<=[(\[])|[\"'](?:name|key|field|id|variable|index|setting|parameter)[\"']\s?:\s?)"""
    rf"""{_QUOTED}\s?,\s?(?:[\"'](?:values?|val|content|0)[\"']\s?:\s?)?([\"'])((?:(?!\3)[^\\\n]){{1,300}})\3"""
)
# {'password': ['x', 'y']}, and api_keys = array(["x"])
_LIST = re.compile(
    r"""(?::|(?<!=)=)\s{0,2}(?:[\w.]{1,20}\()?[(\[]\s{0,8}(?=[\"']|[Nn](?:one|ull|a[nN]\b))"""
)
_LIST_NAME = re.compile(r"""([\w.-]{1,60})\\?[\"']?\]?\s{0,2}\Z""")
# Rules such as "min:8" are none, nor is a part of an expression.
_ITEM = re.compile(
    r"""([\"'])(?![a-z]{2,20}:[\d,]+\1)((?:(?!\1)[^\\\n]){1,300})\1\s{0,8}(?:,|(?=[)\]…\[]|$))\s{0,8}|[Nn]\w{2,3},?\s{0,8}"""
)
# - password: str, 2 unique: x 30, 'y,z' ~12%
_FREQUENT = re.compile(r"(?:- )?(.{1,130}?): [^\n]{0,300}?\b(?:unique|most): ")
_VALUE = re.compile(r"""('[^'\n]*'|\"[^\"\n]*\"|[^,\n]+?) ~?[\d,]+%?(?:, |$)""")


def spans(text: str) -> Iterator[Span]:
    """Yield where the secrets of tables and pairs stand, and what they are."""
    low = text.lower()
    if not any(word in low for word in _WORDS):
        return
    for pair in _PAIR.finditer(text):
        kind = _kind(pair[2])
        if kind is not None and _is_secret(pair[4], kind):
            yield *pair.span(4), _told(kind)
    for head in _LIST.finditer(text):
        name = _LIST_NAME.search(text, max(0, head.start() - 64), head.start())
        if name is not None and (kind := _kind(re.sub(r"(?<!s)s$", "", name[1]))) is not None:
            yield from _all(_ITEM, 2, text, head.end(), kind)
    yield from _rows(text)
    yield from _aligned(text)


def _aligned(text: str) -> Iterator[Span]:
    """Yield the secrets below names that end where they do, and beside names, after two blanks."""
    at = 0
    columns: dict[int, tuple[int, str]] = {}  # the secret ones by their ends: beginnings and kinds
    for whole in text.splitlines(keepends=True):
        line = whole.rstrip().removesuffix("  \\")
        low = line[:_LONGEST].lower()
        if not line:
            columns = {}
        elif "  " in low and (columns or any(word in low for word in _WORDS)):
            cells = list(_COLUMNS.finditer(line))
            found = _below(line, cells, columns) or _beside(line, cells)
            for start, end, kind in found:
                if _is_secret(line[start:end], kind):
                    yield at + start, at + end, _told(kind)
            if not found and all(_NAME.fullmatch(cell[0]) for cell in cells):
                starts = [0, *(cell.end() for cell in cells)]
                named = zip(starts, cells, strict=False)
                kinds = [(cell.end(), (start, _kind(cell[0]))) for start, cell in named]
                columns = {end: (start, kind) for end, (start, kind) in kinds if kind} or columns
        at += len(whole)


def _below(
    line: str, cells: list[re.Match[str]], columns: dict[int, tuple[int, str]]
) -> list[Span]:
    """Return what ends where secret columns do, in a line that has more than that, and its kind."""
    found = []
    for cell in cells:
        start, kind = columns.get(cell.end(), (0, ""))
        if kind and (len(cells) > 1 or line[:start].strip()):
            value = line[max(start, cell.start()) : cell.end()].lstrip()
            found.append((cell.end() - len(value), cell.end(), kind))
    return found


def _beside(line: str, cells: list[re.Match[str]]) -> list[Span]:
    """Return the values of a line that begins with a secret name, as in a frame on its side."""
    kind = None if line[0] == " " else _kind(cells[0][0])
    return [(*c.span(), kind) for c in cells[1:] if kind and _WORD.fullmatch(c[0])]


def _all(form: re.Pattern[str], group: int, text: str, at: int, kind: str) -> Iterator[Span]:
    """Yield the secrets among values that stand one after the other."""
    while (value := form.match(text, at)) is not None:
        at = value.end()
        if value[group] is not None and _is_secret(value[group].strip("\"'"), kind):
            yield *value.span(group), _told(kind)


def _rows(text: str) -> Iterator[Span]:
    at, before = 0, ""
    columns: dict[int, str] = {}  # the kinds of the secret ones
    sign, count, ruled = ",", 0, True
    for whole in text.splitlines(keepends=True):
        line = whole.rstrip("\r\n")
        cells = _cells(line, sign) if columns else []
        if columns and _RULE.fullmatch(line):
            ruled = True
        elif columns and len(cells) == count and line.strip():
            for number, kind in columns.items() if ruled else ():
                cell = _FILLED.search(line, *cells[number])
                if cell is not None and _is_secret(cell[0], kind):
                    yield at + cell.start(), at + cell.end(), _told(kind)
        elif (value := _value_of_two(line)) is not None:
            columns = {}
            yield at + value[0], at + value[1], value[2]
        else:
            columns, sign, count = _head(line, before) or ({}, ",", 0)
            ruled = sign != _BARS  # else what is in it may be names, too
            for start, end, told in _frequent(line):
                yield at + start, at + end, told
        at += len(whole)
        before = whole


def _frequent(line: str) -> Iterator[Span]:
    """Yield the secrets among the most frequent values in the description of a column."""
    facts = _FREQUENT.match(line) if "unique: " in line or "most: " in line else None
    if facts is not None and (kind := _kind(facts[1].strip("\"'"))) is not None:
        yield from _all(_VALUE, 1, line, facts.end(), kind)


def _head(line: str, before: str) -> tuple[dict[int, str], str, int] | None:
    """Return the kinds of the secret columns below a line of names, its sign, and its cells."""
    low = line[:_LONGEST].lower()
    if len(line) > _LONGEST or not any(word in low for word in _WORDS):
        return None
    for sign in _CELL:
        cells = _cells(line, sign)
        names = [line[start:end] for start, end in cells]
        if not all(_NAME.fullmatch(name) for name in names):
            continue
        if len(names) < 2 and not _LABEL.search(before):  # noqa: PLR2004  # a table has more
            continue
        kinds = {n: kind for n, name in enumerate(names) if (kind := _kind(name.strip(' "*`')))}
        if kinds:
            return kinds, sign, len(cells)
    return None


def _value_of_two(line: str) -> Span | None:
    """Return the secret of a line `password,hunter2pw`, a value beside its label."""
    found = _TWO.fullmatch(line) if "," in line[:_LONGEST] else None
    if found is None or (kind := _kind(found[1])) is None:
        return None
    is_secret = _is_secret(found[2], kind) and not _COLUMN.fullmatch(found[2])
    return (*found.span(2), _told(kind)) if is_secret else None


def _cells(line: str, sign: str) -> list[tuple[int, int]]:
    found, at = [], 0
    while True:
        cell = _CELL[sign].match(line, at)
        end = at if cell is None else cell.end()
        found.append((at, end))
        if end == len(line) or line[end] not in sign:
            return found
        at = end + 1


def _kind(name: str) -> str | None:
    kind = kind_of(name) if " " not in name.strip() else None
    if kind == "token" and name.strip().lower() in _SHORT:
        return "auth"  # of texts, mostly: its values must be longer
    return None if kind in ("weak", "auth") else kind


def _is_secret(value: str, kind: str) -> bool:
    """Tell a secret from a label: a password looks like one, and a key has letters and digits."""
    word = value.strip(' "')
    return not is_placeholder(word) and not is_name(word) and looks_secret(word, kind)


def _told(kind: str) -> str:
    return "password" if kind == "password" else "key"
