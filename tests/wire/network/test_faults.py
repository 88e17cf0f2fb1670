"""Whatever a server does to a reply: what came is kept and marked, nothing is left over."""

from __future__ import annotations

import gzip
import zlib

import pytest

from eighty80_jupyter.errors import (
    APIConnectionError,
    APIError,
    APIStreamError,
    ServerError,
)
from eighty80_jupyter.session.session import Session
from tests.support.scripted import (
    Close,
    Event,
    Hang,
    Reply,
    Reset,
    ScriptedServer,
    Wait,
    chat_reply,
    chunk,
    encode_event,
    http_reply,
    sse_reply,
    text_chunks,
)
from tests.wire.asking import assert_works
from tests.wire.network.breaking import (
    CHUNKS,
    SHORT,
    STREAM_HEAD,
    TEXT,
    body_in,
    fails,
    http_chunk,
    is_whole,
    raw,
    text_in,
)

# Every position of a stream.


@pytest.mark.slow
@pytest.mark.parametrize("end", [Reset(), Close()], ids=["reset", "closed"])
def test_a_stream_may_break_at_every_byte(
    session: Session, server: ScriptedServer, end: Reset | Close
) -> None:
    """Headers, chunk sizes, events, characters: wherever it breaks, all whole events are kept."""
    whole = raw(sse_reply(SHORT))
    begun = whole.index(b"\r\n\r\n") + 4
    seen = set()
    for place in range(len(whole)):
        received = whole[:place]
        text = text_in(received)
        if is_whole(received):
            server.queue(Reply((received, end)))
            assert session.ask("Hi").text == TEXT
            continue
        error = fails(session, server, Reply((received, end)), text=text)
        seen.add(type(error))
        if place < begun:
            assert isinstance(error, APIConnectionError)
            assert "before the reply" in str(error)
        if body_in(received):
            assert isinstance(error, APIStreamError)
            assert "inside the reply" in str(error) or "before it was complete" in str(error)
    assert seen == {APIConnectionError, APIStreamError}
    assert_works(session, server)


@pytest.mark.slow
def test_a_whole_answer_may_break_at_every_byte(session: Session, server: ScriptedServer) -> None:
    """Of a reply that is not streamed nothing can be kept, and nothing is pretended."""
    whole = raw(chat_reply(TEXT))
    for place in range(0, len(whole), 3):
        fails(session, server, Reply((whole[:place], Close())))
    assert_works(session, server)


@pytest.mark.slow
def test_a_stream_without_framing_may_end_at_every_byte(
    session: Session, server: ScriptedServer
) -> None:
    """Where the end of the connection is the end of the body, half a reply is known too."""
    pieces = raw(sse_reply(CHUNKS, chunked=False))
    begun = pieces.index(b"\r\n\r\n") + 4
    for place in range(begun, len(pieces), 7):
        body = pieces[begun:place]
        events = [line for line in body.split(b"\n") if line.startswith(b"data: ")]
        framed = STREAM_HEAD + http_chunk(b"\n".join(events))
        reply = Reply((pieces[:place], Close()))
        if is_whole(framed):
            server.queue(reply)
            assert session.ask("Hi").text == TEXT
        else:
            fails(session, server, reply, text=text_in(framed))
    assert_works(session, server)


def test_a_trickle_of_single_bytes_is_read(session: Session, server: ScriptedServer) -> None:
    """One byte in each packet and each chunk makes the same reply."""
    server.queue(sse_reply(CHUNKS, cut=1))
    assert session.ask("Hi").text == TEXT
    whole = raw(sse_reply(CHUNKS))
    server.queue(Reply(tuple(whole[i : i + 1] for i in range(len(whole)))))
    assert session.ask("Hi").text == TEXT
    assert_works(session, server)


# Bad framing.


@pytest.mark.parametrize(
    "garbage", [b"ZZZ\r\n", b"-5\r\n", b"<html>", b"\0" * 40], ids=["z", "minus", "html", "nul"]
)
def test_garbage_between_chunks_is_an_error_and_not_a_wait(
    session: Session, server: ScriptedServer, garbage: bytes
) -> None:
    """A chunk size that is none ends the reply soon, though the connection stays open."""
    first = http_chunk(encode_event(chunk({"content": "Hel"})))
    reply = Reply((STREAM_HEAD, first, Wait(0.05), garbage, Hang()))
    error = fails(session, server, reply, text="Hel")
    assert isinstance(error, APIStreamError)
    assert_works(session, server)


def test_a_content_length_that_is_too_long(session: Session, server: ScriptedServer) -> None:
    """A body that ends before its promised length keeps what came, plain and streamed."""
    lie: dict[str, str | None] = {"content-length": "9999"}
    body = raw(sse_reply(CHUNKS[:-2], chunked=False, done=False)).partition(b"\r\n\r\n")[2]
    streamed = http_reply(body, headers=lie).then(Close())
    assert isinstance(fails(session, server, streamed, text=TEXT), APIStreamError)
    plain = http_reply(b'{"choices": [', headers=lie).then(Close())
    assert isinstance(fails(session, server, plain), APIStreamError)
    assert_works(session, server)


