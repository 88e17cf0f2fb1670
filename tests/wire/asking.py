"""Ask a server, through the client alone or through a session, and look at what is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, TypeVar

from eighty80_jupyter.api.deltas import Adapted, Event, Retrying, Snapshot, Took
from eighty80_jupyter.api.reply import Reply
from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.errors import APIError
from eighty80_jupyter.session.session import Session
from eighty80_jupyter.wire.client import Client, Settings
from eighty80_jupyter.wire.endpoint import Endpoint
from eighty80_jupyter.wire.secret import Secret
from tests.support.replies import text_chunks
from tests.support.scripted import ScriptedServer, sse_reply

T = TypeVar("T")

KEY = "sk-test-0123456789abcdef"
CHAT = "/v1/chat/completions"
BODY = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
AT_ONCE = Settings(max_retries=0, read_timeout=20.0, connect_timeout=20.0)


@dataclass(slots=True)
class Clock:
    """A clock that stands still, and notes how long the client would have waited."""

    at: float = 1_700_000_000.0
    waits: list[float] = field(default_factory=list)

    def now(self) -> float:
        """Return the time in seconds since the epoch."""
        return self.at

    async def sleep(self, seconds: float) -> None:
        """Wait not at all."""
        self.waits.append(seconds)
        await asyncio.sleep(0)


@dataclass(slots=True)
class Asked:
    """What came of one request: the events, and the error that ended it."""

    events: list[Event] = field(default_factory=list)
    error: APIError | None = None

    @property
    def reply(self) -> Reply:
        """The reply that the events add up to."""
        snapshot = Snapshot()
        for event in self.events:
            if not isinstance(event, (Retrying, Adapted, Took)):
                snapshot.apply(event)
        return snapshot.to_reply(seconds=0.0, parameters={})

    @property
    def text(self) -> str:
        """The text of the reply."""
        return self.reply.text

    @property
    def waits(self) -> list[Retrying]:
        """The notes about further attempts."""
        return [event for event in self.events if isinstance(event, Retrying)]


def endpoint_of(server: ScriptedServer, **settings: Any) -> Endpoint:
    """Return the address of a server with a key for it."""
    return Endpoint(**{"url": server.url, "key": Secret(KEY), **settings})


async def ask(
    client: Client,
    endpoint: Endpoint,
    body: Mapping[str, Any] = BODY,
    *,
    stream: bool = True,
    settings: Settings = AT_ONCE,
) -> Asked:
    """Ask once, to the end or to the error."""
    asked = Asked()
    try:
        async with aclosing(
            client.complete(endpoint, body, stream=stream, settings=settings)
        ) as batches:
            async for batch in batches:
                asked.events += batch
    except APIError as error:
        asked.error = error
    return asked


def with_client(use: Callable[[Client], Awaitable[T]], clock: Clock | None = None) -> T:
    """Call `use` with a client on a loop of its own, and close both."""
    clock = clock or Clock()

    async def run() -> T:
        client = Client(sleep=clock.sleep, now=clock.now)
        try:
            result = await use(client)
            await asyncio.sleep(0)  # whatever has ended by now may go
            others = asyncio.all_tasks() - {asyncio.current_task()}
            assert not others, f"a task is left over: {others}"
            return result
        finally:
            await client.aclose()

    return asyncio.run(run(), debug=False)


def ask_once(
    server: ScriptedServer,
    body: Mapping[str, Any] = BODY,
    *,
    stream: bool = True,
    settings: Settings = AT_ONCE,
    clock: Clock | None = None,
    **endpoint: Any,
) -> Asked:
    """Ask a server once, with a client of its own."""
    place = endpoint_of(server, **endpoint)
    return with_client(
        lambda client: ask(client, place, body, stream=stream, settings=settings), clock
    )


def session_for(url: str, **settings: Any) -> Session:
    """Make a session that asks the server at `url` and gives up at the first failure."""
    config = ChatConfig(base_url=url, api_key=KEY)
    config.max_retries = 0
    config.read_timeout = 20.0
    for name, value in settings.items():
        setattr(config, name, value)
    return Session(config, environ={})


def assert_nothing_runs(session: Session) -> None:
    """Check that no task runs on the session's loop."""

    async def others() -> set[asyncio.Task[Any]]:
        running: set[asyncio.Task[Any]] = set()
        for _ in range(200):  # what has just been cancelled may take a moment to end
            running = {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}
            if not running:
                break
            await asyncio.sleep(0.01)
        return running

    assert session._turns.background.run(others()) == set()


def assert_works(session: Session, server: ScriptedServer) -> None:
    """Check that nothing of an earlier request is left over, and that the next one works."""
    assert_nothing_runs(session)
    turns = len(session.conversation)
    server.queue(sse_reply(text_chunks("All is well.")))
    assert session.ask("And now?").text == "All is well."
    assert len(session.conversation) == turns + 1
    assert_nothing_runs(session)
    server.wait_open(1)
