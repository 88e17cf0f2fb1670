"""Answers side by side: asked at once, streaming together, kept on demand."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from ipywidgets.widgets.widget import _instances

from eighty80_jupyter.notebook.compare import variants
from eighty80_jupyter.notebook.compare.grid import SAMPLES
from eighty80_jupyter.notebook.panel.comparison import ComparisonView
from eighty80_jupyter.notebook.panel.controls.live import LiveControls
from eighty80_jupyter.session.session import Session
from tests.support.replies import Gate, Reply, error_reply, sse_reply, stream_reply, text_chunks
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.scripted import ScriptedServer
    from tests.support.wire import Request


@pytest.fixture(name="view")
def _view(session: Session) -> Iterator[ComparisonView]:
    view = ComparisonView(session)
    yield view
    view.close()


def say_temperature(request: Request) -> Reply | None:
    """Answer with the temperature in words."""
    return stream_reply(f"made at {request.json.get('temperature')} degrees")


def ask_first(server: ScriptedServer, session: Session) -> None:
    """Have one turn in the conversation, and the server answer from then on."""
    server.queue(stream_reply("The first answer."))
    session.ask("How warm?")
    server.handler = say_temperature


def run(view: ComparisonView, values: str, name: str = "temperature") -> None:
    view.parameter.value = name
    view.values.value = values
    view.run.click()


def column(view: ComparisonView, number: int) -> str:
    return str(view.columns[number].answer.value)


def shows(view: ComparisonView, number: int, text: str) -> None:
    wait_until(lambda: text in column(view, number), what=f"{text!r} in {column(view, number)!r}")


def ready(view: ComparisonView, count: int) -> None:
    """Wait until as many columns are shown, and all of them whole."""

    def done() -> bool:
        shown = [c.answer.value for c in view.columns if c.box.layout.display is None]
        whole = all('aria-busy="false"' in value for value in shown)
        return len(shown) == count and whole and not view.comparison.running

    wait_until(done)


def texts(session: Session, turn: int = 0) -> list[str]:
    return [a.reply.text for a in session.conversation[turn].alternatives]


def test_columns_stream_together(
    server: ScriptedServer, session: Session, view: ComparisonView
) -> None:
    """Every request is out at once, and all columns are half there at the same time."""
    ask_first(server, session)
    gates = {value: threading.Event() for value in (0, 0.5, 1)}

    def answer(request: Request) -> Reply:
        value = request.json["temperature"]
        pieces = text_chunks(f"begin{value} whole{value}", n=2)
        return sse_reply([*pieces[:2], Gate(gates[value]), *pieces[2:]])

    server.handler = answer
    run(view, "0, 0.5, 1")
    for number in range(3):
        shows(view, number, "begin")
        assert 'aria-busy="true"' in column(view, number)
        assert "whole" not in column(view, number)
    assert view.stop.disabled is False
    assert all(c.keep.disabled for c in view.columns[:3])
    gates[0.5].set()
    shows(view, 1, "whole0.5")
    wait_until(lambda: not view.columns[1].keep.disabled)
    assert [view.columns[0].keep.disabled, view.columns[2].keep.disabled] == [True, True]
    assert 'aria-label="temperature = 0.5"' in column(view, 1)
    for gate in gates.values():
        gate.set()
    ready(view, 3)
    for number in range(3):
        assert "tokens/s" in column(view, number)
        sent = server.requests[1 + number].json
        assert sent["messages"] == [{"role": "user", "content": "How warm?"}]
    assert texts(session) == ["The first answer."]
    assert session.last is session.conversation[0].reply


def test_keep_makes_it_the_reply_and_its_settings_the_current_ones(
    server: ScriptedServer, session: Session, view: ComparisonView
) -> None:
    ask_first(server, session)
    session.config.top_p = 0.9
    run(view, "0.25, 0.75")
    ready(view, 2)
    session.config.top_p = None
    view.columns[1].keep.click()
    assert texts(session) == ["The first answer.", "made at 0.75 degrees"]
    assert session.conversation[0].chosen == 1
    assert session.last is session.conversation[0].reply
    assert (session.config.temperature, session.config.top_p) == (0.75, 0.9)
    assert session.config.model is None
    assert "The answer with temperature = 0.75 is the reply of turn 1 now." in view.notice.value
    wait_until(lambda: view.columns[1].keep.description == "✓ Kept")
    view.columns[0].keep.click()
    view.columns[1].keep.click()
    assert len(texts(session)) == 3
    assert session.conversation[0].reply.text == "made at 0.75 degrees"


def test_a_prompt_of_its_own_becomes_a_turn(
    server: ScriptedServer, session: Session, view: ComparisonView
) -> None:
    """It is sent behind the history, its fields filled; keeping it once more adds no second one."""
    ask_first(server, session)
    session.namespace = {"x": 42}
    view.prompt.value = "Explain {{x}}."
    run(view, "0, 1")
    ready(view, 2)
    sent = [m["content"] for m in server.requests[1].json["messages"]]
    assert sent[:2] == ["How warm?", "The first answer."]
    assert "42" in sent[2]
    assert len(session.conversation) == 1
    view.columns[0].keep.click()
    view.columns[1].keep.click()
    assert len(session.conversation) == 2
    assert texts(session, 1) == ["made at 0 degrees", "made at 1 degrees"]
    assert session.conversation[1].source == "Explain {{x}}."


@pytest.mark.parametrize("how", ["reset", "new"])
def test_keep_after_the_conversation_changed(
    server: ScriptedServer, session: Session, view: ComparisonView, how: str
) -> None:
    """What is kept goes where it was asked, and the line says where that is."""
    ask_first(server, session)
    run(view, "0, 1")
    ready(view, 2)
    if how == "reset":
        session.conversation.reset()
    else:
        session.conversations.new("other")
    view.columns[1].keep.click()
    assert session["main"][-1].reply.text == "made at 1 degrees"
    assert session["main"][-1].prompt == "How warm?"
    assert ("in the conversation main" in view.notice.value) == (how == "new")


def test_stop_ends_all_and_what_has_come_can_be_kept(
    server: ScriptedServer, session: Session, view: ComparisonView
) -> None:
    ask_first(server, session)
    gate = threading.Event()
    pieces = text_chunks("half of it", n=2)
    server.handler = lambda _request: sse_reply([*pieces[:2], Gate(gate), *pieces[2:]])
    run(view, "0, 0.5, 1")
    for number in range(3):
        shows(view, number, "half")
    view.stop.click()
    server.wait_disconnect(3)
    ready(view, 3)
    assert all("interrupted" in column(view, number) for number in range(3))
    view.columns[2].keep.click()
    assert session.conversation[0].reply.status == "interrupted"
    gate.set()


def test_an_error_stays_in_its_column(
    server: ScriptedServer, session: Session, view: ComparisonView
) -> None:
    ask_first(server, session)

    def answer(request: Request) -> Reply | None:
        if request.json["temperature"] == 1:
            return error_reply(429, "<b>slow</b> down")
        return say_temperature(request)

    server.handler = answer
    run(view, "0, 1")
    ready(view, 2)
    shows(view, 0, "made at 0 degrees")
    assert "RateLimitError" in column(view, 1)
    assert "<b>" not in column(view, 1)
    assert view.columns[1].keep.disabled


def test_what_cannot_be_asked_is_said_and_nothing_is_sent(
    server: ScriptedServer, session: Session, view: ComparisonView
) -> None:
    run(view, "0, 1")
    assert "there is no prompt yet" in view.notice.value
    view.prompt.value = "Hello"
    run(view, "0, 5")
    assert "between 0 and 2, got 5" in view.notice.value
    session.config.base_url = "http://elsewhere.example"
    run(view, "0, 1")
    assert "http" in view.notice.value
    assert server.requests == []
    assert view.comparison.columns == ()


def test_samples_share_their_settings(
    server: ScriptedServer, session: Session, view: ComparisonView
) -> None:
    ask_first(server, session)
    session.config.seed = 7
    run(view, "3", SAMPLES)
    ready(view, 3)
    assert [r.json["seed"] for r in server.requests[1:]] == [7, 7, 7]
    assert 'aria-label="sample 3"' in column(view, 2)
    assert "The seed is 7" in view.notice.value


def test_another_run_takes_the_place_of_the_one_before(
    server: ScriptedServer, session: Session, view: ComparisonView
) -> None:
    """Old requests are cancelled, their late text shows nowhere, and the widgets are the same."""
    ask_first(server, session)
    gate = threading.Event()
    pieces = text_chunks("stale, stale", n=2)
    server.handler = lambda _request: sse_reply([*pieces[:2], Gate(gate), *pieces[2:]])
    run(view, "0, 0.5, 1")
    for number in range(3):
        shows(view, number, "stale,")
    widgets = len(_instances)
    server.handler = say_temperature
    run(view, "0.1, 0.2")
    server.wait_disconnect(3)
    gate.set()
    ready(view, 2)
    assert "made at 0.1" in column(view, 0)
    assert column(view, 2) == ""
    assert len(_instances) == widgets


def test_the_conversation_gets_the_columns_that_were_asked_last(
    server: ScriptedServer, session: Session, view: ComparisonView, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether those before end while the next are started, or these at once."""
    ask_first(server, session)
    gate = threading.Event()
    server.handler = lambda _: sse_reply([*text_chunks("before"), Gate(gate)])
    run(view, "0, 1")
    shows(view, 0, "before")
    old = view.comparison.columns
    server.handler = say_temperature
    start = variants.start

    def slowly(*given: Any, **more: Any) -> Any:
        wait_until(lambda: all(column.running.done for column in old), what="their end")
        running = start(*given, **more)
        wait_until(lambda: running.done, what="the answer")
        variants.from_loop(session, lambda: None)  # whoever listens has heard of it
        return running

    monkeypatch.setattr(variants, "start", slowly)
    run(view, "0.5, 0.75")
    (noted,) = session.conversation.comparisons
    assert [answer.reply.text for answer in noted.answers] == [
        "made at 0.5 degrees",
        "made at 0.75 degrees",
    ]
    gate.set()


