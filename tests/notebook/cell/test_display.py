"""The notebook writer: what is drawn, how often, and how much."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eighty80_jupyter.api.deltas import ReasoningDelta, Retrying, TextDelta, TextWasReasoning
from eighty80_jupyter.api.messages import Message
from eighty80_jupyter.api.reply import Choice, Reply, Usage
from eighty80_jupyter.conversation.events import TurnGoesOn, TurnWaits
from eighty80_jupyter.notebook.cell.display import (
    IDLE_SECONDS,
    MAX_IDLE_DRAWINGS,
    QUICK_DRAWINGS,
    NotebookWriter,
)
from eighty80_jupyter.notebook.cell.pacing import FRAME_SECONDS
from eighty80_jupyter.notebook.markdown.render import render

PROSE = (
    "The **median** is the middle value of a sorted list, and the `mean` is the sum divided by "
    "the count. When $x$ is an outlier, the former is better.\n\n"
)
CODE = "```python\nimport statistics\n\n\ndef f(x):\n    return statistics.median(x) + 1\n```\n\n"


@dataclass
class Page:
    """What a front end makes of the messages: outputs in order, updates applied by id."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    seconds: float = 0.0

    def publish(self, **message: Any) -> None:
        name = message["transient"]["display_id"]
        assert message["update"] is (name in self.outputs)
        self.messages.append(message)
        self.outputs[name] = message

    def html(self) -> list[str]:
        return [out["data"]["text/html"] for out in self.outputs.values()]

    def text(self) -> list[str]:
        return [out["data"]["text/plain"] for out in self.outputs.values()]

    def write(
        self, text: str, *, per_second: float, piece: int = 4, **settings: Any
    ) -> NotebookWriter:
        """Stream `text` through a writer, `per_second` pieces a second."""
        writer = NotebookWriter(self.publish, now=lambda: self.seconds, **settings)
        for start in range(0, len(text), piece):
            self.seconds += 1 / per_second
            writer.take([TextDelta(0, text[start : start + piece])])
        return writer


def reply(text: str, **more: Any) -> Reply:
    """Return a whole reply."""
    return Reply(choices=(Choice(text=text, finish_reason="stop"),), model="m", **more)


def long_text(characters: int) -> str:
    """Return Markdown of about that length: prose, formulas and code."""
    pieces = [PROSE * 2 + CODE for _ in range(characters // len(PROSE * 2 + CODE) + 1)]
    return "".join(pieces)[:characters]


@pytest.mark.parametrize("speed", [5, 50, 1000, 17000])
def test_traffic_of_4000_tokens(speed: float) -> None:
    """At any speed: at most 40 messages, 25 outputs, and three times the bytes of the result."""
    text, page = long_text(16000), Page()
    page.write(text, per_second=speed).finish(reply(text))
    assert len(page.messages) <= 40
    assert len(page.outputs) <= 25
    drawn = sum(len(json.dumps(message["data"])) for message in page.messages)
    assert drawn <= 3 * sum(len(json.dumps(html)) for html in page.html())


def test_outputs_of_a_very_long_reply() -> None:
    """100,000 tokens take no more than 25 outputs, and few drawings."""
    text, page = long_text(400_000), Page()
    page.write(text, per_second=1000, piece=64).finish(reply(text))
    assert len(page.outputs) <= 25
    assert len(page.messages) <= 150
    assert "".join(page.text()[:-1]) == text


def test_first_words_at_once_then_ten_updates_a_second() -> None:
    """The first piece is drawn when it comes; after that a tenth of a second passes."""
    page = Page()
    writer = NotebookWriter(page.publish, now=lambda: page.seconds)
    writer.take([TextDelta(0, "First")])
    assert page.html() == ["<p>First</p>"]
    writer.take([TextDelta(0, " words that are long enough")])
    assert len(page.messages) == 1
    page.seconds += 0.11
    writer.take([])
    assert page.html() == ["<p>First words that are long enough</p>"]


def test_a_pause_shows_what_has_come() -> None:
    """When the stream stands still, the last few words do not wait for more."""
    page = Page()
    writer = page.write("x" * 400, per_second=1000)
    writer.take([TextDelta(0, " end")])
    assert "end" not in page.html()[0]
    page.seconds += 2
    writer.take([])
    assert "end" in page.html()[0]


def test_pauses_without_end_are_not_drawn_for_ever() -> None:
    """A model that trickles has each word drawn for a while; then enough must come."""
    page = Page()
    writer = page.write("x" * 4_000, per_second=1000)
    before = len(page.messages)
    for _ in range(3 * MAX_IDLE_DRAWINGS):
        writer.take([TextDelta(0, " x")])
        page.seconds += 2 * IDLE_SECONDS
        writer.take([])
    assert len(page.messages) - before == MAX_IDLE_DRAWINGS


def test_a_long_reply_is_drawn_half_as_often() -> None:
    """Its first drawings come with every frame, later ones with every other."""
    page = Page()
    writer = NotebookWriter(page.publish, now=lambda: page.seconds)
    drawn = []
    for _ in range(QUICK_DRAWINGS + 5):
        page.seconds += 1.05 * FRAME_SECONDS
        before = len(page.messages)
        writer.take([TextDelta(0, "word " * 800 + "\n\n")])
        drawn.append(len(page.messages) > before)
    assert drawn == [True] * QUICK_DRAWINGS + [True, False, True, False, True]


def test_frozen_pieces_are_drawn_once_and_join_to_the_whole() -> None:
    """The outputs below each other are what drawing the reply once would give."""
    text, page = long_text(9000), Page()
    page.write(text, per_second=200).finish(reply(text))
    assert len(page.outputs) > 3
    assert "\n".join(page.html()[:-1]) == render(text)
    assert "".join(page.text()[:-1]) == text


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([PROSE, CODE, "- a\n- b\n\n", "$", "x\n", "**b"]), max_size=60))
def test_any_text_ends_whole(pieces: list[str]) -> None:
    """Whatever was drawn in between, the sources of the outputs join to the reply's text."""
    text, page = "".join(pieces), Page()
    page.write(text, per_second=100, piece=7).finish(reply(text))
    assert "".join(page.text()[:-1]) == text


