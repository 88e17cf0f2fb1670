"""What `%chat`, `%chat --history` and the displays of replies and conversations show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eighty80_jupyter.notebook.markdown import escape, render
from eighty80_jupyter.notebook.outputs import QUIET, QUOTED, folded
from eighty80_jupyter.notebook.summary import last_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eighty80_jupyter.api.reply import Reply
    from eighty80_jupyter.chat.conversation import Conversation, Turn
    from eighty80_jupyter.session import Session


# As it was typed: in a <pre> MathJax takes no two dollars for a formula. It looks like text.
_PROSE = (
    "white-space: pre-wrap; word-break: normal; overflow-wrap: anywhere; margin: 0.3em 0; "
    "font-family: var(--jp-content-font-family, inherit)"
)


def reply_html(reply: Reply) -> str:
    """Return a reply as it looks in a cell: every answer, and the quiet line."""
    several = len(reply.choices) > 1
    parts = []
    for choice in reply.choices:
        if several:
            parts.append(f"<h6>Answer {choice.index + 1}</h6>")
        if choice.reasoning:
            parts.append(folded(choice.reasoning))
        parts.append(render(choice.text or choice.refusal))
    parts.append(f'<div style="{QUIET}">{escape(last_line(reply))}</div>')
    return "\n".join(parts)


def conversation_html(conversation: Conversation) -> str:
    """Return all turns, numbered: what was asked, and what was answered."""
    if not len(conversation):
        return f'<div style="{QUIET}">{escape(conversation_text(conversation))}</div>'
    parts = []
    if conversation.system:
        parts.append(f'<div style="{QUIET}">Instruction: {escape(conversation.system)}</div>')
    parts += [_turn_html(number, turn) for number, turn in enumerate(conversation, 1)]
    return "\n".join(parts)


def conversation_text(conversation: Conversation) -> str:
    """Return the same as plain text."""
    if not len(conversation):
        return "No turns yet: the conversation is empty."
    parts = [f"Instruction: {conversation.system}"] if conversation.system else []
    for number, turn in enumerate(conversation, 1):
        parts.append(f"{number}. You:\n{turn.prompt}")
        parts.append(f"Model:\n{turn.reply.text}\n[{last_line(turn.reply)}]")
    return "\n\n".join(parts)


def _turn_html(number: int, turn: Turn) -> str:
    return (
        f'<div style="{QUIET}">{number} · You</div>'
        f'<pre style="{QUOTED}; {_PROSE}">{escape(turn.prompt)}</pre>'
        f'<div style="{QUIET}">Model</div>{reply_html(turn.reply)}'
    )


def _status_rows(session: Session) -> list[tuple[str, str]]:
    values = session.parameters()
    model = values.pop("model")
    conversation = session.conversation
    messages = len(conversation.to_messages())
    turns = len(conversation)
    rows = [
        ("Server", session.address),
        ("Key", session.key_source),
        ("Model", str(model)),
        (
            "Conversation",
            f"{conversation.name}: {turns} turn{'' if turns == 1 else 's'}, {messages} messages",
        ),
    ]
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


def status_text(session: Session) -> str:
    """Return where you stand, a line for each fact."""
    return table_text(_status_rows(session))


def status_html(session: Session) -> str:
    """Return where you stand, as a small table."""
    return table_html(_status_rows(session))


def table_text(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as lines, the first column padded."""
    width = max(len(first) for first, *_ in rows)
    return "\n".join("  ".join([first.ljust(width), *rest]).rstrip() for first, *rest in rows)


def table_html(rows: Sequence[Sequence[str]], heads: Sequence[str] = ()) -> str:
    """Return rows as a table; without heads the first column names the others."""
    left = ' style="text-align: left"'
    head = "".join(f"<th{left}>{escape(text)}</th>" for text in heads)
    lines = [f"<tr>{head}</tr>"] if head else []
    for first, *rest in rows:
        tag = "td" if heads else "th"
        cells = "".join(f"<td{left}>{escape(text)}</td>" for text in rest)
        lines.append(f"<tr><{tag}{left}>{escape(first)}</{tag}>{cells}</tr>")
    return f"<table>{''.join(lines)}</table>"