def test_keep_does_not_wake_live_mode(
    server: ScriptedServer, session: Session, view: ComparisonView
) -> None:
    """The settings that keep sets are those of the reply: there is nothing to ask again."""
    ask_first(server, session)
    controls = LiveControls(session)
    controls.toggle.value = True
    wait_until(lambda: "Move a slider" in controls.notice.value)
    run(view, "0.25, 0.75")
    ready(view, 2)
    view.columns[1].keep.click()
    wait_until(lambda: "made at 0.75" in controls.answer.value)
    assert len(server.requests) == 3
    controls.close()


def test_nothing_leaks_over_many_runs(
    server: ScriptedServer, session: Session, view: ComparisonView
) -> None:
    ask_first(server, session)
    run(view, "0..0.7 step 0.1")
    ready(view, 8)
    threads, widgets = threading.active_count(), len(_instances)
    for number in range(25):
        run(view, "0..0.7 step 0.1", "top_p" if number % 2 else "temperature")
        columns = view.comparison.columns
        wait_until(lambda columns=columns: all(c.running.done for c in columns))  # type: ignore[misc]
    assert threading.active_count() <= threads
    assert len(_instances) == widgets
    assert len(server.requests) == 1 + 26 * 8


def test_close_stops_what_runs(server: ScriptedServer, session: Session) -> None:
    ask_first(server, session)
    before = len(_instances)
    view = ComparisonView(session)
    server.handler = lambda _request: sse_reply([Gate(threading.Event())])
    run(view, "0, 1")
    server.wait_request(3)
    view.close()
    server.wait_disconnect(2)
    assert len(_instances) == before


