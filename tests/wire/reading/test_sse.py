"""Server-sent events are read as the specification says, however the bytes are cut."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eighty80_jupyter.wire.reading.sse import MAX_EVENT_BYTES, Decoder, Event
from tests.wire.cuts import ANY_CUT, cuts, in_two

BOM = b"\xef\xbb\xbf"


def decode(*pieces: bytes, limit: int = MAX_EVENT_BYTES) -> list[Event]:
    """Decode a stream that ends as the specification wants it: what is unfinished is dropped."""
    decoder = Decoder(limit=limit)
    return [event for piece in pieces for event in decoder.decode(piece)]


# The examples of section 9.2.6.


def test_the_stock_ticker_of_the_specification() -> None:
    """Several data lines make one event, joined by line feeds."""
    assert decode(b"data: YHOO\ndata: +2\ndata: 10\n\n") == [(b"YHOO\n+2\n10", "message")]


def test_the_four_blocks_of_the_specification() -> None:
    """A comment fires nothing, an id says nothing here, and only one space is taken off."""
    stream = (
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event"
    )
    assert decode(stream) == [(b"first event", "message"), (b"second event", "message")]
    assert decode(stream, b"\n\n")[-1] == (b" third event", "message")


def test_the_empty_data_of_the_specification() -> None:
    """An empty data line is data: one event with none, one with a line feed, one unfinished."""
    assert decode(b"data\n\ndata\ndata\n\ndata:") == [(b"", "message"), (b"\n", "message")]


def test_the_space_of_the_specification() -> None:
    """With and without a space after the colon, the events are the same."""
    assert decode(b"data:test\n\ndata: test\n\n") == [(b"test", "message")] * 2


def test_the_event_types_of_the_specification() -> None:
    """The type goes with the next event only, and is forgotten where that has no data."""
    stream = b"event: add\ndata: 1\n\ndata: 2\n\nevent: lost\n\ndata: 3\n\nevent\ndata: 4\n\n"
    assert decode(stream) == [
        (b"1", "add"),
        (b"2", "message"),
        (b"3", "message"),
        (b"4", "message"),
    ]


# What else the specification says.


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_each_line_end_ends_a_line(end: bytes) -> None:
    """LF, CR and CRLF are the same, also where the stream is cut inside a CRLF."""
    stream = end.join([b"data: a", b"data: b", b"", b"data: c", b"", b""])
    for pieces in in_two(stream):
        assert decode(*pieces) == [(b"a\nb", "message"), (b"c", "message")]


def test_other_line_breaks_are_text() -> None:
    """What Unicode calls a line break does not end a line."""
    text = "a\u2028b\u0085c\x0bd\x0ce\x1cf"
    assert decode(f"data: {text}\n\n".encode()) == [(text.encode(), "message")]


def test_a_byte_order_mark_is_left_out_at_the_start_only() -> None:
    """One BOM at the very start is none of the data, also when it is cut; any other is."""
    stream = BOM + b"data: a\n\n" + BOM + b"data: b\n\ndata: " + BOM + b"\n\n"
    for pieces in in_two(stream):
        assert decode(*pieces) == [(b"a", "message"), (BOM, "message")]


def test_unknown_fields_are_passed_over() -> None:
    """Fields without a meaning change nothing, and names must match exactly."""
    stream = b"retry: 10\nDATA: no\n data: no\ndatax: no\n:data: no\ndata: yes\nid: \0\n\n"
    assert decode(stream) == [(b"yes", "message")]


def test_flush_gives_the_event_without_its_blank_line() -> None:
    """What a server left unfinished at the end is there for whoever wants it, once."""
    for stream in (b"data: a\n\ndata: b", b"data: a\n\ndata: b\n"):
        decoder = Decoder()
        assert decoder.decode(stream) == [(b"a", "message")]
        assert decoder.flush() == [(b"b", "message")]
        assert decoder.flush() == []
    assert Decoder().flush() == []


# Any cut.

FIELDS = st.sampled_from(
    [b"data: ", b"data:", b"data", b"event: ", b"event:error", b"id: 7", b": ping", b"", b"x: y"]
)
VALUES = st.sampled_from([b"", b"[DONE]", b'{"a": 1}', "é€😀".encode(), b"a:b", b"\xff\xfe", BOM])
LINES = st.lists(st.tuples(FIELDS, VALUES, st.sampled_from([b"\n", b"\r", b"\r\n"])), max_size=12)
STREAMS = st.tuples(st.sampled_from([b"", BOM]), LINES).map(
    lambda drawn: drawn[0] + b"".join(field + value + end for field, value, end in drawn[1])
)


@ANY_CUT
@given(data=st.data(), stream=STREAMS)
def test_any_cut_gives_the_same_events(data: st.DataObject, stream: bytes) -> None:
    """Where the bytes are cut changes nothing, at the end of the stream neither."""
    whole, cut = Decoder(), Decoder()
    expected = whole.decode(stream)
    pieces = data.draw(cuts(stream))
    assert [event for piece in pieces for event in cut.decode(piece)] == expected
    assert cut.flush() == whole.flush()


@ANY_CUT
@given(data=st.data(), stream=STREAMS, limit=st.integers(4, 20))  # a BOM fits
def test_any_cut_overflows_at_the_same_event(
    data: st.DataObject, stream: bytes, limit: int
) -> None:
    """What comes before an event that is too large is kept, whatever the cut."""
    whole, cut = Decoder(limit=limit), Decoder(limit=limit)
    expected = whole.decode(stream)
    pieces = data.draw(cuts(stream))
    assert [event for piece in pieces for event in cut.decode(piece)] == expected
    assert cut.overflow == whole.overflow


@ANY_CUT
@given(
    texts=st.lists(st.text(alphabet=st.characters(exclude_characters="\r\n")), max_size=6),
    end=st.sampled_from(["\n", "\r", "\r\n"]),
)
def test_what_is_encoded_is_decoded(texts: list[str], end: str) -> None:
    """Any text comes back as the data of its event."""
    stream = "".join(f"data: {text}{end}{end}" for text in texts).encode("utf-8", "surrogatepass")
    expected = [(text.encode("utf-8", "surrogatepass"), "message") for text in texts]
    assert decode(stream) == expected


# Bounds.


@pytest.mark.parametrize("begin", [b"data: ", b": ", b""])
def test_a_flood_without_a_line_end_is_bounded(begin: bytes) -> None:
    """64 MB of one line take no more memory than the limit, and little time."""
    decoder = Decoder()
    piece = b"x" * 2**16
    tracemalloc.start()
    start = time.process_time()
    try:
        events = decoder.decode(begin)
        for _ in range(1024):
            events += decoder.decode(piece)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (events, decoder.overflow) == ([], True)
    assert peak < 1.2 * MAX_EVENT_BYTES
    assert time.process_time() - start < 60


def test_many_lines_of_one_event_are_bounded() -> None:
    """An event that never ends is given up too, where its lines do end."""
    decoder = Decoder(limit=1000)
    for _ in range(100):
        assert decoder.decode(b"data: " + b"x" * 30 + b"\n") == []
    assert decoder.overflow
    assert decoder.decode(b"\n\ndata: a\n\n") == []


def test_the_time_grows_with_the_bytes_only() -> None:
    """A large event that comes in small pieces is not read again with each of them."""

    def seconds(size: int) -> float:
        decoder, piece = Decoder(), b"data: " + b"x" * 100 + b"\n"
        start = time.process_time()
        for _ in range(size // len(piece)):
            decoder.decode(piece)
        assert len(decoder.decode(b"\n")) == 1
        return time.process_time() - start

    seconds(2**20)
    assert seconds(2**23) < 8 * 6 * max(seconds(2**20), 0.001)
