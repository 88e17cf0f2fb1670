"""%chat and %%chat: parse the options and hand over. All that counts is in the session."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from IPython.core.inputtransformer2 import EscapedCommand
from IPython.core.magic import no_var_expand

from eighty80_jupyter.api.request_parameters import shown
from eighty80_jupyter.errors import ChatInterrupted, UsageError
from eighty80_jupyter.notebook.cell.running_cell import Reruns, running_cell
from eighty80_jupyter.notebook.commands.context import CommandContext
from eighty80_jupyter.notebook.line.manual import manual
from eighty80_jupyter.notebook.line.options import OPTIONS
from eighty80_jupyter.notebook.line.parser import parse
from eighty80_jupyter.session.options import TurnOptions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from tokenize import TokenInfo
    from typing import Any

    from IPython.core.interactiveshell import InteractiveShell

    from eighty80_jupyter.session.session import Session

_LONG_DASHES = ("\N{EN DASH}", "\N{EM DASH}")  # what a word processor makes of --
_ONLY_OPTIONS = re.compile(r"%%chat[ \t]+-")


class ChatMagic:
    """The magic function of one shell. `chat` is what gets registered."""

    def __init__(self, shell: InteractiveShell, session: Session) -> None:
        self._shell = shell
        self._session = session
        self._reruns = Reruns()
        # An error of a magic is none of the user's code, and takes its place as the last one.
        self._own: BaseException | None = None
        self._failure: BaseException | None = None

        @no_var_expand
        def chat(line: str, cell: str | None = None) -> None:
            self._note_failure()
            try:
                self._run(line, cell)
            except ChatInterrupted as error:
                self._own = error
                raise
            except KeyboardInterrupt:
                self._own = ChatInterrupted("interrupted")
                raise self._own from None
            except Exception as error:
                self._own = error
                raise

        chat.__doc__ = manual()
        self.chat = chat

    def _note_failure(self) -> None:
        """Remember the last exception that none of these magics raised."""
        last = getattr(sys, "last_value", None)
        if last is None or last is not self._own:
            self._failure = last

    def _run(self, line: str, cell: str | None) -> None:
        values, rest = parse(line)
        if cell is not None and rest.startswith(_LONG_DASHES):
            raise UsageError(
                f"options begin with the plain dash of the keyboard, - or --, got {rest[0]} "
                f"in {shown(rest)}"
            )
        if cell is not None and rest:
            raise UsageError(
                f"the %%chat line takes options only, got {shown(rest)}; write the prompt "
                "into the cell below it, and quotes around a value of several words"
            )
        if "help" in values:
            print(manual())  # noqa: T201  # what was asked for
            return
        prompt = rest if cell is None else cell.strip("\n").rstrip()
        asks = bool(prompt.strip()) or any(OPTIONS[name].asks for name in values)
        _check(values, asks=asks)
        context = CommandContext(
            shell=self._shell,
            session=self._session,
            conversations=self._session.conversations,
            values=values,
            cell=running_cell(self._shell),
            reruns=self._reruns,
            failure=self._failure,
        )
        if asks:
            self._ask(
                context, prompt, 1 if cell is None else 2 + len(cell) - len(cell.lstrip("\n"))
            )
        elif "system" in values:
            self._act(context)
            context.conversation.system = self._session.requests.instruction(
                TurnOptions(system=values["system"])
            )
            context.note(
                "The instruction message is set." if values["system"] else "It is removed."
            )
        elif values:
            self._act(context)
        elif cell is not None:
            raise UsageError("the prompt is empty; write it below the %%chat line")
        else:
            from eighty80_jupyter.notebook.commands.see import where  # noqa: PLC0415  # late

            where(context)

    def _act(self, context: CommandContext) -> None:
        """Do all that stands instead of a prompt; the conversations change together or not."""
        from eighty80_jupyter.notebook.commands.registry import act  # noqa: PLC0415  # when first used

        names = _commands(context.values)
        if len(names) > 1:
            act(context.rehearsal(), _commands(context.values, branches=True))
        act(context, names)

    def _ask(self, context: CommandContext, prompt: str, first_line: int) -> None:
        """Do what stands before the prompt, ask, and do what comes after the answer.

        All is tried first, so that a prompt that cannot be sent changes and starts nothing.
        """
        from eighty80_jupyter.notebook.commands.keep import check_files  # noqa: PLC0415  # same
        from eighty80_jupyter.notebook.commands.registry import act  # noqa: PLC0415  # when first used
        from eighty80_jupyter.notebook.magic.ask import ask, dry_run  # noqa: PLC0415  # first prompt
        from eighty80_jupyter.notebook.magic.prompt_request import question, settled  # noqa: PLC0415  # same

        tried = context
        before = _commands(context.values, branches=True)
        if before or "in" in context.values:
            tried = context.rehearsal()
            act(tried, before)
        asked = question(tried, prompt, first_line=first_line)
        check_files(context)
        if "dry_run" in context.values:
            dry_run(context, asked)  # and what stands before the prompt is not done either
            return
        act(context, _commands(context.values, after=False))
        ask(context, settled(context, asked))
        act(context, _commands(context.values, after=True))


def _commands(
    values: Mapping[str, Any], *, branches: bool | None = None, after: bool | None = None
) -> list[str]:
    """Return the options that are commands, in the order of the table, of one kind or of all."""
    return [
        name
        for name, option in OPTIONS.items()
        if name in values
        and option.alone
        and branches in (None, option.branches)
        and after in (None, option.after)
    ]


def _check(values: Mapping[str, Any], *, asks: bool) -> None:
    """Refuse options that stand alone but cannot."""
    for name in values:
        others = OPTIONS[name].goes_with
        if others and not any(other in values for other in others):
            wanted = " or ".join(OPTIONS[other].long for other in others)
            raise UsageError(f"{OPTIONS[name].long} goes with {wanted}")
    needy = [name for name in values if not OPTIONS[name].alone]
    if not asks and needy and needy != ["system"]:
        given = ", ".join(OPTIONS[name].long for name in needy)
        settings = all(OPTIONS[name].parameter for name in needy)
        more = ", or keep it with %chat --set NAME=VALUE" if settings else ""
        raise UsageError(f"there is no prompt for {given}; write one after it{more}")
    if asks and values.get("code") is not None:
        raise UsageError(
            "--code N shows the code of an earlier reply and stands alone; "
            "-- before a prompt lets it begin with a number"
        )


def chat_without_cell(lines: list[str]) -> list[str]:
    """Read `%%chat --continue` with nothing below it as `%chat`; IPython would refuse it."""
    if lines and _ONLY_OPTIONS.match(lines[0]) and not any(line.strip() for line in lines[1:]):
        return [lines[0].lstrip()[1:]]
    return lines


class ChatCommand(EscapedCommand):
    """Read `%chat WHAT?` as a prompt; IPython would take the question mark for a call for help."""

    priority = 4  # before HelpEnd, which has 5

    @classmethod
    def find(cls, tokens_by_line: list[list[TokenInfo]]) -> ChatCommand | None:
        """Find the first line `%chat` with something after it that is more than `?`."""
        for line in tokens_by_line:
            words = [token for token in line if token.string.strip()]
            if [token.string for token in words[:2]] == ["%", "chat"]:
                rest = words[0].line[words[1].end[1] :].strip()
                if rest.strip("?"):
                    return cls(words[0].start)
        return None
