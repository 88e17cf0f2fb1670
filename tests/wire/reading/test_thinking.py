"""Reasoning that a model writes into its text is told from the answer, however it is cut."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.reading import read, reply_to, snapshot, stream_of
from tests.support.replies import chunk
from tests.wire.cuts import ANY_CUT

STOP = chunk(finish_reason="stop")

# The text as the model writes it, the reasoning, the answer.
FORMS: dict[str, tuple[str, str, str]] = {
    "usual": ("<think>\nHm.\n</think>\n\nFour.", "Hm.", "Four."),
    "on one line": ("<think>Hm.</think>Four.", "Hm.", "Four."),
    "spaces before": (" \n<think>Hm.</think> Four.", "Hm.", "Four."),
    "nothing thought": ("<think>\n\n</think>\n\nFour.", "", "Four."),
    "unclosed": ("<think>Hm. Perhaps", "Hm. Perhaps", ""),
    "unclosed, half a closing tag": ("<think>Hm. </thi", "Hm. </thi", ""),
    "lone": ("Hm. So it is.\n</think>\n\nFour.", "Hm. So it is.", "Four."),
    "lone, on one line": ("Hm.</think>Four.", "Hm.", "Four."),
    "lone, first of all": ("\n</think>\n\nFour.", "", "Four."),
    "code in the reasoning": (
        "<think>`</think>` ends it.\nx = 'a'\n</think>Four.",
        "`</think>` ends it.\nx = 'a'",
        "Four.",
    ),
    "a quotation ends the reasoning": ('<think>He said "so"</think>Four.', 'He said "so"', "Four."),
    "code in lone reasoning": ("```\nx\n```\nHm.\n</think>Four.", "```\nx\n```\nHm.", "Four."),
    "tag in the answer": (
        "<think>a</think>Use <think>b</think>.",
        "a",
        "Use <think>b</think>.",
    ),
    "thinking": ("<thinking>Hm.</thinking>\nFour.", "Hm.", "Four."),
    "thought": ("<thought>Hm.</thought>Four.", "Hm.", "Four."),
    "reasoning": ("<reasoning>Hm.</reasoning>Four.", "Hm.", "Four."),
    "Magistral": ("[THINK]Hm.[/THINK]Four.", "Hm.", "Four."),
    "Kimi": ("\u25c1think\u25b7Hm.\u25c1/think\u25b7Four.", "Hm.", "Four."),
    "Seed": ("<seed:think>Hm.</seed:think>Four.", "Hm.", "Four."),
    "Cohere": ("<|START_THINKING|>Hm.<|END_THINKING|>Four.", "Hm.", "Four."),
    "Gemma": ("<|channel>thought\nHm.<channel|>Four.", "Hm.", "Four."),
    "harmony": (
        (
            "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>"
            "Four.<|return|>"
        ),
        "Hm.",
        "Four.",
    ),
    "harmony, from its start": (
        (
            "<|start|>assistant<|channel|>analysis<|message|>Hm.<|end|>"
            "<|start|>assistant<|channel|>final<|message|>Four."
        ),
        "Hm.",
        "Four.",
    ),
    "harmony without an analysis": ("<|channel|>final<|message|>Four.<|return|>", "", "Four."),
    "harmony, twice": (
        (
            "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>analysis<|message|>"
            "So.<|end|><|start|>assistant<|channel|>commentary<|message|>Wait.<|end|>"
            "<|start|>assistant<|channel|>final<|message|>Four."
        ),
        "Hm.\n\nSo.",
        "Wait.\n\nFour.",
    ),
    "harmony, cut off": ("<|channel|>analysis<|message|>Hm. <|e", "Hm. <|e", ""),
    "harmony with a call": (
        (
            "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary "
            'to=functions.f <|constrain|>json<|message|>{"a": 1}<|call|>'
        ),
        "Hm.",
        (
            "<|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|>"
            '{"a": 1}<|call|>'
        ),
    ),
}
TEXTS = {
    "no tag": "Four.",
    "nothing": "",
    "spaces": " \n ",
    "half a tag": "<thi",
    "half a closing tag": "So </thi",
    "tag in the middle": "Use <think>this</think> tag.",
    "open tag in the middle": "Use <think> so.",
    "in a code span": "The tag `</think>` ends it. And `<think>` begins it.",
    "in quotes": 'The tag "</think>" ends it.',
    "in single quotes": "The tag '</think>' ends it.",
    "in curly quotes": "The tag \u201c</think>\u201d ends it.",
    "in a fence": "See:\n```html\n</think>\n```\nDone.",
    "in an open fence": "~~~\na\n</think>\n",
    "quoted at the beginning": "`<think>` begins it.",
    "in JSON": '{"html": "so </think> so"}',
    "in a list": '["</think>", 1]',
    "other tags": "<b>Four</b> </p> <third> < think> </ think>",
    "harmony in the middle": "The mark <|channel|>analysis<|message|> is one.",
    "comparisons": "a < b << c <<< d </",
    "brackets": "[THIN] so",
    "many quoted": "`</think>` " * 40,
}


def pieces_of(text: str, size: int) -> list[dict[str, Any]]:
    """Cut a text into chunks."""
    return [chunk({"content": text[at : at + size]}) for at in range(0, len(text), size)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_reasoning_is_told_from_the_answer(size: int, subtests: pytest.Subtests) -> None:
    """Each form is reasoning and answer, in pieces of any size."""
    for form, (text, thought, answer) in FORMS.items():
        with subtests.test(form):
            reply = reply_to(*pieces_of(text, size), STOP)
            assert (reply.reasoning, reply.text) == (thought, answer)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_what_is_no_reasoning_stays_text(size: int, subtests: pytest.Subtests) -> None:
    """A tag that is quoted, in code, or not at the beginning is text, to the last character."""
    for row, text in TEXTS.items():
        with subtests.test(row):
            reply = reply_to(*pieces_of(text, size), STOP)
            assert (reply.reasoning, reply.text) == ("", text)


@pytest.mark.parametrize("form", FORMS)
def test_the_splitting_can_be_turned_off(form: str) -> None:
    """Then the text is what the model wrote."""
    text = FORMS[form][0]
    deltas, _ = read([stream_of([*pieces_of(text, 3), STOP])], split_reasoning=False)
    assert (snapshot(deltas).reasoning, snapshot(deltas).text) == ("", text)


def test_a_whole_message_is_split_too() -> None:
    """What a server does not stream is read in the same way, and JSON is found behind it."""
    reply = reply_to(
        {
            "choices": [
                {"message": {"content": '<think>Hm.</think>{"a": 1}'}, "finish_reason": "stop"}
            ]
        }
    )
    assert (reply.reasoning, reply.json()) == ("Hm.", {"a": 1})


def test_a_tag_left_by_a_server_that_splits_is_taken_off() -> None:
    """Where reasoning came in its field, a closing tag that begins the text is none of it."""
    reply = reply_to(
        chunk({"reasoning_content": "Hm."}), chunk({"content": "</think>\n\nFour."}), STOP
    )
    assert (reply.reasoning, reply.text) == ("Hm.", "Four.")
    reply = reply_to(chunk({"reasoning": "Hm."}), chunk({"content": "Four </think> five."}), STOP)
    assert (reply.reasoning, reply.text) == ("Hm.", "Four </think> five.")


def test_reasoning_is_not_sent_back() -> None:
    """The message of the history has the answer only."""
    choice = reply_to(chunk({"content": "<think>Hm.</think>Four."}), STOP).choices[0]
    assert choice.to_message().to_wire() == {"role": "assistant", "content": "Four."}


def test_choices_are_split_each_for_itself() -> None:
    """The reasoning of one answer ends nothing in another."""
    reply = reply_to(
        chunk({"content": "<think>a"}),
        chunk({"content": "one"}, index=1),
        chunk({"content": "</think>b"}),
        chunk({"content": " two"}, index=1),
        choices=2,
    )
    assert [(c.reasoning, c.text) for c in reply.choices] == [("a", "b"), ("", "one two")]


PIECES = st.sampled_from(
    ["<think>", "</think>", "<", "think>", "a", "\n", '"', "`", "```\n", "<|channel|>", "final",
     "<|message|>", "analysis", "<|end|>", "[THINK]", "{", " "]
)  # fmt: skip


@ANY_CUT
@given(data=st.data(), text=st.lists(PIECES, max_size=9).map("".join))
def test_any_cut_gives_the_same_reasoning(data: st.DataObject, text: str) -> None:
    """Where a text is cut into chunks changes nothing."""
    expected = reply_to(*pieces_of(text, 1000), STOP)
    size = data.draw(st.integers(1, 5))
    reply = reply_to(*pieces_of(text, size), STOP)
    assert (reply.reasoning, reply.text) == (expected.reasoning, expected.text)
