"""Many chunks cost as many times what one costs, and no more memory than their text."""

from __future__ import annotations

import time
import tracemalloc

import pytest

from eighty80_jupyter.api.deltas import Snapshot
from eighty80_jupyter.wire.reading.stream import ReplyReader
from tests.support.reading import ENDPOINT, stream_of
from tests.support.replies import chunk, tool_call

TEXT = "".join(chr(ord("a") + i % 26) for i in range(4000))
PIECES = [TEXT[i : i + 4] for i in range(0, len(TEXT), 4)]
# A thousand events, sent again and again.
THOUSAND = stream_of([chunk({"content": piece}) for piece in PIECES], done=False)


def feed(state: Snapshot, reader: ReplyReader, thousands: int, events: bytes = THOUSAND) -> None:
    """Read some thousands of events into a snapshot, in pieces as a socket gives them."""
    for _ in range(thousands):
        for begin in range(0, len(events), 2**16):
            for delta in reader.feed(events[begin : begin + 2**16]):
                state.apply(delta)


@pytest.mark.slow
def test_memory_grows_with_the_text_only() -> None:
    """A quarter of a million chunks take at most four times their text and 1 MB, in all."""
    state, reader = Snapshot(), ReplyReader(ENDPOINT)
    tracemalloc.start()
    try:
        feed(state, reader, 250)
        text = state.to_reply(seconds=0.0, parameters={}).text
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert text == TEXT * 250
    print(f"peak {peak / 1e6:.1f} MB for {len(text) / 1e6:.1f} MB of text")
    assert peak < 4 * len(text) + 1e6


@pytest.mark.slow
def test_arguments_and_thoughts_grow_no_faster() -> None:
    """What is no text is kept in the same way."""
    call = tool_call("f", "abcd", id="x")
    both = stream_of(
        [chunk({"reasoning": "abcd", "tool_calls": [{**call, "index": 0}]})] * 1000, done=False
    )
    state, reader = Snapshot(), ReplyReader(ENDPOINT)
    tracemalloc.start()
    try:
        feed(state, reader, 20, both)
        choice = state.to_reply(seconds=0.0, parameters={}).choices[0]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert choice.reasoning == choice.tool_calls[0].arguments == "abcd" * 20_000
    assert peak < 3 * 160_000 + 2e6


@pytest.mark.slow
def test_the_time_of_a_chunk_stays_the_same() -> None:
    """The last chunks of half a million take no longer than the first."""
    state, reader = Snapshot(), ReplyReader(ENDPOINT)
    seconds = []
    for _ in range(10):
        start = time.process_time()
        feed(state, reader, 50)
        seconds.append(time.process_time() - start)
    print("µs a chunk: " + " ".join(f"{s * 20:.2f}" for s in seconds))
    assert min(seconds[5:]) < 3 * min(seconds[:5])
    assert len(state.to_reply(seconds=0.0, parameters={}).text) == len(TEXT) * 500
