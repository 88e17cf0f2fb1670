"""Questions that the panel asks: may this be done? They come from any thread, and so do answers."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.cell.tools.display import pretty
from eighty80_jupyter.tools.executor import Decision
from eighty80_jupyter.tools.shown import AskedCall, asked_call, visible, visible_json, visible_lines

if TYPE_CHECKING:
    from eighty80_jupyter.api.messages import ToolCall
    from eighty80_jupyter.tools.tool import Tool

Answer = Literal["yes", "no", "always"]
Show = Callable[[Mapping[str, Any] | None], None]


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person answered, and the detail, which may have been edited."""

    answer: Answer
    detail: str


@dataclass(frozen=True, slots=True)
class _Question:
    text: str
    detail: str
    call: AskedCall | None
    always: bool
    note: str = ""
    future: Future[Consent] = field(default_factory=Future)

    def to_wire(self, key: str) -> dict[str, Any]:
        """Return the question as the browser takes it: with nothing in it that is unseen."""
        return {
            "key": key,
            "question": visible(self.text),
            "detail": visible_json(self.detail),
            "arguments": None if self.call is None else [list(a) for a in self.call.arguments],
            "cut": self.call is not None and self.call.cut,
            "always": self.always,
            "note": visible_lines(self.note),
        }

    def answered(self, answer: Answer, detail: str) -> Consent:
        """Return the consent; what was not edited is as it was before it was made visible."""
        edited = detail != visible_json(self.detail)
        return Consent(answer, detail if edited else self.detail)


class Questions:
    """The questions that wait for an answer; the oldest one is shown by `show`.

    Every method may be called from any thread; one lock owns the questions, and orders what is
    shown. Futures are answered outside of it.
    """

    def __init__(self, show: Show) -> None:
        self._show = show
        self._lock = Lock()
        self._waiting: dict[str, _Question] = {}
        self._closed = False

    def ask(
        self,
        text: str,
        detail: str = "",
        *,
        call: AskedCall | None = None,
        always: bool = True,
        note: str = "",
        stopped: Callable[[], bool] = lambda: False,
    ) -> Future[Consent]:
        """Ask, and return the future of the answer.

        `detail` may be edited; `call` is shown in its place until somebody wants to see all of it.
        `always` tells whether that is an answer, `note` more about it; `stopped` that nobody wants
        to know any more.
        """
        question = _Question(text, detail, call, always, note)
        with self._lock:
            refused = self._closed or stopped()
            if not refused:
                self._waiting[uuid.uuid4().hex] = question
                self._show_first()
        if refused:
            question.future.set_result(Consent("no", detail))
        return question.future

    def answer(self, key: str, answer: Answer, detail: str) -> None:
        """Take an answer; one to a question that was answered already is passed over."""
        with self._lock:
            question = self._waiting.pop(key, None)
            if question is not None:
                self._show_first()
        if question is not None:
            question.future.set_result(question.answered(answer, detail))

    def refuse(self) -> None:
        """Answer all that wait with no."""
        with self._lock:
            questions = list(self._waiting.values())
            self._waiting.clear()
            if questions:
                self._show_first()
        for question in questions:
            question.future.set_result(Consent("no", question.detail))

    def close(self) -> None:
        """Answer all with no, those that wait and those that come."""
        with self._lock:
            self._closed = True
        self.refuse()

    def _show_first(self) -> None:
        first = next(iter(self._waiting.items()), None)
        self._show(None if first is None else first[1].to_wire(first[0]))


class PanelConfirmer:
    """Asks in the panel before a tool of one turn is called; `questions` are the panel's.

    Once the turn is `stopped`, which any thread may set and nobody takes back, all answers are no.
    """

    def __init__(self, questions: Questions) -> None:
        self._questions = questions
        self.stopped = False

    def confirm(self, tool: Tool, call: ToolCall, shown: str) -> Decision:  # noqa: ARG002  # `call` says more
        """Return the user's decision; waits for it."""
        arguments = detail = pretty(call.arguments)
        question = asked = asked_call(call.name, arguments).question
        while True:
            consent = self._questions.ask(
                asked,
                detail,
                call=asked_call(call.name, detail),
                always=tool.confirm is not True,
                note=tool.note,
                stopped=lambda: self.stopped,
            ).result()
            answer, detail = consent.answer, consent.detail
            if answer == "no" or detail == arguments:
                return Decision(answer=answer)
            try:
                tool.arguments(detail)
            except UsageError as error:
                asked = f"{error}. {question}"  # the model must not hear of a slip of the user's
            else:
                edited = "edit" if answer == "yes" else answer
                return Decision(answer=edited, arguments=detail.strip() or "{}")
