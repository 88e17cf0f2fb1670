"""What is shown of a conversation: bounded, safe, and with the alternatives told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eighty80_jupyter.api.messages import Message
from eighty80_jupyter.api.reply import Choice, Reply, Usage
from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.conversation.conversation import Conversation
from eighty80_jupyter.conversation.turn import Exchange, Turn
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.cell.views import turns
from eighty80_jupyter.session.session import Session


def exchange(prompt: str, answer: str, *, tokens: int | None = None) -> Exchange:
    """Make an exchange of a prompt and an answer."""
    usage = None if tokens is None else Usage(prompt_tokens=10, completion_tokens=tokens)
    return Exchange(
        messages=(Message("user", prompt), Message("assistant", answer)),
        reply=Reply(choices=(Choice(text=answer, finish_reason="stop"),), model="m", usage=usage),
    )


def talk(*answers: str) -> Conversation:
    """Make a conversation with these answers."""
    given = [Turn(alternatives=(exchange(f"q{n}", a),)) for n, a in enumerate(answers, 1)]
    return Conversation("main", given)


def test_answers_are_numbered_where_there_are_several() -> None:
    """One stands alone above its line, with what was thought before it."""
    one = exchange("q", "**first**").reply
    html = turns.reply_html(one)
    assert "Answer 1" not in html
    assert "<strong>first</strong>" in html
    assert "m · " in html
    choices = (Choice(text="first", reasoning="why"), Choice(index=1, refusal="I will not."))
    html = turns.reply_html(Reply(choices=choices, model="m"))
    assert html.index("Answer 1") < html.index("first") < html.index("Answer 2")
    assert "why" in html
    assert "I will not." in html


def test_a_turn_with_alternatives() -> None:
    """The answer that counts is shown, with its number among all."""
    turn = Turn(alternatives=(exchange("q", "first", tokens=3), exchange("q", "second")), chosen=0)
    conversation = Conversation("main", [turn], system="Be <brief>.")
    text, html = turns.conversation_text(conversation), turns.conversation_html(conversation)
    assert text == (
        "Instruction: Be <brief>.\n\n1. You:\nq\n\nModel · 1 of 2:\nfirst\n[m · 3 tokens · 0.00 s]"
    )
    assert "Model · 1 of 2" in html
    assert "second" not in html
    assert "Be &lt;brief&gt;." in html


def test_every_answer_of_a_turn_is_shown() -> None:
    """One that was asked for several times over has several, as text and on the page."""
    reply = Reply(choices=(Choice(text="red"), Choice(index=1, refusal="No.")), model="m")
    messages = (Message("user", "q"), Message("assistant", "red"))
    turn = Turn(alternatives=(Exchange(messages=messages, reply=reply),))
    text, html = turns.turn_text(1, turn), turns.turn_html(1, turn)
    assert "Model:\nAnswer 1:\nred\nAnswer 2:\nNo.\n[m" in text
    assert "red" in html
    assert "No." in html


def test_what_was_typed_and_answered_runs_nothing() -> None:
    """A prompt, an instruction and an answer are data: no markup of theirs takes effect."""
    evil = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    turn = Turn(alternatives=(exchange(evil, evil),))
    html = turns.conversation_html(Conversation("main", [turn], system=evil)).lower()
    assert "<script" not in html
    assert "<img" not in html


def test_many_turns_are_few_on_the_page() -> None:
    """The last twenty turns are shown; fewer where they are long, but always the last."""
    conversation = talk(*("a" * 10 for _ in range(100)))
    assert turns.wanted(conversation) == range(81, 101)
    conversation = talk(*("a" * 90_000 for _ in range(5)))
    assert turns.wanted(conversation) == range(4, 6)
    conversation = talk("short", "a" * 900_000)
    assert turns.wanted(conversation) == range(2, 3)
    assert turns.wanted(Conversation()) == range(1, 1)
    assert "empty" in turns.conversation_html(Conversation())


@given(st.integers(1, 60), st.integers(1, 70), st.integers(0, 70))
def test_any_range_is_shown_or_refused(count: int, first: int, last: int) -> None:
    """A range shows just its turns and tells how many are left out on each side."""
    conversation = talk(*("a" for _ in range(count)))
    which = f"{first}-{last}" if last else f"{first}-"
    try:
        shown = turns.wanted(conversation, which)
    except UsageError:
        assert first > count or 0 < last < first
        return
    text = turns.conversation_text(conversation, shown)
    assert list(shown) == list(range(first, min(last or count, count) + 1))
    assert ("earlier turn" in text) == (first > 1)
    assert ("more: %chat --history" in text) == (shown.stop <= count)


@pytest.mark.parametrize("code", ["x = '```'", "````\n```", "plain"])
def test_code_with_backticks_stays_code(code: str) -> None:
    """Whatever the code holds, it is one block."""
    html = turns.code_html(code, "python")
    assert html.count("<pre") == 1
    assert html.count("`") == code.count("`")


def test_status_counts_all_answers() -> None:
    """Where you stand: turns, alternatives, tokens so far, the other conversations."""
    session = Session(ChatConfig(), environ={})
    turn = Turn(alternatives=(exchange("q", "a", tokens=3), exchange("q", "b", tokens=4)))
    session.conversation.restore([turn, *talk("c")], system=None)
    session.conversations.new("side")
    session.conversations.use("main")
    text = turns.table_text(turns.status_rows(session))
    assert "Conversation  main: 2 turns, 4 messages; 1 with alternatives" in text
    assert "Tokens        20 sent, 7 written; 1 not counted by the server" in text
    assert "Others        side: %chat --use NAME" in text
