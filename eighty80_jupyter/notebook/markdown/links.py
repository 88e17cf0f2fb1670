"""The parts of links: destinations, titles, labels, and where a link may lead.

CommonMark, sections 2.4, 2.5 and 6.3.
"""

from __future__ import annotations

import html.entities
import re
import sys

from eighty80_jupyter.notebook.markdown.html import web_address

# A label, folded -> where it leads, and the title.
References = dict[str, tuple[str, str]]

PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
ENTITY = re.compile(r"&(?:#([0-9]{1,7}|[xX][0-9A-Fa-f]{1,6})|([A-Za-z][A-Za-z0-9]{1,31}));")
AUTOLINK = re.compile(r"<([A-Za-z][A-Za-z0-9+.\-]{1,31}:[^<>\x00-\x20]*+)>")
MAIL = re.compile(
    r"<([A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]++@[A-Za-z0-9][A-Za-z0-9-]{0,62}(?:\.[A-Za-z0-9-]{1,63})*+)>"
)
LABEL = re.compile(r"\[((?:[^\\\[\]]|\\.){0,999}+)\]", re.DOTALL)
# What follows the text of a link that is still being written, up to the end of the text.
HALF_LINK = re.compile(
    r"\([ \t\n]*+(?:<[^<>\n]*+>?|[^\s<]*+)(?:[ \t\n]++(?:[\"'(].*+)?)?\Z", re.DOTALL
)

_ESCAPE = re.compile(rf"\\([!-/:-@\[-`{{-~])|{ENTITY.pattern}")
_POINTED = re.compile(r"<((?:[^\\<>\n]|\\.)*+)>")
_TITLE = re.compile(
    r'"((?:[^\\"]|\\.)*+)"|\'((?:[^\\\']|\\.)*+)\'|\(((?:[^\\()]|\\.)*+)\)', re.DOTALL
)
_SPACE = re.compile(r"[ \t\n]*+")
_PARENTHESES = 32  # within one another, in a destination
_NOT_A_LINK = re.compile(r"\s*(?:vbscript|javascript|file|data):", re.IGNORECASE)
_PICTURE = re.compile(r"data:image/(?:gif|png|jpeg|webp);base64,[A-Za-z0-9+/=]+")
_SHOWN = 100  # characters of an image's address
_ALT = 1000  # characters of its description
# Code points that a reference to a character must not name; it gives U+FFFD then.
_NO_CHARACTERS = (
    *(range(0x9), [0xB], range(0xE, 0x20), range(0x7F, 0xA0)),
    *(range(0xD800, 0xE000), range(0xFDD0, 0xFDF0)),
)


def unescape(text: str) -> str:
    r"""Resolve `\*` and `&amp;`, as in a link's destination and title."""
    return _ESCAPE.sub(lambda match: match[1] or _character(match[2], match[3]) or match[0], text)


def entity(match: re.Match[str]) -> str:
    """Return what an `ENTITY` stands for; itself, if it is none."""
    return _character(match[1], match[2]) or match[0]


def _character(number: str | None, name: str | None) -> str | None:
    if number is None:
        return html.entities.html5.get(f"{name};")
    code = int(number[1:], 16) if number[0] in "xX" else int(number)
    wrong = code > sys.maxunicode or any(code in codes for codes in _NO_CHARACTERS)
    return "\ufffd" if wrong else chr(code)


def fold(label: str) -> str:
    """Return what two labels have in common that mean the same reference."""
    return " ".join(label.split()).casefold()


def skip_space(text: str, start: int) -> int:
    """Return the position behind white space."""
    match = _SPACE.match(text, start)
    return match.end() if match else start


def destination_at(text: str, start: int) -> tuple[str, int] | None:
    """Read a link's destination: what it is and where it ends."""
    if text.startswith("<", start):
        match = _POINTED.match(text, start)
        return (unescape(match[1]), match.end()) if match else None
    depth, end = 0, start
    while end < len(text) and text[end] > " " and text[end] != "\x7f":
        character = text[end]
        if character == "\\" and text[end + 1 : end + 2] in PUNCTUATION:
            end += 1
        elif character == "(":
            depth += 1
            if depth > _PARENTHESES:
                return None
        elif character == ")":
            if not depth:
                break
            depth -= 1
        end += 1
    return (unescape(text[start:end]), end) if end > start and not depth else None


def title_at(text: str, start: int) -> tuple[str, int] | None:
    """Read a link's title: what it is and where it ends."""
    match = _TITLE.match(text, start)
    return (unescape(match[1] or match[2] or match[3] or ""), match.end()) if match else None


def target_at(text: str, start: int) -> tuple[str, str, int] | None:
    """Read `destination "title")` behind the parenthesis: the two, and where the link ends."""
    position = skip_space(text, start)
    destination, title = "", ""
    if found := destination_at(text, position):
        destination, position = found
        after = skip_space(text, position)
        if after > position and (titled := title_at(text, after)):
            title, after = titled[0], skip_space(text, titled[1])
        position = after
    return (destination, title, position + 1) if text.startswith(")", position) else None


def link_to(destination: str, title: str = "") -> dict[str, str] | None:
    """Return the attributes of a link, or `None` if the link must stay text.

    Only http, https and mailto are followed. Any other destination, such as a relative one, is
    shown as the title.
    """
    if _NOT_A_LINK.match(destination):
        return None
    href = web_address(destination)
    if href is None:
        return {"title": title or destination} if destination else {}
    link = {"href": href, "target": "_blank"}
    return link | {"title": title} if title else link


def picture_at(destination: str) -> str | None:
    """Return the address of an image that may be loaded: http, https, or `data:` with pixels."""
    if _PICTURE.fullmatch(destination):
        return destination
    address = web_address(destination)
    return address if address and not address.lower().startswith("mailto:") else None


def image_label(alt: str, destination: str) -> str:
    """Return the text that stands for an image which is not loaded."""
    shown = _shorten(destination, _SHOWN)
    return " ".join(filter(None, ("🖼", _shorten(alt, _ALT), f"({shown})" if shown else "")))


def _shorten(text: str, length: int) -> str:
    return text if len(text) <= length else text[:length] + "…"
