"""The text of one choice on its way to deltas. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from eighty80_jupyter.api.deltas import Delta, ReasoningDelta, TextDelta, TextWasReasoning
from eighty80_jupyter.wire.reading.joining import JoinedText, clean
from eighty80_jupyter.wire.reading.thinking import Kind, Piece, ReasoningSplitter

_PIECES = 1024
_SURE = 6  # characters of a secret word that hardly stand in another one


class AnswerText:
    """The text of a choice: halves of characters are joined, the key is cut out, reasoning told.

    `plain` tells that a piece in which neither `mark` nor `other_mark` stands, or `marks` finds
    nothing, can be passed on as it is, as nearly every one can; `pieces` takes it then. They are
    joined by `tidy`.
    """

    __slots__ = (
        "_blocks",
        "_choice",
        "_few",
        "_splitter",
        "_text",
        "_words",
        "mark",
        "marks",
        "other_mark",
        "pieces",
        "plain",
    )

    def __init__(self, choice: int, words: Sequence[str] = (), *, split_reasoning: bool) -> None:
        self._choice = choice
        self._words = words
        self._text = JoinedText(words)
        self._splitter = ReasoningSplitter() if split_reasoning else None
        self._blocks: list[str] = []
        self.pieces: list[str] = []
        firsts = sorted({word[0] for word in words} | ({"<"} if split_reasoning else set()))
        self._few = len(firsts) <= 2  # noqa: PLR2004  # as many as there are places for
        self.mark, self.other_mark = (firsts[0], firsts[-1]) if firsts else ("\0", "\0")
        self.marks = _marks(words, split_reasoning=split_reasoning).search
        self.plain = False

    def feed(self, piece: str, deltas: list[Delta]) -> None:
        """Take the next piece, and append what it brings."""
        if text := self._text.feed(piece):
            self._pass_on(text, deltas)
        settled = self._splitter is None or self._splitter.settled
        self.plain = settled and self._few and not self._text.held

    def flush(self, deltas: list[Delta]) -> None:
        """Append what was held back."""
        if rest := self._text.flush():
            self._pass_on(rest, deltas)
        if self._splitter is not None:
            self._append(self._splitter.flush(), deltas)

    def rest_of(self, whole: str, *, pieces: bool) -> str:
        """Return what a whole text has that has not come before.

        `pieces` tells that nothing has come in deltas, so that messages may be pieces themselves.
        """
        known = self._whole() + self._text.held
        if not known:
            return whole
        clean_whole: str = clean(whole, self._words)
        if clean_whole.startswith(known):
            return clean_whole[len(known) :]
        return whole if pieces else ""

    def is_all(self, text: str) -> bool:
        """Tell whether a text is all that has come before, in several pieces."""
        several = len(self._blocks) + len(self.pieces) > 1
        return several and text == self._whole() + self._text.held

    def has_reasoning(self) -> None:
        """Take note that reasoning came in a field of its own."""
        if self._splitter is not None:
            self._splitter.no_lone_tag()

    def tidy(self) -> None:
        """Join the pieces: a small string takes ten times the memory of its characters."""
        if len(self.pieces) >= _PIECES:
            self._blocks.append("".join(self.pieces))
            self.pieces.clear()

    def _whole(self) -> str:
        return "".join((*self._blocks, *self.pieces))

    def _pass_on(self, text: str, deltas: list[Delta]) -> None:
        self.pieces.append(text)
        if self._splitter is None:
            deltas.append(TextDelta(self._choice, text))
        else:
            self._append(self._splitter.feed(text, self._whole), deltas)

    def _append(self, pieces: Iterable[Piece], deltas: list[Delta]) -> None:
        for kind, text in pieces:
            match kind:
                case Kind.TEXT:
                    deltas.append(TextDelta(self._choice, text))
                case Kind.REASONING:
                    deltas.append(ReasoningDelta(self._choice, text))
                case Kind.BEFORE:
                    deltas.append(TextWasReasoning(self._choice))


def _marks(words: Sequence[str], *, split_reasoning: bool) -> re.Pattern[str]:
    """Return what finds a tag, a secret word, or an end that may become one."""
    forms = ["<"] if split_reasoning else []
    for word in words:
        forms += [re.escape(word[:length]) + r"\Z" for length in range(1, min(_SURE, len(word)))]
        forms.append(re.escape(word[:_SURE]))
    return re.compile("|".join(forms) or r"\0")
