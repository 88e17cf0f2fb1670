"""How fast a streamed reply gets from the socket to its text: ours, the floor, the peers.

    python -m benchmarks.wire [--events 20000] [--rounds 7]

A server in a process of its own sends prepared events as fast as they go, each in one HTTP chunk
and one packet, and then 100 in each. All rows take turns in each round; medians are shown. Peers
that are not installed (`pip install -e ".[bench]"`) are left out, and said so.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import socket
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson

from benchmarks._wire_server import serving, text
from eighty80_jupyter.api.deltas import Adapted, Retrying, Snapshot, Took
from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.session.session import Session
from eighty80_jupyter.wire.client import Client, Settings
from eighty80_jupyter.wire.endpoint import Endpoint
from eighty80_jupyter.wire.secret import Secret

BODY = {"model": "m", "messages": [{"role": "user", "content": "Hello"}], "stream": True}
KEY = "benchmark-key"
PACKETS = (1, 100)
SLOW = 20  # a slow peer gets this fraction of the events
REFERENCE = "httpx.Client.iter_raw, no parsing"
OURS = "ours: Client.complete to Snapshot"

# From the address of a server to the text of its reply, or None where nothing is decoded.
Read = Callable[[str], str | None]


@dataclass(slots=True)
class Row:
    """One way to read a stream. `slow` ways are measured on fewer events."""

    name: str
    read: Read
    slow: bool = False
    rates: dict[int, list[float]] = field(default_factory=dict)


def bare_socket(url: str) -> None:
    """Only receive: the floor, and what the server can send."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.sendall(f"POST {parts.path}/v1/chat/completions HTTP/1.1\r\n\r\n".encode())
        tail = b""
        while not tail.endswith(b"\r\n0\r\n\r\n"):
            tail = tail[-7:] + connection.recv(2**18)


class Threaded:
    """A coroutine function that is called on a loop of this thread."""

    def __init__(self, stack: ExitStack) -> None:
        self.runner = stack.enter_context(asyncio.Runner())
        self.stack = stack

    def close(self, client: Client | httpx.AsyncClient) -> None:
        """Close a client at the end."""
        self.stack.callback(lambda: self.runner.run(client.aclose()))

    def ours(self) -> Read:
        """Read with our client on its own loop."""
        client = Client()
        self.close(client)

        async def read(url: str) -> str:
            endpoint = Endpoint(url=url, key=Secret(KEY))
            snapshot = Snapshot()
            async for batch in client.complete(endpoint, BODY, stream=True, settings=Settings()):
                for delta in batch:
                    if not isinstance(delta, (Retrying, Adapted, Took)):
                        snapshot.apply(delta)
            return snapshot.to_reply(seconds=0, parameters={}).text

        return lambda url: self.runner.run(read(url))

    def httpx_async(self, make: Callable[[], httpx.AsyncClient]) -> Read:
        """Read with an asynchronous httpx client and the least code that decodes the events."""
        client = make()
        self.close(client)

        async def read(url: str) -> str:
            pieces: list[str] = []
            rest = b""
            async with client.stream("POST", url + "/v1/chat/completions", json=BODY) as response:
                async for data in response.aiter_raw():
                    *events, rest = (rest + data).split(b"\n\n")
                    for event in events:
                        if event != b"data: [DONE]":
                            choice = orjson.loads(event[6:])["choices"][0]
                            pieces.append(choice["delta"].get("content") or "")
            return "".join(pieces)

        return lambda url: self.runner.run(read(url))


def ours_in_a_session(stack: ExitStack) -> Read:
    """Our session: the deltas come to the calling thread too, as a notebook's cell gets them."""
    session = stack.enter_context(closing(Session(ChatConfig(api_key=KEY), environ={})))

    def read(url: str) -> str:
        session.config.base_url = url
        session.conversation.reset()
        seen: list[Any] = []
        return session.ask("Hello", listen=seen.extend).text

    return read


