"""Questions of the panel: asked, answered and refused from many threads at once."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

import pytest

from eighty80_jupyter.api.messages import ToolCall
from eighty80_jupyter.notebook.panel.questions import Consent, PanelConfirmer, Questions
from eighty80_jupyter.tools.tool import make_tool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eighty80_jupyter.tools.executor import Decision

ASKS = 3000


class Shown:
    """What the panel shows: each question in its turn, the last one first."""

    def __init__(self) -> None:
        self.now: Mapping[str, Any] | None = None
        self.asked = threading.Semaphore(0)

    def __call__(self, question: Mapping[str, Any] | None) -> None:
        self.now = question
        self.asked.release()


@pytest.fixture(name="quick_switches")
def _quick_switches() -> Iterator[None]:
    """Let threads take turns a thousand times as often, so that they meet within a step."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("quick_switches")
def test_every_question_is_answered_once() -> None:
    """Tools ask while a page answers and Stop refuses: nobody waits for ever, nothing is left."""
    shown = Shown()
    questions = Questions(shown)
    over = threading.Event()
    broken: list[BaseException] = []

    def ask(_number: int) -> list[Future[Consent]]:
        return [questions.ask("May it?", "{}") for _ in range(ASKS // 4)]

    def answer() -> None:
        try:
            while not over.is_set():
                if (now := shown.now) is not None:
                    questions.answer(now["key"], "yes", now["detail"])
        except BaseException as error:  # noqa: BLE001  # told below
            broken.append(error)

    def refuse() -> None:
        try:
            while not over.is_set():
                questions.refuse()
        except BaseException as error:  # noqa: BLE001  # told below
            broken.append(error)

    others = [threading.Thread(target=work) for work in (answer, answer, refuse)]
    for thread in others:
        thread.start()
    with ThreadPoolExecutor(4) as pool:
        futures = [future for some in pool.map(ask, range(4)) for future in some]
        done, late = wait(futures, timeout=60)
    over.set()
    for thread in others:
        thread.join(60)
    assert not broken
    assert (len(done), len(late)) == (ASKS, 0)
    assert {future.result().answer for future in done} <= {"yes", "no"}
    assert shown.now is None


def confirm(
    shown: Shown, arguments: str, answer: str, detail: str | None = None, **settings: Any
) -> tuple[Mapping[str, Any], Decision]:
    """Return the question before a call as the browser gets it, and the decision."""

    def delete(path: str) -> None:
        del path

    questions = Questions(shown)
    call = ToolCall(id="1", name="delete", arguments=arguments)
    with ThreadPoolExecutor(1) as pool:
        confirmer = PanelConfirmer(questions)
        decision = pool.submit(confirmer.confirm, make_tool(delete, **settings), call, "")
        assert shown.asked.acquire(timeout=60)
        asked = shown.now
        assert asked is not None
        questions.answer(
            asked["key"],
            answer,  # type: ignore[arg-type]  # one of the words
            asked["detail"] if detail is None else detail,
        )
        return asked, decision.result(60)


def test_a_question_shows_every_argument_by_name() -> None:
    """Long ones lack their middle, what is unseen is escaped, and the whole stands in the box."""
    path = "B" * 9000 + "\u202egnp.\u3164"
    asked, decision = confirm(Shown(), json.dumps({"note": "A" * 9000, "path": path}), "yes")
    (note, _), (name, shown) = asked["arguments"]
    assert (note, name) == ("note", "path")
    assert shown.endswith("\\u202egnp.\\u3164'")
    assert asked["cut"]
    assert json.loads(asked["detail"]) == {"note": "A" * 9000, "path": path}
    assert "\u202e" not in asked["detail"]
    assert "\u3164" not in asked["detail"]
    assert (decision.answer, decision.arguments) == ("yes", "")  # nothing was edited


def test_what_asks_in_any_case_has_no_always_here() -> None:
    """The page gets told whether always is an answer."""
    assert confirm(Shown(), '{"path": "a"}', "yes", confirm=True)[0]["always"] is False
    assert confirm(Shown(), '{"path": "a"}', "yes")[0]["always"] is True


def test_a_detail_comes_back_as_it_was() -> None:
    """What was made visible for the page only is no edit."""
    shown = Shown()
    questions = Questions(shown)
    future = questions.ask("May it?", "a\u200bb")
    assert shown.now is not None
    assert shown.now["detail"] == "a\\u200bb"
    questions.answer(shown.now["key"], "yes", shown.now["detail"])
    assert future.result(60) == Consent("yes", "a\u200bb")
