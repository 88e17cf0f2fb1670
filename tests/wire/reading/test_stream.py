"""An answer is read to its last word, however it is cut, and its end is told from its breaking."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eighty80_jupyter.api.deltas import Delta, TextDelta
from eighty80_jupyter.errors import APIStreamError, ContextLengthError
from eighty80_jupyter.wire.reading.chunks import ChunkDecoder
from eighty80_jupyter.wire.reading.sse import MAX_EVENT_BYTES
from eighty80_jupyter.wire.reading.stream import MAX_JSON_BYTES, ReplyReader
from tests.support.reading import ENDPOINT, KEY, read, reply_to, snapshot, stream_of
from tests.support.replies import chunk, encode_event, text_chunks, tool_call, tool_chunks
from tests.wire.cuts import ANY_CUT, at_places, cuts, in_two, single

BOM = b"\xef\xbb\xbf"
TEXT = "Grüße, 世界 😀!"
STOP = chunk(finish_reason="stop")
WHOLE = {
    "id": "1",
    "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"content": TEXT}}],
}


def failure_of(*pieces: bytes) -> tuple[str, str]:
    """Read an answer that fails; return what came before as text, and the error's text."""
    deltas, reader = read(pieces)
    assert isinstance(reader.failure, APIStreamError)
    text = str(reader.failure)
    assert text.startswith("127.0.0.1:1 ")
    assert "\n" not in text
    assert len(text) < 400
    return snapshot(deltas).text, text


# Any cut.

EVENTS = st.lists(
    st.one_of(
        st.text(max_size=4).map(lambda text: chunk({"content": text})),
        st.text(max_size=4).map(lambda text: chunk({"content": text}, index=1)),
        st.text(max_size=4).map(lambda text: chunk({"reasoning": text})),
        st.sampled_from(
            [
                STOP,
                chunk(finish_reason="length", index=1),
                chunk(usage={"total_tokens": 5}),
                *tool_chunks(tool_call("f", {"a": "é"})),
                b": ping\n\n",
                b"event: ping\ndata: {}\n\n",
                b"data:\n\n",
                b'data: {"choices": [\ndata: {"delta": {"content": "two lines"}}]}\r\n\r\n',
                b"data: \xff\xfe\n\n",
                b'data: {"choices": [{"delta": {"content": "\xff"}}]}\n\n',
                b'data: {"choices": [{"delta": {"content": "\\ud83d"}}]}\n\n',
                b'event: error\ndata: {"message": "no"}\n\n',
                b"data: [DONE]\n\n",
                b'data: {"error": null, "choices": []}\n\n',
            ]
        ),
    ),
    max_size=12,
)


def outcome(deltas: list[Delta], reader: ReplyReader) -> tuple[Any, ...]:
    """Return all that a reading tells."""
    return deltas, reader.done, reader.finished, str(reader.failure), type(reader.failure)


@ANY_CUT
@given(data=st.data(), events=EVENTS, broken=st.booleans(), bom=st.sampled_from([b"", BOM]))
def test_any_cut_gives_the_same_deltas(
    data: st.DataObject,
    events: list[Any],
    broken: bool,  # noqa: FBT001  # drawn
    bom: bytes,
) -> None:
    """Deltas, end and failure are those of the uncut stream, whatever comes in it."""
    stream = bom + stream_of(events, done=False)
    expected = outcome(*read([stream], broken=broken, choices=2))
    assert outcome(*read(data.draw(cuts(stream)), broken=broken, choices=2)) == expected


@ANY_CUT
@given(data=st.data(), indent=st.sampled_from([None, 1]), bom=st.sampled_from([b"", BOM, b" \r\n"]))
def test_any_cut_of_a_whole_answer_gives_the_same_reply(
    data: st.DataObject, indent: int | None, bom: bytes
) -> None:
    """Plain JSON in answer to a streamed request is read as a whole, also behind a BOM."""
    answer = bom + json.dumps(WHOLE, indent=indent, ensure_ascii=False).encode()
    deltas, reader = read(data.draw(cuts(answer)))
    assert (snapshot(deltas).text, reader.failure, reader.finished) == (TEXT, None, True)


