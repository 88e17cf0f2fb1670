"""The last line of a reply: which facts it has, and in which words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from eighty80_jupyter.api.messages import Message
from eighty80_jupyter.api.reply import CallRecord, Choice, Reply, Usage
from eighty80_jupyter.conversation.turn import Turn
from eighty80_jupyter.notebook.cell.summary import facts, last_line, settings, which_answer
from tests.support.talks import plain_exchange


def replied(text: str = "x", finish_reason: str | None = "stop", **more: Any) -> Reply:
    """Return a reply of a model `m`."""
    return Reply(choices=(Choice(text=text, finish_reason=finish_reason),), model="m", **more)


@pytest.mark.parametrize(
    ("waited", "words"),
    [(0.0, []), (0.49, []), (0.5, ["waited 0.50 s for your answer"])],
)
def test_the_seconds_of_tools_and_of_the_user_stand_beside(waited: float, words: list[str]) -> None:
    """Those of the model are its own; a moment of waiting is not worth a word."""
    call = CallRecord(id="c", name="f", shown="f()", status="done", seconds=12.0)
    reply = replied(seconds=15.0 + waited, tool_seconds=12.0 + waited, calls=(call,), rounds=2)
    assert facts(reply) == ["m", "2 rounds", "1 call", "3.00 s", "tools 12.0 s", *words]


def test_numbers_are_for_people() -> None:
    """One of a thing is no plural, thousands have a comma, and no rate more than two digits."""
    one = replied(usage=Usage(completion_tokens=1), seconds=4.0)
    assert facts(one) == ["m", "1 token", "4.00 s", "0.2 tokens/s"]
    many = replied(usage=Usage(completion_tokens=17_000, decode_rate=9.96), seconds=10.0)
    assert facts(many) == [
        "m", "17,000 tokens", "10.0 s", "1,700 tokens/s", "10.0 tokens/s on the chip",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (replied(), []),
        (replied(finish_reason=None), []),
        (replied(finish_reason="length"), ["cut at the length limit (length)"]),
        (replied(finish_reason="content_filter"), ["stopped: content_filter"]),
        (replied(status="interrupted", finish_reason="length"), ["interrupted"]),
        (replied(status="error"), ["broken off"]),
        (replied(problems=("a",), attempts=3), ["not of the type that was asked for"]),
        (replied(values=(1,), attempts=2), ["valid at attempt 2"]),
        (replied(values=(1,)), []),
        (replied(stopped="repeated"), ["no more calls after the same one three times"]),
        (replied("", status="interrupted"), ["interrupted"]),
        (replied(""), ["the model gave no answer", "not sent with later prompts"]),
    ],
)
def test_how_it_ended(reply: Reply, said: list[str]) -> None:
    """What a user should know stands behind the seconds."""
    assert facts(reply) == ["m", "0.00 s", *said]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("x" * 40, "x" * 40),
        ("x" * 41, "x" * 39 + "…"),
        ("", '""'),
        ("a\nb", '"a\\nb"'),
        ({"type": "json_object"}, "json_object"),
        ({"type": "json_schema", "json_schema": {"name": "Person"}}, "json_schema Person"),
        ({"type": "function", "name": "f"}, '{"type": "function", "name": "f"}'),
        (["é"], '["é"]'),
        (0, "0"),
    ],
)
def test_values_of_parameters_are_short(value: Any, shown: str) -> None:
    """In one line; the model is none of them, nor is what was not set."""
    assert settings({"model": "m", "stop": value, "seed": None}) == [f"stop {shown}"]


def test_of_several_answers_it_tells_which_counts_and_how_the_others_differ() -> None:
    """From the one that counts; of more than five others, the first five."""
    asked: list[dict[str, Any]] = [{"seed": 1}, {"seed": 2, "top_p": 0.5}, {"seed": 1}]
    answers = [
        replace(one, reply=replace(one.reply, parameters=parameters))
        for parameters in asked
        for one in [plain_exchange("a", "b")]
    ]
    answers[2] = replace(answers[2], messages=(Message("user", "other"), answers[2].messages[1]))
    turn = Turn(alternatives=tuple(answers), chosen=1)
    assert which_answer(turn) == (
        "2 of 3; answer 1: seed 1, without top_p; answer 3: another prompt, seed 1, without top_p"
    )
    assert which_answer(replace(turn, alternatives=(answers[0],), chosen=0)) == ""
    same = replace(turn, alternatives=(answers[0],) * 2, chosen=0)
    assert which_answer(same) == "1 of 2"
    many = replace(turn, alternatives=(answers[1], *[answers[0]] * 7), chosen=0)
    assert which_answer(many).count("seed 1") == 5
    model = replace(answers[0], reply=replace(answers[0].reply, model="another"))
    assert (
        which_answer(replace(same, alternatives=(answers[0], model))) == "1 of 2; answer 2: another"
    )


def test_notes_stand_at_the_end() -> None:
    """Those of the reply, then those of the cell."""
    assert last_line(replied(notes=("a", "b")), ["c"]) == "m · 0.00 s · a · b · c"
