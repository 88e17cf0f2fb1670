"""How fast a prompt goes over rows: ours, bare posts, the peers; kept answers; memory; interrupts.

    python -m benchmarks.rows [--rows 3000] [--rounds 5] [--stream 100000]

A server in a process of its own answers each request at once with the same JSON, or after 50 ms.
All rows of the table take turns in each round; medians are shown, CPU is that of this process.
Peers that are not installed (`pip install -e ".[bench]"`) are left out, and said so.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import hashlib
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, redirect_stdout
from dataclasses import dataclass, field
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

import orjson

from benchmarks._wire_server import SLOW_SECONDS, serving
from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.prompt.secrets.redact import Redactor
from eighty80_jupyter.prompt.secrets.steady import SteadyRedactor
from eighty80_jupyter.session.session import Session
from eighty80_jupyter.storage.answers import Answers
from eighty80_jupyter.wire.secret import Secret

KEY = "benchmark-key"
MODEL = "m"
AT_ONCE = 32
SLOW = 10  # a slow peer gets this fraction of the rows
PROMPT = "Classify as bug or feature: {{text}} (from {{customer}})"
FLOOR = "bare aiohttp posts"
OURS = "ours: chat.rows"

Ask = Callable[[str, int], None]


@dataclass(slots=True)
class Way:
    """One way to ask all rows; `slow` ways are measured on fewer of them."""

    name: str
    ask: Ask
    slow: bool = False
    seconds: list[float] = field(default_factory=list)  # of one row
    cpu: list[float] = field(default_factory=list)


def texts(count: int) -> list[str]:
    """Return texts as customers write them, each another one."""
    return [
        f"The printer on floor {n % 9} stops after {n} pages and shows a red light."
        for n in range(count)
    ]


def rows(count: int) -> dict[str, list[str]]:
    """Return columns for the prompt."""
    return {"text": texts(count), "customer": [f"Customer {n % 50}" for n in range(count)]}


def body(text: str, customer: str) -> dict[str, Any]:
    """Return the request for a row, as a peer makes it."""
    prompt = f"Classify as bug or feature: {text} (from {customer})"
    return {"model": MODEL, "messages": [{"role": "user", "content": prompt}]}


def bare(stack: ExitStack) -> Ask:
    """Post with aiohttp and take the text out of the JSON: the floor."""
    aiohttp = import_module("aiohttp")
    runner = stack.enter_context(asyncio.Runner())
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}

    async def run(url: str, count: int) -> None:
        table = rows(count)
        waiting = iter(list(zip(table["text"], table["customer"], strict=True)))
        found: list[str] = []
        async with aiohttp.ClientSession() as session:

            async def work() -> None:
                for text, customer in waiting:
                    data = orjson.dumps(body(text, customer))
                    async with session.post(url, data=data, headers=headers) as answer:
                        came = orjson.loads(await answer.read())
                    found.append(came["choices"][0]["message"]["content"])

            await asyncio.gather(*(work() for _ in range(AT_ONCE)))
        check(len(found), count)

    return lambda base, count: runner.run(run(f"{base}/chat/completions", count))


def ours(stack: ExitStack, folder: Path, **options: Any) -> Ask:
    """Ask with a session: templates, secrets taken out, answers kept on disk."""
    session = stack.enter_context(closing(make_session(folder)))

    def ask(base: str, count: int) -> None:
        session.config.base_url = base
        run = session.rows(rows(count), PROMPT, **{"all": True, "concurrency": AT_ONCE, **options})
        check(run.progress().done - sum(run.progress().failed.values()), count)

    return ask


def make_session(folder: Path) -> Session:
    """Return a session whose kept answers lie in a folder of the benchmark's own."""
    os.environ["XDG_STATE_HOME"] = str(folder)
    session = Session(ChatConfig(api_key=KEY, model=MODEL), environ=dict(os.environ))
    session.namespace = {}
    return session


def openai(stack: ExitStack) -> Ask:
    """Use the asynchronous client of OpenAI."""
    library = import_module("openai")
    runner = stack.enter_context(asyncio.Runner())

    async def run(base: str, count: int) -> None:
        table = rows(count)
        waiting = iter(list(zip(table["text"], table["customer"], strict=True)))
        found: list[str] = []
        async with library.AsyncOpenAI(api_key=KEY, base_url=base) as client:

            async def work() -> None:
                for text, customer in waiting:
                    answer = await client.chat.completions.create(**body(text, customer))
                    found.append(answer.choices[0].message.content or "")

            await asyncio.gather(*(work() for _ in range(AT_ONCE)))
        check(len(found), count)

    return lambda base, count: runner.run(run(base, count))


