"""What `%chat`, `%chat --history` and the displays of replies and conversations show."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from eighty80_jupyter.conversation.side_by_side import Answer, behind
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.cell.outputs import QUOTED, columns_html, folded
from eighty80_jupyter.notebook.cell.summary import last_line, which_answer
from eighty80_jupyter.notebook.cell.tools.display import Line, entries_html, entries_of
from eighty80_jupyter.notebook.cell.views.prompts import prompt_html
from eighty80_jupyter.notebook.cell.views.values import answer_html
from eighty80_jupyter.notebook.markdown.page_text import QUIET, page_text, quiet_html
from eighty80_jupyter.notebook.markdown.render import render
from eighty80_jupyter.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eighty80_jupyter.api.reply import Reply
    from eighty80_jupyter.conversation.conversation import Conversation
    from eighty80_jupyter.conversation.turn import Turn
    from eighty80_jupyter.session.session import Session


_TURNS = 20  # that are shown at once
_CHARACTERS = 200_000  # of their text
_RESULT = 1_500  # characters of a tool's result
SIDE_BY_SIDE = "answers side by side, none of which is the reply"
_OTHERS = 8  # conversations that the status names
# As it was typed: in a <pre> MathJax takes no two dollars for a formula. It looks like text.
_PROSE = (
    "white-space: pre-wrap; word-break: normal; overflow-wrap: anywhere; margin: 0.3em 0; "
    "font-family: var(--jp-content-font-family, inherit)"
)


def reply_html(reply: Reply) -> str:
    """Return a reply as it looks in a cell: every answer, and the quiet line."""
    answers = []
    for choice in reply.choices:
        thought = folded(choice.reasoning) if choice.reasoning else ""
        answers.append(thought + answer_html(choice.text or choice.refusal))
    line = quiet_html(last_line(reply))
    if len(answers) == 1:
        return f"{answers[0]}\n{line}"
    return columns_html([(f"Answer {n}", html) for n, html in enumerate(answers, 1)]) + line


def wanted(conversation: Conversation, which: str = "") -> range:
    """Return the numbers of the turns to show for `N`, `N-M` or `N-`; by default the last ones.

    However long the conversation, they are few and not much text. Raises UsageError for turns that
    are not there.
    """
    count = len(conversation)
    if which:
        first, dash, last = which.partition("-")
        conversation.numbered(int(first))
        numbers = range(int(first), (min(int(last or count), count) if dash else int(first)) + 1)
        if not numbers:
            raise UsageError(f"the turns {which} are none: write the lower number first")
        return numbers
    size, first_shown = 0, count + 1
    while first_shown > 1 and count - first_shown + 1 < _TURNS:
        turn = conversation[first_shown - 2]
        size += len(turn.prompt) + len(turn.reply.text)
        if size > _CHARACTERS and first_shown <= count:
            break
        first_shown -= 1
    return range(first_shown, count + 1)


def conversation_html(conversation: Conversation, shown: range | None = None) -> str:
    """Return the turns with these numbers: what was asked, and what was answered."""
    shown = wanted(conversation) if shown is None else shown
    if not len(conversation):
        return quiet_html(conversation_text(conversation))
    lines = _before(conversation, shown)
    parts = [quiet_html(line) for line in lines]
    if shown.start == 1:
        parts += comparisons_html(conversation, None)
    for number in shown:
        turn = conversation.numbered(number)
        parts += [turn_html(number, turn), *comparisons_html(conversation, turn)]
    if after := _after(conversation, shown):
        parts.append(quiet_html(after))
    return "\n".join(parts)


def conversation_text(conversation: Conversation, shown: range | None = None) -> str:
    """Return the same as plain text."""
    if not len(conversation):
        instruction = f"\nInstruction: {conversation.system}" if conversation.system else ""
        return "No turns yet: the conversation is empty." + instruction
    shown = wanted(conversation) if shown is None else shown
    parts = _before(conversation, shown)
    if shown.start == 1:
        parts += comparisons_text(conversation, None)
    for number in shown:
        turn = conversation.numbered(number)
        parts += [turn_text(number, turn), *comparisons_text(conversation, turn)]
    if after := _after(conversation, shown):
        parts.append(after)
    return "\n\n".join(parts)


def turn_html(number: int | None, turn: Turn) -> str:
    """Return one turn; `number` is None where it is not known."""
    return (
        f"{asked_html(number, turn.prompt, _which(turn))}"
        f"{entries_html(_rounds(turn), _RESULT)}{reply_html(turn.reply)}"
    )


def asked_html(number: int | None, prompt: str, which: str = "") -> str:
    """Return what stands above an answer: the prompt, and `which` answer to it this is."""
    place = "" if number is None else f"{number} · "
    return (
        f'<div style="{QUIET}; margin-top: 1em">{place}You</div>'
        f'<div style="{QUOTED}">{prompt_html(prompt, _PROSE)}</div>'
        f'<div style="{QUIET}">Model{page_text(which)}</div>'
    )


def turn_text(number: int, turn: Turn) -> str:
    """Return one turn as plain text."""
    lines = [*_round_lines(turn), *_answers(turn.reply), f"[{last_line(turn.reply)}]"]
    return f"{number}. You:\n{turn.prompt}\n\nModel{_which(turn)}:\n" + "\n".join(lines)


def comparisons_html(conversation: Conversation, turn: Turn | None) -> list[str]:
    """Return what was asked side by side behind a turn, as columns; None: before the first one."""
    made = []
    for one in behind(conversation.comparisons, "" if turn is None else turn.id):
        if turn is None or one.prompt != turn.prompt:
            above = asked_html(None, one.prompt, f" · {SIDE_BY_SIDE}")
        else:
            above = f'<div style="{QUIET}; margin-top: 1em">Model · {SIDE_BY_SIDE}</div>'
        columns = [(each.heading, _compared_html(each)) for each in one.answers]
        made.append(above + columns_html(columns))
    return made


def comparisons_text(conversation: Conversation, turn: Turn | None) -> list[str]:
    """Return the same as plain text."""
    made = []
    for one in behind(conversation.comparisons, "" if turn is None else turn.id):
        asked = [] if turn is not None and one.prompt == turn.prompt else [f"You:\n{one.prompt}\n"]
        answers = [
            f"{each.heading}:\n{f'{each.prompt} ->{chr(10)}' if each.prompt else ''}"
            f"{each.reply.text or each.reply.error}\n[{last_line(each.reply)}]"
            for each in one.answers
        ]
        made.append("\n".join([*asked, f"Model, {SIDE_BY_SIDE}:", *answers]))
    return made


def _compared_html(answer: Answer) -> str:
    reply = answer.reply
    asked = f'<div style="{QUOTED}">{prompt_html(answer.prompt, _PROSE)}</div>'
    error = quiet_html(reply.error) if reply.error else ""
    said = "" if reply.empty and error else reply_html(reply)
    return f"{asked if answer.prompt else ''}{said}{error}"


def _answers(reply: Reply) -> list[str]:
    """Return the text of the answer, or of every one below its number."""
    if len(reply.choices) == 1:
        return [reply.text]
    return [
        f"Answer {choice.index + 1}:\n{choice.text or choice.refusal}" for choice in reply.choices
    ]


def _rounds(turn: Turn) -> list[Line | str]:
    """Return the tool calls of a turn, and what was said between them."""
    return entries_of(turn.messages, turn.reply.calls)


def _round_lines(turn: Turn) -> list[str]:
    lines = [entry if isinstance(entry, str) else f"[{entry.plain()}]" for entry in _rounds(turn)]
    return [line for line in lines if line]


def code_html(text: str, language: str) -> str:
    """Return code in colours."""
    ticks = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", text))])
    return render(f"{ticks}{language}\n{text}\n{ticks}")


def _which(turn: Turn) -> str:
    """Say which of several answers counts."""
    which = which_answer(turn)
    return f" · {which}" if which else ""


def _before(conversation: Conversation, shown: range) -> list[str]:
    """Return the lines above the turns: the instruction, and how many are not shown."""
    lines = [f"Instruction: {conversation.system}"] if conversation.system else []
    left = shown.start - 1
    if left:
        turns = counted(left, "earlier turn")
        lines.append(f"… {turns}: %chat --history 1-{min(left, _TURNS)} shows the first")
    return lines


def _after(conversation: Conversation, shown: range) -> str:
    left = len(conversation) - shown.stop + 1
    return f"… {left:,} more: %chat --history {shown.stop}-" if left else ""


def status_rows(session: Session) -> list[tuple[str, str]]:
    """Return where you stand, a fact in each row: its name, and what it is."""
    values = session.requests.parameters()
    model = values.pop("model")
    conversation = session.conversation
    rows = [
        ("Server", session.address),
        ("Key", session.key_source),
        ("Model", str(model)),
        ("Conversation", _size(conversation)),
    ]
    if tokens := _tokens(conversation):
        rows.append(("Tokens", tokens))
    others = [other for other in session.conversations.values() if other is not conversation]
    if others:
        names = ", ".join(other.name for other in others[:_OTHERS])
        more = f" and {len(others) - _OTHERS} more" if len(others) > _OTHERS else ""
        rows.append(("Others", f"{names}{more}: %chat --use NAME"))
    system = conversation.system if conversation.system is not None else session.config.system
    if system:
        rows.append(("Instruction", system))
    rows.append(
        (
            "Parameters",
            ", ".join(f"{k} = {v!r}" for k, v in values.items()) or "none set: the server's",
        )
    )
    return rows


def _size(conversation: Conversation) -> str:
    messages = sum(len(turn.messages) for turn in conversation)
    text = f"{conversation.name}: {counted(len(conversation), 'turn')}, {messages:,} messages"
    several = sum(len(turn.alternatives) > 1 for turn in conversation)
    return text + (f"; {several} with alternatives" if several else "")


def _tokens(conversation: Conversation) -> str:
    """Return what the server counted for all answers so far; empty where it counted none."""
    replies = [exchange.reply for turn in conversation for exchange in turn.alternatives]
    usages = [reply.usage for reply in replies if reply.usage is not None]
    if not usages:
        return ""
    sent = sum(usage.prompt_tokens or 0 for usage in usages)
    written = sum(usage.completion_tokens or 0 for usage in usages)
    missing = len(replies) - len(usages)
    text = f"{sent:,} sent, {written:,} written"
    return text + (f"; {missing} not counted by the server" if missing else "")


def table_text(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as lines, in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def table_html(rows: Sequence[Sequence[str]], heads: Sequence[str] = ()) -> str:
    """Return rows as a table; without heads the first column names the others."""
    left = ' style="text-align: left"'
    head = "".join(f"<th{left}>{page_text(text)}</th>" for text in heads)
    lines = [f"<tr>{head}</tr>"] if head else []
    for first, *rest in rows:
        tag = "td" if heads else "th"
        cells = "".join(f"<td{left}>{page_text(text)}</td>" for text in rest)
        lines.append(f"<tr><{tag}{left}>{page_text(first)}</{tag}>{cells}</tr>")
    return f"<table>{''.join(lines)}</table>"
