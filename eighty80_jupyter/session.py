"""The composition root: all state of one kernel hangs on its session."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.api import sampling
from eighty80_jupyter.api.deltas import Event
from eighty80_jupyter.api.endpoint import (
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
from eighty80_jupyter.api.messages import Message
from eighty80_jupyter.api.models import Model
from eighty80_jupyter.api.reply import Reply
from eighty80_jupyter.background import Background, Work
from eighty80_jupyter.chat.conversation import Conversation
from eighty80_jupyter.chat.conversations import Conversations
from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.errors import ChatInterrupted, UsageError
from eighty80_jupyter.prompt.tokens import Calibration, estimate

if TYPE_CHECKING:
    # Both are brought in when first used: loading the extension must cost nothing to speak of.
    from eighty80_jupyter.api.client import Client, Settings
    from eighty80_jupyter.chat.feed import Feed, SessionWatcher
    from eighty80_jupyter.chat.turn import Place, Request, Running
    from eighty80_jupyter.local.server import LocalServer
    from eighty80_jupyter.prompt.describe import Registry
    from eighty80_jupyter.prompt.prepare import Context, Prepared
    from eighty80_jupyter.prompt.redact import Redactor

Listener = Callable[[list[Event]], None]


class Session:
    """The conversations with a model in one kernel, and what is needed to hold them.

    `config` holds every setting, `conversations` the conversations by their names, `conversation`
    is the current one, `session[name]` another; `last` is the latest reply. `namespace`
    holds the variables that prompts can name, those of the notebook; None leaves `{{...}}` alone.
    `calibration` corrects the estimate of tokens by what the server counts.
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
        self._environ: Mapping[str, str] = os.environ if environ is None else environ
        self._background = Background()
        self._client: tuple[Client, object] | None = None
        self._local: LocalServer | None = None
        self._registry: Registry | None = None
        self._redactor: Redactor | None = None
        self._models: dict[str, list[Model]] = {}
        self._local_file: Path | None = None
        self._before_local: dict[str, Any] = {}
        self._events: Feed | None = None

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
    def key_source(self) -> str:
        """Where the key comes from, in words; the key itself is never told."""
        if self._local is not None:
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
        **parameters: Any,
    ) -> Reply:
        """Add a turn to the conversation: send `prompt` with the history and return the reply.

        `prompt` is a text, a template string of Python 3.14, or a list of texts, pictures and
        sounds. `{{expressions}}` in it stand for values of `namespace`; `raw` leaves them as they
        are, `allow_secrets` leaves secrets in the values. `system` sets the instruction message of
        the conversation from this turn on; an empty one removes it. `stream` overrules
        `config.stream`. The parameters are those of the table in `api.sampling` (`temperature`,
        `max_tokens`, ...), for this turn only. `listen` is called in this thread with lists of
        events as they come, and with an empty list in between. `conversation` is another one than
        the current, `place` says where in it the turn stands.

        Raises UsageError for what cannot be sent, APIError for a request that failed (its `reply`
        is what had come), ChatInterrupted for an interrupt.
        """
        work: Work[Sequence[Event], Reply] | None = None
        try:
            running = self._running(
                conversation,
                self.request(
                    self.prepare(prompt, raw=raw, allow_secrets=allow_secrets),
                    system=self.instruction(system, raw=raw, allow_secrets=allow_secrets),
                    stream=stream,
                    place=place,
                    **parameters,
                ),
            )
            work = self._work(running)
            with work:
                for batches in work:
                    if listen is not None:
                        listen([event for batch in batches for event in batch])
            reply = work.result()
        except (KeyboardInterrupt, asyncio.CancelledError):  # or the end of the loop
            raise _interrupted(work) from None
        if reply.status == "interrupted":  # by the end of the loop, not by this thread
            raise _interrupted(work)
        return reply

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
        **parameters: Any,
    ) -> Running:
        """Begin a turn and return at once; `ask` explains the parameters.

        What happens is told to those who `watch`, and stands in what is returned. Raises UsageError
        for what cannot be sent.
        """
        running = self._running(
            conversation,
            self.request(
                self.prepare(prompt, raw=raw, allow_secrets=allow_secrets),
                system=self.instruction(system, raw=raw, allow_secrets=allow_secrets),
                stream=stream,
                place=place,
                **parameters,
            ),
        )
        work = self._work(running)
        running.cancel = work.cancel
        work.start()
        return running

    def watch(self, watcher: SessionWatcher) -> Callable[[], None]:
        """Call `watcher` with all that happens to the turns; returns the function that ends this.

        It is called in the thread where it happens, which is mostly the loop's: it must return at
        once. See `chat.feed` for the events.
        """
        return self._feed.watch(watcher)

    @property
    def _feed(self) -> Feed:
        from eighty80_jupyter.chat.feed import ConversationChanged, Feed  # noqa: PLC0415  # brings in httpx

        if self._events is None:
            feed = self._events = Feed()
            self.conversations.watch(lambda changed: feed.tell(ConversationChanged(changed)))
        return self._events

    def _running(self, conversation: str | Conversation | None, request: Request) -> Running:
        from eighty80_jupyter.chat.turn import Running  # noqa: PLC0415  # brings in httpx

        if conversation is None:
            conversation = self.conversation
        elif isinstance(conversation, str):
            conversation = self.conversations[conversation]
        return Running(conversation, request)

    def _work(self, running: Running) -> Work[Sequence[Event], Reply]:
        """Return the work of a turn, which tells the feed what happens."""
        from eighty80_jupyter.chat import feed  # noqa: PLC0415  # brings in httpx
        from eighty80_jupyter.chat.turn import take_turn  # noqa: PLC0415  # the same

        client, tell = self._connected(), self._feed.tell
        first = not running.conversation

        async def take(put: Callable[[Sequence[Event]], None]) -> Reply:
            def emit(events: Sequence[Event]) -> None:
                put(events)
                tell(feed.TurnEvents(running, events))

            tell(feed.TurnBegan(running))
            return await take_turn(running, client, emit)

        def at_end(error: BaseException | None) -> None:
            running.done = True
            if running.error is None and isinstance(error, Exception):
                running.error = error
            self._learn(running, first=first)
            tell(feed.TurnEnded(running))

        return Work(self._background, take, at_end=at_end)

    def _learn(self, running: Running, *, first: bool) -> None:
        """Keep what a turn brought besides its place in the conversation."""
        reply, request = running.reply, running.request
        if reply is None:
            return
        if reply.status == "complete" or not reply.empty:
            self.last = reply
        if first and reply.usage is not None and reply.usage.prompt_tokens:
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
    ) -> Prepared:
        """Return what would be sent for `prompt`: fields filled, pictures and sounds encoded.

        What is prepared already is returned as it is: no field is evaluated twice. `first_line` is
        the number of the prompt's first line in its cell. Raises UsageError.
        """
        from eighty80_jupyter.prompt import prepare as room  # noqa: PLC0415  # the first prompt

        if isinstance(prompt, room.Prepared):
            return prompt
        context = self._context(raw=raw, allow_secrets=allow_secrets)
        return room.prepare(prompt, replace(context, first_line=first_line))

    def request(
        self,
        prepared: Prepared,
        *,
        system: str | None = None,
        stream: bool | None = None,
        place: Place | None = None,
        **parameters: Any,
    ) -> Request:
        """Return all that a turn with this prompt needs, checked. Raises UsageError."""
        values = self.parameters(**parameters)
        endpoint = self._endpoint()
        from eighty80_jupyter.chat.turn import Place, Request  # noqa: PLC0415  # brings in httpx

        return Request(
            prompt=Message("user", prepared.content),
            parameters=sampling.body_fields(values),
            endpoint=endpoint,
            settings=self._settings(),
            stream=self.config.stream if stream is None else stream,
            system=self.config.system,
            system_role=self.config.system_role,
            instruction=system,
            has_data=prepared.has_data,
            source=prepared.source,
            place=place or Place(),
        )

    def outgoing(
        self,
        prepared: Prepared,
        *,
        system: str | None = None,
        conversation: Conversation | None = None,
        place: Place | None = None,
    ) -> list[Message]:
        """Return the messages that would be sent for a prompt at that place."""
        from eighty80_jupyter.chat.turn import Place, outgoing  # noqa: PLC0415  # the first prompt

        return outgoing(
            self.conversation if conversation is None else conversation,
            Message("user", prepared.content),
            instruction=system,
            system=self.config.system,
            system_role=self.config.system_role,
            has_data=prepared.has_data,
            place=place or Place(),
        )

    def register(self, kind: type | str, describe: Callable[[Any], Any]) -> None:
        """Describe values of a class, or of "module.Class", by `describe(value)` in prompts."""
        from eighty80_jupyter.prompt.describe import Registry  # noqa: PLC0415  # seldom needed

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
            client, settings = self._connected(), settings or self._settings()
            found = self._background.run(client.models(endpoint, settings=settings))
            self._models[endpoint.url] = [Model.from_wire(entry) for entry in found]
        return list(self._models[endpoint.url])

    def parameters(self, **overrides: Any) -> dict[str, Any]:
        """Return the parameters of a turn: what the configuration sets, and `overrides` over it.

        Raises UsageError for an unknown name and for a value out of bounds.
        """
        values = self.config.parameters()
        for name, value in overrides.items():
            if value is not None:
                values[sampling.canonical(name)] = sampling.check(sampling.canonical(name), value)
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
        from eighty80_jupyter.local import start  # noqa: PLC0415  # seldom needed

        file = Path(path).expanduser().resolve() if path else None
        if self._local is not None and self._local.alive and file == self._local_file:
            return self._local
        server = start(file, progress=progress)
        self.use_remote()
        self._local_file = file
        names = ("base_url", "api_key", "model")
        self._before_local = {name: getattr(self.config, name) for name in names}
        self._local = server
        self.config.base_url = server.url
        self.config.api_key = Secret(server.api_key)
        self.config.model = server.model
        return server

    def use_remote(self) -> None:
        """Stop the embedded model and go back to the server that was used before."""
        if self._local is not None:
            self._local.close()
            self._local = None
            for name, value in self._before_local.items():
                setattr(self.config, name, value)

    def close(self) -> None:
        """Close the connections and end the loop thread; the next request opens them again.

        The conversation, the settings and the embedded model stay.
        """
        self._client = None
        self._background.close()

    def _connected(self) -> Client:
        """Return the client that belongs to the running loop."""
        from eighty80_jupyter.api.client import Client  # noqa: PLC0415  # brings in httpx

        loop = self._background.loop()
        if self._client is None or self._client[1] is not loop:
            self._client = Client(), loop
            self._background.at_close(self._client[0].aclose)
        return self._client[0]

    def instruction(
        self, system: str | None, *, raw: bool = False, allow_secrets: bool = False
    ) -> str | None:
        """Return the text of an instruction message, its fields filled. Raises UsageError."""
        if not system:
            return system
        return self._context(raw=raw, allow_secrets=allow_secrets).render(system).text

    def _context(self, *, raw: bool, allow_secrets: bool) -> Context:
        from eighty80_jupyter.prompt.prepare import Context  # noqa: PLC0415  # the first prompt
        from eighty80_jupyter.prompt.redact import Redactor  # noqa: PLC0415  # the same
        from eighty80_jupyter.prompt.rendered import Budgets  # noqa: PLC0415  # the same

        config = self.config
        if self._redactor is None:
            self._redactor = Redactor(self._environ)
        self._redactor.key = config.api_key
        return Context(
            namespace=None if raw else self.namespace,
            registry=self._registry,
            redactor=None if allow_secrets else self._redactor,
            budgets=Budgets(
                field=int(config.field_tokens / self.calibration.ratio),
                message=int(config.message_tokens / self.calibration.ratio),
            ),
            last_error=getattr(sys, "last_value", None),
            limit=config.max_attachment_bytes,
        )

    def _endpoint(self) -> Endpoint:
        return resolve(
            url=self.config.base_url,
            key=self.config.api_key,
            environ=self._environ,
            allow_insecure=self.config.allow_insecure_http,
        )

    def _settings(self) -> Settings:
        from eighty80_jupyter.api.client import Settings  # noqa: PLC0415  # brings in httpx

        config = self.config
        return Settings(
            connect_timeout=config.connect_timeout,
            read_timeout=config.read_timeout,
            max_retries=config.max_retries,
            max_retry_wait=config.max_retry_wait,
        )


def _interrupted(work: Work[Sequence[Event], Reply] | None) -> ChatInterrupted:
    reply = None
    # An error that came at the same moment, or a turn that had not begun, left no reply.
    with suppress(Exception, asyncio.CancelledError):
        reply = work.result() if work is not None else None
    if reply is None or reply.empty:
        return ChatInterrupted("interrupted; nothing had come yet")
    return ChatInterrupted("interrupted; what had come is kept", reply=reply)
