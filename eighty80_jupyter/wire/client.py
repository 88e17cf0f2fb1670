"""The client: one request, one stream of deltas, and what is tried again."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Mapping,
    Sequence,
)
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

import orjson

from eighty80_jupyter import errors
from eighty80_jupyter.api.deltas import Event, Retrying
from eighty80_jupyter.wire import status_errors
from eighty80_jupyter.wire.endpoint import Endpoint, Secret, retry_after
from eighty80_jupyter.wire.retries import Settings, wait_before_retry
from eighty80_jupyter.wire.stream import MAX_JSON_BYTES, ReplyReader
from eighty80_jupyter.wire.transport import Answer, Http
from eighty80_jupyter.wire.transport_errors import WireError, connection_error, strip

__all__ = ["Client", "Settings"]

_CHAT = "/v1/chat/completions"
_MODELS = "/v1/models"
_MAX_ERROR_BYTES = 2**20
_ERROR_SECONDS = 10.0
_DRAIN_SECONDS = 0.1


class Client:
    """Talk to servers of the chat-completions API over one pool of connections.

    Belongs to one event loop. `sleep` and `now` are the clock, exchanged in tests.
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
        self._no_stream_options: set[str] = set()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def complete(
        self, endpoint: Endpoint, body: Mapping[str, Any], *, stream: bool, settings: Settings
    ) -> AsyncGenerator[Sequence[Event]]:
        """Post a chat completion and yield what comes, in batches as it arrives.

        `body` holds everything but the streaming fields. A connection that is closed early (the
        iterator is closed or cancelled) tells the server to stop. Raises the errors of the tree
        in `errors`; whatever was yielded before stays valid.
        """
        fields = dict(body, stream=True) if stream else dict(body)
        asks_for_usage = stream and "stream_options" not in body
        if asks_for_usage and endpoint.url not in self._no_stream_options:
            fields["stream_options"] = {"include_usage": True}
        attempt = 0
        while True:
            begun = False
            token, headers = endpoint.authorization()
            try:
                async with (
                    self._send(
                        endpoint, _CHAT, fields, token, headers, settings=settings
                    ) as answer,
                    aclosing(_read(answer, endpoint, token, fields)) as batches,
                ):
                    async for batch in batches:
                        begun = True
                        yield batch
                return  # noqa: TRY300  # an else would stand far from what it belongs to
            except errors.APIError as error:
                if begun:
                    strip(error)
                    raise
                if asks_for_usage and _rejects_stream_options(error, fields):
                    self._no_stream_options.add(endpoint.url)
                    del fields["stream_options"]
                    continue
                wait = wait_before_retry(error, attempt, settings)
                if wait is None:
                    strip(error)
                    raise
                note = Retrying(seconds=wait, error=str(error))
            attempt += 1
            if wait:
                yield [note]
                await self._sleep(wait)

    async def models(self, endpoint: Endpoint, *, settings: Settings) -> list[dict[str, Any]]:
        """Return the server's list of models, each an object with at least an `id`.

        An answer of another shape counts as an empty list: a list of names, or entries without an
        `id`, are used as far as they go. Raises the errors of the tree in `errors`.
        """
        token, headers = endpoint.authorization()
        try:
            async with self._send(
                endpoint, _MODELS, None, token, headers, settings=settings
            ) as answer:
                data = await _read_all(answer, endpoint, token)
        except errors.APIError as error:
            strip(error)
            raise
        try:
            decoded = orjson.loads(data)
        except ValueError:
            return []
        entries = decoded.get("data") if isinstance(decoded, dict) else decoded
        models = []
        for entry in entries if isinstance(entries, list) else []:
            if isinstance(entry, str) and entry:
                models.append({"id": entry})
            elif isinstance(entry, dict) and isinstance(entry.get("id"), str) and entry["id"]:
                models.append(entry)
        return models

    @asynccontextmanager
    async def _send(
        self,
        endpoint: Endpoint,
        path: str,
        fields: Mapping[str, Any] | None,
        token: Secret,
        headers: Mapping[str, str],
        *,
        settings: Settings,
    ) -> AsyncIterator[Answer]:
        """Send one request and check the status before anything is read."""
        try:
            answer = await self._http.send(
                endpoint.url + path,
                None if fields is None else _encode(fields),
                token=token,
                headers=headers,
                connect_timeout=settings.connect_timeout,
                read_timeout=settings.read_timeout,
            )
        except WireError as error:
            failure = connection_error(error, endpoint, token)
            raise failure from failure.__cause__
        try:
            if not 200 <= answer.status < 300:  # noqa: PLR2004  # the class of successes
                raise await self._status_error(answer, endpoint, token)
            yield answer
        finally:
            # Without it the server would go on answering: nobody else knows this connection.
            await answer.aclose()

    async def _status_error(
        self, answer: Answer, endpoint: Endpoint, token: Secret
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
            url=endpoint.url,
            headers=answer.headers,
            after=retry_after(answer.headers.get("retry-after"), self._now()),
            secret=token,
        )


def _encode(fields: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(fields, option=orjson.OPT_NON_STR_KEYS)
    except (TypeError, ValueError):
        # Lone surrogates and integers beyond 64 bits: the standard library takes both.
        return json.dumps(fields).encode("ascii")


def _rejects_stream_options(error: errors.APIError, fields: Mapping[str, Any]) -> bool:
    return (
        "stream_options" in fields
        and isinstance(error, errors.BadRequestError)
        and any(
            word in f"{error.message} {error.param} {error.body}"
            for word in ("stream_options", "include_usage")
        )
    )


async def _read(
    answer: Answer, endpoint: Endpoint, token: Secret, fields: Mapping[str, Any]
) -> AsyncGenerator[Sequence[Event]]:
    """Yield the deltas of an answer as they arrive, then raise what went wrong."""
    reader = ReplyReader(endpoint, token, choices=fields.get("n") or 1)
    broken: WireError | None = None
    piece = b""
    while not reader.done:
        try:
            piece = await answer.read()
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
            failure = connection_error(broken, endpoint, token, inside=reader.started)
            raise failure from failure.__cause__
        if broken is not None or not piece:
            return  # all that was promised has come; at most the farewell is missing
    await _drain(answer)


async def _drain(answer: Answer) -> None:
    """Read the end of a reply that is complete, so that its connection can be used again."""
    with suppress(WireError, TimeoutError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            while await answer.read():
                pass


async def _read_all(answer: Answer, endpoint: Endpoint, token: Secret) -> bytes:
    data = bytearray()
    try:
        while (piece := await answer.read()) and len(data) <= MAX_JSON_BYTES:
            data += piece
    except WireError as error:
        failure = connection_error(error, endpoint, token, inside=bool(data))
        raise failure from failure.__cause__
    return bytes(data)
