"""What of a history fits into a model's window."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eighty80_jupyter.api.messages import Message, ToolCall
from eighty80_jupyter.api.reply import Choice, Reply
from eighty80_jupyter.conversation.turn import Exchange, Turn
from eighty80_jupyter.prompt.blocks import without_data
from eighty80_jupyter.turns import window as limits
from eighty80_jupyter.turns.window import Window, fit

DATA = '<data name="{name}" type="pandas.DataFrame" id="5f0c9a3e">\n{text}\n</data>'


def block(name: str, words: int) -> str:
    """Return a block of data as the composer writes it."""
    return DATA.format(name=name, text="word " * words)


def turn(number: int, words: int = 20, *, data: int = 0, tools: int = 0) -> Turn:
    """Return a turn with so many words in its answer, so many of data, and so many tool calls."""
    prompt = f"question {number}" + (f"\n\n{block(f'df{number}', data)}" if data else "")
    messages = [Message("user", prompt)]
    for call in range(tools):
        name = f"call_{number}_{call}"
        messages += [
            Message("assistant", None, (ToolCall(id=name, name="look", arguments="{}"),)),
            Message("tool", "found it", tool_call_id=name),
        ]
    answer = f"answer {number} " + "word " * words
    messages.append(Message("assistant", answer))
    reply = Reply(choices=(Choice(text=answer),))
    exchange = Exchange(messages=tuple(messages), reply=reply, has_data=data > 0)
    return Turn(alternatives=(exchange,), id=str(number))


turns = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 80) | st.just(0), st.integers(0, 2)), max_size=12
).map(lambda sizes: [turn(i, w, data=d, tools=t) for i, (w, d, t) in enumerate(sizes)])


@given(turns, st.integers(100, 3000), st.integers(0, 500), st.sampled_from([0.7, 1.0, 1.6]))
def test_what_is_sent_fits_is_in_order_and_is_as_much_as_can_be(
    history: list[Turn], limit: int, taken: int, ratio: float
) -> None:
    window = Window(limit, ratio=ratio)
    fitted = fit(history, window, taken)
    kept = history[fitted.dropped :]
    assert not kept or window.tokens(fitted.messages) + taken <= window.room + len(kept) * 3
    whole = [message for t in kept for message in t.messages]
    assert [m.role for m in fitted.messages] == [m.role for m in whole]
    calls = [c.id for m in fitted.messages for c in m.tool_calls]
    assert calls == [m.tool_call_id for m in fitted.messages if m.role == "tool"]
    changed = [a for a, b in zip(whole, fitted.messages, strict=True) if a != b]
    assert len(changed) == fitted.collapsed
    if not fitted.collapsed and fitted.dropped and not any(t.has_data for t in history):
        more = history[fitted.dropped - 1].messages
        assert window.tokens([*more, *fitted.messages]) + taken > window.room - len(kept) * 3


def test_old_data_goes_before_old_turns_and_the_last_data_stays() -> None:
    history = [turn(i, data=200) for i in range(4)]
    window = Window(1_000)
    fitted = fit(history, window, 0)
    assert (fitted.dropped, fitted.collapsed) == (0, 2)
    prompts = [m.text for m in fitted.messages if m.role == "user"]
    assert prompts[0] == "question 0\n\n[data left out: df0]"
    assert "word word" in prompts[3]
    assert fitted.note == "not sent: the data of 2 turns"


def test_a_last_turn_whose_data_alone_is_too_much_stays_without_it() -> None:
    fitted = fit([turn(1), turn(2, data=5_000)], Window(600), 0)
    assert (fitted.dropped, fitted.collapsed) == (0, 1)


def test_nothing_fits() -> None:
    fitted = fit([turn(1, 500)], Window(200), 100)
    assert (fitted.messages, fitted.note) == ((), "not sent: the oldest turn")


def test_a_long_history_costs_no_more_than_the_window_shows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_at: list[Message] = []
    estimate = limits._estimate

    def counted(message: Message) -> int:
        looked_at.append(message)
        return estimate(message)

    monkeypatch.setattr(limits, "_estimate", counted)
    history = [turn(i) for i in range(20_000)]
    fitted = fit(history, Window(2_000), 0)
    assert fitted.messages[-1] == history[-1].messages[-1]
    assert len(looked_at) == len(fitted.messages) + 2


def test_pictures_and_tool_calls_take_room() -> None:
    picture = Message("user", ({"type": "image_url", "image_url": {"url": "data:,"}},))
    call = Message("assistant", None, (ToolCall(id="1", name="look", arguments='{"a": "b"}'),))
    window = Window(1_000)
    assert window.tokens([picture]) > 500
    assert window.tokens([call]) > 10


def test_data_is_left_out_by_name_and_the_rest_of_the_text_stays() -> None:
    text = f"Compare `a` and `b`.\n\n{block('a', 5)}\n\n{block('x &amp; &quot;y&quot;', 5)}\n"
    assert without_data(text) == (
        'Compare `a` and `b`.\n\n[data left out: a]\n\n[data left out: x & "y"]\n'
    )
    assert without_data("a <data> of </data> mine") == "a <data> of </data> mine"


def test_what_fits_exactly_is_sent() -> None:
    """One token less of room, and the oldest turn is left out."""
    history = [turn(i) for i in range(3)]
    whole = Window(10_000).tokens([m for t in history for m in t.messages])
    taken = Window(10_000).room - whole
    assert fit(history, Window(10_000), taken).dropped == 0
    assert fit(history, Window(10_000), taken + 1).dropped == 1


def test_data_that_fits_exactly_is_sent() -> None:
    """One token less of room, and the oldest data is left out; then more of it, then turns."""
    history = [turn(i, data=100) for i in range(3)]
    window = Window(10_000)
    sizes = [window.tokens(t.messages) for t in history]
    taken = window.room - sum(sizes)
    found = [fit(history, window, taken + less) for less in (0, 1, 100, 200)]
    assert [(f.dropped, f.collapsed) for f in found] == [(0, 0), (0, 1), (0, 1), (0, 2)]
    bare = window.tokens(fit(history[:1], window, window.room - sizes[0] + 1).messages)
    older = fit(history, window, window.room - sizes[2] - sizes[1] - bare + 1)
    assert (older.dropped, older.collapsed) == (0, 2)  # not the oldest turn for the second's data
    only = fit(history, window, window.room - sizes[2])
    assert (only.dropped, only.collapsed) == (2, 0)
    less = fit(history, window, window.room - sizes[2] + 1)
    assert (less.dropped < 2, less.collapsed > 0) == (True, True)


def test_only_turns_with_data_are_shortened() -> None:
    """Those between them go as they are."""
    history = [turn(0, data=200), turn(1), turn(2, data=200), turn(3), turn(4, data=200)]
    fitted = fit(history, Window(700), 0)
    assert (fitted.dropped, fitted.collapsed) == (0, 2)
    prompts = [m.text for m in fitted.messages if m.role == "user"]
    assert [text.count("word") > 0 for text in prompts] == [False, False, False, False, True]
    assert prompts[1] == "question 1"


@pytest.mark.parametrize(
    ("window", "room"),
    [
        (Window(1_000), 750),
        (Window(2_048), 1_536),
        (Window(100_000), 99_488),
        (Window(1_000, answer=100), 900),
        (Window(1_000, answer=0), 1_000),
        (Window(1_000, answer=900), 500),
    ],
)
def test_room_is_left_for_the_answer(window: Window, room: int) -> None:
    """What it may take, at most half; else a quarter, at most 512 tokens."""
    assert window.room == room


def test_tokens_of_messages() -> None:
    """Five around each message and each call, 800 for an attachment, in the server's measure."""
    picture = {"type": "image_url", "image_url": {"url": "data:,"}}
    text = {"type": "text", "text": "two words"}
    call = ToolCall(id="1", name="look", arguments="()")
    window = Window(1_000)
    assert window.tokens([Message("user", "two words")]) == 7
    assert window.tokens([Message("user", (text, picture))]) == 807
    assert window.tokens([Message("assistant", None, (call, call))]) == 5 + 2 * (5 + 1 + 1)
    assert window.tokens([Message("user", "a"), Message("assistant", "b")]) == 12
    assert Window(1_000, ratio=1.5).tokens([Message("user", "two words")]) == 11  # rounded up
    assert window.tokens([]) == 0


def test_data_in_parts_is_left_out_and_the_picture_stays() -> None:
    """Only the prompt has blocks of data; what the model wrote stays as it is."""
    picture = {"type": "image_url", "image_url": {"url": "data:,"}}
    prompt = Message("user", ({"type": "text", "text": block("df", 3_000)}, picture))
    answer = Message("assistant", block("mine", 5))
    exchange = Exchange(messages=(prompt, answer), reply=Reply(), has_data=True)
    fitted = fit([Turn(alternatives=(exchange,))], Window(1_500), 0)
    assert fitted.messages[0].content == (
        {"type": "text", "text": "[data left out: df]"},
        picture,
    )
    assert fitted.messages[1] == answer


@pytest.mark.parametrize(
    ("dropped", "collapsed", "note"),
    [
        (0, 0, ""),
        (1, 0, "not sent: the oldest turn"),
        (2_000, 0, "not sent: 2,000 old turns"),
        (0, 1, "not sent: the data of 1 turn"),
        (3, 2, "not sent: 3 old turns and the data of 2 turns"),
    ],
)
def test_what_is_not_sent_is_told(dropped: int, collapsed: int, note: str) -> None:
    """In a few words."""
    assert limits.Fitted((), dropped, collapsed).note == note