def chatlas(stack: ExitStack) -> Ask:
    """Use chatlas' own parallel chats."""
    library = import_module("chatlas")
    runner = stack.enter_context(asyncio.Runner())

    def ask(base: str, count: int) -> None:
        chat = library.ChatOpenAICompletions(base_url=base, api_key=KEY, model=MODEL)
        table = rows(count)
        prompts = [
            body(*pair)["messages"][0]["content"]
            for pair in zip(table["text"], table["customer"], strict=True)
        ]
        with redirect_stdout(StringIO()):  # which it draws its progress on
            chats = runner.run(library.parallel_chat(chat, prompts, max_active=AT_ONCE, rpm=10**6))
        check(len(chats), count)

    return ask


def check(came: int, wanted: int) -> None:
    """Raise where an answer is missing."""
    if came != wanted:
        raise RuntimeError(f"{wanted - came} of {wanted} rows have no answer")


def ways(stack: ExitStack, folder: Path, base: str) -> tuple[list[Way], list[str]]:
    """Return the ways to ask, and the names of the peers that are missing or fail."""
    found = [
        Way(FLOOR, bare(stack)),
        Way(OURS, ours(stack, folder, fresh=True)),
        Way("ours, no answers kept", ours(stack, folder, keep=False)),
    ]
    missing: list[str] = []
    for name, make in (("openai", openai), ("chatlas", chatlas)):
        try:
            way = Way(name, make(stack), slow=True)
            way.ask(base, AT_ONCE)
            found.append(way)
        except Exception as error:  # noqa: BLE001  # whatever a peer raises, the others are measured
            missing.append(f"{name} ({error})")
    return found, missing


def measure(table: list[Way], base: str, *, count: int, rounds: int) -> None:
    """Let all ways take turns; the first turn of each warms up and does not count."""
    for turn in range(rounds + 1):
        gc.collect()
        gc.freeze()
        for way in table:
            number = count // SLOW if way.slow else count
            start, cpu = time.perf_counter(), time.process_time()
            way.ask(base, number)
            if turn:
                way.cpu.append((time.process_time() - cpu) / number)
                way.seconds.append((time.perf_counter() - start) / number)


def show(table: list[Way], missing: list[str], title: str) -> None:
    """Print a table."""
    floor = table[0]
    print(f"\n{title:<34}{'rows/s':>9}{'ratio':>8}{'CPU us':>9}{'ratio':>8}")
    for way in table:
        rate, cpu = 1 / statistics.median(way.seconds), statistics.median(way.cpu) * 1e6
        faster = statistics.median(f / s for s, f in zip(way.seconds, floor.seconds, strict=True))
        more = statistics.median(s / f for s, f in zip(way.cpu, floor.cpu, strict=True))
        print(f"{way.name:<34}{rate:>9,.0f}{faster:>8.2f}{cpu:>9,.0f}{more:>8.2f}")
    print(f"ratio: to {floor.name}, in the same round; the median of the rounds")
    for name in missing:
        print(f"not measured: {name}")


def slow_server(base: str, folder: Path, *, count: int) -> None:
    """Print the rate at a server that takes its time, beside what the concurrency allows."""
    rates = []
    with ExitStack() as stack:
        for ask in (bare(stack), ours(stack, folder, fresh=True)):
            ask(base, AT_ONCE)
            start = time.perf_counter()
            ask(base, count)
            rates.append(count / (time.perf_counter() - start))
    most = AT_ONCE / SLOW_SECONDS
    print(
        f"\na server that takes {SLOW_SECONDS * 1e3:.0f} ms, {AT_ONCE} at a time: {rates[1]:,.0f} "
        f"rows/s of {most:,.0f}, {rates[1] / most:.2f}; target 0.9; bare posts {rates[0]:,.0f}"
    )


