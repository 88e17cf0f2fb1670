"""Commands that help with the notebook: the code of a reply in a new cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eighty80_jupyter.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eighty80_jupyter.api.code_blocks import CodeBlock
    from eighty80_jupyter.notebook.commands.context import CommandContext

PYTHON = frozenset({"python", "py", "python3", "py3", "ipython", "ipython3", "pycon"})
# The cell magics that run other languages.
_MAGICS = {
    "bash": "bash",
    "html": "html",
    "javascript": "javascript",
    "js": "javascript",
    "latex": "latex",
    "sh": "bash",
    "shell": "bash",
    "svg": "svg",
}


def code(context: CommandContext, number: int) -> None:
    """Put the code of a reply into one new cell, not run.

    That of the answer that has just come, else of turn `number`; of the last answer to `--fix` the
    corrected cell.
    """
    reply = context.reply
    if reply is None:
        reply = context.conversation.numbered(number).reply
    if context.corrected.reply == reply:
        context.put_cell(context.corrected.code, what="the code")
        return
    blocks = [block for block in reply.code_blocks if block.text.strip()]
    if not blocks and context.reply is None:
        raise UsageError("this reply has no block of code")
    if not blocks:  # the answer is there: a cell that shows it has not failed
        context.say("The reply has no block of code, so there is no new cell.")
        return
    text, left = cell_of(blocks)
    if text:
        context.put_cell(text, what="the code")
    if left:
        context.say(f"Not in the cell: {', '.join(left)}.")


def cell_of(blocks: Sequence[CodeBlock]) -> tuple[str, list[str]]:
    """Return the code that one cell can run, and the languages of the blocks that it cannot.

    That is the Python. A block without a language is Python too, unless others say that they are:
    then it shows what they print. Without any Python it is the blocks of the first language that
    has a cell magic.
    """
    languages = [block.language for block in blocks]
    python = PYTHON if any(name in PYTHON for name in languages) else PYTHON | {""}
    if any(name in python for name in languages):
        taken = [block for block in blocks if block.language in python]
        head = ""
    else:
        magic = next((_MAGICS[name] for name in languages if name in _MAGICS), "")
        taken = [block for block in blocks if magic and _MAGICS.get(block.language) == magic]
        head = f"%%{magic}\n"
    others = [block.language or "a block without a language" for block in blocks
              if block not in taken]  # fmt: skip
    text = "\n\n".join(filter(None, map(_plain, taken)))
    return (head + text if text else ""), list(dict.fromkeys(others))


def _plain(block: CodeBlock) -> str:
    """Return the code without the prompts of a Python console and what that has printed."""
    lines = block.text.strip("\n").rstrip().split("\n")
    if not lines[0].startswith(">>>"):
        return "\n".join(lines)
    return "\n".join(line[4:] for line in lines if line[:4].rstrip() in (">>>", "..."))
