"""How a turn stands before it has ended, and how it ends."""

from __future__ import annotations

import copy
import logging
from typing import Any

import dill
import pytest

from eighty80_jupyter.api.deltas import ReasoningDelta, TextDelta, UsageDelta
from eighty80_jupyter.api.messages import Message, ToolCall
from eighty80_jupyter.api.reply import Choice, Reply, Status, Usage
from eighty80_jupyter.conversation.conversation import Conversation
from eighty80_jupyter.tools.rounds import Round
from eighty80_jupyter.turns.context import ContextSettings
from eighty80_jupyter.turns.ending import end_turn, format_error, turn_so_far
from eighty80_jupyter.turns.feed import Feed, TurnBegan
from eighty80_jupyter.turns.request import Place, Request, RunningTurn
from tests.support.reading import ENDPOINT
from tests.support.talks import talk


def under_way(
    *pieces: str, conversation: Conversation | None = None, place: Place | None = None, **more: Any
) -> RunningTurn:
    """Return a turn of which these pieces of text have come."""
    request = Request(
        prompt=Message("user", "as sent"),
        parameters={"seed": 1},
        endpoint=ENDPOINT,
        settings=None,  # type: ignore[arg-type]  # nothing is sent here
        source="as typed",
        has_data=True,
        place=place or Place(cell="c"),
        **more,
    )
    running = RunningTurn(conversation=conversation or Conversation("main"), request=request)
    for piece in pieces:
        running.snapshot.apply(TextDelta(0, piece))
    return running


def test_what_has_come_is_an_interrupted_turn() -> None:
    """It has the prompt, what had come and all that the whole turn will have."""
    running = under_way("ha", "lf")
    running.snapshot.apply(ReasoningDelta(0, "Hm."))
    turn = turn_so_far(running)
    assert (turn.id, turn.cell, turn.exchange.source) == (running.id, "c", "as typed")
    assert [(m.role, m.text) for m in turn.messages] == [("user", "as sent"), ("assistant", "half")]
    assert (turn.reply.text, turn.reply.reasoning) == ("half", "Hm.")
    assert (turn.reply.status, turn.reply.error) == ("interrupted", "")
    assert turn.reply.parameters == {"seed": 1}
    assert turn.exchange.has_data


def test_calls_that_run_get_a_result_in_the_copy_alone() -> None:
    """The turn itself goes on waiting for them."""
    running = under_way("It is")
    running.rounds.append(Round(1, "Let me see.", (ToolCall(id="x", name="f", arguments="{}"),)))
    messages = turn_so_far(running).messages
    assert [m.role for m in messages] == ["user", "assistant", "tool", "assistant"]
    assert (messages[2].tool_call_id, messages[3].text) == ("x", "It is")
    assert not running.rounds[0].results
    assert running.reply is None


def test_what_goes_on_is_joined() -> None:
    """An answer that is gone on with stands behind its beginning, in the turn that it is of."""
    there = talk(("a", "The beginning"))
    place = Place(again=there[0].id, join=True, cell="d")
    turn = turn_so_far(under_way(" and on", conversation=there, place=place))
    assert (turn.id, turn.cell) == (there[0].id, "d")
    assert [m.text for m in turn.messages] == ["a", "The beginning and on"]
    other = Place(again=there[0].id)
    turn = turn_so_far(under_way("new", conversation=there, place=other))
    assert (turn.id, turn.reply.text) == (there[0].id, "new")
    assert there[0].reply.text == "The beginning"


def test_what_goes_on_is_committed_as_one_answer() -> None:
    """The joined answer is an alternative of the turn, is its reply, and is returned."""
    there = talk(("a", "The beginning"))
    place = Place(again=there[0].id, join=True)
    running = under_way(" and on", conversation=there, place=place)
    reply = end_turn(running, 0.0, "complete")
    assert reply.text == "The beginning and on"
    assert running.reply is reply is there[0].reply
    assert [message.text for message in there[0].messages] == ["a", "The beginning and on"]
    assert [made.reply.text for made in there[0].alternatives] == ["The beginning", reply.text]


@pytest.mark.parametrize(
    ("status", "pieces", "place", "kept"),
    [
        ("complete", ["ha", "lf"], Place(cell="c"), True),
        ("complete", [], Place(cell="c"), True),
        ("interrupted", ["half"], Place(cell="c"), True),
        ("error", [], Place(cell="c"), False),
        ("interrupted", [], Place(cell="c"), False),
        ("complete", ["half"], Place(cell="c", keep=False), False),
    ],
)
def test_what_is_committed(status: Status, pieces: list[str], place: Place, *, kept: bool) -> None:
    """Whatever has come, with a new instruction; nothing where nothing came or shall be kept."""
    there = talk(("a", "b"), system="old")
    running = under_way(*pieces, conversation=there, place=place, instruction="new")
    reply = end_turn(running, 0.0, status, "why")
    assert running.reply is reply
    assert (reply.status, reply.error) == (status, "why")
    assert len(there) == 1 + kept
    assert there.system == ("new" if kept else "old")
    if kept:
        assert (there[1].id, there[1].cell) == (running.id, "c")
        assert there[1].reply is reply


