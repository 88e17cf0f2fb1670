"""Secrets that a name beside them gives away: assignments, parameters, settings, options.

What a value must look like depends on where it stands. In a query, a DSN or a line of an `.env`
file nearly anything is a secret; in prose and in code it must look like one, unlike the values of
`password: required` and `token=next_token`. Each head (a name and an operator) is looked at once,
within bounds: the time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from eighty80_jupyter.prompt.secrets.placeholders import (
    is_name,
    is_placeholder,
    is_varied,
    pieces_of,
    words_of,
)

Span = tuple[int, int, str]

_LAST = (
    r"(?i:pass(?:word|wort|wd|phrase|code)?|kennwort|pwd|pw|secret|(?:(?<=[_\W])|(?<=api)|(?<=access)"
    r"|(?<=private)|(?<=secret))key|token|auth)"
)
# What may follow the word that tells, as in TOKEN_2 and SECRET_KEY_BASE.
_AFTER = (
    r"(?:[_-]?\d{1,3}"
    r"|[_-](?i:prod|production|dev|test|stage|staging|live|base|main|old|new|value))?"
)
_HEAD = re.compile(
    rf"{_LAST}{_AFTER}(?![A-Za-z0-9_])\\?[\"']?\]?"
    r"([ \t]{0,8}(?::=|=>|=|:(?!:)|%3[Dd])[ \t]{0,8}|[ \t]{1,40}\|[ \t]{1,8}"
    r"|[ \t]{1,2}is(?::?[ \t]{1,2}))(?![=\s])"
)
_OPTION = re.compile(
    r"(?<![\w-])--?(?:[a-zA-Z]{1,20}-){0,3}"
    r"(?i:password|passwd|passphrase|token|secret|(?:api|access|secret)-?key|auth)(?=[ =])."
)
_NAME = re.compile(r"[\w.-]{0,60}\Z")
_SAID = re.compile(r"[^\s\"'`\\<>|{}\[\]]{1,300}")
_LONG = 100
_BARE = re.compile(r"[^\s\"'`\\,;&<>(){}\[\]|]{1,300}")
_QUERY = re.compile(r"(?:(?!%26)[^\s\"'`\\,;&<>(){}\[\]|#]){1,600}")
_WORD = re.compile(r"[^\s\"'`\\]{1,300}")
_REST = re.compile(r"([^\s\"'`\\]{1,300})[ \t]*(?=$|[\n\r\\\"]|[#;]\s)")
_LINE_START = re.compile(
    r"(?:^|[\n\r\"'`]|\\[nrt])[ \t]*(?:[-*>$%+#][ \t]+)?"
    r"(?:export |set |setx |env |ENV |ARG |declare -x |\$env:|-e |--env |--build-arg )?[\"']?\Z"
)
_CALLS = re.compile(r"\s{0,2}[(\[]|\.\w")
_CALL = re.compile(r"[A-Za-z_][\w.]*[(\[]")
_ATTRIBUTE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_VARIABLE = re.compile(r"_?[A-Za-z]+(?:_[A-Za-z]+)+")
_ENDS_IN_DIGITS = re.compile(r"[A-Za-z_]+\d{1,3}")
_COLOR = re.compile(r"#[0-9A-Fa-f]{3,8}|\d+(?:px|em|rem|pt|vh|vw|%|ms|s|[kKMG]i?B)?")
_TWO_WORDS = re.compile(r"(?i:api|access|secret|private|license)[ ]\Z")
_PARAMETER = re.compile(r"(?:[?&#]|%26|%3[fF])\Z")
_IN_DSN = re.compile(r"[^\s;\"'\\]{1,300}")
_DSN = re.compile(
    r"(?i:host(?:addr|name)?|user(?: id|name)?|uid|dbname|database|server|port|sslmode|login"
    r"|data source|initial catalog|driver|account|warehouse|dsn)"
    r"[ ]?=[ ]?[^\s;,(){}]{1,200}[; \t][ \t]?\Z"
)
_DSN_AFTER = re.compile(
    r"[;\s]\s?(?i:host(?:addr|name)?|user(?: id|name)?|uid|dbname|database|server|port|sslmode"
    r"|data source|initial catalog|driver|connect_timeout|account|warehouse)[ ]?=[ ]?[^\s;,()=]"
)
_SETTING = re.compile(
    r"[ \t]*(?:- )?[\w.-]{1,60}(?:[ \t]*=[ \t]*[^=\s(]\S*|:|:[ \t]+[^\s({].*)[ \t]*"
)
_SECTION = re.compile(r"[ \t]*\[[\w .:-]+\][ \t]*")

_PASSWORDS = ("password", "passwort", "kennwort", "passwd", "passphrase", "passcode", "pwd")
_SHORT = {"pass", "pw"}
_KEYS = words_of(
    """
    access account admin api apikey app application auth client consumer deploy encryption hmac jwt
    license master oauth private secret service shared signing storage subscription webhook write x
    """
)
# What is called a token and is none: places in a list, counts, and those of a tokenizer.
_NO_TOKENS = words_of(
    """
    audio bos bpe byte cached cancel cancellation change class cls completion continuation continue
    creation current cursor end eos extra fence first idempotency image input last lock mask max min
    next nonce num number output pad page pagination per prefix prev prompt reasoning request resume
    sep sequence special start starting stop sub suffix sync tokenizer total unk vocab word
    """
)
_SUFFIXES = words_of(
    """
    base dev live main new old prod production stage staging test value
    """
)


def spans(text: str) -> Iterator[Span]:
    """Yield where the secrets of named values stand, and what they are, in order."""
    passed = 0
    for head in _HEAD.finditer(text):
        start, end = head.start(), head.end()
        if start < passed:
            continue
        run = _BARE.match(text, end)
        if run is not None and run.end() - end > _LONG:
            passed = run.end()  # what stands in so long a word is a part of it
        before = text[max(0, start - 60) : start]
        found = _NAME.search(before)
        name = (found[0] if found else "") + text[start : head.start(1)].strip("\\\"']")
        first = start - len(found[0] if found else "")
        if text[first - 1 : first] == "%" and name[:2] in {"3F", "3f", "26"}:
            first, name = first + 2, name[2:]  # `?` and `&`, encoded
        kind = kind_of(name)
        if kind == "weak" and _TWO_WORDS.search(text[max(0, first - 9) : first]):
            kind = "key"
        if kind is None or name[0] == "." or text.startswith(('"', "'", '\\"'), end):
            continue  # a class of CSS; and a quoted value is looked at as a literal
        if (span := _value(text, name, kind, first, head)) is not None:
            yield *span, "password" if kind == "password" else "key"
    for option in _OPTION.finditer(text):
        value = _BARE.match(text, option.end())
        if value is None or value[0].startswith("-") or _CALLS.match(text, value.end()):
            continue
        kind = kind_of(option[0][:-1])
        if kind is None:
            continue
        if option[0][-1] == " " and re.search(r"[0-9!@#$%^&*]", value[0]) is None:
            continue
        if len(value[0]) > 3 and not is_placeholder(value[0]):  # noqa: PLR2004  # the shortest
            yield *value.span(), "password" if kind == "password" else "key"


def kind_of(name: str) -> str | None:
    """Return what a name says of its value: password, key, token or auth; None for nothing."""
    if name.upper() == "OLDPWD":
        return None  # the folder before
    pieces = pieces_of(name)
    while len(pieces) > 1 and (pieces[-1].isdigit() or pieces[-1] in _SUFFIXES):
        pieces.pop()
    if not pieces:
        return None
    last, before = pieces[-1], pieces[-2] if len(pieces) > 1 else ""
    if last.endswith(_PASSWORDS) or last in _SHORT:
        return "password"
    if last.endswith("secret"):
        return "key"
    if last == "key" or last.endswith(("apikey", "accesskey", "secretkey", "privatekey")):
        return "key" if last != "key" or before in _KEYS else "weak"
    if last.endswith("token"):
        stem = before if last == "token" else last.removesuffix("token")
        return None if stem in _NO_TOKENS else "token"
    return "auth" if last == "auth" else None


def _value(
    text: str, name: str, kind: str, start: int, head: re.Match[str]
) -> tuple[int, int] | None:
    """Return where the value after a head stands, if it is a secret."""
    end, operator = head.end(), head[1].strip()
    previous = text[max(0, start - 90) : start]
    if operator in {"=", "%3D", "%3d"} and _PARAMETER.search(previous):
        return _query(text, kind, end)
    if kind == "weak" and not (operator == "=" and name.isupper()):
        return None
    if (value := _dsn(text, previous, operator, end)) is not None:
        fits = not is_placeholder(value[0]) and not _is_code(text, value)
        return value.span() if fits else None
    quoted = text[head.start(1) - 1] in "\"'"
    if not quoted and _LINE_START.search(previous):
        shouted = operator == "=" and name.isupper()
        value = _WORD.match(text, end) if shouted else _REST.match(text, end)
        if value is not None:
            fits = _is_setting(text, value, kind, start, shouted=shouted)
            return value.span(value.re.groups) if fits else None
    value = (_BARE if "=" in operator or head[1] == ":" else _SAID).match(text, end)
    if value is None:
        return None
    begin, stop = _trimmed(text, value)
    word = text[begin:stop]
    if _is_code(text, value) or _ATTRIBUTE.fullmatch(word) or not looks_secret(word, kind):
        return None
    if previous.endswith(":") or (head[1] == ":" and previous.endswith((",", "{", "("))):
        return None  # a part of the path of a resource, and an object in code
    if operator == "is" and sum(letter.isdigit() for letter in word) < 2:  # noqa: PLR2004  # words
        return None
    before, after = previous.rstrip()[-1:], text[stop : stop + 1]
    if (before in {"(", ",", "{"} or after in {",", ")"}) and _ENDS_IN_DIGITS.fullmatch(word):
        return None  # the name of a variable
    return begin, stop


def _dsn(text: str, previous: str, operator: str, end: int) -> re.Match[str] | None:
    """Return the value of a word in a DSN: another one stands before or after it."""
    if "=" not in operator or (value := _IN_DSN.match(text, end)) is None:
        return None
    if value[0].endswith((",", ")")):
        return None  # the arguments of a call
    near = _DSN.search(previous) or _DSN_AFTER.match(text, value.end())
    return value if near else None


def _query(text: str, kind: str, end: int) -> tuple[int, int] | None:
    value = _QUERY.match(text, end)
    if value is None or is_placeholder(value[0]):
        return None
    least = {"password": 3, "weak": 16}.get(kind, 6)
    if len(value[0]) < least or (kind == "weak" and not is_varied(value[0], digits=3)):
        return None
    return _trimmed(text, value)


def _is_setting(text: str, value: re.Match[str], kind: str, start: int, *, shouted: bool) -> bool:
    """Tell whether a value on a line of its own, as in `.env`, INI and YAML, is a secret."""
    word = value[value.re.groups]
    if is_placeholder(word) or _is_code(text, value) or word[-1:] in {",", "{", "(", "["}:
        return False
    if kind in {"weak", "token", "auth"} and not shouted:
        return looks_secret(word, kind)
    if kind == "weak":
        return looks_secret(word, kind)
    if shouted and len(word) > 3:  # noqa: PLR2004  # the shortest
        return True
    if looks_secret(word, kind):
        return True
    least = 4 if word.isdigit() else 5
    return len(word) >= least and _COLOR.fullmatch(word) is None and _among_settings(text, start)


def _among_settings(text: str, start: int) -> bool:
    """Tell whether the line before or after is a setting too, so that this is a file of them."""
    window = text[max(0, start - 300) : start + 700].replace("\\n", "\n")
    here = text[max(0, start - 300) : start].replace("\\n", "\n").count("\n")
    lines = window.split("\n")
    near = [lines[at] for at in (here - 1, here + 1) if 0 <= at < len(lines) and lines[at].strip()]
    return any(_SETTING.fullmatch(line) or _SECTION.fullmatch(line) for line in near)


def looks_secret(word: str, kind: str) -> bool:
    """Tell whether a value looks like a secret wherever it stands."""
    if is_placeholder(word) or _COLOR.fullmatch(word):
        return False
    if kind == "password":
        return len(word) > 4 and is_varied(word)  # noqa: PLR2004  # shorter ones are words
    least = {"weak": 16, "auth": 12}.get(kind, 8)
    digits = sum(letter.isdigit() for letter in word)
    return len(word) >= least and digits > 1 and any(letter.isalpha() for letter in word)


def _is_code(text: str, value: re.Match[str]) -> bool:
    """Tell whether a value without quotes is a call, an attribute or a name."""
    word = value[value.re.groups]
    return (
        _CALLS.match(text, value.end()) is not None
        or (_ATTRIBUTE.fullmatch(word) is not None and not is_varied(word, digits=2))
        or _CALL.match(word) is not None
        or is_name(word)
        or (_VARIABLE.fullmatch(word) is not None and kind_of(word) is not None)
    )


def _trimmed(text: str, value: re.Match[str]) -> tuple[int, int]:
    """Return the span of a value without the full stop or the comma after it."""
    start, end = value.span()
    while end > start + 1 and text[end - 1] in ".,;:?)":
        end -= 1
    return start, end