def test_interrupted_reply_is_drawn_whole() -> None:
    """What the events had not brought to the writer is taken from the reply."""
    page = Page()
    writer = page.write("one ", per_second=1)
    writer.finish(Reply(choices=(Choice(text="one two"),), model="m", status="interrupted"))
    assert page.text() == ["one two", "m · 0.00 s · interrupted"]


def test_nothing_is_drawn_for_no_reply() -> None:
    """A request that failed leaves no output."""
    page = Page()
    NotebookWriter(page.publish).finish(None)
    assert page.messages == []


def test_reasoning_is_folded_above_the_answer() -> None:
    """What the model thinks is a closed <details> from the start, and the answer stands below."""
    page = Page()
    writer = NotebookWriter(page.publish, now=lambda: page.seconds)
    writer.take([ReasoningDelta(0, "Let me *think*.")])
    assert page.html()[0].startswith("<details")
    writer.take([TextDelta(0, "42")])
    choice = Choice(text="42", reasoning="Let me *think*.", finish_reason="stop")
    writer.finish(Reply(choices=(choice,), model="m"))
    assert "<em>think</em>" in page.html()[0]
    assert page.text() == ["Reasoning: Let me *think*.", "42", "m · 0.00 s"]


@pytest.mark.parametrize("length", [1, 2000])
def test_text_that_was_reasoning_is_folded(length: int) -> None:
    """Where a tag ends reasoning that had been drawn as text, it is folded in its place."""
    page = Page()
    writer = NotebookWriter(page.publish, now=lambda: page.seconds)
    thought = "I think.\n\n" * length
    for at in range(0, len(thought), 1000):
        page.seconds += 1
        writer.take([TextDelta(0, thought[at : at + 1000])])
    page.seconds += 1
    writer.take([TextWasReasoning(0), TextDelta(0, "42")])
    choice = Choice(text="42", reasoning=thought.strip(), finish_reason="stop")
    writer.finish(Reply(choices=(choice,), model="m"))
    assert page.html()[0].startswith("<details")
    assert list(filter(None, page.text())) == [f"Reasoning: {thought.strip()}", "42", "m · 0.00 s"]


def test_several_answers_of_which_one_was_reasoning() -> None:
    """Among several answers it is folded above the text of its own."""
    page = Page()
    writer = NotebookWriter(page.publish, choices=2, now=lambda: page.seconds)
    writer.take([TextDelta(0, "hm"), TextDelta(1, "beta"), TextWasReasoning(0), TextDelta(0, "a")])
    choices = (Choice(text="a", reasoning="hm"), Choice(index=1, text="beta"))
    writer.finish(Reply(choices=choices, model="m"))
    assert page.text()[0] == "Answer 1: a\n\nAnswer 2: beta"
    first, second = page.html()[0].split("<h6>Answer 2</h6>")
    assert "<details" in first
    assert "<details" not in second