def iter_raw(stack: ExitStack) -> Read:
    """Let httpx take the HTTP apart, and decode nothing."""
    client = stack.enter_context(httpx.Client(trust_env=False))

    def read(url: str) -> None:
        with client.stream("POST", url + "/v1/chat/completions", json=BODY) as response:
            for _ in response.iter_raw():
                pass

    return read


def httpx_sse(stack: ExitStack) -> Read:
    """Let httpx-sse find the events."""
    connect_sse = import_module("httpx_sse").connect_sse
    client = stack.enter_context(httpx.Client(trust_env=False))

    def read(url: str) -> str:
        pieces: list[str] = []
        with connect_sse(client, "POST", url + "/v1/chat/completions", json=BODY) as source:
            for event in source.iter_sse():
                if event.data != "[DONE]":
                    delta = json.loads(event.data)["choices"][0]["delta"]
                    pieces.append(delta.get("content") or "")
        return "".join(pieces)

    return read


def openai(stack: ExitStack) -> Read:
    """Use the client of OpenAI."""
    library = import_module("openai")
    client = stack.enter_context(
        library.OpenAI(api_key=KEY, http_client=httpx.Client(trust_env=False))
    )

    def read(url: str) -> str:
        stream = client.with_options(base_url=url + "/v1").chat.completions.create(**BODY)
        return "".join(chunk.choices[0].delta.content or "" for chunk in stream)

    return read


def litellm(_: ExitStack) -> Read:
    """Use LiteLLM."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it asks the network for prices
    library = import_module("litellm")

    def read(url: str) -> str:
        stream = library.completion(
            **{**BODY, "model": "openai/m"}, api_base=url + "/v1", api_key=KEY
        )
        return "".join(chunk.choices[0].delta.content or "" for chunk in stream)

    return read


def chatlas(_: ExitStack) -> Read:
    """Use chatlas."""
    make = import_module("chatlas").ChatOpenAICompletions

    def read(url: str) -> str:
        chat = make(base_url=url + "/v1", api_key=KEY, model="m")
        return "".join(chat.stream("Hello"))

    return read


def rows(stack: ExitStack, base: str) -> tuple[list[Row], list[str]]:
    """Return the rows of the table, and the names of the peers that are missing or fail."""
    threaded = Threaded(stack)
    found = [
        Row("bare socket, nothing read", bare_socket),
        Row(REFERENCE, iter_raw(stack)),
        Row(OURS, threaded.ours()),
        Row("ours: Session.ask to its thread", ours_in_a_session(stack)),
        Row(
            "httpx async + orjson", threaded.httpx_async(lambda: httpx.AsyncClient(trust_env=False))
        ),
    ]
    missing: list[str] = []

    def aiohttp() -> Read:
        make = import_module("httpx_aiohttp").HttpxAiohttpClient
        return threaded.httpx_async(make)

    peers: list[tuple[str, Callable[[], Read], bool]] = [
        ("httpx-aiohttp + orjson", aiohttp, False),
        ("httpx-sse + json", lambda: httpx_sse(stack), False),
        ("openai", lambda: openai(stack), True),
        ("chatlas", lambda: chatlas(stack), True),
        ("litellm", lambda: litellm(stack), True),
    ]
    for name, make, slow in peers:
        try:
            peer = Row(name, make(), slow)
            peer.read(f"{base}/1/10")
            found.append(peer)
        except Exception as error:  # noqa: BLE001  # whatever a peer raises, the others are measured
            missing.append(f"{name} ({error})")
    return found, missing


def measure(table: list[Row], base: str, *, events: int, rounds: int) -> None:
    """Let all rows take turns; the first turn of each warms up and does not count."""
    for turn in range(rounds + 1):
        gc.collect()
        gc.freeze()  # what one library has imported must not weigh on the others
        for in_packet in PACKETS:
            for row in table:
                count = events // SLOW if row.slow else events
                url = f"{base}/{in_packet}/{count}"
                start = time.perf_counter()
                came = row.read(url)
                seconds = time.perf_counter() - start
                if came is not None and came != text(count):
                    raise RuntimeError(f"{row.name} lost something")
                if turn:
                    row.rates.setdefault(in_packet, []).append(count / seconds)


def whole_answers(base: str, *, rounds: int, requests: int = 2_000, at_once: int = 32) -> None:
    """Print the CPU of a request that is not streamed, beside that of a bare aiohttp post."""
    aiohttp = import_module("aiohttp")
    body = {name: value for name, value in BODY.items() if name != "stream"}
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}

    async def measured(ask: Callable[[], Any]) -> float:
        async def some() -> None:
            for _ in range(requests // at_once):
                await ask()

        start = time.process_time()
        await asyncio.gather(*(some() for _ in range(at_once)))
        return (time.process_time() - start) / (requests // at_once * at_once)

    async def run() -> None:
        client, endpoint = Client(), Endpoint(url=base, key=Secret(KEY))
        async with aiohttp.ClientSession() as session:

            async def bare() -> None:
                url = base + "/chat/completions"
                async with session.post(url, data=orjson.dumps(body), headers=headers) as answer:
                    orjson.loads(await answer.read())

            async def ours() -> None:
                await client.complete_whole(endpoint, body, settings=Settings())

            times = [(await measured(bare), await measured(ours)) for _ in range(rounds + 1)][1:]
        await client.aclose()
        floor, own = (statistics.median(column) * 1e6 for column in zip(*times, strict=True))
        ratio = statistics.median(own / floor for floor, own in times)
        print(
            f"\none request that is not streamed, {at_once} at a time, CPU: {own:.0f} us, a bare "
            f"aiohttp post with its JSON {floor:.0f} us, ratio {ratio:.2f}; target 1.8"
        )

    asyncio.run(run())


def latencies(base: str, *, rounds: int = 50) -> list[float]:
    """Return the seconds from `Session.ask` to the request's arrival, in a warm process."""
    found = []
    with closing(Session(ChatConfig(api_key=KEY, base_url=f"{base}/1/1"), environ={})) as session:
        for _ in range(rounds + 1):
            start = time.monotonic_ns()
            reply = session.ask("Hello")
            found.append((int(reply.id) - start) / 1e9)
            session.conversation.reset()
    return found[1:]


