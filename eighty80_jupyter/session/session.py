"""The composition root: all state of one kernel hangs on its session."""

from __future__ import annotations

import os
from collections import ChainMap
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.api import request_parameters
from eighty80_jupyter.api.messages import Message
from eighty80_jupyter.api.models import Model
from eighty80_jupyter.api.reply import Reply
from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.conversation.branches import Conversations
from eighty80_jupyter.conversation.conversation import Conversation
from eighty80_jupyter.errors import ChatInterrupted, UsageError
from eighty80_jupyter.prompt.tokens import Calibration, estimate
from eighty80_jupyter.session.assembly import (
    context_settings,
    filling,
    make_executor,
    make_offer,
    patience,
)
from eighty80_jupyter.session.embedded import Embedded
from eighty80_jupyter.session.running import Turns
from eighty80_jupyter.tools.toolbox import ToolBox
from eighty80_jupyter.wire.endpoint import (
    DEFAULT_URL,
    ENV_KEY,
    ENV_TOKEN_FILE,
    ENV_URL,
    Endpoint,
    Secret,
    clean_url,
    resolve,
    usable,
)

if TYPE_CHECKING:
    # Brought in when first used: loading the extension must cost nothing to speak of.
    import asyncio

    from eighty80_jupyter.local.server import LocalServer
    from eighty80_jupyter.prompt.describe.registry import Registry
    from eighty80_jupyter.prompt.secrets.redact import Redactor
    from eighty80_jupyter.prompt.template.prepare import Context, PreparedPrompt
    from eighty80_jupyter.session.running import Listener
    from eighty80_jupyter.storage.journal import Journal
    from eighty80_jupyter.tools.executor import ToolExecutor
    from eighty80_jupyter.tools.rounds import Confirmer, ToolOffer
    from eighty80_jupyter.tools.toolbox import Tool
    from eighty80_jupyter.turns.context import ContextSettings
    from eighty80_jupyter.turns.feed import SessionWatcher
    from eighty80_jupyter.turns.turn import Outgoing, Place, Request, RunningTurn
    from eighty80_jupyter.wire.client import Settings

    Tools = str | bool | Sequence[str | Tool | Callable[..., Any]]


