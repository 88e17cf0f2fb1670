"""A client that writes down what it is asked, and answers from a record where there is one."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from typing import Any

from eighty80_jupyter.api.deltas import (
    Adapted,
    ChoiceDone,
    Delta,
    Event,
    ExtraDelta,
    LogprobsDelta,
    ModelDelta,
    ReasoningDelta,
    RefusalDelta,
    Retrying,
    Snapshot,
    TextDelta,
    Took,
    ToolCallDelta,
    UsageDelta,
)
from eighty80_jupyter.api.extra import TEXT_FIELDS
from eighty80_jupyter.errors import APIError, UsageError
from eighty80_jupyter.session.records import Records
from eighty80_jupyter.storage.record import Entry, Failure, now
from eighty80_jupyter.wire.client import Client
from eighty80_jupyter.wire.endpoint import Endpoint
from eighty80_jupyter.wire.retries import Settings


@dataclass(slots=True)
class _Exchange:
    """A request that is under way, and what has come of its answer."""

    endpoint: Endpoint
    body: Mapping[str, Any]
    at: str = field(default_factory=now)
    start: float = field(default_factory=time.perf_counter)
    snapshot: Snapshot = field(default_factory=Snapshot)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def take_in(self, events: Sequence[Event]) -> None:
        for event in events:
            match event:
                case Retrying() | Took():
                    pass
                case Adapted():
                    self.notes.append(event.note)
                case _:
                    self.snapshot.apply(event)

    def entry(self, error: BaseException | None) -> Entry:
        """Return what is written down; `error` is what ended it."""
        reply = self.snapshot.to_reply(seconds=0, parameters={})
        return Entry(
            at=self.at,
            address=self.endpoint.url,
            request=self.body,
            seconds=self.seconds,
            choices=() if self.snapshot.empty else reply.choices,
            model=reply.model,
            id=reply.id,
            usage=reply.usage,
            notes=tuple(self.notes),
            failure=Failure.of(error) if isinstance(error, APIError) else None,
            interrupted=error is not None and not isinstance(error, APIError),
        )


class RecordingClient(Client):
    """A client whose requests go through the records of a session."""

    def __init__(self, records: Records) -> None:
        super().__init__()
        self._records = records

    async def aclose(self) -> None:
        """Close all connections, and the record."""
        self._records.close()
        await super().aclose()

    async def complete(
        self,
        endpoint: Endpoint,
        body: Mapping[str, Any],
        *,
        stream: bool,
        settings: Settings,
        earlier: Sequence[Mapping[str, Any]] = (),
    ) -> AsyncGenerator[Sequence[Event]]:
        """Post a chat completion as `Client.complete` does, or yield what a record has of it."""
        asked = super().complete(endpoint, body, stream=stream, settings=settings, earlier=earlier)
        if not self._records.active:
            async with aclosing(asked):
                async for batch in asked:
                    yield batch
            return
        entry, note = self._recorded(endpoint, body)
        if entry is not None:
            await asked.aclose()
            yield [*_events(entry), Took(entry.seconds)]
            if entry.failure is not None:
                raise entry.failure.error()
            return
        if note:
            yield [Adapted(note)]
        exchange = _Exchange(endpoint, body)
        with self._writing(exchange) as problem:
            async with aclosing(asked):
                async for batch in asked:
                    exchange.take_in(batch)
                    yield batch
        yield [Took(exchange.seconds), *map(Adapted, problem)]

    async def complete_whole(
        self, endpoint: Endpoint, body: Mapping[str, Any], *, settings: Settings
    ) -> list[Delta | Adapted]:
        """Post a chat completion as `Client.complete_whole`, or return what a record has of it."""
        if not self._records.active:
            return await super().complete_whole(endpoint, body, settings=settings)
        entry, note = self._recorded(endpoint, body)
        if entry is not None:
            if entry.failure is not None:
                raise entry.failure.error()
            return _events(entry)
        exchange = _Exchange(endpoint, body)
        found: list[Delta | Adapted] = [Adapted(note)] if note else []
        with self._writing(exchange) as problem:
            came = await super().complete_whole(endpoint, body, settings=settings)
            exchange.take_in(came)
        return [*found, *came, *map(Adapted, problem)]

    def _recorded(self, endpoint: Endpoint, body: Mapping[str, Any]) -> tuple[Entry | None, str]:
        """Return the entry that answers a request; None, and what to say, where it is asked anew.

        Raises UsageError where it must not be, and MissingKeyError where it cannot be.
        """
        answers = self._records.answers()
        if answers is None:
            return None, ""
        entry = answers.answer(endpoint.url, body)
        if entry is not None:
            return entry, ""
        if self._records.only:
            raise UsageError(
                f"this request is not in {answers.path.name} ({answers.told}), and with --only "
                "nothing is asked anew; %chat --replay without --only asks the server"
            )
        if endpoint.missing_key is not None:
            raise endpoint.missing_key
        return None, f"not in {answers.path.name}, asked anew; {answers.told}"

    @contextmanager
    def _writing(self, exchange: _Exchange) -> Iterator[list[str]]:
        """Write an exchange down at the end, however it ends; gives what is to be said then."""
        problem: list[str] = []
        error: BaseException | None = None
        try:
            yield problem
        except BaseException as ended:
            error = ended
            raise
        finally:
            exchange.seconds = time.perf_counter() - exchange.start
            if (recorder := self._records.recorder()) is not None:
                recorder.write(exchange.entry(error))
                problem += filter(None, [recorder.problem()])


def _events(entry: Entry) -> list[Delta | Adapted]:
    """Return the deltas that add up to the answer of an entry."""
    events: list[Delta | Adapted] = [*map(Adapted, entry.notes)]
    if entry.model or entry.id:
        events.append(ModelDelta(entry.model, entry.id))
    for choice in entry.choices:
        index, extra = choice.index, dict(choice.extra or {})
        # Reasoning that the server may want back stands among the further fields, by its name.
        name = next((k for k in TEXT_FIELDS if extra.get(k) == choice.reasoning), "")
        if choice.reasoning:
            extra.pop(name, None)
            events.append(ReasoningDelta(index, choice.reasoning, name))
        if choice.text or not (choice.tool_calls or choice.refusal):
            events.append(TextDelta(index, choice.text))
        if choice.refusal:
            events.append(RefusalDelta(index, choice.refusal))
        for number, call in enumerate(choice.tool_calls):
            events.append(ToolCallDelta(index, number, call.id, call.name, call.arguments))
            if call.extra:
                events.append(ExtraDelta(index, call.extra, number))
        if extra:
            events.append(ExtraDelta(index, extra))
        if choice.logprobs:
            events.append(LogprobsDelta(index, choice.logprobs))
        if choice.finish_reason is not None:
            events.append(ChoiceDone(index, choice.finish_reason))
    if entry.usage is not None:
        events.append(UsageDelta(entry.usage))
    return events
