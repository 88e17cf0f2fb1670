"""Take secrets out of what is sent: `[redacted: NAME]` stands for each.

Three kinds: the values of environment variables whose names say that they are secret, our own key,
and texts of a form that only a secret has. Ordinary text (hashes, UUIDs, pictures in base64, the
word "password") stays. Each pattern is looked for only where a fixed word of it occurs, begins at
that word, and never steps back: the time is linear in the text.
"""

from __future__ import annotations

import base64
import html
import json
import os
import re
from collections import ChainMap, UserDict
from collections.abc import Iterable, Mapping, MappingView
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, quote_plus

from eighty80_jupyter.prompt.secrets import named, tables
from eighty80_jupyter.prompt.secrets.clients import CLIENT_PATTERNS, cookies
from eighty80_jupyter.prompt.secrets.patterns import PATTERNS, Pattern
from eighty80_jupyter.wire.secret import Secret

OWN_KEY = "API key"

_SHORTEST = 8  # characters of a variable's value
_SHORTEST_KEY = 4  # of our own key, as in `api.endpoint.without_secret`
_SECRET_NAME = re.compile("KEY|TOKEN|SECRET|PASS|PWD|CREDENTIAL|DSN")
# Words that hold one of those by accident, and the names of working directories.
_NO_SECRET_NAME = re.compile(
    r"KEYBOARD|KEYMAP|KEYCODE|KEYWORD|KEYSTROKE|KEYRING|MONKEY|DONKEY|TURKEY|HOCKEY|WHISKEY"
    r"|COMPASS|BYPASS|PASSIVE|PASSAGE|PASSENGER|PASSTHROUGH|PASSTHRU|TOKENI[SZ]|^(?:OLD)?PWD$"
)
_PLACE_NAME = re.compile(r"(?:FILES?|PATH|DIR|HOME|SOCK|FOLDER|ASKPASS)$")
_COUNT_NAME = re.compile(r"(?:^|_)(?:MAX|MIN|LIMIT|COUNT|SIZE|LENGTH|TIMEOUT|TTL|BUDGET)(?:_|$)")
STUB = 8  # characters of a value by which a cut one is found
_PLACE = re.compile(r"[/~]|\.\.?/|[A-Za-z]:[\\/]")
_CUT = ("…", "...", "[…", " […", "\n[…")  # what stands where a description was cut
_COPIES = (dict, UserDict, ChainMap, MappingProxyType)  # others may read a file for each item
_FEW = 3  # values alone, of which fewer are no environment
_LISTS = {list, tuple, set, frozenset}
_BROKEN = 12  # characters of a value that is also found where a line end breaks it up
# A line end within a word: with what may continue, indent or quote the lines.
BREAK = r"(?:[\"']?[ \t]*(?:\\?\r?\n|\\+(?:r\\+)?n)[ \t>|#]*[\"']?)"
_URL_SAFE = str.maketrans("+/", "-_")
_MANY = 10_000  # entries; an environment has fewer


@dataclass(frozen=True, slots=True)
class Known:
    """A secret that is known: its name, its value, and the forms that the value may come in."""

    name: str
    value: str
    forms: tuple[str, ...]


