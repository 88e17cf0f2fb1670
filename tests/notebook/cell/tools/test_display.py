"""How tool calls are drawn: what is shown, how much of it, and how often."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from eighty80_jupyter.api.deltas import ReasoningDelta, TextDelta
from eighty80_jupyter.api.messages import Message, ToolCall
from eighty80_jupyter.api.reply import CallRecord, Choice, Reply
from eighty80_jupyter.conversation.events import (
    CallBegan,
    CallEnded,
    CallWritten,
    RoundBegan,
    TurnEvent,
)
from eighty80_jupyter.notebook.cell import outputs
from eighty80_jupyter.notebook.cell.display import ROUND_OUTPUTS, NotebookWriter
from eighty80_jupyter.notebook.cell.summary import last_line
from eighty80_jupyter.notebook.cell.tools.display import (
    CallGroup,
    Line,
    cut,
    entries_html,
    entries_of,
    entries_text,
)
from tests.support.waiting import wait_until


@dataclass
class Page:
    """What a front end makes of the messages, and the time."""

    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    drawings: int = 0
    seconds: float = 100.0

    def publish(self, *, data: dict[str, str], transient: dict[str, str], **_: Any) -> None:
        self.drawings += 1
        self.outputs[transient["display_id"]] = data

    def writer(self) -> NotebookWriter:
        return NotebookWriter(self.publish, now=lambda: self.seconds)

    def text(self) -> list[str]:
        return [data.get("text/plain", "") for data in self.outputs.values()]


def call(n: int, text: str = "ok", status: str = "done") -> list[TurnEvent]:
    """Return what happens to one call."""
    one = ToolCall(id=f"c{n}", name="f", arguments=f'{{"n": {n}}}')
    return [CallBegan(one, f"f(n={n})"), CallEnded(one, f"f(n={n})", status, text, 0.2)]


def counting() -> list[threading.Thread]:
    """Return the threads that draw seconds."""
    return [t for t in threading.enumerate() if t.name == "eighty80-seconds"]


@pytest.mark.parametrize(
    ("status", "seconds", "facts"),
    [
        ("", 0.0, "..."),
        ("", 1.26, "... 1.3 s"),
        ("done", 0.004, "4 ms"),
        ("done", 0.0, "1 ms"),
        ("failed", 2.0, "failed · 2.0 s"),
        ("refused", 0.0, "refused"),
        ("invalid", 0.0, "the arguments do not fit"),
    ],
)
def test_the_end_of_a_line(status: str, seconds: float, facts: str) -> None:
    assert Line("1", "f()", "{}", status=status, seconds=seconds).facts() == facts


def test_the_last_line_tells_that_there_is_no_answer() -> None:
    """A turn that ends with nothing to read is told, and what the model did instead."""
    again = Choice(tool_calls=(ToolCall(id="x", name="f", arguments="{}"),))
    made = (CallRecord(id="c0", name="f", shown="f()", status="done"),)
    after = last_line(Reply(choices=(again,), model="m", calls=made, rounds=2, stopped="rounds"))
    assert "the model called a tool instead of answering · no more calls after the limit" in after
    none = "the model gave no answer · not sent with later prompts"
    assert last_line(Reply(model="m")) == f"m · 0.00 s · {none}"
    for reply in (
        Reply(choices=(Choice(text="x"),)),
        Reply(choices=(Choice(refusal="no"),)),
        Reply(status="interrupted"),
    ):
        assert "the model" not in last_line(reply)


def test_all_of_a_line_is_text() -> None:
    """Whatever stands in a call or a result, it opens no element and closes none."""
    evil = "</pre></details><script>alert(1)</script>`$x$`"
    line = Line("1", f"f({evil})", f'{{"a": "{evil}"}}', "done", evil, 0.1)
    html = line.html(room=1_000)
    assert "<script" not in html
    assert html.count("</pre>") == html.count("<pre") == 2
    assert html.count("</details>") == 1


def test_a_terminal_obeys_nothing() -> None:
    """The plain text, which a console shows, has no control characters."""
    line = Line("1", "f()", "{}", "done", "a\x1b[31mb\x07\nc", 0.1)
    assert line.plain() == "f() 0.1 s: a\ufffd[31mb\ufffd c"


def test_long_results_are_cut() -> None:
    line = Line("1", "f()", '{"a": "%s"}' % ("x" * 50_000), "done", "y" * 50_000, 0.1)
    assert len(line.html(room=6_000)) < 9_500
    assert len(line.plain()) < 300
    assert cut("abc", 2) == "ab\n… 1 characters more"


def test_rounds_are_read_back_from_messages() -> None:
    """The history draws a turn as it was: what was said, the calls, what became of them."""
    first = ToolCall(id="a", name="f", arguments='{"n": 1}')
    second = ToolCall(id="b", name="g", arguments="{}")
    messages = (
        Message("user", "Go"),
        Message("assistant", "Let me see.", (first, second)),
        Message("tool", "one", tool_call_id="a"),
        Message("tool", "two", tool_call_id="b"),
        Message("assistant", "Done."),
    )
    record = CallRecord(id="a", name="f", shown="f(n=1)", status="failed", seconds=0.3)
    entries = entries_of(messages, [record])
    assert entries_text(entries) == "Let me see.\nf(n=1) failed · 0.3 s: one\ng() 1 ms: two"
    written = entries_of(messages, [replace(record, written=True)])
    assert "f(n=1) written as text · failed" in entries_text(written)
    assert entries_html(entries).count("<details>") == 2
    assert entries_of(messages[:1]) == []


def test_calls_of_rounds_share_an_output() -> None:
    """Rounds in which nothing is said stand together; what is said begins a new output."""
    page = Page()
    writer = page.writer()
    writer.take([RoundBegan(1), *call(1), RoundBegan(2), *call(2), RoundBegan(3)])
    writer.take([TextDelta(0, "Now another."), *call(3), RoundBegan(4), TextDelta(0, "Done.")])
    writer.finish(Reply(choices=(Choice(text="Done."),), model="m"))
    groups = [text for text in page.text() if text.startswith("f(")]
    assert [group.count("f(n=") for group in groups] == [2, 1]
    assert [text for text in page.text() if not text.startswith("f(")] == [
        "Now another.",
        "Done.",
        "m · 0.00 s",
    ]


def test_quick_calls_are_drawn_seldom() -> None:
    """A hundred calls within a moment are a handful of drawings, and none is missing."""
    page = Page()
    writer = page.writer()
    for n in range(100):
        page.seconds += 0.001
        writer.take(call(n))
    writer.finish(Reply(choices=(Choice(text="Done."),), model="m"))
    assert page.drawings <= 6
    assert page.text()[0].count("f(n=") == 100


def test_what_was_thought_stays_where_the_text_was_a_call() -> None:
    page = Page()
    writer = page.writer()
    one = ToolCall(id="c1", name="f", arguments="{}")
    writer.take([ReasoningDelta(0, "I should call."), TextDelta(0, '{"name": "f"')])
    writer.take([ReasoningDelta(0, " Yes."), TextDelta(0, "}"), CallWritten((one,)), *call(1)])
    assert page.text()[:2] == ["Reasoning: I should call. Yes.", "The model wrote a call as text:"]
    assert page.text()[2].startswith("f(n=1) written as text")
    writer.finish(None)


def test_nothing_is_drawn_after_the_end() -> None:
    """A call that never ended is shown as stopped, and its seconds no longer go on."""
    page = Page()
    writer = page.writer()
    wait_until(lambda: not counting())  # those of other tests may still be ending
    writer.take(call(1)[:1])
    assert len(counting()) == 1
    writer.finish(None)
    wait_until(lambda: not counting())
    assert page.text() == ["f(n=1) stopped"]


def test_a_text_that_comes_while_calls_are_drawn_is_not_lost() -> None:
    """The thread of the seconds draws when the text is added; the next drawing has it."""
    page, drawing, go_on = Page(), threading.Event(), threading.Event()

    def publish(**content: Any) -> None:
        drawing.set()
        assert go_on.wait(60)
        page.publish(**content)

    group = CallGroup(outputs.Page(publish, {}, markdown=False, images=False), lambda: page.seconds)
    one = ToolCall(id="c", name="f", arguments="{}")
    drawer = threading.Thread(
        target=group.begin, args=(CallBegan(one, "f()"),), kwargs={"written": False}
    )
    drawer.start()
    assert drawing.wait(60)
    writer = threading.Thread(target=group.add_text, args=("Between.",))
    writer.start()
    writer.join(0.2)  # without a lock it is through by then, with it this waits for the drawing
    go_on.set()
    for thread in (drawer, writer):
        thread.join(60)
    page.seconds += 0.2
    group.tick()
    shown = page.text()
    group.finish()
    assert any("Between." in text for text in shown)


def test_the_outputs_of_many_rounds_are_bounded() -> None:
    """What is said between the calls stands in their output from some number on."""
    page = Page()
    writer = page.writer()
    for n in range(60):
        page.seconds += 1
        writer.take([RoundBegan(n + 1), TextDelta(0, f"Now step {n}.")])
        page.seconds += 1
        writer.take(call(n))
    writer.take([RoundBegan(61), TextDelta(0, "Done.")])
    writer.finish(Reply(choices=(Choice(text="Done."),), model="m"))
    assert len(page.outputs) <= ROUND_OUTPUTS + 5
    shown = "\n".join(page.text())
    assert all(f"Now step {n}." in shown for n in (0, 30, 58))
    assert shown.count("f(n=") == 60
