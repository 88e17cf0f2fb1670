"""The composition root: all state of one kernel hangs on its session."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, MutableMapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from eighty80_jupyter.api.models import Model
from eighty80_jupyter.api.reply import Reply
from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.conversation.branches import Conversations
from eighty80_jupyter.conversation.conversation import Conversation
from eighty80_jupyter.conversation.turn import Turn
from eighty80_jupyter.errors import ChatInterrupted, UsageError
from eighty80_jupyter.prompt.describe.registry import Registry
from eighty80_jupyter.session.embedded import Embedded
from eighty80_jupyter.session.mcp_servers import MCPServers
from eighty80_jupyter.session.model_server import ModelServer
from eighty80_jupyter.session.options import TurnOptions, lists_options
from eighty80_jupyter.session.preparation import TurnPreparation
from eighty80_jupyter.session.presets import Presets
from eighty80_jupyter.session.records import Autosave, Records
from eighty80_jupyter.session.request_builder import RequestBuilder
from eighty80_jupyter.session.rows.comparing import RowComparisons
from eighty80_jupyter.session.rows.operations import RowOperations
from eighty80_jupyter.session.rows.runs import RowRuns
from eighty80_jupyter.session.running import Listener, Turns
from eighty80_jupyter.tools.executor import Confirmer
from eighty80_jupyter.tools.toolbox import ToolBox
from eighty80_jupyter.turns.feed import SessionWatcher
from eighty80_jupyter.turns.request import RunningTurn
from eighty80_jupyter.wire.endpoint import usable
from eighty80_jupyter.wire.retries import Settings
from eighty80_jupyter.wire.secret import Secret

if TYPE_CHECKING:
    import asyncio

    from eighty80_jupyter.local.server import LocalServer


class Session(RowOperations):
    """The conversations with a model in one kernel, and what is needed to hold them.

    That of the running kernel is `from eighty80_jupyter import chat`. `config` holds every setting,
    `conversations` the conversations by their names, `conversation` is the current one,
    `session[name]` another; `last` is the latest reply, `asked` has the ids of the turns that were
    asked here, `on_page` of those that a page keeps, `in_cells` the replies that stand in the
    outputs of cells: by the cell, then by the turn. `requests` makes what a turn is given out of
    the settings, `presets` finds sets of them by name, `records` writes requests down and answers
    them from a record. `namespace` holds the variables that prompts can name, those of the
    notebook; None leaves `{{...}}` alone. `tools` holds the tools that a turn can offer;
    `@session.tool` adds a function, `mcp(...)` starts a server that has some, `servers` are those.
    `confirmer` asks the user before a call; None: what must be asked about is refused. `open_panel`
    makes what `panel` returns, `say` shows a dim line, `answered` shows a turn of `ask` that nobody
    listened to, `running_cell` names this run of the cell that runs; the notebook room sets them.
    Turns begin in any thread; `last` and `asked` are the loop thread's, `in_cells` the main
    thread's, and others read them.
    """

    def __init__(
        self,
        config: ChatConfig | None = None,
        *,
        environ: MutableMapping[str, str] | None = None,
    ) -> None:
        environ = os.environ if environ is None else environ
        self.config = config or ChatConfig()
        self.conversations = Conversations()
        self.last: Reply | None = None
        self.asked: set[str] = set()
        self.on_page: set[str] = set()
        self.in_cells: dict[str, dict[str, Reply]] = {}
        self.tools = ToolBox()
        self.tool = self.tools.tool
        self._embedded = Embedded(self.config)
        server = ModelServer(self.config, environ, self._embedded)
        self.requests = RequestBuilder(self.config, self.tools, environ, server)
        self.confirmer: Confirmer | None = None
        self.records = Records(
            self.config, secrets=lambda: self.secrets, redact=self.requests.scrubbed
        )
        self.presets = Presets(self.config, self._embedded)
        self._turns = Turns(self.conversations, self.records, self._learn)
        self._preparation = TurnPreparation(
            self.conversations,
            self.requests,
            self.presets,
            self._embedded,
            Autosave(self.config, self.conversations, self._turns.feed, lambda: self.secrets),
            say=lambda text: self.say(text),  # noqa: PLW0108  # the notebook room sets it later
            running_cell=lambda: self.running_cell(),  # noqa: PLW0108  # the same
        )
        self._models: dict[str, list[Model]] = {}
        self.running_cell: Callable[[], str] = lambda: ""
        self.open_panel: Callable[[], Any] | None = None
        self.answered: Callable[[RunningTurn], None] = lambda _running: None
        self.begun: Callable[[RunningTurn], None] = lambda _running: None
        self.row_runs = RowRuns(
            self.config, self.requests, self.records, self._turns, self._embedded
        )
        self.comparisons = RowComparisons(self.row_runs)
        self.compare = self.comparisons.compare
        self.say: Callable[[str], object] = partial(print, file=sys.stderr)
        self.servers = MCPServers(
            self.tools,
            environ,
            say=lambda text: self.say(text),  # noqa: PLW0108  # the notebook room sets it later
            permit=lambda: getattr(self.confirmer, "permit", lambda _question: None),
            secrets=lambda: self.secrets,
        )
        self.mcp = self.servers.start

    def __repr__(self) -> str:
        return f"<Session at {self.address}: {self.conversation!r}>"

    def __reduce__(self) -> tuple[Callable[[], Session], tuple[()]]:
        """Pickle as the session of the kernel that loads it; keys and conversations stay here."""
        return _this_session, ()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __getitem__(self, name: str) -> Conversation:
        """Return the conversation of that name. Raises UsageError."""
        return self.conversations[name]

    @property
    def conversation(self) -> Conversation:
        """The current conversation."""
        return self.conversations.current

    @property
    def namespace(self) -> Mapping[str, Any] | None:
        """The variables that prompts can name; None leaves `{{...}}` as it is."""
        return self.requests.namespace

    @namespace.setter
    def namespace(self, namespace: Mapping[str, Any] | None) -> None:
        self.requests.namespace = namespace

    @property
    def address(self) -> str:
        """The address that requests go to."""
        return self.requests.server.address

    @property
    def key_source(self) -> str:
        """Where the key comes from, in words; the key itself is never told."""
        return self.requests.server.key_source

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The keys of this session, which must stand in no file."""
        return self.requests.server.secrets

    @property
    def is_local(self) -> bool:
        """Whether it talks to the embedded model."""
        return self._embedded.active

    @lists_options
    def ask(
        self,
        prompt: Any,
        *,
        listen: Listener | None = None,
        options: TurnOptions | None = None,
        **keywords: Any,
    ) -> Reply:
        """Add a turn to the conversation: send `prompt` with the history and return the reply.

        `prompt` is a text, a template string of Python 3.14, or a list of texts, pictures, sounds
        and values. Text is text: only with `fields` do `{{expressions}}` in it, and in
        `system`, stand for values of `namespace`. `allow_secrets` leaves secrets in the values.
        `system` sets the instruction message of the conversation from this turn on; an empty one
        removes it. `once` asks aside: the conversation is neither sent nor gone on with, which is
        what a loop over many texts wants. `stream` overrules `config.stream`. `listen` is called in
        this thread with lists of events as they come, and with an empty list in between.
        `conversation` is another one than the current, `place` says where in it the turn stands.
        `options` holds all of these as one record.

        The parameters hold for this turn only: `model`, `temperature` (0 to 2), `top_p` (0 to 1),
        `frequency_penalty` and `presence_penalty` (-2 to 2), `max_tokens` (1 or more), `seed`,
        `stop` (1 to 4 texts), `n`, `reasoning_effort`, `logit_bias` (token id to -100..100),
        `logprobs`, `top_logprobs` (0 to 20), `response_format`, `user`, and `extra` for fields
        beyond these. Source: the table in `api.request_parameters`, after the API's documentation.

        `tools` are what the model may call: "all", names ("a,b" or a list), functions, False for
        none; None: what `config.tools` says. They run in this thread. `confirmer` asks before a
        call; None: `session.confirmer`. `returns` is the type that the answer shall have, and
        `reply.value` is it then: a pydantic model, a dataclass, a TypedDict, a NamedTuple, an Enum,
        `Literal`, bool, int, float, str, a date, `list[...]`, a union, a JSON Schema, a dictionary
        such as {"label": ["bug", "feature"], "score": float}, a list of choices, or a text:
        "label: bug|feature, score: float". `cells` sends cells of the notebook along: True or
        "all", "above", or their numbers ("3-7"); False: none; None: what `config.cells` says.
        `preset` names a set of these options, which holds for this turn below the others. With
        tools there are two parameters more: `tool_choice`
        ("auto", "none", "required" or a name) and `parallel_tool_calls`.

        Raises UsageError for what cannot be sent, APIError for a request that failed (its `reply`
        is what had come), ReplyFormatError for an answer that is not of the type, ChatInterrupted
        for an interrupt, LocalModelError where the embedded model's server has ended.
        """
        chosen = TurnOptions.of(options, keywords)
        try:
            confirmer = chosen.confirmer or self.confirmer
            running, executor = self._preparation.turn(prompt, chosen, confirmer)
        except KeyboardInterrupt:
            raise ChatInterrupted("interrupted; nothing had come yet") from None
        try:
            return self._turns.run(running, executor, listen or (lambda _events: None))
        finally:
            if listen is None:  # who listens shows it
                self.answered(running)

    @lists_options
    def start(
        self, prompt: Any, *, options: TurnOptions | None = None, **keywords: Any
    ) -> RunningTurn:
        """Begin a turn and return at once; `ask` explains the parameters.

        What happens is told to those who `watch`, and stands in what is returned. Tools run, and
        the `confirmer` is asked, in a thread of their own; None: nobody can be asked. Raises
        UsageError for what cannot be sent.
        """
        chosen = TurnOptions.of(options, keywords)
        running, executor = self._preparation.turn(prompt, chosen, chosen.confirmer)
        self.begun(running)  # before: a quick server may have answered afterwards
        self._turns.begin(running, executor)
        return running

    def parameters(self) -> dict[str, Any]:
        """Return the parameters that the next turn is asked with, by name: those that are set."""
        return self.requests.parameters()

    def panel(self) -> Any:
        """Return a panel for this session, which shows when it is displayed (`%chat --panel`).

        It is a widget; `close()` ends it. Raises UsageError outside a notebook.
        """
        if self.open_panel is None:
            if "marimo" in sys.modules:
                raise UsageError(
                    "marimo shows no ipywidgets, of which the panel is; use chat.ask(...)"
                )
            raise UsageError("a panel needs a notebook; in Python use chat.ask(...)")
        return self.open_panel()

    def watch(self, watcher: SessionWatcher) -> Callable[[], None]:
        """Call `watcher` with all that happens to the turns; returns the function that ends this.

        It is called in the thread where it happens, which is mostly the loop's: it must return at
        once. See `turns.feed` for the events.
        """
        return self._turns.feed.watch(watcher)

    def on_loop(self, callback: Callable[[], None]) -> asyncio.AbstractEventLoop:
        """Have the loop thread call `callback` soon, and return the loop; from any thread.

        The callback must return at once. It can set timers: `get_running_loop().call_later`.
        """
        return self._turns.background.submit(callback)

    def _learn(self, running: RunningTurn, first: bool) -> None:  # noqa: FBT001  # called by place
        """Keep what a turn brought besides its place in the conversation."""
        reply, place = running.reply, running.request.place
        if reply is None:
            return
        if place.keep:
            self.asked.add(place.again or running.id)
        # An answer again that is not kept is a variant, which counts only once somebody adopts it.
        variant = place.again is not None and not place.keep
        if not variant and (reply.status == "complete" or not reply.empty):
            self.last = reply
        self.requests.learn(running, first=first)

    def stands_in_cell(self, turn: Turn) -> bool:
        """Tell whether the output of a cell shows this very answer; asked in any thread."""
        return any(turns.get(turn.id) is turn.reply for turns in tuple(self.in_cells.values()))

    def register(self, kind: type | str, describe: Callable[[Any], Any]) -> None:
        """Describe values of a class, or of "module.Class", by `describe(value)` in prompts.

        It returns a text, or a value to describe in its place. Raises UsageError.
        """
        if self.requests.registry is None:
            self.requests.registry = Registry()
        self.requests.registry.register(kind, describe)

    def models(self, *, refresh: bool = False, settings: Settings | None = None) -> list[Model]:
        """Return the models that the server lists, as it lists them; empty if it tells none.

        The list of each server is asked for once; `refresh` asks again. `settings` overrules the
        configuration's timeouts. Raises APIError.
        """
        self._embedded.check()
        endpoint = self.requests.server.endpoint()
        if refresh or endpoint.url not in self._models:
            settings = settings or self.requests.server.settings()
            found = self._turns.background.run(
                self._turns.client().models(endpoint, settings=settings)
            )
            self._models[endpoint.url] = [Model.from_wire(entry) for entry in found]
        return list(self._models[endpoint.url])

    def set_key(self, key: str) -> None:
        """Use `key` from now on in this kernel. Raises MissingKeyError if it cannot be one."""
        self.config.api_key = usable(key, "the key")

    def use_local(
        self, path: str | Path | None = None, *, progress: Callable[[int, int], None] | None = None
    ) -> LocalServer:
        """Start the embedded model and point this session at it; one that runs is kept.

        `path` is a GGUF file; None means the small model that is fetched once into the user's
        cache, with `progress(done, total)` called in bytes. Raises LocalModelError, and then
        everything stays as it was.
        """
        return self._embedded.use(path, progress=progress)

    def use_remote(self) -> None:
        """Stop the embedded model and go back to the server that was used before."""
        self._embedded.leave()

    def close(self) -> None:
        """Close the connections, end the MCP servers and the loop thread.

        The next request opens them again. The conversation, the settings and the embedded model
        stay.
        """
        self.servers.close()
        self._turns.close()
        self.row_runs.close()


def _this_session() -> Session:
    """Return the session of this kernel, in which another one's is unpickled."""
    session: Session = import_module("eighty80_jupyter").chat
    return session