class Redactor:
    """Takes secrets out of texts.

    `environ` is read again at each use, and `key` may be set anew. Variables count as secret whose
    names say KEY, TOKEN, SECRET, PASS, PWD, CREDENTIAL or DSN (but for KEYBOARD, COMPASS and the
    like), with at least 8 characters and no path of a file: that hides nothing, and every mention
    of the project's folder would go.
    """

    def __init__(self, environ: Mapping[str, str], key: Secret | None = None) -> None:
        self._environ = environ
        self.key = key
        self._state: tuple[tuple[str, str], ...] | None = None
        self._known: tuple[Known, ...] = ()

    def __repr__(self) -> str:
        return f"<Redactor: {len(self.known())} known secrets, {len(PATTERNS)} patterns>"

    def __call__(self, text: str) -> str:
        """Return `text` without secrets."""
        return self.redact(text)[0]

    def redact(
        self, text: str, known: tuple[Known, ...] | None = None
    ) -> tuple[str, tuple[str, ...]]:
        """Return `text` without secrets, and the names of those that were in it.

        `known` are the secrets as `known` returned them; None: those of now.
        """
        found: dict[str, None] = {}
        known = self.known() if known is None else known
        text = _without_known(text, known, found)
        for pattern in (*PATTERNS, *CLIENT_PATTERNS):
            if any(word in text for word in pattern.words):
                text = _without_pattern(text, pattern, found)
        return _without_named(text, found), tuple(found)

    def is_environment(self, value: Any) -> bool:
        """Tell whether `value` is the environment, a view or a copy of it, or most of one.

        A copy may be a dictionary, pairs, lines such as "NAME=value", or the values alone.
        """
        try:
            value = _viewed(value)
            if value is self._environ or isinstance(value, type(os.environ)):
                return True
            own: dict[Any, str] = dict(self._environ)
            copy = _pairs(value)
            shared = sum(own.get(name) == content for name, content in copy)
            if not copy and type(value) in _LISTS and 0 < len(value) <= _MANY:
                shared = len({item for item in value if isinstance(item, str)} & {*own.values()})
                own = dict.fromkeys(own.values(), "")
                shared *= shared >= _FEW
        except Exception:  # noqa: BLE001  # a foreign value may raise anything; then it is none
            return False
        return bool(0 < len(own) <= 2 * shared)

    def known(self) -> tuple[Known, ...]:
        """Return the secrets that are known now, the longest first."""
        state = tuple(
            (name, value)
            for name, value in self._environ.items()
            if len(value) >= _SHORTEST and _says_secret(name)
        )
        own = self.key.reveal() if self.key else ""
        state += ((OWN_KEY, own),) if len(own) >= _SHORTEST_KEY else ()
        if state != self._state:
            secrets: dict[str, str] = {}
            for name, value in state:
                if name == OWN_KEY or not _is_no_secret(name, value):
                    secrets.setdefault(value.strip(), name)
            known = [Known(name, value, _forms(value)) for value, name in secrets.items()]
            self._known = tuple(sorted(known, key=lambda secret: -len(secret.value)))
            self._state = state
        return self._known


def environment_names(value: Any) -> list[str]:
    """Return the sorted names of an environment, of a view or a copy of one."""
    value = _viewed(value)
    if type(value) not in _LISTS:
        names = list(value)
    elif 2 * len(copy := _pairs(value)) > len(value):  # some values have a "=", too
        names = [name for name, _ in copy]
    else:
        names = [name for name, content in os.environ.items() if content in value]
    return sorted(os.fsdecode(name) for name in names)


def _viewed(value: Any) -> Any:
    """Return the mapping of a view: `environ.items()` shows the values too."""
    if isinstance(value, MappingView):
        return getattr(value, "mapping", None) or getattr(value, "_mapping", value)
    return value


def _pairs(value: Any) -> list[tuple[str, Any]]:
    """Return the names and values in a copy of an environment; nothing for other values."""
    if isinstance(value, _COPIES) and len(value) <= _MANY:
        return [(name, content) for name, content in value.items() if isinstance(content, str)]
    if type(value) not in _LISTS or len(value) > _MANY:
        return []
    lines = [item.partition("=")[::2] for item in value if isinstance(item, str) and "=" in item]
    pairs = [item for item in value if isinstance(item, (tuple, list)) and len(item) == 2]  # noqa: PLR2004  # a pair
    return [(name, content) for name, content in [*lines, *pairs] if isinstance(name, str)]


def _says_secret(name: str) -> bool:
    return _SECRET_NAME.search(_NO_SECRET_NAME.sub("", name.upper())) is not None


def _is_no_secret(name: str, value: str) -> bool:
    """Tell whether a value hides nothing: a path of a file, a number of something, a short word."""
    value, name = value.strip(), name.upper()
    if _COUNT_NAME.search(name) and re.fullmatch(r"[\d.,_]+", value):
        return True
    if len(value) < _SHORTEST:
        return True
    if _PLACE.match(value) is None:
        return False
    if _PLACE_NAME.search(name):
        return True
    with suppress(OSError, RuntimeError, ValueError):  # too long, or no home: then it is no path
        return Path(value.split(os.pathsep)[0]).expanduser().exists()
    return False


