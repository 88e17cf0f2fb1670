"""Conversations made up by hypothesis: all that a file must bring back as it was."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from eighty80_jupyter.api.messages import Message, ToolCall
from eighty80_jupyter.api.reply import CallRecord, Choice, Reply, Usage
from eighty80_jupyter.conversation.conversation import Conversation, Summary
from eighty80_jupyter.conversation.turn import Exchange, Turn

# All that is text: half a surrogate pair is cleaned away wherever text comes in.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ids = st.text("abcdef0123456789", min_size=1, max_size=8)
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
parameters = st.dictionaries(texts, values, max_size=3)
usages = st.builds(
    Usage,
    prompt_tokens=st.none() | st.integers(0, 10**6),
    decode_rate=st.none() | st.floats(0, 1e6),
)
parts = st.one_of(
    st.fixed_dictionaries({"type": st.just("text"), "text": texts}),
    texts.map(lambda url: {"type": "image_url", "image_url": {"url": url}}),
    texts.map(lambda data: {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}),
)
prompts = st.builds(Message, st.just("user"), texts | st.lists(parts, min_size=1).map(tuple))
choices = st.builds(
    Choice,
    index=st.integers(0, 3),
    text=texts,
    reasoning=texts,
    refusal=texts,
    finish_reason=st.none() | st.sampled_from(["stop", "length"]),
    logprobs=st.lists(st.dictionaries(texts, values, max_size=2), max_size=2).map(tuple),
)
calls = st.builds(ToolCall, id=ids, name=texts, arguments=texts)
replies = st.builds(
    Reply,
    choices=st.lists(choices, min_size=1, max_size=2).map(tuple),
    model=texts,
    id=texts,
    usage=st.none() | usages,
    seconds=st.floats(0, 1e6),
    status=st.sampled_from(["complete", "interrupted", "error"]),
    error=texts,
    parameters=parameters,
    notes=st.lists(texts, max_size=2).map(tuple),
    calls=st.lists(
        st.builds(CallRecord, id=ids, name=texts, shown=texts, status=st.just("done")), max_size=2
    ).map(tuple),
)


@st.composite
def exchanges(draw: st.DrawFn) -> Exchange:
    """Make a prompt, rounds of tools with all their results, and an answer."""
    messages = [draw(prompts)]
    for asked in draw(st.lists(st.lists(calls, min_size=1, max_size=2), max_size=2)):
        messages.append(Message("assistant", draw(st.none() | texts), tuple(asked)))
        messages += [Message("tool", draw(texts), tool_call_id=call.id) for call in asked]
    messages.append(Message("assistant", draw(texts)))
    return Exchange(
        messages=tuple(messages),
        reply=draw(replies),
        has_data=draw(st.booleans()),
        source=draw(texts),
    )


@st.composite
def turns(draw: st.DrawFn) -> Turn:
    """Make a turn with its alternatives."""
    alternatives = draw(st.lists(exchanges(), min_size=1, max_size=3))
    chosen = draw(st.integers(0, len(alternatives) - 1))
    return Turn(alternatives=tuple(alternatives), chosen=chosen, cell=draw(texts))


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    """Make a conversation."""
    made = Conversation(
        draw(st.sampled_from(["main", "a b", "Ünï"])),
        draw(st.lists(turns(), max_size=3)),
        system=draw(st.none() | texts),
    )
    if draw(st.booleans()):
        made.summary = Summary(draw(texts), (("a", 1), ("b", 0)))
    return made


def talk(*pairs: tuple[str, str], name: str = "main", system: str | None = None) -> Conversation:
    """Make a conversation of prompts and answers."""
    return Conversation(name, [plain_turn(*pair) for pair in pairs], system=system)


def plain_turn(prompt: str, answer: str) -> Turn:
    """Make a turn."""
    return Turn(alternatives=(plain_exchange(prompt, answer),))


def plain_exchange(prompt: str, answer: str) -> Exchange:
    """Make a prompt with its answer."""
    return Exchange(
        messages=(Message("user", prompt), Message("assistant", answer)),
        reply=Reply(choices=(Choice(text=answer, finish_reason="stop"),), model="m"),
        source=prompt,
    )