def test_equal_values_give_columns_that_are_compared(
    server: ScriptedServer, session: Session, view: ComparisonView
) -> None:
    """`1, 1, 1, 1` makes four columns; each says whether it is what the first one is."""
    ask_first(server, session)
    server.handler = None
    # Whichever comes first, one of the others is the same and two are not.
    server.queue(*map(stream_reply, ("Same.", "Same.", "Other.", "Other.")))
    run(view, "1, 1, 1, 1", "seed")
    ready(view, 4)
    heads = [column(view, number).partition("</div>")[0] for number in range(4)]
    assert "identical" not in heads[0]
    same = [text_of(view, number) == text_of(view, 0) for number in (1, 2, 3)]
    assert sum(same) == 1
    assert ["identical" in head for head in heads[1:]] == same
    assert ["different" in head for head in heads[1:]] == [not one for one in same]


def text_of(view: ComparisonView, number: int) -> str:
    """Return what the answer of a column says."""
    running = view.comparison.columns[number].running
    assert running.reply is not None
    return running.reply.text


def test_values_belong_to_their_parameter(view: ComparisonView) -> None:
    """Another parameter proposes values of its own, and what was typed for one comes back."""
    view.values.value = "0.1, 0.9"
    view.parameter.value = "seed"
    assert view.values.value == "1, 1, 2"
    view.values.value = "5, 6"
    view.parameter.value = "temperature"
    assert view.values.value == "0.1, 0.9"
    view.parameter.value = "seed"
    assert view.values.value == "5, 6"