@ANY_CUT
@given(texts=st.lists(st.text(max_size=5), max_size=20), ascii_only=st.booleans())
def test_the_short_cut_changes_nothing(texts: list[str], ascii_only: bool) -> None:  # noqa: FBT001  # drawn
    """Chunks that differ in their text only give the texts that they hold, whatever those are."""
    chunks = [json.dumps(chunk({"content": text}), ensure_ascii=ascii_only) for text in texts]
    deltas, _ = read([stream_of(chunks)])
    assert "".join(delta.text for delta in deltas if isinstance(delta, TextDelta)) == "".join(texts)


@pytest.mark.parametrize("text", ["word ", "s", "sk", "a < b", "`x`", "\u00e9\U0001f600"])
def test_the_short_cut_is_taken_for_nearly_every_chunk(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """After two chunks, the first of which tells the model, only the last is decoded in full."""
    decoded: list[Any] = []
    decode = ChunkDecoder.decode

    def counted(self: ChunkDecoder, one: Any, deltas: list[Delta]) -> bool:
        decoded.append(one)
        return decode(self, one, deltas)

    monkeypatch.setattr(ChunkDecoder, "decode", counted)
    reply = reply_to(*[chunk({"content": text})] * 500, STOP)
    assert (reply.text, len(decoded)) == (text * 500, 3)


def test_the_short_cut_is_not_taken_for_what_only_looks_alike() -> None:
    """A chunk with more between the same ends is decoded in full."""
    first = json.dumps(chunk({"content": "a"}))
    begin, end = first.split('"a"')
    alike = begin + '"b"}, "finish_reason": "length"}, {"index": 1, "delta": {"content": "c"' + end
    reply = reply_to(first, alike, begin + '"d"' + end, begin + "null" + end, STOP, choices=2)
    assert [choice.text for choice in reply.choices] == ["abd", "c"]


def test_the_short_cut_keeps_choices_apart() -> None:
    """However often the choices take turns, each text goes to its own."""
    turns = [0, 0, *[1, 2] * 40, 0, 0, 1, 1, 2, 2, 0]
    chunks = [chunk({"content": str(index)}, index=index) for index in turns]
    reply = reply_to(*chunks, choices=3)
    assert [choice.text for choice in reply.choices] == ["0" * 5, "1" * 42, "2" * 42]


def test_texts_that_look_like_json_are_texts() -> None:
    """Quotes, braces and the names of fields in a text stay text."""
    texts = ['"', '\\"', '","content":"x', '{"content":"y"}', "\\", "\u2028", "data: [DONE]", "\0"]
    assert reply_to(*(chunk({"content": text}) for text in texts), STOP).text == "".join(texts)


# How an answer ends.


def test_a_stream_may_end_without_the_marker() -> None:
    """Where every choice has told its reason, nothing is missing."""
    assert reply_to(*text_chunks(TEXT), done=False).text == TEXT


def test_a_stream_may_end_without_a_reason() -> None:
    """The end marker ends a reply too."""
    assert reply_to(chunk({"content": TEXT})).text == TEXT


def test_a_stream_that_stops_in_the_middle_is_not_whole() -> None:
    """Without marker and reason the reply is told to be cut, and what came is there."""
    text, error = failure_of(stream_of([chunk({"content": TEXT})], done=False))
    assert text == TEXT
    assert "ended the reply before it was complete" in error


def test_an_open_choice_is_not_whole() -> None:
    """One of two choices that has not ended is missed."""
    chunks = [chunk({"content": "a"}), chunk({"content": "b"}, index=1), STOP]
    deltas, reader = read([stream_of(chunks, done=False)], choices=2)
    assert reader.failure is not None
    assert [choice.text for choice in snapshot(deltas).choices] == ["a", "b"]


def test_a_choice_that_never_began_is_missed_where_the_connection_breaks() -> None:
    """Of two choices that were asked for, one is not all; a server that gives one may end so."""
    stream = [stream_of(text_chunks("a"), done=False)]
    assert not read(stream, choices=2, broken=True)[1].finished
    assert read(stream, choices=1, broken=True)[1].finished
    assert read(stream, choices=2)[1].failure is None


def test_nothing_counts_after_the_marker() -> None:
    """What follows the end marker is passed over."""
    stream = stream_of([chunk({"content": "a"})]) + encode_event(chunk({"content": "b"})) + b"x"
    for pieces in in_two(stream):
        deltas, reader = read(pieces)
        assert (snapshot(deltas).text, reader.done, reader.failure) == ("a", True, None)


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_the_last_blank_line_may_be_missing(end: bytes) -> None:
    """A last event that is whole counts, also where the connection broke behind it."""
    stream = stream_of(
        [chunk({"content": "a"}), chunk({"content": "b"}, finish_reason="stop")], done=False
    )
    for broken in (True, False):
        deltas, reader = read([stream.rstrip(b"\n") + end], broken=broken)
        assert (snapshot(deltas).text, reader.finished, reader.failure) == ("ab", True, None)


def test_a_last_event_that_is_cut_short_is_left_out() -> None:
    """Half an event is no error of its own, at every byte; all before it is kept."""
    last = encode_event(chunk({"content": "é"}))
    for begin, _ in in_two(last[:-3]):
        deltas, reader = read(
            [stream_of([chunk({"content": "a"})], done=False), begin], broken=True
        )
        assert (snapshot(deltas).text, reader.failure) == ("a", None)
        text, error = failure_of(stream_of([chunk({"content": "a"})], done=False), begin)
        assert (text, "before it was complete" in error) == ("a", True)


# What is wrong.


@pytest.mark.parametrize(
    "error",
    [
        b'data: {"error": {"message": "overloaded", "type": "server_error"}}\n\n',
        b'data: {"error": "overloaded"}\n\n',
        b'event: error\ndata: {"message": "overloaded"}\n\n',
        b'event: error\ndata: {"error": {"message": "overloaded"}}\n\n',
        b"event: error\ndata: overloaded\n\n",
        b'event: error\ndata: "overloaded"\n\n',
        b'data: {"detail": "x", "error": {"message": "overloaded"}, "choices": []}\n\n',
    ],
)
def test_an_error_inside_a_stream_is_raised_and_what_came_is_kept(error: bytes) -> None:
    """All ways to put an error into a 200 answer are known, also without the blank line."""
    for ending in (error, error.rstrip(b"\n"), error + stream_of([chunk({"content": "late"})])):
        text, told = failure_of(stream_of([chunk({"content": TEXT})], done=False) + ending)
        assert text == TEXT
        assert told == "127.0.0.1:1 broke the reply off: overloaded"


def test_an_error_in_plain_json_is_raised() -> None:
    """An error object with status 200 is an error, with its body on it."""
    body = {"error": {"message": "no", "code": "x"}}
    _, reader = read([json.dumps(body).encode()])
    assert isinstance(reader.failure, APIStreamError)
    assert reader.failure.body == body


def test_a_context_error_inside_a_stream_has_its_class() -> None:
    """A prompt that is too long is told as such, with the server's limit."""
    error = {"code": "context_length_exceeded", "message": "maximum context length is 1,024 tokens"}
    _, reader = read([stream_of([{"error": error}])])
    assert isinstance(reader.failure, ContextLengthError)
    assert reader.failure.limit == 1024


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"", "answered with nothing"),
        (b" \r\n\n ", "answered with nothing"),
        (BOM, "answered with nothing"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (BOM + b"\n <html>", "a web page"),
        (b"upstream connect error", "no reply: 'upstream connect error'"),
        (b": ping\n\n: ping\n\n", "no reply"),
        (b"\x1f\x8b\x08\x00", "no reply"),
        (b"data: {oops\n\n", "no JSON: '{oops'"),
        (b"data: {}\n\n", "no chat completion: expected choices"),
        (b"data: [1, 2]\n\n", "no chat completion: expected a JSON object, got list"),
        (b"data: 5\n\n", "no chat completion"),
        (b'data: {"choices": 7}\n\n', "no chat completion"),
        (b"{oops", "no JSON"),
        (b'{"choices": []}', "without choices"),
        (
            b'{"object": "list", "data": []}',
            "no chat completion: expected choices, got object, data",
        ),
        (b"[]", "no chat completion"),
        (b"{" + b'"a":{' * 5000, "no JSON"),
        (b"data: " + b"[" * 100_000 + b"\n\n", "no JSON"),
        (b" " * 70_000, "nothing but white space"),
    ],
)
def test_what_is_no_reply_is_told_in_one_line(answer: bytes, told: str) -> None:
    """Each kind of wrong answer has its own words, whether it comes at once or byte by byte."""
    assert told in failure_of(answer)[1]
    if len(answer) < 1000:
        assert told in failure_of(*single(answer))[1]


