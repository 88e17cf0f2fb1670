r"""Text on its way in: whatever it comes from, it is text that can be sent, kept and shown.

A Python string can hold half of a surrogate pair: `os.fsdecode(b"f\xff")`, a JSON text with
`\ud800`, a string of JavaScript that was cut. UTF-8 cannot, and so neither can a request, a file,
a page or a database. Two halves that belong together are joined; any other becomes U+FFFD.

And how a message says what came, how many there are and which name was meant, as all rooms do it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def clean(text: str) -> str:
    """Return a text without halves of surrogate pairs; nearly always that is the text itself."""
    if type(text) is str and text.isascii():
        return text
    try:
        str.encode(text)
    except UnicodeEncodeError:
        return str.encode(text, "utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text if type(text) is str else str.__str__(text)


def clean_json(value: Any) -> Any:
    """Return plain values, as JSON knows them, with all texts in them cleaned."""
    return with_texts(value, clean)


def with_texts(value: Any, change: Callable[[str], str]) -> Any:
    """Return plain values, as JSON knows them, with all texts in them changed, the names too.

    Raises RecursionError for what is nested a thousand levels deep.
    """
    match value:
        case str():
            return change(value)
        case dict():
            return {
                with_texts(key, change): with_texts(item, change) for key, item in value.items()
            }
        case list():
            return [with_texts(item, change) for item in value]
        case tuple():
            return tuple(with_texts(item, change) for item in value)
    return value


def counted(number: int, noun: str) -> str:
    """Return a number of things in words: `1 row`, `1,000 rows`, `2 categories`."""
    if number == 1:
        return f"1 {noun}"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return f"{number:,} {noun[:-1]}ies"
    return f"{number:,} {noun}{'es' if noun.endswith(('s', 'x')) else 's'}"


def unknown(what: str, name: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    """Return the text for a name that is not in `known`, with the nearest that is."""
    longer = [other for other in known if len(name) > 3 and other.startswith(name)]  # noqa: PLR2004  # --temp
    close = longer if len(longer) == 1 else difflib.get_close_matches(name, list(known), n=1)
    return f"unknown {what} {name}" + (f"; did you mean {close[0]}?" if close else "")


def shown(value: Any) -> str:
    """Return a short form of `value` for a message: what came, cut where it is long."""
    try:
        text = value if isinstance(value, (int, float)) else repr(value)
    except Exception:  # noqa: BLE001  # a foreign repr may raise anything
        text = f"a {type(value).__name__}"
    text = " ".join(str(text).split())
    return text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004  # fits in the line
