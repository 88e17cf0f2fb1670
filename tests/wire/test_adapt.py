"""A request is changed for a server that refuses a part of it; what matters is never dropped."""

from __future__ import annotations

import re
from typing import Any

import pytest

from eighty80_jupyter.api.deltas import Adapted
from eighty80_jupyter.errors import APIStreamError, BadRequestError, ServerError, UsageError
from eighty80_jupyter.wire.client import Client
from tests.support.scripted import (
    Reply,
    Request,
    ScriptedServer,
    chat_reply,
    error_reply,
    http_reply,
    json_reply,
    sse_reply,
    text_chunks,
)
from tests.wire.asking import (
    AT_ONCE,
    BODY,
    Asked,
    ask,
    ask_once,
    endpoint_of,
    session_for,
    with_client,
)

STREAM = sse_reply(text_chunks("Hello"))
FULL = {
    **BODY,
    "temperature": 0.2,
    "top_p": 0.5,
    "seed": 2**70,
    "max_completion_tokens": 9,
    "parallel_tool_calls": False,
    "reasoning_effort": "low",
    "frequency_penalty": 0.1,
    "logprobs": True,
    "user": "ada",
    "n": 1,
    "stop": ["END"],
    "response_format": {"type": "json_object"},
    "tools": [{"type": "function", "function": {"name": "f", "strict": True, "parameters": {}}}],
    "tool_choice": "required",
}


def refusal(body: object, status: int = 400) -> Reply:
    """Answer with an error; a text stands for an error's message in OpenAI's form."""
    return json_reply(
        {"error": {"message": body}} if isinstance(body, str) else body, status=status
    )


def notes(asked: Asked) -> list[str]:
    """Return what is to be said of changes."""
    return [event.note for event in asked.events if isinstance(event, Adapted)]


def changed(first: dict[str, Any], second: dict[str, Any]) -> set[str]:
    """Return what differs between two bodies: -name, +name, or ~name."""
    gone = {f"-{name}" for name in first.keys() - second.keys()}
    new = {f"+{name}" for name in second.keys() - first.keys()}
    return gone | new | {f"~{n}" for n in first.keys() & second.keys() if first[n] != second[n]}


REFUSED: list[tuple[object, int, set[str]]] = [
    # Words of servers as users have reported them.
    (("Unsupported parameter: 'max_completion_tokens' is not supported with this model. Use "
     "'max_tokens' instead."), 400, {"-max_completion_tokens", "+max_tokens"}),
    ("Unrecognized request argument supplied: max_completion_tokens", 400,
     {"-max_completion_tokens", "+max_tokens"}),
    ({"detail": [{"type": "extra_forbidden", "loc": ["body", "max_completion_tokens"],
                  "msg": "Extra inputs are not permitted", "input": 9}]}, 422,
     {"-max_completion_tokens", "+max_tokens"}),
    ({"object": "error", "message": "[{'type': 'extra_forbidden', 'loc': ('body', "
      "'max_completion_tokens'), 'msg': 'Extra inputs are not permitted', 'input': 800}]",
      "type": "BadRequestError", "param": None, "code": 400}, 400,
     {"-max_completion_tokens", "+max_tokens"}),
    ({"object": "error", "message": {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"],
      "msg": "Extra inputs are not permitted", "input": 7}]}, "type": "invalid_request_error"},
     422, {"-seed"}),
    ([{"error": {"code": 400, "message": 'Invalid JSON payload received. Unknown name "seed": '
       'Cannot find field.\nInvalid JSON payload received. Unknown name "frequency_penalty": '
       "Cannot find field.", "status": "INVALID_ARGUMENT"}}], 400, {"-seed", "-frequency_penalty"}),
    ("Validation error at #/stream_options: Extra inputs are not permitted", 400,
     {"-stream_options"}),
    ("Extra inputs are not permitted, field: 'stream_options', value: {'include_usage': True}", 400,
     {"-stream_options"}),
    ("AsyncCompletions.create() got an unexpected keyword argument 'parallel_tool_calls'", 500,
     {"-parallel_tool_calls"}),
    ({"detail": "KeyError: 'stream_options'"}, 500, {"-stream_options"}),
    (("Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) "
     "value is supported."), 400, {"-temperature"}),
    ("invalid temperature: only 1 is allowed for this model", 400, {"-temperature"}),
    ("`temperature` and `top_p` cannot both be specified for this model. Please use only one.", 400,
     {"-temperature", "-top_p"}),
    (("litellm.UnsupportedParamsError: gemini does not support parameters: "
     "{'frequency_penalty': 0.1}, for model=gemini"), 400, {"-frequency_penalty"}),
    ("seed must be less than 9223372036854775807", 400, {"-seed"}),
    (("json: cannot unmarshal number 1180591620717411303424 into Go struct field "
     "ChatCompletionRequest.seed of type int"), 400, {"-seed"}),
    ("unknown field `reasoning_effort`, expected one of `model`, `messages`, `temperature`, `seed`",
     422, {"-reasoning_effort"}),
    ("This model does not support reasoning effort.", 501, {"-reasoning_effort"}),
    ("Penalty fields are off: frequencyPenalty is not enabled", 400, {"-frequency_penalty"}),
    ({"error": {"message": "Provider returned error", "code": 400, "metadata": {"raw":
      '{"error":{"message":"logprobs is not supported with this model"}}'}}}, 400, {"-logprobs"}),
    ("property 'user' is unsupported", 400, {"-user"}),
    ("Streaming is not supported by this deployment.", 400, {"-stream", "-stream_options"}),
    ({"error": {"message": "not today", "param": "stream"}}, 400, {"-stream", "-stream_options"}),
    ("Parameter `stream` must not be set", 422, {"-stream", "-stream_options"}),
    ("tools[0].function.strict: Extra inputs are not permitted", 400, {"~tools"}),
    ({"title": "One or more errors.", "errors": {"seed": ["The seed field is not known."]}}, 400,
     {"-seed"}),
    ("Your organization must be verified to stream this model.", 400,
     {"-stream", "-stream_options"}),
    ("unknown argument --seed", 400, {"-seed"}),
    ("max_tokens: Field required", 422, {"-max_completion_tokens", "+max_tokens"}),
    ({"detail": [{"type": "missing", "loc": ["body", "max_tokens"], "msg": "Field required"}]}, 422,
     {"-max_completion_tokens", "+max_tokens"}),
    ("extra fields not permitted", 422,
     {"-stream_options", "-parallel_tool_calls", "-max_completion_tokens", "+max_tokens"}),
]  # fmt: skip


