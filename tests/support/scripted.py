"""A loopback HTTP server for tests that controls every byte, delay, status and disconnect.

    with ScriptedServer() as server:
        server.queue(sse_reply(text_chunks("Hello")))
        ...                                  # call server.url + "/v1/chat/completions"
        assert server.requests[0].json["stream"] is True

By hand: `python -m tests.support.scripted --port 8081 --rate 50 --text README.md`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

from tests.support.replies import (
    Close,
    Event,
    Gate,
    Hang,
    Paced,
    Reply,
    Reset,
    Step,
    Wait,
    chat_reply,
    chunk,
    encode_event,
    error_reply,
    head,
    http_reply,
    json_reply,
    models_reply,
    sse_reply,
    stream_reply,
    text_chunks,
    tool_call,
    tool_chunks,
    usage_of,
)
from tests.support.wire import Request, perform, read_request

if TYPE_CHECKING:
    from types import TracebackType

__all__ = [
    "Close",
    "Disconnect",
    "Event",
    "Gate",
    "Hang",
    "Paced",
    "Reply",
    "Request",
    "Reset",
    "ScriptedServer",
    "Step",
    "Wait",
    "answer",
    "chat_reply",
    "chunk",
    "encode_event",
    "error_reply",
    "head",
    "http_reply",
    "json_reply",
    "models_reply",
    "sse_reply",
    "stream_reply",
    "text_chunks",
    "tool_call",
    "tool_chunks",
    "usage_of",
]

HEAD_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class Disconnect:
    """A connection that the client ended. `during` is the request whose reply was cut short."""

    connection: int
    at: float
    during: Request | None


Handler: TypeAlias = Callable[[Request], Reply | None]


@dataclass(slots=True, eq=False)
class _Connection:
    number: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    inbox: asyncio.Queue[Request] = field(default_factory=asyncio.Queue)
    serving: Request | None = None


class ScriptedServer:
    """A server whose replies the test decides; a context manager, running from `start` to `close`.

    A request is answered by the first that has something to say: `handler` (None passes it on),
    a `route`, the queue, `default`. Otherwise it gets status 500 and is noted in `unexpected`.
    What a handler raises breaks the connection, lands in `errors` and is raised at the block's end.
    """

    def __init__(
        self, handler: Handler | None = None, *, default: Reply | None = None, port: int = 0
    ) -> None:
        self.handler = handler
        self.default = default
        self.requests: list[Request] = []
        self.unexpected: list[Request] = []
        self.disconnects: list[Disconnect] = []
        self.errors: list[Exception] = []
        self.connections = 0
        self.open_connections = 0
        self.port = port
        self._routes: dict[tuple[str, str], Reply | Handler] = {
            ("GET", "/v1/models"): models_reply()
        }
        self._queue: deque[Reply] = deque()
        self._changed = threading.Condition()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()
        if error is None and self.errors:
            raise self.errors[0]

    def __repr__(self) -> str:
        return (
            f"<ScriptedServer {self.url} requests={len(self.requests)} queued={len(self._queue)}"
            f" open={self.open_connections}>"
        )

    @property
    def url(self) -> str:
        """The base address, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    # What it answers.

    def queue(self, *replies: Reply) -> None:
        """Answer the next requests with `replies`, one each, in order."""
        with self._changed:
            self._queue.extend(replies)

    def route(self, method: str, path: str, reply: Reply | Handler) -> None:
        """Answer this method and path with `reply`, or what it returns, every time."""
        self._routes[method, path] = reply

    def reset(self) -> None:
        """Forget every script and everything seen; open connections stay."""
        with self._changed:
            self.handler = self.default = None
            self._routes = {("GET", "/v1/models"): models_reply()}
            for seen in (self._queue, self.requests, self.unexpected, self.disconnects):
                seen.clear()
            self.errors.clear()
            self.connections = self.open_connections

    # What it has seen.

    @property
    def queued(self) -> int:
        """The number of replies not yet asked for."""
        return len(self._queue)

    @property
    def chats(self) -> list[Request]:
        """The requests for replies; those for the list of models come at any time."""
        return [request for request in self.requests if request.method == "POST"]

    def wait_request(self, n: int = 1, timeout: float = 60.0) -> Request:
        """Wait until `n` requests have come in all, and return the n-th. `timeout` in seconds."""
        self._wait(lambda: len(self.requests) >= n, timeout, f"{n} requests")
        return self.requests[n - 1]

    def wait_disconnect(self, n: int = 1, timeout: float = 60.0) -> Disconnect:
        """Wait until clients have ended `n` connections in all, and return the n-th end."""
        self._wait(lambda: len(self.disconnects) >= n, timeout, f"{n} disconnects")
        return self.disconnects[n - 1]

    def wait_open(self, n: int, timeout: float = 60.0) -> None:
        """Wait until exactly `n` connections are open."""
        self._wait(lambda: self.open_connections == n, timeout, f"{n} open connections")

    def _wait(self, condition: Callable[[], bool], timeout: float, what: str) -> None:
        with self._changed:
            if not self._changed.wait_for(condition, timeout):
                raise TimeoutError(f"expected {what} within {timeout:g} s, have {self!r}")

    # Its life.

    def start(self) -> None:
        """Listen on loopback, and serve from a thread until `close`."""
        listener = socket.create_server(("127.0.0.1", self.port))
        listener.setblocking(False)  # noqa: FBT003 - the name of the argument is the method's
        self.port = listener.getsockname()[1]
        ready = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(listener, ready)), name=f"scripted-{self.port}"
        )
        self._thread.start()
        ready.wait()

    def close(self) -> None:
        """Break every connection, end the thread. Closing twice does nothing."""
        if self._thread is None or self._loop is None or self._stop is None:
            return
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._thread = self._loop = self._stop = None

    async def _serve(self, listener: socket.socket, ready: threading.Event) -> None:
        """Accept until told to stop; then every conversation ends by itself, none is cancelled."""
        self._loop = loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        stopping = asyncio.ensure_future(self._stop.wait())
        conversations: set[asyncio.Task[None]] = set()

        def accept() -> None:
            sock, _ = listener.accept()
            # asyncio does it for sockets of its own; else the second packet waits for 40 ms.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._changed:
                self.connections += 1
                self.open_connections += 1
                self._changed.notify_all()
            number = self.connections
            task = asyncio.ensure_future(self._converse(number, sock, stopping))
            conversations.add(task)
            task.add_done_callback(conversations.discard)

        with listener:
            loop.add_reader(listener, accept)
            ready.set()
            await stopping
            loop.remove_reader(listener)
        await asyncio.gather(*conversations)

    async def _converse(
        self, number: int, sock: socket.socket, stopping: asyncio.Task[Literal[True]]
    ) -> None:
        """Serve one connection until either side ends it, or the server stops."""
        reader, writer = await asyncio.open_connection(sock=sock, limit=HEAD_LIMIT)
        writer.transport.set_write_buffer_limits(high=0)  # drain() then means: the kernel has it
        connection = _Connection(number, reader, writer)
        reading = asyncio.ensure_future(self._read_requests(connection))
        serving = asyncio.ensure_future(self._answer_requests(connection))
        tasks: set[asyncio.Task[Any]] = {reading, serving}
        await asyncio.wait({*tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
        failure = serving.exception() if serving.done() else None
        if isinstance(failure, OSError) or (reading.done() and not serving.done()):
            self._note_disconnect(connection)
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        if not writer.is_closing():
            writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        with self._changed:
            self.open_connections -= 1
            self.errors += [
                result
                for result in results
                if isinstance(result, Exception) and not isinstance(result, OSError)
            ]
            self._changed.notify_all()

    def _note_disconnect(self, connection: _Connection) -> None:
        end = Disconnect(connection.number, time.monotonic(), connection.serving)
        with self._changed:
            self.disconnects.append(end)
            self._changed.notify_all()

    async def _read_requests(self, connection: _Connection) -> None:
        """Read ahead of the answers, so that a client that goes away is noticed at once."""
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                request = await read_request(connection.reader, connection.number)
                connection.inbox.put_nowait(request)
                with self._changed:
                    self.requests.append(request)
                    self._changed.notify_all()

    async def _answer_requests(self, connection: _Connection) -> None:
        """Answer in order; return when a reply has ended the connection."""
        while True:
            request = connection.serving = await connection.inbox.get()
            for step in self._choose(request).steps:
                await perform(step, connection.writer)
                if connection.writer.is_closing():
                    return
            connection.serving = None

    def _choose(self, request: Request) -> Reply:
        reply = self.handler(request) if self.handler else None
        if reply is not None:
            return reply
        route = self._routes.get((request.method, request.path))
        if route is not None:
            reply = route if isinstance(route, Reply) else route(request)
        if reply is None:
            with self._changed:
                reply = self._queue.popleft() if self._queue else self.default
        if reply is None:
            self.unexpected.append(request)
            reply = error_reply(500, f"nothing is scripted for {request.method} {request.path}")
        return reply


def answer(text: str, *, tokens_per_second: float = 17_000) -> Handler:
    """Make a handler that answers every chat request with `text`, streamed if it asks for that."""

    def handler(request: Request) -> Reply | None:
        if (request.method, request.path) != ("POST", "/v1/chat/completions"):
            return None
        if request.json.get("stream"):
            return stream_reply(text, tokens_per_second=tokens_per_second)
        return chat_reply(text)

    return handler


def main() -> None:
    """Serve a text by hand, until interrupted."""
    parser = argparse.ArgumentParser(description="A loopback stand-in for the 8080 API.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--rate", type=float, default=17_000, help="tokens per second")
    parser.add_argument("--text", type=Path, help="a file with the reply to every request")
    options = parser.parse_args()
    text = options.text.read_text(encoding="utf-8") if options.text else "Hello from the script.\n"
    with ScriptedServer(answer(text, tokens_per_second=options.rate), port=options.port) as server:
        print(f"_8080_API_URL={server.url} _8080_API_KEY=any", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
