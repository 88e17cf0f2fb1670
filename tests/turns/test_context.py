"""What a turn learns of the model's limit, and what of the history it sends then."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from eighty80_jupyter.api.messages import Message, ToolCall
from eighty80_jupyter.api.reply import Reply
from eighty80_jupyter.conversation.conversation import Conversation, Summary
from eighty80_jupyter.conversation.turn import Exchange, Turn
from eighty80_jupyter.errors import ContextLengthError
from eighty80_jupyter.turns.context import Context, ContextSettings
from eighty80_jupyter.turns.window import Window
from tests.support.talks import plain_turn, talk

HEAD = [Message("system", "Be brief.")]
TAIL = [Message("user", "And now?")]


def words(count: int) -> str:
    """Return a text of so many tokens."""
    return " ".join(["word"] * count)


def long_talk(turns: int = 4, count: int = 95) -> Conversation:
    """Make a conversation; each turn takes 110 tokens with 95 words in the answer."""
    return talk(*((f"{n} " + words(4), words(count)) for n in range(turns)))


class Model:
    """Writes summaries, and keeps what it was asked."""

    def __init__(self, *texts: str | Exception) -> None:
        self.texts = list(texts)
        self.asked: list[list[Message]] = []

    async def __call__(self, messages: Sequence[Message]) -> str:
        self.asked.append(list(messages))
        text = self.texts.pop(0) if len(self.texts) > 1 else self.texts[0]
        if isinstance(text, Exception):
            raise text
        return text


def context(
    made: Conversation, model: Model | None = None, **settings: Any
) -> tuple[Context, list[int]]:
    """Make a context, and the list of the limits that it has told to remember."""
    told: list[int] = []
    ask = model or Model("never asked")
    known = ContextSettings(remember=told.append, **settings)
    return Context(made, made.turns(), known, ask), told


def too_long(limit: int | None = None) -> ContextLengthError:
    """Make the error of a server."""
    error = ContextLengthError("too long", status_code=400)
    error.limit = limit
    return error


def sent(made: Context) -> list[Message]:
    """Return what would be sent."""
    return asyncio.run(made.messages(HEAD, TAIL))


@pytest.mark.parametrize("policy", ["trim", "summarize"])
def test_a_request_is_made_four_times_at_most(policy: str) -> None:
    """Three times more is learned of the limit, then the error is the user's."""
    made, _ = context(long_talk(), policy=policy)
    assert [made.learn(too_long(), TAIL) for _ in range(4)] == [True, True, True, False]


def test_what_cannot_be_shortened_is_not_sent_again() -> None:
    """With the policy `error`, or without a history, another attempt would be the same."""
    assert not context(long_talk(), policy="error")[0].learn(too_long(50), TAIL)
    assert not context(Conversation(), policy="trim")[0].learn(too_long(50), TAIL)


def test_a_limit_that_the_server_names_is_remembered_and_counts() -> None:
    """The next messages fit into it."""
    made, told = context(long_talk(), policy="trim")
    assert len(sent(made)) == 10
    assert made.learn(too_long(400), sent(made))
    assert told == [400]
    assert [m.text[:1] for m in sent(made)[1:-1:2]] == ["2", "3"]
    assert made.note == "not sent: 2 old turns"


def test_an_unnamed_limit_is_three_quarters_of_what_was_sent() -> None:
    """And never less than 64 tokens, below which none makes sense."""
    made, told = context(long_talk(), policy="trim")
    made.learn(too_long(), [Message("user", words(395))])
    assert told == [300]
    made, told = context(long_talk(), policy="trim", ratio=2.0)
    made.learn(too_long(), [Message("user", words(395))])
    assert told == [600]
    made, told = context(long_talk(), policy="trim")
    made.learn(too_long(), [Message("user", words(5))])
    assert told == [64]