class Session:
    """The conversations with a model in one kernel, and what is needed to hold them.

    That of the running kernel is `from eighty80_jupyter import chat`. `config` holds every setting,
    `conversations` the conversations by their names, `conversation` is the current one,
    `session[name]` another; `last` is the latest reply. `namespace` holds the variables that
    prompts can name, those of the notebook; None leaves `{{...}}` alone.
    `calibration` corrects the estimate of tokens by what the server counts. `tools` holds the tools
    that a turn can offer; `@session.tool` adds a function. `confirmer` asks the user before a call;
    None: what must be asked about is refused. `open_panel` makes what `panel` returns; the notebook
    room sets it.
    """

    def __init__(
        self,
        config: ChatConfig | None = None,
        *,
        environ: MutableMapping[str, str] | None = None,
    ) -> None:
        self.config = config or ChatConfig()
        self.conversations = Conversations()
        self.last: Reply | None = None
        self.namespace: Mapping[str, Any] | None = None
        self.calibration = Calibration()
        self.tools = ToolBox()
        self.tool = self.tools.tool
        self.confirmer: Confirmer | None = None
        self._always: dict[str, Callable[..., Any]] = {}  # tools that need no more confirmation
        self._environ: Mapping[str, str] = os.environ if environ is None else environ
        self._turns = Turns(self.conversations, self._learn)
        self._embedded = Embedded(self.config)
        self._registry: Registry | None = None
        self._redactor: Redactor | None = None
        self._models: dict[str, list[Model]] = {}
        self._context_limits: dict[tuple[str, str], int] = {}  # by address and model, as learned
        self._journal: Journal | None = None
        self.open_panel: Callable[[], Any] | None = None
        self.config.observe(self._set_autosave, "autosave")

    def __repr__(self) -> str:
        return f"<Session at {self.address}: {self.conversation!r}>"

    def __getitem__(self, name: str) -> Conversation:
        """Return the conversation of that name. Raises UsageError."""
        return self.conversations[name]

    @property
    def conversation(self) -> Conversation:
        """The current conversation."""
        return self.conversations.current

    @property
    def address(self) -> str:
        """The address that requests go to."""
        url = self.config.base_url or self._environ.get(ENV_URL) or DEFAULT_URL
        try:
            return clean_url(url)
        except UsageError:  # refused when it is used; a password in it must not show
            return "an address that cannot be used"

    @property
    def is_local(self) -> bool:
        """Whether it talks to the embedded model."""
        return self._embedded.active

    @property
    def key_source(self) -> str:
        """Where the key comes from, in words; the key itself is never told."""
        if self._embedded.active:
            return "not needed for the embedded model"
        if self.config.api_key:
            return "set for this kernel"
        for name in (ENV_KEY, ENV_TOKEN_FILE):
            if self._environ.get(name, "").strip():
                return f"from the environment ({name})"
        return f"missing: set {ENV_KEY}, or run %chat --key, or %chat --local"

    def ask(
        self,
        prompt: Any,
        *,
        system: str | None = None,
        raw: bool = False,
        allow_secrets: bool = False,
        stream: bool | None = None,
        listen: Listener | None = None,
        conversation: str | Conversation | None = None,
        place: Place | None = None,
        tools: Tools | None = None,
        confirmer: Confirmer | None = None,
        **parameters: Any,
    ) -> Reply:
        """Add a turn to the conversation: send `prompt` with the history and return the reply.

        `prompt` is a text, a template string of Python 3.14, or a list of texts, pictures and
        sounds. `{{expressions}}` in it stand for values of `namespace`; `raw` leaves them as they
        are, `allow_secrets` leaves secrets in the values. `system` sets the instruction message of
        the conversation from this turn on; an empty one removes it. `stream` overrules
        `config.stream`. `listen` is called in this thread with lists of events as they come, and
        with an empty list in between. `conversation` is another one than the current, `place` says
        where in it the turn stands.

        The parameters hold for this turn only: `model`, `temperature` (0 to 2), `top_p` (0 to 1),
        `frequency_penalty` and `presence_penalty` (-2 to 2), `max_tokens` (1 or more), `seed`,
        `stop` (1 to 4 texts), `n`, `reasoning_effort`, `logit_bias` (token id to -100..100),
        `logprobs`, `top_logprobs` (0 to 20), `response_format`, `user`, and `extra` for fields
        beyond these. Source: the table in `api.sampling`, after the API's documentation.

        `tools` are what the model may call: "all", names ("a,b" or a list), functions, False for
        none; None: what `config.tools` says. They run in this thread. `confirmer` asks before a
        call; None: `session.confirmer`. With tools there are two parameters more: `tool_choice`
        ("auto", "none", "required" or a name) and `parallel_tool_calls`.

        Raises UsageError for what cannot be sent, APIError for a request that failed (its `reply`
        is what had come), ChatInterrupted for an interrupt.
        """
        try:
            running, executor = self._turn(
                prompt,
                system=system,
                raw=raw,
                allow_secrets=allow_secrets,
                stream=stream,
                conversation=conversation,
                place=place,
                tools=tools,
                confirmer=confirmer or self.confirmer,
                **parameters,
            )
        except KeyboardInterrupt:
            raise ChatInterrupted("interrupted; nothing had come yet") from None
        return self._turns.run(running, executor, listen or (lambda _events: None))

    def start(
        self,
        prompt: Any,
        *,
        system: str | None = None,
        raw: bool = False,
        allow_secrets: bool = False,
        stream: bool | None = None,
        conversation: str | Conversation | None = None,
        place: Place | None = None,
        tools: Tools | None = None,
        confirmer: Confirmer | None = None,
        **parameters: Any,
    ) -> RunningTurn:
        """Begin a turn and return at once; `ask` explains the parameters.

        What happens is told to those who `watch`, and stands in what is returned. Tools run, and
        the `confirmer` is asked, in a thread of their own; None: nobody can be asked. Raises
        UsageError for what cannot be sent.
        """
        running, executor = self._turn(
            prompt,
            system=system,
            raw=raw,
            allow_secrets=allow_secrets,
            stream=stream,
            conversation=conversation,
            place=place,
            tools=tools,
            confirmer=confirmer,
            **parameters,
        )
        self._turns.begin(running, executor)
        return running

    def panel(self) -> Any:
        """Return a panel for this session, which shows when it is displayed (`%chat --panel`).

        It is a widget; `close()` ends it. Raises UsageError outside a notebook.
        """
        if self.open_panel is None:
            raise UsageError("a panel needs a notebook; in Python use chat.ask(...)")
        return self.open_panel()

    def watch(self, watcher: SessionWatcher) -> Callable[[], None]:
        """Call `watcher` with all that happens to the turns; returns the function that ends this.

        It is called in the thread where it happens, which is mostly the loop's: it must return at
        once. See `chat.feed` for the events.
        """
        return self._turns.feed.watch(watcher)

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The keys of this session, which must stand in no file."""
        words = [self.config.api_key, self._embedded.key_before]
        words.append(Secret(self._environ.get(ENV_KEY, "").strip()))
        with suppress(UsageError):  # no key, or a token file that cannot be read
            words.append(self._endpoint().authorization()[0])
        return tuple({word.reveal(): word for word in words if word}.values())

    def _set_autosave(self, _change: object = None) -> None:
        """Begin the journal or end it, as the setting says."""
        if self.config.autosave and self._journal is None:
            from eighty80_jupyter.storage.journal import Journal  # noqa: PLC0415  # for those who want it

            self._journal = Journal(
                self.conversations, self._turns.feed, secrets=lambda: self.secrets
            )
        elif not self.config.autosave and self._journal is not None:
            self._journal.close()
            self._journal = None

    def on_loop(self, callback: Callable[[], None]) -> asyncio.AbstractEventLoop:
        """Have the loop thread call `callback` soon, and return the loop; from any thread.

        The callback must return at once. It can set timers: `get_running_loop().call_later`.
        """
        return self._turns.background.submit(callback)

    def _turn(
        self,
        prompt: Any,
        *,
        system: str | None,
        raw: bool,
        allow_secrets: bool,
        conversation: str | Conversation | None,
        confirmer: Confirmer | None,
        **options: Any,
    ) -> tuple[RunningTurn, ToolExecutor | None]:
        """Return a turn that is ready to begin, and what runs its tools."""
        request = self.request(
            self.prepare(prompt, raw=raw, allow_secrets=allow_secrets),
            system=self.instruction(system, raw=raw, allow_secrets=allow_secrets),
            **options,
        )
        running = self._running(conversation, request)
        return running, self._executor(running, confirmer, allow_secrets=allow_secrets)

    def _running(self, conversation: str | Conversation | None, request: Request) -> RunningTurn:
        from eighty80_jupyter.turns.turn import RunningTurn  # noqa: PLC0415  # brings in httpx

        self._set_autosave()  # a configuration file may have set it
        if conversation is None:
            conversation = self.conversation
        elif isinstance(conversation, str):
            conversation = self.conversations[conversation]
        if request.place.keep:
            from eighty80_jupyter.tools.executor import waits_for_tool  # noqa: PLC0415  # late

            if waits_for_tool(conversation):
                raise UsageError(
                    f"a tool cannot add a turn to the conversation {conversation.name}, which "
                    "waits for it; ask in another, or with place=Place(keep=False)"
                )
        return RunningTurn(conversation, request)

    def _executor(
        self, running: RunningTurn, confirmer: Confirmer | None, *, allow_secrets: bool
    ) -> ToolExecutor | None:
        """Return what runs the calls of a turn; None where it offers no tools."""
        return make_executor(
            self.config,
            running.request.offer,
            conversation=running.conversation,
            confirmer=confirmer,
            always=self._always,
            registry=self._registry,
            redactor=self._scrubber(allow_secrets=allow_secrets),
            ratio=self.calibration.ratio,
        )

    def _learn(self, running: RunningTurn, first: bool) -> None:  # noqa: FBT001  # called by place
        """Keep what a turn brought besides its place in the conversation."""
        reply, request = running.reply, running.request
        if reply is None:
            return
        # A turn answered again and not kept is a trial, which counts only once somebody adopts it.
        trial = request.place.again is not None and not request.place.keep
        if not trial and (reply.status == "complete" or not reply.empty):
            self.last = reply
        alone = first and request.offer is None  # the tools take tokens, too
        if alone and reply.usage is not None and reply.usage.prompt_tokens:
            # Only what a first turn sends is known without looking through the history again.
            sent = [request.instruction or request.system or "", request.prompt.text]
            self.calibration.learn(sum(map(estimate, sent)), reply.usage.prompt_tokens)

    def prepare(
        self,
        prompt: Any,
        *,
        raw: bool = False,
        allow_secrets: bool = False,
        first_line: int = 1,
        values: Mapping[str, Any] | None = None,
    ) -> PreparedPrompt:
        """Return what would be sent for `prompt`: fields filled, pictures and sounds encoded.

        What is prepared already is returned as it is: no field is evaluated twice. `first_line` is
        the number of the prompt's first line in its cell. `values` are variables that only this
        prompt can name. Raises UsageError.
        """
        from eighty80_jupyter.prompt.template import prepare as room  # noqa: PLC0415  # the first prompt

        if isinstance(prompt, room.PreparedPrompt):
            return prompt
        context = self._context(raw=raw, allow_secrets=allow_secrets)
        if values:
            known = ChainMap(dict(values), dict(context.namespace or {}))
            context = replace(context, namespace=known)
        return room.prepare(prompt, replace(context, first_line=first_line))

    def request(
        self,
        prepared: PreparedPrompt,
        *,
        system: str | None = None,
        stream: bool | None = None,
        place: Place | None = None,
        tools: Tools | None = None,
        tool_choice: str | None = None,
        parallel_tool_calls: bool | None = None,
        **parameters: Any,
    ) -> Request:
        """Return all that a turn with this prompt needs, checked. Raises UsageError."""
        values = self.parameters(**parameters)
        offer = self.offer(
            tools,
            choice=tool_choice,
            parallel=parallel_tool_calls,
            answers=values.get("n", 1),
        )
        endpoint = self._endpoint()
        from eighty80_jupyter.turns.turn import Place, Request  # noqa: PLC0415  # brings in httpx

        return Request(
            prompt=Message("user", prepared.content),
            parameters=request_parameters.body_fields(values),
            endpoint=endpoint,
            settings=patience(self.config),
            stream=self.config.stream if stream is None else stream,
            system=self.config.system,
            system_role=self.config.system_role,
            instruction=system,
            has_data=prepared.has_data,
            source=prepared.source,
            place=place or Place(),
            context=self._limits(endpoint.url, values),
            offer=offer,
        )

    def offer(
        self,
        tools: Tools | None = None,
        *,
        choice: str | None = None,
        parallel: bool | None = None,
        answers: int = 1,
    ) -> ToolOffer | None:
        """Return the tools that a turn offers, as `ask` names them; None: no tools.

        Raises UsageError for what is not known, and where there shall be several `answers`.
        """
        return make_offer(
            self.config, self.tools, tools, choice=choice, parallel=parallel, answers=answers
        )

    def outgoing(
        self,
        prepared: PreparedPrompt,
        *,
        system: str | None = None,
        conversation: Conversation | None = None,
        place: Place | None = None,
        **parameters: Any,
    ) -> Outgoing:
        """Return the messages that would be sent for a prompt at that place.

        What the model would have to condense first is left out. Raises UsageError, and
        ContextLengthError for what is too long.
        """
        from eighty80_jupyter.turns.turn import Outgoing, Place, head, make_context  # noqa: PLC0415  # late

        conversation = self.conversation if conversation is None else conversation
        place, values = place or Place(), self.parameters(**parameters)

        async def nobody(_messages: Sequence[Message]) -> str:
            return ""

        limits = self._limits(self.address, values)
        before = head(
            conversation,
            instruction=system,
            system=self.config.system,
            system_role=self.config.system_role,
            has_data=prepared.has_data,
            place=place,
        )
        context = make_context(conversation, place, limits, nobody)
        messages = context.preview(before, [Message("user", prepared.content)])
        return Outgoing(messages, context.note)

    def register(self, kind: type | str, describe: Callable[[Any], Any]) -> None:
        """Describe values of a class, or of "module.Class", by `describe(value)` in prompts.

        It returns a text, or a value to describe in its place. Raises UsageError.
        """
        from eighty80_jupyter.prompt.describe.registry import Registry  # noqa: PLC0415  # seldom needed

        if self._registry is None:
            self._registry = Registry()
        self._registry.register(kind, describe)

    def models(self, *, refresh: bool = False, settings: Settings | None = None) -> list[Model]:
        """Return the models that the server lists, as it lists them; empty if it tells none.

        The list of each server is asked for once; `refresh` asks again. `settings` overrules the
        configuration's patience. Raises APIError.
        """
        endpoint = self._endpoint()
        if refresh or endpoint.url not in self._models:
            settings = settings or patience(self.config)
            found = self._turns.background.run(
                self._turns.client().models(endpoint, settings=settings)
            )
            self._models[endpoint.url] = [Model.from_wire(entry) for entry in found]
        return list(self._models[endpoint.url])

    def parameters(self, **overrides: Any) -> dict[str, Any]:
        """Return the parameters of a turn: what the configuration sets, and `overrides` over it.

        Raises UsageError for an unknown name and for a value out of bounds.
        """
        values = self.config.parameters()
        for name, value in overrides.items():
            if value is not None:
                values[request_parameters.canonical(name)] = request_parameters.check(
                    request_parameters.canonical(name), value
                )
        return values

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
        """Close the connections and end the loop thread; the next request opens them again.

        The conversation, the settings and the embedded model stay.
        """
        self._turns.close()

    def instruction(
        self, system: str | None, *, raw: bool = False, allow_secrets: bool = False
    ) -> str | None:
        """Return the text of an instruction message, its fields filled. Raises UsageError."""
        if not system:
            return system
        return self._context(raw=raw, allow_secrets=allow_secrets).render(system).text

    def _context(self, *, raw: bool, allow_secrets: bool) -> Context:
        return filling(
            self.config,
            namespace=None if raw else self.namespace,
            registry=self._registry,
            redactor=self._scrubber(allow_secrets=allow_secrets),
            ratio=self.calibration.ratio,
        )

    def _scrubber(self, *, allow_secrets: bool) -> Redactor | None:
        from eighty80_jupyter.prompt.secrets.redact import Redactor  # noqa: PLC0415  # the first prompt

        if self._redactor is None:
            self._redactor = Redactor(self._environ)
        self._redactor.key = self.config.api_key
        return None if allow_secrets else self._redactor

    def _endpoint(self) -> Endpoint:
        return resolve(
            url=self.config.base_url,
            key=self.config.api_key,
            environ=self._environ,
            allow_insecure=self.config.allow_insecure_http,
        )

    def _limits(self, url: str, values: Mapping[str, Any]) -> ContextSettings:
        learned, ratio = self._context_limits, self.calibration.ratio
        return context_settings(self.config, learned, url, values, ratio)
