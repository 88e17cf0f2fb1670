"""The client: one request, one stream of deltas, and what is tried again."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from typing import Any

import orjson

from eighty80_jupyter import errors
from eighty80_jupyter.api.deltas import Adapted, Delta, Event
from eighty80_jupyter.text import clean_json
from eighty80_jupyter.wire import status_errors
from eighty80_jupyter.wire.address import CHAT, MODELS
from eighty80_jupyter.wire.attempts import Attempts, KnownChanges
from eighty80_jupyter.wire.endpoint import Credentials, Endpoint
from eighty80_jupyter.wire.models import read_models
from eighty80_jupyter.wire.reading.plain_answer import plain_answer
from eighty80_jupyter.wire.reading.stream import MAX_JSON_BYTES, ReplyReader
from eighty80_jupyter.wire.retries import Keepalive, Settings
from eighty80_jupyter.wire.transport import Answer, Http
from eighty80_jupyter.wire.transport_errors import WireError, connection_error, strip

__all__ = ["Client", "Settings"]

_MAX_ERROR_BYTES = 2**20
_ERROR_SECONDS = 10.0
_DRAIN_SECONDS = 0.1


class Client:
    """Talk to servers of the chat-completions API over one pool of connections.

    Belongs to one event loop. `sleep` and `now` are the clock, exchanged in tests. What a server
    refuses is remembered for its address and the model.
    """

    def __init__(
        self,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._sleep = sleep
        self._now = now
        self._http = Http()
        self._known = KnownChanges()
        self._last: tuple[Endpoint, Credentials] | None = None

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def complete(
        self,
        endpoint: Endpoint,
        body: Mapping[str, Any],
        *,
        stream: bool,
        settings: Settings,
        earlier: Sequence[Mapping[str, Any]] = (),
    ) -> AsyncGenerator[Sequence[Event]]:
        """Post a chat completion and yield what comes, in batches as it arrives.

        `body` holds everything but the streaming fields, `earlier` the tools that are called in its
        messages, for a server that demands them where none are offered. A connection that is closed
        early (the iterator is closed or cancelled) tells the server to stop. Raises the errors of
        the tree in `errors`; whatever was yielded before stays valid.
        """
        request = Attempts(self._known, endpoint, body, settings, stream=stream, earlier=earlier)
        while True:
            begun = False
            credentials = self._credentials(endpoint)
            try:
                answer = await self._answer(
                    endpoint, CHAT, request.fields, credentials, settings=settings
                )
                async with (
                    # Or the server would go on answering: nobody else knows this connection.
                    aclosing(answer),
                    aclosing(_read(answer, request, credentials)) as batches,
                ):
                    async for batch in batches:
                        if not begun and (notes := request.accepted()):
                            yield notes
                        begun = True
                        yield batch
                return  # noqa: TRY300  # an else would stand far from what it belongs to
            except errors.APIError as error:
                strip(error)
                note = None if begun else request.after(error)
                if note is None:
                    raise
            if note.seconds:
                yield [note]
                await self._sleep(note.seconds)

    async def complete_whole(
        self, endpoint: Endpoint, body: Mapping[str, Any], *, settings: Settings
    ) -> list[Delta | Adapted]:
        """Post a chat completion that is not streamed and return all that it says.

        The same as `complete` without streaming, errors and further attempts among it, for many
        requests at once: it takes less than half of the time.
        """
        request = Attempts(self._known, endpoint, body, settings, stream=False)
        while True:
            credentials = self._credentials(endpoint)
            try:
                found = await self._whole(request, credentials)
            except errors.APIError as error:
                strip(error)
                note = request.after(error)
                if note is None:
                    raise
            else:
                return [*request.accepted(), *found]
            if note.seconds:
                await self._sleep(note.seconds)

    async def models(self, endpoint: Endpoint, *, settings: Settings) -> list[dict[str, Any]]:
        """Return the server's list of models, each an object with at least an `id`.

        A list of names, entries under `models`, and entries with a `name` in place of an `id` will
        do; of other entries nothing is used. Raises the errors of the tree in `errors`, also where
        the answer is a page or says that it is an error.
        """
        credentials = self._credentials(endpoint)
        try:
            answer = await self._answer(endpoint, MODELS, None, credentials, settings=settings)
            async with aclosing(answer):
                data = await _read_all(answer, endpoint, credentials)
            return read_models(data, endpoint, credentials)
        except errors.APIError as error:
            strip(error)
            raise

    def _credentials(self, endpoint: Endpoint) -> Credentials:
        """Return the credentials, the same ones as for the last request where they cannot differ.

        What is prepared for them is found by them. A token file is read for every request.
        """
        if self._last is not None and endpoint.token_file is None and self._last[0] == endpoint:
            return self._last[1]
        credentials = endpoint.credentials()
        self._last = endpoint, credentials
        return credentials

    async def _whole(self, request: Attempts, credentials: Credentials) -> list[Delta]:
        answer = await self._answer(
            request.endpoint, CHAT, request.fields, credentials, settings=request.settings
        )
        async with aclosing(answer):
            piece = b""
            with suppress(WireError):  # it comes again below
                piece = await answer.read()
            choices = request.fields.get("n") or 1
            plain = plain_answer(piece, credentials.secrets, choices=choices)
            if plain is not None:
                if not answer.ended:
                    await _drain(answer)
                return plain
            async with aclosing(_read(answer, request, credentials, piece)) as batches:
                return [delta async for batch in batches for delta in batch]

    async def _answer(
        self,
        endpoint: Endpoint,
        path: str,
        fields: Mapping[str, Any] | None,
        credentials: Credentials,
        *,
        settings: Settings,
    ) -> Answer:
        """Send one request and check the status before anything is read."""
        try:
            # Interim answers (1xx) are no silence, and there may be no end of them.
            async with asyncio.timeout(settings.keepalive_timeout) as interim:
                answer = await self._http.send(
                    endpoint.address(path),
                    None if fields is None else _encode(fields),
                    credentials=credentials,
                    connect_timeout=settings.connect_timeout,
                    read_timeout=settings.read_timeout,
                )
        except TimeoutError:
            if not interim.expired():
                raise
            raise Keepalive(endpoint, settings).error() from None
        except WireError as error:
            failure = connection_error(error, endpoint, credentials.secrets)
            raise failure from failure.__cause__
        if 200 <= answer.status < 300:  # noqa: PLR2004  # the class of successes
            return answer
        async with aclosing(answer):
            raise await self._status_error(answer, endpoint.address(path, hide=True), credentials)

    async def _status_error(
        self, answer: Answer, address: str, credentials: Credentials
    ) -> errors.APIStatusError:
        data = bytearray()
        # Where the body breaks off or hangs, the status tells enough.
        with suppress(WireError, TimeoutError):
            async with asyncio.timeout(_ERROR_SECONDS):
                while len(data) < _MAX_ERROR_BYTES and (piece := await answer.read()):
                    data += piece
        return status_errors.status_error(
            answer.status,
            bytes(data[:_MAX_ERROR_BYTES]).decode("utf-8", "replace"),
            url=address,
            headers=answer.headers,
            secret=credentials.secrets,
            now=self._now(),
        )


def _encode(fields: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(fields, option=orjson.OPT_NON_STR_KEYS)
    except (TypeError, ValueError):
        # The standard library takes integers beyond 64 bits; half a surrogate pair is no JSON.
        return json.dumps(clean_json(fields)).encode("ascii")


async def _read(
    answer: Answer, request: Attempts, credentials: Credentials, piece: bytes = b""
) -> AsyncGenerator[Sequence[Delta]]:
    """Yield the deltas of an answer as they arrive, then raise what went wrong.

    `piece` is what has been read of it.
    """
    endpoint, settings = request.endpoint, request.settings
    reader = ReplyReader(
        endpoint,
        credentials.secrets,
        choices=request.fields.get("n") or 1,
        max_size=settings.max_reply_size,
        split_reasoning=settings.split_reasoning,
    )
    keepalive = Keepalive(endpoint, settings)
    broken: WireError | None = None
    while not reader.done:
        try:
            piece = piece or await answer.read()
        except asyncio.CancelledError:
            if batch := reader.rescue():  # what was held back, in case that more of it came
                yield batch
            raise
        except WireError as error:
            broken = error
            batch = reader.rescue()
        else:
            batch = reader.feed(piece) if piece else reader.finish()
        if batch:
            yield batch
        if reader.failure is not None:
            raise reader.failure
        if broken is not None and not reader.finished:
            failure = connection_error(broken, endpoint, credentials.secrets, inside=reader.started)
            raise failure from failure.__cause__
        if broken is not None or not piece:
            return  # all that was promised has come; at most the farewell is missing
        piece = b""
        keepalive.check(reader)
    await _drain(answer)


async def _drain(answer: Answer) -> None:
    """Read the end of a reply that is complete, so that its connection can be used again."""
    with suppress(WireError, TimeoutError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            while await answer.read():
                pass


async def _read_all(answer: Answer, endpoint: Endpoint, credentials: Credentials) -> bytes:
    data = bytearray()
    try:
        while (piece := await answer.read()) and len(data) <= MAX_JSON_BYTES:
            data += piece
    except WireError as error:
        failure = connection_error(error, endpoint, credentials.secrets, inside=bool(data))
        raise failure from failure.__cause__
    return bytes(data)
