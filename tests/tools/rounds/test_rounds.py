"""The loop of a turn with tools, round by round, against the scripted server."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from eighty80_jupyter.api.deltas import ReasoningDelta
from eighty80_jupyter.conversation import events
from eighty80_jupyter.session.session import Session
from tests.support.replies import (
    chat_reply,
    chunk,
    sse_reply,
    stream_reply,
    text_chunks,
    tool_call,
    tool_chunks,
)
from tests.tools.rounds.tool_turns import ONE, THREE, TWO, calls, sent

if TYPE_CHECKING:
    from tests.support.scripted import ScriptedServer


@pytest.mark.usefixtures("add")
def test_a_call_is_run_and_its_result_is_sent(server: ScriptedServer, session: Session) -> None:
    """The contract's loop: calls, results in order, the same tools again, the answer."""
    server.queue(
        calls(tool_call("add", {"a": 2, "b": 3}, id="c1"), tool_call("add", {"a": 5}, id="c2")),
        stream_reply("Five and six."),
    )
    reply = session.ask("What is 2 + 3, and 5 + 1?", tools="add")
    assert reply.text == "Five and six."
    assert (reply.rounds, [c.shown for c in reply.calls]) == (2, ["add(a=2, b=3)", "add(a=5)"])
    assert [c.status for c in reply.calls] == ["done", "done"]
    assert sent(server)[1:] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                tool_call("add", '{"a": 2, "b": 3}', id="c1"),
                tool_call("add", '{"a": 5}', id="c2"),
            ],
        },
        {"role": "tool", "content": "5", "tool_call_id": "c1"},
        {"role": "tool", "content": "6", "tool_call_id": "c2"},
    ]
    first, second = (request.json for request in server.requests)
    assert first["tools"] == second["tools"] == [session.tools["add"].to_wire()]
    assert "tool_choice" not in first
    assert "parallel_tool_calls" not in first
    roles = [message.role for message in session.conversation[0].messages]
    assert roles == ["user", "assistant", "tool", "tool", "assistant"]


@pytest.mark.usefixtures("add")
def test_the_next_turn_sends_the_rounds_and_no_tools(
    server: ScriptedServer, session: Session
) -> None:
    """Tools are offered where they are asked for; what they gave stays in the history."""
    server.queue(calls(tool_call("add", {"a": 1})), stream_reply("Two."), stream_reply("Yes."))
    session.ask("1 + 1?", tools="all")
    session.ask("Sure?")
    assert [m["role"] for m in sent(server)] == ["user", "assistant", "tool", "assistant", "user"]
    assert "tools" not in server.requests[2].json


def delta(*pieces: dict[str, Any]) -> dict[str, Any]:
    """Return a chunk with pieces of tool calls."""
    return chunk({"tool_calls": list(pieces)})


def opened(call: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the piece that opens a call, without its arguments."""
    return {**more, **call, "function": {"name": call["function"]["name"], "arguments": ""}}


def rest(call: dict[str, Any], start: int, end: int | None = None, **more: Any) -> dict[str, Any]:
    """Return a piece of a call's arguments."""
    return {**more, "function": {"arguments": call["function"]["arguments"][start:end]}}


REPLIES = {
    "streamed": calls(ONE, TWO, THREE),
    "in many pieces": calls(ONE, TWO, THREE, n=9),
    "without index": calls(ONE, TWO, THREE, with_index=False),
    "with stop as the reason": calls(ONE, TWO, THREE, finish_reason="stop"),
    "without a reason": calls(ONE, TWO, THREE, finish_reason=None),
    "cut anywhere": sse_reply(tool_chunks(ONE, TWO, THREE), cut=7),
    "whole, not streamed": chat_reply(None, tool_calls=[ONE, TWO, THREE]),
    "each whole in a delta": sse_reply([delta(c) for c in (ONE, TWO, THREE)]),
    "all in one delta": sse_reply([delta(ONE, TWO, THREE)]),
    "indices 0, 2, 1": sse_reply(
        [
            delta({"index": 0, **ONE}),
            delta({"index": 2, **THREE}),
            delta({"index": 1, **TWO}),
        ]
    ),
    "interleaved": sse_reply(
        [
            delta(opened(ONE, index=0), opened(TWO, index=1)),
            delta(opened(THREE, index=2)),
            delta(rest(TWO, 0, 5, index=1), rest(ONE, 0, 4, index=0)),
            delta(rest(ONE, 4, index=0)),
            delta(rest(THREE, 0, index=2), rest(TWO, 5, index=1)),
        ]
    ),
    "arguments as objects": chat_reply(
        None,
        tool_calls=[
            {
                **c,
                "function": {**c["function"], "arguments": json.loads(c["function"]["arguments"])},
            }
            for c in (ONE, TWO, THREE)
        ],
    ),
}


@pytest.mark.parametrize("form", REPLIES)
@pytest.mark.usefixtures("add")
def test_every_form_of_calls(server: ScriptedServer, session: Session, form: str) -> None:
    """However the calls come, each is run once and answered under its id, in order."""
    server.queue(REPLIES[form], stream_reply("Done."))
    assert session.ask("Add", tools="add").text == "Done."
    results = [(m["tool_call_id"], m["content"]) for m in sent(server) if m["role"] == "tool"]
    assert results == [("one", "3"), ("two", "30"), ("three", "300")]


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (("", "", ""), ["call_0", "call_1", "call_2"]),
        (("x", "x", "x"), ["x", "call00002", "call00003"]),
        (("call_2", "", "call_2"), None),
    ],
)
@pytest.mark.usefixtures("add")
def test_ids_are_unique_in_a_turn(
    server: ScriptedServer,
    session: Session,
    ids: tuple[str, ...],
    expected: list[str] | None,
) -> None:
    """Where a server gives no ids, or the same again, each call still has one of its own."""
    wanted = [tool_call("add", {"a": n}, id=name) for n, name in enumerate(ids)]
    server.queue(
        chat_reply(None, tool_calls=wanted),
        chat_reply(None, tool_calls=[tool_call("add", {"a": 7}, id=ids[0])]),
        stream_reply("Done."),
    )
    session.ask("Add", tools="add")
    found = [c["id"] for m in sent(server) for c in m.get("tool_calls", ())]
    assert len(found) == len(set(found)) == 4
    assert expected is None or found[:3] == expected
    assert found == [m["tool_call_id"] for m in sent(server) if m["role"] == "tool"]


