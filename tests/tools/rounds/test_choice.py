"""Which tools a turn offers, and what the user says to a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.session.options import TurnOptions
from eighty80_jupyter.session.session import Session
from eighty80_jupyter.tools.executor import Decision
from tests.support.replies import (
    stream_reply,
    tool_call,
)
from tests.tools.rounds.tool_turns import NO, ONE, YES, Says, calls, delete, sent

if TYPE_CHECKING:
    from tests.support.scripted import ScriptedServer


def test_tool_choice(server: ScriptedServer, session: Session) -> None:
    """A choice is sent on demand; one that demands a call only with the first round."""

    @session.tool(safe=True)
    def now() -> str:
        return "noon"

    function = {"type": "function", "function": {"name": "now"}}
    cases: list[tuple[str, Any, Any]] = [
        ("auto", "auto", "auto"),
        ("required", "required", None),
        ("now", function, None),
    ]
    for choice, first, second in cases:
        server.queue(calls(tool_call("now", {})), stream_reply("Noon."))
        session.ask("When?", tools=[now], tool_choice=choice, parallel_tool_calls=False)
        bodies = [request.json for request in server.requests[-2:]]
        assert [b.get("tool_choice") for b in bodies] == [first, second]
        assert [b["parallel_tool_calls"] for b in bodies] == [False, False]
    with pytest.raises(UsageError, match="did you mean now"):
        session.ask("When?", tools="now", tool_choice="nows")
    with pytest.raises(UsageError, match="tool_choice needs tools"):
        session.ask("When?", tool_choice="auto")


def test_what_tools_may_be(server: ScriptedServer, session: Session) -> None:
    """Names, functions, all, or what the configuration says; anything unknown is refused."""

    def plain(x: int) -> int:
        return x

    session.tools.tool(plain, name="named")
    server.queue(*(stream_reply("ok") for _ in range(5)))
    session.config.tools = "named"
    session.ask("a")
    session.ask("b", tools=False)
    session.config.tools = None
    session.ask("c", tools=[plain])
    session.ask("d", tools=[len_of])
    session.ask("e", tools=True)
    offered = [
        [tool["function"]["name"] for tool in request.json.get("tools", ())]
        for request in server.requests
    ]
    assert offered == [["named"], [], ["named"], ["len_of"], ["named"]]
    with pytest.raises(UsageError, match="did you mean named"):
        session.ask("f", tools="name")
    with pytest.raises(UsageError, match="n = 2"):
        session.ask("g", tools="named", n=2)
    assert len(server.requests) == 5


def len_of(text: str) -> int:
    """Return the length."""
    return len(text)


@pytest.mark.parametrize("tools", [3, delete])
def test_what_is_no_list_of_tools(session: Session, tools: Any) -> None:
    """It is refused in one line, before anything is sent."""
    with pytest.raises(UsageError, match='must be "all", names or a list of functions, got'):
        session.ask("a", tools=tools)


def test_all_without_any_says_how_to_add_one(session: Session) -> None:
    """Asked for all, one hears that there are none; a setting that says all waits for them."""
    with pytest.raises(UsageError, match=r"@chat\.tool"):
        session.ask("Hello", tools="all")
    session.config.tools = "all"
    assert session.requests.offer(TurnOptions()) is None


@pytest.mark.usefixtures("add")
def test_response_format_goes_along(server: ScriptedServer, session: Session) -> None:
    server.queue(calls(ONE), stream_reply('{"sum": 3}'))
    reply = session.ask("1 + 2?", tools="add", response_format="json_object")
    assert reply.json() == {"sum": 3}
    assert all(r.json["response_format"] == {"type": "json_object"} for r in server.requests)


@pytest.mark.parametrize(
    ("decision", "status", "text"),
    [
        (YES, "done", "a is gone"),
        (NO, "refused", "refused"),
        (Decision(answer="no", reason="nobody is there"), "refused", "nobody is there"),
        (Decision(answer="edit", arguments='{"path": "b"}'), "done", "b is gone"),
        (Decision(answer="edit", arguments="{"), "invalid", "JSON"),
        (Decision(answer="edit", arguments=""), "invalid", "path is required"),
        (Decision(answer="always", arguments='{"path": "b"}'), "done", "b is gone"),
    ],
)
def test_decisions(
    server: ScriptedServer, session: Session, decision: Decision, status: str, text: str
) -> None:
    """A tool that is not safe is asked about; whatever is said is a result for the model."""
    server.queue(calls(tool_call("delete", {"path": "a"})), stream_reply("ok"))
    user = Says(decision)
    reply = session.ask("Delete a", tools=[delete], confirmer=user)
    assert user.asked == ["delete(path='a')"]
    assert reply.calls[0].status == status
    assert text in sent(server)[-1]["content"]


def test_edited_arguments_are_told_to_the_model(server: ScriptedServer, session: Session) -> None:
    server.queue(calls(tool_call("delete", {"path": "a"})), stream_reply("ok"))
    edit = Decision(answer="edit", arguments='{"path": "b"}')
    reply = session.ask("Delete a", tools=[delete], confirmer=Says(edit))
    assert "the user changed the arguments: delete(path='b')" in sent(server)[-1]["content"]
    assert reply.calls[0].shown == "delete(path='b')"


def test_always_holds_for_this_function(server: ScriptedServer, session: Session) -> None:
    """To allow it always is for the session and the tool, until another takes its name."""
    session.tool(delete)
    always = Says(Decision(answer="always"))
    wanted = calls(tool_call("delete", {"path": "a"}, id="1"), tool_call("delete", {"path": "b"}))
    server.queue(wanted, stream_reply("ok"), calls(tool_call("delete", {"path": "c"})))
    server.queue(stream_reply("ok"), calls(tool_call("delete", {"path": "d"})), stream_reply("ok"))
    session.ask("Delete a and b", tools="delete", confirmer=always)
    session.ask("Delete c", tools="delete", confirmer=always)
    assert len(always.asked) == 1

    @session.tool(name="delete")
    def another(path: str) -> str:
        return path

    session.ask("Delete d", tools="delete", confirmer=always)
    assert len(always.asked) == 2


def test_nobody_to_ask_refuses(server: ScriptedServer, session: Session) -> None:
    server.queue(calls(tool_call("delete", {"path": "a"})), stream_reply("ok"))
    reply = session.ask("Delete a", tools=[delete])
    assert reply.calls[0].status == "refused"
    assert "nobody can be asked" in sent(server)[-1]["content"]


def test_a_confirmer_that_fails_refuses(server: ScriptedServer, session: Session) -> None:
    class Broken:
        def confirm(self, *_: object) -> Decision:
            raise OSError("no terminal")

    server.queue(calls(tool_call("delete", {"path": "a"})), stream_reply("ok"))
    reply = session.ask("Delete a", tools=[delete], confirmer=Broken())
    assert reply.calls[0].status == "refused"


def test_confirm_true_asks_in_any_case(server: ScriptedServer, session: Session) -> None:
    """Neither one "always" nor an earlier registration spares a tool with `confirm=True`."""
    gone: list[str] = []

    def remove(path: str) -> None:
        gone.append(path)

    always = Says(Decision(answer="always"))

    def ask() -> int:
        before = len(always.asked)
        server.queue(calls(tool_call("remove", {"path": "a"})), stream_reply("Gone."))
        session.ask("Remove a", tools="remove", confirmer=always)
        return len(always.asked) - before

    session.tool(confirm=True)(remove)
    assert [ask(), ask()] == [1, 1]
    session.tool(remove)
    assert [ask(), ask()] == [1, 0]
    session.tool(confirm=True)(remove)  # allowed before, and registered anew
    assert [ask(), ask()] == [1, 1]
    assert gone == ["a"] * 6
