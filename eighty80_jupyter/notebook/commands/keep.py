"""Commands that keep a conversation, and find it again: save, load, export, restore, recover."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from eighty80_jupyter.notebook.commands.branch import shortened, turns
from eighty80_jupyter.storage import store
from eighty80_jupyter.storage.files import target
from eighty80_jupyter.storage.omit import kinds_of

if TYPE_CHECKING:
    from eighty80_jupyter.notebook.commands.context import Desk


def save(desk: Desk, path: str) -> None:
    """Save the conversation to a file."""
    file = store.save(
        desk.conversation,
        path,
        without=desk.values.get("without", ""),
        secret=desk.session.secrets,
        tell=desk.say,
    )
    desk.say(f"Saved {_named(desk)} to {file.name}.")


def check_files(desk: Desk) -> None:
    """Refuse what --save and --export could not do after the answer. Raises UsageError."""
    kinds_of(desk.values.get("without", ""))
    if "save" in desk.values:
        target(desk.values["save"])
    if "export" in desk.values:
        from eighty80_jupyter.notebook.saved.export import form_of  # noqa: PLC0415  # when wanted

        form_of(target(desk.values["export"]))


def load(desk: Desk, path: str) -> None:
    """Go on with a conversation from a file."""
    lines = store.adopt(desk.conversations, store.load(path))
    _say_lines(desk, f"Loaded from {Path(path).name}", lines)


def export(desk: Desk, path: str) -> None:
    """Export the conversation, to read, to run or to train on."""
    from eighty80_jupyter.notebook.saved import export as room  # noqa: PLC0415  # when wanted

    file = room.export(
        desk.conversation,
        path,
        without=desk.values.get("without", ""),
        secret=desk.session.secrets,
        system=desk.session.config.system,
        tools=desk.session.tools,
    )
    desk.say(f"Exported {_named(desk)} to {file.name}.")


def restore(desk: Desk, path: str) -> None:
    """Go on where a saved notebook stands, by default this one."""
    from eighty80_jupyter.notebook.saved import restore as room  # noqa: PLC0415  # when wanted

    file = Path(path).expanduser() if path else room.own_notebook(desk.shell.user_ns)
    lines = room.restore(desk.conversations, file)
    _say_lines(desk, f"Restored from {file.name} as it was last saved", lines)


def recover(desk: Desk, number: int | None) -> None:
    """Go on with what a killed kernel had, from its journal."""
    from eighty80_jupyter.storage.recover import recover as read  # noqa: PLC0415  # when wanted

    number = 1 if number is None else number
    found = read(number)
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(found.at))
    lines = store.adopt(desk.conversations, found.conversations, copies=False)
    _say_lines(desk, f"Recovered from the journal of {when}", lines)
    for prompt in found.prompts:
        desk.say(f"This had no answer yet: {shortened(prompt, 200)}")
    cut = [c for c in found.conversations if any(t.reply.status == "interrupted" for t in c[-1:])]
    if cut:
        desk.say("The last answer is what had come of it; %chat --retry asks again.")
    if found.earlier:
        desk.say(f"There is an older journal: %chat --recover {number + 1}")


def _named(desk: Desk) -> str:
    return f"{desk.conversation.name} ({turns(len(desk.conversation))})"


def _say_lines(desk: Desk, what: str, lines: list[str]) -> None:
    """Say what came, the current conversation first, and the instruction that came with it."""
    desk.say(f"{what}: {'; '.join(lines) or 'nothing but prompts'}.")
    if desk.conversation.system:
        desk.say(f"Its instruction: {shortened(desk.conversation.system, 200)}")
