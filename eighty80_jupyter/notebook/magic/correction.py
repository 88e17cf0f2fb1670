"""What `--fix` ends in: the corrected cell, how it differs from the one that failed, and its use.

The extension of JupyterLab shows the two buttons and does what they say (`lab/static/page.js`);
where it is not there, a line stands in their place.
"""

from __future__ import annotations

import difflib
import json
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from eighty80_jupyter.notebook.commands.code import PYTHON, cell_of
from eighty80_jupyter.notebook.commands.fix import LEFT_OUT, FailedCell, failed_cells
from eighty80_jupyter.notebook.markdown.page_text import QUIET, page_text, quiet_html

if TYPE_CHECKING:
    from eighty80_jupyter.api.code_blocks import CodeBlock
    from eighty80_jupyter.notebook.commands.context import CommandContext
    from eighty80_jupyter.notebook.run_cells import RunCells

_MOST_LINES = 2_000  # of a cell or block: comparing takes a time that grows with their product
_MOST_WORDS = 2_000  # the same
_WORD = re.compile(r"\w+|[^\w\s]")
_LEAST = 0.5  # of 2, the similarity of a block that corrects a cell
_COLOURS = {"-": "255, 82, 82", "+": "0, 160, 80"}
_STYLE = "margin: 0.5em 0; overflow-wrap: anywhere; white-space: pre-wrap"
_BUTTON = (
    "display: none; margin: 0 8px 0 0; padding: 2px 12px; font: inherit; cursor: pointer; "
    "border: 1px solid var(--jp-border-color1, #bdbdbd); border-radius: 3px; "
    "background: var(--jp-layout-color1, #fff); color: var(--jp-ui-font-color1, #212121)"
)
_NO_PAGE = "%chat --code puts the corrected code into a new cell."
_NOT_WHOLE = (
    "The cell was left as it is: the corrected code lacks a part of it that was not sent, lines of "
    "a long cell or a secret. %chat --code puts the code into a new cell."
)
_NO_REPLACING = (
    "No page is here that can replace a cell: that takes JupyterLab or Notebook 7, with "
    "eighty80_jupyter installed beside it. The corrected code comes in a new cell."
)
_MARK = re.compile(r"\[redacted: [^]]*\]")


@dataclass(frozen=True, slots=True)
class Correction:
    """The corrected `code` of a cell, and the code `before`, as they were sent and came back."""

    before: str
    code: str

    def lines(self) -> list[str]:
        """Return the difference as lines that begin with `-`, `+` or a blank; none: it is equal."""
        before, after = self.before.split("\n"), self.code.split("\n")
        found = list(difflib.unified_diff(before, after, n=3, lineterm=""))[2:]
        return ["…" if line.startswith("@@") else line for line in found][1:]

    def html(self) -> str:
        """Return the difference as safe HTML."""
        shown = "\n".join(map(_html, self.lines()))
        return f'<pre style="{_STYLE}">{shown}</pre>'

    def whole(self, cell: FailedCell) -> str | None:
        """Return the corrected cell with all that was not sent of it; None where that has no place.

        That is lines of a long one, and secrets.
        """
        sent, after, parts = self.before.split("\n"), self.code.split("\n"), cell.parts
        if len(sent) != len(parts):  # a secret of several lines
            return None
        lines: list[str] = []
        matcher = difflib.SequenceMatcher(None, sent, after, autojunk=False)
        for tag, start, end, other, other_end in matcher.get_opcodes():
            if tag == "equal":
                lines += parts[start:end]
            elif any(line.startswith(LEFT_OUT) for line in sent[start:end]):
                return None
            else:
                lines += after[other:other_end]
        whole = "\n".join(lines)
        return whole if set(_MARK.findall(whole)) <= set(_MARK.findall(cell.source)) else None


