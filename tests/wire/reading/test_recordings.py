"""What a real server was recorded to answer is read as what it holds."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eighty80_jupyter.api.reply import Usage
from eighty80_jupyter.errors import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ContextLengthError,
    NotFoundError,
    ServerError,
)
from eighty80_jupyter.wire import status_errors
from tests.support.reading import read, reply_to_json, snapshot
from tests.wire.cuts import ANY_CUT, cuts

FOLDER = Path(__file__).parents[2] / "data" / "recordings"
CLASSES = {400: BadRequestError, 401: AuthenticationError, 404: NotFoundError, 500: ServerError}
LINE_ENDS = {"LF": "\n", "CRLF": "\r\n", "CR": "\r"}


@cache
def records() -> list[dict[str, Any]]:
    """Return all recordings, each named after its file and its case."""
    found = []
    for file in sorted(FOLDER.glob("*.jsonl")):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines()):
            record = json.loads(line)
            found.append({**record, "name": f"{file.stem}-{number}-{record['case']}"})
    return found


def named(records: list[dict[str, Any]]) -> list[Any]:
    """Make a parameter of each record."""
    return [pytest.param(record, id=record["name"]) for record in records]


STREAMS = [record for record in records() if "events" in record]
ERRORS = [record for record in records() if record.get("status", 200) >= 400]
WHOLE = [
    record
    for record in records()
    if isinstance(record.get("body"), dict) and record["body"].get("object") == "chat.completion"
]


def events_of(record: dict[str, Any]) -> list[str]:
    """Return the events of a recorded stream, but for the note that some were left out."""
    return [event for event in record["events"] if event.startswith("data: ")]


def stream_of(record: dict[str, Any]) -> bytes:
    """Write a recorded stream as it came."""
    end = LINE_ENDS[record["framing"]]
    return "".join(event + end + end for event in events_of(record)).encode()


def chunks_of(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Decode a recorded stream in the plainest way."""
    datas = [event.removeprefix("data: ") for event in events_of(record)]
    return [json.loads(data) for data in datas if data != "[DONE]"]


def joined(record: dict[str, Any], index: int, key: str) -> str:
    """Join what the chunks hold for one choice under one key of the delta."""
    choices = [choice for chunk in chunks_of(record) for choice in chunk["choices"]]
    return "".join(c["delta"].get(key) or "" for c in choices if c["index"] == index)


def arguments(record: dict[str, Any]) -> dict[int, str]:
    """Join the arguments of each tool call of the first choice."""
    found: dict[int, str] = {}
    for chunk in chunks_of(record):
        for choice in chunk["choices"]:
            for call in choice["delta"].get("tool_calls") or []:
                text = call["function"].get("arguments") or ""
                found[call["index"]] = found.get(call["index"], "") + text
    return found


def test_the_recordings_are_there() -> None:
    """All kinds of recordings are found, so that no test below passes for want of one."""
    assert (len(STREAMS), len(WHOLE), len(ERRORS)) == (16, 71, 38)


@pytest.mark.parametrize("record", named(STREAMS))
def test_a_recorded_stream_is_read(record: dict[str, Any]) -> None:
    """Texts, tool calls, reasons and usage are those of the chunks, put together plainly."""
    deltas, reader = read([stream_of(record)], choices=9)
    reply = snapshot(deltas)
    assert len(reply.choices) == len(
        {c["index"] for one in chunks_of(record) for c in one["choices"]}
    )
    assert (reader.failure, reader.done) == (None, True)
    for choice in reply.choices:
        assert choice.text == joined(record, choice.index, "content")
        assert choice.finish_reason in ("stop", "length", "tool_calls")
    assert [call.arguments for call in reply.choices[0].tool_calls] == list(
        arguments(record).values()
    )
    chunks = chunks_of(record)
    assert (reply.model, reply.id) == (chunks[0]["model"], chunks[0]["id"])
    usages = [chunk["usage"] for chunk in chunks if chunk.get("usage")]
    assert reply.usage == (Usage.from_wire(usages[-1]) if usages else None)
    logprobs = [
        entry
        for chunk in chunks
        for choice in chunk["choices"]
        for entry in (choice.get("logprobs") or {}).get("content") or []
    ]
    assert list(reply.choices[0].logprobs) == logprobs


@ANY_CUT
@given(data=st.data(), record=st.sampled_from(STREAMS))
def test_a_recorded_stream_may_be_cut_anywhere(data: st.DataObject, record: dict[str, Any]) -> None:
    """The cut of a recorded stream changes nothing."""
    stream = stream_of(record)
    assert read(data.draw(cuts(stream)))[0] == read([stream])[0]


@pytest.mark.parametrize("record", named(WHOLE))
def test_a_recorded_completion_is_read(record: dict[str, Any]) -> None:
    """Every choice, its calls and the usage are those of the body."""
    body = record["body"]
    reply = reply_to_json(body)
    assert len(reply.choices) == len(body["choices"])
    for choice, wire in zip(reply.choices, sorted(body["choices"], key=index_of), strict=True):
        message = wire["message"]
        assert choice.text == (message.get("content") or "")
        assert choice.finish_reason == wire["finish_reason"]
        calls = [call["function"] for call in message.get("tool_calls") or []]
        assert [(c.name, c.arguments) for c in choice.tool_calls] == [
            (call["name"], call["arguments"]) for call in calls
        ]
        assert list(choice.logprobs) == ((wire.get("logprobs") or {}).get("content") or [])
    assert (reply.model, reply.id) == (body["model"], body["id"])
    assert reply.usage == Usage.from_wire(body["usage"])


def index_of(choice: dict[str, Any]) -> int:
    """Return the index of a choice."""
    return int(choice["index"])


def error_of(record: dict[str, Any]) -> APIStatusError:
    """Return the exception for a recorded error."""
    headers = {name.lower(): value for name, value in record.get("headers", {}).items()}
    return status_errors.status_error(
        record["status"],
        json.dumps(record["body"]),
        url="http://127.0.0.1:1",
        headers=headers,
    )


@pytest.mark.parametrize("record", named(ERRORS))
def test_a_recorded_error_has_its_class(record: dict[str, Any]) -> None:
    """The status gives the class, and the server's words are in the text."""
    error = error_of(record)
    assert isinstance(error, CLASSES[record["status"]])
    assert (error.status_code, error.body) == (record["status"], record["body"])
    assert error.message == record["body"]["error"]["message"]
    assert error.code == record["body"]["error"]["type"]
    assert error.message[:40].split("\n")[0] in str(error)
    assert "\n" not in str(error)


def test_the_recorded_overflow_tells_the_limit() -> None:
    """A prompt that is too long is known by its type, with the size of the context."""
    found = [error_of(r) for r in ERRORS if r["case"].startswith("context_overflow")]
    assert [error.limit for error in found if isinstance(error, ContextLengthError)] == [2048, 2048]
    others = [error_of(r) for r in ERRORS if not r["case"].startswith("context_overflow")]
    assert not any(isinstance(error, ContextLengthError) for error in others)


def test_the_beginning_of_a_broken_recording_is_kept() -> None:
    """What a client had read when it hung up in mid-stream is what the whole events say."""
    (record,) = [r for r in records() if r["case"] == "disconnect_mid_stream"]
    body = record["raw_head"].split("\r\n\r\n", 1)[1].split("\r\n", 1)[1]
    deltas, reader = read([body.encode()], broken=True)
    reply = snapshot(deltas)
    assert (reply.text, reply.model) == ("", "SmolLM2-135M-Instruct.Q4_1.gguf")  # "Once" is cut
    assert not reader.finished
