"""Runs over rows on a clock that jumps: no network, and time that nobody waits for."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Sequence
from typing import Any

from eighty80_jupyter.api.deltas import Adapted, ChoiceDone, Delta, TextDelta, UsageDelta
from eighty80_jupyter.api.reply import Usage
from eighty80_jupyter.prompt.template.render import Context
from eighty80_jupyter.rows.options import RowOptions
from eighty80_jupyter.rows.prepare import prepare
from eighty80_jupyter.rows.prompt.request import RowRequest
from eighty80_jupyter.rows.run import Run
from eighty80_jupyter.rows.running.plan import RowSettings
from eighty80_jupyter.wire.endpoint import Endpoint
from eighty80_jupyter.wire.retries import Settings

ADDRESS = "http://127.0.0.1:1"
TOKENS = 100  # of each answer, with its prompt
USAGE = Usage(prompt_tokens=TOKENS - 10, completion_tokens=10, total_tokens=TOKENS)
Answer = Callable[[str, int], "str | Exception | list[Any] | tuple[float, Any]"]


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock goes on at once to what is due next."""

    def __init__(self) -> None:
        self._now = 0.0
        loop = self

        class Selector(selectors.SelectSelector):
            def select(self, timeout: float | None = None) -> list[Any]:
                if timeout is None:  # for another thread
                    return super().select(60)
                events = super().select(0)
                if not events:
                    loop._now += timeout
                return events

        super().__init__(Selector())

    def time(self) -> float:
        return self._now


class VirtualClient:
    """Answers each request after `latency` seconds, as `answer(prompt, attempt)` says.

    An exception is raised; a list is all that comes; a pair is another latency and what comes after
    it. `usage` is told with each answer. `sent` are the times and prompts of all requests, `most`
    is how many there were at a time.
    """

    def __init__(
        self, answer: Answer | None = None, *, latency: float = 0.05, usage: Usage | None = USAGE
    ) -> None:
        self.sent: list[tuple[float, str]] = []
        self.bodies: list[Any] = []
        self.most = self.now = 0
        self.levels: list[int] = []
        self._answer = answer or (lambda prompt, _attempt: prompt.rsplit(maxsplit=1)[-1])
        self._latency = latency
        self._usage = usage

    async def complete_whole(
        self, endpoint: Endpoint, body: Any, *, settings: Settings
    ) -> Sequence[Delta | Adapted]:
        assert endpoint.url == ADDRESS
        assert settings.max_retries == 0
        loop = asyncio.get_running_loop()
        prompt = next(m["content"] for m in body["messages"] if m["role"] == "user")
        attempt = sum(text == prompt for _, text in self.sent[-5000:])
        self.sent.append((loop.time(), prompt))
        self.bodies.append(body)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            found, latency = self._answer(prompt, attempt), self._latency
            if isinstance(found, tuple):
                latency, found = found
            await asyncio.sleep(latency)
        finally:
            self.now -= 1
        if isinstance(found, Exception):
            raise found
        if isinstance(found, list):
            return found
        told = [] if self._usage is None else [UsageDelta(self._usage)]
        return [TextDelta(0, found), ChoiceDone(0, "stop"), *told]

    def most_in(self, seconds: float) -> int:
        """Return the most requests that were sent in any stretch of so many seconds."""
        times = [at for at, _ in self.sent]
        end, most = 0, 0
        for start, first in enumerate(times):
            while end < len(times) and times[end] < first + seconds:
                end += 1
            most = max(most, end - start)
        return most


def run_virtually(
    client: VirtualClient,
    data: Any,
    prompt: str = "Say: {{row}}",
    *,
    most: int = 64,
    **options: Any,
) -> Run:
    """Do a run on a virtual clock and return it."""
    settings = {name: options.pop(name) for name in ("answers", "requests") if name in options}
    of_request = ("limit", "system", "typed", "lost")
    request = RowRequest(
        endpoint=Endpoint(url=ADDRESS),
        settings=Settings(),
        parameters={"model": "m"},
        **{name: options.pop(name) for name in of_request if name in options},
    )
    context = Context(namespace={}, key=b"k" * 32)
    row_settings = RowSettings(context=context, request=request, most=most, **settings)
    run = prepare(data, prompt, RowOptions(**options), row_settings)
    make, at_end = run.work(client)
    loop = VirtualLoop()

    async def work() -> None:
        await make(lambda _event: None)

    try:
        loop.run_until_complete(work())
    finally:
        loop.close()
    at_end(None)
    return run