def test_a_content_length_that_is_too_short(session: Session, server: ScriptedServer) -> None:
    """A body longer than promised is an error, is asked for once, and spoils nothing after it."""
    body = raw(chat_reply(TEXT)).partition(b"\r\n\r\n")[2]
    fails(session, server, http_reply(body, headers={"content-length": "20"}))
    assert len(server.requests) == 1
    events = [encode_event(chunk({"content": part})) for part in ("Hel", "lo")]
    short: dict[str, str | None] = {"content-length": str(len(events[0]))}
    fails(session, server, http_reply(b"".join(events), headers=short), text="Hel")
    assert_works(session, server)


@pytest.mark.parametrize(
    "start",
    [
        b"\x15\x03\x01\x00\x02\x02\x16",
        b"<html>what</html>\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000 + b"\r\n\r\n",
    ],
)
def test_what_is_no_http_is_told(session: Session, server: ScriptedServer, start: bytes) -> None:
    """A server that speaks something else is an error in one line."""
    error = fails(session, server, Reply((start, Close())))
    assert isinstance(error, APIConnectionError)
    assert_works(session, server)


# Other bodies.


@pytest.mark.parametrize("status", [200, 502])
def test_a_web_page_is_not_a_reply(session: Session, server: ScriptedServer, status: int) -> None:
    """A proxy's page with status 200 or 502 says to look at address and proxy, or to try again."""
    page = b"<!DOCTYPE html><html><body>" + b"<p>x</p>" * 100 + b"</body></html>"
    reply = http_reply(page, status=status, headers={"content-type": "text/html"})
    error = fails(session, server, reply)
    if status == 200:
        assert isinstance(error, APIStreamError)
        assert "web page" in str(error)
    else:
        assert isinstance(error, ServerError)
    assert "<p>" not in str(error)
    assert_works(session, server)


@pytest.mark.parametrize(
    "event",
    [
        b"data: {oops\n\n",
        b'data: {"choices": [{"delta": {"content": "b\n\n',
        b'data: {"error": {"message": "no"}}\n\n',
        b'data: {"choices": [{"error": {"message": "no"}}]}\n\n',
    ],
)
def test_events_that_are_wrong_keep_what_came(
    session: Session, server: ScriptedServer, event: bytes
) -> None:
    """Invalid JSON and what says that it is an error end the reply, and its beginning is there."""
    events: list[Event] = [chunk({"content": TEXT}), event, Hang()]
    assert isinstance(fails(session, server, sse_reply(events), text=TEXT), APIStreamError)
    assert_works(session, server)


def test_invalid_utf8_does_not_end_a_reply(session: Session, server: ScriptedServer) -> None:
    """Bytes that are no text show as such, and the reply goes on."""
    event = b'data: {"choices":[{"delta":{"content":"a\xffb"}}]}\n\n'
    server.queue(sse_reply([event, *text_chunks("c")]))
    assert session.ask("Hi").text == "a\ufffdbc"
    assert_works(session, server)


@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)]
)
def test_compressed_answers_are_read(
    session: Session, server: ScriptedServer, encoding: str, pack: type
) -> None:
    """An encoding that nobody asked for is undone, streamed or not."""
    headers: dict[str, str | None] = {"content-encoding": encoding}
    for reply in (sse_reply(CHUNKS, chunked=False), chat_reply(TEXT)):
        packed = pack(raw(reply).partition(b"\r\n\r\n")[2])
        server.queue(http_reply(packed, headers=headers))
        assert session.ask("Hi").text == TEXT
    assert_works(session, server)


def test_damaged_compression_is_an_error(session: Session, server: ScriptedServer) -> None:
    """What is no gzip, and half of one, are errors."""
    packed = gzip.compress(raw(chat_reply(TEXT)).partition(b"\r\n\r\n")[2])
    for body in (b"no gzip at all", packed[:-20]):
        fails(session, server, http_reply(body, headers={"content-encoding": "gzip"}))
    assert_works(session, server)


def endless(session: Session, server: ScriptedServer, begin: bytes, *, text: str = "") -> APIError:
    """Ask a server that sends 80 MB of one event, line or object."""
    piece = http_chunk(b"x" * 2**20)
    begin = STREAM_HEAD + http_chunk(begin)
    return fails(session, server, Reply((begin, *[piece] * 80, b"0\r\n\r\n")), text=text)


def test_a_flood_is_given_up(session: Session, server: ScriptedServer) -> None:
    """80 MB in one event, or without a line end, are an error, and the server is told to stop."""
    begin = encode_event(chunk({"content": "Hel"}))
    for flood in (b"data: ", b": ", b""):
        error = endless(session, server, begin + flood, text="Hel")
        assert "more than 16,777,216 bytes" in str(error)
    assert "more than 67,108,864 bytes" in str(endless(session, server, b'{"a": "' + b"x" * 10))
    server.wait_disconnect(4)
    assert_works(session, server)


def test_a_framing_error_in_the_first_packet(session: Session, server: ScriptedServer) -> None:
    """What came in one packet with a framing error is kept, and the request is not sent again."""
    session.config.max_retries = 2
    first = http_chunk(encode_event(chunk({"content": "Hel"})))
    reply = Reply((STREAM_HEAD + first + b"ZZZ\r\n", Hang()))
    assert isinstance(fails(session, server, reply, text="Hel"), APIStreamError)
    assert len(server.requests) == 1
    assert_works(session, server)


def test_a_closed_session_is_used_again(session: Session, server: ScriptedServer) -> None:
    """Closing ends connections and thread, and the next request opens both."""
    for number in (1, 2, 3):
        assert_works(session, server)
        session.close()
        server.wait_open(0)
        assert (len(session.conversation), server.connections) == (number, number)
