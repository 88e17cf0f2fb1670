"""Events are found however a server frames them, and however the bytes are cut."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eighty80_jupyter.wire.reading.stream import ReplyReader
from tests.support.reading import ENDPOINT, read, snapshot
from tests.support.replies import chunk, split_text, text_chunks
from tests.wire.cuts import ANY_CUT, cuts, single

TEXT = "Four and four."
CHUNKS = text_chunks(TEXT, n=4)
LINES = [json.dumps(one) for one in CHUNKS]
WHOLE = {"choices": [{"message": {"content": TEXT}, "finish_reason": "stop"}], "model": "m"}


def framed(begin: str, end: str, *, last: str = "data: [DONE]\n\n") -> bytes:
    """Write each chunk on a line of its own."""
    return ("".join(begin + line + end for line in LINES) + last).encode()


FRAMES: dict[str, bytes] = {
    "standard": framed("data: ", "\n\n"),
    "carriage returns": framed("data: ", "\r\n\r\n", last="data: [DONE]\r\n\r\n"),
    "no spaces": framed("data:", "\n\n", last="data:[DONE]\n\n"),
    "one line end": framed("data: ", "\n"),
    "one line end, no spaces": framed("data:", "\r\n", last="data:[DONE]\r\n"),
    "one line end, no marker": framed("data: ", "\n", last=""),
    "one line end, with types": framed("event: message\ndata: ", "\n"),
    "one line end, with ids": framed("id: 1\ndata: ", "\n"),
    "newline-delimited": framed("", "\n", last=""),
    "newline-delimited, carriage returns": framed("", "\r\n", last=""),
    "newline-delimited, no last line end": framed("", "\n", last="").rstrip(),
    "newline-delimited, blank lines": framed("", "\n\n", last=""),
    "newline-delimited, a marker": framed("", "\n", last="[DONE]\n"),
    "newline-delimited, a marker as data": framed("", "\n"),
    "nothing between": framed("", "", last=""),
    "data twice": framed("data: data: ", "\n\n", last="data: data: [DONE]\n\n"),
    "data thrice": framed("data: data:data: ", "\n\n"),
    "first line bare": (LINES[0] + "\n" + "".join(f"data: {x}\n\n" for x in LINES[1:])).encode(),
    "pretty data": "".join(
        "".join(f"data: {x}\n" for x in json.dumps(one, indent=1).split("\n")) + "\n"
        for one in CHUNKS
    ).encode(),
    "no data between lines": framed("data: ping\ndata: ", "\n\n"),
    "types of another kind": framed("event: chunk\ndata: ", "\n\n"),
    "comments between": framed(": x\ndata: ", "\n: y\n\n"),
    "a JSON sequence": framed("\x1e", "\n", last=""),
    "events without line ends": framed("data: ", "", last="data: [DONE]"),
    "texts that hold the JSON": "".join(f"data: {json.dumps(x)}\n\n" for x in LINES).encode(),
    "a document in a gateway's own": json.dumps({"code": 0, "data": WHOLE}).encode(),
    "chunks in a gateway's own": "".join(
        f"data: {json.dumps({'result': one, 'success': True, 'errors': []})}\n\n" for one in CHUNKS
    ).encode(),
    "choices by their numbers": "".join(
        f"data: {json.dumps({**one, 'choices': dict(enumerate(one['choices']))})}\n\n"
        for one in CHUNKS
    ).encode(),
    "a document": json.dumps(WHOLE).encode(),
    "a document on a line": json.dumps(WHOLE).encode() + b"\n",
    "a pretty document": json.dumps(WHOLE, indent=2).encode() + b"\n",
    "a document in a list": json.dumps([WHOLE]).encode(),
    "a document as an event": b"data: " + json.dumps(WHOLE).encode() + b"\n\n",
    "a document without a reason": (
        json.dumps({"choices": [{"message": {"content": TEXT}}]}).encode() + b"\n"
    ),
    "chunks in a list": json.dumps(CHUNKS).encode(),
    "chunks in an event": b"data: " + json.dumps(CHUNKS).encode() + b"\n\n",
}


@pytest.mark.parametrize("frame", FRAMES)
def test_every_framing_is_read(frame: str) -> None:
    """The text is whole, in order, once, and the reply has ended; at once and byte by byte."""
    for pieces in ([FRAMES[frame]], single(FRAMES[frame])):
        deltas, reader = read(pieces)
        assert (snapshot(deltas).text, reader.failure, reader.finished) == (TEXT, None, True)


@ANY_CUT
@given(data=st.data(), frame=st.sampled_from(sorted(FRAMES)), broken=st.booleans())
def test_any_cut_of_any_framing_gives_the_same(
    data: st.DataObject,
    frame: str,
    broken: bool,  # noqa: FBT001  # drawn
) -> None:
    """Deltas, end and failure do not depend on where the bytes are cut."""

    def outcome(pieces: list[bytes]) -> tuple[Any, ...]:
        deltas, reader = read(pieces, broken=broken)
        return deltas, reader.done, reader.finished, str(reader.failure), reader.skipped

    stream = FRAMES[frame][: data.draw(st.integers(0, len(FRAMES[frame])))]
    assert outcome(data.draw(cuts(stream))) == outcome([stream])


@pytest.mark.parametrize(
    ("frame", "pieces"), [("one line end", 1), ("newline-delimited", 2), ("standard", 2)]
)
def test_text_comes_while_it_is_sent(frame: str, pieces: int) -> None:
    """At most the last line waits for the next one: a reply shows while it is written."""
    stream = FRAMES[frame]
    deltas = ReplyReader(ENDPOINT).feed(stream[: stream.index(LINES[3].encode())])
    assert snapshot(deltas).text == "".join(split_text(TEXT, 4)[:pieces])


def test_an_error_as_a_bare_line_behind_events_is_found() -> None:
    """What a gateway writes behind the events is no comment."""
    begun = b"".join(f"data: {line}\n\n".encode() for line in LINES[:3])
    for error in ('{"error": {"message": "gone"}}', '{\n "error": {\n  "message": "gone"\n }\n}'):
        for end in ("", "\n", "\n\n"):
            deltas, reader = read([begun + error.encode() + end.encode()])
            assert "gone" in str(reader.failure)
            assert snapshot(deltas).text == TEXT[: 2 * len(TEXT) // 4]


def test_controls_as_they_are_in_a_text_are_read() -> None:
    """JSON wants them escaped, and some servers write them raw."""
    deltas, reader = read(
        [b'data: {"choices": [{"delta": {"content": "a\tb\x01"}}]}\n\ndata: [DONE]\n\n']
    )
    assert (snapshot(deltas).text, reader.failure) == ("a\tb\x01", None)


def test_the_type_of_an_event_is_its_own() -> None:
    """An error that follows with one line end does not make the text before it one."""
    stream = f'data: {LINES[1]}\nevent: error\ndata: {{"message": "gone"}}\n\n'
    deltas, reader = read([stream.encode()])
    assert snapshot(deltas).text == TEXT[: len(TEXT) // 4]
    assert "gone" in str(reader.failure)


def test_a_last_event_with_half_a_character_counts() -> None:
    """A last event that lacks its blank line is read as every other one is."""
    last = json.dumps(chunk({"content": "a\ud83d"}, finish_reason="stop"))
    for broken in (True, False):
        deltas, reader = read([f"data: {last}".encode()], broken=broken)
        assert (snapshot(deltas).text, reader.failure) == ("a\ufffd", None)