def show_correction(context: CommandContext, cells: RunCells) -> None:
    """Show below the reply to `--fix` how its code differs from the cell, and let it be used.

    `--code` takes that code, and so does `--replace`.
    """
    if context.reply is None or context.failure is None:
        return
    failed = failed_cells(context.failure, context.shell)
    scrubbed = context.session.requests.scrubbed  # a page that is saved has no more than was sent
    sent = {scrubbed(c.sent, allow_secrets=context.options.allow_secrets): c for c in failed}
    found = correction(list(sent), context.reply.code_blocks)
    lines = [] if found is None else found.lines()
    if found is None or not lines:
        if context.options.replace:
            context.say("No code in the reply corrects the cell, so nothing is replaced.")
        return
    context.corrected.reply, context.corrected.code = context.reply, found.code
    cell = sent[found.before]
    number, cell_id = cells.latest(cell.source)
    whole = found.whole(cell)
    change = {"cell": cell_id, "before": cell.source, "after": whole or ""}
    open_ = cell_id and whole is not None and found.before == cell.sent
    below = _below(change if open_ else None, found.code)
    context.show(found.html() + below, "\n".join(lines))
    if context.options.replace:
        _replace(context, cells, number, change)


def _below(change: Mapping[str, str] | None, code: str) -> str:
    """Return what stands below a difference: buttons, and what does the same without a page.

    A cell with secrets is not written into the page a second time, so it has no button.
    """
    buttons = {"Replace cell": change} if change else {}
    made = "".join(
        f'<button type="button" style="{_BUTTON}" data-e80="{_attribute(data)}">{name}</button>'
        for name, data in {**buttons, "New cell": {"after": code}}.items()
    )
    return f'<div style="{QUIET}">{made}<span>{page_text(_NO_PAGE)}</span></div>'


def _attribute(data: Mapping[str, str]) -> str:
    return escape(json.dumps(data).replace("$", r"\u0024"))  # nothing for MathJax


def _replace(
    context: CommandContext, cells: RunCells, number: int, change: Mapping[str, str]
) -> None:
    """Have the page replace the cell; where there is none that can, put the code into a new one."""
    if not change["after"]:
        context.say(_NOT_WHOLE)
        return
    show, name = context.shell.display_pub.publish, uuid.uuid4().hex

    def say(text: str, *, update: bool = True) -> None:
        data = {"text/html": quiet_html(text), "text/plain": text}
        show(data=data, transient={"display_id": name}, update=update)

    def done(it_is: bool) -> None:  # noqa: FBT001  # what the page says
        if it_is:
            say(f"Cell [{number}] is replaced; to undo that, undo in that cell.")
        else:
            say(f"Cell [{number}] has been edited since it ran, so it was left as it is.")

    if change["cell"] and cells.put(change, done):
        say(f"The page was asked to replace cell [{number}].", update=False)
        return
    context.say(_NO_REPLACING)
    if context.options.code is None:
        context.put_cell(change["after"], what="the code")


def correction(cells: Sequence[str], blocks: Iterable[CodeBlock]) -> Correction | None:
    """Return what corrects one of the cells that have failed: the block that is most like one.

    A reply may show more code, such as an example; None where nothing is like any of them, or
    where all are longer than can be compared.
    """
    best, found = _LEAST, None
    for block in blocks:
        if block.language not in PYTHON | {""}:
            continue
        code, _ = cell_of([block])
        for cell in cells:
            similarity = _similarity(cell, code)
            if similarity > best:
                best, found = similarity, Correction(cell, code)
    return found


def _similarity(one: str, other: str) -> float:
    """Return how many lines and words they have in common, from 0 to 2."""
    if max(one.count("\n"), other.count("\n")) > _MOST_LINES:
        return 0
    lines, others = ([line.strip() for line in text.split("\n")] for text in (one, other))
    # A cell of one line has no line in common with its correction.
    words, other_words = _WORD.findall(one), _WORD.findall(other)
    if max(len(words), len(other_words)) > _MOST_WORDS:
        return _ratio(lines, others)
    return _ratio(lines, others) + _ratio(words, other_words)


def _ratio(one: list[str], other: list[str]) -> float:
    ratio: float = difflib.SequenceMatcher(None, one, other, autojunk=False).ratio()
    return ratio


def _html(line: str) -> str:
    text = page_text(line)
    colour = _COLOURS.get(line[:1])
    if colour is None:
        return text
    tag = "del" if line.startswith("-") else "ins"
    style = f"background: rgba({colour}, 0.18); text-decoration: none"
    return f'<{tag} style="{style}">{text}</{tag}>'
