"""The short cut for whole answers says just what the full reading says, or leaves it to that."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from eighty80_jupyter.api.deltas import TextDelta
from eighty80_jupyter.wire.endpoint import Endpoint
from eighty80_jupyter.wire.reading.plain_answer import plain_answer
from eighty80_jupyter.wire.reading.stream import ReplyReader
from eighty80_jupyter.wire.secret import Secret
from tests.support.scripted import ScriptedServer, chat_reply, error_reply
from tests.wire.asking import AT_ONCE, BODY, endpoint_of, with_client

PLACE = Endpoint(url="http://127.0.0.1:1")
PLAIN: dict[str, Any] = {
    "id": "x",
    "object": "chat.completion",
    "model": "m",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "Hi 😀"}, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12},
}


def in_full(data: bytes) -> list[Any]:
    """Read an answer with the reader for every form."""
    reader = ReplyReader(PLACE)
    return [*reader.feed(data), *reader.finish()]


@pytest.mark.parametrize(
    "change", [{}, {"usage": None}, {"id": None}, {"model": ""}, {"system_fingerprint": "f"}]
)
def test_a_plain_answer_is_read_the_same(change: dict[str, Any]) -> None:
    """Text, reason, model and counts are those of the full reading."""
    data = orjson.dumps({**PLAIN, **change})
    assert plain_answer(data, None, choices=1) == in_full(data)


@pytest.mark.parametrize(
    "message",
    [
        {"content": "<think>hm</think>Hi"},
        {"content": "[TOOL_CALLS]f"},
        {"content": "\u25c1think\u25b7Hm.\u25c1/think\u25b7Hi"},
        {"content": None},
        {"content": ""},
        {"content": ["Hi"]},
        {"content": "Hi", "reasoning_content": "hm"},
        {"content": "Hi", "tool_calls": [{"id": "a"}]},
        {"content": "Hi", "refusal": "no"},
    ],
)
def test_whatever_stands_besides_is_left_to_the_full_reading(message: dict[str, Any]) -> None:
    """Reasoning, calls, refusals and texts that may hold such are no plain answer."""
    choice = {**PLAIN["choices"][0], "message": message}
    assert plain_answer(orjson.dumps({**PLAIN, "choices": [choice]}), None, choices=1) is None


def test_a_choice_that_failed_is_left_to_the_full_reading() -> None:
    """The reason `error` is no end of an answer."""
    choice = {**PLAIN["choices"][0], "finish_reason": "error"}
    assert plain_answer(orjson.dumps({**PLAIN, "choices": [choice]}), None, choices=1) is None


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b'{"error": {"message": "x"}}'])
def test_what_is_no_answer_is_left_too(data: bytes) -> None:
    """Errors and broken answers are told by the full reading."""
    assert plain_answer(data, None, choices=1) is None


def test_an_echo_of_the_key_is_left_too() -> None:
    """The full reading knows how to hide it."""
    data = orjson.dumps(PLAIN).replace(b"Hi", b"sk-0123456789abcdef")
    assert plain_answer(data, Secret("sk-0123456789abcdef"), choices=1) is None


def test_the_whole_path_gives_the_text_and_tries_again(server: ScriptedServer) -> None:
    """A busy server is asked again, and the connection is kept."""
    server.queue(error_reply(503, "busy"), chat_reply("Hello"), chat_reply("<b>World"))

    async def use(client: Any) -> list[str]:
        patient = type(AT_ONCE)(max_retries=1)
        texts = []
        for _ in range(2):
            found = await client.complete_whole(endpoint_of(server), BODY, settings=patient)
            texts.append("".join(d.text for d in found if isinstance(d, TextDelta)))
        return texts

    assert with_client(use) == ["Hello", "<b>World"]
    assert (len(server.requests), server.connections) == (3, 1)
