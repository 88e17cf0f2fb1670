"""What a conversation costs as it grows: a turn, saving and loading, finding what fits.

    python -m benchmarks.conversation [--turns 10000]

A turn is a request to a server in this process that answers at once, in a conversation of that many
turns. "All sent" carries the history, so that its floor is encoding and sending the same body with
`httpx`; "trimmed" sends what fits into 2,000 tokens, and "once" sends none of it. The floor of
saving and loading is the same data through `orjson` and a file.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import orjson

from eighty80_jupyter import ChatConfig, Choice, Reply, Session, Turn
from eighty80_jupyter.api.messages import Message
from eighty80_jupyter.conversation.turn import Exchange
from eighty80_jupyter.storage import store
from eighty80_jupyter.turns.request import Place
from tests.support.replies import stream_reply
from tests.support.scripted import ScriptedServer

ROUNDS = 7
WORDS = "The median is the middle value of a sorted list, and the mean is the sum over the count. "


def turns(count: int) -> list[Turn]:
    """Return that many turns of about 45 tokens."""
    made = []
    for number in range(count):
        messages = (Message("user", f"{number}: {WORDS}"), Message("assistant", WORDS))
        reply = Reply(choices=(Choice(text=WORDS, finish_reason="stop"),), model="m")
        made.append(Turn(alternatives=(Exchange(messages=messages, reply=reply),)))
    return made


def median(action: Callable[[], object]) -> float:
    """Return the median of the seconds that an action takes; the first one is not counted."""
    seconds = []
    for _ in range(ROUNDS + 1):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])


def measure_turns(server: ScriptedServer, session: Session, client: httpx.Client) -> list[float]:
    """Return the seconds of a turn in each way, and of the floor."""
    server.handler = lambda request: stream_reply("ok") if request.method == "POST" else None
    config, aside = session.config, Place(keep=False)

    def ask(place: Place) -> float:
        return median(lambda: session.ask("And now?", place=place))

    def send() -> None:
        messages = session.conversation.to_messages()
        body = orjson.dumps({"model": "m", "messages": messages, "stream": True})
        client.post(f"{server.url}/v1/chat/completions", content=body)

    config.context_policy = "error"
    found = [ask(aside), median(send)]
    config.context_policy, config.context_limit = "trim", 2_000
    found.append(ask(aside))
    config.context_policy, config.context_limit = "error", None
    return [*found, ask(Place(keep=False, history=False))]


def measure_files(session: Session, folder: Path) -> list[float]:
    """Return the seconds of saving, its floor, loading, its floor."""
    path, plain = folder / "saved.json", folder / "plain.json"

    def save() -> None:
        path.unlink(missing_ok=True)
        store.save(session.conversation, path)

    saved = median(save)
    data = orjson.loads(path.read_bytes())
    return [
        saved,
        median(lambda: plain.write_bytes(orjson.dumps(data))),
        median(lambda: store.load(path)),
        median(lambda: orjson.loads(plain.read_bytes())),
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--turns", type=int, default=10_000, help="of the longest conversation")
    longest = parser.parse_args().turns
    heads = ("all sent", "floor", "trimmed", "once", "save", "floor", "load", "floor")
    print("Milliseconds.\n\nturns " + "".join(f"{head:>12}" for head in heads))
    with (
        ScriptedServer() as server,
        tempfile.TemporaryDirectory() as folder,
        httpx.Client(trust_env=False) as client,
    ):
        for count in (10, longest // 10, longest):
            environ = {"_8080_API_URL": server.url, "_8080_API_KEY": "key"}
            session = Session(ChatConfig(), environ=environ)
            session.conversation.restore(turns(count), system=None)
            cost = measure_turns(server, session, client) + measure_files(session, Path(folder))
            print(f"{count:<6,}" + "".join(f"{seconds * 1e3:12.2f}" for seconds in cost))
            session.close()


if __name__ == "__main__":
    main()
