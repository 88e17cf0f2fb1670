"""Commands that keep a conversation, and find it again: save, load, export, restore, recover."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.rows.words import short
from eighty80_jupyter.notebook.saved import restore as restoring
from eighty80_jupyter.notebook.saved.export import export_current, form_of
from eighty80_jupyter.storage import store
from eighty80_jupyter.storage.files import target
from eighty80_jupyter.storage.omit import kinds_of
from eighty80_jupyter.storage.record import check_record
from eighty80_jupyter.storage.recover import recover as read_journal
from eighty80_jupyter.text import counted

if TYPE_CHECKING:
    from eighty80_jupyter.notebook.commands.context import CommandContext

_OFF = "off"  # instead of a path: ends it; a file of that name is ./off


def save(context: CommandContext, path: str) -> None:
    """Save the conversation to a file."""
    file = store.save(
        context.conversation,
        path,
        without=context.options.without or "",
        secret=context.session.secrets,
        tell=context.say,
    )
    context.say(f"Saved {_named(context)} to {file.name}.")


def check_files(context: CommandContext) -> None:
    """Refuse what --save and --export could not do after the answer. Raises UsageError."""
    kinds_of(context.options.without or "")
    if context.options.save is not None:
        target(context.options.save)
    if context.options.export is not None:
        form_of(target(context.options.export))


def load(context: CommandContext, path: str) -> None:
    """Go on with a conversation from a file."""
    lines = store.adopt(context.conversations, store.load(path))
    _say_lines(context, f"Loaded from {Path(path).name}", lines)


def export(context: CommandContext, path: str) -> None:
    """Export the conversation, to read, to run or to train on."""
    file = export_current(context.session, path, without=context.options.without or "")
    context.say(f"Exported {_named(context)} to {file.name}.")


def restore(context: CommandContext, path: str) -> None:
    """Go on where a saved notebook stands, by default this one."""
    file = Path(path).expanduser() if path else restoring.own_notebook(context.shell.user_ns)
    lines = restoring.restore(context.conversations, file)
    _say_lines(context, f"Restored from {file.name} as it was last saved", lines)


def record(context: CommandContext, path: str) -> None:
    """Write every request with its answer to a file from now on."""
    if path == _OFF:
        context.session.config.record = None
        context.say("Requests of this kernel are written to no file any more.")
        return
    file = check_record(path)
    context.session.config.record = str(file)
    context.say(
        f"Every request of this kernel is written to {file.name} from now on, with its answer; "
        "%chat --record off ends it."
    )


def replay(context: CommandContext, path: str) -> None:
    """Answer from a record from now on."""
    if path == _OFF:
        context.session.config.replay = None
        context.say("Requests are answered by the server again.")
        return
    records = context.session.records
    file = Path(path).expanduser().absolute()
    before = context.session.config.replay
    context.session.config.replay = str(file)
    records.rewind()
    try:
        answers = records.answers()
    except UsageError:
        context.session.config.replay = before
        raise
    context.session.config.replay_only = context.options.only
    rest = "fails" if context.options.only else "is asked anew, and that is said"
    total = 0 if answers is None else answers.total
    context.say(
        f"Requests are answered from {file.name} ({total:,} of them); any other {rest}. "
        "%chat --replay off ends it."
    )


def recover(context: CommandContext, number: int) -> None:
    """Go on with what a killed kernel had, from its journal."""
    found = read_journal(number)
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(found.at))
    lines = store.adopt(context.conversations, found.conversations, copies=False)
    _say_lines(context, f"Recovered from the journal of {when}", lines)
    for prompt in found.prompts:
        context.say(f"This had no answer yet: {short(prompt, 200)}")
    cut = [c for c in found.conversations if any(t.reply.status == "interrupted" for t in c[-1:])]
    if cut:
        context.say("The last answer is what had come of it; %chat --retry asks again.")
    if found.earlier:
        context.say(f"There is an older journal: %chat --recover {number + 1}")


def _named(context: CommandContext) -> str:
    return f"{context.conversation.name} ({counted(len(context.conversation), 'turn')})"


def forget_answers(context: CommandContext, _value: bool) -> None:  # noqa: FBT001  # as all
    """Empty the file of kept answers, for all kernels."""
    answers = context.session.kept_answers
    forgotten = counted(answers.forget(), "kept answer")
    where = "" if answers.path is None else f" in {answers.path}"
    context.say(f"Forgot {forgotten}{where}.")
    if answers.note:
        context.say(answers.note)


def _say_lines(context: CommandContext, what: str, lines: list[str]) -> None:
    """Say what came, the current conversation first, and the instruction that came with it."""
    context.say(f"{what}: {'; '.join(lines) or 'nothing but prompts'}.")
    if context.conversation.system:
        context.say(f"Its instruction: {short(context.conversation.system, 200)}")
