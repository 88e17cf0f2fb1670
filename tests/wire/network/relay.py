"""A relay on loopback for tests: it ends TLS, or is a proxy for http and https."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

TLS = Path(__file__).parent / "tls"
# Both were made for these tests: a certificate for localhost that signs itself, and its key.
CERTIFICATE = TLS / "cert.pem"
SERVER = TLS / "server.pem"


class Relay:
    """Relay connections from a thread until closed.

    `target`: everything goes to that port, `secure`: out of TLS. Without a target it is a proxy,
    and `requests` are the first lines and the headers that it got. `refuse`: it answers so to all.
    """

    def __init__(
        self,
        target: int | None = None,
        *,
        secure: bool = False,
        refuse: str = "",
        host: str = "127.0.0.1",
    ) -> None:
        self.target = target
        self.refuse = refuse
        self.host = host
        self.requests: list[str] = []
        self.port = 0
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) if secure else None
        if self._context is not None:
            self._context.load_cert_chain(SERVER)
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="relay")

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    @property
    def url(self) -> str:
        """The address of the relay."""
        return f"{'https' if self._context else 'http'}://{self.host}:{self.port}"

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        tasks: set[asyncio.Task[None]] = set()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.ensure_future(self._converse(reader, writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        server = await asyncio.start_server(accept, self.host, 0, ssl=self._context)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        other: asyncio.StreamWriter | None = None
        try:
            start, port = b"", self.target
            if port is None:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                self.requests.append(head)
                if self.refuse:
                    writer.write(f"HTTP/1.1 {self.refuse}\r\ncontent-length: 0\r\n\r\n".encode())
                    await writer.drain()
                    return
                method, address, _ = head.split(" ", 2)
                port = urlsplit(address if "//" in address else f"//{address}").port
                if method == "CONNECT":
                    writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
                else:
                    start = head.encode("latin-1")
            source, other = await asyncio.open_connection("127.0.0.1", port)
            other.write(start)
            await asyncio.gather(_pipe(reader, other), _pipe(source, writer))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            for end in (writer, other):
                if end is not None:
                    end.transport.abort()
                    with contextlib.suppress(OSError):
                        await end.wait_closed()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(2**16):
        writer.write(data)
        await writer.drain()
    writer.transport.abort()
