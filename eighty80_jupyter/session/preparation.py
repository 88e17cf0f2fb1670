"""From a prompt and its options to a turn that can begin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from eighty80_jupyter.conversation.branches import Conversations
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.session.embedded import Embedded
from eighty80_jupyter.session.options import TurnOptions
from eighty80_jupyter.session.presets import Presets
from eighty80_jupyter.session.records import Autosave
from eighty80_jupyter.session.request_builder import RequestBuilder
from eighty80_jupyter.tools.executor import Confirmer, ToolExecutor, waits_for_tool
from eighty80_jupyter.turns.request import RunningTurn

MANY_ASKS = 6  # turns of one run of a cell: a loop, and no conversation


class TurnPreparation:
    """Applies the preset, fills the prompt, finds the conversation, and refuses what cannot be.

    `say` shows a line, `running_cell` names this run of the cell that runs.
    """

    def __init__(
        self,
        conversations: Conversations,
        requests: RequestBuilder,
        presets: Presets,
        embedded: Embedded,
        autosave: Autosave,
        *,
        say: Callable[[str], object],
        running_cell: Callable[[], str],
    ) -> None:
        self._conversations = conversations
        self._requests = requests
        self._presets = presets
        self._embedded = embedded
        self._autosave = autosave
        self._say = say
        self._running_cell = running_cell
        self._asks = ("", 0)  # how many turns the cell that runs has added

    def turn(
        self, prompt: Any, options: TurnOptions, confirmer: Confirmer | None
    ) -> tuple[RunningTurn, ToolExecutor | None]:
        """Return a turn that is ready to begin, and what runs its tools.

        Raises UsageError for what cannot be sent, LocalModelError where the embedded model's server
        has ended.
        """
        self._autosave.apply()
        options = self._presets.applied(options)
        if options.base_url is None:
            self._embedded.check()
        conversation = (
            self._conversations.current if options.conversation is None else options.conversation
        )
        if isinstance(conversation, str):
            conversation = self._conversations[conversation]
        prepared = self._requests.prepare(
            prompt, fields=options.fields, allow_secrets=options.allow_secrets
        )
        if prepared is not prompt:
            prepared = self._requests.with_cells(prepared, options, conversation)
        if prepared is not prompt and prepared.unfilled:
            self._say(
                f"sent as it is: {prepared.unfilled[0]}; text in Python is never evaluated. "
                "fields=True fills it, or hand the value over: chat.ask([text, value])"
            )
        request = self._requests.build(prepared, options)
        if options.base_url is None:
            request = replace(request, lost=self._embedded.lost)
        if request.place.keep and waits_for_tool(conversation):
            raise UsageError(
                f"a tool cannot add a turn to the conversation {conversation.name}, which "
                "waits for it; ask in another, or aside with once=True"
            )
        if request.place.keep and request.place.again is None:
            self._count_asks()
        running = RunningTurn(conversation, request)
        if problem := self._autosave.problem():
            running.adapted.append(problem)
        allow_secrets = options.allow_secrets
        return running, self._requests.executor(running, confirmer, allow_secrets=allow_secrets)

    def _count_asks(self) -> None:
        """Say once what is better where one cell adds turn after turn."""
        cell = self._running_cell()
        self._asks = (cell, self._asks[1] + 1 if cell == self._asks[0] else 1)
        if cell and self._asks[1] == MANY_ASKS:
            self._say(
                f"this cell has asked {MANY_ASKS} times in one conversation, and each turn sends "
                "all before it; once=True (--once on a line) asks without it"
            )
