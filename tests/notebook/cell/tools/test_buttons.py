"""A question with buttons: what a page says, and what stands in its place afterwards."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from eighty80_jupyter.api.messages import ToolCall
from eighty80_jupyter.notebook.cell.tools import buttons
from eighty80_jupyter.notebook.cell.tools.confirm import InputConfirmer
from eighty80_jupyter.tools.executor import Decision
from eighty80_jupyter.tools.shown import asked_call
from eighty80_jupyter.tools.tool import Tool, make_tool

CALL = ToolCall(id="c1", name="add", arguments='{"a": 1}')


def add(a: int) -> int:
    """Add one."""
    return a + 1


class Page:
    """Stands for a page: it says one thing after the other, and keeps what it was sent."""

    def __init__(self, *says: tuple[str, str]) -> None:
        self.says = list(says)
        self.outputs: list[str] = []
        self.questions: list[dict[str, Any]] = []
        publish = SimpleNamespace(publish=self._publish)
        self.shell: Any = SimpleNamespace(display_pub=publish)

    def _publish(self, *, data: dict[str, Any], **_: Any) -> None:
        self.outputs.append(data["text/plain"])

    def wait(self, widget: buttons.ButtonQuestion, seconds: float) -> None:
        """Say the next thing in the place of a message."""
        assert seconds
        self.questions.append(dict(widget.question))
        if not self.says:
            raise KeyboardInterrupt
        do, detail = self.says.pop(0)
        if do:
            content = {"id": f"m{len(self.questions)}", "do": do, "detail": detail}
            widget._receive(widget, content, None)


@pytest.fixture(name="open_page")
def _open_page(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Page]:
    """Give a function that makes a page which says these things."""

    def open_(*says: tuple[str, str]) -> Page:
        page = Page(*says)
        taken = buttons.ButtonQuestion.wait

        def wait(self: buttons.ButtonQuestion, seconds: float) -> Any:
            page.wait(self, seconds)
            return taken(self, 0.0)

        monkeypatch.setattr(buttons.ButtonQuestion, "wait", wait)
        monkeypatch.setattr(buttons, "TICK_SECONDS", 0.01)
        return page

    return open_


def ask(page: Page, tool: Tool) -> Decision | None:
    return buttons.ask(page.shell, tool, CALL, asked_call(CALL.name, CALL.arguments))


def test_what_was_said_stands_in_place_of_the_question(open_page: Callable[..., Page]) -> None:
    """The page is told that it is heard; then its answer counts."""
    page = open_page(("shown", ""), ("always", ""))
    assert ask(page, make_tool(add)) == Decision(answer="always")
    assert page.outputs == [
        "Run add(a=1)?",
        "May add be called with these arguments? always",
    ]
    assert [question["heard"] for question in page.questions] == ["", "m1"]
    assert page.questions[0]["always"] is True


def test_a_tool_that_is_always_asked_about_has_no_always(open_page: Callable[..., Page]) -> None:
    """Whoever wrote it wants each call seen."""
    page = open_page(("no", ""))
    assert ask(page, make_tool(add, confirm=True)) == Decision(answer="no")
    assert page.questions[0]["always"] is False


def test_edited_arguments_that_do_not_fit_are_asked_about_again(
    open_page: Callable[..., Page],
) -> None:
    """The question comes back with what is wrong, and the text that was typed."""
    page = open_page(("edit", '{"a": "x"}'), ("edit", '{"a": 5}'))
    assert ask(page, make_tool(add)) == Decision(answer="edit", arguments='{"a": 5}')
    assert page.questions[0]["wrong"] == ""
    again = page.questions[1]
    assert again["detail"] == '{"a": "x"}'
    assert "a" in again["wrong"]
    assert again["heard"] == "m1"


def test_an_interrupt_leaves_a_line(open_page: Callable[..., Page]) -> None:
    """No question stays that nobody waits for."""
    page = open_page(("shown", ""))
    with pytest.raises(KeyboardInterrupt):
        ask(page, make_tool(add))
    assert page.outputs[-1] == "May add be called with these arguments? not answered"


def test_a_page_that_says_nothing_is_tried_once(
    open_page: Callable[..., Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question is asked below then, and so are all later ones."""
    page = open_page(("", ""), ("", ""))
    monkeypatch.setattr(buttons, "may_be_heard", lambda shell: bool(shell.display_pub))
    monkeypatch.setattr("builtins.input", lambda _: "y")
    confirmer = InputConfirmer(in_kernel=True, shell=page.shell)
    tool = make_tool(add)
    for _ in range(2):
        assert confirmer.confirm(tool, CALL, "add(a=1)") == Decision(answer="yes")
    assert page.outputs[1:] == ["May add be called with these arguments? asked below"]