def test_what_came_before_something_wrong_is_kept() -> None:
    """Bad JSON inside a stream leaves what stands before it."""
    for wrong in (b"data: {oops\n\n", b'data: {"choices": [{"delta"\n\n', b'data: [{"\n\n'):
        text, _ = failure_of(stream_of([chunk({"content": TEXT})], done=False) + wrong)
        assert text == TEXT


def test_invalid_utf8_is_replaced() -> None:
    """Bytes that are no UTF-8 show as replacement characters, the rest as it is."""
    stream = (
        b'data: {"choices":[{"delta":{"content":"a\xffb\xe2\x82"},"finish_reason":"stop"}]}\n\n'
    )
    deltas, reader = read([stream])
    assert (snapshot(deltas).text, reader.failure) == ("a\ufffdb\ufffd", None)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("\\ud83d\\ude00", "😀"),
        ("a\\ud83d", "a\ufffd"),
        ("\\ude00b", "\ufffdb"),
        ("\\\\ud83d", "\\ud83d"),
    ],
)
def test_lone_surrogates_become_characters_that_can_be_shown(written: str, text: str) -> None:
    """Half an emoji, as some servers write it, is no text that any front end takes."""
    stream = (
        f'data: {{"choices":[{{"delta":{{"content":"{written}"}},"finish_reason":"stop"}}]}}\n\n'
    )
    deltas, reader = read([stream.encode()])
    assert (snapshot(deltas).text, reader.failure) == (text, None)


