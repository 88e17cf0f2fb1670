"""A turn that is asked again, in a cell or in the panel: its text, and whether it can be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eighty80_jupyter.conversation.outgoing import server_mark
from eighty80_jupyter.errors import UsageError

if TYPE_CHECKING:
    from eighty80_jupyter.conversation.turn import Turn
    from eighty80_jupyter.session.session import Session


def asked_again(turn: Turn) -> tuple[str, bool]:
    """Return the text that asks a turn's prompt again, and whether braces in it are no fields.

    What is known only as it was sent has its fields filled, and what was sent as it was typed had
    none.
    """
    text = turn.typed
    if not text:
        return _text(turn.messages[0].content), True
    # Cells of the notebook may follow what was typed.
    return text, "{{" in text and f"{turn.prompt}\n\n".startswith(f"{text}\n\n")


def check_unchanged(session: Session, turn: Turn, how: str, *, tools: bool = True) -> None:
    """Raise UsageError for a turn that would not be asked as it was; `how` asks it all the same.

    That are tools that are not there, unless others are named instead (`tools` is False), and for a
    turn that another kernel has asked the server. Where it has gone since in this kernel is what
    the user has set.
    """
    missing = [name for name in turn.exchange.tools if name not in session.tools] if tools else []
    found = [f"tool {name} is not defined here" for name in missing]
    server, address = turn.exchange.server, session.address
    ours = session.is_local and turn.reply.parameters.get("model") == session.config.model
    if server and turn.id not in session.asked and not ours and server != server_mark(address):
        found.append(f"another server than {address} answered it")
    if found:
        raise UsageError(
            f"it would not be asked as it was: {'; '.join(found)}. Nothing was sent; "
            f"{how} sends it all the same"
        )


def _text(content: Any) -> str:
    """Return the text of a prompt, without words for its pictures and sounds."""
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content or () if part["type"] == "text")