@pytest.mark.parametrize(
    ("known", "named", "then"),
    [
        (400, 400, 300),  # the estimate was too low
        (400, 1000, 300),
        (400, 399, 399),
        (1000, 200, 200),
    ],
)
def test_a_limit_that_was_known_already_becomes_less(known: int, named: int, then: int) -> None:
    """What the server names is remembered; this turn goes on with less than what was refused."""
    made, told = context(long_talk(1, 5), policy="trim", limit=known)
    made.learn(too_long(named), TAIL)
    assert told == [named]
    with pytest.raises(ContextLengthError) as caught:
        made.fitted(HEAD, [Message("user", words(1000))])
    assert caught.value.limit == then


def test_of_a_limit_that_is_too_high_less_is_tried_each_time() -> None:
    """Where no error names one, each attempt sends less than the one before."""
    made, _ = context(long_talk(8), policy="trim", limit=1000)
    counts = [len(sent(made))]
    while made.learn(too_long(), [Message("user", words(2000))]):
        counts.append(len(sent(made)))
    assert counts == sorted(counts, reverse=True)
    assert len(set(counts)) == len(counts) == 4


def test_a_history_that_fits_exactly_is_sent() -> None:
    """With the user's own limit nothing is refused that has room, and one token more is."""
    talked = long_talk(2)  # 220 tokens; 8 of the instruction and 8 of the prompt
    made, _ = context(talked, policy="error", strict=True, limit=236 + 50, answer=50)
    assert len(made.fitted(HEAD, TAIL)) == 6
    made, _ = context(talked, policy="error", strict=True, limit=235 + 50, answer=50)
    with pytest.raises(ContextLengthError) as caught:
        made.fitted(HEAD, TAIL)
    assert str(caught.value) == (
        "the conversation takes about 236 tokens, and the model has room for 285 with its answer; "
        "send less, start anew with %chat --new, or let old turns go: "
        "%config ChatConfig.context_policy = 'trim'"
    )
    assert (caught.value.limit, caught.value.status_code) == (285, 0)


def test_a_prompt_that_fits_exactly_is_sent() -> None:
    """What stands before it is dropped; a longer one is refused."""
    made, _ = context(long_talk(2), policy="trim", limit=16 + 10, answer=10)
    assert made.fitted(HEAD, TAIL) == [*HEAD, *TAIL]
    made, _ = context(long_talk(2), policy="trim", limit=15 + 10, answer=10)
    with pytest.raises(ContextLengthError) as caught:
        made.fitted(HEAD, TAIL)
    assert str(caught.value) == (
        "the prompt with its instruction takes about 16 tokens, and the model has room for 25 with "
        "its answer; send less, or ask for a shorter answer"
    )


def test_with_the_policy_error_a_limit_that_was_learned_refuses_nothing() -> None:
    """The server said it once; it may take more the next time, and says so itself."""
    made, _ = context(long_talk(), policy="error", limit=64)
    assert len(sent(made)) == 10
    assert made.note == ""


def test_the_oldest_turns_are_condensed_in_the_models_own_words() -> None:
    """The request tells how long the summary may be, and has the turns with who said what."""
    talked, model = long_talk(6), Model(" They spoke. ")
    made, _ = context(talked, model, policy="summarize", limit=600)
    messages = sent(made)
    assert [m.role for m in messages] == ["system", *["user", "assistant"] * 2, "user"]
    assert messages[1].text == "Summary of our conversation so far:\n\nThey spoke."
    assert messages[2].text == "I have it in mind."
    assert messages[3].text.startswith("5")  # half of the room is left for the next turns
    assert made.note == "sent as a summary: 5 old turns"
    assert talked.summary == Summary("They spoke.", tuple((t.id, 0) for t in talked[:5]))
    instruction, script = model.asked[0]
    assert (instruction.role, script.role) == ("system", "user")
    assert "Write at most 75 words" in instruction.text  # a sixth of the room, which is 450
    assert script.text.startswith(f"User: 0 {words(4)}\nAssistant: {words(95)}\n\nUser: 1 ")