@pytest.mark.parametrize(
    "call", [{}, {"index": 0, "id": "c9", "function": {"name": "", "arguments": ""}}]
)
@pytest.mark.usefixtures("add")
def test_what_has_neither_name_nor_arguments_is_no_call(
    server: ScriptedServer, session: Session, call: dict[str, Any]
) -> None:
    """The text beside it is the answer, and nothing is sent once more."""
    server.queue(chat_reply("Four.", tool_calls=[call]))
    assert session.ask("Add", tools="add").text == "Four."
    assert len(server.chats) == 1


BAD = [
    ("", "{}", "unknown", "unnamed"),
    ("no such tool", "{}", "unknown", "no_such_tool"),
    ("ad", "{}", "unknown", "did you mean add?"),
    ("add", "{", "invalid", "JSON"),
    ("add", "[1]", "invalid", "object"),
    ("add", '{"a": "x"}', "invalid", "a"),
    ("add", "", "invalid", "a"),
    ("fail", "{}", "failed", "ZeroDivisionError"),
    ("slow", "{}", "timeout", "0.05 s"),
    ("leave", "{}", "failed", "SystemExit"),
]


@pytest.mark.parametrize("case", BAD)
@pytest.mark.usefixtures("add")
def test_what_goes_wrong_is_a_result(
    server: ScriptedServer, session: Session, case: tuple[str, str, str, str]
) -> None:
    """Nothing that a call does wrong ends the turn: the model reads it, the user sees it."""
    name, arguments, status, text = case
    over = threading.Event()

    @session.tool(safe=True)
    def fail() -> float:
        return 1 / 0

    @session.tool(safe=True, timeout=0.05)
    def slow() -> None:
        over.wait(60)

    @session.tool(safe=True)
    def leave() -> None:
        raise SystemExit

    server.queue(calls(tool_call(name, arguments)), stream_reply("I see."))
    reply = session.ask("Go", tools="all")
    over.set()
    assert (reply.text, [c.status for c in reply.calls]) == ("I see.", [status])
    assert text in sent(server)[-1]["content"]
    assert json.loads(sent(server)[-2]["tool_calls"][0]["function"]["arguments"]) in (
        {},
        {"a": "x"},
    )


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "add", "parameters": {"a": 1}}',
        '```json\n{"name": "add", "arguments": {"a": 1}}\n```',
        '<tool_call>{"name": "add", "arguments": {"a": 1}}</tool_call>',
    ],
)
@pytest.mark.usefixtures("add")
def test_a_written_call_is_a_call(server: ScriptedServer, session: Session, text: str) -> None:
    """A reply that is a call as text is run, told, and stands in the history as a proper call."""
    heard: list[object] = []
    server.queue(stream_reply(text), stream_reply("Two."))
    reply = session.ask("1 + 1?", tools="add", listen=heard.extend)
    assert (reply.text, reply.calls[0].written) == ("Two.", True)
    assert any(isinstance(event, events.CallWritten) for event in heard)
    assistant, result = sent(server)[1:]
    assert assistant["content"] is None
    assert assistant["tool_calls"] == [tool_call("add", '{"a": 1}', id="call00001")]
    assert result == {"role": "tool", "content": "2", "tool_call_id": "call00001"}


