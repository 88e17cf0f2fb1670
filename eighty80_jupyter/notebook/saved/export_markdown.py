"""A conversation as a Markdown document."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from eighty80_jupyter.conversation.side_by_side import behind
from eighty80_jupyter.notebook.cell.summary import last_line, which_answer
from eighty80_jupyter.notebook.cell.views.prompts import chip
from eighty80_jupyter.notebook.cell.views.turns import SIDE_BY_SIDE
from eighty80_jupyter.notebook.markdown.math import without_commands
from eighty80_jupyter.notebook.markdown.page_text import page_text
from eighty80_jupyter.prompt.blocks import DataBlock, pieces

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from eighty80_jupyter.api.messages import Message
    from eighty80_jupyter.conversation.conversation import Conversation
    from eighty80_jupyter.conversation.turn import Turn

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
# What begins HTML that goes on until a mark of its own, or to the end of the document.
_OPENS = re.compile(
    r"( {0,3})<(?=!--|\?|![a-z]|!\[cdata\[|(?:script|pre|style|textarea)\b)", re.IGNORECASE
)
_BACKQUOTES = re.compile("`+")


def markdown(conversation: Conversation, heading: Sequence[tuple[str, str]] = ()) -> str:
    """Return a document with a heading for each prompt and each answer, below the `heading`.

    Prompts, arguments and results stand in fences, as they are; blocks of data fold. Answers are
    Markdown; a fence or a comment in one that was not closed ends with it.
    """
    parts = [f"# {_line(conversation.name)}"]
    if heading:
        parts.append("\n".join(f"- {title}: {_line(text)}" for title, text in heading))
    if conversation.system:
        parts += ["## Instruction", *_said(conversation.system)]
    parts += comparisons(conversation, None)
    for number, turn in enumerate(conversation, 1):
        parts += [*turn_markdown(number, turn), *comparisons(conversation, turn)]
    return "\n\n".join(parts) + "\n"


def comparisons(conversation: Conversation, turn: Turn | None) -> Iterator[str]:
    """Give what was asked side by side behind a turn; None: before the first one."""
    for one in behind(conversation.comparisons, "" if turn is None else turn.id):
        yield f"## Model · {SIDE_BY_SIDE}"
        if turn is None or one.prompt != turn.prompt:
            yield from _said(one.prompt)
        for each in one.answers:
            yield f"### {_line(each.heading)}"
            if each.prompt:
                yield from _said(each.prompt)
            for choice in each.reply.choices:
                if text := choice.text or choice.refusal:
                    yield closed(text)
            told = [each.reply.error] if each.reply.error else []
            yield quiet(" · ".join([last_line(each.reply), *told]))


def fenced(text: str, language: str = "text") -> str:
    """Return a text in a fence that nothing in it can close."""
    longest = max(map(len, _BACKQUOTES.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _said(text: str) -> Iterator[str]:
    """Give a prompt in fences, each block of data folded below a line that names it."""
    empty = True
    for piece in pieces(text):
        if isinstance(piece, DataBlock):
            yield f"<details>\n<summary>{page_text(chip(piece))}</summary>"
            yield fenced(piece.text)
            yield "</details>"
            empty = False
        elif said := piece.strip("\n"):
            yield fenced(said)
            empty = False
    if empty:
        yield fenced("")


def closed(text: str) -> str:
    """Return Markdown in which nothing stays open at the end."""
    lines: list[str] = []
    fence = ""
    for line in text.split("\n"):
        match = _FENCE.match(line)
        if fence:
            ends = match and match[1].startswith(fence) and not match[2].strip()
            fence = "" if ends else fence
        elif match and not (match[1][0] == "`" and "`" in match[2]):
            fence = match[1]
        else:
            line = without_commands(_OPENS.sub(r"\1\\<", line))  # noqa: PLW2901  # made harmless
        lines.append(line)
    return "\n".join([*lines, fence] if fence else lines)


def turn_markdown(number: int, turn: Turn) -> Iterator[str]:
    """Give a turn in pieces: a heading for the prompt, and one for the answer."""
    yield f"## {number} · You"
    yield from _said(turn.prompt)
    which = f" (answer {which_answer(turn)})" if len(turn.alternatives) > 1 else ""
    yield f"## {number} · Model{which and f' {_line(which)}'}"
    results = {m.tool_call_id: m.text for m in turn.messages if m.role == "tool"}
    for message in turn.messages[1:-1]:
        if message.role != "tool":
            yield from _round(message, results)
    reply = turn.reply
    if len(reply.choices) == 1:
        if reply.reasoning:
            yield "\n".join(["> **Reasoning**", ">", *_quoted(reply.reasoning)])
        yield closed(turn.messages[-1].text)
    else:
        for choice in reply.choices:
            yield f"### Answer {choice.index + 1}"
            yield closed(choice.text or choice.refusal)
    yield quiet(last_line(reply))


def _round(message: Message, results: Mapping[str | None, str]) -> Iterator[str]:
    """Give the calls of a round, each with its result."""
    if message.role == "assistant":
        if message.text:
            yield closed(message.text)
        for call in message.tool_calls:
            yield f"**Call** {_line(call.name)}"
            yield fenced(call.arguments, "json")
            if call.id in results:
                yield "**Result**"
                yield fenced(results[call.id])
    else:
        yield "**You**"
        yield fenced(message.text)


def quiet(text: str) -> str:
    """Return a text as a line in italics."""
    return f"*{_line(text)}*" if text.strip() else ""


def _quoted(text: str) -> list[str]:
    return [f"> {line}".rstrip() for line in closed(text).split("\n")]


def _line(text: str) -> str:
    """Return a text on one line, with nothing in it that Markdown reads."""
    return re.sub(r"([\\`*_{}\[\]<>#|!$])", r"\\\1", " ".join(text.split()))