def show(table: list[Row], missing: list[str]) -> None:
    """Print the table."""
    reference = next(row for row in table if row.name == REFERENCE)
    heads = "".join(f"{f'{p} in a packet':>18}{'ratio':>8}" for p in PACKETS)
    print(f"{'chunks/s, medians':<36}{heads}   lowest to highest of the first")
    for row in table:
        cells = ""
        for in_packet in PACKETS:
            rate = statistics.median(row.rates[in_packet])
            pairs = zip(row.rates[in_packet], reference.rates[in_packet], strict=True)
            ratio = statistics.median(ours / theirs for ours, theirs in pairs)
            cells += f"{rate:>18,.0f}{ratio:>8.2f}"
        low, high = min(row.rates[1]), max(row.rates[1])
        print(f"{row.name:<36}{cells}   {low:,.0f} to {high:,.0f}")
    print(f"ratio: to {REFERENCE}, in the same round; the median of the rounds")
    for name in missing:
        print(f"not measured: {name}")


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with serving() as port, ExitStack() as stack:
        base = f"http://127.0.0.1:{port}"
        table, missing = rows(stack, base)
        measure(table, base, events=options.events, rounds=options.rounds)
        show(table, missing)
        whole_answers(f"{base}/whole/v1", rounds=options.rounds)
        times = sorted(latencies(base))
        print(
            f"\nfrom Session.ask to the request at the server, warm: median "
            f"{statistics.median(times) * 1e3:.2f} ms, worst {times[-1] * 1e3:.2f} ms; "
            f"target 5 ms"
        )


if __name__ == "__main__":
    main()
