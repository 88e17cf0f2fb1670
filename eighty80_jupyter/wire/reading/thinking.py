"""Reasoning that a model writes into its text, told from the answer. No I/O.

The forms: tags at the beginning of a reply (`<think>`, also unclosed), a lone `</think>` where the
prompt of the server opened the tag, and the channels of harmony. A tag anywhere else, or one that
is quoted, is text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator
from enum import Enum, auto

from eighty80_jupyter.wire.reading.joining import begun

# The tags of DeepSeek, Qwen and most others; of Magistral, Kimi, Seed, Cohere, Sky, Gemma, Apertus.
TAGS = {
    "<think>": "</think>",
    "<thinking>": "</thinking>",
    "<thought>": "</thought>",
    "<reasoning>": "</reasoning>",
    "[THINK]": "[/THINK]",
    "\u25c1think\u25b7": "\u25c1/think\u25b7",
    "<seed:think>": "</seed:think>",
    "<|START_THINKING|>": "<|END_THINKING|>",
    "<|begin_of_thought|>": "<|end_of_thought|>",
    "<|channel>thought": "<channel|>",
    "<|inner_prefix|>": "<|inner_suffix|>",
}
_LONE = ("</think>", "</thinking>", "</thought>", "</seed:think>", "<|END_THINKING|>")
# https://cookbook.openai.com/articles/openai-harmony
_HARMONY = ("<|channel|>", "<|start|>assistant")
_MARK = re.compile(r"<\|(?:start|channel|message|end|return|call)\|>")
_MARKS = ("<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|return|>", "<|call|>")
_LONGEST_HEAD = 500  # characters between two marks
_MOST_QUOTED = 16  # closing tags that are text; then the text is about them
_LINE = 400  # characters that are remembered to tell what is quoted
_FENCE = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)


class Kind(Enum):
    """What a piece of a reply is; BEFORE: all text so far was reasoning."""

    TEXT = auto()
    REASONING = auto()
    BEFORE = auto()


class _State(Enum):
    START = auto()  # nothing but spaces, or half a tag
    THINKING = auto()
    ANSWER = auto()  # after a tag was closed: spaces are left out
    WATCHING = auto()  # a text, in which a lone tag may come
    TEXT = auto()
    HEAD = auto()  # harmony, between two marks
    BODY = auto()


Piece = tuple[Kind, str]
# What a text brings, and at last what is left of it for another state.
Reading = Generator[Piece, None, str]


class ReasoningSplitter:
    """Tell the reasoning in a growing text from the rest.

    A text that says nothing of all this goes through piece by piece; held back is only what may
    become a tag, and at the beginning the spaces.
    """

    __slots__ = ("_channel", "_closer", "_held", "_last", "_lone", "_quoted", "_said", "_state")

    def __init__(self) -> None:
        self._state = _State.START
        self._closer = ""
        self._held = ""
        self._last = ""  # the last character of the reasoning so far
        self._lone = True  # whether a lone closing tag may come
        self._quoted = 0
        self._channel = ""  # of harmony: "analysis", "final" or "call"
        self._said = set[str]()  # the channels that have brought anything

    @property
    def settled(self) -> bool:
        """Whether a piece without a `<` can be passed on as text, as it is."""
        return not self._held and self._state in (_State.WATCHING, _State.TEXT)

    def no_lone_tag(self) -> None:
        """Take note that reasoning came in a field of its own: a closing tag is only text."""
        self._lone = False
        if self._state is _State.WATCHING:
            self._state = _State.TEXT

    def feed(self, piece: str, whole: Callable[[], str]) -> Iterator[Piece]:
        """Return what a piece brings. `whole` returns the text of the reply up to its end."""
        text, self._held = self._held + piece, ""
        while text:
            match self._state:
                case _State.START:
                    text = self._start(text)
                case _State.THINKING:
                    text = yield from self._think(text)
                case _State.ANSWER:
                    text = text.lstrip()
                    self._state = _State.TEXT if text else _State.ANSWER
                case _State.WATCHING:
                    text = yield from self._watch(text, whole)
                case _State.TEXT:
                    yield Kind.TEXT, text
                    return
                case _State.HEAD:
                    text = yield from self._head(text)
                case _State.BODY:
                    text = yield from self._body(text)
            if self._held:
                return

    def flush(self) -> Iterator[Piece]:
        """Return what was held back."""
        rest, self._held = self._held, ""
        if not rest or (self._state is _State.HEAD and _MARK.match(rest)):
            return
        if self._state is _State.THINKING:
            if not rest.startswith(self._closer) and rest.strip():
                yield Kind.REASONING, rest.rstrip()
        else:
            yield Kind.REASONING if self._in_analysis else Kind.TEXT, rest

    @property
    def _in_analysis(self) -> bool:
        return self._state is _State.BODY and self._channel == "analysis"

    def _start(self, text: str) -> str:
        begin = text.lstrip()
        for tag, closer in TAGS.items():
            if begin.startswith(tag):
                self._state, self._closer = _State.THINKING, closer
                return begin[len(tag) :]
        for closer in _LONE:
            if begin.startswith(closer):
                self._state = _State.ANSWER
                return begin[len(closer) :]
        if begin.startswith(_HARMONY):
            self._state = _State.HEAD
            return begin
        if not begin or any(tag.startswith(begin) for tag in (*TAGS, *_LONE, *_HARMONY)):
            self._held = text
            return ""
        # A JSON text is no reasoning, whatever stands in its strings.
        watch = self._lone and begin[0] not in "{["
        self._state = _State.WATCHING if watch else _State.TEXT
        return text

    def _think(self, text: str) -> Reading:
        closer = self._closer
        if not self._last:
            text = text.lstrip()
        place = text.find(closer)
        while place >= 0:
            mark = text[place - 1] if place else self._last
            after = text[place + len(closer) : place + len(closer) + 1]
            if not mark or mark not in "\"'`":
                break
            if not after:  # the next character tells whether it is quoted
                if text[:place]:
                    yield Kind.REASONING, text[:place]
                    self._last = text[place - 1]
                self._held = text[place:]
                return ""
            if after != mark:
                break
            place = text.find(closer, place + 1)
        if place >= 0:
            if thought := text[:place].rstrip():
                yield Kind.REASONING, thought
            self._state = _State.ANSWER
            return text[place + len(closer) :]
        end = len(text[: len(text) - begun(text, (closer,))].rstrip())
        if end:
            yield Kind.REASONING, text[:end]
            self._last = text[end - 1]
        self._held = text[end:]
        return ""

    def _watch(self, text: str, whole: Callable[[], str]) -> Reading:
        """Pass a text on up to a lone closing tag."""
        at = 0
        while (found := _first(text, _LONE, at)) is not None:
            place, closer = found
            before = whole().removesuffix(text) + text[:place]
            opener = next((tag for tag, end in TAGS.items() if end == closer), closer)
            if opener in before or _is_quoted(before) or _in_code(before):
                self._quoted += 1
                at = place + len(closer)
                if self._quoted == _MOST_QUOTED:
                    self._state = _State.TEXT
                    return text
                continue
            if text[:place]:
                yield Kind.TEXT, text[:place]
            yield Kind.BEFORE, ""
            self._state = _State.ANSWER
            return text[place + len(closer) :]
        end = len(text) - begun(text[at:], _LONE)
        if end:
            yield Kind.TEXT, text[:end]
        self._held = text[end:]
        return ""

    def _head(self, text: str) -> Reading:
        """Read `<|start|>assistant<|channel|>final<|message|>`, or what is there of it."""
        place = text.find("<|message|>")
        if place < 0:
            if len(text) <= _LONGEST_HEAD:
                self._held = text
                return ""
            self._state = _State.TEXT
            return text
        head = text[: place + len("<|message|>")]
        if " to=" in head or "to=functions" in head:
            # A call; it stays as it is written, for whoever reads calls.
            self._channel = "call"
            yield Kind.TEXT, head
        else:
            self._channel = "analysis" if "<|channel|>analysis" in head else "final"
            if self._channel in self._said:
                yield Kind.REASONING if self._channel == "analysis" else Kind.TEXT, "\n\n"
        self._state = _State.BODY
        return text[len(head) :]

    def _body(self, text: str) -> Reading:
        mark = _MARK.search(text)
        end = len(text) - begun(text, _MARKS) if mark is None else mark.start()
        if end:
            yield Kind.REASONING if self._in_analysis else Kind.TEXT, text[:end]
            self._said.add(self._channel)
        if mark is None:
            self._held = text[end:]
            return ""
        self._state = _State.HEAD
        if mark[0] in ("<|start|>", "<|channel|>"):
            return text[end:]
        if self._channel == "call":
            yield Kind.TEXT, mark[0]
        return text[mark.end() :]


def _first(text: str, tags: tuple[str, ...], at: int) -> tuple[int, str] | None:
    places = [(place, tag) for tag in tags if (place := text.find(tag, at)) >= 0]
    return min(places, default=None)


def _is_quoted(before: str) -> bool:
    """Tell whether what comes after this text stands in quotes or in a code span."""
    line = before[-_LINE:].rpartition("\n")[2]
    if line.count("`") % 2:
        return True
    last = line[-1:]
    if last == '"':
        return line.count('"') % 2 == 1
    if last == "'":
        return not line[-2:-1].isalnum()
    return last in ("\u201c", "\u2018", "\u00ab", "\u201e", "\\")


def _in_code(before: str) -> bool:
    """Tell whether what comes after this text stands in a fence of code."""
    return len(_FENCE.findall(before)) % 2 == 1
