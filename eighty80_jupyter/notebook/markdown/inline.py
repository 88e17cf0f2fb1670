"""What stands within a paragraph: emphasis, code, links, formulas. CommonMark, section 6, and `~~`.

One pass from left to right makes tokens; `]` and the end of the text turn earlier tokens into links
and emphasis (the specification's appendix, "An algorithm for parsing nested emphasis and links").
The time is linear.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

from eighty80_jupyter.notebook.markdown import math
from eighty80_jupyter.notebook.markdown.emphasis import (
    Delimiter,
    Kind,
    Token,
    close_open_ones,
    pair,
    run_of,
)
from eighty80_jupyter.notebook.markdown.html import BLOCK_TAGS, INLINE_TAGS, TAG, Writer
from eighty80_jupyter.notebook.markdown.links import (
    AUTOLINK,
    ENTITY,
    HALF_LINK,
    LABEL,
    MAIL,
    PUNCTUATION,
    References,
    entity,
    fold,
    image_label,
    link_to,
    picture_at,
    target_at,
)

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_PLAIN = re.compile(r"[^\\`*_~\[\]!<&$\n]+")
_RUN = re.compile(r"(.)\1*+", re.DOTALL)
_HALF_MARKERS = re.compile(r"[*_~`\\]+\Z")
_LABEL_LENGTH = 1000


@dataclass(slots=True)
class _Bracket:
    token: int
    position: int  # behind the bracket
    delimiters: int  # how many there were before
    image: bool


class _Reader:
    def __init__(self, text: str, references: References, *, images: bool, partial: bool) -> None:
        self._text = _HALF_MARKERS.sub("", text) if partial else text
        self._references = references
        self._images = images
        self._partial = partial
        self._position = 0
        self._tokens: list[Token] = []
        self._delimiters: list[Delimiter] = []
        self._brackets: list[_Bracket] = []
        self._dead = 0  # brackets below this one are in front of a link and cannot open another
        self._formulas = math.Formulas(self._text)
        self._backticks: dict[int, list[int]] | None = None
        self._comments = True

    def read(self) -> list[Token]:
        text = self._text
        while self._position < len(text):
            plain = _PLAIN.match(text, self._position)
            if plain:
                self._add(plain[0], plain.end())
            elif not self._special(text[self._position]):
                self._add(text[self._position], self._position + 1)
        pair(self._tokens, self._delimiters)
        if self._partial:
            close_open_ones(self._tokens, self._delimiters)
        return self._tokens

    def _special(self, character: str) -> bool:
        """Read what `character` introduces; `False` if it is only itself."""
        match character:
            case "*" | "_" | "~":
                return self._marker()
            case "\n":
                return self._newline()
            case "`":
                return self._code()
            case "[" | "!":
                return self._open_bracket()
            case "]":
                return self._close_bracket()
            case "<":
                return self._angle()
            case "&":
                return self._ampersand()
            case "$":
                return self._dollar()
            case _:
                return self._backslash()

    def _add(self, text: str, end: int, kind: Kind = Kind.TEXT) -> bool:
        self._tokens.append(Token(kind, text))
        self._position = end
        return True

    def _backslash(self) -> bool:
        start = self._position
        following = self._text[start + 1 : start + 2]
        if following == "\n":
            self._add("", start + 2, Kind.BREAK)
            self._skip_indent()
            return True
        if following in "([" and following and self._formula("\\" + following):
            return True
        if following in PUNCTUATION:
            return self._add(following, start + 2)
        return False

    def _dollar(self) -> bool:
        if self._text.startswith("$$", self._position):
            return self._formula("$$") or self._add("$$", self._position + 2)
        return self._formula("$")

    def _formula(self, opening: str) -> bool:
        start = self._position
        end = self._formulas.end(start, opening)
        if end is None:
            if not (self._partial and math.may_be_half(self._text, start, opening)):
                return False
            # What is on the way is drawn when it is whole: nobody reads half a formula's source.
            return self._add("", len(self._text))
        source = self._text[start:end]
        if math.is_safe(source):
            return self._add(f"{math.START}{source}{math.END}", end)
        return self._add(source, end, Kind.CODE)

    def _code(self) -> bool:
        text, start = self._text, self._position
        if self._backticks is None:
            self._backticks = {}
            for match in re.finditer("`+", text):
                self._backticks.setdefault(len(match[0]), []).append(match.start())
        run = _RUN.match(text, start)
        assert run  # noqa: S101  there is a backtick here
        length, inside = len(run[0]), run.end()
        ends = self._backticks.get(length, [])
        index = bisect_left(ends, inside)
        if index < len(ends):
            content = text[inside : ends[index]].replace("\n", " ")
            if content.strip(" ") and content[0] == content[-1] == " ":
                content = content[1:-1]
            return self._add(content, ends[index] + length, Kind.CODE)
        if self._partial:
            content = text[inside:].strip().replace("\n", " ")
            return self._add(content, len(text), Kind.CODE if content else Kind.TEXT)
        return self._add(run[0], inside)

    def _marker(self) -> bool:
        start = self._position
        run = _RUN.match(self._text, start)
        assert run  # noqa: S101  there is a marker here
        marker, length = run[1], len(run[0])
        width = 2 if marker == "~" else 1
        if length < width:
            return False
        if length % width:
            self._add(marker, start + 1)
        opens, closes, within_word = run_of(self._text, start, run.end())
        for _ in range(length // width):
            self._delimiters.append(
                Delimiter(
                    marker,
                    length if width == 1 else 0,
                    len(self._tokens),
                    opens,
                    closes,
                    within_word,
                )
            )
            self._add(marker * width, run.end())
        return True

    def _newline(self) -> bool:
        last = self._tokens[-1] if self._tokens else None
        kind = Kind.TEXT
        if last is not None and last.kind is Kind.TEXT and last.text.endswith(" "):
            if last.text.endswith("  "):
                kind = Kind.BREAK
            last.text = last.text.rstrip(" ")
        self._add("\n", self._position + 1, kind)
        self._skip_indent()
        return True

    def _skip_indent(self) -> None:
        while self._text[self._position : self._position + 1] in (" ", "\t"):
            self._position += 1

    def _ampersand(self) -> bool:
        match = ENTITY.match(self._text, self._position)
        return match is not None and self._add(entity(match), match.end())

    def _angle(self) -> bool:
        text, start = self._text, self._position
        for pattern, scheme in ((AUTOLINK, ""), (MAIL, "mailto:")):
            if match := pattern.match(text, start):
                attributes = link_to(scheme + match[1])
                if attributes is None:
                    return self._add(match[0], match.end())
                return self._link(attributes, match[1], match.end())
        if match := TAG.match(text, start):
            name = (match["open"] or match["close"]).lower()
            if name not in INLINE_TAGS and name not in BLOCK_TAGS:
                return self._add(match[0], match.end())
            self._tokens.append(Token(Kind.RAW, match=match))
            self._position = match.end()
            return True
        if self._comments and text.startswith("<!--", start):
            end = text.find("-->", start + 4)
            self._comments = end >= 0
            return self._comments and self._add(text[start : end + 3], end + 3)
        return False

    def _link(self, attributes: dict[str, str], label: str, end: int) -> bool:
        opening, closing = Token(Kind.TEXT, attributes=attributes), Token(Kind.TEXT)
        opening.become("a", closing)
        self._tokens += [opening, Token(Kind.TEXT, label), closing]
        self._position = end
        return True

    def _open_bracket(self) -> bool:
        opening = "[" if self._text[self._position] == "[" else "!["
        if not self._text.startswith(opening, self._position):
            return False
        end = self._position + len(opening)
        self._brackets.append(
            _Bracket(len(self._tokens), end, len(self._delimiters), image=opening == "![")
        )
        return self._add(opening, end)

    def _close_bracket(self) -> bool:
        if not self._brackets:
            return False
        bracket = self._brackets.pop()
        dead = len(self._brackets) < self._dead
        self._dead = min(self._dead, len(self._brackets))
        if dead and not bracket.image:
            return False
        found = self._target(bracket)
        if found is None:
            return False
        destination, title, end = found
        attributes = link_to(destination, title)
        if attributes is None and not bracket.image:
            return False
        inner = self._tokens[bracket.token + 1 :]
        pair(self._tokens, self._delimiters[bracket.delimiters :])
        del self._delimiters[bracket.delimiters :]
        if bracket.image:
            del self._tokens[bracket.token :]
            return self._image(_plain(inner), destination, title, end)
        for token in inner:
            if token.kind in (Kind.OPEN, Kind.CLOSE) and token.text == "a":
                token.kind, token.text = Kind.TEXT, ""  # a link within a link
        closing = Token(Kind.TEXT)
        opening = self._tokens[bracket.token]
        opening.attributes = attributes or {}
        opening.become("a", closing)
        self._tokens.append(closing)
        self._position = end
        self._dead = len(self._brackets)
        return True

    def _target(self, bracket: _Bracket) -> tuple[str, str, int] | None:
        """Read what follows `]`: destination, title, and where the link ends."""
        text, start = self._text, self._position + 1
        if text.startswith("(", start):
            inline = target_at(text, start + 1)
            if inline:
                return inline
            if self._partial and HALF_LINK.match(text, start):
                return "", "", len(text)
        if not self._references:
            return None
        label = LABEL.match(text, start)
        named = label[1] if label else ""
        if not named.strip():
            named = text[bracket.position : start - 1][:_LABEL_LENGTH]
        reference = self._references.get(fold(named))
        return (*reference, label.end() if label else start) if reference else None

    def _image(self, alt: str, destination: str, title: str, end: int) -> bool:
        picture = picture_at(destination) if self._images else None
        if picture:
            attributes = {"src": picture, "alt": alt} | ({"title": title} if title else {})
            self._tokens.append(Token(Kind.IMAGE, attributes=attributes))
            self._position = end
            return True
        link = link_to(destination, title)
        label = image_label(alt, destination)
        if link is None or "href" not in link:
            return self._add(label, end)
        return self._link(link, label, end)


def _plain(tokens: list[Token]) -> str:
    texts = (token.text for token in tokens if token.kind in (Kind.TEXT, Kind.CODE, Kind.BREAK))
    return "".join(texts).replace(math.START, "").replace(math.END, "")


def write(
    element: Element, text: str, references: References, *, images: bool, partial: bool
) -> list[Element]:
    """Write the Markdown `text` into `element`, which is empty; return the elements of code."""
    writer = Writer(element)
    codes: list[Element] = []
    for token in _Reader(text, references, images=images, partial=partial).read():
        match token.kind:
            case Kind.TEXT:
                writer.text(token.text)
            case Kind.CODE:
                code = writer.leaf("code", token.text)
                if code is not None:
                    codes.append(code)
            case Kind.BREAK:
                writer.leaf("br")
            case Kind.OPEN:
                token.element = writer.open(token.text, token.attributes)
            case Kind.CLOSE if token.partner:
                writer.close(token.partner.element)
            case Kind.IMAGE:
                image = writer.open("img", token.attributes)
                writer.close(image)
            case Kind.RAW if token.match:
                writer.tag(token.match)
    writer.flush()
    return codes