@pytest.mark.usefixtures("add")
def test_what_is_said_before_a_written_call_stays(server: ScriptedServer, session: Session) -> None:
    """The sentence before a marked call is the text of the message that makes it."""
    call = "<tool_call>\n<function=add>\n<parameter=a>\n1\n</parameter>\n</function>\n</tool_call>"
    heard: list[object] = []
    server.queue(stream_reply(f"Let me add.\n\n{call}"), stream_reply("Two."))
    reply = session.ask("1 + 1?", tools="add", listen=heard.extend)
    assert (reply.text, reply.calls[0].written, reply.calls[0].status) == ("Two.", True, "done")
    assert [e.said for e in heard if isinstance(e, events.CallWritten)] == ["Let me add."]
    assert [sent(server)[1]["content"], sent(server)[2]["content"]] == ["Let me add.", "2"]


@pytest.mark.usefixtures("add")
def test_a_call_in_harmony_is_read_behind_its_reasoning(
    server: ScriptedServer, session: Session
) -> None:
    """A server that passes the channels on as text loses neither the reasoning nor the call."""
    text = (
        "<|channel|>analysis<|message|>I must add.<|end|><|start|>assistant<|channel|>commentary "
        'to=functions.add <|constrain|>json<|message|>{"a": 1}<|call|>'
    )
    heard: list[object] = []
    server.queue(stream_reply(text), stream_reply("Two."))
    reply = session.ask("1 + 1?", tools="add", listen=heard.extend)
    assert (reply.text, reply.calls[0].status) == ("Two.", "done")
    thoughts = [e.text for e in heard if isinstance(e, ReasoningDelta)]
    assert "".join(thoughts) == "I must add."


@pytest.mark.usefixtures("add")
def test_where_no_call_is_wanted_none_is_made(server: ScriptedServer, session: Session) -> None:
    """With the choice `none` the tools are described, and nothing that looks like a call is one."""
    text = '{"name": "add", "parameters": {"a": 1}}'
    server.queue(stream_reply(text), calls(tool_call("add", {"a": 1})))
    assert session.ask("1 + 1?", tools="add", tool_choice="none").text == text
    assert session.ask("1 + 1?", tools="add", tool_choice="none").calls == ()
    assert [r.json["tool_choice"] for r in server.requests] == ["none", "none"]


@pytest.mark.usefixtures("add")
def test_text_around_a_written_call_is_text(server: ScriptedServer, session: Session) -> None:
    text = 'I would call {"name": "add", "parameters": {"a": 1}} now.'
    server.queue(stream_reply(text))
    assert session.ask("1 + 1?", tools="add").text == text


def test_calls_without_an_offer_are_dropped(server: ScriptedServer, session: Session) -> None:
    """A server that calls what nobody offered changes nothing."""
    server.queue(calls(tool_call("add", {"a": 1})))
    reply = session.ask("Hello")
    assert (reply.rounds, reply.calls) == (1, ())
    assert session.conversation[0].messages[-1].tool_calls == ()


@pytest.mark.usefixtures("add")
def test_text_before_calls_stays(server: ScriptedServer, session: Session) -> None:
    """What the model says beside its calls is in the history, and not in the last answer."""
    chunks = [*text_chunks("Let me see.", finish_reason=None), *tool_chunks(ONE)]
    server.queue(sse_reply(chunks), stream_reply("Three."))
    assert session.ask("1 + 2?", tools="add").text == "Three."
    assert sent(server)[1]["content"] == "Let me see."


def test_secrets_in_arguments_are_used_and_not_carried(
    server: ScriptedServer, session: Session
) -> None:
    """The function gets what the model wrote; the history and the records have no secret of it."""
    got: list[str] = []

    @session.tool(safe=True)
    def connect(dsn: str, password: str = "", note: str = "") -> str:
        """Connect."""
        got.extend((dsn, password, note))
        return "done"

    arguments = {
        "dsn": "postgresql://bob:hunter2pw@h/x", "password": "tr0ub4dor&3x", "note": 'say "hi"',
    }  # fmt: skip
    server.queue(calls(tool_call("connect", arguments, id="c1")), stream_reply("ok"))
    reply = session.ask("go", tools=[connect])
    assert got == list(arguments.values())
    carried = sent(server)[1]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(carried).keys() == arguments.keys()
    assert json.loads(carried)["note"] == 'say "hi"'
    everything = carried + str(session.conversation.to_messages()) + reply.calls[0].shown
    assert "hunter2pw" not in everything
    assert "tr0ub4dor" not in everything
    assert "redacted" in everything


def test_a_secret_in_arguments_that_are_no_json(server: ScriptedServer, session: Session) -> None:
    """The call has its record without it, and the model is told; the turn goes on."""

    @session.tool(safe=True)
    def connect(dsn: str) -> str:
        """Connect."""
        return dsn

    broken = '{"dsn": postgresql://bob:hunter2pw@h/x}'
    server.queue(calls(tool_call("connect", broken, id="c1")), stream_reply("ok"))
    reply = session.ask("go", tools=[connect])
    (record,) = reply.calls
    assert (reply.text, record.status) == ("ok", "invalid")
    assert record.shown.startswith("connect({")
    assert "hunter2pw" not in record.shown + str(session.conversation.to_messages())
