"""HTTP/1.1 as a `ScriptedServer` speaks it: read a request, carry out a step of a reply."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, assert_never
from urllib.parse import urlsplit

from tests.support.replies import Close, Gate, Hang, Paced, Reset, Step, Wait

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

GATE_POLL = 0.002


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came. `at` is `time.monotonic()` when its last byte was read."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    raw_headers: tuple[tuple[str, str], ...]
    body: bytes
    connection: int
    at: float

    @property
    def json(self) -> Any:
        """The body read as JSON."""
        return json.loads(self.body)


async def read_request(reader: asyncio.StreamReader, connection: int) -> Request:
    """Read one HTTP/1.1 request (RFC 9112), its body by length or in chunks."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
    method, target, _ = first.split(" ", 2)
    pairs = [line.partition(":") for line in lines]
    raw_headers = tuple((name, value.strip()) for name, _, value in pairs)
    headers = {name.lower(): value for name, value in raw_headers}
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = b"".join([piece async for piece in _read_chunks(reader)])
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    address = urlsplit(target)
    return Request(
        method=method,
        path=address.path,
        query=address.query,
        headers=headers,
        raw_headers=raw_headers,
        body=body,
        connection=connection,
        at=time.monotonic(),
    )


async def _read_chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        yield (await reader.readexactly(size + 2))[:-2]
    await reader.readuntil(b"\r\n")


async def perform(step: Step, writer: asyncio.StreamWriter) -> None:
    """Carry out one step; `Close` and `Reset` leave the writer closing."""
    match step:
        case bytes():
            writer.write(step)
            await writer.drain()
        case Wait(seconds):
            await asyncio.sleep(seconds)
        case Gate(event):
            while not event.is_set():  # noqa: ASYNC110 - the event belongs to another thread
                await asyncio.sleep(GATE_POLL)
        case Paced():
            await _send_paced(step, writer)
        case Close():
            writer.close()
        case Reset():
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        case Hang():
            await asyncio.Event().wait()
        case _:
            assert_never(step)


async def _send_paced(step: Paced, writer: asyncio.StreamWriter) -> None:
    """Send what is due by the clock; packets due at the same moment go out in one write."""
    start = time.perf_counter()
    sent = 0
    while sent < len(step.packets):
        due = int((time.perf_counter() - start) * step.per_second) + 1
        if due > sent:
            writer.write(b"".join(step.packets[sent:due]))
            sent = due
            await writer.drain()
        await asyncio.sleep(max(0.0, start + sent / step.per_second - time.perf_counter()))