def test_two_parameters_make_a_grid(
    server: ScriptedServer, session: Session, view: ComparisonView
) -> None:
    """Each pair is asked, row by row, and the columns are those of the first parameter."""
    ask_first(server, session)
    view.another.click()
    view.second.parameter.value = "seed"
    view.second.values.value = "7, 8"
    run(view, "0, 1, 2")
    ready(view, 6)
    sent = [c.parameters for c in view.comparison.columns]
    assert [(p["temperature"], p["seed"]) for p in sent] == [
        (0, 7), (1, 7), (2, 7), (0, 8), (1, 8), (2, 8),
    ]  # fmt: skip
    assert view.grid.layout.grid_template_columns.startswith("repeat(3,")
    assert "temperature = 2, seed = 8" in column(view, 5)


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        (("seed", "1, 2", "seed", "3"), "two different parameters"),
        (("seed", "1,2,3,4,5", "temperature", "0, 0.5, 1, 2"), "are 20 answers; at most 16"),
        (("seed", "1", "temperature", "hot"), "temperature must be between 0 and 2"),
    ],
)
def test_an_error_takes_the_place_of_old_columns(
    server: ScriptedServer,
    session: Session,
    view: ComparisonView,
    axes: tuple[str, str, str, str],
    message: str,
) -> None:
    """What is refused is not shown above answers to something else, and nothing is sent."""
    ask_first(server, session)
    run(view, "0, 1")
    ready(view, 2)
    sent = len(server.requests)
    first, values, second, others = axes
    view.another.click()
    view.second.parameter.value = second
    view.second.values.value = others
    run(view, values, first)
    assert message in view.notice.value
    assert 'role="alert"' in view.notice.value  # in the colour of errors
    wait_until(lambda: view.grid.layout.display == "none")
    assert len(server.requests) == sent
    assert ("e80-invalid" in view.second._dom_classes) == (others == "hot")


def test_differences_are_marked(
    server: ScriptedServer, session: Session, view: ComparisonView
) -> None:
    """Words that the first answer has not are marked, and nothing in them runs."""
    ask_first(server, session)
    server.handler = lambda request: (
        stream_reply(f"a keeper <b>{'sang' if request.json['seed'] == 2 else 'slept'}</b>")
        if request.method == "POST"
        else None
    )
    run(view, "1, 2", "seed")
    ready(view, 2)
    view.differences.value = True
    shows(view, 1, "&lt;b&gt;<mark>sang</mark>&lt;/b&gt;")
    assert "<mark>" not in column(view, 0)
