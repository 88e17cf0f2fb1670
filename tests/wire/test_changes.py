"""What an error of a server says by itself: which change of the request helps, and the limit."""

from __future__ import annotations

from typing import Any

import pytest

from eighty80_jupyter.errors import BadRequestError
from eighty80_jupyter.wire.adapt import find_changes
from eighty80_jupyter.wire.address import CHAT
from eighty80_jupyter.wire.changes import Change, Way
from eighty80_jupyter.wire.endpoint import Endpoint
from eighty80_jupyter.wire.error_bodies import is_error, read_error
from eighty80_jupyter.wire.reading.shapes import choices_of
from eighty80_jupyter.wire.secret import Secret
from eighty80_jupyter.wire.status_errors import context_limit
from tests.support.reading import reply_to
from tests.support.replies import chunk

CALL = {"id": "x", "type": "function", "function": {"name": "look", "arguments": "{}"}}
CALLED: dict[str, Any] = {
    "messages": [{"role": "assistant", "tool_calls": [CALL, CALL]}, {"role": "tool"}]
}


def found(said: str, body: dict[str, Any], *, param: str | None = None) -> list[Change]:
    """Return what may help where a server refuses `body` with these words."""
    told = {"error": {"message": said, "param": param}}
    return list(find_changes(BadRequestError(said, status_code=400, body=told), body))


@pytest.mark.parametrize(
    "said", ["DEVELOPER is not supported", "unknown Role", "no developer here"]
)
def test_a_role_that_is_not_known(said: str) -> None:
    """However it is written; only where the request has it."""
    body = {"messages": [{"role": "developer", "content": "x"}, {"role": "user", "content": "y"}]}
    assert found(said, body) == [Change(Way.ROLE)]
    assert found(said, {"messages": body["messages"][1:]}) == []
    assert found(said, {"input": "without messages"}) == []


@pytest.mark.parametrize(
    ("param", "changes"),
    [
        ("messages", []),
        ("messages[0].reasoning", [Change(Way.DROP_INSIDE, "messages", "reasoning")]),
        ("body.messages.0.reasoning", [Change(Way.DROP_INSIDE, "messages", "reasoning")]),
        ("messages.0", []),
        ("messages.0.role", []),
    ],
)
def test_a_key_of_a_message(param: str, changes: list[Change]) -> None:
    """It is named by its path; a message as a whole, and what it needs, is not left out."""
    body = {"messages": [{"role": "user", "content": "x", "reasoning": "r", "messages": 1}]}
    assert (
        list(dict.fromkeys(found("Extra inputs are not permitted", body, param=param))) == changes
    )


def test_tools_that_are_offered_again() -> None:
    """Each once, in a form that every server takes, and none may be called."""
    changed = Change(Way.OFFER).apply(CALLED)
    parameters = {"type": "object", "properties": {}, "additionalProperties": True}
    function = {"name": "look", "description": "", "parameters": parameters}
    assert changed["tools"] == [{"type": "function", "function": function}]
    assert changed["tool_choice"] == "none"
    with_tools = {**CALLED, "tools": [1]}
    assert Change(Way.OFFER).apply(with_tools) == with_tools


@pytest.mark.parametrize(
    ("body", "said", "limit"),
    [
        ({"error": {"n_ctx": 4096}}, "", 4096),
        ({"n_ctx": 8192}, "limit is 5", 8192),
        ({"error": {"n_ctx": "4096"}}, "maximum context length is 32k tokens", 32_000),
        ({"error": {"n_ctx": True}}, "", None),
        (None, "the limit is 2,048", 2048),
    ],
)
def test_the_limit_that_a_server_tells(body: Any, said: str, limit: int | None) -> None:
    """In a field of its own, which counts before what its words say."""
    assert context_limit(body, said) == limit


@pytest.mark.parametrize("code", ["in_progress", "in-progress", "IN PROGRESS", " in_progress "])
def test_a_code_of_what_is_under_way_is_no_error(code: str) -> None:
    """However its words are joined."""
    assert not is_error({"code": code, "message": "wait"})
    assert is_error({"code": f"{code} failed", "message": "wait"})


def test_of_an_unknown_form_all_is_told() -> None:
    """Its text as JSON, and the status that it names."""
    _, told = read_error('{"oops": "é", "status": 418}')
    assert told.message == '{"oops": "é", "status": 418}'
    assert told.status == 418


def test_calls_that_come_by_turns_are_told_apart_by_their_index() -> None:
    """Where only the first piece of each has an id and a name."""

    def piece(index: int, arguments: str, **more: Any) -> dict[str, Any]:
        function = {"arguments": arguments, **more.pop("function", {})}
        return chunk({"tool_calls": [{"index": index, "function": function, **more}]})

    reply = reply_to(
        piece(0, '{"a"', id="x", function={"name": "f"}),
        piece(1, '{"b"', id="y", function={"name": "g"}),
        piece(0, ": 1}"),
        piece(1, ": 2}"),
        chunk(finish_reason="tool_calls"),
    )
    calls = reply.choices[0].tool_calls
    assert [(c.id, c.name, c.arguments) for c in calls] == [
        ("x", "f", '{"a": 1}'),
        ("y", "g", '{"b": 2}'),
    ]


def test_answers_under_their_numbers_keep_them() -> None:
    """A gateway writes the list of answers as an object."""
    numbered = {str(n): {"delta": {"content": f"text {n}"}} for n in (1, 0)}
    assert choices_of({"choices": numbered}) == [
        {"index": 1, "delta": {"content": "text 1"}},
        {"index": 0, "delta": {"content": "text 0"}},
    ]
    one = {"delta": {"content": "x"}}
    assert choices_of({"choices": one}) == [one]
    assert choices_of({"choices": {}}) == []


def test_only_secrets_are_hidden_in_an_address() -> None:
    """The rest of the query is what a user looks for in an error."""
    query: dict[str, str | Secret] = {"api version": "1 & 2", "sig": Secret("sk-query-0123")}
    endpoint = Endpoint(url="http://host/base", key=None, query=query)
    assert endpoint.address(CHAT, hide=True).endswith("?api+version=1+%26+2&sig=***")
    assert endpoint.address(CHAT).endswith("?api+version=1+%26+2&sig=sk-query-0123")
