"""Cells of the notebook as context of a prompt: each as a block of data, within a budget."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from eighty80_jupyter.prompt.blocks import DataBlock, pieces
from eighty80_jupyter.prompt.describe.protocol import FieldReport
from eighty80_jupyter.prompt.describe.registry import describe
from eighty80_jupyter.prompt.run_cells import NOTHING, RunCell
from eighty80_jupyter.prompt.template.compose import block, defused, message_id
from eighty80_jupyter.prompt.template.prepare import PreparedPrompt
from eighty80_jupyter.prompt.template.render import Context
from eighty80_jupyter.prompt.tokens import estimate
from eighty80_jupyter.text import clean, counted

CODE, TEXT = "notebook cell", "Markdown cell"  # the types of the blocks

_WHOLE = 2**20  # characters of a source that are searched for secrets before they are cut
_LEAST = 40  # tokens; with fewer a cell says nothing


def with_cells(
    prepared: PreparedPrompt,
    cells: Sequence[RunCell],
    context: Context,
    *,
    sent: Collection[tuple[str, str]],
    budget: int,
) -> PreparedPrompt:
    """Return the prompt with the cells below it as blocks of data, the newest within `budget`.

    `sent` has type and content of the blocks that the model has been sent before: what is the same
    is not sent again. `budget` is in estimated tokens.
    """
    taken: dict[int, _Told] = {}
    known = left = 0
    rest = budget
    for cell in sorted(cells, key=lambda cell: cell.age, reverse=True):
        told = _told(cell, context)
        if (told.kind, told.text) in sent:
            known += 1
        elif left:
            left += 1
        elif told.tokens <= rest:
            taken[id(cell)] = told
            rest -= told.tokens
        else:
            left += 1
            if rest >= _LEAST and (shorter := _told(cell, context, rest)).tokens <= rest:
                taken[id(cell)] = shorter
                left -= 1
                rest = 0
    blocks = [taken[id(cell)] for cell in cells if id(cell) in taken]
    prepared = replace(
        prepared,
        cells=tuple(told.report for told in blocks),
        cells_note=_note(blocks, known=known, left=left),
    )
    if not blocks:
        return prepared
    heading = "Cells of my notebook, in their order:"
    if known:
        heading = "Cells of my notebook that are new or have changed:"
    key = context.key or b""
    mark = message_id(key, [str(prepared.content), *(told.text for told in blocks)])
    text = "\n".join([heading, "", *(block(t.name, t.kind, t.text, mark) for t in blocks)])
    content = prepared.content
    if isinstance(content, str):
        return replace(prepared, content=f"{content}\n\n{text}", has_data=True)
    return replace(prepared, content=(*content, {"type": "text", "text": text}), has_data=True)


def sent_cells(texts: Iterable[str]) -> set[tuple[str, str]]:
    """Return type and content of the cells in messages."""
    found = set()
    for text in texts:
        for piece in pieces(text) if "<data " in text else ():
            if isinstance(piece, DataBlock) and piece.kind in (CODE, TEXT):
                found.add((piece.kind, piece.content.removesuffix("\n")))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What a model is told of a cell; `text` is the content of its block."""

    name: str
    kind: str
    text: str
    cut: str
    redacted: tuple[str, ...]

    @property
    def tokens(self) -> int:
        return estimate(self.text)

    @property
    def report(self) -> FieldReport:
        return FieldReport(
            source=self.name,
            expression=self.name,
            kind=self.kind,
            summary=counted(self.text.count("\n") + 1, "line"),
            tokens=self.tokens,
            cut=self.cut,
            redacted=self.redacted,
            inline=False,
        )


def _told(cell: RunCell, context: Context, within: int | None = None) -> _Told:
    """Return what is told of a cell: source and result, as much of each as of a field.

    All of it together takes about the tokens `within`, where these are given.
    """
    redacted: dict[str, None] = {}
    cuts: list[str] = []

    def scrub(text: str) -> str:
        if context.redactor is None:
            return text
        text, names = context.redactor.redact(text)
        redacted.update(dict.fromkeys(names))
        return text

    def add(title: str, value: Any, most: int) -> None:
        kind, text, cut = _described(value, cell, context, most, scrub)
        named = f" ({kind})" if title == "result" else ""
        sections.append(f"--- {title}{named}\n{text}" if title else text)
        if cut:
            cuts.append(f"{title or 'source'}: {cut}")

    sections: list[str] = []
    most = context.budgets.field
    if within is not None:
        alone = cell.result is NOTHING and not cell.output.strip()
        most = within if alone else within * 2 // 5
    add("", cell.source.strip("\n").rstrip()[:_WHOLE], most)
    if cell.output.strip():
        add("output", cell.output.strip("\n").rstrip(), most // 2)
    if cell.result is not NOTHING:
        add("result", cell.result, most)
    if cell.error:
        sections.append(f"--- error\n{scrub(cell.error)}")
    return _Told(
        name=f"In[{cell.number}]" if cell.number else "Markdown",
        kind=CODE if cell.number else TEXT,
        text=clean(defused(scrub("\n".join(sections)))).rstrip("\n"),
        cut="; ".join(cuts),
        redacted=tuple(redacted),
    )


def _described(
    value: Any, cell: RunCell, context: Context, budget: int, scrub: Callable[[str], str]
) -> tuple[str, str, str]:
    """Return type, text and what was left out, as a field says it."""
    value = scrub(value) if type(value) is str and len(value) <= _WHOLE else value
    redactor = context.redactor
    if redactor is not None and redactor.is_environment(value):
        return "os.environ", f"{len(value)} environment variables", "their values"
    made = describe(
        value,
        name=f"Out[{cell.number}]",
        budget=max(budget, 1),
        registry=context.registry,
        scrub=scrub,
    )
    return made.kind, scrub(made.text), made.cut


def _note(blocks: Sequence[_Told], *, known: int, left: int) -> str:
    """Say how many cells were sent, for the last line."""
    tokens = sum(told.tokens for told in blocks)
    words = counted(len(blocks), "cell")
    words += f", {counted(tokens, 'token')}" if blocks else ""
    words += f", {known:,} sent before" if known else ""
    return words + (f", {left:,} older left out" if left else "")
