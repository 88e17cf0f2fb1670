"""What is no piece of a reply is passed over; what says that it is an error is one."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from eighty80_jupyter.errors import APIStreamError
from tests.support.reading import KEY, read, snapshot, stream_of
from tests.support.replies import chunk, text_chunks

TEXT = "Four."
STOP = chunk(finish_reason="stop")
UNKNOWN: list[Any] = [
    {"citations": ["http://a"]},
    {},
    {"type": "ping"},
    {"object": "chat.completion.chunk", "model": "m"},
    {"choices": None, "usage": None},
    {"choices": None},
    {"choices": "none"},
    {"choices": {}},
    {"choices": [None, 5]},
    {"prompt_filter_results": [], "choices": []},
    {"progress": 0.5},
    {"id": "x", "timings": {"predicted_ms": 5}},
    {"error": None},
    {"error": {}, "detail": None},
    {"error": {"message": None, "code": ""}},
    {"code": 0, "message": "ok"},
    {"code": "200", "msg": "success"},
    {"message": "thinking..."},
    {"status": "ok", "message": "x"},
    {"base_resp": {"status_code": 0, "status_msg": ""}},
    # Stages, and codes that say that all is well.
    {"status": "queued", "message": "position 3"},
    {"status": "in_progress", "message": "wait", "code": "PROCESSING"},
    {"status": 102, "message": "processing"},
    {"type": "status", "status": "loading model", "message": "loading"},
    {"status": "started", "detail": "searching"},
    {"code": "0000", "message": "ok"},
    {"code": 20000, "message": "success"},
    {"error_code": 0, "error_msg": "success"},
    {"error": {"code": 200, "message": "success"}},
    {"response": {"status": "in_progress", "error": None}},
    None,
    True,
    5,
    "text",
    [],
    [5],
]
EMPTY = chunk({"tool_calls": [None]})
NO_JSON = ["ping", "hello world", "oops}", "<html>", "[1, 2", "event", "undefined", "(ping)", "OK."]


@pytest.mark.parametrize("frame", [*map(json.dumps, [*UNKNOWN, EMPTY]), *NO_JSON])
def test_what_is_not_understood_is_passed_over(frame: str) -> None:
    """Before, within and after a reply, a frame that is no piece of it changes nothing."""
    text: list[Any] = text_chunks(TEXT)
    for events in ([frame, *text], [*text[:2], frame, *text[2:]], [*text, frame]):
        deltas, reader = read([stream_of(events)])
        assert reader.failure is None
        assert (snapshot(deltas).text, snapshot(deltas).finish_reason) == (TEXT, "stop")
        assert snapshot(deltas).choices[0].tool_calls == ()
        deltas, reader = read([stream_of(events, done=False)])
        assert (snapshot(deltas).text, reader.failure) == (TEXT, None)


def test_what_is_passed_over_is_counted_and_named(caplog: pytest.LogCaptureFixture) -> None:
    """A log at the level of debugging tells the names of the fields, and no key."""
    with caplog.at_level(logging.DEBUG, "eighty80_jupyter"):
        _, reader = read([stream_of([*text_chunks(TEXT), {"citations": [], KEY: 1}, "ping"])])
    assert reader.skipped == 2
    assert "citations" in caplog.text
    assert "ping" in caplog.text
    assert KEY not in caplog.text


@pytest.mark.parametrize(
    "frame",
    [
        "{oops",
        '{"id": "x", "choices": [{"delta": {"con',
        '{"choices',
        "{",
        '{ "a": nope}',
        '{"a": 1',
    ],
)
def test_broken_json_that_begins_like_a_reply_is_an_error(frame: str) -> None:
    """A piece of the reply is missing, so that it is not whole; what came is kept."""
    deltas, reader = read([stream_of([chunk({"content": TEXT}), frame, STOP])])
    assert isinstance(reader.failure, APIStreamError)
    assert "no JSON" in str(reader.failure)
    assert snapshot(deltas).text == TEXT


@pytest.mark.parametrize("frame", [*map(json.dumps, UNKNOWN), *NO_JSON])
@pytest.mark.parametrize("done", [True, False])
def test_a_stream_without_anything_that_can_be_used_is_an_error(frame: str, *, done: bool) -> None:
    """Where nothing else came, the line tells what did."""
    deltas, reader = read([stream_of([frame, frame], done=done)])
    assert isinstance(reader.failure, APIStreamError)
    assert snapshot(deltas).empty
    assert "\n" not in str(reader.failure)


def test_the_words_of_a_stream_that_brought_nothing_are_told() -> None:
    """What a server said in a form that is not known is not lost."""
    _, reader = read([stream_of([{"message": "the model is loading"}])])
    assert "the model is loading" in str(reader.failure)


@pytest.mark.parametrize(
    "error",
    [
        {"error": {"message": "overloaded"}},
        {"error": "overloaded"},
        {"error": {"message": "overloaded"}, "choices": []},
        {"object": "error", "message": "overloaded"},
        {"type": "error", "message": "overloaded"},
        {"code": 503, "message": "overloaded"},
        {"error_code": 5, "error_msg": "overloaded"},
        {"detail": "overloaded"},
        {"errors": [{"message": "overloaded"}]},
        {"data": {"error": {"message": "overloaded"}}},
        {"status": "failed", "reason": "overloaded"},
        {"status": "completed_with_errors", "message": "overloaded"},
        {"code": "WorkerOverloaded", "message": "overloaded"},
    ],
)
def test_what_says_that_it_is_an_error_is_one(error: dict[str, Any]) -> None:
    """In a stream, behind it as a bare line, and as the whole answer."""
    begun = stream_of([chunk({"content": TEXT})], done=False)
    for answer, text in (
        (begun + stream_of([error]), TEXT),
        (begun + json.dumps(error).encode(), TEXT),
        (begun + json.dumps(error, indent=1).encode() + b"\n", TEXT),
        (json.dumps(error).encode(), ""),
    ):
        deltas, reader = read([answer])
        assert reader.failure is not None
        assert "overloaded" in str(reader.failure)
        assert snapshot(deltas).text == text


@pytest.mark.parametrize(
    "choice",
    [
        {
            "delta": {},
            "error": {"code": 502, "message": "upstream failed"},
            "finish_reason": "error",
        },
        {"delta": {"content": ""}, "error": {"code": 502, "message": "upstream failed"}},
        {"error": "upstream failed", "finish_reason": None},
        {
            "delta": {"content": "x"},
            "error": {"message": "upstream failed"},
            "finish_reason": "stop",
        },
    ],
)
def test_a_failure_inside_a_choice_is_an_error(choice: dict[str, Any]) -> None:
    """Its message is told, with the partial reply; so it is in a whole completion."""
    deltas, reader = read([stream_of([chunk({"content": TEXT}), {"choices": [choice]}])])
    assert isinstance(reader.failure, APIStreamError)
    assert "upstream failed" in str(reader.failure)
    assert snapshot(deltas).text == TEXT + (choice.get("delta") or {}).get("content", "")
    whole = {"message": {"role": "assistant", "content": TEXT}, **choice}
    whole.pop("delta", None)
    deltas, reader = read([json.dumps({"choices": [whole]}).encode()])
    assert "upstream failed" in str(reader.failure)
    assert snapshot(deltas).text == TEXT


def test_a_failure_inside_a_delta_or_a_message_is_an_error() -> None:
    """It may stand one object deeper, too."""
    inner = {"content": "x", "error": {"message": "upstream failed"}}
    deltas, reader = read([stream_of([{"choices": [{"delta": inner}]}])])
    assert "upstream failed" in str(reader.failure)
    assert snapshot(deltas).text == "x"
    _, reader = read([json.dumps({"choices": [{"message": inner}]}).encode()])
    assert "upstream failed" in str(reader.failure)


def test_a_choice_that_ends_in_an_error_without_words_is_one() -> None:
    """The reason `error` alone is enough."""
    _, reader = read([stream_of([chunk({"content": TEXT}), chunk(finish_reason="error")])])
    assert isinstance(reader.failure, APIStreamError)


@pytest.mark.parametrize(
    "words", ["Error: upstream died", "[ERROR] upstream died", "upstream died"]
)
def test_the_last_words_of_a_reply_that_is_cut_are_told(words: str) -> None:
    """What is no JSON, and came last, may be why the reply is not whole."""
    begun = stream_of([chunk({"content": TEXT})], done=False)
    deltas, reader = read([begun + f"data: {words}\n\n".encode()])
    assert "upstream died" in str(reader.failure)
    assert snapshot(deltas).text == TEXT
    deltas, reader = read([begun + f"data: {words}\n\n".encode() + stream_of([STOP])])
    assert (snapshot(deltas).text, reader.failure) == (TEXT, None)


def test_nothing_but_the_end_marker_is_an_empty_reply() -> None:
    """A server that has nothing to say has said so."""
    deltas, reader = read([stream_of([])])
    assert (snapshot(deltas).empty, reader.failure) == (True, None)
