"""%chat and %%chat: parse the options and hand over. All that counts is in the session."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from eighty80_jupyter.errors import ChatInterrupted, UsageError
from eighty80_jupyter.notebook.cell.running_cell import running_cell
from eighty80_jupyter.notebook.commands.calling import calling_names
from eighty80_jupyter.notebook.commands.context import CommandContext
from eighty80_jupyter.notebook.commands.keep import check_files
from eighty80_jupyter.notebook.commands.registry import act
from eighty80_jupyter.notebook.commands.see import where
from eighty80_jupyter.notebook.commands.settings import OF_A_PRESET
from eighty80_jupyter.notebook.line.manual import manual
from eighty80_jupyter.notebook.line.options import OPTIONS, LineOptions
from eighty80_jupyter.notebook.line.parser import parse
from eighty80_jupyter.notebook.magic.ask import ask, dry_run
from eighty80_jupyter.notebook.magic.correction import show_correction
from eighty80_jupyter.notebook.magic.prompt_request import instruction, question, settled
from eighty80_jupyter.notebook.magic.rows import ask_rows, check_rows
from eighty80_jupyter.notebook.magic.vary import Plan, ask_side_by_side, plan
from eighty80_jupyter.notebook.run_cells import run_cells_of
from eighty80_jupyter.text import shown

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from eighty80_jupyter.api.reply import Reply
    from eighty80_jupyter.session.session import Session


class ChatMagic:
    """What the magics of one shell do."""

    def __init__(self, shell: InteractiveShell, session: Session) -> None:
        self._shell = shell
        # What each line is done with: what it remembers of those before is the same for all.
        self._context = CommandContext(
            shell=shell, session=session, conversations=session.conversations
        )
        # An error of a magic is none of the user's code, and takes its place as the last one.
        self._own: BaseException | None = None
        self._failure: BaseException | None = None

    def chat(self, line: str, cell: str | None = None) -> Reply | None:
        """Do what a line or a cell says, and return the reply where something was asked."""
        self._note_failure()
        try:
            return self._run(line, cell)
        except ChatInterrupted as error:
            self._own = error
            raise
        except KeyboardInterrupt:
            self._own = ChatInterrupted("interrupted")
            raise self._own from None
        except Exception as error:
            self._own = error
            raise

    def _note_failure(self) -> None:
        """Remember the last exception that none of these magics raised."""
        last = getattr(sys, "last_value", None)
        if last is None or last is not self._own:
            self._failure = last

    def _run(self, line: str, cell: str | None) -> Reply | None:
        options, rest = parse(line)
        if cell is not None and rest.startswith("#"):
            rest = ""  # a comment beside the options
        if cell is not None and rest:
            raise UsageError(
                f"the %%chat line takes options only, got {shown(rest)}; write the prompt "
                "into the cell below it, and quotes around a value of several words"
            )
        if options.help_:
            print(manual())  # noqa: T201  # what was asked for
            return None
        prompt = rest if cell is None else cell.replace("\r\n", "\n").strip("\n").rstrip()
        asks = bool(prompt.strip()) or any(OPTIONS[name].asks for name in options.given)
        _check(options, asks=asks)
        context = replace(
            self._context,
            options=options,
            cell=running_cell(self._shell),
            failure=self._failure,
            names=calling_names(self._shell.user_ns),
        )
        if asks:
            self._ask(
                context, prompt, 1 if cell is None else 2 + len(cell) - len(cell.lstrip("\n"))
            )
        elif options.system is not None and options.preset_save is None:
            self._act(context)
            context.conversation.system = instruction(context)
            context.note("The instruction message is set." if options.system else "It is removed.")
        elif options.given:
            self._act(context)
        elif cell is not None:
            raise UsageError("the prompt is empty; write it below the %%chat line")
        else:
            where(context)
        return context.reply

    def _act(self, context: CommandContext) -> None:
        """Do all that stands instead of a prompt; the conversations change together or not."""
        names = _commands(context.options)
        if len(names) > 1:
            act(context.rehearsal(), _commands(context.options, branches=True))
        act(context, names)

    def _ask(self, context: CommandContext, prompt: str, first_line: int) -> None:
        """Do what stands before the prompt, ask, and do what comes after the answer.

        All is tried first, so that a prompt that cannot be sent changes and starts nothing.
        """
        if context.options.rows is not None:
            check_rows(context.options)
            if not context.options.dry_run:
                act(context, _commands(context.options))
            ask_rows(context, prompt, first_line=first_line)
            return
        tried = context
        before = _commands(context.options, branches=True)
        if before or context.options.in_ is not None:
            tried = context.rehearsal()
            act(tried, before)
        if context.options.vary:
            self._vary(context, plan(tried, prompt, first_line=first_line))
            return
        asked = question(tried, prompt, first_line=first_line)
        check_files(context)
        if context.options.dry_run:
            dry_run(context, asked)  # and what stands before the prompt is not done either
            return
        act(context, _commands(context.options, after=False))
        ask(context, settled(context, asked))
        if context.options.fix:
            show_correction(context, run_cells_of(self._shell))
        act(context, _commands(context.options, after=True))

    def _vary(self, context: CommandContext, planned: Plan) -> None:
        """Ask side by side, or show the first of the requests."""
        if context.options.dry_run:
            dry_run(context, planned.first)
            context.say(f"This is the first of {len(planned.asked)} requests.")
            return
        act(context, _commands(context.options, after=False))
        ask_side_by_side(context, planned)


def _commands(
    options: LineOptions, *, branches: bool | None = None, after: bool | None = None
) -> list[str]:
    """Return the options that are commands, in the order of the table, of one kind or of all."""
    return [
        name
        for name in options.given
        if OPTIONS[name].alone
        and branches in (None, OPTIONS[name].branches)
        and after in (None, OPTIONS[name].after)
    ]


def _check(options: LineOptions, *, asks: bool) -> None:
    """Refuse options that stand alone but cannot."""
    given = options.given
    for name in given:
        others = OPTIONS[name].goes_with
        if others and not any(other in given for other in others):
            wanted = " or ".join(OPTIONS[other].long for other in others)
            raise UsageError(f"{OPTIONS[name].long} goes with {wanted}")
    needy = [name for name in given if not OPTIONS[name].alone]
    if options.preset_save is not None:
        needy = [n for n in needy if not (OPTIONS[n].parameter or n in OF_A_PRESET)]
    if not asks and needy and needy != ["system"]:
        them = ", ".join(OPTIONS[name].long for name in needy)
        settings = all(OPTIONS[name].parameter for name in needy)
        more = ", or keep it with %chat --set NAME=VALUE" if settings else ""
        if needy == ["preset"]:
            more = f", or keep it with %chat --set preset={options.preset}"
        raise UsageError(f"there is no prompt for {them}; write one after it{more}")
    if asks and options.code is not None and options.code != OPTIONS["code"].implied:
        raise UsageError(
            "--code N shows the code of an earlier reply and stands alone; "
            "-- before a prompt lets it begin with a number"
        )
