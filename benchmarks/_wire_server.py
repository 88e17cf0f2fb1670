"""A server for the benchmarks, in a process of its own: prepared streams, as fast as they go.

`POST /whole/v1/chat/completions` is answered with one JSON object, and `POST /slow/...` with the
same after 50 ms.

`POST /<events in a packet>/<events>/v1/chat/completions` is answered with that many events, each
packet one HTTP chunk and one write. The completion's `id` is the time at which the request came,
in nanoseconds of `time.monotonic_ns`, which all processes of a machine share.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import BinaryIO

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
SLOW_SECONDS = 0.05
CHUNK = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 1_700_000_000,
    "model": "8080/taalas/llama3.1-8b-instruct",
}


_MESSAGE = {"role": "assistant", "content": "A short answer to a short question."}
_ANSWER = json.dumps(
    {**CHUNK, "object": "chat.completion", "usage": {"prompt_tokens": 9, "completion_tokens": 8},
     "choices": [{"index": 0, "message": _MESSAGE, "finish_reason": "stop"}]}
).encode()  # fmt: skip
WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (
    len(_ANSWER),
    _ANSWER,
)


def word(number: int) -> str:
    """Return the text of one event."""
    return f"word{number % 1000} "


def text(events: int) -> str:
    """Return the text of a whole reply."""
    return "".join(map(word, range(events)))


def _event(delta: dict[str, str], *, reason: str | None = None, name: str = "chatcmpl-1") -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return b"data: %s\n\n" % json.dumps({**CHUNK, "id": name, "choices": [choice]}).encode()


def _packet(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


@cache
def packets(in_packet: int, events: int) -> list[bytes]:
    """Return the HTTP chunks of a reply, but for the first one."""
    data = [_event({"content": word(number)}) for number in range(events)]
    data += [_event({}, reason="stop"), b"data: [DONE]\n\n"]
    cut = range(0, len(data), in_packet)
    return [_packet(b"".join(data[i : i + in_packet])) for i in cut] + [b"0\r\n\r\n"]


def _request(file: BinaryIO) -> tuple[bytes, int] | None:
    line, came = file.readline(), time.monotonic_ns()
    length = 0
    while line and (header := file.readline()) != b"\r\n":
        name, _, value = header.lower().partition(b":")
        length = int(value) if name == b"content-length" else length
    file.read(length)
    return (line, came) if line else None


def _converse(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection, connection.makefile("rb") as file, suppress(ConnectionError):
        while (request := _request(file)) is not None:
            line, came = request
            if line.startswith((b"POST /whole/", b"POST /slow/")):
                if line.startswith(b"POST /slow/"):
                    time.sleep(SLOW_SECONDS)
                connection.sendall(WHOLE)
                continue
            in_packet, events = map(int, line.split(b"/")[1:3])
            first = _event({"role": "assistant", "content": ""}, name=str(came))
            connection.sendall(HEAD + _packet(first))
            for packet in packets(in_packet, events):
                connection.sendall(packet)


@contextmanager
def serving() -> Iterator[int]:
    """Run the server in a process of its own; gives its port."""
    command = [sys.executable, "-m", __spec__.name if __name__ == "__main__" else __name__]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield int(next(iter(process.stdout or ())))
        finally:
            process.terminate()


def main() -> None:
    """Serve until terminated; the port is printed first."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_converse, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    main()
