"""%chat and %%chat: parse the options and hand over. All that counts is in the session."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from IPython.core.inputtransformer2 import EscapedCommand
from IPython.core.magic import no_var_expand

from eighty80_jupyter.api import sampling
from eighty80_jupyter.chat.conversation import Conversation
from eighty80_jupyter.errors import APIError, ChatInterrupted, UsageError
from eighty80_jupyter.notebook.options import OPTIONS, manual, parse
from eighty80_jupyter.prompt import parts

if TYPE_CHECKING:
    from tokenize import TokenInfo

    from IPython.core.interactiveshell import InteractiveShell

    from eighty80_jupyter.notebook.display import Writer
    from eighty80_jupyter.prompt.prepare import Prepared
    from eighty80_jupyter.session import Session


class ChatMagic:
    """The magic function of one shell. `chat` is what gets registered."""

    def __init__(self, shell: InteractiveShell, session: Session) -> None:
        self._shell = shell
        self._session = session

        @no_var_expand
        def chat(line: str, cell: str | None = None) -> None:
            try:
                self._run(line, cell)
            except ChatInterrupted:
                raise
            except KeyboardInterrupt:
                raise ChatInterrupted("interrupted") from None

        chat.__doc__ = manual()
        self.chat = chat

    def _run(self, line: str, cell: str | None) -> None:
        values, rest = parse(line)
        if cell is not None and rest:
            raise UsageError(
                f"the %%chat line takes options only, got {sampling.shown(rest)}; "
                "write the prompt into the cell below it"
            )
        if "help" in values:
            print(manual())  # noqa: T201  # what was asked for
            return
        prompt = rest if cell is None else cell.strip("\n").rstrip()
        parameters = {name: v for name, v in values.items() if OPTIONS[name].parameter}
        commands = {name: v for name, v in values.items() if OPTIONS[name].alone}
        others = {name: v for name, v in values.items() if name not in {**parameters, **commands}}
        if not prompt.strip() and (parameters or others.keys() - {"system"}):
            given = ", ".join(OPTIONS[name].long for name in values if name not in commands)
            raise UsageError(
                f"there is no prompt for {given}; write one after it, or keep a setting "
                "with %config ChatConfig.NAME = VALUE"
            )
        # First, so that a prompt that cannot be sent resets and starts nothing.
        line_number = 1 if cell is None else 2 + len(cell) - len(cell.lstrip("\n"))
        prepared = self._prepared(prompt, others, line_number) if prompt.strip() else None
        if prepared is not None and "dry_run" in others:
            self._dry_run(prepared, parameters, others, anew="reset" in commands)
            return  # and what stands before the prompt is not done either
        self._act(commands)
        if prepared is not None:
            self._ask(prepared, parameters, others)
        elif "system" in others:
            self._session.conversation.system = self._session.instruction(others["system"])
            self._say("The instruction message is set." if others["system"] else "It is removed.")
        elif not commands and cell is None:
            self._status()
        elif not commands:
            raise UsageError("the prompt is empty; write it below the %%chat line")

    def _act(self, commands: dict[str, Any]) -> None:
        """Do what stands instead of a prompt, or before one."""
        if "remote" in commands:
            self._session.use_remote()
            self._say(f"Talking to {self._session.address}.")
        if "local" in commands:
            self._start_local(commands["local"])
        if "key" in commands:
            self._ask_for_key()
        if "reset" in commands:
            self._session.conversation.reset()
            self._say("A new conversation begins.")
        if "models" in commands:
            self._models()
        if "history" in commands:
            self._history()

    def _prepared(self, prompt: str, others: dict[str, Any], first_line: int) -> Prepared:
        """Return what is sent for the prompt, which begins on that line of the cell."""
        limit = self._session.config.max_attachment_bytes
        pictures = [parts.image(self._named(n), limit=limit) for n in others.get("image", ())]
        sounds = [parts.audio(self._named(n), limit=limit) for n in others.get("audio", ())]
        return self._session.prepare(
            [prompt, *pictures, *sounds], first_line=first_line, **_freedoms(others)
        )

    def _ask(self, prepared: Prepared, parameters: dict[str, Any], others: dict[str, Any]) -> None:
        writer = self._writer(self._session.parameters(**parameters).get("n", 1))
        reply = None
        try:
            reply = self._session.ask(
                prepared,
                system=others.get("system"),
                stream=False if "no_stream" in others else None,
                listen=writer.take,
                raw="raw" in others,
                allow_secrets="allow_secrets" in others,
                **parameters,
            )
        except (APIError, ChatInterrupted) as error:
            reply = error.reply
            raise
        finally:
            turns = [turn for turn in self._session.conversation[-1:] if turn.reply is reply]
            writer.finish(reply, turns[0].messages if turns else (), prepared.notes)
            if "into" in others and reply is not None:
                self._shell.user_ns[others["into"]] = reply
        for hint in _hints(prepared):
            self._say(hint)

    def _dry_run(
        self,
        prepared: Prepared,
        parameters: dict[str, Any],
        others: dict[str, Any],
        *,
        anew: bool,
    ) -> None:
        from eighty80_jupyter.notebook.dry_run import dry_run_html, dry_run_text  # noqa: PLC0415  # late

        messages = self._session.outgoing(
            prepared,
            system=self._session.instruction(others.get("system"), **_freedoms(others)),
            conversation=Conversation() if anew else None,
        )
        fields = sampling.body_fields(self._session.parameters(**parameters))
        shown = (messages, fields, prepared, self._session.calibration)
        self._show(dry_run_html(*shown), dry_run_text(*shown))
        for hint in _hints(prepared):
            self._say(hint)

    def _writer(self, choices: int) -> Writer:
        """Return the writer for what the shell is seen through."""
        from eighty80_jupyter.notebook.display import (  # noqa: PLC0415  # when first used
            SCHEMA,
            NotebookWriter,
            has_pages,
        )

        if not has_pages(self._shell):
            from eighty80_jupyter.notebook.terminal import make_terminal_writer  # noqa: PLC0415  # late

            return make_terminal_writer()
        config, conversation = self._session.config, self._session.conversation
        markdown = config.output_format == "markdown"
        if config.output_format == "auto":
            markdown = "VSCODE_PID" in os.environ
        return NotebookWriter(
            self._shell.display_pub.publish,
            choices=choices,
            allow_images=config.allow_images,
            markdown=markdown,
            metadata={
                "schema": SCHEMA,
                "conversation": conversation.name,
                "turn": len(conversation) + 1,
                "role": "assistant",
            },
        )

    def _named(self, name: str) -> Any:
        """Return the variable of that name, or the name itself: a path, or an address."""
        return self._shell.user_ns.get(name, name) if name.isidentifier() else name

    def _models(self) -> None:
        from eighty80_jupyter.notebook.views import table_html, table_text  # noqa: PLC0415  # late

        rows = [
            (model.id, model.owned_by or model.provider or "")
            for model in self._session.models(refresh=True)
        ]
        if rows:
            heads = ("model", "from")
            self._show(table_html(rows, heads), table_text(rows))
        else:
            self._say(f"{self._session.address} lists no models; name one with -m.")

    def _status(self) -> None:
        from eighty80_jupyter.notebook.views import status_html, status_text  # noqa: PLC0415  # late

        self._show(status_html(self._session), status_text(self._session))

    def _history(self) -> None:
        from eighty80_jupyter.notebook.views import (  # noqa: PLC0415  # the Markdown stack
            conversation_html,
            conversation_text,
        )

        conversation = self._session.conversation
        self._show(conversation_html(conversation), conversation_text(conversation))

    def _ask_for_key(self) -> None:
        from getpass import getpass  # noqa: PLC0415  # ipykernel replaces it at the start

        try:
            key = getpass("API key (it is not shown): ")
        except (EOFError, NotImplementedError, RuntimeError):
            raise UsageError(
                "nobody can type a key in here; set the environment variable _8080_API_KEY"
            ) from None
        self._session.set_key(key)
        self._say("The key is set for this kernel.")

    def _start_local(self, path: str) -> None:
        from eighty80_jupyter.notebook.display import Progress  # noqa: PLC0415  # when first used

        with Progress(self._shell, "Fetching the embedded model") as progress:
            server = self._session.use_local(path or None, progress=progress)
        self._say(f"Talking to {server.model} on this machine ({server.url}). No key is needed.")

    def _say(self, text: str) -> None:
        sys.stdout.write(text + "\n")

    def _show(self, html: str, text: str) -> None:
        from eighty80_jupyter.notebook.display import has_pages  # noqa: PLC0415  # when first used

        if has_pages(self._shell):
            self._shell.display_pub.publish(data={"text/html": html, "text/plain": text})
        else:
            self._say(text)


def _freedoms(others: dict[str, Any]) -> dict[str, bool]:
    return {name: name in others for name in ("raw", "allow_secrets")}


def _hints(prepared: Prepared) -> list[str]:
    """Return what the user may have meant otherwise, a line each."""
    hints = [
        f"{{{name}}} was sent as it is; {{{{{name}}}}} inserts the variable"
        for name in prepared.hints
    ]
    return hints + [f"sent as it is: {text}" for text in prepared.left]


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