def test_what_does_not_fit_at_once_is_condensed_in_pieces() -> None:
    """Each request has the summary of the pieces before, and as many turns as there is room for."""
    talked, model = long_talk(9), Model("first", "second", "third", "fourth")
    made, _ = context(talked, model, policy="summarize", limit=600)
    sent(made)
    scripts = [asked[1].text for asked in model.asked]
    assert len(scripts) > 1
    assert scripts[1].startswith("Summary of our conversation so far:\n\nfirst\n\nUser: ")
    seen = [[n for n in range(9) if f"User: {n} " in text] for text in scripts]
    condensed = [n for each in seen for n in each]
    assert condensed == list(range(len(condensed)))
    assert talked.summary is not None
    assert len(talked.summary.covers) == len(condensed)


def test_a_summary_at_hand_is_sent_again_and_nobody_is_asked() -> None:
    """As long as it is one of the turns that stand at the beginning, with the answers chosen."""
    talked, model = long_talk(6), Model("They spoke.")
    sent(context(talked, model, policy="summarize", limit=600)[0])
    made, _ = context(talked, Model(AssertionError("asked")), policy="summarize", limit=600)
    assert sent(made)[1].text.endswith("They spoke.")
    assert made.note == "sent as a summary: 5 old turns"
    preview = context(talked, policy="summarize", limit=600)[0]
    assert preview.preview(HEAD, TAIL) == sent(made)
    for other in ({"policy": "trim", "limit": 600}, {"policy": "summarize"}):
        plain = context(talked, **other)[0]
        assert plain.preview(HEAD, TAIL) == plain.fitted(HEAD, TAIL)
    assert preview.note == made.note
    talked.add_alternative(talked[0].id, talked[0].exchange)
    again = Model("anew")
    assert sent(context(talked, again, policy="summarize", limit=600)[0])[1].text.endswith("anew")
    assert again.asked


def test_a_history_that_fits_is_not_condensed() -> None:
    """It is sent as it is, and shown so."""
    talked = long_talk(2)
    made, _ = context(talked, Model(AssertionError("asked")), policy="summarize", limit=600)
    assert sent(made) == [*HEAD, *(m for turn in talked for m in turn.messages), *TAIL]
    assert made.note == ""
    messages = sent(made)
    assert made.preview(HEAD, TAIL) == messages
    assert made.note == ""


def test_a_summary_grows_with_the_conversation() -> None:
    """What is condensed later is told with the summary of what was condensed before."""
    talked = long_talk(6)
    sent(context(talked, Model("first"), policy="summarize", limit=600)[0])
    for number in range(6, 9):
        talked.commit(plain_turn(f"{number} {words(4)}", words(95)))
    model = Model("second")
    messages = sent(context(talked, model, policy="summarize", limit=600)[0])
    assert messages[1].text.endswith("so far:\n\nsecond")
    start, _, rest = model.asked[0][1].text.partition("\n\nUser: 5 ")
    assert start == "Summary of our conversation so far:\n\nfirst"
    assert rest
    assert talked.summary is not None
    count = len(talked.summary.covers)
    assert talked.summary.covers == tuple((turn.id, 0) for turn in talked[:count])
    assert [m.text[:1] for m in messages[3:-1:2]] == [str(n) for n in range(count, 9)]


