"""One answer among the outputs of a cell: frozen blocks, and the tail that is drawn again."""

from __future__ import annotations

from eighty80_jupyter.notebook.cell.outputs import Output, Page, folded

FIRST_STEP = 16  # characters that must come before the second drawing
FREEZE_CHARACTERS = 1600
MAX_OUTPUTS = 20  # JupyterLab hides what comes after 50, and a cell may hold several replies


class Answer:
    """One answer on the page: what was thought, frozen blocks, and the tail.

    `number` is None where it is the only one.
    """

    def __init__(self, page: Page, number: int | None) -> None:
        from eighty80_jupyter.notebook.markdown.render import Splitter  # noqa: PLC0415  # the first reply

        self._page = page
        self._number = number
        self._splitter = Splitter()
        self._thoughts: list[str] = []
        self.used_again = False
        self._thought_output = Output(page)
        self._output = Output(page)
        self._length = self._drawn = 0  # characters of the text, and of it at the last drawing
        self._thought_length = self._thought_drawn = 0

    @property
    def shown(self) -> bool:
        """Whether something of it is on the page."""
        return self._output.shown or self._thought_output.shown

    def withdraw(self) -> None:
        """Take the text back, as far as it is no block of its own yet: it was a call."""
        if self._thoughts:
            self._draw_thoughts()
        self._begin()
        self._output.quiet("The model wrote a call as text:")

    def restart(self) -> str:
        """Forget all of it, and begin again in the same outputs; return what the text was."""
        text = self._splitter.tail
        self._begin()
        self.used_again = True
        for output in (self._thought_output, self._output):
            if output.shown:
                output.html("", "")
        return text

    def _begin(self) -> None:
        self._splitter = type(self._splitter)()
        self._thoughts.clear()
        self._length = self._drawn = self._thought_length = self._thought_drawn = 0

    def add_text(self, piece: str) -> None:
        """Take a piece of the text."""
        self._splitter.feed(piece)
        self._length += len(piece)

    def add_thought(self, piece: str) -> None:
        """Take a piece of what the model thinks."""
        self._thoughts.append(piece)
        self._thought_length += len(piece)

    def complete(self, text: str, reasoning: str) -> None:
        """Take what the events had not brought yet, as after an interrupt."""
        if len(reasoning) > self._thought_length:
            self.add_thought(reasoning[self._thought_length :])
        if len(text) > self._length:
            self.add_text(text[self._length :])

    def draw(self, *, now: bool = False, final: bool = False) -> bool:
        """Draw what has changed, if enough has; in any case `now`. Return whether it has drawn."""
        grown = self._thought_length - self._thought_drawn
        step = max(FIRST_STEP, self._thought_drawn // 2) if self._thought_drawn else 1
        thought = grown > 0 and (now or final or grown >= step)
        grown = self._length - self._drawn
        text = grown > 0 and (now or final or grown >= self._step())
        if final:
            thought, text = bool(self._thoughts), self._length > 0
        if self._number is not None:
            if thought or text or not self._output.shown:
                self._draw_whole(final=final)
                return True
            return False
        if thought:
            self._draw_thoughts()
        if text:
            self._draw_text(final=final)
        return thought or text

    def _step(self) -> int:
        """Return how many characters must come before the text is drawn again."""
        if not self._drawn:
            return 1
        if self._number is not None or self._page.count >= MAX_OUTPUTS:
            return max(FIRST_STEP, self._drawn // 2)
        return max(FIRST_STEP, int(min(0.6 * self._drawn, 0.8 * self._block())))

    def _block(self) -> int:
        """Return how long a piece must be to be frozen: the longer the text, the longer."""
        return max(FREEZE_CHARACTERS, self._length // 5)

    def _draw_text(self, *, final: bool) -> None:
        references = self._splitter.references
        while self._page.count < MAX_OUTPUTS:
            block = self._block()
            frozen = self._splitter.freeze(block, 2 * block)
            if frozen is None:
                break
            self._output.markdown(frozen, references=references)
            self._output = Output(self._page)
        tail = self._splitter.tail
        if tail:
            self._output.markdown(tail, references=references, partial=not final)
        self._drawn = self._length

    def _draw_thoughts(self) -> None:
        thoughts = "".join(self._thoughts)
        self._thought_output.html(
            folded(thoughts, images=self._page.images), f"Reasoning: {thoughts}"
        )
        self._thought_drawn = self._thought_length

    def _draw_whole(self, *, final: bool) -> None:
        text, thoughts = self._splitter.tail, "".join(self._thoughts)
        above = f"<h6>Answer {self._number}</h6>"
        if thoughts:
            above += folded(thoughts, images=self._page.images)
        named = f"Answer {self._number}: {text}"
        self._output.markdown(text, above=above, partial=not final, plain=named)
        self._drawn, self._thought_drawn = self._length, self._thought_length
