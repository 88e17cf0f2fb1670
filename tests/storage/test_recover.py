"""Journals written by hand: what each event does to what comes back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.storage.journal_files import FORMAT, SCHEMA
from eighty80_jupyter.storage.recover import Recovered, read_journal, recover

if TYPE_CHECKING:
    from pathlib import Path

    from eighty80_jupyter.conversation.turn import Turn

Event = dict[str, Any]

PROMPT = {"role": "user", "content": "as sent"}
BEGAN = {
    "event": "began", "at": 5.0, "conversation": "main", "turn": "t", "cell": "c", "prompt": PROMPT,
    "source": "as typed", "has_data": True, "server": "s", "parameters": {"model": "m", "seed": 1},
}  # fmt: skip
CALL = {"id": "x", "name": "half", "arguments": "{}"}
ROUND = [
    PROMPT,
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "content": "2", "tool_call_id": "x"},
]


def text(piece: str, **more: Any) -> Event:
    return {"event": "text", "turn": "t", "text": piece, **more}


def thought(choice: int = 0) -> Event:
    return {"event": "thought", "turn": "t", "choice": choice}


def whole(number: int) -> Event:
    """Return a turn that was committed."""
    answer = {"role": "assistant", "content": f"a{number}"}
    reply = {"choices": [{"index": 0, "text": f"a{number}"}], "status": "complete"}
    prompt = {"role": "user", "content": f"q{number}"}
    return {"id": f"id{number}", "alternatives": [{"messages": [prompt, answer], "reply": reply}]}


def turns(*numbers: int, keep: int = 0, name: str = "main") -> Event:
    found = [whole(number) for number in numbers]
    return {"event": "turns", "at": 1.0, "conversation": name, "keep": keep, "turns": found}


def journal(path: Path, *events: Event) -> Path:
    """Write a journal of those events."""
    lines = [{"format": FORMAT, "schema": SCHEMA}, *events]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def replayed(tmp_path: Path, *events: Event) -> Recovered:
    return read_journal(journal(tmp_path / "x.jsonl", *events))


def begun(tmp_path: Path, *events: Event) -> Turn:
    """Return the one turn that those events are of, which has not ended."""
    ((turn,),) = replayed(tmp_path, BEGAN, *events).conversations
    return turn


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([text("a"), text("b")], [(0, "ab", "")]),
        ([text("a", kind="reasoning"), text("b")], [(0, "b", "a")]),
        ([text("a"), thought(), text("b")], [(0, "b", "a")]),
        ([text("a", kind="reasoning"), text("b"), thought()], [(0, "", "ab")]),
        ([thought(), text("a")], [(0, "a", "")]),
        ([text("b", choice=1), text("a"), thought(1)], [(0, "a", ""), (1, "", "b")]),
        ([text("c", choice=2), text("a")], [(0, "a", ""), (2, "c", "")]),
        ([text("gone"), {"event": "round", "turn": "t", "messages": ROUND}, text("a")],
         [(0, "a", "")]),
        ([{"event": "round", "turn": "t", "messages": ROUND}], [(0, "", "")]),
        ([text("a"), text("of another", turn="u")], [(0, "a", "")]),
    ],
)  # fmt: skip
def test_what_had_come(tmp_path: Path, events: list[Event], expected: list[Any]) -> None:
    """Pieces of text and reasoning add up by choice; a round with tools begins the text anew."""
    choices = begun(tmp_path, *events).reply.choices
    assert [(choice.index, choice.text, choice.reasoning) for choice in choices] == expected


def test_all_that_is_told_of_a_turn(tmp_path: Path) -> None:
    """Its cell, its prompt as it was typed and sent, its server and parameters are there."""
    turn = begun(tmp_path, text("half"))
    exchange = turn.exchange
    assert (turn.id, turn.cell) == ("t", "c")
    assert [(m.role, m.text) for m in turn.messages] == [("user", "as sent"), ("assistant", "half")]
    assert (exchange.source, exchange.has_data, exchange.server) == ("as typed", True, "s")
    assert (turn.reply.model, turn.reply.status) == ("m", "interrupted")
    assert turn.reply.parameters == {"model": "m", "seed": 1}


def test_rounds_stand_before_the_answer(tmp_path: Path) -> None:
    """The prompt, its calls and their results are followed by what had come."""
    turn = begun(tmp_path, {"event": "round", "turn": "t", "messages": ROUND}, text("It is "))
    assert [m.role for m in turn.messages] == ["user", "assistant", "tool", "assistant"]
    assert turn.messages[-1].text == "It is "


@pytest.mark.parametrize(
    ("events", "prompts", "found"),
    [
        ([BEGAN], ("as typed",), []),
        ([{**BEGAN, "source": ""}], ("as sent",), []),
        ([BEGAN, text("")], ("as typed",), []),
        ([{**BEGAN, "prompt": None}, text("a")], (), []),
        ([BEGAN, text("a"), {"event": "ended", "turn": "t"}], (), []),
        ([BEGAN, {"event": "deleted", "conversation": "main"}, text("a")], (), []),
        ([BEGAN, {"event": "deleted", "conversation": "side"}, text("a")], (), ["as sent"]),
        ([turns(1), {**BEGAN, "turn": "id1"}, text("a", turn="id1")], (), ["q1"]),
        ([turns(1, 2), turns(3, keep=1)], (), ["q1", "q3"]),
        ([turns(1, 2), turns(2, 3, keep=2)], (), ["q1", "q2", "q3"]),
        ([turns(1), turns(2, keep=-1)], (), ["q2"]),
    ],
)
def test_prompts_and_turns(
    tmp_path: Path, events: list[Event], prompts: tuple[str, ...], found: list[str]
) -> None:
    """A prompt without an answer is told, one that ended or was deleted is not, none is twice."""
    made = replayed(tmp_path, *events)
    assert made.prompts == prompts
    assert [turn.prompt for talk in made.conversations for turn in talk] == found
    assert made.unread == 0


def test_names_are_followed(tmp_path: Path) -> None:
    """Turns, instruction, what is under way and the current one go along with a new name."""
    made = replayed(
        tmp_path,
        turns(1, name="a"),
        {"event": "system", "conversation": "a", "system": "S"},
        turns(2, name="b"),
        {"event": "current", "conversation": "b"},
        {**BEGAN, "conversation": "b"},
        {"event": "renamed", "conversation": "a", "name": "c"},
        {"event": "renamed", "conversation": "b", "name": "d"},
        text("half"),
    )
    found = {
        talk.name: (talk.system, [turn.prompt for turn in talk]) for talk in made.conversations
    }
    assert list(found.items()) == [("d", (None, ["q2", "as sent"])), ("c", ("S", ["q1"]))]
    assert made.at == 5.0


@pytest.mark.parametrize(("renamed", "names"), [("a", ["b", "c"]), ("b", ["c", "a"])])
def test_the_current_one_stays_so(tmp_path: Path, renamed: str, names: list[str]) -> None:
    """It comes first, whichever of them gets another name."""
    made = replayed(
        tmp_path,
        turns(1, name="a"),
        turns(2, name="b"),
        {"event": "current", "conversation": "b"},
        {"event": "renamed", "conversation": renamed, "name": "c"},
    )
    assert [talk.name for talk in made.conversations] == names


@pytest.mark.parametrize(
    "event",
    [
        {"event": "answers", "conversation": "main", "turn": "id1", "chosen": 1},
        {"event": "turns", "conversation": "main", "turns": [{**whole(2), "chosen": 3}]},
        {"event": "turns", "conversation": "\n", "turns": [whole(2)]},
        {"event": "renamed", "conversation": "main", "name": " "},
        {"event": "unknown"},
    ],
)
def test_what_cannot_be_is_counted(tmp_path: Path, event: Event) -> None:
    """An event that cannot be does nothing but count as unread."""
    made = replayed(tmp_path, turns(1), event)
    ((turn,),) = made.conversations
    assert (turn.prompt, len(turn.alternatives), made.unread) == ("q1", 1, 1)


def test_a_turn_that_cannot_be_is_counted(tmp_path: Path) -> None:
    """One under way whose call has no result yet is left out, as it could not be sent."""
    made = replayed(tmp_path, BEGAN, {"event": "round", "turn": "t", "messages": ROUND[:2]})
    assert (made.conversations, made.prompts, made.unread) == ((), (), 1)


def test_what_is_wrong_with_the_files_that_are_there(tmp_path: Path) -> None:
    """Where none can be read the message names the first problem, and the way on."""
    (tmp_path / "x.jsonl").write_text("{}\n")
    with pytest.raises(UsageError) as caught:
        recover(folder=tmp_path)
    assert str(caught.value) == (
        f"there is no journal of an earlier kernel in {tmp_path}; {tmp_path / 'x.jsonl'} is no "
        "journal of eighty80_jupyter; %config ChatConfig.autosave = True begins one"
    )


def test_one_journal_is_told_as_one(tmp_path: Path) -> None:
    """Who asks for the second of one is told how many there are."""
    journal(tmp_path / "x.jsonl", turns(1))
    assert recover(folder=tmp_path).earlier is False
    with pytest.raises(UsageError, match=r"^there is 1 journal to recover from, got 2$"):
        recover(2, folder=tmp_path)