def test_several_answers_keep_their_places() -> None:
    """The first answer stands first, though the second one began earlier."""
    page = Page()
    writer = NotebookWriter(page.publish, choices=2, now=lambda: page.seconds)
    writer.take([TextDelta(1, "beta")])
    writer.take([TextDelta(0, "alpha"), ReasoningDelta(0, "hm")])
    choices = (Choice(text="alpha", reasoning="hm"), Choice(index=1, text="beta"))
    writer.finish(Reply(choices=choices, model="m"))
    answers, _ = page.html()
    assert "display: grid" in answers
    assert "<h6>Answer 1</h6><details" in answers
    assert "<p>alpha</p></div>" in answers.split("<h6>Answer 2</h6>")[0]
    assert answers.endswith("<h6>Answer 2</h6><p>beta</p></div></div>")
    assert page.text()[0] == "Answer 1: alpha\n\nAnswer 2: beta"


def test_retries_are_told() -> None:
    """While the client waits for another attempt, a quiet line says why."""
    page = Page()
    writer = NotebookWriter(page.publish)
    writer.take([Retrying(0.5, "busy <now>")])
    assert "busy &lt;now&gt; - trying again in 0.5 s" in page.html()[0]
    writer.finish(None)
    assert page.text() == ["attempts that failed before: 1 (busy <now>)"]


def test_a_wait_for_another_turn_is_told() -> None:
    """A cell that waits for the panel's answer says so, and how long it has waited."""
    page = Page()
    writer = NotebookWriter(page.publish, now=lambda: page.seconds)
    writer.take([TurnWaits()])
    page.seconds += 0.05
    writer.take([])
    assert not page.messages
    page.seconds += 0.95
    writer.take([])
    assert "this one begins after it" in page.html()[0]
    page.seconds += 2
    writer.take([TurnGoesOn(), TextDelta(0, "now")])
    writer.finish(reply("now"))
    assert page.text()[:2] == ["waited 3.0 s for another turn of this conversation", "now"]


def test_a_short_wait_is_not_worth_a_line() -> None:
    page = Page()
    writer = NotebookWriter(page.publish, now=lambda: page.seconds)
    writer.take([TurnWaits()])
    page.seconds += 0.1
    writer.take([TurnGoesOn(), TextDelta(0, "now")])
    writer.finish(reply("now"))
    assert page.text()[0] == "now"


def test_markdown_for_front_ends_that_render_it() -> None:
    """With `markdown` the outputs hold the text itself, and no HTML of ours."""
    page = Page()
    page.write("**x**", per_second=1, markdown=True).finish(reply("**x**"))
    first, _ = page.outputs.values()
    assert first["data"] == {"text/markdown": "**x**", "text/plain": "**x**"}


def test_markdown_of_several_answers_with_reasoning() -> None:
    """With `markdown` the headings and what was thought are HTML above the text itself."""
    page = Page()
    writer = NotebookWriter(page.publish, choices=2, markdown=True, now=lambda: page.seconds)
    writer.take([ReasoningDelta(0, "hm <script>"), TextDelta(0, "$a$"), TextDelta(1, "**b**")])
    writer.finish(
        Reply(choices=(Choice(text="$a$", reasoning="hm <script>"), Choice(index=1, text="**b**")))
    )
    first, second, _ = page.outputs.values()
    assert first["data"]["text/markdown"].endswith("hm &lt;script&gt;</p></div></details>\n\n$a$")
    assert second["data"]["text/markdown"] == "<h6>Answer 2</h6>\n\n**b**"
    assert "text/html" not in first["data"]


def test_metadata_tells_the_turn() -> None:
    """Each output names its turn; the last line's holds all that is needed to read it back."""
    page = Page()
    where = {"schema": 1, "conversation": "main", "turn": 3, "role": "assistant"}
    writer = page.write("Hello", per_second=1, metadata=where)
    messages = (Message("user", "Hi"), Message("assistant", "Hello"))
    usage = Usage(completion_tokens=2)
    writer.finish(
        reply("Hello", usage=usage, parameters={"model": "m", "seed": 1}, seconds=1.5), messages
    )
    text, line = (out["metadata"]["eighty80_jupyter"] for out in page.outputs.values())
    assert text == where
    assert line == {
        **where,
        "model": "m",
        "parameters": {"model": "m", "seed": 1},
        "usage": {"completion_tokens": 2},
        "finish_reason": "stop",
        "status": "complete",
        "seconds": 1.5,
        "messages": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello"},
        ],
    }


def test_without_updates_each_output_comes_once() -> None:
    """Nothing is published before the end; then all that there is, in order, and nothing empty."""
    page = Page()
    writer = NotebookWriter(page.publish, live=False, now=lambda: page.seconds)
    writer.take([TextDelta(0, "let me see"), TextWasReasoning(0), TextDelta(0, "half")])
    assert not page.messages
    choices = (Choice(text="half", reasoning="let me see"),)
    writer.finish(Reply(choices=choices, model="m", status="interrupted"))
    assert page.text()[:2] == ["Reasoning: let me see", "half"]
    assert "interrupted" in page.text()[2]
    assert not any(message["update"] for message in page.messages)
