"""`*`, `_` and `~~`: which markers belong together.

CommonMark, section 6.2 and its appendix, as markdown-it does it. Each marker has its own token (two
tildes share one), which becomes a tag when the marker has found its partner.
"""

from __future__ import annotations

import enum
import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


class Kind(enum.Enum):
    """What a token becomes."""

    TEXT = enum.auto()
    CODE = enum.auto()
    BREAK = enum.auto()
    OPEN = enum.auto()  # `text` is the tag
    CLOSE = enum.auto()  # closes `partner`
    RAW = enum.auto()  # a tag that the text contains
    IMAGE = enum.auto()


@dataclass(slots=True, eq=False)
class Token:
    """A piece of a paragraph. Markers change their kind when they find a partner."""

    kind: Kind
    text: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    partner: Token | None = None
    match: re.Match[str] | None = None
    element: Element | None = None

    def become(self, tag: str, closing: Token) -> None:
        """Turn this token into the tag's start and `closing` into its end."""
        self.kind, self.text = Kind.OPEN, tag
        closing.kind, closing.text, closing.partner = Kind.CLOSE, tag, self


@dataclass(slots=True)
class Delimiter:
    """One marker that may open or close emphasis."""

    marker: str
    length: int  # of the whole run; 0 for tildes, which have no rule of three
    token: int
    opens: bool
    closes: bool
    within_word: bool
    end: int = -1  # the delimiter that closes this one


def run_of(text: str, start: int, end: int) -> tuple[bool, bool, bool]:
    """Tell of a run of markers whether it can open, can close, and stands behind a letter."""
    marker = text[start]
    before = text[start - 1] if start else " "
    after = text[end] if end < len(text) else " "
    space_before, space_after = before.isspace(), after.isspace()
    sign_before, sign_after = _is_sign(before), _is_sign(after)
    left = not space_after and (not sign_after or space_before or sign_before)
    right = not space_before and (not sign_before or space_after or sign_after)
    splits = marker != "_"
    opens = left and (splits or not right or sign_before)
    closes = right and (splits or not left or sign_after)
    return opens, closes, not (space_before or sign_before)


def _is_sign(character: str) -> bool:
    return unicodedata.category(character)[0] in "PS"


def pair(tokens: list[Token], delimiters: list[Delimiter]) -> None:
    """Find the partners among `delimiters` and turn their tokens into tags."""
    if len(delimiters) > 1:
        _match(delimiters)
        _strike(tokens, delimiters)
        _emphasise(tokens, delimiters)


def _match(delimiters: list[Delimiter]) -> None:
    # Where the search ends, by marker, by whether the closer can open, by length modulo three.
    bottom: dict[tuple[str, bool, int], int] = {}
    jumps: list[int] = []  # how many delimiters before this one need no second look
    header, last_token = 0, -2
    for index, closer in enumerate(delimiters):
        jumps.append(0)
        if delimiters[header].marker != closer.marker or last_token != closer.token - 1:
            header = index
        last_token = closer.token
        if not closer.closes:
            continue
        key = (closer.marker, closer.opens, closer.length % 3)
        candidate = first = header - jumps[header] - 1
        while candidate > bottom.get(key, -1):
            opener = delimiters[candidate]
            fits = opener.marker == closer.marker and opener.opens and opener.end < 0
            if fits and not _is_odd(opener, closer):
                jump = 0
                if candidate and not delimiters[candidate - 1].opens:
                    jump = jumps[candidate - 1] + 1
                jumps[index] = index - candidate + jump
                jumps[candidate] = jump
                closer.opens = opener.closes = False
                opener.end = index
                last_token = -2
                break
            candidate -= jumps[candidate] + 1
        else:
            bottom[key] = first


def _is_odd(opener: Delimiter, closer: Delimiter) -> bool:
    """Tell whether the rule of three keeps the two apart."""
    if not (opener.closes or closer.opens) or (opener.length + closer.length) % 3:
        return False
    return bool(opener.length % 3 or closer.length % 3)


def _strike(tokens: list[Token], delimiters: list[Delimiter]) -> None:
    lone: list[int] = []
    for opener in delimiters:
        if opener.marker == "~" and opener.end >= 0:
            end = delimiters[opener.end].token
            tokens[opener.token].become("s", tokens[end])
            if tokens[end - 1].kind is Kind.TEXT and tokens[end - 1].text == "~":
                lone.append(end - 1)
    # Of an odd number of tildes the first one is text; behind the word it belongs behind the tag.
    for start in reversed(lone):
        end = start
        while end + 1 < len(tokens) and (tokens[end + 1].kind, tokens[end + 1].text) == (
            Kind.CLOSE,
            "s",
        ):
            end += 1
        tokens[start], tokens[end] = tokens[end], tokens[start]


def _emphasise(tokens: list[Token], delimiters: list[Delimiter]) -> None:
    index = len(delimiters) - 1
    while index >= 0:
        opener = delimiters[index]
        if opener.marker != "~" and opener.end >= 0:
            before = delimiters[index - 1] if index else None
            end = tokens[delimiters[opener.end].token]
            if (
                before is not None
                and before.end == opener.end + 1
                and before.marker == opener.marker
                and before.token == opener.token - 1
                and delimiters[before.end].token == delimiters[opener.end].token + 1
            ):
                tokens[opener.token].become("strong", end)
                tokens[before.token].text = tokens[delimiters[before.end].token].text = ""
                index -= 1
            else:
                tokens[opener.token].become("em", end)
        index -= 1


def close_open_ones(tokens: list[Token], delimiters: list[Delimiter]) -> None:
    """Close at the text's end what is still open there: the text goes on, its end is on the way."""
    closing: list[Token] = []
    index = 0
    while index < len(delimiters):
        opener = delimiters[index]
        if opener.end >= 0:
            index = opener.end
        elif opener.opens and not opener.within_word:
            tag = "s" if opener.marker == "~" else "em"
            following = delimiters[index + 1] if index + 1 < len(delimiters) else None
            if (
                tag == "em"
                and following is not None
                and following.end < 0
                and (following.marker, following.token) == (opener.marker, opener.token + 1)
            ):
                tag = "strong"
                tokens[following.token].text = ""
                index += 1
            end = Token(Kind.CLOSE)
            tokens[opener.token].become(tag, end)
            closing.append(end)
        index += 1
    tokens.extend(reversed(closing))