def _forms(value: str) -> tuple[str, ...]:
    """Return how a value may look in a text: as it is, escaped, in an address, in base64."""
    raw = value.encode("utf-8", "surrogatepass")
    # In base64 of `user:value` the value begins at any of three places within four letters.
    stems = [_stem(raw, offset) for offset in range(3)]
    encoded = [base64.b64encode(raw).decode("ascii"), *stems]
    forms = (
        value,
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        repr(value)[1:-1],
        value.replace('"', '""'),
        value.replace("|", r"\|"),
        html.escape(value),
        quote(raw, safe=""),
        quote(raw),
        quote_plus(raw),
        *(raw.hex(), raw.hex().upper(), raw.hex(" "), raw.hex(":")),
        *encoded,
        *(form.translate(_URL_SAFE) for form in encoded),
    )
    return tuple(dict.fromkeys(form for form in forms if len(form) >= min(len(value), _SHORTEST)))


def _stem(raw: bytes, offset: int) -> str:
    """Return the letters of base64 that a value alone decides, `offset` bytes after others."""
    first, last = -(-offset * 8 // 6), (offset + len(raw)) * 8 // 6
    return base64.b64encode(bytes(offset) + raw).decode("ascii")[first:last]


def _without_known(text: str, known: Iterable[Known], found: dict[str, None]) -> str:
    present: dict[str, str] = {}
    for secret in known:
        for form in secret.forms:
            if form in text:
                present.setdefault(form, secret.name)

    def mark(match: re.Match[str]) -> str:
        found[present[match[0]]] = None
        return f"[redacted: {present[match[0]]}]"

    if present:
        longest_first = sorted(present, key=len, reverse=True)
        text = re.sub("|".join(map(re.escape, longest_first)), mark, text)
    text = _without_broken(text, known, found)
    for secret in known:
        if len(secret.value) > STUB and secret.value[:STUB] in text:
            text = _without_stubs(text, secret, found)
    return text


def _without_broken(text: str, known: Iterable[Known], found: dict[str, None]) -> str:
    """Take out the secrets that a line end breaks up, as in a mail or in wrapped base64."""
    joined = re.sub(BREAK, "", text) if "\n" in text or "\\n" in text else text
    if len(joined) == len(text):
        return text
    for secret in known:
        for form in secret.forms:
            if len(form) >= _BROKEN and not form.isdigit() and form in joined:
                broken = f"{BREAK}?".join(map(re.escape, form))
                text, times = re.subn(broken, f"[redacted: {secret.name}]", text)
                if times:
                    found[secret.name] = None
    return text


def _without_stubs(text: str, secret: Known, found: dict[str, None]) -> str:
    """Take out the beginnings of a secret that was cut, as in the cell of a table."""
    pieces, done = [], 0
    least = max(STUB, min(len(secret.value) // 4, 2 * STUB))
    start = text.find(secret.value[:STUB])
    while start >= 0:
        written = text[start : start + len(secret.value)]
        same = takewhile(lambda pair: pair[0] == pair[1], zip(written, secret.value, strict=False))
        end = start + sum(1 for _ in same)
        if end - start >= least and text.startswith(_CUT, end):
            pieces += [text[done:start], f"[redacted: {secret.name}]"]
            found[secret.name] = None
            done = end
        start = text.find(secret.value[:STUB], end)
    return "".join(pieces) + text[done:]


def _without_named(text: str, found: dict[str, None]) -> str:
    pieces, done = [], 0
    for start, end, name in sorted({*named.spans(text), *cookies(text), *tables.spans(text)}):
        if start >= done:
            found[name] = None
            pieces += [text[done:start], f"[redacted: {name}]"]
            done = end
    return "".join(pieces) + text[done:]


def _without_pattern(text: str, pattern: Pattern, found: dict[str, None]) -> str:
    def mark(match: re.Match[str]) -> str:
        if not pattern.check(match):
            return match[0]
        found[pattern.name] = None
        start, end = (at - match.start() for at in match.span(pattern.group))
        return f"{match[0][:start]}[redacted: {pattern.name}]{match[0][end:]}"

    return pattern.regex.sub(mark, text)