@pytest.mark.parametrize(("body", "status", "difference"), REFUSED)
def test_what_is_refused_is_left_out_or_renamed(
    server: ScriptedServer, body: object, status: int, difference: set[str]
) -> None:
    """In whichever words a field is refused, the request goes once more without just that."""
    server.queue(refusal(body, status), STREAM, STREAM)

    async def use(client: Client) -> list[Asked]:
        return [await ask(client, endpoint_of(server), FULL) for _ in range(2)]

    first, second = with_client(use)
    sent = [request.json for request in server.requests]
    assert changed(sent[0], sent[1]) == difference
    assert sent[2] == sent[1]
    assert (first.text, second.text, first.waits) == ("Hello", "Hello", [])
    assert notes(first)
    assert notes(second) == []


@pytest.mark.parametrize(
    "message",
    [
        "Unknown parameter: 'tools'",
        "model does not support tools",
        "response_format is not supported",
        "'stop' is not allowed",
        "unsupported field: n",
        "tool_choice 'required' is not supported",
        "temperature must be between 0 and 0.1, got 0.2",
        "top_p must be less than 0.3",
        "max_tokens must be at most 4",
        "reasoning_effort must be one of 'high', 'max'",
        "Invalid 'messages': something is odd",
        "Something went wrong",
        "unknown parameter: prompt_cache",
        "the user has no access",
    ],
)
def test_what_matters_is_never_dropped_in_silence(server: ScriptedServer, message: str) -> None:
    """Tools, formats, stops and limits, and values out of bounds, are an error with its words."""
    server.queue(refusal(message))
    asked = ask_once(server, FULL)
    assert isinstance(asked.error, BadRequestError)
    assert message in str(asked.error)
    assert len(server.requests) == 1


def test_several_refusals_one_after_another(server: ScriptedServer) -> None:
    """A server that names one field at a time is asked until it has named them all."""
    fields = ("seed", "user", "stream_options", "logprobs")

    def strict(request: Request) -> Reply:
        unknown = [name for name in fields if name in request.json]
        return refusal(f"Unknown parameter: '{unknown[0]}'") if unknown else STREAM

    server.handler = strict
    asked = ask_once(server, FULL)
    assert asked.text == "Hello"
    assert len(server.requests) == 5
    assert {name for name in fields if any(name in note for note in notes(asked))} == set(fields)


