"""One answer among the outputs of a cell: frozen blocks, and the tail that is drawn again."""

from __future__ import annotations

from eighty80_jupyter.notebook.cell.growing_text import GrowingText
from eighty80_jupyter.notebook.cell.outputs import Output, Page, columns_html, folded
from eighty80_jupyter.notebook.cell.views import values
from eighty80_jupyter.notebook.markdown.latex import latex
from eighty80_jupyter.notebook.markdown.render import render
from eighty80_jupyter.notebook.markdown.source import closed, quoted

MAX_OUTPUTS = 20  # JupyterLab hides what comes after 50, and a cell may hold several replies


class Columns:
    """Several answers in one output, side by side where the page is wide enough."""

    def __init__(self, page: Page) -> None:
        self.output = Output(page)
        self._answers: dict[int, tuple[str, str, str]] = {}

    def put(self, number: int, html: str, text: str, markdown: str = "") -> None:
        """Take what answer `number` shows by now, as `Output.html` has it; `draw` shows all."""
        self._answers[number] = html, text, markdown or text

    def draw(self, *, final: bool = False) -> None:
        """Draw all answers."""
        answers = sorted(self._answers.items())
        if answers:
            html = columns_html([(f"Answer {number}", html) for number, (html, *_) in answers])
            text = "\n\n".join(f"Answer {number}: {text}" for number, (_, text, _) in answers)
            said = "\n\n".join(f"**Answer {number}**\n\n{md}" for number, (*_, md) in answers)
            self.output.html(html, text, partial=not final, markdown=said)


class Answer:
    """One answer on the page: what was thought, frozen blocks, and the tail.

    `number` is None where it is the only one; `columns` is what it stands in beside others, None
    where each has an output of its own.
    """

    def __init__(self, page: Page, number: int | None, columns: Columns | None = None) -> None:
        self._columns = columns
        self._page = page
        self._number = number
        self._text = GrowingText()
        self._frozen: list[Output] = []
        self.used_again = False
        self._thought_output = Output(page)
        self._output = Output(page)
        self._begin()

    @property
    def shown(self) -> bool:
        """Whether something of it is on the page."""
        columns = self._columns is not None and self._columns.output.shown
        return columns or self._output.shown or self._thought_output.shown

    def withdraw(self, said: str = "") -> None:
        """Take the text back, as far as it is no block of its own yet: it was a call.

        What was `said` before it stays.
        """
        if self._thoughts.length:
            self._draw_thoughts()
        said = said[self._text.length - len(self._text.tail) :]
        self._begin()
        if said.strip():
            self._output.markdown(said)
            self._output = Output(self._page)
        self._output.quiet("The model wrote a call as text:")

    def restart(self) -> str:
        """Forget all of it, and begin again in the same outputs; return what the text was."""
        text = self._text.tail
        self._begin()
        self.used_again = True
        for output in (self._thought_output, self._output):
            if output.shown:
                output.html("", "")
        return text

    def text_was_thought(self) -> None:
        """Take all of the text so far as what the model thought; the text begins anew."""
        outputs = [*self._frozen, self._output]
        self.add_thought(self._text.whole.strip())
        self._text = GrowingText()
        self._frozen = []
        if self._number is None and outputs[0].shown:
            # In the place of the text, which what comes now stands below.
            self._thought_output = outputs[0]
            for output in outputs[1:]:
                if output.shown:
                    output.html("", "")
            self._output = Output(self._page)
            self._draw_thoughts()

    def again(self) -> None:
        """Forget what came: another attempt takes its place in the same outputs."""
        self._begin()

    def _begin(self) -> None:
        self._text = GrowingText()
        self._frozen = []
        self._thoughts = GrowingText()  # never frozen: they are folded away as a whole

    def add_text(self, piece: str) -> None:
        """Take a piece of the text."""
        self._text.add(piece)

    def add_thought(self, piece: str) -> None:
        """Take a piece of what the model thinks."""
        self._thoughts.add(piece)

    def complete(self, text: str, reasoning: str) -> None:
        """Take what the events had not brought yet, as after an interrupt."""
        self._thoughts.complete(reasoning)
        self._text.complete(text)

    def draw(self, *, now: bool = False, final: bool = False) -> bool:
        """Draw what has changed, if enough has; in any case `now`. Return whether it has drawn."""
        whole = self._number is not None or self._page.count >= MAX_OUTPUTS
        thought = self._thoughts.grown if now else self._thoughts.due(whole=True)
        text = self._text.grown if now else self._text.due(whole=whole)
        if final:
            thought, text = self._thoughts.length > 0, self._text.length > 0
        if self._number is not None:
            if thought or text or not self.shown:
                self._draw_whole(final=final)
                return True
            return False
        if thought:
            self._draw_thoughts(final=final)
        if text:
            self._draw_text(final=final)
        return thought or text

    def _draw_text(self, *, final: bool) -> None:
        text = self._text
        while self._page.count < MAX_OUTPUTS and (frozen := text.freeze()) is not None:
            self._output.markdown(frozen, references=text.references)
            self._frozen.append(self._output)
            self._output = Output(self._page)
        tail = text.tail
        if final and not self._frozen and not self._page.markdown and self._draw_json(tail):
            text.drawn()
            return
        if tail:
            self._output.markdown(tail, references=text.references, partial=not final)
        text.drawn()

    def _draw_json(self, text: str) -> bool:
        """Draw an answer that is JSON as such; return whether it is."""
        value = values.json_of(text)
        if value is None:
            return False
        markdown = values.json_markdown(value)
        self._output.html(values.json_html(value, text), text, markdown=markdown)
        return True

    def _draw_thoughts(self, *, final: bool = False) -> None:
        thoughts = self._thoughts.tail
        typeset = ""
        if final and self._page.latex:
            typeset = latex(quoted(f"**Reasoning**\n\n{closed(thoughts)}"))
        self._thought_output.html(
            folded(thoughts, images=self._page.images), f"Reasoning: {thoughts}", latex=typeset
        )
        self._thoughts.drawn()

    def _draw_whole(self, *, final: bool) -> None:
        text, thoughts = self._text.tail, self._thoughts.tail
        if self._columns is not None and self._number is not None:
            above = folded(thoughts, images=self._page.images) if thoughts else ""
            html, shown, markdown = self._seen(final=final)
            self._columns.put(self._number, above + html, shown, markdown)
            self._text.drawn()
            self._thoughts.drawn()
            return
        above = f"<h6>Answer {self._number}</h6>"
        if thoughts:
            above += folded(thoughts, images=self._page.images)
        title = f"Answer {self._number}"
        self._output.markdown(text, above=above, partial=not final, title=title)
        self._text.drawn()
        self._thoughts.drawn()

    def _seen(self, *, final: bool) -> tuple[str, str, str]:
        """Return what a column shows of it by now, as HTML, as text, and in the end as Markdown."""
        text, images = self._text.tail, self._page.images
        if final:
            html = values.answer_html(text, allow_images=images)
            return html, text, values.answer_markdown(text)
        return render(text, partial=True, allow_images=images), text, ""
