"""`--vary`: one prompt with several settings, or several prompts, answered side by side."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.errors import ChatInterrupted, UsageError
from eighty80_jupyter.notebook.cell.front_end import drawing, has_pages, is_console
from eighty80_jupyter.notebook.cell.outputs import Output, Page
from eighty80_jupyter.notebook.cell.pacing import Pacing
from eighty80_jupyter.notebook.cell.summary import SCHEMA
from eighty80_jupyter.notebook.cell.terminal_text import harmless
from eighty80_jupyter.notebook.cell.views.values import answer_html, answer_markdown
from eighty80_jupyter.notebook.commands.branch import conversation_in
from eighty80_jupyter.notebook.compare.comparison import Comparison
from eighty80_jupyter.notebook.compare.grid import SAMPLES, Variant, grid, values_of
from eighty80_jupyter.notebook.compare.side_by_side import (
    columns_html,
    columns_markdown,
    columns_text,
)
from eighty80_jupyter.notebook.line.options import OPTIONS
from eighty80_jupyter.notebook.magic.prompt_request import Question, question
from eighty80_jupyter.notebook.markdown.render import render

if TYPE_CHECKING:
    from eighty80_jupyter.notebook.commands.context import CommandContext

PROMPTS, SAMPLE_WORD = "prompts", "samples"
_SPLIT = re.compile(r"^[ \t]*---[ \t]*$", re.MULTILINE)
# What goes with one answer in its place, and not with several that have none yet.
_NOT_WITH = (
    *("again", "retry", "continue", "fix", "code", "tools", "tool_choice", "parallel_tools"),
    *("no_parallel_tools", "show", "save", "export"),
)
_STOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is asked side by side: the variants, how many stand beside each other, and the rest."""

    asked: Sequence[Variant]
    width: int
    first: Question


def plan(context: CommandContext, prompt: str, *, first_line: int) -> Plan:
    """Return what a line with --vary asks, the fields of its prompts filled. Raises UsageError."""
    given = context.options.given
    for name in _NOT_WITH:
        if name in given:
            raise UsageError(
                f"--vary and {OPTIONS[name].long} do not go together: nothing side by side stands "
                "in the conversation before %chat --keep K"
            )
    axes, texts = varied(context.options.vary), parted(prompt, first_line)
    if PROMPTS in context.options.vary and len(texts) == 1:
        raise UsageError(f"--vary {PROMPTS} takes several, parted by lines of ---; there is one")
    questions = [question(context, text, first_line=line) for text, line in texts]
    if context.session.requests.parameters(questions[0].options.parameters).get("n", 1) > 1:
        raise UsageError("--vary shows one answer for each setting, so it does not go with -n")
    asked = grid([each.prepared for each in questions], axes)
    return Plan(asked=asked, width=len(axes[0][1]) if axes else len(texts), first=questions[0])


def varied(given: Sequence[str]) -> list[tuple[str, list[Any]]]:
    """Return the parameters that --vary names, with their values. Raises UsageError."""
    axes = list[tuple[str, list[Any]]]()
    for one in given:
        name, equals, values = one.partition("=")
        if name.strip() == PROMPTS and not equals:
            continue
        if not equals:
            raise UsageError(
                f"--vary takes NAME=VALUES, such as temperature=0,0.7,1.4, or seed=1,2, or "
                f"{SAMPLE_WORD}=3, or {PROMPTS} (parted by lines of ---), got {one!r}"
            )
        known = SAMPLES if name.strip() == SAMPLE_WORD else name.strip()
        axes.append((known, values_of(known, values)))
    return axes


def ask_side_by_side(context: CommandContext, planned: Plan) -> None:
    """Ask all of them at once, draw the answers as they come, and keep none of them yet.

    Raises ChatInterrupted for an interrupt, and the first error where there is no answer at all.
    """
    if context.beside.latest is not None:
        context.beside.latest.close()
    changed = threading.Event()
    comparison = context.beside.latest = Comparison(context.session, changed.set)
    place = planned.first.place
    comparison.ask(
        planned.asked,
        width=planned.width,
        conversation=conversation_in(context),
        history=place.history,
        options=planned.first.options,
    )
    output = _Columns(context, comparison)
    try:
        while comparison.running:
            changed.wait(0.5)
            changed.clear()
            output.draw()
    except KeyboardInterrupt:
        comparison.stop()
        _wait_for_end(comparison)
        raise ChatInterrupted("interrupted; what had come stands side by side") from None
    finally:
        output.finish()
    replies = comparison.replies(comparison.columns)
    if context.options.into is not None:
        context.shell.user_ns[context.options.into] = replies
    errors = [column.running.error for column in comparison.columns]
    if errors[0] is not None and all(error is not None for error in errors):
        raise errors[0]


def parted(prompt: str, first_line: int) -> list[tuple[str, int]]:
    """Return the prompts of a cell, parted by lines of ---, each with the number of its line."""
    found, start = [], 0
    for end in [*_SPLIT.finditer(prompt), None]:
        text = prompt[start : None if end is None else end.start()]
        if text.strip():
            blank = len(text) - len(text.lstrip("\n"))
            line = first_line + prompt.count("\n", 0, start) + blank
            found.append((text.strip("\n").rstrip(), line))
        start = 0 if end is None else end.end()
    if not found:
        raise UsageError("the prompt is empty; write it below the %%chat line")
    return found


def _wait_for_end(comparison: Comparison) -> None:
    deadline = time.monotonic() + _STOP_SECONDS
    while comparison.running and time.monotonic() < deadline:
        time.sleep(0.01)


class _Columns:
    """The one output of a cell with answers side by side; in a terminal the text of all."""

    def __init__(self, context: CommandContext, comparison: Comparison) -> None:
        self._comparison = comparison
        config = context.session.config
        how = drawing(context.shell, config)
        self._on_page = has_pages(context.shell) and how != "text"
        self._images = config.allow_images
        self._page = Page(
            context.shell.display_pub.publish,
            {"schema": SCHEMA, "role": "comparison"},
            images=config.allow_images,
            live=how == "updates",
            latex=not is_console(context.shell),
        )
        self._output = Output(self._page)
        self._pacing = Pacing()

    def draw(self) -> None:
        """Draw what has come, when it is time; in a terminal all comes at the end."""
        if not self._on_page:
            return
        time.sleep(self._pacing.wait)
        began = time.monotonic()
        self._draw(partial=True)
        self._pacing.drawn(began, frames=2)

    def finish(self) -> None:
        """Draw all of it, or write it to the terminal."""
        self._draw(partial=False)
        self._page.release()

    def _draw(self, *, partial: bool) -> None:
        comparison = self._comparison
        columns = comparison.columns
        replies = comparison.replies(columns)
        text = columns_text(columns, replies)
        if not self._on_page:
            sys.stdout.write(harmless(text) + "\n")
            return
        html = columns_html(columns, replies, comparison.width, self._answer)
        markdown = "" if partial else columns_markdown(columns, replies, answer_markdown)
        self._output.html(html, text, partial=partial, markdown=markdown)

    def _answer(self, text: str, whole: bool) -> str:  # noqa: FBT001  # as columns_html calls it
        if whole:
            return answer_html(text, allow_images=self._images)
        return render(text, partial=True, allow_images=self._images)