def test_a_change_that_does_not_help_is_not_remembered(server: ScriptedServer) -> None:
    """Only what a server has accepted counts for the next request."""
    server.queue(refusal("Unknown parameter: 'seed'"), refusal("No."), STREAM)

    async def use(client: Client) -> list[Asked]:
        return [await ask(client, endpoint_of(server), FULL) for _ in range(2)]

    failed, good = with_client(use)
    assert isinstance(failed.error, BadRequestError)
    assert good.text == "Hello"
    assert "seed" in server.requests[2].json


def test_another_model_is_asked_with_all(server: ScriptedServer) -> None:
    """What one model refuses another may know."""
    server.queue(refusal("Unknown parameter: 'seed'"), STREAM, STREAM)

    async def use(client: Client) -> None:
        await ask(client, endpoint_of(server), FULL)
        await ask(client, endpoint_of(server), {**FULL, "model": "other"})

    with_client(use)
    assert ["seed" in request.json for request in server.requests] == [True, False, True]


def test_an_error_with_a_status_of_success_counts_too(server: ScriptedServer) -> None:
    """Some answer 200 and say in the body that a field is unknown."""
    server.queue(refusal("Unknown parameter: 'seed'", 200), STREAM)
    asked = ask_once(server, FULL)
    assert (asked.text, "seed" in server.requests[1].json) == ("Hello", False)
    server.queue(refusal("All is lost", 200))
    assert isinstance(ask_once(server, FULL).error, APIStreamError)


def test_a_failure_of_the_server_that_names_nothing_stays_one(server: ScriptedServer) -> None:
    """A 500 without a field is tried again as it is, and then told."""
    server.queue(refusal("worker died", 500))
    assert isinstance(ask_once(server, FULL).error, ServerError)
    assert len(server.requests) == 1


# Roles.


@pytest.mark.parametrize(
    "message",
    [
        "developer is not one of ['system', 'assistant', 'user', 'tool'] - 'messages.['0].role'",
        "chat template rejected the request: Unexpected message role.",
        "Only user, assistant and system roles are supported!",
        "messages[0].role: unknown variant `developer`, expected one of `system`, `user`",
    ],
)
def test_a_developer_message_becomes_a_system_message(server: ScriptedServer, message: str) -> None:
    """The older role says the same to servers that know only that."""
    messages = [{"role": "developer", "content": "Be brief."}, *BODY["messages"]]
    server.queue(refusal(message), STREAM)
    asked = ask_once(server, {**BODY, "messages": messages})
    assert asked.text == "Hello"
    assert [m["role"] for m in server.requests[1].json["messages"]] == ["system", "user"]


def test_a_model_without_a_system_role_gets_the_instruction_with_the_prompt(
    server: ScriptedServer,
) -> None:
    """Nothing of the instruction is lost where the template refuses its role."""
    messages = [{"role": "system", "content": "Be brief."}, *BODY["messages"]]
    server.queue(refusal("System role not supported", 400), STREAM)
    asked = ask_once(server, {**BODY, "messages": messages})
    assert asked.text == "Hello"
    assert server.requests[1].json["messages"] == [{"role": "user", "content": "Be brief.\n\nHi"}]


# Tools of earlier turns.

CALLED = [
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": None, "tool_calls": [
        {"id": "a", "type": "function", "function": {"name": "get_price", "arguments": "{}"}}]},
    {"role": "tool", "tool_call_id": "a", "content": "7"},
    {"role": "user", "content": "And now?"},
]  # fmt: skip


@pytest.mark.parametrize(
    "message",
    [
        "Requests which have `tool_use` or `tool_result` blocks must define tools.",
        "The toolConfig field must be defined when using toolUse and toolResult content blocks.",
        "litellm.UnsupportedParamsError: Anthropic expects the `tools=` param to be passed in.",
        "tools is required when messages contain tool calls",
    ],
)
def test_the_tools_of_earlier_turns_are_offered_where_they_are_demanded(
    server: ScriptedServer, message: str
) -> None:
    """The request goes without tools first; refused for that, with them and `none` as choice."""
    server.queue(refusal(message), STREAM, STREAM)

    async def use(client: Client) -> list[Asked]:
        body = {**BODY, "messages": CALLED}
        return [await ask(client, endpoint_of(server), body) for _ in range(2)]

    first, second = with_client(use)
    sent = [request.json for request in server.requests]
    assert (first.text, second.text) == ("Hello", "Hello")
    assert "tools" not in sent[0]
    assert [tool["function"]["name"] for tool in sent[1]["tools"]] == ["get_price"]
    assert sent[1]["tool_choice"] == "none"
    assert sent[2] == sent[1]
    assert len(notes(first)) == 1


