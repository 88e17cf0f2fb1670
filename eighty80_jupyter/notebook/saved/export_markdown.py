"""A conversation as a Markdown document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eighty80_jupyter.conversation.side_by_side import behind
from eighty80_jupyter.notebook.cell.summary import last_line, which_answer
from eighty80_jupyter.notebook.cell.views.prompts import chip
from eighty80_jupyter.notebook.cell.views.turns import SIDE_BY_SIDE, conversation_text, wanted
from eighty80_jupyter.notebook.cell.views.values import answer_markdown
from eighty80_jupyter.notebook.markdown.page_text import page_text
from eighty80_jupyter.notebook.markdown.source import closed, fenced, plain, quoted
from eighty80_jupyter.prompt.blocks import DataBlock, pieces

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from eighty80_jupyter.api.messages import Message
    from eighty80_jupyter.api.reply import Reply
    from eighty80_jupyter.conversation.conversation import Conversation
    from eighty80_jupyter.conversation.turn import Turn


def markdown(conversation: Conversation, heading: Sequence[tuple[str, str]] = ()) -> str:
    """Return a document with a heading for each prompt and each answer, below the `heading`.

    Prompts, arguments and results stand in fences, as they are; blocks of data fold. Answers are
    Markdown; a fence or a comment in one that was not closed ends with it.
    """
    parts = [f"# {plain(conversation.name)}"]
    if heading:
        parts.append("\n".join(f"- {title}: {plain(text)}" for title, text in heading))
    if conversation.system:
        parts += ["## Instruction", *_said(conversation.system)]
    parts += turns_markdown(conversation, range(1, len(conversation) + 1))
    return "\n\n".join(parts) + "\n"


def comparisons(conversation: Conversation, turn: Turn | None) -> Iterator[str]:
    """Give what was asked side by side behind a turn; None: before the first one."""
    for one in behind(conversation.comparisons, "" if turn is None else turn.id):
        yield f"## Model · {SIDE_BY_SIDE}"
        if turn is None or one.prompt != turn.prompt:
            yield from _said(one.prompt)
        for each in one.answers:
            yield f"### {plain(each.heading)}"
            if each.prompt:
                yield from _said(each.prompt)
            for choice in each.reply.choices:
                if text := choice.text or choice.refusal:
                    yield answer_markdown(text)
            told = [each.reply.error] if each.reply.error else []
            yield quiet(" · ".join([last_line(each.reply), *told]))


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


def turn_markdown(number: int | None, turn: Turn) -> Iterator[str]:
    """Give a turn in pieces: a heading for the prompt, and one for the answer."""
    place = "" if number is None else f"{number} · "
    yield f"## {place}You"
    yield from _said(turn.prompt)
    which = f" (answer {which_answer(turn)})" if len(turn.alternatives) > 1 else ""
    yield f"## {place}Model{which and f' {plain(which)}'}"
    results = {m.tool_call_id: m.text for m in turn.messages if m.role == "tool"}
    for message in turn.messages[1:-1]:
        if message.role != "tool":
            yield from _round(message, results)
    yield from reply_markdown(turn.reply)


def reply_markdown(reply: Reply) -> Iterator[str]:
    """Give a reply in pieces: every answer, and the last line."""
    if len(reply.choices) == 1 and reply.reasoning:
        yield reasoning(reply.reasoning)
    for choice in reply.choices:
        if len(reply.choices) > 1:
            yield f"### Answer {choice.index + 1}"
        yield answer_markdown(choice.text or choice.refusal)
    yield quiet(last_line(reply))


def conversation_markdown(conversation: Conversation) -> str:
    """Return the latest turns of a conversation."""
    said = "\n\n".join(turns_markdown(conversation, wanted(conversation)))
    return said or quiet(conversation_text(conversation))


def turns_markdown(conversation: Conversation, shown: range) -> Iterator[str]:
    """Give the turns with these numbers, and what was asked side by side behind them, in pieces."""
    if shown.start == 1:
        yield from comparisons(conversation, None)
    for number in shown:
        turn = conversation.numbered(number)
        yield from turn_markdown(number, turn)
        yield from comparisons(conversation, turn)


def reasoning(text: str) -> str:
    """Return what a model thought, quoted."""
    return quoted(f"**Reasoning**\n\n{closed(text)}")


def _round(message: Message, results: Mapping[str | None, str]) -> Iterator[str]:
    """Give the calls of a round, each with its result."""
    if message.role == "assistant":
        if message.text:
            yield closed(message.text)
        for call in message.tool_calls:
            yield f"**Call** {plain(call.name)}"
            yield fenced(call.arguments, "json")
            if call.id in results:
                yield "**Result**"
                yield fenced(results[call.id])
    else:
        yield "**You**"
        yield fenced(message.text)


def quiet(text: str) -> str:
    """Return a text as a line in italics."""
    return f"*{plain(text)}*" if text.strip() else ""