def test_an_instruction_stays_where_there_is_no_new_one() -> None:
    """Another answer to a turn takes the place of the one before."""
    there = talk(("a", "b"), system="old")
    running = under_way("c", conversation=there, place=Place(again=there[0].id))
    end_turn(running, 0.0, "complete")
    assert there.system == "old"
    assert [made.reply.text for made in there[0].alternatives] == ["b", "c"]
    assert there[0].reply is running.reply


def test_a_reply_has_the_sums_of_its_rounds() -> None:
    """Tokens of all requests, those that were rejected among them; calls, notes and seconds."""
    running = under_way("done")
    call = ToolCall(id="x", name="f", arguments="{}")
    first = Round(1, "", (call,), usage=Usage(prompt_tokens=10, completion_tokens=1), left=2)
    running.rounds += [first, Round(2, "", (call,))]
    running.rejected.append(Usage(prompt_tokens=100, completion_tokens=2))
    running.snapshot.apply(UsageDelta(Usage(prompt_tokens=1000, completion_tokens=4)))
    running.adapted.append("adapted")
    running.note = "not sent"
    running.tool_seconds, running.recorded_seconds, running.stopped = 1.5, 2.25, "rounds"
    running.attempts = 2
    reply = end_turn(running, 0.0, "complete")
    assert reply.usage is not None
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (1110, 7)
    assert (reply.rounds, reply.attempts) == (3, 2)
    assert [record.id for record in reply.calls] == ["x", "x"]
    assert reply.notes == ("adapted", "not sent", first.note)
    assert "3 calls at once" in first.note
    assert (reply.seconds, reply.tool_seconds, reply.stopped) == (3.75, 1.5, "rounds")


def test_an_attempt_that_brought_nothing_is_no_round() -> None:
    """It ended before anything had come, after a round with a call."""
    running = under_way()
    running.rounds.append(Round(1, "", (ToolCall(id="x", name="f", arguments="{}"),)))
    reply = end_turn(running, 0.0, "error", "why")
    assert (reply.rounds, reply.usage, reply.notes) == (1, None, ())
    assert end_turn(under_way(), 0.0, "error").rounds == 1


@pytest.mark.parametrize(
    ("attempts", "problems", "said"),
    [
        (1, ("a is no number",), ": a is no number; its"),
        (3, ("a is no number",), " at 3 attempts: a is no number; its"),
        (2, ("a", "b", "c"), " at 2 attempts: a (and 2 more); its"),
    ],
)
def test_an_answer_of_another_type(attempts: int, problems: tuple[str, ...], said: str) -> None:
    """The error says the first problem and how many there are, and has all of it."""
    choices = (Choice(text="x"),)
    reply = Reply(choices=choices, status="complete", attempts=attempts, problems=problems)
    error = format_error(reply)
    assert str(error) == (
        f"the reply is not of the type that was asked for{said} text is error.text, and stands in "
        "the conversation"
    )
    assert (error.reply, error.text) == (reply, "x")
    assert (error.problems, error.attempts) == (problems, attempts)


def test_a_copy_of_a_running_turn_is_what_had_come() -> None:
    """It can be saved with dill, and holds nothing of what only the kernel has."""
    running = under_way("half", context=ContextSettings(limit=5), lost=lambda: "gone")
    running.cancel = lambda: 1 / 0
    for made in (copy.copy(running), dill.loads(dill.dumps(running))):  # noqa: S301  # our own
        assert made.id == running.id
        assert made.snapshot.to_reply(seconds=0, parameters={}).text == "half"
        assert made.cancel() is None
        request = made.request
        assert (request.source, request.parameters) == ("as typed", {"seed": 1})
        assert (request.context.limit, request.offer) == (None, None)
        assert (request.known_tools, request.lost()) == ({}, "")


def test_whoever_no_longer_watches_hears_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """The others do, also after one that fails; ending twice does no harm."""
    feed, heard = Feed(), list[str]()

    def fails(_event: object) -> None:
        raise ValueError("of the watcher")

    ends = [
        feed.watch(lambda _event: heard.append("a")),
        feed.watch(fails),
        feed.watch(lambda _event: heard.append("b")),
    ]
    with caplog.at_level(logging.ERROR):
        feed.tell(TurnBegan(under_way()))
    assert heard == ["a", "b"]
    assert "a watcher of the conversation failed" in caplog.text
    for _ in range(2):
        ends[0]()
    feed.tell(TurnBegan(under_way()))
    assert heard == ["a", "b", "b"]