def test_where_the_offer_does_not_help_the_first_error_is_told(server: ScriptedServer) -> None:
    """What was tried on a guess hides no words."""
    server.queue(refusal("tool_call_id not found"), refusal("tool_choice none is unknown"))
    error = ask_once(server, {**BODY, "messages": CALLED}).error
    assert isinstance(error, BadRequestError)
    assert "tool_call_id not found" in str(error)


@pytest.mark.parametrize(
    "message",
    [
        "Tool call id was c1 but must be a-z, A-Z, 0-9, with a length of 9.",
        "Tool call IDs should be alphanumeric strings with length 9!",
        "Invalid 'messages[1].tool_calls[0].id': string too long.",
        "tool_call_id: String should match pattern '^[a-zA-Z0-9_-]+$'",
    ],
)
def test_ids_of_calls_are_rewritten_where_their_form_is_refused(
    server: ScriptedServer, message: str
) -> None:
    """Calls and results get ids of nine letters and digits, from then on at once."""
    server.queue(refusal(message), STREAM, STREAM)

    async def use(client: Client) -> list[Asked]:
        body = {**BODY, "messages": CALLED}
        return [await ask(client, endpoint_of(server), body) for _ in range(2)]

    first, second = with_client(use)
    assert (first.text, second.text) == ("Hello", "Hello")
    before, *after = [request.json["messages"] for request in server.requests]
    assert before == CALLED
    for messages in after:
        (call,) = (c for m in messages for c in m.get("tool_calls", ()))
        (result,) = (m for m in messages if m["role"] == "tool")
        assert re.fullmatch(r"[A-Za-z0-9]{9}", call["id"])
        assert call["id"] == result["tool_call_id"]
    assert after[0] == after[1]
    assert len(notes(first)) == 1


# The setting, and the last line.


def test_a_setting_names_the_fields(server: ScriptedServer) -> None:
    """A server that ignores a field in silence is helped by the user, and the last line says so."""
    server.default = STREAM
    session = session_for(
        server.url,
        max_tokens=9,
        seed=7,
        field_names={"max_completion_tokens": "max_tokens", "seed": None},
    )
    first, second = session.ask("Hi"), session.ask("Hi")
    session.close()
    for request in server.chats:
        assert request.json["max_tokens"] == 9
        assert not {"max_completion_tokens", "seed"} & request.json.keys()
    assert any("max_tokens" in note for note in first.notes)
    assert second.notes == ()


@pytest.mark.parametrize("names", [{"stop": None}, {"messages": "m"}, {"a": 1}, ["x"], {"n": None}])
def test_a_setting_drops_nothing_that_matters(server: ScriptedServer, names: Any) -> None:
    """The setting cannot do in silence what the mechanism must not."""
    session = session_for(server.url)
    with pytest.raises(UsageError, match="field_names"):
        session.config.field_names = names


def test_the_last_line_says_it_once(server: ScriptedServer) -> None:
    """The first reply names the change, the next one needs no word."""
    server.queue(refusal("Unknown parameter: 'seed'"), STREAM, STREAM)
    session = session_for(server.url, seed=7)
    first, second = session.ask("Hi"), session.ask("Hi")
    session.close()
    assert first.notes == ("sent without seed, which the server does not take",)
    assert second.notes == ()


# Answers that are not streamed.


def test_the_whole_path_adapts_too(server: ScriptedServer) -> None:
    """The path for many requests changes them in the same way, and remembers it."""
    server.queue(refusal("Unknown parameter: 'seed'"), chat_reply("Hello"), chat_reply("Hello"))

    async def use(client: Client) -> list[Any]:
        body = {**BODY, "seed": 1}
        place = endpoint_of(server)
        return [await client.complete_whole(place, body, settings=AT_ONCE) for _ in range(2)]

    first, second = with_client(use)
    assert [type(event) for event in first if isinstance(event, Adapted)] == [Adapted]
    assert not [event for event in second if isinstance(event, Adapted)]
    assert [r.json.get("seed") for r in server.requests] == [1, None, None]


def test_a_web_page_that_names_a_field_is_an_error(server: ScriptedServer) -> None:
    """A page is no refusal of a field, whatever stands in it."""
    server.queue(http_reply(b"<html>stream_options</html>", status=400), error_reply(400, "x"))
    assert isinstance(ask_once(server).error, BadRequestError)