def test_numbers_that_json_does_not_know_do_no_harm() -> None:
    """NaN and infinities, as Python servers write them among the logprobs, are read."""
    logprobs = '{"content":[{"logprob":-Infinity}]}'
    choice = f'{{"delta":{{"content":"a"}},"logprobs":{logprobs},"finish_reason":"stop"}}'
    deltas, reader = read([f'data: {{"choices":[{choice}]}}\n\n'.encode()])
    assert (snapshot(deltas).text, reader.failure) == ("a", None)
    assert snapshot(deltas).choices[0].logprobs == ({"logprob": float("-inf")},)


def test_events_and_answers_that_are_too_large_are_given_up() -> None:
    """Beyond the bounds nothing more is kept, and what came before is."""
    begin = stream_of([chunk({"content": TEXT})], done=False)
    text, told = failure_of(begin, b"data: ", *[b"x" * 2**20] * 64)
    assert (text, told) == (
        TEXT,
        f"127.0.0.1:1 sent an event of more than {MAX_EVENT_BYTES:,} bytes",
    )
    told = failure_of(b"{", *[b" " * 2**20] * 65)[1]
    assert told == f"127.0.0.1:1 sent a reply of more than {MAX_JSON_BYTES:,} bytes"


def test_a_large_event_within_the_bound_is_read() -> None:
    """An event of some megabytes is nothing special."""
    text = "x" * (MAX_EVENT_BYTES - 1000)
    stream = stream_of([chunk({"content": text}, finish_reason="stop")], done=False)
    deltas, reader = read(at_places(stream, list(range(2**16, len(stream), 2**16))))
    assert (snapshot(deltas).text == text, reader.failure) == (True, None)


def test_an_echoed_key_is_cut_out_of_every_message() -> None:
    """Whatever a server echoes, the key is in no error's text or body."""
    escaped = KEY.replace("-", "\\u002d")
    for answer in (
        stream_of([{"error": {"message": f"bad key {KEY}", KEY: KEY}}]),
        f'data: {{"error": {{"message": "bad key {escaped}"}}}}\n\n'.encode(),
        f"event: error\ndata: bad key {KEY}\n\n".encode(),
        f"data: {{{KEY}\n\n".encode(),
        f'data: {{"{KEY}": 1}}\n\n'.encode(),
        f"bad key {KEY}".encode(),
        f'{{"{KEY}": 1}}'.encode(),
    ):
        _, reader = read([answer])
        assert isinstance(reader.failure, APIStreamError)
        assert KEY not in f"{reader.failure} {reader.failure!r} {reader.failure.body}"
        assert "[redacted" in str(reader.failure)


def test_whether_anything_has_come_is_known() -> None:
    """A reader tells whether a reply has begun, which decides about another attempt."""
    reader = ReplyReader(ENDPOINT)
    assert not reader.started
    reader.feed(b"d")
    assert reader.started