def test_what_is_condensed_leaves_half_of_the_room() -> None:
    """The summary, and the latest turns that fit beside the prompt into that half."""
    talked = long_talk(40, 5)  # 20 tokens each
    made, _ = context(talked, Model("short"), policy="summarize", limit=600, answer=100)
    prompt = [Message("user", words(95))]
    messages = asyncio.run(made.messages([], prompt))
    # Half of the limit and of the prompt, without the answer and the prompt: 250 of 400 - 150.
    assert len(messages) == 2 + 2 * ((600 // 2 + 100 // 2 - 100 - 100) // 20) + 1


def test_each_request_to_condense_has_room_for_its_answer() -> None:
    """No request takes more than the window, with the summary that is to come."""
    talked, model = long_talk(30), Model("a summary of words")
    made, _ = context(talked, model, policy="summarize", limit=600)
    sent(made)
    window = Window(600)
    most = window.room - 2 * 75
    sizes = [window.tokens(asked) for asked in model.asked]
    assert all(most - 130 < size <= most for size in sizes[:-1])
    assert sizes[-1] <= most


def test_a_prompt_beside_a_summary_is_counted_with_it() -> None:
    """The summary takes its room; where it and the rest do not fit it is made anew."""
    talked = long_talk(6)
    talked.summary = Summary(words(120), tuple((turn.id, 0) for turn in talked[:3]))
    made, _ = context(talked, Model("anew"), policy="summarize", limit=600)
    made.preview(HEAD, TAIL)
    assert made.note == "condensed by the model first: the oldest turn"


def test_a_preview_tells_what_would_be_condensed() -> None:
    """It asks nobody, and what fits without it is shown."""
    talked = long_talk(6)
    made, _ = context(talked, Model(AssertionError("asked")), policy="summarize", limit=600)
    shown = made.preview(HEAD, TAIL)
    assert made.note == "condensed by the model first: 3 old turns"
    assert [m.text[:1] for m in shown[1:-1:2]] == ["3", "4", "5"]


def test_without_a_summary_the_oldest_turns_are_dropped() -> None:
    """A model that writes nothing stops no turn."""
    talked = long_talk(6)
    made, _ = context(talked, Model(" "), policy="summarize", limit=600)
    assert [m.text[:1] for m in sent(made)[1:-1:2]] == ["3", "4", "5"]
    assert (made.note, talked.summary) == ("not sent: 3 old turns", None)


def test_a_summary_that_is_too_long_is_cut() -> None:
    """To twice the words that were asked for, so that the latest turns still have their room."""
    talked = long_talk(6)
    made, _ = context(talked, Model(words(2000)), policy="summarize", limit=600)
    messages = sent(made)
    assert talked.summary is not None
    assert 100 < len(talked.summary.text.split()) <= 150
    assert messages[-1] == TAIL[0]
    assert len(messages) > 5


def test_a_long_turn_is_condensed_by_its_two_ends() -> None:
    """What stands in its middle is left out, and marked."""
    talked = talk((words(5), "start " + words(3000) + " end"), ("b", words(95)))
    model = Model("They spoke.")
    sent(context(talked, model, policy="summarize", limit=600)[0])
    script = model.asked[0][1].text
    assert script.startswith(f"User: {words(5)}\nAssistant: start word")
    assert script.endswith("word end")
    assert "\n[...]\n" in script
    assert 850 <= len(script) <= 910  # two characters for each of the 450 tokens of the room


def test_a_limit_is_learned_while_condensing() -> None:
    """What was refused there counts as an attempt of the turn; in the end its error is told."""
    model = Model(too_long(300), "They spoke.")
    made, told = context(long_talk(6), model, policy="summarize", limit=600)
    assert sent(made)[1].text.endswith("They spoke.")
    assert told == [300]
    never = too_long()
    made, told = context(long_talk(6), Model(never), policy="summarize", limit=600)
    with pytest.raises(ContextLengthError) as caught:
        sent(made)
    assert caught.value is never
    assert len(told) == 4


def test_what_tools_found_is_condensed_too() -> None:
    """Each line says whose it is; calls without a text have none."""
    call = ToolCall(id="c", name="look", arguments="{}")
    messages = (
        Message("user", "look"),
        Message("assistant", None, (call,)),
        Message("tool", "a cat", tool_call_id="c"),
        Message("developer", "aside"),
        Message("assistant", words(300)),
    )
    exchange = Exchange(messages=messages, reply=Reply())
    talked = Conversation(turns=[Turn(alternatives=(exchange,)), *long_talk(3)])
    model = Model("They spoke.")
    sent(context(talked, model, policy="summarize", limit=600)[0])
    assert model.asked[0][1].text.startswith(
        "User: look\nTool: a cat\ndeveloper: aside\nAssistant: word word"
    )