def plain_loop(folder: Path, count: int) -> None:
    """Fill, take secrets out, hash and look up: what kept answers cost at least."""
    table = rows(count)
    answers = Answers(folder / "eighty80_jupyter" / "answers.sqlite")
    redact = SteadyRedactor(Redactor(dict(os.environ), Secret(KEY))).redact
    common = hashlib.blake2b(digest_size=16)
    keys: list[bytes] = []
    for text, customer in zip(table["text"], table["customer"], strict=True):
        prompt = f"Classify as bug or feature: {redact(text)} (from {redact(customer)})"
        mark = common.copy()
        mark.update(prompt.encode())
        keys.append(mark.digest())
    for at in range(0, count, 256):
        answers.get_many(keys[at : at + 256])
    answers.close()


def all_kept(base: str, folder: Path, *, count: int, rounds: int) -> None:
    """Print what a run costs whose answers are all kept."""
    with ExitStack() as stack:
        ask = ours(stack, folder)
        ask(base, count)
        pairs = []
        for _ in range(rounds):
            start = time.process_time()
            plain_loop(folder, count)
            middle = time.process_time()
            ask(base, count)
            pairs.append((middle - start, time.process_time() - middle))
    plain, own = (statistics.median(column) / count * 1e6 for column in zip(*pairs, strict=True))
    ratio = statistics.median(own / plain for plain, own in pairs)
    print(
        f"\nall answers kept, CPU of a row: {own:.0f} us, a plain loop {plain:.0f} us, "
        f"ratio {ratio:.2f}; target 1.5"
    )


@contextmanager
def peak_memory() -> Iterator[list[float]]:
    """Give the most memory that this process takes over what it took before, in MB."""
    process = import_module("psutil").Process()
    before = process.memory_info().rss
    peak = [0.0]
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.05):
            peak[0] = max(peak[0], (process.memory_info().rss - before) / 1e6)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()


def stream(base: str, folder: Path, *, count: int) -> None:
    """Print the memory that a long stream of rows takes beyond its results."""
    ahead = [0]
    read = [0]

    def source() -> Iterator[dict[str, str]]:
        for number in range(count):
            read[0] = number + 1
            yield {"text": f"row {number}", "customer": "c"}

    with closing(make_session(folder)) as session:
        session.config.base_url = base
        session.rows([{"text": "warm", "customer": "c"}], PROMPT, keep=False)

        def follow(run: Any) -> None:
            while not run.wait(0.1):
                ahead[0] = max(ahead[0], read[0] - run.progress().done)

        session.row_runs.follow = follow
        gc.collect()
        with peak_memory() as peak:
            run = session.rows(source(), PROMPT, all=True, keep=False)
        check(run.progress().done, count)
        results = len(run.values) * (8 + 1 + 88) / 1e6  # a list, a byte, and a text each
    print(
        f"\na stream of {count:,} rows: {peak[0]:.0f} MB more, {results:.0f} MB of them its "
        f"answers; read ahead by at most {ahead[0]:,} rows; target 100 MB beyond the answers"
    )


def interrupts(base: str, folder: Path, *, rounds: int) -> None:
    """Print the seconds from an interrupt to its exception, in the middle of a run."""
    found = []
    with closing(make_session(folder)) as session:
        session.config.base_url = base
        for _ in range(rounds):
            at = [0.0]

            def follow(run: Any, at: list[float] = at) -> None:
                run.wait(0.3)
                at[0] = time.perf_counter()
                raise KeyboardInterrupt

            session.row_runs.follow = follow
            try:
                session.rows(rows(100_000), PROMPT, fresh=True, all=True)
            except KeyboardInterrupt:
                found.append(time.perf_counter() - at[0])
    print(
        f"\nfrom an interrupt to its exception: median {statistics.median(found) * 1e3:.0f} ms, "
        f"worst {max(found) * 1e3:.0f} ms; target 500 ms"
    )


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=3_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--stream", type=int, default=100_000)
    options = parser.parse_args()
    with serving() as port, ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        base = f"http://127.0.0.1:{port}"
        table, missing = ways(stack, folder, f"{base}/whole/v1")
        measure(table, f"{base}/whole/v1", count=options.rows, rounds=options.rounds)
        show(table, missing, f"{options.rows:,} rows, {AT_ONCE} at a time")
        print("targets: 0.45 of the rows/s, 2.2 of the CPU")
        slow_server(f"{base}/slow/v1", folder, count=options.rows)
        all_kept(f"{base}/whole/v1", folder, count=options.rows, rounds=options.rounds)
        interrupts(f"{base}/whole/v1", folder, rounds=options.rounds)
        if options.stream:
            stream(f"{base}/whole/v1", folder, count=options.stream)


if __name__ == "__main__":
    main()
